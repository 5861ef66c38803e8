"""A forward function and its backward function on NumPy arrays, in the forms in which people write them.

y = forward(x, W);  dx, dW = backward(dy)
y, cache = forward(x, W);  dx, dW = backward(dy, cache)        the style of CS231n
y = forward(x, W);  dx, dW = backward(dy, x, W)                or backward(x, W, dy)
loss, cache = forward(x, W);  grads = backward(cache)          of a number: dy is 1
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ..errors import SettingError
from ._arguments import Arguments, argument_names, is_array, is_number, name_of, positional_parameters
from ._buffers import Buffers
from ._functions import AnyFunction, Arrays
from ._replay import Replay
from ._subjects import equal
from ._trees import leaves, mapped

CACHES = ("cache", "ctx", "context", "saved", "tape", "memory", "stored")  # names of what forward hands to backward


class Pair(AnyFunction):
    """forward(*inputs) -> outputs or (outputs, cache), and backward(dy, ...) -> gradients.

    cache  True if the last thing that forward returns is for backward; None: decided by what it is, and by the name of
           the last argument of backward
    """

    tries_complex = True
    runs_on_numpy = True

    def __init__(
        self,
        who: str,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        inputs: tuple[Any, ...],
        cache: bool | None = None,
    ) -> None:
        self.title, self.forward, self.backward = name_of(forward), forward, backward
        names = argument_names(forward, len(inputs))
        self._start(Arguments(who, names, inputs), Replay((forward, backward), inputs), cache)

    @np.errstate(all="ignore")
    def _start(self, arguments: Arguments, randomness: Replay, cache: bool | None, order: str | None = None) -> None:
        """Run both once: find out how they are called, and which arrays have a gradient."""
        self.arguments, self.randomness = arguments, randomness
        self._notes = dict[str, None]()  # in order, each once
        values = self.arguments.filled(self._arrays(), copied)
        result = self._forward(values)
        self.has_cache = self._ends_with_cache(result, values) if cache is None else cache
        self.order = order or self._order_of_arguments(*self._split(result))
        self.is_unit = "dy" not in self.order
        found = self._watched_pass()
        self.randomness.forget_unused()
        # without any gradient all count as zeros
        fixed = [leaf.path for leaf in self.arguments.chosen if found and leaf.path not in found]
        self._notes |= dict.fromkeys(f"backward returns no gradient of {path}: it is held fixed" for path in fixed)
        self.arguments.hold(fixed)
        self.inputs = {leaf.path: a for leaf, a in zip(self.arguments.chosen, self._arrays(), strict=True)}
        self.numbers = self.arguments.settings
        outputs = self._split(result)[0]
        self.output_names = [path for path, value in leaves(outputs) if is_array(value) or is_number(value)]

    def _arrays(self) -> list[np.ndarray]:
        """The arrays that have a gradient, as float64 or complex128."""
        values = [np.asarray(leaf.value) for leaf in self.arguments.chosen]
        return [value.astype(np.result_type(value.dtype, np.float64)) for value in values]

    # ---- how the two are called

    def _ends_with_cache(self, result: Any, arguments: tuple[Any, ...]) -> bool:
        """True if the last thing that forward returned is a cache: no array, or one that is known, or by its name."""
        if not isinstance(result, tuple) or len(result) < 2:
            return False
        *outputs, last = result
        if not (is_array(last) or is_number(last)):
            return True
        names = [p.name.lower() for p in positional_parameters(self.backward) if p.kind is not p.VAR_POSITIONAL]
        # dh, dc: both are gradients; dout, mask: the second one is not
        is_named = bool(names) and (any(word in names[-1] for word in CACHES) or names[-1][0] != names[0][0])
        known = [value for _, value in leaves([outputs, arguments]) if isinstance(value, np.ndarray)]
        return is_named or any(value is last for value in known)

    def _split(self, result: Any) -> tuple[Any, list[Any]]:
        """The outputs, and a list with the cache if there is one."""
        if not self.has_cache:
            return result, []
        *outputs, cache = result
        return (outputs[0] if len(outputs) == 1 else tuple(outputs)), [cache]

    def _order_of_arguments(self, outputs: Any, cache: list[Any]) -> str:
        """Which arguments backward takes, and in which order."""
        parameters = positional_parameters(self.backward)
        names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
        least = sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters)
        most = math.inf if len(names) < len(parameters) or not parameters else len(names)
        n, k = len(self.arguments.names), len(outputs) if isinstance(outputs, tuple | list) else 1
        inputs_first = names[:n] == self.arguments.names
        is_one_number = all(np.ndim(value) == 0 for _, value in leaves(outputs))
        orders = {
            "inputs": (n, is_one_number and inputs_first and not cache),
            "dy, cache": (k + len(cache), True),
            "inputs, dy": (n + k, inputs_first),
            "dy, inputs": (k + n, True),
            "cache": (len(cache), is_one_number),
        }
        for order, (count, fits) in orders.items():
            if fits and least <= count <= most:
                return order
        takes = f"{least}" if least == most else f"{least} to {most:g}"
        wanted = "dy" if k == 1 else f"dy of each of the {k} outputs"
        problem = f"backward takes {takes} arguments; it must take {wanted}{' and the cache' if cache else ''}"
        raise SettingError(f"{self.arguments.who}: {problem}. cache=True: the last thing that forward returns is one")

    def _forward(self, arguments: tuple[Any, ...]) -> Any:
        self.randomness.restore()
        return self.forward(*arguments)

    def _backward(self, dys: Any, cache: list[Any], arguments: tuple[Any, ...]) -> Any:
        each = tuple(dys) if isinstance(dys, tuple | list) else (dys,)
        orders: dict[str, tuple[Any, ...]] = {
            "inputs": arguments,
            "dy, cache": (*each, *cache),
            "inputs, dy": (*arguments, *each),
            "dy, inputs": (*each, *arguments),
            "cache": tuple(cache),
        }
        return self.backward(*orders[self.order])

    def grown(self, n: int) -> Pair:
        rng = np.random.default_rng(4)

        def longer(value: Any) -> Any:
            if not isinstance(value, np.ndarray) or n not in value.shape:
                return copied(value)
            found = value
            for axis in (axis for axis, length in enumerate(value.shape) if length == n):
                found = np.take(found, [*range(n), n - 1, 0], axis)  # labels stay labels
            return found * rng.uniform(0.9, 1.0, found.shape) if is_array(found) and id(value) in chosen else found

        chosen, found = {id(leaf.value) for leaf in self.arguments.chosen}, copy.copy(self)
        values = mapped(longer, self.arguments.values)
        arguments = Arguments(self.arguments.who, self.arguments.names, values)
        found._start(arguments, self.randomness, self.has_cache, self.order)
        return found

    @contextmanager
    def watched(self, buffers: Buffers) -> Iterator[None]:
        forward = self.forward
        owner = getattr(forward, "__self__", None)
        try:
            if isinstance(forward, FunctionType):
                self.forward = buffers.function(forward)
            with buffers.used_by([owner] if isinstance(forward, MethodType) and hasattr(owner, "__dict__") else []):
                yield
        finally:
            self.forward = forward

    # ---- the two passes

    def outputs(self, inputs: Arrays) -> list[np.ndarray]:
        return numbers_in(self._split(self._forward(self.arguments.filled(inputs, copied)))[0])

    def gradients(self, inputs: Arrays, cotangents: Arrays) -> tuple[list[np.ndarray], list[Any]]:
        arguments = self.arguments.filled(inputs, copied)
        outputs, cache = self._split(self._forward(arguments))
        numbers = copied(numbers_in(outputs))
        result = self._backward(_cotangents_like(outputs, cotangents), cache, arguments)
        found = self.arguments.matched(result)
        return numbers, [copied(found.get(leaf.path)) for leaf in self.arguments.chosen]

    def _watched_pass(self) -> dict[str, Any]:
        """The gradients by path; what the functions do besides is noted."""
        arguments = self.arguments.filled(self._arrays(), copied)
        before = copied(arguments)
        outputs, cache = self._split(self._forward(arguments))
        self._note_changes("forward writes into", before, arguments)
        numbers = numbers_in(outputs)
        if any(y.dtype.itemsize < 8 for y in numbers):
            kinds = ", ".join(sorted({str(y.dtype) for y in numbers}))
            self._notes[f"forward returns {kinds} for float64: its derivatives have few digits"] = None
        rng = np.random.default_rng(1)
        dys = _cotangents_like(outputs, [rng.standard_normal(y.shape) for y in numbers])
        kept, before = copied(dys), copied(arguments)
        result = self._backward(dys, cache, arguments)
        found = copied(self.arguments.matched(result))
        self._note_changes("backward writes into", before, arguments)
        if not _equal(kept, dys):
            self._notes["backward writes into its argument dy"] = None
        self._note_second_call(found, kept, cache, before)
        return found

    def _note_changes(self, verb: str, before: Any, after: Any) -> None:
        """Note the arguments that have changed."""
        for leaf, (_, old), (_, new) in zip(self.arguments.leaves, leaves(before), leaves(after), strict=True):
            if not _equal(old, new):
                self._notes[f"{verb} its argument {leaf.path}"] = None

    def _note_second_call(self, found: dict[str, Any], dys: Any, cache: list[Any], arguments: Any) -> None:
        """Note if backward gives something else when it is called again."""
        try:
            again = self.arguments.matched(self._backward(dys, cache, arguments))
        except Exception as error:  # any, because the function is not ours
            self._notes[f"backward fails when it is called a second time after one forward: {error!r}"] = None
            return
        if not _equal(found, again):
            what = "it writes into what forward kept, or adds to gradients that it made before"
            self._notes[f"backward is not the same when it is called a second time after one forward: {what}"] = None

    def notes(self) -> list[str]:
        return list(self._notes)

    def close(self) -> None:
        self.randomness.restore()


def numbers_in(outputs: Any) -> list[np.ndarray]:
    """The arrays and numbers in the outputs that have a derivative."""
    return [np.asarray(value) for _, value in leaves(outputs) if is_array(value) or is_number(value)]


def _cotangents_like(outputs: Any, cotangents: Arrays) -> Any:
    """The cotangents in the places of the outputs: numbers for numbers, zeros for integers."""
    left = iter(cotangents)

    def cotangent(value: Any) -> Any:
        if not (is_array(value) or is_number(value)):
            return np.zeros(np.shape(value)) if isinstance(value, np.ndarray) else None
        dy = next(left)
        return np.array(dy) if isinstance(value, np.ndarray) else dy[()]

    return mapped(cotangent, outputs)


def copied(tree: Any) -> Any:
    """The tree with copies of its arrays; other things in it are not copied, because functions may know them."""
    return mapped(lambda value: value.copy() if isinstance(value, np.ndarray) else value, tree)


def _equal(a: Any, b: Any) -> bool:
    pairs = zip(leaves(a), leaves(b), strict=False)
    return all(equal(old, new) for (_, old), (_, new) in pairs if isinstance(old, np.ndarray))
