"""Products through every layer, loss and penalty, beside differences of the gradient, and their symmetry."""

import numpy as np
import pytest

from minidl.curvature import Products
from minidl.errors import SettingError
from minidl.layers import Flatten
from minidl.losses import Loss, MeanSquaredError, PenalizedLoss
from minidl.validation import REAL_LINE
from tests.gradcheck.test_table import LOSSES, PENALTIES
from tests.helpers.every_layer import ROWS, around

STEP = 1e-20


def extrapolated(gradient, point, v, h=1e-4):
    """Return the derivative of the gradient along v: central differences of two steps, extrapolated (Richardson)."""
    wide, narrow = ((gradient(point + s * v) - gradient(point - s * v)) / (2 * s) for s in (h, h / 2))
    return (4 * narrow - wide) / 3


def error(a, b):
    return np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-3)


def asymmetry(v, hv, w, hw):
    size = np.linalg.norm(v) * np.linalg.norm(hw) + np.linalg.norm(w) * np.linalg.norm(hv)
    return abs(w @ hv - v @ hw) / max(size, 1e-3)


def of_layer(layer, shape):
    """Return the objective of a network around the layer, with a batch and two directions."""
    model, x = around(layer, shape, "float64")
    rng = np.random.default_rng(0)
    model.compile(loss=MeanSquaredError())
    outputs = model.objective.forward(x, training=True).values.shape
    batch = model.examples("test", x, rng.standard_normal(outputs))
    theta = model.params.theta.size
    return model.objective, batch, rng.standard_normal(theta), rng.standard_normal(theta)


@pytest.mark.parametrize(("layer", "shape"), ROWS, ids=repr)
def test_layer(layer, shape):
    objective, batch, v, w = of_layer(layer, shape)
    products, theta = Products(objective, batch), objective.params.theta.copy()

    def gradient(point):
        private = objective.copy()  # with the generators where they are, for the same masks
        private.params.theta[:] = point
        private.gradient(batch)
        return private.params.grad.copy()

    hv, hw = products.hessian(v), products.hessian(w)
    assert error(products.gradient, gradient(theta)) < 1e-13
    assert error(hv, extrapolated(gradient, theta, v)) < 1e-9
    assert asymmetry(v, hv, w, hw) < 1e-14
    gv, gw = products.gauss_newton(v), products.gauss_newton(w)
    assert asymmetry(v, gv, w, gw) < 1e-14
    assert v @ gv >= -1e-14 * np.linalg.norm(v) * np.linalg.norm(gv)


def inside(interval, shape, rng):
    """Return random numbers well inside the interval."""
    if np.isfinite(interval.high - interval.low):
        return rng.uniform(interval.low + 0.05, interval.high - 0.05, shape)
    return 0.1 + abs(rng.standard_normal(shape)) if np.isfinite(interval.low) else rng.standard_normal(shape)


def forms(loss):
    return [loss] if loss.link is None or loss.from_logits else [loss, loss.on_logits()]


PLAIN_LOSSES = [(loss.loss if isinstance(loss, PenalizedLoss) else loss, outputs) for loss, outputs in LOSSES]


@pytest.mark.parametrize(
    ("loss", "outputs"), [(form, outputs) for loss, outputs in PLAIN_LOSSES for form in forms(loss)], ids=repr
)
def test_loss(loss: Loss, outputs):
    rng = np.random.default_rng(1)
    p = inside(REAL_LINE if loss.from_logits else loss.outputs, (6, outputs), rng)
    y = rng.integers(0, outputs, (6, 1)).astype(float) if loss.sparse else inside(loss.labels, p.shape, rng)
    weights = rng.uniform(0.5, 2, 6)

    def slope(p):
        return loss.value_and_gradient(p, y, weights)[1]

    v, w = rng.standard_normal(p.shape), rng.standard_normal(p.shape)
    hv, hw = (slope(p + 1j * STEP * d).imag / STEP for d in (v, w))
    np.testing.assert_allclose(slope(p + 1j * STEP * v).real, slope(p), 1e-12, 1e-14)
    assert error(hv, extrapolated(slope, p, v)) < 1e-9
    assert asymmetry(v.ravel(), hv.ravel(), w.ravel(), hw.ravel()) < 1e-14


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_penalty(penalty):
    rng = np.random.default_rng(2)
    penalty = penalty.of_vector((4, 3))
    theta, v, w = rng.standard_normal((3, 12))
    hv, hw = (penalty.gradient(theta + 1j * STEP * d, 5).imag / STEP for d in (v, w))
    assert error(hv, extrapolated(lambda point: penalty.gradient(point, 5), theta, v)) < 1e-9
    assert asymmetry(v, hv, w, hw) < 1e-14


def test_a_layer_that_casts_is_named():
    class Cast(Flatten):
        def backward(self, dy):
            return super().backward(dy.astype(np.float64))

    objective, batch, *_ = of_layer(Cast(), (6,))
    with pytest.raises(SettingError, match="cannot compute with complex numbers"):
        Products(objective, batch)
