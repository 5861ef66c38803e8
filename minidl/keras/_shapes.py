"""The input of a model, and layers that change only the shape or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from .. import layers as core
from ..errors import SettingError
from . import _names
from ._layer import Common, Layer, channels_last, name_of_dtype, only
from ._tensors import KerasTensor, Node


class InputLayer(Layer):
    """The shape of an input of a model."""

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        batch_input_shape: Any = None,
        input_shape: Any = None,
    ) -> None:
        given = batch_shape or batch_input_shape
        if given is not None and (shape is not None or batch_size is not None):
            also = "shape" if shape is not None else "batch_size"
            raise SettingError(f"Input: give either batch_shape, got {tuple(given)}, or {also}, not both")
        if given is None:
            given = (batch_size, *_as_shape(input_shape if shape is None else shape))
        only("Input", "sparse", sparse, None, False)
        only("Input", "input_tensor", input_tensor, None)
        super().__init__(name=name or _names.automatic("InputLayer"))
        self.batch_shape = _as_shape(given)
        self.input_dtype = name_of_dtype(dtype) or self.dtype
        node = Node(self, ())
        node.outputs = (KerasTensor(self.batch_shape, node, self.name, self.input_dtype),)
        self.nodes.append(node)

    def make(self) -> Iterable[core.Layer]:
        return []

    def get_config(self) -> dict[str, Any]:
        """Return the settings."""
        settings = {"dtype": self.input_dtype, "sparse": False, "ragged": False, "name": self.name, "optional": False}
        return {"batch_shape": self.batch_shape} | settings


def Input(  # noqa: N802  Keras's name
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """Return the symbolic tensor of an input: Input(shape=(4,)) stands for rows of 4 numbers."""
    if isinstance(shape, int):
        raise SettingError(f"Input: shape must be a tuple such as ({shape},), got {shape}")
    if shape is None and batch_shape is None:
        raise SettingError("Input: give the shape of a row, as in Input(shape=(4,))")
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)
    return layer.nodes[0].outputs[0]


def _as_shape(shape: Any) -> tuple[Any, ...]:
    if shape is None:
        raise SettingError("InputLayer: give the shape of a row, as in InputLayer(shape=(4,))")
    return tuple(shape) if isinstance(shape, list | tuple) else (shape,)


class Flatten(Layer):
    """Each row becomes a vector."""

    def __init__(self, data_format: Any = None, **common: Unpack[Common]) -> None:
        self.data_format = channels_last("Flatten", data_format)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [core.Flatten()]


class Identity(Layer):
    """y = x."""

    def make(self) -> Iterable[core.Layer]:
        return []


class Core(Layer):
    """A layer of minidl among those of Keras: Core(minidl.layers.Residual(...)). Keras itself has no such class."""

    def __init__(self, layer: core.Layer, **common: Unpack[Common]) -> None:
        if not isinstance(layer, core.Layer):
            raise SettingError(f"Core takes a layer of minidl, got {layer!r}")
        self.layer = layer
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [self.layer]
