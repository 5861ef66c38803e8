"""The learning rate above which training on all rows is unstable."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import validation
from ..errors import SettingError
from ..model import Model
from ..optimizers import SGD, Adam, Optimizer, RMSprop
from ._eigenvalues import largest
from ._products import Products, linked


class Stability(NamedTuple):
    """Along an eigenvector of P^-1 H with eigenvalue lambda, training is stable if rate times lambda is below limit.

    preconditioner  the diagonal of P (n,); None: P = 1
    """

    limit: float
    preconditioner: np.ndarray | None = None


def _of_sgd(optimizer: SGD) -> Stability:
    mu = optimizer.momentum
    return Stability((2 + 2 * mu) / (1 + 2 * mu) if optimizer.nesterov else 2 + 2 * mu)


def _of_rmsprop(optimizer: RMSprop) -> Stability:
    variance = optimizer.v if optimizer.a is None else np.maximum(optimizer.v - optimizer.a**2, 0)
    return Stability(2 + 2 * optimizer.momentum, np.sqrt(variance + optimizer.epsilon))


def _of_adam(optimizer: Adam) -> Stability:
    beta_1, beta_2, t = optimizer.beta_1, optimizer.beta_2, optimizer.iterations
    of_m, of_v = 1 - beta_1**t, 1 - beta_2**t  # the corrections of the first steps
    root = np.sqrt((1 - beta_2) * optimizer.v) + optimizer.epsilon  # v is stored without the factor 1 - beta_2
    return Stability((2 + 2 * beta_1) / (1 - beta_1), of_m / math.sqrt(of_v) * root)


FORMULAS: dict[type[Optimizer], Callable[[Any], Stability]] = {SGD: _of_sgd, RMSprop: _of_rmsprop, Adam: _of_adam}


def stability(who: str, optimizer: Optimizer) -> Stability:
    """Return the limit and the preconditioner of an optimizer in its present state."""
    if type(optimizer) not in FORMULAS:
        known = ", ".join(kind.__name__ for kind in FORMULAS)
        raise SettingError(f"{who}: the stable rate is known for {known}, got {optimizer!r}; pass optimizer=SGD()")
    name = type(optimizer).__name__
    if type(optimizer) is not SGD and not getattr(optimizer, "iterations", 0):
        remedy = "fit the model first, or pass optimizer=SGD()"
        raise SettingError(f"{who}: {name} scales its steps by past gradients and has made no step; {remedy}")
    return FORMULAS[type(optimizer)](optimizer)


def stable_learning_rate(
    model: Model,
    x: Any,
    y: Any,
    *,
    optimizer: Optimizer | None = None,
    sample_weight: Any = None,
    training: bool = True,
) -> float:
    """The largest stable learning rate of training on all rows as one batch, at the present weights.

    On a parabola of curvature lambda a step of gradient descent overshoots, and the loss grows, if the rate is above
    2 / lambda. With lambda the largest eigenvalue of the Hessian:

    SGD                2 / lambda
    SGD, momentum mu   2 (1 + mu) / lambda;  nesterov  2 (1 + mu) / ((1 + 2 mu) lambda)
    RMSprop            2 (1 + mu) / lambda,  lambda of P^-1 H,  P = diag(sqrt(v + epsilon))
    Adam               2 (1 + beta_1) / ((1 - beta_1) lambda),  lambda of P^-1 H,  P = diag(sqrt(v) + epsilon), with the
                       corrections of its first steps

    Infinite if no eigenvalue is positive. RMSprop and Adam must have made steps, which P depends on. Mini-batches need
    a smaller rate. Training changes lambda: a network that starts below the edge may come to it (Cohen et al. 2021;
    for Adam and RMSprop Cohen et al. 2022).

    optimizer  None: that of the model
    The other arguments are those of `hessian_vector_product`.
    """
    who = "stable_learning_rate"
    products = linked(who, model, x, y, sample_weight, training)
    optimizer = model.optimizer if optimizer is None else optimizer
    found = stability(who, validation.check_instance(who, "optimizer", optimizer, Optimizer))
    return stable_rate(products, found)


def stable_rate(products: Products, stability: Stability) -> float:
    """Return limit / largest eigenvalue, infinite if that is not positive."""
    p = stability.preconditioner
    # P^-1 H and P^-1/2 H P^-1/2 have the same eigenvalues, and the latter is symmetric
    scale = None if p is None else 1 / np.sqrt(p.astype(np.float64))
    sharpness = float(largest(products, scale=scale).values[0])
    return stability.limit / sharpness if sharpness > 0 else math.inf
