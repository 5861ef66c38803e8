"""Checks of a model's layers, dtype and shapes before its parameters are allocated."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ._recording import LayerPass, record_passes
from .data import DataSpec
from .errors import SettingError, ShapeError
from .layers import EXAMPLES, Chain, Graph, Layer, build_layer, common, fits, run_masked, with_lengths
from .losses import Loss, OutputLosses
from .naming import join_path
from .validation import check_integer

Shape = tuple[int, ...]


def check_dtype(given: Any) -> np.dtype[Any]:
    """Return float32 or float64 as a dtype; raise SettingError for anything else."""
    for name in ("float32", "float64"):
        if given in (name, getattr(np, name)) or (isinstance(given, np.dtype) and given.name == name):
            return np.dtype(name)
    raise SettingError(f"Model: dtype must be float32 or float64, got {given!r}")


ANY_LENGTH: Any = (None,)  # the shape of rows in which several inputs of any length stand side by side


def check_row_shape(input_shape: Any, who: str = "build", *, with_batch: bool = True) -> tuple[int, ...]:
    """Return the shape of a row from (features,), (None, features) or a number of features.

    with_batch  True: a None in front is the batch, as in Keras's build. Any other None stands for rows of any length
    """
    shape = tuple(input_shape) if isinstance(input_shape, tuple | list) else (input_shape,)
    shape = shape[1:] if shape and shape[0] is None and with_batch else shape
    if not shape:
        raise SettingError(f"{who}: input_shape must name the features of a row, as in (2,), got {input_shape!r}")
    lengths: Any = tuple(None if n is None else check_integer(who, "input_shape", n, 1) for n in shape)
    return tuple(lengths)


def make_spec(
    layer: Layer, loss: Loss, dtype: np.dtype[Any], row_shape: tuple[int, ...], output_shape: tuple[int, ...]
) -> DataSpec:
    """Make the spec of a loss, or of the losses of several outputs."""
    outputs: tuple[tuple[str, DataSpec], ...] = ()
    if isinstance(loss, OutputLosses) and isinstance(layer, Graph):
        outputs = tuple(
            (name, make_spec(layer, part, dtype, row_shape, shape))
            for name, part, shape in zip(loss.names, loss.losses, layer.output_shapes, strict=True)
        )
    target_shape = loss.target_shape(output_shape)
    forms = (loss.sparse, outputs, loss.any_width, loss.takes_labels, layer.vocabulary_size)
    return DataSpec(dtype, row_shape, output_shape, loss.labels, target_shape, *forms)


def fitting_shapes(
    layer: Layer, row_shape: Shape, stored: bool, targets: np.ndarray | None = None
) -> tuple[Shape, Shape]:
    """Return the shapes of an input row and of an output row.

    Stored rows may have to be flat to fit the layer, or for its outputs to be rows of numbers, as Dense makes them of
    flat images. Targets that fit the outputs for stored rows, such as images, keep these as they are.
    """
    if not stored or len(row_shape) == 1:
        return row_shape, infer_output_shape(layer, row_shape)
    flat = (math.prod(row_shape),)
    try:
        output_shape = infer_output_shape(layer, row_shape)
    except ShapeError:
        return flat, infer_output_shape(layer, flat)
    positions = output_shape[:-1]
    fitting = (output_shape, positions, (*positions, 1))
    if not positions or (targets is not None and targets.shape[1:] in fitting):
        return row_shape, output_shape
    try:
        return flat, infer_output_shape(layer, flat)
    except ShapeError:  # a network of convolutions alone
        return row_shape, infer_output_shape(layer, row_shape)


def infer_output_shape(layer: Layer, row_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Let the layers make their Parameters, which have no storage yet, and return the shape of an output row."""
    _check_places(layer)
    output_shape = build_layer(layer, row_shape)
    _check_places(layer)
    return output_shape


