"""Bounds on rounding errors: how far rounding alone can move a claimed gradient from the derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers import Layer
from ._differentiation import EPS, largest

NOISE = 32  # a sum of many rounded terms is wrong by a few rounding units of the largest
UNDERFLOW = float(np.finfo(np.float64).tiny) / EPS  # below it numbers lose their digits one by one


def bound(size: float) -> float:
    """The rounding error of a number that is computed from numbers of this size."""
    return NOISE * EPS * size


def chain_bounds(
    leaves: tuple[Layer, ...], inputs: list[np.ndarray], dy: Any, unit: float, claimed: dict[int, np.ndarray]
) -> dict[int, float]:
    """The rounding error of each parameter's gradient in a chain of layers that have run forward on the inputs.

    dy       the gradient that enters the chain, with rounding errors of size `unit`
    claimed  the gradients by the id of their parameter, as the result

    Each layer adds rounding errors of the gradient that reaches it; its own backward carries them further down.
    """
    rng = np.random.default_rng(2)
    errors = {key: largest(gradient) for key, gradient in claimed.items()}
    noise: Any = unit * _signs(dy.shape, rng)  # errors are in rounding units
    for leaf, x in zip(reversed(leaves), reversed(inputs), strict=True):
        incoming, own = max(largest(dy), largest(noise)), list(leaf.named_parameters().values())
        sizes = [largest(x), *(largest(parameter.value) for parameter in own)]
        inside = incoming * max(1.0, sizes[0]) * max(1.0, *sizes)
        below = leaf.backward(noise)
        of_noise = [parameter.grad.copy() for parameter in own]
        at_zero = leaf.backward(np.zeros_like(noise))  # 0, if backward is linear in dy as it should be
        for parameter, grad in zip(own, of_noise, strict=True):
            errors[id(parameter)] += max(largest(grad - parameter.grad), inside)
        dy = leaf.backward(dy)
        if below is None or dy is None:
            break
        noise = below - at_zero + max(incoming, largest(dy)) * _signs(below.shape, rng)
    return {key: bound(error) + UNDERFLOW for key, error in errors.items()}


def _signs(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Numbers of size 1 to 2 and either sign, which do not cancel."""
    return rng.uniform(1, 2, shape) * (1 - 2 * rng.integers(0, 2, shape))
