"""Building a model from the weights in a file: the first of them tells the number of features of a row."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from ..errors import ModelFileError, NotBuiltError, SettingError, ShapeError
from ..layers import Layer, build_layer
from ..model import Model
from ..parameters import Parameter
from ._keras_layout import allocate, weights_by_path

Shape = tuple[int, ...]


def build_for(
    model: Model, content: bytes, first_shape: Callable[[bytes, Layer], Shape], load: Callable[..., None]
) -> None:
    """Build the model for the rows that the weights in the file belong to.

    `first_shape(content, layer)` is the shape in the file of the first weight of a layer. `load(model, content)` sets
    the weights. A copy is loaded first, so the model is built only if all of them fit. Raises NotBuiltError if the
    first weight does not tell the number of features.
    """
    trial = model.copy()
    axis = _features_axis(trial)
    build_layer(trial.layer, (2,))
    row_shape = first_shape(content, trial.layer)[axis:][:1]
    if not row_shape:
        raise ModelFileError("the first weight in the file is a single number")
    try:
        allocate(trial, row_shape, len(content))
        with warnings.catch_warnings(action="ignore"):  # loading the model itself warns
            load(trial, content)
    except (ModelFileError, SettingError, ShapeError) as error:
        remedy = "if rows have another shape, call build with it first, as in build((features,))"
        message = f"{error}; by the first weight in the file a row has shape {row_shape}: {remedy}"
        raise ModelFileError(message) from None
    model.build(row_shape)


def _features_axis(model: Model) -> int:
    """The axis of the first weight with the features of a row: of a Dense kernel the first, of a gamma the only one.

    Behind a layer such as Flatten no axis tells the shape of a row.
    """
    two, three, table = (_first_weight(model.layer, rows) for rows in ((2,), (3,), (3, 2)))
    axes = [axis for axis, sizes in enumerate(zip(two, three, strict=False)) if sizes == (2, 3)]
    if len(axes) != 1 or table not in (two, ()):
        remedy = "call build with the shape of a row first, as in build((features,))"
        raise NotBuiltError(f"load_weights: {model.name} is not built, and its first weight does not tell; {remedy}")
    return axes[0]


def _first_weight(layer: Layer, row_shape: Shape) -> Shape:
    """The shape of the first weight for such rows; () without a weight, or if a layer rejects such rows."""
    try:
        build_layer(layer, row_shape)
    except ShapeError:
        return ()
    first = next(iter(weights_by_path(layer).values()), None)
    if first is None:
        return ()
    return first.holder.shape if isinstance(first.holder, Parameter) else first.array.shape
