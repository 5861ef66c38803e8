"""Activations against PyTorch and mpmath, and at the ends of the number range."""

import math

import numpy as np
import pytest

from minidl import SettingError, layers
from minidl.layers import (
    ELU,
    GELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    log_softmax,
)
from minidl.registry import ACTIVATIONS, entry_of
from tests.oracles.make_torch_layers import BETA, GAMMA, LAYERS, PATH, by_torch, drawn

EVERY = [*(kind() for kind in ACTIVATIONS.values()), GELU(approximate=True)]


def agrees(number, expected):
    kind, settings, _ = LAYERS[number]
    layer, data = getattr(layers, kind)(**settings), drawn()
    layer.build((4,))
    parameters = layer.parameters
    for name, value in zip(parameters, (GAMMA, BETA), strict=False):
        parameters[name].open(np.array(value, float), np.empty(4))
    found = {"y": layer.forward(data["x"], training=True), "dx": layer.backward(data["dy"])}
    found |= {name: parameter.grad for name, parameter in parameters.items()}
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert np.allclose(found[name], array, rtol=1e-12, atol=1e-13), name


@pytest.mark.parametrize("number", range(len(LAYERS)), ids=[f"{kind} {settings}" for kind, settings, _ in LAYERS])
def test_layers_equal_stored_pytorch(number):
    with np.load(PATH) as stored:
        assert str(stored["torch_version"]).startswith("2.13.0")
        assert np.array_equal(stored["x"], drawn()["x"])
        expected = {key.split("/")[1]: stored[key] for key in stored.files if key.startswith(f"{number}/")}
    agrees(number, expected)


@pytest.mark.peers
@pytest.mark.parametrize("number", range(len(LAYERS)), ids=[f"{kind} {settings}" for kind, settings, _ in LAYERS])
def test_layers_equal_pytorch(number):
    pytest.importorskip("torch")
    results = zip(("y", "dx", "gamma", "beta"), by_torch(LAYERS[number][2], **drawn()), strict=True)
    agrees(number, {name: array for name, array in results if array is not None})


# ---- relu and sigmoid


def test_relu_and_its_derivative_are_0_at_0():
    relu = ReLU()
    x = np.array([[-2.0, -0.0, 0.0, 1e-300, 3.0]])
    assert np.array_equal(relu.forward(x), [[0, 0, 0, 1e-300, 3]])
    assert np.array_equal(relu.backward(np.full((1, 5), 7.0)), [[0, 0, 0, 7, 7]])


def test_the_derivative_of_sigmoid():
    layer = Sigmoid()
    layer.forward(np.array([[0.0, 2.0]]))
    # y (1 - y) at 0 and at 2 with mpmath 1.3.0
    assert np.allclose(layer.backward(np.ones((1, 2))), [[0.25, 0.10499358540350651]], rtol=1e-14)


# ---- both tails


# mpmath 1.3.0, mp.dps = 60, rounded to float64: x, softplus(x), x ncdf(x), elu(x) = expm1(x), x / (1 + exp(-x))
EXACT = [
    (-30, 9.357622968839737e-14, -1.472014178144456e-196, -0.9999999999999064, -2.8072868906517896e-12),
    (-8, 0.00033540637289576885, -4.976768459417427e-15, -0.9996645373720975, -0.002682801043731825),
    (-2, 0.1269280110429725, -0.04550026389635842, -0.8646647167633873, -0.23840584404423512),
    (-0.5, 0.4740769841801067, -0.15426876936299344, -0.3934693402873666, -0.18877033439907273),
    (-1e-09, 0.6931471800599454, -4.999999996010577e-10, -9.999999995e-10, -4.9999999975e-10),
    (1e-09, 0.6931471810599453, 5.000000003989423e-10, 1e-09, 5.000000002500001e-10),
    (0.5, 0.9740769841801067, 0.34573123063700656, 0.5, 0.3112296656009273),
    (3, 3.048587351573742, 2.99595030590511, 3.0, 2.8577223804672998),
    (30, 30.000000000000092, 30.0, 30.0, 29.999999999997193),
]


@pytest.mark.parametrize(("x", "softplus", "gelu", "elu", "silu"), EXACT)
def test_the_tails_equal_mpmath(x, softplus, gelu, elu, silu):
    array, rel = np.array([[x]]), 1e-15 * (4 + x * x)  # half a unit off in x^2 / 2 shows in its exponential
    for layer, value in ((Softplus(), softplus), (GELU(), gelu), (ELU(), elu), (SiLU(), silu)):
        assert layer.forward(array)[0, 0] == pytest.approx(value, rel=rel, abs=0), layer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", EVERY, ids=repr)
def test_no_finite_input_overflows(layer, dtype):
    largest, interval = np.finfo(dtype).max, entry_of(layer).output_range
    sizes = np.array([0, np.finfo(dtype).tiny, 1e-30, 1, 20, 50, 100, 1000, 1e15, 1e30, largest], dtype)
    x = np.concatenate([-sizes[::-1], sizes])
    for rows in (x[:, None], x[None], x.reshape(11, 2)):
        y = layer.forward(rows)
        dx = layer.backward(np.ones_like(rows))
        assert y.dtype == dx.dtype == dtype
        assert np.isfinite(y).all()
        assert np.isfinite(dx).all()
        assert (y >= interval.low).all()
        assert (y <= interval.high).all()
        assert (np.abs(dx) < 1.2).all()  # the largest derivative is GELU's, 1.13


def test_the_derivatives_at_0():
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    for layer, derivative in ((LeakyReLU(0.2), 0.2), (ELU(0.7), 0.7), (GELU(), 0.5), (SiLU(), 0.5), (Softplus(), 0.5)):
        layer.forward(zero)
        assert layer.backward(one) == pytest.approx(derivative, rel=1e-15)


# ---- softmax


def test_softmax_by_hand():
    layer = Softmax()
    y = layer.forward(np.log([[1.0, 2, 5], [3, 3, 2]]))
    assert np.allclose(y, [[0.125, 0.25, 0.625], [0.375, 0.375, 0.25]], rtol=1e-15)
    # y (dy - sum dy y), dy the first unit vector
    assert np.allclose(layer.backward(np.array([[1.0, 0, 0]] * 2))[0], [0.125 * 0.875, -0.125 * 0.25, -0.125 * 0.625])


def test_softmax_does_not_change_if_a_number_is_added_to_a_row():
    x = np.random.default_rng(0).normal(size=(5, 3))
    y = Softmax().forward(x)
    assert np.allclose(Softmax().forward(x + 1e6), y, rtol=1e-9)
    assert np.allclose(y.sum(axis=1), 1, rtol=1e-15)


def test_softmax_works_along_the_last_axis():
    x, dy = np.random.default_rng(0).normal(size=(2, 5, 2, 3))
    deep, flat = Softmax(), Softmax()
    assert np.array_equal(deep.forward(x), flat.forward(x.reshape(10, 3)).reshape(5, 2, 3))
    assert np.array_equal(deep.backward(dy), flat.backward(dy.reshape(10, 3)).reshape(5, 2, 3))
    assert np.array_equal(log_softmax(x), log_softmax(x.reshape(10, 3)).reshape(5, 2, 3))


# ---- settings


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeakyReLU(-0.1), r"LeakyReLU: negative_slope must be in \[0, inf\), got -0.1"),
        (lambda: ELU(math.nan), r"ELU: alpha must be in \[0, inf\), got nan"),
        (lambda: GELU("tanh"), "GELU: approximate must be True or False, got 'tanh'"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()
