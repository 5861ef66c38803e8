"""The rules besides the gradient that a function of tensors keeps: no writes, any layout, the same result twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._torch_module import as_array

if TYPE_CHECKING:
    from ._torch import TorchFunction

CLOSE = 1e-9  # relative difference of two results that ought to be equal
Tensors = Sequence[Any]
Pass = tuple[Tensors, Tensors, Tensors]  # the outputs, what to differentiate by, dy
Finding = tuple[str, bool]  # a sentence, and True if a gradient is silently another one


class Watched:
    """A function of tensors in several circumstances."""

    def __init__(self, function: TorchFunction, dys: Sequence[np.ndarray]) -> None:
        self.function, self.inputs = function, list(function.inputs.values())
        self.points, self.arguments, outputs = function.run(self.inputs)
        self.results = list(function.results(outputs).values())
        self.dys = function.cotangents_like(self.results, dys)

    def findings(self) -> Iterator[Finding]:
        """Yield what is to be said about it."""
        yield from self._writes_of_forward()
        kinds = {str(y.dtype).removeprefix("torch.") for y in self.results} - {"float64", "complex128"}
        if kinds:
            yield f"it returns {', '.join(sorted(kinds))} for float64: its derivatives have few digits", False
        given = [dy.clone() for dy in self.dys]
        self.first = self.function.differentiated(self.results, self.points, given, again=True)
        if not _all_same(given, self.dys):
            yield "backward writes into its argument dy", False
        yield from self._compared("a second time after one forward", lambda: (self.results, self.points, self.dys))
        yield from self._compared("for a dy that is not contiguous", self._with_other_dy)
        yield from self._compared("for inputs that are not contiguous", self._with_other_inputs)
        for k, path in enumerate(self.function.output_names if len(self.results) > 1 else ()):
            yield from self._compared_for_one_output(k, path)

    def _writes_of_forward(self) -> Iterator[Finding]:
        """Compare the arguments with what they are copies of."""
        arguments = self.function.arguments
        n = len(arguments.chosen)
        before = self.function.tensors_in(arguments.filled(self.points[:n], self.function.copied))
        after = [t for _, t in self.function.tensors_in(self.arguments)]
        paths = [leaf.path for leaf in arguments.leaves if isinstance(leaf.value, self.function.torch.Tensor)]
        for path, (_, old), new in zip(paths, before, after, strict=False):
            if not _same(old, new):
                yield f"forward writes into its argument {path}", False

    def _gradients(self, results: Tensors, points: Tensors, dys: Tensors) -> list[Any]:
        copies = [dy.clone() for dy in dys]  # a backward may write into them
        return self.function.differentiated(results, points, copies, again=True)

    def _compared(self, when: str, made: Callable[[], Pass], first: list[Any] | None = None) -> Iterator[Finding]:
        """Compare the gradients with the first ones, or with others that are given."""
        try:
            found = self._gradients(*made())
        except Exception as error:  # any, because the function is not ours
            lines = str(error).splitlines() or [""]
            yield f"it fails {when}: {type(error).__name__}: {lines[0]}", False
        else:
            if not _all_same(self.first if first is None else first, found):
                yield f"backward gives another gradient {when}", True

    def _with_other_dy(self) -> Pass:
        return self.results, self.points, [transposed(dy) for dy in self.dys]

    def _with_other_inputs(self) -> Pass:
        return self._run(transposed)

    def _run(self, layout: Callable[[Any], Any] = lambda t: t) -> Pass:
        points, _, outputs = self.function.run(self.inputs, layout)
        return list(self.function.results(outputs).values()), points, self.dys

    def _compared_for_one_output(self, k: int, path: str) -> Iterator[Finding]:
        """Compare dy = 0 of the other outputs with no dy at all."""
        results, points, dys = self._run()
        wanted = self._gradients(results, points, [dy if i == k else dy * 0 for i, dy in enumerate(dys)])

        def alone() -> Pass:
            results, points, dys = self._run()
            return [results[k]], points, [dys[k]]

        yield from self._compared(f"if output {path} alone is used", alone, wanted)


def transposed(t: Any) -> Any:
    """The same numbers, in memory in another order."""
    return t.transpose(0, -1).contiguous().transpose(0, -1) if t.ndim > 1 else t


def _all_same(first: Tensors, second: Tensors) -> bool:
    return all(map(_same, first, second))


def _same(a: Any, b: Any) -> bool:
    """True if two gradients are equal up to rounding. None stands for zeros."""
    if a is None or b is None:
        other = b if a is None else a
        return other is None or not other.any()
    if a.shape != b.shape:
        return False
    a, b = as_array(a), as_array(b)
    return np.allclose(a, b, rtol=CLOSE, atol=CLOSE * float(np.abs(a).max(initial=0.0)), equal_nan=True)
