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
        self.scaled, self.sums = scaled.reshape(width, n), self.z.reshape(steps, width, m)

    def __call__(self, t: int) -> None:
        """Compute z_t."""
        if self.mask is None:
            np.dot(self.scaled, self.s[t], out=self.sums[t])
        else:
            np.matmul(self.scaled.reshape(self.by_gate.shape), self.s[t] * self.mask, out=self.z[t])

    def backward(self, dz: np.ndarray, n: int) -> np.ndarray:
        """Return dL/d(the first n numbers of s_t) of dL/dz_t (gates, units, m)."""
        if self.mask is None:
            return self.A[:n].dot(dz.reshape(self.A.shape[1], -1))
        by_gate = np.matmul(self.by_gate[..., :n].transpose(0, 2, 1), dz)
        return (by_gate * self.mask[:, :n]).sum(axis=0)

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