def infer_any_length(layer: Layer, row_shape: Shape) -> tuple[Shape, Shape, Any]:
    """Return the shapes of an input row and of an output row, and those of the layers inside, for rows of any length.

    Where row_shape or a shape depends on the length there is None. The layers are left as for the first length.
    Raises ShapeError if parameters depend on the length.
    """
    for number, lengths in enumerate(EXAMPLES):
        try:
            found = [_inferred(layer, with_lengths(row_shape, length)) for length in reversed(lengths)]
            break
        except ShapeError:  # the windows of a kernel may be longer, and positions fewer
            if number == len(EXAMPLES) - 1:
                raise
    (_, output, inner, sizes), (concrete, first_output, first_inner, first_sizes) = found
    if sizes != first_sizes:
        path = next(path for path, size in first_sizes.items() if sizes.get(path) != size)
        remedy = "use layers that take any length, such as LSTM or GlobalAveragePooling1D, or give the length"
        raise ShapeError(f"rows of shape {row_shape}: the size of {path} depends on their length; {remedy}")
    return concrete, common(first_output, output), common(first_inner, inner)


def flat_shape(shapes: Any) -> Shape:
    """Return the shape of rows in which rows of these shapes stand side by side."""
    return (sum(math.prod(shape) for shape in shapes),)


def _inferred(layer: Layer, row_shape: Shape) -> tuple[Shape, Shape, Any, dict[str, Shape]]:
    output_shape = infer_output_shape(layer, row_shape)
    sizes = {path: parameter.shape for path, parameter in layer.named_parameters().items()}
    return row_shape, output_shape, shapes_inside(layer), sizes


def shapes_inside(layer: Layer) -> Any:
    """Return the shapes of the values in a built layer: of a Chain in order, of a Graph by name as pairs."""
    if isinstance(layer, Graph):
        return tuple(layer.shapes.items())
    return tuple(layer.shapes) if isinstance(layer, Chain) else ()


def check_shapes(layer: Layer, row_shape: tuple[int, ...], output_shape: tuple[int, ...], dtype: Any) -> None:
    """Run two rows of zeros. Raise ShapeError if a layer's output differs from the shape that build returned.

    Warn of layers that use padded steps.
    """
    chain = layer if type(layer) is Chain else None
    layers, shapes = (chain.layers, chain.shapes) if chain else ([layer], [output_shape])
    before = [(inner, dict(vars(inner))) for _, inner in layer.walk()]
    drawn = layer.rng.bit_generator.state
    y, mask = np.zeros((2, *row_shape), dtype), None
    try:
        with np.errstate(all="ignore"), record_passes(layer.walk() if layer.makes_mask else ()) as passes:
            for inner, shape in zip(layers, shapes, strict=True):
                y, mask = run_masked(inner, y, mask, training=False)
                _check_rows(inner, y, shape)
        _warn_of_padding(passes)
    finally:  # put everything back that the pass has changed
        for inner, attributes in before:
            vars(inner).clear()
            vars(inner).update(attributes)
        layer.rng.bit_generator.state = drawn


def _warn_of_padding(passes: list[LayerPass]) -> None:
    """Warn of layers whose x has a mask that they do not use, each once."""
    for path, layer in {one.path: one.layer for one in passes if one.masked and one.layer.uses_padding}.items():
        effect = "padded steps count as the others do"
        remedy = "use layers that leave padding out, such as GlobalAveragePooling1D"
        if not layer.keeps_mask:
            effect += ", and the layers after it see no mask"
            remedy += ", or set keeps_mask = True in a layer that treats each step alone"
        warnings.warn(f"{path}: {type(layer).__name__} does not use masks: {effect}; {remedy}", stacklevel=5)


def _check_rows(layer: Layer, y: Any, shape: tuple[int, ...]) -> None:
    if not fits(np.shape(y), (2, *shape)):
        got = "None" if y is None else f"an array of shape {np.shape(y)}"
        message = f"forward returns {got} for 2 rows, but build returned the row shape {shape}"
        raise ShapeError(f"{type(layer).__name__}: {message}")


def _check_places(layer: Layer) -> None:
    """Raise SettingError if a layer or a parameter has two paths in the model."""
    seen: dict[int, str] = {}
    for path, inner in layer.walk():
        _check_place(seen, "layer", path, inner, "; give it several names in one Graph, or use clone()")
        for name, parameter in inner.parameters.items():
            _check_place(seen, "parameter", join_path(path, name), parameter, ": share the layer instead, in a Graph")


def _check_place(seen: dict[int, str], kind: str, name: str, thing: object, remedy: str) -> None:
    if id(thing) in seen:
        place = f"{name} is the same object as {seen[id(thing)]}"
        raise SettingError(f"the {kind} {place}; a {kind} has one place in a container{remedy}")
    seen[id(thing)] = name
