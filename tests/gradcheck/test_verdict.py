"""Kinks are proved and noise is measured: which differences are excused, and which are not."""

import numpy as np
import pytest

from minidl.gradcheck import check_gradient

METHODS = pytest.mark.parametrize("method", ["auto", "central"])


def verdict(f, gradient, theta, method="auto"):
    return check_gradient(f, gradient, np.array(theta), method=method, raise_on_failure=False)


def relu(t):
    return np.maximum(t, 0).sum()


def entropy(t):
    return (t * np.log(t)).sum()


NO_KINKS = {
    "another value at a smooth point": (lambda t: (t**2).sum(), lambda t: np.where(t == 0, 5.0, 2 * t), [0.0, 1.0]),
    "a slope lost by a mask": (lambda t: (3 * t).sum(), lambda t: 3.0 * (t != 0), [0.0, 1.0]),
    "0 where t log t is straight": (entropy, lambda t: np.where(t == 1, 0, np.log(t) + 1), [1.0, 2.0]),
    "5 at the corner of ReLU": (relu, lambda t: np.where(t == 0, 5.0, t > 0), [0.0, 1.0]),
    "1.2 at the corner of ReLU": (relu, lambda t: np.where(t == 0, 1.2, t > 0), [0.0, 1.0]),
    "twice the slope next to a corner": (
        lambda t: np.abs(t).sum(),
        lambda t: np.where(np.abs(t) < 1e-5, 2, 1) * np.sign(t),
        [1e-6, 1.0],
    ),
}


@METHODS
@pytest.mark.parametrize("name", NO_KINKS)
def test_a_gradient_that_is_right_aside_is_no_kink(name, method):
    f, gradient, theta = NO_KINKS[name]
    report = verdict(f, gradient, theta, method)
    assert not report.passed
    assert report.kinks == 0


def tied(t):
    return 1.0 * (t == t.max()) / (t == t.max()).sum()


KINKS = {
    "ReLU, 0": (relu, lambda t: 1.0 * (t > 0), [0.0, 1.0, -1.0]),
    "ReLU, 1": (relu, lambda t: 1.0 * (t >= 0), [0.0, 1.0, -1.0]),
    "ReLU, 0.5": (relu, lambda t: np.where(t == 0, 0.5, t > 0), [0.0, 1.0, -1.0]),
    "modulus": (lambda t: np.abs(t).sum(), np.sign, [0.0, 1.0, -1.0]),
    "first of two maxima": (np.max, lambda t: 1.0 * (np.arange(3) == t.argmax()), [1.0, 1.0, 0.0]),
    "maxima that share": (np.max, tied, [1.0, 1.0, 0.0]),
    "median of equal numbers": (np.median, lambda t: 1.0 * (np.arange(5) == np.argsort(t)[2]), [1.0] * 5),
    "clip, edges inside": (lambda t: np.clip(t, -1, 1).sum(), lambda t: 1.0 * (np.abs(t) <= 1), [1.0, -1.0, 0.5, 2.0]),
    "clip, edges outside": (lambda t: np.clip(t, -1, 1).sum(), lambda t: 1.0 * (np.abs(t) < 1), [1.0, -1.0, 0.5, 2.0]),
    "close to a corner": (lambda t: np.abs(t).sum(), np.sign, [1e-6, -1e-7, 1e-8, 1e-9, 1.0]),
}


@METHODS
@pytest.mark.parametrize("name", KINKS)
def test_a_gradient_at_a_kink_is_right_if_it_lies_between_the_sides(name, method):
    f, gradient, theta = KINKS[name]
    assert verdict(f, gradient, theta, method).passed


