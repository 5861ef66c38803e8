"""Cells of recurrent layers: the equation of one step with its weights. `RNN(cell)` runs it over all steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from .. import layers as core
from ..errors import SettingError
from . import constraints, regularizers
from ._activations import FUNCTIONS, get
from ._config import layer_config, layer_from
from ._encoding import Config
from ._layer import Common, Layer, changed, settings_of
from ._operation import Operation, numbered_by_kind
from ._tensors import Shape, leaves
from ._translation import core_of, initializer
from ._variables import Variable, as_tensor

# arguments of Keras's cells that say how they compute, not what
IGNORED = ("seed", "implementation")

OWN_CELLS = (
    "minidl derives no Python code of cells: write a layer of minidl with its derivative, a subclass of "
    "minidl.layers.Layer, and put it into a model as keras.layers.Core(layer)"
)


class Cell(Layer):
    """Base class: settings of a step. `core_class` is the core's layer that runs it over all steps."""

    call_arguments = ("inputs", "states")
    core_class: ClassVar[type[Any]]

    def keep(self, settings: dict[str, Any], common: Any) -> None:
        """Keep the settings, the arguments of the subclass, and make the layer."""
        weights = ("kernel", "recurrent", "bias")
        given = {name: value for name, value in settings.items() if name not in ("self", "common", "__class__")}
        for weight in weights:
            given[f"{weight}_initializer"] = initializer(given[f"{weight}_initializer"])
            given[f"{weight}_regularizer"] = regularizers.get(given[f"{weight}_regularizer"])
            given[f"{weight}_constraint"] = constraints.get(given[f"{weight}_constraint"])
        for name in ("activation", "recurrent_activation"):
            if name in given:
                given[name] = get(given[name])
        vars(self).update(given)
        common.pop("implementation", None)
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return [self.recurrent(return_state=True)]

    def recurrent(self, **outer: Any) -> Any:
        """Return a layer of the core that runs the cell. outer: settings such as return_sequences."""
        names = [name for name in settings_of(type(self)) if name not in IGNORED]
        own = {name: core_of(getattr(self, name)) for name in names}
        for name in ("activation", "recurrent_activation"):
            if name in own:
                own[name] = self._name_of(own[name])
        return self.core_class(**own, **outer)

    def _name_of(self, activation: Any) -> str:
        name = str(getattr(activation, "__name__", repr(activation)))
        if FUNCTIONS.get(name) is not activation:
            raise SettingError(f"{type(self).__name__}: {name} is a function of its own; use tanh, sigmoid, relu, ...")
        return name

    @property
    def state_count(self) -> int:
        """The number of arrays that a step hands on to the next."""
        return int(self.core_class.state_count)

    @property
    def state_size(self) -> Any:
        """The number of units of the state, or a list."""
        units: int = vars(self)["units"]
        return units if self.state_count == 1 else [units] * self.state_count

    @property
    def output_size(self) -> int:
        """The number of units."""
        return int(vars(self)["units"])

    def get_initial_state(self, batch_size: int | None = None) -> list[np.ndarray]:
        """Return states of zeros."""
        return [np.zeros((batch_size or 1, self.output_size), self.dtype) for _ in range(self.state_count)]

    # ---- one step

    def count_outputs(self, layer: core.Layer) -> int:
        return 1 + self.state_count

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        return super().compute_shapes(((None, 1, *shapes[0][1:]),))

    def symbolic(self, call: Any) -> Any:
        raise SettingError(f"{self.name}: a cell is a part of a model inside keras.layers.RNN(cell)")

    def on_arrays(self, given: dict[str, Any], training: bool | None) -> Any:
        """Return the output of one step for inputs (m, n), and the list of the new states."""
        x, states = np.asarray(given["inputs"], self.dtype), given.get("states")
        self.compute_shapes((x.shape,))
        first = [] if states is None else [np.asarray(state, self.dtype) for state in leaves(states)]
        alone = {"return_state": True, "return_sequences": False, "go_backwards": False, "stateful": False}
        step: Any = self.core[0]
        with changed(step, **alone):
            y, *after = step.forward((x[:, None], *first), bool(training))
        new = [as_tensor(state) for state in after]
        return as_tensor(y), new if states is None or isinstance(states, list | tuple) else new[0]


class SimpleRNNCell(Cell):
    """h = activation(x W + h_before U + b)."""

    core_class = core.SimpleRNN

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.keep(locals(), common)


class LSTMCell(Cell):
    """c = f c_before + i g, h = o activation(c), with gates i, f, o and the candidate g of x and h_before."""

    core_class = core.LSTM

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.keep(locals(), common)


class GRUCell(Cell):
    """h = z h_before + (1 - z) n, with the gate z and the candidate n, which the gate r resets."""

    core_class = core.GRU

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: Any = None,
        **common: Unpack[Common],
    ) -> None:
        self.keep(locals(), common)


class StackedRNNCells(Layer):
    """Cells one above the other: each takes the output of the one below."""

    call_arguments = ("inputs", "states")

    def __init__(self, cells: Any, **common: Unpack[Common]) -> None:
        self.cells: Sequence[Cell] = [check_cell("StackedRNNCells", cell) for cell in cells]
        super().__init__(**common)

    def make(self) -> Iterable[core.Layer]:
        return []

    @property
    def core_layers(self) -> tuple[core.Layer, ...]:
        return tuple(layer for cell in self.cells for layer in cell.core_layers)

    @property
    def parts(self) -> list[Operation]:
        return list(self.cells)

    @property
    def built(self) -> bool:
        return all(cell.built for cell in self.cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The number of units of the last cell."""
        return self.cells[-1].output_size

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Return states of zeros of each cell."""
        return [cell.get_initial_state(batch_size) for cell in self.cells]

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        for cell in self.cells:
            shapes = cell.compute_shapes(shapes)[:1]
        return shapes

    def symbolic(self, call: Any) -> Any:
        raise SettingError(f"{self.name}: cells are a part of a model inside keras.layers.RNN(cells)")

    def on_arrays(self, given: dict[str, Any], training: bool | None) -> Any:
        """Return the output of one step for inputs (m, n), and the new states of each cell."""
        y, new = given["inputs"], []
        for cell, states in zip(self.cells, given["states"], strict=True):
            y, after = cell(y, states, training=training)
            new.append(after)
        return y, new

    def variables_inside(self, prefix: str = "") -> Iterator[Variable]:
        for cell in self.cells:
            yield from cell.variables_inside(f"{prefix}/{self.name}" if prefix else self.name)

    def stored(self) -> Iterator[tuple[str, Variable]]:
        for key, cell in numbered_by_kind(self.cells):
            yield from ((f"cells/{key}/{path}", weight) for path, weight in cell.stored())

    def get_config(self) -> Config:
        """Return the configs of the cells."""
        return self.general_config() | {"cells": [layer_config(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Any:
        """Return new cells with these settings."""
        return cls(**config | {"cells": [layer_from(cell, custom_objects) for cell in config["cells"]]})


def check_cell(who: str, given: Any) -> Cell:
    """Return a cell. Raise SettingError for anything else."""
    if not isinstance(given, Cell):
        raise SettingError(f"{who} takes LSTMCell, GRUCell and SimpleRNNCell, got {given!r}; {OWN_CELLS}")
    return given
