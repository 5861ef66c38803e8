"""Gated recurrent unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..validation import boolean, choice
from ._elementwise import FUNCTIONS, Elementwise, Gates
from ._recurrence import Recurrence, side_by_side
from ._recurrent import Arrays, Cell, Recurrent


class GRUCell(Cell):
    """z, r = sigma(z_z, z_r),   n = phi(z_n + r q),   q = h_{t-1} U_h + b_h,   h_t = z h_{t-1} + (1 - z) n."""

    def __init__(self, z: np.ndarray, states: Arrays, gates: Gates, phi: Elementwise, sigma: Elementwise) -> None:
        super().__init__(z, states)
        self.gates, self.phi, self.sigma, self.h = gates, phi, sigma, states[0]
        self.steps = list(zip(z[:, :2], *np.moveaxis(z, 1, 0), self.h[:-1], self.h[1:], strict=True))

    def step(self, t: int) -> None:
        z_and_r, z, r, n, q, h_before, h = self.steps[t]
        self.gates(z_and_r)
        n += r * q
        self.phi.value(n, out=n)
        mix(z, h_before, n, out=h)

    def slopes(self, part: slice, dz: np.ndarray) -> Arrays:
        (z, r, n, q), (d_z, dr, dn, dq) = np.moveaxis(self.z[part], 1, 0), np.moveaxis(dz, 1, 0)
        self.sigma.slope(self.z[part, :2], out=dz[:, :2])
        self.phi.slope(n, out=dn)
        dn *= 1 - z  # dh/dz_n = (1 - z) phi'(z_n), which is dh/d(r q), too
        np.multiply(dn, r, out=dq)  # dh/dq = dh/dz_n r
        dr *= q  # dh/dz_r = dh/dz_n q sigma'(z_r)
        dr *= dn
        d_z *= self.h[:-1][part] - n  # dh/dz_z = (h_{t-1} - n) sigma'(z_z)
        return z, dz

    def step_back(self, slopes: Arrays, *after: np.ndarray) -> tuple[np.ndarray]:
        (z, dz), (dh,) = slopes, after
        dz *= dh
        return (dh * z,)


class ResetBeforeCell(GRUCell):
    """z, r = sigma(z_z, z_r),   n = phi(z_n + (r h_{t-1}) U_h),   h_t = z h_{t-1} + (1 - z) n.

    U     U_h (units, units)
    mask  of dropout of h_{t-1} in this product (units, m), or 1.0
    """

    def __init__(
        self,
        z: np.ndarray,
        states: Arrays,
        gates: Gates,
        phi: Elementwise,
        sigma: Elementwise,
        U: np.ndarray,
        mask: np.ndarray | float,
    ) -> None:
        super().__init__(z, states, gates, phi, sigma)
        self.U, self.mask = U, mask

    def step(self, t: int) -> None:
        z_and_r, z, r, n, h_before, h = self.steps[t]
        self.gates(z_and_r)
        n += self.U.T.dot(self.mask * r * h_before)
        self.phi.value(n, out=n)
        mix(z, h_before, n, out=h)

    def slopes(self, part: slice, dz: np.ndarray) -> Arrays:
        (z, r, n), (d_z, dr, dn) = np.moveaxis(self.z[part], 1, 0), np.moveaxis(dz, 1, 0)
        h_before = self.h[:-1][part]
        self.sigma.slope(self.z[part, :2], out=dz[:, :2])
        self.phi.slope(n, out=dn)
        d_z *= h_before - n  # dh/dz_z = (h_{t-1} - n) sigma'(z_z)
        dr *= h_before  # d(r h_{t-1})/dz_r = h_{t-1} sigma'(z_r)
        dn *= 1 - z  # dh/dz_n = (1 - z) phi'(z_n)
        return z, r, d_z, dr, dn

    def step_back(self, slopes: Arrays, *after: np.ndarray) -> tuple[np.ndarray]:
        (z, r, d_z, dr, dn), (dh,) = slopes, after
        d_z *= dh
        dn *= dh
        of_reset = self.U.dot(dn) * self.mask  # dL/d(r h_{t-1})
        dr *= of_reset
        return (dh * z + of_reset * r,)

    def gradient(self, recurrence: Recurrence, dz: np.ndarray) -> np.ndarray:
        dA, units = recurrence.gradient(dz), len(self.U)
        reset = self.mask * self.z[:, 1] * self.h[:-1]
        dA[:units, 2 * units :] = side_by_side(reset).dot(dz[2].reshape(units, -1).T)
        return dA


def mix(z: np.ndarray, h: np.ndarray, n: np.ndarray, out: np.ndarray) -> None:
    """Compute z h + (1 - z) n, as n + z (h - n)."""
    np.subtract(h, n, out=out)
    out *= z
    out += n


@dataclass(eq=False)
class GRU(Recurrent):
    """h_t = z h_{t-1} + (1 - z) n.   x (m, steps, k) -> y (m, units), the last h_t.

    z = sigma(x_t W_z + h_{t-1} U_z + b_z),   r = sigma(x_t W_r + h_{t-1} U_r + b_r)
    n = phi(x_t W_h + b_h + r (h_{t-1} U_h + b'_h));   without reset_after phi(x_t W_h + (r h_{t-1}) U_h + b_h)
    dL/dz_n = dL/dh_t (1 - z) phi'(n),   dL/dz_z = dL/dh_t (h_{t-1} - n) sigma'(z),
    dL/dz_r = dL/dz_n (h_{t-1} U_h + b'_h) sigma'(r);   z_z, z_r, z_n are what sigma and phi are applied to

    kernel W = [W_z W_r W_h] (k, 3 units), recurrent_kernel U (units, 3 units), bias (2, 3 units), its second row that
    of h_{t-1} U; without reset_after (3 units,). (Cho et al. 2014)

    units                 at least 1
    activation            phi, by its name: tanh, relu, linear, ...; phi' is a function of phi
    recurrent_activation  sigma, by its name: sigmoid, hard_sigmoid, ...
    use_bias              False: no b
    reset_after           True, as PyTorch: r multiplies the product h_{t-1} U_h; False, as the paper: r multiplies
                          h_{t-1}
    dropout               in [0, 1): the part of x that is left out in training, the same at all steps of a row
    recurrent_dropout     in [0, 1): the same of h_{t-1}; then each gate has its own masks (Gal & Ghahramani 2016)
    return_sequences      True: y (m, steps, units) is h_t of all steps
    return_state          True: returns (y, h of the last step)
    go_backwards          True: begins with the last step, and y is in that order; its mask is that of x, as in Keras
    stateful              True: h begins with the h that the last batch ended with, row by row; no gradient flows back
                          into that batch. Call reset_states() where a new sequence begins
    zero_output_for_mask  True: y of all steps is 0 at masked steps

    The initial h is 0, or a second input (m, units). At a step that is masked h stays as it is, and y is that of the
    step before, 0 at the first steps. The kernels have initializer, regularizer and constraint as in Dense; the default
    of recurrent_initializer is Orthogonal(). A name that an activation cannot have raises SettingError.
    """

    recurrent_activation: str = choice(*FUNCTIONS, default="sigmoid")
    reset_after: bool = boolean(default=True, kw_only=True)

    cells = (GRUCell, ResetBeforeCell)
    gates = 3
    gate_names = ("update gate", "reset gate", "candidate")

    def functions(self) -> tuple[str, ...]:
        return self.recurrent_activation, self.recurrent_activation

    def columns(self) -> tuple[int, ...]:
        return (0, 1, 2, 2) if self.reset_after else (0, 1, 2)

    def cell(self, z: np.ndarray, states: Arrays, gates: Gates, recurrence: Recurrence) -> Cell:
        functions = FUNCTIONS[self.activation], FUNCTIONS[self.recurrent_activation]
        if self.reset_after:
            return GRUCell(z, states, gates, *functions)
        mask = 1.0 if recurrence.mask is None else recurrence.mask[2, : self.units]
        U = np.ascontiguousarray(self.recurrent_kernel.value[:, 2 * self.units :])
        return ResetBeforeCell(z, states, gates, *functions, U, mask)

    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def matrix(self) -> np.ndarray:
        """Return A with the columns z, r, x W_h + b_h and, with reset_after, q = h U_h + b'_h."""
        units, U, W = self.units, self.recurrent_kernel.value, self.kernel.value
        A = np.zeros((units + len(W) + self.use_bias, len(self.columns()) * units), U.dtype)
        of_h, of_x, two = self._of_h(), slice(3 * units), slice(2 * units)
        A[:units, two] = U[:, two]
        A[units : units + len(W), of_x] = W
        if self.use_bias:
            A[-1, of_x] = self.bias.value[0] if self.reset_after else self.bias.value
        if self.reset_after:
            A[:units, of_h] = U
            if self.use_bias:
                A[-1, of_h] += self.bias.value[1]
        return A

    def set_gradients(self, dA: np.ndarray) -> None:
        of_h, of_x = self._of_h(), slice(3 * self.units)
        self.recurrent_kernel.grad = dA[: self.units, of_h]
        self.kernel.grad = dA[self.units :][: self.kernel.shape[0], of_x]
        if self.use_bias:
            self.bias.grad = np.stack([dA[-1, of_x], dA[-1, of_h]]) if self.reset_after else dA[-1]

    def _of_h(self) -> Any:
        """The columns of A for h_{t-1} U."""
        units = self.units
        return np.r_[: 2 * units, 3 * units : 4 * units] if self.reset_after else slice(3 * units)
