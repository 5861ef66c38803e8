"""The base class of recurrent layers: a loop over the steps of a sequence, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from ..constraints import Constraint, check_constraint
from ..errors import ShapeError
from ..initializers import GlorotUniform, Initializer, Orthogonal, Zeros, check_initializer
from ..parameters import Parameter, Penalty
from ..regularizers import check_penalty
from ..validation import boolean, choice, integer, real, setting
from ._base import Layer
from ._elementwise import FUNCTIONS, Gates
from ._recurrence import Recurrence

Arrays = tuple[np.ndarray, ...]

# Bytes of derivatives that are computed at once: they stay in the processor's cache
BLOCK = 2**19


class Cell:
    """The equation of a step, and its derivative, on the arrays of all steps of a batch. A subclass writes both.

    z       the sums of the gates (steps, gates, units, m); a step puts the gates in their place
    states  those before each step and after the last one, each (steps + 1, units, m); h is the first
    """

    def __init__(self, z: np.ndarray, states: Arrays) -> None:
        self.z, self.states = z, states

    def step(self, t: int) -> None:
        """Compute the states after step t, of z_t and the states before it."""
        raise NotImplementedError(f"{type(self).__name__} must write step(t)")

    def slopes(self, part: slice, dz: np.ndarray) -> Arrays:
        """Compute derivatives within these steps, which need nothing of the steps after them.

        Fill dz (steps, gates, units, m) with the derivative of h, or of another state, by z. Return what `step_back`
        needs of each step, arrays (steps, ...); it may write into those that do not belong to the cell.
        """
        raise NotImplementedError(f"{type(self).__name__} must write slopes(part, dz)")

    def step_back(self, slopes: Arrays, *after: np.ndarray) -> tuple[Any, ...]:
        """Multiply dz of a step up to dL/dz. Return dL/d(states before it) on the ways that do not lead through z.

        None for h if all its ways lead through z.

        slopes  what `slopes` returned, at this step
        after   dL/d(each state after the step)
        """
        raise NotImplementedError(f"{type(self).__name__} must write step_back(slopes, *after)")

    def gradient(self, recurrence: Recurrence, dz: np.ndarray) -> np.ndarray:
        """Return dL/dA of dL/dz of all steps (gates, units, steps, m)."""
        return recurrence.gradient(dz)


class Pass(NamedTuple):
    """The arrays of a forward that backward needs.

    order        of the steps in memory: reversed if the layer goes backwards
    padded       (steps, m), True at steps that do not count; None: all count
    shown        (steps, m), False where y is 0 because of the mask; None: nowhere
    of_x         the mask of dropout of x (features, m), if it is one for all gates; else 1.0
    took_states  True if x came with initial states
    """

    recurrence: Recurrence
    cell: Cell
    order: slice
    padded: np.ndarray | None
    shown: np.ndarray | None
    of_x: np.ndarray | float
    took_states: bool


@dataclass(eq=False)
class Recurrent(Layer):
    """h_t = f(x_t, h_{t-1}) for the steps t of a sequence. A subclass writes f and its derivative, as a cell."""

    units: int = integer(1)
    activation: str = choice(*FUNCTIONS, default="tanh")
    use_bias: bool = boolean(default=True, kw_only=True)
    kernel_initializer: Initializer | str = setting(check_initializer, default=GlorotUniform(), kw_only=True)
    recurrent_initializer: Initializer | str = setting(check_initializer, default=Orthogonal(), kw_only=True)
    bias_initializer: Initializer | str = setting(check_initializer, default=Zeros(), kw_only=True)
    kernel_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    recurrent_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    bias_regularizer: Penalty | None = setting(check_penalty, default=None, optional=True, kw_only=True)
    kernel_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    recurrent_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    bias_constraint: Constraint | None = setting(check_constraint, default=None, optional=True, kw_only=True)
    dropout: float = real("[0, 1)", default=0.0, kw_only=True)
    recurrent_dropout: float = real("[0, 1)", default=0.0, kw_only=True)
    return_sequences: bool = boolean(default=False, kw_only=True)
    return_state: bool = boolean(default=False, kw_only=True)
    go_backwards: bool = boolean(default=False, kw_only=True)
    stateful: bool = boolean(default=False, kw_only=True)
    zero_output_for_mask: bool = boolean(default=False, kw_only=True)

    cells: ClassVar[tuple[type[Cell], ...]] = ()  # their code is the equation of a step
    gates: ClassVar[int] = 1
    gate_names: ClassVar[tuple[str, ...]] = ()
    state_count: ClassVar[int] = 1

    several_inputs = True
    states = cast("Arrays | None", None)  # of a stateful layer: those after the last batch, each (m, units)

    @property
    def carried_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("states",) if self.stateful else ()

    @property
    def several_outputs(self) -> bool:  # type: ignore[override]
        return self.return_state

    def build(self, input_shape: Any) -> Any:
        sequence, *given = input_shape if isinstance(input_shape[0], tuple) else (input_shape,)
        steps, features = self._check(sequence)
        if given and len(given) != self.state_count:
            who, wanted = type(self).__name__, self.state_count
            raise ShapeError(f"{who} takes {wanted} initial states beside the sequence, or none; got {len(given)}")
        width = self.gates * self.units
        self.kernel = Parameter(
            (features, width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = Parameter(
            (self.units, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        if self.use_bias:
            self.bias = Parameter(
                self.bias_shape(),
                self.first_bias(),
                penalized=False,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        y = (steps, self.units) if self.return_sequences else (self.units,)
        return (y, *[(self.units,)] * self.state_count) if self.return_state else y

    def _check(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 2:
            who, lacks = type(self).__name__, "see Reshape"
            if len(shape) == 1:
                lacks = "set return_sequences=True in a recurrent layer before it; of ids Embedding makes features, "
                lacks += "of numbers x[..., None]"
            raise ShapeError(f"{who} takes rows of shape (steps, features), but its input has rows of {shape}: {lacks}")
        return shape

    # ---- what a subclass may write

    def functions(self) -> tuple[str, ...]:
        """Return the names of the functions of the first gates in z, which are computed in one call."""
        return ()

    def columns(self) -> tuple[int, ...]:
        """Return the gate that each block of columns of A belongs to."""
        return tuple(range(self.gates))

    def cell(self, z: np.ndarray, states: Arrays, gates: Gates, recurrence: Recurrence) -> Cell:
        """Return the cell of one pass."""
        raise NotImplementedError(f"{type(self).__name__} must write cell(z, states, gates, recurrence)")

    def bias_shape(self) -> tuple[int, ...]:
        """Return the shape of the bias."""
        return (self.gates * self.units,)

    def first_bias(self) -> Initializer | str:
        """Return the initializer of the bias."""
        return self.bias_initializer

    def matrix(self) -> np.ndarray:
        """Return A: U, W and b, one below the other."""
        parts = [self.recurrent_kernel.value, self.kernel.value]
        return np.concatenate([*parts, self.bias.value[None]] if self.use_bias else parts)

    def set_gradients(self, dA: np.ndarray) -> None:
        """Set the gradients of U, W and b from dL/dA."""
        self.recurrent_kernel.grad = dA[: self.units]
        self.kernel.grad = dA[self.units :][: self.kernel.shape[0]]
        if self.use_bias:
            self.bias.grad = dA[-1]

    # ---- forward

    def forward(self, x: Any, training: bool = False) -> Any:
        return self.masked_forward(x, None, training)[0]

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        sequence, *given = x if isinstance(x, tuple) else (x,)
        of_sequence = mask[0] if isinstance(mask, tuple) else mask
        order = slice(None, None, -1 if self.go_backwards else 1)
        A, (m, steps, features), units = self.matrix(), sequence.shape, self.units
        s = np.empty((steps + 1, len(A), m), np.result_type(A, sequence, *given))
        of_x, dropout = self._dropout_masks(s) if training else (1.0, None)
        np.multiply(sequence.transpose(1, 2, 0)[order], of_x, out=s[:-1, units : units + features])
        s[:, units + features :] = 1
        gates, blocks = Gates(self.functions(), units, m, s.dtype), self.columns()
        recurrence = Recurrence(s, A, [*gates.scale, *[1.0] * (len(blocks) - len(gates.scale))], dropout)
        states = s[:, :units], *(np.empty((steps + 1, units, m), s.dtype) for _ in range(self.state_count - 1))
        self._begin(states, given)
        cell = self.cell(recurrence.z, states, gates, recurrence)
        padded = None if of_sequence is None else ~of_sequence.T[order]
        _run(recurrence, cell, padded)
        shown = None if padded is None else self._shown(padded)
        self.latest = Pass(recurrence, cell, order, padded, shown, of_x, bool(given))
        if self.stateful:
            self.states = tuple(state[-1].T.copy() for state in states)
        return self._outputs(states, shown), self.compute_mask(x, mask)

    def _begin(self, states: Arrays, given: list[np.ndarray]) -> None:
        """Fill in the states before the first step: those given, those of the last batch, or zeros."""
        wanted = states[0].shape[:0:-1]
        first: Any = given or (self.states if self.stateful else None) or [np.zeros(wanted)] * len(states)
        for state, value in zip(states, first, strict=True):
            if value.shape != wanted:
                who, needs = type(self).__name__, f"but x has {wanted[0]} rows and needs {wanted}"
                if given:
                    raise ShapeError(f"{who}: an initial state has shape {value.shape}, {needs}")
                remedy = "use batches of one size, or call reset_states() before"
                raise ShapeError(f"{who}: the states of the last batch have shape {value.shape}, {needs}: {remedy}")
            state[0] = value.T

    def _dropout_masks(self, s: np.ndarray) -> tuple[np.ndarray | float, np.ndarray | None]:
        """Draw the mask of x, one for all gates; or if h has masks, those of x and h for each gate, as in Keras."""
        units, features, m, dtype = self.units, self.kernel.shape[0], s.shape[-1], s.real.dtype
        if not self.recurrent_dropout:
            return self._mask(self.dropout, (1, m, features), dtype), None
        masks = np.ones((self.gates, *s.shape[1:]), dtype)
        masks[:, units : units + features] = self._mask(self.dropout, (self.gates, m, features), dtype)
        masks[:, :units] = self._mask(self.recurrent_dropout, (self.gates, m, units), dtype)
        return 1.0, masks[list(self.columns())]

    def _mask(self, rate: float, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray | float:
        if rate == 0:
            return 1.0
        # always drawn in float32: the gradient checker needs the same mask for every dtype of x
        kept = self.rng.random(shape, dtype=np.float32) >= rate
        return kept.transpose(0, 2, 1) / dtype.type(1 - rate)

    def _shown(self, padded: np.ndarray) -> np.ndarray:
        """True where y is h. Before the first step that counts y is 0, as in Keras, whatever the initial state."""
        if self.return_sequences and self.zero_output_for_mask:
            return ~padded
        return np.logical_or.accumulate(~padded)

    def _outputs(self, states: Arrays, shown: np.ndarray | None) -> Any:
        h = states[0][1:] if shown is None else states[0][1:] * shown[:, None]
        # most layers want the features of a step side by side
        y = np.ascontiguousarray(h.transpose(2, 0, 1)) if self.return_sequences else h[-1].T
        return (y, *(state[-1].T for state in states)) if self.return_state else y

    def compute_mask(self, x: Any, mask: Any) -> Any:
        of_sequence = mask[0] if isinstance(mask, tuple) else mask
        of_y = of_sequence if self.return_sequences else None
        return (of_y, *[None] * self.state_count) if self.return_state else of_y

    # ---- backward

    def backward(self, dy: Any) -> Any:
        recurrence, cell, order, *_, of_x, took_states = self.latest
        dz, ds, before = self._back_through_steps(*self._output_gradients(dy))
        self.set_gradients(cell.gradient(recurrence, dz))
        if self.is_first:
            return None
        of_sequence = (ds[:, self.units :] * of_x).transpose(2, 0, 1)[:, order]
        return (of_sequence, *(state.T for state in before)) if took_states else of_sequence

    def _output_gradients(self, dy: Any) -> tuple[np.ndarray | None, Arrays]:
        """Return dL/dh of the outputs (steps, units, m), if there is one at each step, and dL/d(last states)."""
        cell, shown = self.latest.cell, self.latest.shown
        dy, *of_states = dy if self.return_state else (dy,)
        last = tuple(np.zeros_like(state[-1]) for state in cell.states)
        for state, part in zip(last, of_states, strict=False):
            if part is not None:
                state += part.T
        if dy is not None and self.return_sequences:
            dh = np.ascontiguousarray(dy.transpose(1, 2, 0))
            return dh if shown is None else dh * shown[:, None], last
        if dy is not None:
            np.add(last[0], dy.T if shown is None else dy.T * shown[-1], out=last[0])
        return None, last

    def _back_through_steps(
        self, of_outputs: np.ndarray | None, after: Arrays
    ) -> tuple[np.ndarray, np.ndarray, Arrays]:
        """Return dL/dz (gates, units, steps, m), dL/ds (steps, n, m) for h and x, and dL/d(initial states)."""
        recurrence, cell, _, padded, *_ = self.latest
        steps, gates, units, m = cell.z.shape
        n = units if self.is_first else units + self.kernel.shape[0]
        dz, ds = (np.empty(shape, cell.z.dtype) for shape in ((gates, units, steps, m), (steps, n, m)))
        size = max(1, BLOCK // cell.z[0].nbytes)
        room = np.empty((min(size, steps), gates, units, m), dz.dtype)
        for start in reversed(range(0, steps, size)):
            part = slice(start, min(start + size, steps))
            block = room[: part.stop - start]
            slopes = cell.slopes(part, block)
            if padded is not None:
                np.copyto(block, 0, where=padded[part, None, None])
            sums = block.reshape(len(block), -1, m)
            views = zip(range(start, part.stop), sums, ds[part], zip(*slopes, strict=True), strict=True)
            for t, dz_t, ds_t, of_step in reversed(list(views)):
                if of_outputs is not None:
                    np.add(after[0], of_outputs[t], out=after[0])
                dh, *others = cell.step_back(of_step, *after)
                recurrence.backward(dz_t, out=ds_t)
                before = ds_t[:units], *others
                if dh is not None:
                    np.add(before[0], dh, out=before[0])
                if padded is not None:  # the state after the step is the one before it
                    for state, kept in zip(before, after, strict=True):
                        np.copyto(state, kept, where=padded[t])
                after = before
            dz[:, :, part] = block.transpose(1, 2, 0, 3)
        return dz, ds, after

    # ---- states

    def activations(self) -> dict[str, np.ndarray]:
        """Return gates and states of the last forward by name, each (m, steps, units), in the order of x."""
        cell, order = self.latest.cell, self.latest.order
        gates = zip(self.gate_names, np.moveaxis(cell.z, 1, 0), strict=False)
        states = zip(("hidden state", "cell state"), (state[1:] for state in cell.states), strict=False)
        return {name: values[order].transpose(2, 0, 1) for name, values in (*gates, *states)}

    def reset_states(self) -> None:
        """Begin the next batch with states of zeros, if the layer is stateful."""
        self.states = None


def _run(recurrence: Recurrence, cell: Cell, padded: np.ndarray | None) -> None:
    """Compute all steps. At a padded step the states stay as they are."""
    for t in range(len(cell.z)):
        recurrence(t)
        cell.step(t)
        if padded is not None:
            for state in cell.states:
                np.copyto(state[t + 1], state[t], where=padded[t])
