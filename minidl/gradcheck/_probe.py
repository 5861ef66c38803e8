"""The operations of a function of arrays: what each reads and returns, and what follows if one of them is changed.

The function runs as it stands, on arrays of the class `Probe`. NumPy hands every operation on them to the `Tracer`,
which records it, or evaluates it with a change of what it reads. Numbers pass through arrays that the function makes
itself, such as np.zeros(...), too; an operation on nothing but such arrays is not seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from inspect import currentframe
from operator import itemgetter
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from ._buffers import Buffers

Compute = Callable[[list[np.ndarray]], Any]
Site = tuple[tuple[CodeType, int], ...]  # the instructions that led to an operation, the innermost first
Spot = tuple[Site, str, Any]
# (operation, number of the operand, its deviation from the recorded operand, the operation as a function of operands)
# -> (the deviation to go on with, what to add to the result or None)
Edit = Callable[["Operation", int, np.ndarray, Compute], tuple[Any, Any]]
Plan = dict[int, dict[int, Edit]]  # by the number of the operation and of its operand

_NUMPY = str(Path(np.__file__).parent)


MOST_NUMBERS = 300_000  # that a recorded function may read


class TraceError(RuntimeError):
    """The function is too large to be recorded, or did other operations than when it was."""


@dataclass
class Operation:
    """One operation of the recorded run.

    name       of the function, as "matmul", "add.reduce", "getitem"
    site       where in the source
    spot       the same, other for each of several results
    execution  how often it was done before
    operands   copies of the arrays that it read, real
    places     their places among the arguments
    result     a copy, real; an array of None if it is not an array of numbers
    key        of an array that was indexed, or the number of one of several results
    """

    number: int
    name: str
    site: Site
    spot: Spot
    execution: int
    operands: list[np.ndarray]
    places: list[int]
    result: np.ndarray = field(default_factory=lambda: np.array(None))
    key: Any = None


class Probe(np.ndarray):
    """An array whose operations are handed to a tracer."""

    tracer: Tracer | None = None

    def __array_finalize__(self, obj: Any) -> None:
        self.tracer = getattr(obj, "tracer", None)

    @property
    def active_tracer(self) -> Tracer | None:
        return None if self.tracer is None or self.tracer.is_over else self.tracer

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        tracer = self.active_tracer
        if tracer is not None and method == "__call__" and out is None and not options and tracer.passes():
            return tracer.watched(ufunc(*[a.view(np.ndarray) if type(a) is Probe else a for a in inputs]))
        call = getattr(ufunc, method)
        if method == "at":
            return call(*map(plain, inputs), **options)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        found = _operation(tracer, name, call, inputs, options)
        if out is None:
            return found
        for target, result in zip(out, found if isinstance(found, tuple) else (found,), strict=True):
            np.copyto(plain(target), plain(result), casting="same_kind")
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return _operation(self.active_tracer, function.__name__, function, args, options)

    def __getitem__(self, key: Any) -> Any:
        return _operation(self.active_tracer, "getitem", lambda a, key: a[key], (self, key), {})

    @property
    def T(self) -> Any:  # noqa: N802  # NumPy's name
        return self.transpose()

    def transpose(self, *axes: Any) -> Any:
        return _operation(self.active_tracer, "transpose", np.ndarray.transpose, (self, *axes), {})

    def swapaxes(self, *axes: Any) -> Any:
        return _operation(self.active_tracer, "swapaxes", np.ndarray.swapaxes, (self, *axes), {})

    def dot(self, other: Any, out: Any = None) -> Any:
        found = _operation(self.active_tracer, "dot", np.dot, (self, other), {})
        if out is not None:
            np.copyto(plain(out), plain(found))
        return found if out is None else out


class Tracer:
    """Runs a function on probes: records its operations, or evaluates them with a plan of changes.

    numbers  read by the recorded operations
    plan     the changes, by operation and operand; empty while it records
    buffers  lets objects make watched arrays
    is_over  True if no operation is to be watched any more: the objects that ran may still hold probes
    """

    is_over = False

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.numbers = 0
        self.plan: Plan = {}
        self.buffers = Buffers(self.watched)
        self._recording = False
        self._number = 0
        self._executions = Counter[Spot]()

    def probe(self, a: np.ndarray) -> Probe:
        """The same array, watched."""
        found = a.view(Probe)
        found.tracer = self
        return found

    def watched(self, result: Any) -> Any:
        """The result of an operation as a probe, if it is an array of real or complex numbers."""
        return self.probe(np.asarray(result)) if _has_numbers(result) else result

    def record(self, run: Callable[[], Any]) -> Any:
        """The result of run(); the operations of the last call of `Tracer.run` in it are recorded."""
        self._recording = True
        try:
            return run()
        finally:
            self._recording = False

    def run(self, function: Callable[[Any], Any], a: np.ndarray) -> Any:
        """function(a), each of its operations seen."""
        self._number = 0
        if self._recording:
            self.operations, self.numbers, self._executions = [], 0, Counter()
        return plain(function(self.probe(a)))

    def passes(self) -> bool:
        """True, and counted, if the next operation is to be done as it stands."""
        if self._recording or self._number in self.plan:
            return False
        if self._number >= len(self.operations):
            raise TraceError("more operations than were recorded")
        self._number += 1
        return True

    def operation(self, name: str, operands: list[np.ndarray], places: list[int], key: Any, compute: Compute) -> Any:
        number, self._number = self._number, self._number + 1
        if self._recording:
            site = _site()
            spot = (site, name, key if name.endswith("[]") else None)
            self.numbers += sum(operand.size for operand in operands)
            if self.numbers > MOST_NUMBERS:
                raise TraceError(f"more than {MOST_NUMBERS} numbers are read")
            copies = [np.array(operand.real) for operand in operands]
            operation = Operation(number, name, site, spot, self._executions[spot], copies, places, key=key)
            self._executions[spot] += 1
            self.operations.append(operation)
            result = compute(operands)
            if isinstance(result, np.ndarray | np.generic):
                operation.result = np.array(result.real)
            return result
        if number >= len(self.operations) or self.operations[number].name != name:
            raise TraceError(f"{name} was not recorded")
        edits = self.plan.get(number)
        return compute(operands) if edits is None else self._edited(self.operations[number], operands, compute, edits)

    def _edited(
        self, operation: Operation, operands: list[np.ndarray], compute: Compute, edits: dict[int, Edit]
    ) -> Any:
        operands, added = list(operands), []
        for j, edit in edits.items():
            recorded = operation.operands[j]
            deviation, part = edit(operation, j, operands[j] - recorded, compute)
            operands[j] = recorded + deviation
            added += [] if part is None else [part]
        result = compute(operands)
        for part in added:
            result = result + part
        return result


def plain(a: Any) -> Any:
    """An array that is not watched, if it is one."""
    return a.view(np.ndarray) if isinstance(a, Probe) else a


def _operation(
    tracer: Tracer | None, name: str, function: Callable[..., Any], args: Any, options: dict[str, Any]
) -> Any:
    """The result of one operation, watched if it is an array of real or complex numbers."""
    if tracer is None or tracer.passes():
        result = function(*map(_all_plain, args), **{key: _all_plain(value) for key, value in options.items()})
    else:
        operands, places = list[np.ndarray](), list[int]()
        template = [_taken_out(arg, operands, places, place) for place, arg in enumerate(args)]
        named = {key: _taken_out(value, operands, places, -1) for key, value in options.items()}

        def compute(operands: list[np.ndarray]) -> Any:
            return function(*(_put_back(part, operands) for part in template), **_put_back(named, operands))

        result = tracer.operation(name, operands, places, args[1] if name == "getitem" else None, compute)
    if tracer is None:
        return result
    if not isinstance(result, list | tuple):
        return tracer.watched(result)
    if not all(map(_has_numbers, result)):
        return result
    parts = [np.asarray(part) for part in result]  # of which each is taken by an operation of its own
    taken = (tracer.operation(f"{name}[]", parts, [-1] * len(parts), i, itemgetter(i)) for i in range(len(parts)))
    return type(result)(tracer.watched(part) for part in taken)


def _has_numbers(a: Any) -> bool:
    return isinstance(a, np.ndarray | np.generic) and a.dtype.kind in "fc"


@dataclass
class _Slot:
    """The place of an operand in the arguments."""

    number: int


def _all_plain(arg: Any) -> Any:
    if type(arg) in (list, tuple):
        return type(arg)(map(_all_plain, arg))
    return plain(arg)


def _taken_out(arg: Any, operands: list[np.ndarray], places: list[int], place: int) -> Any:
    """The argument with its arrays replaced by slots."""
    if isinstance(arg, np.ndarray):
        operands.append(plain(arg))
        places.append(place)
        return _Slot(len(operands) - 1)
    if type(arg) in (list, tuple):
        return type(arg)(_taken_out(part, operands, places, place) for part in arg)
    return arg


def _put_back(part: Any, operands: list[np.ndarray]) -> Any:
    if isinstance(part, _Slot):
        return operands[part.number]
    if type(part) in (list, tuple):
        return type(part)(_put_back(inner, operands) for inner in part)
    if type(part) is dict:
        return {key: _put_back(value, operands) for key, value in part.items()}
    return part


def _site() -> Site:
    return tuple(_instructions())


def _instructions() -> Iterator[tuple[CodeType, int]]:
    """The instructions being executed, the innermost first, without those of NumPy and of this module."""
    frame = currentframe()
    while frame is not None and frame.f_code is not Tracer.run.__code__:
        file = frame.f_code.co_filename
        if file != __file__ and not file.startswith(_NUMPY):
            yield frame.f_code, frame.f_lasti
        frame = frame.f_back
