"""The check of PyTorch's functions and modules. PyTorch is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from ..errors import DataError, SettingError
from ._arguments import Arguments, argument_names, name_of
from ._check_function import compare_function
from ._compare import TOLERANCE, Settings, finish
from ._functions import AnyFunction, Arrays
from ._replay import Replay
from ._report import Report
from ._torch_contract import Watched
from ._torch_module import ModuleCopy, as_array, generators
from ._trees import leaves

Tensors = Sequence[Any]  # of torch.Tensor: minidl's types do not depend on PyTorch


def check_torch(
    function: Any,
    *inputs: Any,
    depth: str | int = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Check the gradients that PyTorch's autograd gives of sum(dy * function(*inputs)), for random dy.

    function  a torch.autograd.Function (the class or its apply), a torch.nn.Module, or any function of tensors
    inputs    tensors, and tuples and dicts of them; other values are handed on. Gradients are checked of the tensors
              with requires_grad=True, or, if none has it, of all with floating-point numbers; and of the parameters of
              a module
    depth, tolerance  see `check_model`

    Everything runs on copies in float64. A module stays as it is, and runs in its mode (train or eval). All random
    generators are put back before each call. The report has a note if the function writes into its arguments or into
    dy, if it gives something else the second time, or if it fails for a dy that is not contiguous.
    Returns the Report; raises GradientError with it if a gradient is wrong.
    """
    settings = Settings(depth, "central", tolerance, seed).check("check_torch")
    return finish(compare_function(TorchFunction(function, inputs), settings), raise_on_failure)


