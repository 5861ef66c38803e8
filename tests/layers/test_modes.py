"""Training and inference: layers that differ do so as documented, and only training changes a model."""

import copy

import numpy as np
import pytest

from minidl import NotBuiltError, Sequential, SettingError
from minidl.layers import BatchNormalization, Dense, Dropout, GaussianNoise, ReLU, Sigmoid
from minidl.metrics import AUC, F1Score
from minidl.optimizers import SGD


def rows(m=40, n=3, seed=0):
    return np.random.default_rng(seed).normal(2, 5, (m, n))


@pytest.mark.parametrize("layer", [BatchNormalization(), Dropout(0.5), GaussianNoise(0.5)], ids=repr)
def test_layers_that_differ_between_training_and_inference(layer):
    model = Sequential([layer.clone()], seed=0, dtype="float64")
    model.build((3,))
    layer, x = model.layers[0], rows()
    outside = layer.forward(x)
    assert not np.allclose(layer.forward(x, training=True), outside)
    if not isinstance(layer, BatchNormalization):  # whose statistics have moved
        assert np.array_equal(layer.forward(x), outside)
        assert np.array_equal(outside, x)


# ---- noise


def noisy(stddev, x, seed=0):
    layer = GaussianNoise(stddev)
    layer.rng = np.random.default_rng(seed)
    return layer.forward(x, training=True)


def test_noise_has_its_deviation_and_no_mean():
    noise = noisy(0.3, np.ones((500, 400))) - 1
    n = noise.size
    assert abs(noise.mean()) < 5 * 0.3 / np.sqrt(n)
    assert abs(noise.var() - 0.09) < 5 * 0.09 * np.sqrt(2 / n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_keeps_the_dtype_and_does_not_depend_on_it(dtype):
    zeros = np.zeros((50, 4), dtype)
    assert noisy(0.3, zeros).dtype == dtype
    assert np.allclose(noisy(0.3, zeros), noisy(0.3, zeros.astype(complex)), rtol=1e-6)


def test_noise_passes_slopes_on_and_is_nothing_at_0():
    x = rows()
    assert GaussianNoise(0.3).backward(x) is x
    assert noisy(0.0, x) is x


def test_noise_must_not_be_negative_and_needs_a_generator():
    with pytest.raises(SettingError, match=r"GaussianNoise: stddev must be in \[0, inf\), got -1"):
        GaussianNoise(-1)
    with pytest.raises(NotBuiltError, match="GaussianNoise draws random numbers: put it into a model"):
        GaussianNoise(1).forward(rows(), training=True)


# ---- what evaluate leaves alone


def remembered(model):
    """All that a training goes on from."""
    state = {path: array.copy() for path, array in model.layer.named_state().items()}
    state |= {"theta": model.params.theta.copy(), "rng": copy.deepcopy(model.rng.bit_generator.state)}
    optimizer = {name: copy.deepcopy(value) for name, value in vars(model.optimizer).items()}
    return state | {f"optimizer {name}": value for name, value in optimizer.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_evaluate_and_predict_never_change_the_model(dtype):
    layers = [GaussianNoise(0.1), Dense(6), BatchNormalization(), ReLU(), Dropout(0.3), Dense(1), Sigmoid()]
    model = Sequential(layers, seed=0, dtype=dtype)
    model.compile(SGD(0.1, momentum=0.9), metrics=["accuracy", AUC(), F1Score()])
    x, y = rows(), np.arange(40) % 2
    model.fit(x, y, batch_size=16, epochs=3)
    before = remembered(model)
    first = model.evaluate(x, y)
    outputs = model.predict(x)
    model.evaluate(x[:5], y[:5])
    assert np.array_equal(model.evaluate(x, y), first)
    assert np.array_equal(model.predict(x), outputs)
    after = remembered(model)
    assert before.keys() == after.keys()
    assert {"batch_normalization/moving_mean", "batch_normalization/moving_variance"} < before.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
