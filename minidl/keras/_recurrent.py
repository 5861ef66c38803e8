"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Unpack

from .. import layers as core
from ..errors import SettingError
from ._cells import Cell, GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells, check_cell
from ._config import layer_config, layer_from
from ._encoding import Config
from ._layer import Common, General, Layer, Run, applied, settings_of
from ._operation import Operation
from ._states import WithStates
from ._tensors import leaves
from ._variables import Variable, as_tensor


class OfSteps(General, total=False):
    """Further arguments of recurrent layers."""

    zero_output_for_mask: bool
    implementation: Any  # how Keras computes


class RNN(WithStates):
    """A cell, or cells one above the other, run over all steps of sequences."""

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **common: Unpack[Common],
    ) -> None:
        stacked = isinstance(cell, list | tuple)
        self.cell: Cell | StackedRNNCells = StackedRNNCells(cell) if stacked else cell
        if not isinstance(self.cell, StackedRNNCells):
            check_cell(type(self).__name__, self.cell)
        self.return_sequences, self.return_state, self.go_backwards = return_sequences, return_state, go_backwards
        self.stateful, self.unroll, self.zero_output_for_mask = stateful, unroll, zero_output_for_mask
        super().__init__(**common)

    @property
    def cells(self) -> list[Cell]:
        """The cells, one above the other."""
        return list(self.cell.cells) if isinstance(self.cell, StackedRNNCells) else [self.cell]

    def make(self) -> Iterable[core.Layer]:
        every = {"stateful": self.stateful, "return_state": self.return_state}
        last = {"return_sequences": self.return_sequences, "zero_output_for_mask": self.zero_output_for_mask}
        if self.go_backwards and len(self.cells) > 1:
            raise SettingError(
                "RNN: go_backwards is for one cell; use a Bidirectional, or reverse the steps of the data"
            )
        for number, cell in enumerate(self.cells):
            above = last if number == len(self.cells) - 1 else {"return_sequences": True}
            layer = cell.recurrent(**every, **above, go_backwards=self.go_backwards)
            cell.core = (layer,)  # whose weights are those of the cell
            yield layer

    @property
    def parts(self) -> list[Operation]:
        return [self.cell, *super().parts]

    # ---- calls

    @property
    def outputs_of_steps(self) -> int:
        return int(self.return_sequences)

    def count_outputs(self, layer: core.Layer) -> int:
        of_core: Any = layer
        return 1 + int(of_core.state_count)

    def through(self, values: list[Any], run: Run) -> list[Any]:
        (sequence, *first), states = values, []
        layers, penalties = self.core[: len(self.cells)], self.core[len(self.cells) :]
        for cell, layer in zip(self.cells, layers, strict=True):
            own, first = first[: cell.state_count], first[cell.state_count :]
            sequence, *new = applied(layer, [sequence, *own], run)
            states += new
        for layer in penalties:
            sequence, *states = [applied(layer, [value], run)[0] for value in (sequence, *states)]
        return [sequence, *states]

    def formed(self, outputs: list[Any]) -> Any:
        """Return the output, or a tuple of it and the states; of cells in a stack lists of the states of each."""
        if not self.return_state:
            return outputs[0]
        y, *states = outputs
        if not isinstance(self.cell, StackedRNNCells):
            return (y, *states)
        return (y, *([states.pop(0) for _ in range(cell.state_count)] for cell in self.cells))

    # ---- states

    @property
    def states(self) -> Any:
        """The states of a stateful layer after the last batch, which the next one begins with; None if it has none."""
        if not self.stateful:
            return None
        held: list[Any] = [getattr(cell.core[0], "states", None) for cell in self.cells]
        if any(states is None for states in held):
            return self._zeros()
        return [as_tensor(state) for states in held for state in states]

    def _zeros(self) -> Any:
        rows = next((node.taken[0].shape[0] for node in self.nodes if node.taken), None)
        return None if rows is None else leaves(self.get_initial_state(rows))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return states of zeros."""
        return list(self.cell.get_initial_state(batch_size))

    def reset_states(self) -> None:
        """Begin the next batch with states of zeros, if the layer is stateful."""
        for cell in self.cells:
            layer: Any = cell.core[0]
            layer.reset_states()

    def reset_state(self) -> None:
        """The same as `reset_states`."""
        self.reset_states()

    # ---- weights and config

    def variables_inside(self, prefix: str = "") -> Iterator[Variable]:
        yield from self.cell.variables_inside(f"{prefix}/{self.name}" if prefix else self.name)

    def stored(self) -> Iterator[tuple[str, Variable]]:
        yield from ((f"cell/{path}", weight) for path, weight in self.cell.stored())

    def get_config(self) -> Config:
        """Return the settings, and the config of the cell."""
        return super().get_config() | {"cell": layer_config(self.cell)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Any:
        """Return a new layer with these settings."""
        return cls(**config | {"cell": layer_from(config["cell"], custom_objects)})


class Recurrent(RNN):
    """Base class: a layer that makes its own cell, of the settings that it shares with it."""

    cell_class: ClassVar[type[Cell]]

    def keep(self, settings: dict[str, Any], common: Any) -> None:
        """Make the cell, and keep the settings, which are the arguments of the subclass."""
        given = {name: value for name, value in settings.items() if name not in ("self", "common", "__class__")}
        of_cell = {name: given[name] for name in settings_of(self.cell_class)}
        general = {name: common[name] for name in ("dtype", "trainable") if name in common}
        self.units = given["units"]
        cell = self.cell_class(**of_cell, name=_cell_name(self.cell_class), **general)
        vars(self).update({name: getattr(cell, name) for name in of_cell})
        common.pop("implementation", None)
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "activity_regularizer")
        RNN.__init__(self, cell, **{name: given[name] for name in names}, **common)

    not_in_config = ("use_cudnn",)

    def get_config(self) -> Config:
        """Return the settings."""
        return Layer.get_config(self) | {"zero_output_for_mask": self.zero_output_for_mask}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Any:
        """Return a new layer with these settings."""
        return cls(**config)


def _cell_name(cell_class: type[Cell]) -> str:
    return {SimpleRNNCell: "simple_rnn_cell", LSTMCell: "lstm_cell", GRUCell: "gru_cell"}[cell_class]


class SimpleRNN(Recurrent):
    """h_t = activation(x_t W + h_{t-1} U + b)."""

    cell_class = SimpleRNNCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Any = None,
        **common: Unpack[OfSteps],
    ) -> None:
        self.seed = seed
        self.keep(locals(), common)


class LSTM(Recurrent):
    """c_t = f c_{t-1} + i g, h_t = o activation(c_t), with gates i, f, o and the candidate g of x_t and h_{t-1}."""

    cell_class = LSTMCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **common: Unpack[OfSteps],
    ) -> None:
        self.use_cudnn = use_cudnn
        self.keep(locals(), common)


class GRU(Recurrent):
    """h_t = z h_{t-1} + (1 - z) n, with the gate z and the candidate n, which the gate r resets."""

    cell_class = GRUCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **common: Unpack[OfSteps],
    ) -> None:
        self.use_cudnn = use_cudnn
        self.keep(locals(), common)
