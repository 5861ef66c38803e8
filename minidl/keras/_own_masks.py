"""Masks in calls that a file holds, and which of them the tensors of the call have by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._calculations import Calculation
from ._layer import Layer
from ._tensors import NO_MASK, Call, KerasTensor


def without_own_mask(args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call without `mask`, if it is the mask that its tensor has by itself.

    Keras writes that mask into its files as an argument. With other masks a model computes other numbers.
    """
    mask = kwargs.get("mask")
    others = {name: value for name, value in kwargs.items() if name != "mask"}
    tensors = Call(tuple(args), others).tensors
    if not isinstance(mask, KerasTensor) or len(tensors) != 1 or not tensors[0].masked:
        return kwargs
    own = _mask_of(tensors[0], {})
    return others if own is not None and _form(own) == _form(mask) else kwargs


def _mask_of(x: KerasTensor, known: dict[int, Any]) -> Any:
    """Return the symbolic mask that a tensor has; None if it has none, or if it cannot be told."""
    if id(x) not in known:
        known[id(x)] = _made_mask(x, known) if x.masked else None
    return known[id(x)]


def _made_mask(x: KerasTensor, known: dict[int, Any]) -> Any:
    node, layer = x.node, x.node.operation
    if not isinstance(layer, Layer) or isinstance(layer, Calculation):
        return None
    place = node.outputs.index(x)
    if place < node.kept:
        return _mask_of(node.taken[0], known)
    masks = [
        _mask_of(taken, known) if mask is None else None if mask is NO_MASK else mask
        for taken, mask in zip(node.taken, node.masks, strict=True)
    ]
    several = len(masks) > 1
    made = layer.compute_mask(list(node.taken) if several else node.taken[0], masks if several else masks[0])
    return made[place] if isinstance(made, list | tuple) else made


def _form(value: Any) -> Any:
    """Return what two tensors have in common if the same operations made them of the same tensors."""
    if isinstance(value, KerasTensor) and isinstance(value.node.operation, Calculation):
        operation = value.node.operation
        settings = {name: part for name, part in operation.get_config().items() if name != "name" and part}
        return operation.kind, _form(operation.call_in_config().args), sorted(settings.items())
    if isinstance(value, KerasTensor):
        return id(value)
    if isinstance(value, list | tuple):
        return [_form(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else value
