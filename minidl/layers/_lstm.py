"""Long short-term memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..initializers import Initializer, Ones, check_initializer
from ..validation import boolean, choice, instance
from ._elementwise import FUNCTIONS, Elementwise, Gates
from ._recurrence import Recurrence
from ._recurrent import Arrays, Cell, Recurrent


class LSTMCell(Cell):
    """i, f, o = sigma(z_i, z_f, z_o),   g = phi(z_g),   c_t = f c_{t-1} + i g,   h_t = o a,   a = phi(c_t)."""

    def __init__(self, z: np.ndarray, states: Arrays, gates: Gates, phi: Elementwise, sigma: Elementwise) -> None:
        super().__init__(z, states)
        self.gates, self.phi, self.sigma = gates, phi, sigma
        h, self.c = states
        self.a = np.empty_like(z[:, 0])
        arrays = z, *np.moveaxis(z, 1, 0), self.c[:-1], self.c[1:], self.a, h[1:]
        self.steps = list(zip(*arrays, strict=True))

    def step(self, t: int) -> None:
        z, i, f, g, o, c_before, c, a, h = self.steps[t]
        self.gates(z)
        np.multiply(f, c_before, out=c)
        c += i * g
        self.phi.value(c, out=a)
        np.multiply(o, a, out=h)

    def slopes(self, part: slice, dz: np.ndarray) -> Arrays:
        z, a = self.z[part], self.a[part]
        (i, f, g, o), (di, df, dg, do) = np.moveaxis(z, 1, 0), np.moveaxis(dz, 1, 0)
        self.sigma.slope(z, out=dz)  # also for g, since one call for all is faster
        self.phi.slope(g, out=dg)
        di *= g  # dc/dz_i = g sigma'(z_i)
        df *= self.c[:-1][part]  # dc/dz_f = c_{t-1} sigma'(z_f)
        dg *= i  # dc/dz_g = i phi'(z_g)
        do *= a  # dh/dz_o = a sigma'(z_o)
        return o * self.phi.slope(a), f, di, df, dg, do  # dh/dc, dc/dc_{t-1}

    def step_back(self, slopes: Arrays, *after: np.ndarray) -> tuple[None, np.ndarray]:
        (dc, f, di, df, dg, do), (dh, dc_after) = slopes, after
        dc *= dh
        dc += dc_after
        di *= dc
        df *= dc
        dg *= dc
        do *= dh
        dc *= f
        return None, dc


@dataclass(frozen=True)
class ForgetGateOnes(Initializer):
    """The bias of an LSTM: 1 for the forget gate, the second of four, and what the initializer draws elsewhere."""

    initializer: Initializer = instance(Initializer)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        units = shape[0] // 4
        i, others = (self.initializer((n,), rng) for n in (units, 2 * units))
        return np.concatenate([i, Ones()((units,), rng), others])


@dataclass(eq=False)
class LSTM(Recurrent):
    """c_t = f c_{t-1} + i g,   h_t = o phi(c_t).   x (m, steps, n) -> y (m, units), the last h_t.

    i, f, o = sigma(z_i), sigma(z_f), sigma(z_o),   g = phi(z_g),   [z_i z_f z_g z_o] = x_t W + h_{t-1} U + b
    dL/dc_t += dL/dh_t o phi'(c_t);   dL/dz_i = dL/dc_t g sigma'(z_i),   dL/dz_f = dL/dc_t c_{t-1} sigma'(z_f),
    dL/dz_g = dL/dc_t i phi'(z_g),   dL/dz_o = dL/dh_t phi(c_t) sigma'(z_o);
    dL/dh_{t-1} = dL/dz U^T + dL/dy_{t-1},   dL/dc_{t-1} = dL/dc_t f

    kernel W (n, 4 units), recurrent_kernel U (units, 4 units), bias b (4 units,). (Hochreiter & Schmidhuber 1997; Gers
    et al. 2000)

    units                 at least 1
    activation            phi, by its name: tanh, relu, linear, ...; phi' is a function of phi
    recurrent_activation  sigma, by its name: sigmoid, hard_sigmoid, ...
    use_bias              False: no b
    unit_forget_bias      True: the bias of f begins with 1 (Jozefowicz et al. 2015)
    dropout               in [0, 1): the part of x that is left out in training, the same at all steps of a row
    recurrent_dropout     in [0, 1): the same of h_{t-1}; then each gate has its own masks (Gal & Ghahramani 2016)
    return_sequences      True: y (m, steps, units) is h_t of all steps
    return_state          True: returns (y, h, c), with h and c of the last step
    go_backwards          True: begins with the last step, and y is in that order; its mask is that of x, as in Keras
    stateful              True: h and c begin with those that the last batch ended with, row by row; no gradient flows
                          back into that batch. Call reset_states() where a new sequence begins
    zero_output_for_mask  True: y of all steps is 0 at masked steps

    The initial h and c are 0, or a second and a third input (m, units). At a step that is masked h and c stay as they
    are, and y is that of the step before, 0 at the first steps. The kernels have initializer, regularizer and
    constraint as in Dense; the default of recurrent_initializer is Orthogonal(). A name that an activation cannot have
    raises SettingError.
    """

    recurrent_activation: str = choice(*FUNCTIONS, default="sigmoid")
    unit_forget_bias: bool = boolean(default=True, kw_only=True)

    cells = (LSTMCell,)
    gates = 4
    gate_names = ("input gate", "forget gate", "candidate", "output gate")
    state_count = 2

    def functions(self) -> tuple[str, ...]:
        sigma, phi = self.recurrent_activation, self.activation
        return sigma, sigma, phi, sigma

    def cell(self, z: np.ndarray, states: Arrays, gates: Gates, recurrence: Recurrence) -> Cell:
        return LSTMCell(z, states, gates, FUNCTIONS[self.activation], FUNCTIONS[self.recurrent_activation])

    def first_bias(self) -> Initializer:
        initializer = check_initializer("LSTM", "bias_initializer", self.bias_initializer)
        return ForgetGateOnes(initializer) if self.unit_forget_bias else initializer
