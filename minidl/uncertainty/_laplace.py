"""The Laplace approximation: a normal distribution of the parameters around the trained ones."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from .. import validation
from ..errors import SettingError
from ..layers import Layer, Sigmoid
from ..model import Model
from ._predictive import Moments, Predictive, check_squared, link_of
from ._rows import LAYERS, RowDerivatives

MATRICES = ("full", "diagonal")
LARGEST_MATRIX = 5000  # parameters: a matrix of 200 MB
TINY, HUGE = 1e-10, 1e10
ITERATIONS, TOLERANCE = 1000, 1e-8


@dataclass(frozen=True, eq=False)
class Laplace(Predictive):
    """theta ~ N(trained theta, (G / noise^2 + prior_precision I)^-1),   G = J^T S J summed over the rows.

    Outputs are linear in theta around the trained one: z ~ N(z, J V J^T), V that covariance. For a model that is linear
    in its parameters and squared errors this is Bayesian linear regression, exactly.

    prior_precision          of the parameters
    log_marginal_likelihood  of the data, at the trained parameters
    effective_parameters     gamma = sum_i s_i / (s_i + prior_precision), s_i the eigenvalues of G / noise^2
    """

    _: KW_ONLY
    derivatives: RowDerivatives
    eigenvalues: np.ndarray  # of G
    eigenvectors: np.ndarray | None  # columns; None: G is diagonal
    prior_precision: float
    log_marginal_likelihood: float

    @property
    def effective_parameters(self) -> float:
        """The number of parameters that the data have determined."""
        scaled = self._scaled
        return float((scaled / (scaled + self.prior_precision)).sum())

    @property
    def _scaled(self) -> np.ndarray:
        return self.eigenvalues / (self.noise**2 if self.noise else 1.0)

    def moments(self, x: Any) -> Moments:
        x = self.derivatives.inputs(x)
        k = self.derivatives.outputs(x[:1]).shape[1]
        mean, variance = np.empty((len(x), k)), np.empty((len(x), k))
        precision = self._scaled + self.prior_precision
        for rows, z, jacobian in self.derivatives.blocks(x):
            turned = jacobian if self.eigenvectors is None else jacobian @ self.eigenvectors
            mean[rows], variance[rows] = z, (turned**2 / precision).sum(axis=2)
        return Moments(mean, variance)

    def _log_probabilities(self, x: Any) -> np.ndarray:
        """z / sqrt(1 + pi v / 8): the probit approximation of the mean probability. (MacKay 1992)"""
        mean, variance = self.moments(x)
        scaled: np.ndarray = mean / np.sqrt(1 + math.pi / 8 * variance)
        return scaled


def laplace(
    model: Model,
    x: Any,
    y: Any,
    *,
    layers: str = "last",
    matrix: str = "full",
    prior_precision: float | None = None,
    noise: float | None = None,
) -> Laplace:
    """Return the Laplace approximation of a trained model, from the rows x, y that it was trained on.

    The precision of the prior and the noise, if not given, are those of the largest marginal likelihood at the trained
    parameters, by MacKay's fixed point: prior_precision = gamma / |theta|^2, noise^2 = |y - z|^2 / (m k - gamma). The
    penalties of the training do not count.

    layers           "last": the last Dense layer alone; "all": every trainable layer, for small models
    matrix           "full", for at most 5,000 parameters, or "diagonal"
    prior_precision  above 0
    noise            the standard deviation of the targets, above 0; for numbers alone

    The loss is a squared error, or a cross-entropy after Sigmoid or Softmax. (MacKay 1992; Daxberger et al. 2021)
    """
    who = "laplace"
    validation.check_instance(who, "model", model, Model)
    validation.check_choice(who, "layers", layers, LAYERS)
    validation.check_choice(who, "matrix", matrix, MATRICES)
    prior, sigma = (
        None if value is None else validation.check_real(who, name, value, "(0, inf)")
        for name, value in (("prior_precision", prior_precision), ("noise", noise))
    )
    batch = model.examples(who, x, y)
    link = link_of(model)
    if link is None:
        check_squared(who, model.objective.loss, batch.y)
    elif sigma is not None:
        raise SettingError("laplace: noise is that of numbers; a model of classes has none")
    rows = RowDerivatives(who, model, layers)
    n = rows.entries.size
    if matrix == "full" and n > LARGEST_MATRIX:
        remedy = "use matrix='diagonal'" + ("" if layers == "last" else " or layers='last'")
        raise SettingError(f"laplace: {n} parameters, at most {LARGEST_MATRIX} are allowed for a full matrix; {remedy}")
    G, squares = _gauss_newton(rows, rows.inputs(batch.x), batch.y, link, matrix)
    values, vectors = np.linalg.eigh(G) if matrix == "full" else (G, None)
    values = np.maximum(values, 0)  # rounding
    fitted = _Evidence(values, float(rows.theta @ rows.theta), batch.y.size, squares, link is None)
    prior, sigma = fitted.maximize(prior, sigma)
    evidence = fitted.log_likelihood(prior, sigma)
    options = {"eigenvalues": values, "eigenvectors": vectors, "log_marginal_likelihood": evidence}
    return Laplace(model, derivatives=rows, prior_precision=prior, noise=sigma if link is None else 0.0, **options)


def _gauss_newton(
    rows: RowDerivatives, x: np.ndarray, y: np.ndarray, link: type[Layer] | None, matrix: str
) -> tuple[np.ndarray, float]:
    """Return G (n, n) or its diagonal (n,), and |y - z|^2 of numbers or -log likelihood of classes."""
    n, total = rows.entries.size, 0.0
    G = np.zeros((n, n) if matrix == "full" else n)
    for part, z, jacobian in rows.blocks(x):
        total += _misfit(rows, z, y[part], link)
        root = _root(link, z, jacobian).reshape(-1, n)
        G += root.T @ root if matrix == "full" else np.einsum("in,in->n", root, root)
    return G, total


def _root(link: type[Layer] | None, z: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """Return R J with R^T R = S, the Hessian of the negative log-likelihood with respect to z, at noise 1."""
    if link is None:
        return jacobian
    p = link().forward(z)
    if link is Sigmoid:
        return np.sqrt(p * (1 - p))[..., None] * jacobian
    centred = jacobian - np.einsum("ij,ijn->in", p, jacobian)[:, None]
    return np.sqrt(p)[..., None] * centred


def _misfit(rows: RowDerivatives, z: np.ndarray, y: np.ndarray, link: type[Layer] | None) -> float:
    if link is None:
        return float(((y - z) ** 2).sum())
    if link is Sigmoid:
        return float((np.logaddexp(0, z) - y * z).sum())
    return float(rows.objective.loss.terms(z, y)[0].sum())


@dataclass(frozen=True)
class _Evidence:
    """The marginal likelihood of the data as a function of the precision of the prior and the noise.

    length  |theta|^2
    count   the number of targets
    misfit  |y - z|^2 of numbers, -log likelihood of classes
    """

    eigenvalues: np.ndarray
    length: float
    count: int
    misfit: float
    numbers: bool

    def maximize(self, prior: float | None, noise: float | None) -> tuple[float, float]:
        """Return (prior precision, noise): the values that are given, and MacKay's fixed point for the others."""
        n, chosen = self.eigenvalues.size, (prior, noise)
        delta = prior or float(np.clip(n / max(self.length, TINY), TINY, HUGE))
        variance = noise**2 if noise else max(self.misfit / self.count, TINY) if self.numbers else 1.0
        for _ in range(ITERATIONS):
            scaled = self.eigenvalues / variance
            gamma = float((scaled / (scaled + delta)).sum())
            before = delta, variance
            if chosen[0] is None:
                delta = float(np.clip(gamma / max(self.length, TINY), TINY, HUGE))
            if chosen[1] is None and self.numbers:
                variance = max(self.misfit / max(self.count - gamma, 1.0), TINY)
            if abs(math.log(delta / before[0])) + abs(math.log(variance / before[1])) < TOLERANCE:
                break
        return delta, math.sqrt(variance)

    def log_likelihood(self, prior: float, noise: float) -> float:
        """log p(y | theta) - (prior |theta|^2 - n log prior + sum_i log(s_i + prior)) / 2."""
        variance, n = noise**2, self.eigenvalues.size
        fit = -self.misfit
        if self.numbers:
            fit = -self.misfit / (2 * variance) - self.count / 2 * math.log(2 * math.pi * variance)
        volume = float(np.log(self.eigenvalues / variance + prior).sum())
        return fit - (prior * self.length - n * math.log(prior) + volume) / 2
