"""The difference of gradients from batch to batch, and the batch size that this suggests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import validation
from ..data import Examples
from ..errors import DataError
from ..model import Model
from ..objective import Objective

PARTS = 32


def gradient_noise_scale(model: Model, x: Any, y: Any, *, sample_weight: Any = None, seed: int = 0) -> float:
    """B = tr(S) / |g|^2: the batch size at which noise and gradient have equal length.

    g is the mean gradient, S the covariance of the gradients of single rows. Much smaller batches waste steps, much
    larger ones waste rows. Both are estimated from the gradient of all rows and those of 32 parts, in training mode,
    without bias for independent rows: tr(S) = (mean |g_part|^2 - |g_all|^2) / (1 / part - 1 / all). Infinite if the
    estimate of |g|^2 is not positive: then noise alone is left. (McCandlish et al. 2018, appendix A.1)

    seed  of the order in which the rows are divided
    """
    validation.check_instance("gradient_noise_scale", "model", model, Model)
    rows = model.examples("gradient_noise_scale", x, y, sample_weight)
    return noise_scale(model.objective, rows, seed)


def noise_scale(objective: Objective, rows: Examples, seed: int = 0) -> float:
    """Return the estimate on a copy of the objective."""
    m = len(rows)
    if m < 2:
        raise DataError("gradient_noise_scale: the noise of the gradient needs at least 2 rows, got 1")
    size = math.ceil(m / PARTS)
    private, order = objective.copy(), np.random.default_rng(seed).permutation(m)
    whole = _square(private, rows)
    parts = [_square(private, part) for part in rows.batches(size, order) if len(part) == size]
    square = float(np.mean(parts))
    noise = (square - whole) / (1 / size - 1 / m)
    signal = (m * whole - size * square) / (m - size)
    return noise / signal if signal > 0 else math.inf


def _square(objective: Objective, rows: Examples) -> float:
    """Return the square of the length of the gradient on these rows, without frozen entries."""
    objective.gradient(rows)
    grad = objective.params.grad.astype(np.float64)
    grad[objective.frozen] = 0
    return float(grad @ grad)
