"""Layers around layers: both directions of a sequence, and each of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Unpack

from .. import layers as core
from ..errors import SettingError
from ._config import layer_config, layer_from
from ._encoding import Config
from ._layer import Common, General, Layer
from ._model import Model
from ._operation import Operation
from ._recurrent import RNN
from ._states import WithStates
from ._tensors import Shape
from ._variables import Variable

MODES = ("sum", "mul", "ave", "concat", None)


class Wrapper(Layer):
    """Base class: a layer whose weights are those of layers inside."""

    @property
    def inside(self) -> dict[str, Any]:
        """The layers inside, by Keras's names for them."""
        raise NotImplementedError(f"{type(self).__name__} must write inside")

    @property
    def parts(self) -> list[Operation]:
        return [*self.inside.values(), *super().parts]

    def variables_inside(self, prefix: str = "") -> Iterator[Variable]:
        for layer in self.inside.values():
            yield from layer.variables_inside(f"{prefix}/{self.name}" if prefix else self.name)

    def stored(self) -> Iterator[tuple[str, Variable]]:
        for name, layer in self.inside.items():
            yield from ((f"{name}/{path}", weight) for path, weight in layer.stored())


class OfBidirectional(General, total=False):
    """Further arguments of Bidirectional."""

    activity_regularizer: Any


class Bidirectional(WithStates, Wrapper):
    """y = [f(x), g(x)], g a layer like f with weights of its own, which begins with the last step."""

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **common: Unpack[OfBidirectional],
    ) -> None:
        for given in (layer, backward_layer):
            if not isinstance(given, RNN) and (given is layer or given is not None):
                raise SettingError(f"Bidirectional takes a recurrent layer such as LSTM(8), got {given!r}")
        if merge_mode not in MODES:
            raise SettingError(f"Bidirectional: merge_mode must be one of {MODES}, got {merge_mode!r}")
        self.merge_mode = merge_mode
        self.forward_layer: RNN = _copy(layer, "forward")
        turned = {"go_backwards": not layer.go_backwards}
        self.backward_layer: RNN = _copy(layer, "backward", **turned) if backward_layer is None else backward_layer
        if hasattr(layer, "use_cudnn"):
            vars(self.forward_layer)["use_cudnn"] = vars(self.backward_layer)["use_cudnn"] = layer.use_cudnn
        super().__init__(**common)
        self.first_weights = weights

    @property
    def inside(self) -> dict[str, RNN]:
        return {"forward_layer": self.forward_layer, "backward_layer": self.backward_layer}

    def make(self) -> Iterable[core.Layer]:
        for layer in self.inside.values():
            if len(layer.core) > 1:
                raise SettingError(
                    "Bidirectional takes layers of one cell without activity_regularizer: give it its own"
                )
        (forward,), (backward,) = self.forward_layer.core, self.backward_layer.core
        return [core.Bidirectional(forward, self.merge_mode, backward)]  # type: ignore[arg-type]

    @property
    def outputs_of_steps(self) -> int:
        return self._outputs if self.return_sequences else 0

    @property
    def _outputs(self) -> int:
        """The number of outputs besides the states."""
        return 2 if self.merge_mode is None else 1

    def count_outputs(self, layer: core.Layer) -> int:
        states = sum(cell.state_count for part in self.inside.values() for cell in part.cells)
        return self._outputs + (states if self.return_state else 0)

    def formed(self, outputs: list[Any]) -> Any:
        """Return the output, or a tuple of the outputs and the states, first those of the forward layer."""
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    @property
    def return_sequences(self) -> bool:
        """The setting of the layers inside."""
        return self.forward_layer.return_sequences

    @property
    def return_state(self) -> bool:
        """The setting of the layers inside."""
        return self.forward_layer.return_state

    @property
    def stateful(self) -> bool:
        """The setting of the layers inside."""
        return self.forward_layer.stateful

    @property
    def states(self) -> Any:
        """The states of both layers, if they are stateful."""
        both = self.forward_layer.states, self.backward_layer.states
        return None if None in both else (*both[0], *both[1])

    def reset_states(self) -> None:
        """Begin the next batch with states of zeros."""
        if not self.stateful:
            raise AttributeError(f"{self.name} is not stateful")
        for layer in self.inside.values():
            layer.reset_states()

    def reset_state(self) -> None:
        """The same as `reset_states`."""
        self.reset_states()

    def get_config(self) -> Config:
        """Return the settings, and the configs of both layers."""
        config = self.general_config() | {"merge_mode": self.merge_mode}
        return config | {"layer": layer_config(self.forward_layer), "backward_layer": layer_config(self.backward_layer)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Any:
        """Return a new layer with these settings."""
        return cls(**config | _layers_of(config, custom_objects))


class TimeDistributed(Wrapper):
    """y_t = f(x_t) for each step t of sequences, f a layer or a model."""

    def __init__(self, layer: Any, **common: Unpack[Common]) -> None:
        if not isinstance(layer, Layer | Model):
            raise SettingError(f"TimeDistributed takes a layer or a model such as Dense(8), got {layer!r}")
        self.layer = layer
        super().__init__(**common)

    @property
    def inside(self) -> dict[str, Any]:
        return {"layer": self.layer}

    def make(self) -> Iterable[core.Layer]:
        if isinstance(self.layer, Model):
            return []  # the core's layers of a model are known when it is built
        parts = self.layer.core
        return [core.TimeDistributed(parts[0] if len(parts) == 1 else core.Chain(*parts))]

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        if len(shapes[0]) < (2 if self.takes_ids else 3):
            raise SettingError(f"{self.name} takes sequences (batch, steps, ...), got {shapes[0]}")
        if not self.core:
            model: Any = self.layer
            model.compute_shapes(((None, *shapes[0][2:]),))
            self.core = (core.TimeDistributed(model.core.layer), *self._penalty_on_outputs())
        elif not self.layer.built:
            self.layer.compute_shapes(((None, *shapes[0][2:]),))
        return super().compute_shapes(shapes)

    @property
    def takes_ids(self) -> bool:  # type: ignore[override]
        return bool(getattr(self.layer, "takes_ids", False))

    def get_config(self) -> Config:
        """Return the settings, and the config of the layer."""
        return self.general_config() | {"layer": layer_config(self.layer)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Any:
        """Return a new layer with these settings."""
        return cls(**config | _layers_of(config, custom_objects))


def _copy(layer: Any, direction: str, **settings: Any) -> Any:
    """Return a layer with the same settings, new weights, and the direction in front of its name."""
    own = f"{direction}_{layer.name.removeprefix(f'{direction}_')}"
    sequences = {"zero_output_for_mask": layer.return_sequences}  # as in Keras
    return type(layer).from_config(layer.get_config() | {"name": own} | sequences | settings)


def _layers_of(config: Config, custom_objects: Any) -> dict[str, Any]:
    names = [name for name in ("layer", "backward_layer") if isinstance(config.get(name), dict)]
    return {name: layer_from(config[name], custom_objects) for name in names}
