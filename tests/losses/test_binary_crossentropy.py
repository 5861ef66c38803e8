"""BinaryCrossentropy against mpmath and by hand, from logits and from probabilities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.losses import (
    BinaryCrossentropy,
)

LOGITS = BinaryCrossentropy(from_logits=True)


# logit z, loss for y = 0, loss for y = 1, sigmoid(z): mpmath 1.3.0 with mp.dps = 1000, rounded to float64:
# p = 1 / (1 + exp(-mpf(z))); -log(1 - p), -log(p), p
EXACT = [
    (-1000, 0.0, 1000.0, 0.0),
    (-700, 9.85967654375977e-305, 700.0, 9.85967654375977e-305),
    (-100, 3.720075976020836e-44, 100.0, 3.720075976020836e-44),
    (-36.5, 1.4068617124461467e-16, 36.5, 1.4068617124461467e-16),
    (-20, 2.061153620314381e-09, 20.000000002061153, 2.0611536181902037e-09),
    (-3, 0.04858735157374206, 3.048587351573742, 0.04742587317756678),
    (-0.5, 0.4740769841801067, 0.9740769841801067, 0.37754066879814546),
    (-1e-09, 0.6931471800599454, 0.6931471810599453, 0.49999999975),
    (0, 0.6931471805599453, 0.6931471805599453, 0.5),
    (1e-09, 0.6931471810599453, 0.6931471800599454, 0.50000000025),
    (0.5, 0.9740769841801067, 0.4740769841801067, 0.6224593312018546),
    (3, 3.048587351573742, 0.04858735157374206, 0.9525741268224333),
    (20, 20.000000002061153, 2.061153620314381e-09, 0.9999999979388464),
    (36.5, 36.5, 1.4068617124461467e-16, 0.9999999999999999),
    (100, 100.0, 3.720075976020836e-44, 1.0),
    (700, 700.0, 9.85967654375977e-305, 1.0),
    (1000, 1000.0, 0.0, 1.0),
]


def column(*values, dtype=np.float64):
    return np.array(values, dtype)[:, None]


# ---- from logits


@pytest.mark.parametrize(("z", "loss0", "loss1", "p"), EXACT)
def test_crossentropy_from_logits_equals_mpmath(z, loss0, loss1, p):
    for y, loss in ((0.0, loss0), (1.0, loss1)):
        value, derivative = LOGITS.terms(column(z), column(y))
        # where y = 1 and z is large, max(z, 0) - y z is 0 exactly and the tail alone is left
        assert value[0] == pytest.approx(loss, rel=4e-16, abs=1e-307)
        assert derivative[0, 0] == pytest.approx(p - y, rel=4e-16, abs=2e-16 if y else 1e-307)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_crossentropy_is_finite_for_every_finite_logit(dtype):
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp, info.maxexp, 1 if dtype is np.float32 else 8)
    sizes = [*np.ldexp(dtype(1), exponents), info.max, info.tiny, info.smallest_subnormal, dtype(0)]
    for z in [*sizes, *(-size for size in sizes)]:
        for y in (0, 0.25, 1):
            value, derivative = LOGITS.terms(column(z, dtype=dtype), column(y, dtype=dtype))
            assert value.dtype == derivative.dtype == dtype
            assert np.isfinite(value).all()
            assert -1 <= derivative[0, 0] <= 1
            assert value[0] >= 0
            if (z > 0) != (y == 1) and y in (0, 1):
                assert value[0] >= abs(z)  # on the wrong side the loss is never less than the logit


@given(st.floats(-1e300, 1e300))
def test_swapping_the_classes_and_the_sign_of_the_logit_changes_nothing(z):
    one, derivative_one = LOGITS.terms(column(z), column(1.0))
    zero, derivative_zero = LOGITS.terms(column(-z), column(0.0))
    assert one[0] == pytest.approx(zero[0], rel=1e-15, abs=1e-300)
    assert derivative_one[0, 0] == pytest.approx(-derivative_zero[0, 0], abs=3e-16)


def test_soft_labels():
    # -0.25 log(p) - 0.75 log(1 - p) at p = sigmoid(log 3) = 3/4
    value, derivative = LOGITS.terms(column(math.log(3)), column(0.25))
    assert value[0] == pytest.approx(-0.25 * math.log(0.75) - 0.75 * math.log(0.25), rel=1e-15)
    assert derivative[0, 0] == pytest.approx(0.5, rel=1e-15)


def test_several_outputs_are_averaged():
    z, y = np.array([[0.0, 3.0]]), np.array([[1.0, 0.0]])
    # the rows of 0 and 3 in EXACT
    assert LOGITS.value(z, y) == pytest.approx((0.6931471805599453 + 3.048587351573742) / 2, rel=1e-15)
    assert np.allclose(LOGITS.terms(z, y)[1], [[-0.25, 0.9525741268224333 / 2]], rtol=1e-15)


# ---- from probabilities


def test_crossentropy_of_probabilities_by_hand():
    value, derivative = BinaryCrossentropy().value_and_gradient(column(0.8, 0.25), column(1.0, 0.0))
    assert value == pytest.approx((-math.log(0.8) - math.log(0.75)) / 2, rel=1e-15)
    assert np.allclose(derivative, column(-1 / 0.8 / 2, 1 / 0.75 / 2), rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_probabilities_are_clipped_by_the_rounding_unit_of_their_dtype(dtype, y):
    eps = {np.float32: 2.0**-23, np.float64: 2.0**-52}[dtype]  # IEEE 754
    wrong = column(1 - y, dtype=dtype)
    value, derivative = BinaryCrossentropy().terms(wrong, column(y, dtype=dtype))
    assert value[0] == pytest.approx(-math.log(eps), rel=1e-6)
    assert derivative[0, 0] == 0  # constant outside the clip
    right = BinaryCrossentropy().terms(column(y, dtype=dtype), column(y, dtype=dtype))[0]
    assert 0 <= right[0] <= 1.1 * eps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_losses_of_logits_and_of_probabilities_agree_between_the_clips(dtype):
    z = np.linspace(-10, 10, 201, dtype=dtype)[:, None]
    p, y = 1 / (1 + np.exp(-z)), np.random.default_rng(0).integers(0, 2, z.shape).astype(dtype)
    from_logits, derivative = LOGITS.terms(z, y)
    from_probabilities, derivative_p = BinaryCrossentropy().terms(p, y)
    tolerance = 1e5 * np.finfo(dtype).eps  # 1 - p loses exp(10) units
    assert np.allclose(from_logits, from_probabilities, rtol=tolerance, atol=tolerance)
    assert np.allclose(derivative, derivative_p * p * (1 - p), rtol=tolerance, atol=tolerance)


def test_smoothed_labels_by_hand():
    # 1 becomes 0.9, 0 becomes 0.1
    loss = BinaryCrossentropy(label_smoothing=0.2)
    value, derivative = loss.terms(column(0.8, 0.25), column(1.0, 0.0))
    expected = [-0.9 * math.log(p) - 0.1 * math.log(1 - p) for p in (0.8, 0.75)]
    assert np.allclose(value, expected, rtol=1e-15)
    assert np.allclose(loss.on_logits().terms(column(math.log(4)), column(1.0))[1], 0.8 - 0.9, rtol=1e-14)
    assert derivative[0, 0] == pytest.approx((0.8 - 0.9) / (0.8 * 0.2), rel=1e-14)
