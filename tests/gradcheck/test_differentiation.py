"""Slopes from values alone, against functions whose derivatives are known."""

import math
import warnings

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from minidl import SettingError, numerical_gradient, relative_difference

FUNCTIONS = [  # f, f', both in closed form
    (np.sin, np.cos),
    (np.exp, np.exp),
    (lambda t: t**3, lambda t: 3 * t**2),
    (lambda t: 1 / (1 + np.exp(-t)), lambda t: scipy.special.expit(t) * scipy.special.expit(-t)),
    (np.tanh, lambda t: 1 / np.cosh(t) ** 2),
]


@pytest.mark.parametrize(("f", "derivative"), FUNCTIONS)
@pytest.mark.parametrize(("method", "tolerance"), [("complex", 1e-14), ("central", 1e-8)])
def test_known_derivatives(f, derivative, method, tolerance):
    for t in (-3.0, -0.5, 0.0, 1e-6, 2.0):
        assert numerical_gradient(f, t, method) == pytest.approx(derivative(t), rel=tolerance, abs=tolerance)


def test_of_an_array_as_scipy_has_it():
    x = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
    expected = scipy.optimize.rosen_der(x)
    for method, tolerance in (("complex", 1e-14), ("central", 1e-8), ("auto", 1e-14)):
        assert relative_difference(numerical_gradient(scipy.optimize.rosen, x, method), expected) < tolerance


def test_the_shape_is_that_of_theta():
    theta = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(numerical_gradient(lambda t: (t**2).sum(), theta), 2 * theta, rtol=1e-15)
    assert isinstance(numerical_gradient(lambda t: t * t, 3), float)
    assert numerical_gradient(lambda t: (t**2).sum(), np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("theta", [2, True, np.float32(0.1), np.int8(-3), [1, 2], np.float16([0.1, 0.2])], ids=repr)
def test_numbers_of_any_kind_are_taken_in_full_precision(theta):
    expected = np.cos(np.asarray(theta, float))
    np.testing.assert_allclose(numerical_gradient(lambda t: np.sin(t).sum(), theta, "central"), expected, rtol=1e-8)


def test_auto_turns_to_central_differences_where_complex_numbers_are_lost():
    # np.abs gives the modulus, a real array drops the imaginary part, math refuses complex numbers
    def through_real(t):
        y = np.empty(t.shape)
        y[...] = t
        return (y**2).sum()

    theta = np.array([0.5, -2.0])
    np.testing.assert_allclose(numerical_gradient(lambda t: np.abs(t).sum(), theta), [1, -1], rtol=1e-9)
    np.testing.assert_allclose(numerical_gradient(through_real, theta), 2 * theta, rtol=1e-9)
    assert numerical_gradient(math.sin, 1.0) == pytest.approx(math.cos(1.0), rel=1e-9)
    assert numerical_gradient(math.sin, 1.0) != math.cos(1.0)


def test_theta_is_not_written_even_by_a_function_that_writes():
    theta = np.ones(3)

    def doubles(t):
        t *= 2
        return t.sum()

    np.testing.assert_allclose(numerical_gradient(doubles, theta), 2)
    assert (theta == 1).all()


def test_bad_method():
    with pytest.raises(
        SettingError, match="numerical_gradient: method must be one of auto, complex, central, got 'fast'"
    ):
        numerical_gradient(np.sin, 1.0, "fast")


def test_relative_difference_is_the_notebooks_number():
    a, b = np.array([1.0, 2.0]), np.array([1.0, 2.2])
    by_hand = np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))
    assert relative_difference(a, b) == pytest.approx(by_hand, rel=1e-15)
    assert relative_difference(3.0, 3.0) == 0
    assert relative_difference(np.zeros(2), np.zeros(2)) == 0
    assert relative_difference([], []) == 0
    assert relative_difference(1.0, np.nan) == relative_difference(np.inf, np.inf) == 1


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5), st.floats(1e-300, 1e300))
def test_relative_difference_does_not_depend_on_the_scale(values, scale):
    a, b = np.array(values), np.array(values[::-1])
    unscaled = relative_difference(a, b)
    assert 0 <= unscaled <= 1
    if np.abs(scale * a).max() > 1e-300:
        assert relative_difference(scale * a, scale * b) == pytest.approx(unscaled, rel=1e-6, abs=1e-9)


def test_a_bend_as_sharp_as_the_step_hides_no_lost_imaginary_part():
    # |t|^2 near 0 is far from straight over a central step; over a shorter one it is not
    theta = np.array([1e-12, -1e-12])
    np.testing.assert_allclose(numerical_gradient(lambda t: (np.abs(t) ** 2).sum(), theta), 2 * theta, atol=1e-10)
    assert numerical_gradient(lambda t: np.sin(1e8 * t), 1.0) == pytest.approx(1e8 * math.cos(1e8), rel=1e-12)


def test_a_wave_as_short_as_the_step_hides_no_lost_imaginary_part():
    with pytest.raises(SettingError, match="f loses the imaginary parts"):
        numerical_gradient(lambda t: np.abs(np.sin(1e6 * t)) ** 2, 1.0, "complex")


def test_a_function_may_warn():
    def warns(t):
        warnings.warn("slow", stacklevel=2)
        return t**2

    with pytest.warns(UserWarning, match="slow"):
        assert numerical_gradient(warns, 3.0) == 6


@pytest.mark.parametrize(
    ("f", "theta", "words"),
    [
        (lambda t: 2 * t, np.ones(3), r"f\(theta\) must be a number, got an array of shape \(3,\)"),
        (lambda t: None, 1.0, r"f\(theta\) must be a number, got None"),
        (np.sin, "one", "theta is of type str"),
        (np.sin, 1j, "theta is of type complex"),
        (np.sin, [1.0, np.nan], r"theta\[1\] is nan"),
    ],
)
def test_what_has_no_gradient(f, theta, words):
    with pytest.raises(ValueError, match=f"numerical_gradient: {words}"):
        numerical_gradient(f, theta)


def test_the_complex_step_is_refused_where_imaginary_parts_are_lost():
    for f in (np.abs, math.sin):
        with pytest.raises(
            SettingError, match=r'numerical_gradient: f loses the imaginary parts .* "auto" or "central"'
        ):
            numerical_gradient(f, 1.0, "complex")