class TorchFunction(AnyFunction):
    """A function of tensors, with the gradients that autograd gives.

    arguments   of the function; parameters: of the module, by name
    used        names of the outputs that have a gradient; None: all floating-point ones
    """

    if_none = (
        "autograd finds no way from {name} to the outputs (detach, .data, .item?), or backward returns None for it"
    )

    def __init__(self, function: Any, inputs: tuple[Any, ...]) -> None:
        import torch

        self.torch = torch
        self.module = ModuleCopy(function) if isinstance(function, torch.nn.Module) else None
        self.call, self.title, names = _parts_of(function if self.module is None else self.module.module, len(inputs))
        self.parameters = {} if self.module is None else self.module.parameters
        self.are_marked = any(t.requires_grad for _, t in self.tensors_in(inputs))
        self.arguments = Arguments("check_torch", names, inputs, self._has_gradient)
        for leaf in self.arguments.leaves:
            leaf.path += " (input)" if leaf.path in self.parameters else ""
        if not self.arguments.chosen and not self.parameters:
            raise DataError("check_torch: no input is a tensor of floating-point numbers, which a gradient needs")
        self.randomness = Replay([function], [inputs, generators()])
        self.numbers = self.arguments.settings | ({} if self.module is None else self.module.numbers)
        self.used: list[str] | None = None
        self._start()

    def tensors_in(self, tree: Any) -> list[tuple[str, Any]]:
        """The tensors in a tree with their paths."""
        return [(path, value) for path, value in leaves(tree) if isinstance(value, self.torch.Tensor)]

    def _has_gradient(self, value: Any) -> bool:
        is_tensor = isinstance(value, self.torch.Tensor) and (value.is_floating_point() or value.is_complex())
        return is_tensor and (value.requires_grad or not self.are_marked)

    def _start(self) -> None:
        """Run both passes once: find out which arrays have a gradient."""
        arrays = self._arrays()
        _, _, outputs = self.run(arrays)
        results = self.results(outputs)
        connected = [path for path, y in results.items() if y.requires_grad]
        self.used = connected or list(results)
        self.output_names = self.used
        rng = np.random.default_rng(1)
        dys = [rng.standard_normal(results[path].shape) for path in self.used]
        self.inputs = dict(zip(self._paths(), arrays, strict=True))
        found = self.gradients(arrays, dys)[1]
        self.randomness.forget_unused()
        absent = [leaf.path for leaf, g in zip(self.arguments.chosen, found, strict=False) if g is None]
        self._notes = [f"output {path} has no gradient: it is left out" for path in results if path not in self.used]
        if not self.are_marked and any(g is not None for g in found):
            # a target, for example; of a tensor that the user marks a gradient is expected
            self._notes += [f"{self.if_none.format(name=path)}: it is held fixed" for path in absent]
            self.arguments.chosen = [leaf for leaf in self.arguments.chosen if leaf.path not in absent]
        self.inputs = dict(zip(self._paths(), self._arrays(), strict=True))
        findings = list(Watched(self, dys).findings())
        self._broken = [sentence for sentence, is_wrong in findings if is_wrong]
        self._notes += [sentence for sentence, is_wrong in findings if not is_wrong]

    def _paths(self) -> list[str]:
        return [*(leaf.path for leaf in self.arguments.chosen), *self.parameters]

    def _arrays(self) -> list[np.ndarray]:
        """The inputs and parameters to differentiate by, as float64 or complex128."""
        tensors = [*(leaf.value for leaf in self.arguments.chosen), *self.parameters.values()]
        arrays = [as_array(t) for t in tensors]
        return [a.astype(np.result_type(a, np.float64)) for a in arrays]

    # ---- the two passes

    def run(self, inputs: Arrays, layout: Callable[[Any], Any] = lambda t: t) -> tuple[list[Any], Any, Any]:
        """The tensors to differentiate by, the arguments, which are copies of it, and the outputs.

        layout  changes how a tensor lies in memory
        """
        torch, n = self.torch, len(self.arguments.chosen)
        self.randomness.restore()
        if self.module is not None:
            self.module.restore(map(torch.from_numpy, inputs[n:]))
        chosen = zip(inputs[:n], self.arguments.chosen, strict=True)
        points = [torch.tensor(a, device=leaf.value.device, requires_grad=True) for a, leaf in chosen]
        # clones, because a function may not write into what is differentiated by
        arguments = self.arguments.filled([layout(point.clone()) for point in points], self.copied)
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            with torch.enable_grad():
                outputs = self.call(*arguments)
        except RuntimeError as error:
            if "dtype" in str(error):
                error.add_note("check_torch computes in float64: hand over the module itself, or call .double() on it")
            raise
        finally:
            torch.set_default_dtype(default)
        return [*points, *self.parameters.values()], arguments, outputs

    def copied(self, value: Any) -> Any:
        """A copy of an argument that is held fixed, in float64 as the others."""
        if not isinstance(value, self.torch.Tensor):
            return value
        t = value.detach().clone()
        return t.double() if t.is_floating_point() else t.to(self.torch.complex128) if t.is_complex() else t

    def results(self, outputs: Any) -> dict[str, Any]:
        """The tensors in the outputs that have a derivative, by path."""
        found = {path: t for path, t in self.tensors_in(outputs) if t.is_floating_point() or t.is_complex()}
        return found if self.used is None else {path: found[path] for path in self.used}

    def outputs(self, inputs: Arrays) -> list[np.ndarray]:
        return [as_array(y) for y in self.results(self.run(inputs)[2]).values()]

    def gradients(self, inputs: Arrays, cotangents: Arrays) -> tuple[list[np.ndarray], list[Any]]:
        points, _, outputs = self.run(inputs)
        results = list(self.results(outputs).values())
        numbers = [as_array(y) for y in results]
        found = self.differentiated(results, points, self.cotangents_like(results, cotangents))
        return numbers, [None if g is None else as_array(g) for g in found]

    def cotangents_like(self, results: Tensors, cotangents: Arrays) -> list[Any]:
        """The cotangents as tensors."""
        pairs = zip(results, cotangents, strict=True)
        return [self.torch.tensor(dy).to(device=y.device, dtype=y.dtype) for y, dy in pairs]

    def differentiated(self, results: Tensors, points: Tensors, dys: Tensors, again: bool = False) -> list[Any]:
        """The gradients at the points; None where there is none. again: keep what a second call needs."""
        pairs = [(y, dy) for y, dy in zip(results, dys, strict=True) if y.requires_grad]
        if not pairs:
            return [None] * len(points)
        ys, dys = zip(*pairs, strict=True)
        return list(self.torch.autograd.grad(ys, points, dys, retain_graph=again, allow_unused=True))

    def notes(self) -> list[str]:
        return self._notes

    def broken(self) -> list[str]:
        return self._broken

    def close(self) -> None:
        self.randomness.restore()


def _parts_of(function: Any, count: int) -> tuple[Callable[..., Any], str, list[str]]:
    """The callable, its name, and the names of its first arguments."""
    from torch.autograd import Function
    from torch.nn import Module

    owner = function if isinstance(function, type) else getattr(function, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, Function):
        owner = cast("Any", owner)
        has_context = owner.setup_context is Function.setup_context
        names = argument_names(owner.forward, count + has_context)[has_context:]
        return owner.apply, owner.__name__, names
    if isinstance(function, type) or not callable(function):
        raise SettingError(
            f"check_torch: function must be a torch.autograd.Function, a module or a function, got {function!r}"
        )
    if isinstance(function, Module):
        return function, type(function).__name__, argument_names(function.forward, count)
    return function, name_of(function), argument_names(function, count)
