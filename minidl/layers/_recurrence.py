"""The product in a recurrent layer, with its derivatives and dropout.

What a step computes stands in columns, one for each row of the batch: (units, m). So each gate of a step is one piece
of memory, and NumPy takes a third of the time that it takes for every fourth part of each row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Recurrence:
    """z_t = scale A^T (mask s_t),   s_t = [h_{t-1}; x_t; 1],   A = [U; W; b]: the sums of all gates in one product.

    s      (steps + 1, n, m), the last one without x; the layer fills in each h_t
    A      (n, gates units)
    scale  one factor for each gate; the derivatives below are those of z / scale
    mask   of dropout, the same at all steps: (gates, n, m); None: no dropout
    z      (steps, gates, units, m), filled in step by step
    """

    def __init__(self, s: np.ndarray, A: np.ndarray, scale: Sequence[float], mask: np.ndarray | None) -> None:
        (n, width), (steps, m) = A.shape, (len(s) - 1, s.shape[-1])
        gates, units = len(scale), width // len(scale)
        self.s, self.A, self.mask = s, A, mask
        self.z = np.empty((steps, gates, units, m), s.dtype)
        self.by_gate = A.reshape(n, gates, units).transpose(1, 2, 0)
        scaled = self.by_gate * np.array(scale, A.real.dtype)[:, None, None]
        self.scaled = scaled.reshape(width, n)
        self.steps = list(zip(s[:-1], self.z, self.z.reshape(steps, width, m), strict=True))

    def __call__(self, t: int) -> None:
        """Compute z_t."""
        s, z, sums = self.steps[t]
        if self.mask is None:
            np.dot(self.scaled, s, out=sums)
        else:
            np.matmul(self.scaled.reshape(self.by_gate.shape), s * self.mask, out=z)

    def backward(self, dz: np.ndarray, out: np.ndarray) -> None:
        """Fill out with dL/d(the first numbers of s_t), of dL/dz_t (gates units, m)."""
        n = len(out)
        if self.mask is None:
            np.dot(self.A[:n], dz, out=out)
        else:
            by_gate = np.matmul(self.by_gate[..., :n].transpose(0, 2, 1), dz.reshape(*self.by_gate.shape[:2], -1))
            np.sum(by_gate * self.mask[:, :n], axis=0, out=out)

    def gradient(self, dz: np.ndarray) -> np.ndarray:
        """Return dL/dA of dL/dz of all steps (gates, units, steps, m)."""
        s, dz = self.s[:-1], dz.reshape(*dz.shape[:2], -1)
        if self.mask is None:
            return dz.reshape(self.A.shape[1], -1).dot(side_by_side(s).T).T
        parts = zip(self.mask, dz, strict=True)
        return np.concatenate([side_by_side(s * mask).dot(part.T) for mask, part in parts], axis=1)


def side_by_side(steps: np.ndarray) -> np.ndarray:
    """Return (steps, n, m) as a matrix (n, steps m)."""
    return steps.transpose(1, 0, 2).reshape(steps.shape[1], -1)
