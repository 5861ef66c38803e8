"""Sequential: layers one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import data
from .. import layers as core
from ..errors import NotBuiltError, SettingError, ShapeError
from ..model import Model as CoreModel
from . import _config
from ._data import in_columns
from ._layer import Layer
from ._model import Model
from ._operation import Operation
from ._shapes import Core, InputLayer
from ._tensors import Call, KerasTensor, Shape
from ._text import REMEDY, Preparation


class Sequential(Model):
    """Sequential([Input(shape=(4,)), Dense(8, activation="relu"), Dense(1)]).

    Without an Input and without input_shape= in the first layer, the first data decide on the shape of the rows.
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        if layers is not None and not isinstance(layers, list | tuple):
            raise SettingError(f"Sequential takes a list of layers, got {layers!r}")
        Operation.__init__(self, name)
        self.inputs, self.outputs, self.inner_nodes = [], [], []
        self._layers: list[Any] = []
        for layer in layers or []:
            self.add(layer)
        if not trainable:
            self.trainable = False

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer, or a model."""
        layer = _as_operation(layer)
        if isinstance(layer, InputLayer):
            self._begin(layer.nodes[0].outputs[0])
            return
        if layer in self._layers:
            remedy = "to call it again, write x = keras.Input(...), keras.Model(x, layer(layer(x)))"
            raise SettingError(f"add: {layer.name} is in {self.name} already; {remedy}")
        if layer.name in [other.name for other in self._layers]:
            raise SettingError(f"add: All layers added to a Sequential model should have unique names: {layer.name!r}")
        if not self._layers and not self.inputs and (expected := _expected(layer)):
            self._begin(InputLayer(batch_shape=expected).nodes[0].outputs[0])
        self._layers.append(layer)
        if not self.inputs:
            return
        try:
            self._wire()
        except (SettingError, ShapeError):
            self._layers.pop()  # a notebook may add another one
            raise

    def _begin(self, tensor: KerasTensor) -> None:
        if self._layers or self.inputs:
            raise SettingError("add: an Input must be the first thing in a Sequential")
        self.inputs = [tensor]
        self.outputs = [tensor]

    def _wire(self) -> None:
        """Call the layers one after the other, those alone that have not been called in this model yet."""
        tensor = self.inputs[0]
        wired = {id(node.operation): node for node in self.inner_nodes}
        for layer in self._layers:
            node = wired.get(id(layer))
            tensor = node.outputs[0] if node and node.inputs == (tensor,) else layer.symbolic(Call((tensor,)))
        self._connect((self.inputs[0],), (tensor,))

    def pop(self, rebuild: bool = True) -> Any:
        """Remove the last layer and return it."""
        if not self._layers:
            raise SettingError("pop: there is no layer to remove")
        last = self._layers.pop()
        if self.inputs:
            self._wire()
        return last

    @property
    def layers(self) -> list[Any]:
        """The layers, without the Input."""
        return list(self._layers)

    @property
    def built(self) -> bool:
        return bool(self.inputs and self._layers)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for an input of shape (None, ...)."""
        if input_shape is None:
            return
        if not self.inputs:
            self._begin_late(tuple(input_shape))
        elif tuple(input_shape)[1:] != self.inputs[0].shape[1:]:
            raise SettingError(f"build: {self.name} takes {self.inputs[0].shape}, got {tuple(input_shape)}")

    def _begin_late(self, shape: Shape) -> None:
        self.inputs = [InputLayer(batch_shape=shape).nodes[0].outputs[0]]
        try:
            self._wire()
        except (SettingError, ShapeError):
            self.inputs = []  # other rows may fit
            raise

    @property
    def core(self) -> CoreModel:
        """minidl's model."""
        if not self.built:
            remedy = "begin with keras.Input(shape=(features,)), or call build((None, features)) or fit"
            raise NotBuiltError(f"{self.name} is not built: the shape of its rows is unknown; {remedy}")
        return super().core

    def _for_data(self, who: str, x: Any) -> CoreModel:
        if not self.inputs:
            _, shape, _ = data.peek(who, in_columns(x), np.dtype(self.dtype))
            self.build((None, *shape))
        return self.core

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        self.build(shapes[0])
        return super().compute_shapes(shapes)

    @property
    def stop_training(self) -> bool:
        """True if a callback has stopped the training; callbacks set it."""
        return self.built and self.core.stop_training

    @stop_training.setter
    def stop_training(self, stop: bool) -> None:
        self.core.stop_training = stop

    def get_config(self) -> dict[str, Any]:
        """Return the layers' settings, from which `from_config` makes a model like this one."""
        return _config.sequential_config(self)


def _as_operation(given: Any) -> Operation:
    """Return a layer or a model: of a symbolic input its layer, of a layer of minidl a layer that holds it."""
    if isinstance(given, KerasTensor) and isinstance(given.node.operation, InputLayer):
        return given.node.operation
    if isinstance(given, core.Layer):
        return Core(given)
    if not isinstance(given, Operation):
        hint = f"; write {given.__name__}(...)" if isinstance(given, type) else ""
        hint = f"; {REMEDY}" if isinstance(given, Preparation) else hint
        raise SettingError(f"add takes a layer or a model of minidl.keras, got {given!r}{hint}")
    return given


def _expected(layer: Operation) -> Shape | None:
    """Return the shape of the input that the first layer declares, or a model has."""
    if isinstance(layer, Model):
        return layer.inputs[0].shape if layer.inputs else None
    return layer.expected if isinstance(layer, Layer) else None
