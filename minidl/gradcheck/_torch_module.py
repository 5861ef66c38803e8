"""A private copy of a PyTorch module, which is the same before each call; tensors as arrays."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np


class ModuleCopy:
    """A copy of a torch.nn.Module in float64.

    parameters  those with requires_grad, by name
    numbers     its settings that are floating-point numbers, by name
    """

    def __init__(self, module: Any) -> None:
        import torch

        self._no_grad = torch.no_grad
        attributes = [value for inner in module.modules() for value in vars(inner).values()]
        computed = [value for value in attributes if isinstance(value, torch.Tensor) and value.grad_fn is not None]
        # deepcopy refuses tensors that were computed with gradients
        self.module = copy.deepcopy(module, {id(t): t.detach().clone() for t in computed}).double()
        self.parameters = {path: p for path, p in self.module.named_parameters() if p.requires_grad}
        self.numbers = {name: value for name, value in vars(module).items() if isinstance(value, float)}
        for inner in self.module.modules():
            own = {name: t for name, t in vars(inner).items() if isinstance(t, torch.Tensor) and t.is_floating_point()}
            vars(inner).update({name: t.double() for name, t in own.items()})
        self._state = [(inner, dict(vars(inner)), dict(vars(inner)["_buffers"])) for inner in self.module.modules()]
        values = [value for _, own, buffers in self._state for value in (*own.values(), *buffers.values())]
        self._arrays = [(t, t.detach().clone()) for t in values if isinstance(t, torch.Tensor)]

    def restore(self, parameters: Iterable[Any]) -> None:
        """Put all attributes and buffers back, and these values into the parameters."""
        for inner, own, buffers in self._state:
            vars(inner).clear()
            vars(inner).update(own)
            vars(inner)["_buffers"].clear()
            vars(inner)["_buffers"].update(buffers)
        with self._no_grad():
            for t, kept in self._arrays:
                t.copy_(kept)
            for p, value in zip(self.parameters.values(), parameters, strict=True):
                p.copy_(value)


def as_array(t: Any) -> np.ndarray:
    """A tensor as a NumPy array of its own."""
    dense = t.detach().to_dense() if t.is_sparse else t.detach()
    found: np.ndarray = dense.resolve_conj().resolve_neg().cpu().numpy().copy()
    return found


def generators() -> list[Any]:
    """PyTorch's own random generators."""
    import torch

    return [torch.default_generator, *(torch.cuda.default_generators if torch.cuda.is_initialized() else ())]
