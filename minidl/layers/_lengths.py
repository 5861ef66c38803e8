"""Rows of any length, such as sequences: None in the shape of a row stands for the length.

Layers are built for one length. When rows of another length come, they are built for it again and keep their weights:
what `build` computes from the shape, such as the windows of a convolution, changes; parameters and state do not.
"""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..parameters import Parameter
from ._base import Layer

# Lengths that stand for any length when a model is built without rows: what differs between the two depends on it
EXAMPLES = ((64, 256), (640, 2560), (1, 2))


def fits(shape: Any, wanted: Any) -> bool:
    """Return True if a shape, or a tuple of shapes, is the wanted one, where None stands for any length."""
    if isinstance(shape, tuple) and isinstance(wanted, tuple):
        return len(shape) == len(wanted) and all(map(fits, shape, wanted))
    return wanted is None or bool(shape == wanted)


def has_any_length(shape: Any) -> bool:
    """Return True if there is a None in a shape, or in a tuple of shapes."""
    return shape is None or (isinstance(shape, tuple) and any(map(has_any_length, shape)))


def with_lengths(shape: Any, length: int) -> Any:
    """Return the shape with a length in place of None."""
    if isinstance(shape, tuple):
        return tuple(with_lengths(n, length) for n in shape)
    return length if shape is None else shape


def common(one: Any, other: Any) -> Any:
    """Return the shape with None where the two differ."""
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return tuple(map(common, one, other))
    return one if one == other else None


def fit_to(layer: Layer, row_shape: Any) -> None:
    """Let a layer that is built, with those inside, take rows of another shape; they keep weights and state.

    Raises ShapeError if the weights do not fit rows of this shape.
    """
    if layer.row_shape == row_shape:
        return
    before = {path: (inner, dict(vars(inner))) for path, inner in layer.walk()}
    try:
        for inner, _ in before.values():
            inner.built = False  # so that `build` builds it, too
        layer.build(row_shape)
        geometry = {path: dict(vars(inner)) for path, inner in layer.walk()}
        for path, (inner, attributes) in before.items():
            _check(inner, attributes, geometry[path], row_shape)
    except BaseException:
        for inner, attributes in before.values():
            _replace(inner, attributes)
        raise
    for path, (inner, attributes) in before.items():
        kept = {name: value for name, value in attributes.items() if _stays(inner, name, value)}
        _replace(inner, attributes | geometry[path] | kept | {"built": True})
    layer.row_shape = row_shape


def _stays(layer: Layer, name: str, value: Any) -> bool:
    """True for weights, state and the layers inside."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
    return name in layer.state_names or any(isinstance(member, Parameter | Layer) for member in members)


def _replace(layer: Layer, attributes: dict[str, Any]) -> None:
    vars(layer).clear()
    vars(layer).update(attributes)


def _check(layer: Layer, before: dict[str, Any], after: dict[str, Any], row_shape: Any) -> None:
    for name, value in before.items():
        if isinstance(value, Parameter) and after[name].shape != value.shape:
            sizes = f"its {name} has shape {value.shape}, rows of shape {row_shape} would need {after[name].shape}"
            raise ShapeError(f"{type(layer).__name__} does not take rows of any length: {sizes}")