def test_corners_that_open_to_both_sides_are_kinks_each():
    # along w both slopes of the sum, 3 and 2, are larger than the gradient that all corners give: 0
    x, dy = np.array([1.0, 2.0, -1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    report = check_gradient(
        lambda w: np.maximum(x * w, 0) * dy, lambda w: (dy * x * (x * w > 0))[:, None], np.zeros(1), method="central"
    )
    assert report.passed


# ---- noise


def solved(t):
    """x = cos(0.7 x) + 0.3 t by iteration, to 1e-9."""
    x = np.ones_like(np.real(t))
    for _ in range(200):
        x, before = np.cos(0.7 * x) + 0.3 * np.real(t), x
        if np.abs(x - before).max() < 1e-9:
            break
    return x


def solved_gradient(t):
    return 0.3 / (1 + 0.7 * np.sin(0.7 * solved(t)))


def narrow(t):
    return (np.sin(t.astype(np.float32)) ** 2).sum()


THETA = [0.13, -0.13, 0.64]
COARSE = {
    "a solver that stops early": (lambda t: solved(t).sum(), solved_gradient),
    "float32 inside": (lambda t: np.float64(narrow(t)), lambda t: 2 * np.sin(t) * np.cos(t)),
    "a float32 loss": (narrow, lambda t: 2 * np.sin(t) * np.cos(t)),
    "float32 in one term": (
        lambda t: (t.real**2).sum() + np.float64(narrow(t.real)),
        lambda t: 2 * t + 2 * np.sin(t) * np.cos(t),
    ),
    "a float32 buffer": (lambda t: np.asarray(t.real**2, np.float32).astype(float).sum(), lambda t: 2 * t),
}


@METHODS
@pytest.mark.parametrize("name", COARSE)
def test_noise_is_not_wrong_and_hides_no_mistake_of_a_percent(name, method):
    f, gradient = COARSE[name]
    assert verdict(f, gradient, THETA, method).passed
    assert not verdict(f, lambda t: 1.01 * gradient(t), THETA, method).passed


def test_how_many_digits_can_be_seen_is_noted():
    report = verdict(*COARSE["float32 inside"], THETA)
    assert 1e-8 < report.tensors["theta"].coarse < 1e-3
    assert any("digits, which is all that can be measured" in note for note in report.notes)


@METHODS
def test_a_complex_step_of_0_is_not_trusted_where_the_value_moves(method):
    f, theta = lambda t: t[0] ** 2 + 1e-6 * np.abs(t[1]), [0.5, 0.7]
    assert verdict(f, lambda t: np.array([2 * t[0], 1e-6 * np.sign(t[1])]), theta, method).method == "central"
    assert not verdict(f, lambda t: np.array([2 * t[0], 0.0]), theta, method).passed


@METHODS
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_gradient_that_is_0_throughout_passes(scale, method):
    def normalized(x, dy=None):
        centred = scale * (x - x.mean(axis=0))
        deviation = np.sqrt((centred**2).mean(axis=0) + 1e-5)
        y = centred / deviation
        return y if dy is None else scale * (dy - dy.mean(axis=0) - y * (dy * y).mean(axis=0)) / deviation

    x = np.random.default_rng(0).standard_normal((8, 3))
    gradient = lambda x: normalized(x, np.ones_like(x))  # noqa: E731
    assert verdict(lambda x: normalized(x).sum(), gradient, x, method).passed
    assert not verdict(lambda x: normalized(x).sum(), lambda x: gradient(x) + 1e-3, x, method).passed


@METHODS
def test_steps_are_as_short_as_the_function_needs(method):
    assert verdict(lambda t: np.sqrt(t).sum(), lambda t: 0.5 / np.sqrt(t), [1e-10, 1e-6, 1.0], method).passed
    wave, slope = lambda t: np.cos(1e6 * np.abs(t)).sum() + 1, lambda t: -1e6 * np.sin(1e6 * np.abs(t)) * np.sign(t)
    assert verdict(wave, slope, [0.3, 0.0, 1.0], method).passed
    assert not verdict(wave, lambda t: 3 * slope(t), [0.3, 0.0, 1.0], method).passed


def test_a_function_that_cannot_be_resolved_is_said_to_be():
    noise = lambda t: np.sin(1e18 * np.real(t)).sum()  # noqa: E731
    report = verdict(noise, lambda t: 1e18 * np.cos(1e18 * t), [0.3, 0.7])
    assert report.passed
    assert report.tensors["theta"].unresolved == 2
    assert any("cannot be resolved" in note for note in report.notes)
