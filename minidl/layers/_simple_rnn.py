"""The simplest recurrent layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._elementwise import FUNCTIONS, Elementwise, Gates
from ._recurrence import Recurrence
from ._recurrent import Arrays, Cell, Recurrent


class SimpleCell(Cell):
    """h_t = phi(z_t)."""

    def __init__(self, z: np.ndarray, states: Arrays, phi: Elementwise) -> None:
        super().__init__(z, states)
        self.phi, self.h = phi, states[0]

    def step(self, t: int) -> None:
        self.phi.value(self.z[t, 0], out=self.h[t + 1])

    def slopes(self, part: slice, dz: np.ndarray) -> Arrays:
        self.phi.slope(self.h[1:][part], out=dz[:, 0])
        return (dz,)

    def step_back(self, slopes: Arrays, *after: np.ndarray) -> tuple[None]:
        # dL/dz = dL/dh phi'(z)
        (dz,), (dh,) = slopes, after
        dz *= dh
        return (None,)


@dataclass(eq=False)
class SimpleRNN(Recurrent):
    """h_t = phi(x_t W + h_{t-1} U + b).   x (m, steps, n) -> y (m, units), the last h_t.

    kernel W (n, units), recurrent_kernel U (units, units), bias b (units,).
    dL/dz_t = dL/dh_t phi'(z_t),  z_t = x_t W + h_{t-1} U + b;   dL/dh_{t-1} = dL/dz_t U^T + dL/dy_{t-1}. (Elman 1990)

    units                 at least 1
    activation            phi, by its name: tanh, sigmoid, relu, linear, hard_sigmoid, ...; phi' is a function of phi
    use_bias              False: no b
    dropout               in [0, 1): the part of x that is left out in training, the same at all steps of a row
    recurrent_dropout     in [0, 1): the same of h_{t-1} (Gal & Ghahramani 2016)
    return_sequences      True: y (m, steps, units) is h_t of all steps
    return_state          True: returns (y, h of the last step)
    go_backwards          True: begins with the last step, and y is in that order; its mask is that of x, as in Keras
    stateful              True: h begins with the h that the last batch ended with, row by row; no gradient flows back
                          into that batch. Call reset_states() where a new sequence begins
    zero_output_for_mask  True: y of all steps is 0 at masked steps

    The initial h is 0, or a second input (m, units). At a step that is masked h stays as it is, and y is that of the
    step before, 0 at the first steps. The kernels have initializer, regularizer and constraint as in Dense; the default
    of recurrent_initializer is Orthogonal(). A name that the activation cannot have raises SettingError.
    """

    cells = (SimpleCell,)

    def cell(self, z: np.ndarray, states: Arrays, gates: Gates, recurrence: Recurrence) -> Cell:
        return SimpleCell(z, states, FUNCTIONS[self.activation])
