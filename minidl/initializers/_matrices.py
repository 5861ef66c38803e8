"""Matrices with a structure: orthogonal, identity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import ShapeError
from ..validation import real
from ._base import Initializer


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """W = gain Q, Q with orthonormal columns (rows if W is wide): it keeps the length of vectors. (Saxe et al. 2014)

    Q is uniformly distributed among such matrices (Mezzadri 2007). With more than two axes, all but the last are rows.
    """

    gain: float = real(default=1.0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal makes matrices, but the parameter has shape {shape}; try RandomNormal()")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # without this, the signs that qr chooses make some matrices likelier than others
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@dataclass(frozen=True)
class Identity(Initializer):
    """W = gain I: gain on the diagonal, 0 elsewhere; W need not be square. (Le et al. 2015)"""

    gain: float = real(default=1.0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if len(shape) != 2:
            raise ShapeError(f"Identity makes matrices, but the parameter has shape {shape}; try Ones()")
        return self.gain * np.eye(*shape)
