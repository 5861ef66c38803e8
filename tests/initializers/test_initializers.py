"""Initializers: moments, bounds and fans, on samples large enough to tell."""

import math

import numpy as np
import pytest
from scipy import stats

from minidl import NotBuiltError, SettingError, ShapeError, initializers
from minidl.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
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
        (LecunUniform(), math.sqrt(3 / 400)),
        (HeUniform(), math.sqrt(6 / 400)),
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


def test_truncated_normal_lies_within_two_deviations():
    w = draw(TruncatedNormal(mean=1, stddev=0.3))
    assert 0.999 * 0.6 < np.abs(w - 1).max() < 0.6
    # scipy.stats.truncnorm(-2, 2) 1.17.1: standard deviation 0.8796256610342398, excess kurtosis -0.6344632828703505
    assert agrees(w - 1, 0.3 * 0.8796256610342398, kurtosis=3 - 0.6344632828703505)


def test_the_truncated_normal_has_the_distribution_of_scipy():
    z = initializers.truncated_normal((200_000,), np.random.default_rng(0))
    assert stats.kstest(z, stats.truncnorm(-2, 2).cdf).pvalue > 1e-6


# ---- matrices


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (1, 4), (2, 3, 4), (3, 2, 9)])
def test_orthogonal_matrices_have_orthonormal_columns_or_rows(shape):
    w = Orthogonal(gain=2)(shape, np.random.default_rng(0)).reshape(-1, shape[-1]) / 2
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    assert np.allclose(product, np.eye(min(w.shape)), atol=1e-14)


def test_orthogonal_matrices_are_uniform():
    # of a uniform orthogonal matrix every entry has mean 0 and variance 1 / n (Mezzadri 2007); qr alone makes the
    # diagonal of R, and so the first column, lean to one side
    rng = np.random.default_rng(0)
    draws = np.array([Orthogonal()((3, 3), rng) for _ in range(4000)])
    assert np.abs(draws.mean(axis=0)).max() < 5 * math.sqrt(1 / 3 / 4000)
    assert np.abs(draws.var(axis=0) - 1 / 3).max() < 0.03


def test_identity():
    rng = np.random.default_rng(0)
    assert np.array_equal(Identity(gain=2)((2, 3), rng), [[2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize(("initializer", "shape"), [(Orthogonal(), (3,)), (Identity(), (3,)), (Identity(), (2, 2, 2))])
def test_shapes_that_are_not_matrices_raise_an_error(initializer, shape):
    name = type(initializer).__name__
    with pytest.raises(ShapeError, match=f"{name} makes matrices, but the parameter has shape .* try "):
        initializer(shape, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant("0"), r"Constant: value must be in \(-inf, inf\), got '0'"),
        (lambda: Constant(math.nan), r"Constant: value must be in \(-inf, inf\), got nan"),
        (lambda: RandomNormal(mean=None), r"RandomNormal: mean must be in \(-inf, inf\), got None"),
        (lambda: RandomUniform(-math.inf), r"RandomUniform: minval must be in \(-inf, inf\), got -inf"),
        (lambda: RandomUniform(1, 0.5), r"RandomUniform: maxval must be in \[1.0, inf\), got 0.5"),
        (lambda: TruncatedNormal(stddev=-1), r"TruncatedNormal: stddev must be in \[0, inf\), got -1"),
        (lambda: TruncatedNormal(mean="0"), "TruncatedNormal: mean must be in"),
        (lambda: Orthogonal(math.inf), r"Orthogonal: gain must be in \(-inf, inf\), got inf"),
        (lambda: Identity(None), r"Identity: gain must be in \(-inf, inf\), got None"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


# ---- constants and names


@pytest.mark.parametrize(("initializer", "value"), [(Zeros(), 0), (Ones(), 1), (Constant(2.5), 2.5)])
def test_constants(initializer, value):
    assert (initializer((3, 2), np.random.default_rng(0)) == value).all()


# Keras 3.15.1, keras.src.initializers.random_initializers.compute_fans
@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((7,), (7, 7)), ((3, 5), (3, 5)), ((2, 3, 5), (6, 10)), ((3, 3, 4, 8), (36, 72))],
)
def test_fans_equal_keras(shape, expected):
    assert fans(shape) == expected


@pytest.mark.parametrize("name", initializers.INITIALIZERS)
def test_the_same_generator_state_gives_the_same_values(name):
    initializer = initializers.get("here", name)
    assert np.array_equal(draw(initializer, 3), draw(initializer, 3))
    if name not in ("zeros", "zero", "ones", "one", "constant", "identity"):
        assert not np.array_equal(draw(initializer, 3), draw(initializer, 4))


def test_the_strings_are_those_of_keras():
    # Keras 3.15.1, keras.src.initializers.ALL_OBJECTS_DICT, its snake-case keys but for "initializer" and "stft"
    keras = (
        "constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform normal one ones"
    )
    keras += " orthogonal random_normal random_uniform truncated_normal uniform variance_scaling zero zeros"
    assert sorted(initializers.INITIALIZERS) == keras.split()


def test_a_custom_initializer_without_call_raises_an_error():
    class Mine(Initializer):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine must write __call__\(shape, rng\)"):
        Mine()((2,), np.random.default_rng(0))


def test_a_parameter_outside_a_model_has_no_values():
    with pytest.raises(NotBuiltError, match="this parameter has no values yet: build its model first"):
        _ = Parameter((2,), "zeros").value
