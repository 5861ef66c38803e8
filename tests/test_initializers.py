"""Where parameters start: moments, bounds and fans, on samples large enough to tell."""

import math

import numpy as np
import pytest

from minidl import NotBuiltError, initializers
from minidl.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    Initializer,
    LecunNormal,
    Ones,
    RandomNormal,
    RandomUniform,
    VarianceScaling,
    Zeros,
    fans,
)
from minidl.parameters import Parameter

SHAPE = (400, 600)  # 240,000 draws: the fan-in is 400, the fan-out 600


def draw(initializer, seed=0):
    return initializer(SHAPE, np.random.default_rng(seed))


def agrees(w, deviation, kurtosis):
    """Mean 0 and this standard deviation, each within five standard errors."""
    n = w.size
    error_of_variance = deviation**2 * math.sqrt((kurtosis - 1) / n)
    return abs(w.mean()) < 5 * deviation / math.sqrt(n) and abs(w.var() - deviation**2) < 5 * error_of_variance


# The formulas of the papers: LeCun et al. 1998 (4.6), He et al. 2015 (eq. 10), Glorot & Bengio 2010 (eq. 12)
@pytest.mark.parametrize(
    ("initializer", "deviation"),
    [
        (LecunNormal(), math.sqrt(1 / 400)),
        (HeNormal(), math.sqrt(2 / 400)),
        (GlorotNormal(), math.sqrt(2 / 1000)),
        (RandomNormal(), 0.05),
        (RandomNormal(stddev=10), 10),
        (VarianceScaling(2, "fan_in", "untruncated_normal"), math.sqrt(2 / 400)),
        (VarianceScaling(1, "fan_out", "untruncated_normal"), math.sqrt(1 / 600)),
        (VarianceScaling(1, "fan_avg", "untruncated_normal"), math.sqrt(1 / 500)),
    ],
)
def test_normal_initializers_have_the_deviation_of_their_paper(initializer, deviation):
    w = draw(initializer)
    assert agrees(w, deviation, kurtosis=3)
    assert np.abs(w).max() > 3 * deviation  # not truncated


# Glorot & Bengio 2010, eq. 16; the deviation of U[-a, a] is a / sqrt(3), its kurtosis 9 / 5
@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        (GlorotUniform(), math.sqrt(6 / 1000)),
        (RandomUniform(), 0.05),
        (VarianceScaling(1, "fan_avg", "uniform"), math.sqrt(6 / 1000)),
        (VarianceScaling(2, "fan_in", "uniform"), math.sqrt(6 / 400)),
    ],
)
def test_uniform_initializers_fill_their_interval(initializer, limit):
    w = draw(initializer)
    assert agrees(w, limit / math.sqrt(3), kurtosis=1.8)
    assert 0.999 * limit < np.abs(w).max() <= limit


def test_the_truncated_normal_has_the_variance_and_the_bound_of_keras():
    w = draw(VarianceScaling(2))
    deviation = math.sqrt(2 / 400)
    # Keras 3.15.1: drawn within 2 deviations of sqrt(2 / n) / 0.87962566103423978, so |w| < 2.2737 sqrt(2 / n)
    bound = 2 * deviation / 0.87962566103423978
    assert 0.999 * bound < np.abs(w).max() < bound
    # kurtosis of N(0, 1) within two deviations, from scipy.stats.truncnorm(-2, 2) 1.17.1: excess -0.6344632828703505
    assert agrees(w, deviation, kurtosis=3 - 0.6344632828703505)


def test_the_truncated_normal_is_distributed_as_scipy_says():
    stats = pytest.importorskip("scipy.stats")
    z = initializers.truncated_normal((200_000,), np.random.default_rng(0))
    assert stats.kstest(z, stats.truncnorm(-2, 2).cdf).pvalue > 1e-6


@pytest.mark.parametrize(("initializer", "value"), [(Zeros(), 0), (Ones(), 1), (Constant(2.5), 2.5)])
def test_constants(initializer, value):
    assert (initializer((3, 2), np.random.default_rng(0)) == value).all()


# Keras 3.15.1, keras.src.initializers.random_initializers.compute_fans
@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((7,), (7, 7)), ((3, 5), (3, 5)), ((2, 3, 5), (6, 10)), ((3, 3, 4, 8), (36, 72))],
)
def test_fans_are_those_of_keras(shape, expected):
    assert fans(shape) == expected


@pytest.mark.parametrize("name", initializers.INITIALIZERS)
def test_the_same_generator_state_gives_the_same_values(name):
    initializer = initializers.get("here", name)
    assert np.array_equal(draw(initializer, 3), draw(initializer, 3))
    if name not in ("zeros", "ones"):
        assert not np.array_equal(draw(initializer, 3), draw(initializer, 4))


def test_an_initializer_of_ones_own_says_what_it_must_write():
    class Mine(Initializer):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine must write __call__\(shape, rng\)"):
        Mine()((2,), np.random.default_rng(0))


def test_a_parameter_outside_a_model_has_no_storage():
    with pytest.raises(NotBuiltError, match="it gets it when its model is built"):
        _ = Parameter((2,), "zeros").value
