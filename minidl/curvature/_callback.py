"""Record the curvature while a model trains."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from .. import validation
from ..callbacks import Callback, Logs
from ..model import Model
from ._eigenvalues import largest
from ._estimates import estimated_trace
from ._noise import noise_scale
from ._products import linked
from ._stability import FORMULAS, stability, stable_rate


class Curvature(Callback):
    """Record curvature at the end of every `every`-th epoch, the first included. History gets four figures:

    sharpness             the largest eigenvalue of the Hessian
    trace                 of the Hessian, Hutchinson's estimate
    sharpness_times_rate  2 at the edge of stability of the optimizer: 2 rate / `stable_learning_rate`, which for SGD
                          without momentum is sharpness times rate (Cohen et al. 2021); NaN if there is no formula
    gradient_noise        the batch size that the noise suggests (`gradient_noise_scale`)

    Other epochs get NaN. The figures are of the rows x, y as one batch; some hundreds of rows suffice. One record
    takes some 30 products of the Hessian, 50 with Adam or RMSprop: on small networks the time of 100 to 400 steps on
    these rows.

    samples  of the trace, at least 2
    """

    def __init__(self, x: Any, y: Any, *, sample_weight: Any = None, every: int = 1, samples: int = 10) -> None:
        self.rows = (x, y, sample_weight)
        self.every = validation.check_integer("Curvature", "every", every, 1)
        self.samples = validation.check_integer("Curvature", "samples", samples, 2)
        self.direction: np.ndarray | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.direction = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs |= self._figures() if epoch % self.every == 0 else dict.fromkeys(FIGURES, math.nan)

    def _figures(self) -> dict[str, float]:
        model = cast(Model, self.model)
        x, y, weight = self.rows
        products = linked("Curvature", model, x, y, weight, True)
        # the eigenvector of the last record is a good start: the Hessian changes little
        values, vectors = largest(products, tolerance=1e-3, start=self.direction)
        self.direction = vectors[:, 0]
        trace = estimated_trace(products, self.samples).value
        noise = noise_scale(model.objective, model.examples("Curvature", x, y, weight))
        return dict(zip(FIGURES, (float(values[0]), trace, self._times_rate(products, values[0]), noise), strict=True))

    def _times_rate(self, products: Any, sharpness: float) -> float:
        optimizer = self.model.optimizer
        if type(optimizer) not in FORMULAS:
            return math.nan
        found = stability("Curvature", optimizer)
        if found.preconditioner is None:
            return 2 * optimizer.rate * float(sharpness) / found.limit
        return 2 * optimizer.rate / stable_rate(products, found)


FIGURES = ("sharpness", "trace", "sharpness_times_rate", "gradient_noise")
