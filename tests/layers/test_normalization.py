"""Normalization: normalized outputs, Keras's moving statistics. test_activations.py compares with PyTorch."""

import copy

import numpy as np
import pytest

from minidl import Sequential, SettingError, check_layer, check_model
from minidl.layers import BatchNormalization, Dense, LayerNormalization, ReLU, Residual, Sigmoid, Softmax
from tests.oracles.make_keras_numbers import PATH


def rows(m=40, n=3, seed=0):
    return np.random.default_rng(seed).normal(2, 5, (m, n))


def built(layer, shape=(3,), dtype="float64"):
    model = Sequential([layer], seed=0, dtype=dtype)
    model.build(shape)
    return layer


# ---- batch normalization


def test_outputs_and_moving_statistics_are_those_of_keras():
    with np.load(PATH) as stored:
        x, expected, moving = stored["numbers"].astype(float), stored["normalized"], stored["moving"]
    layer = built(BatchNormalization(momentum=0.8), (4,))
    layer.gamma.value, layer.beta.value = [0.5, 1, 2, -1], [0, 1, -1, 3]
    for number in range(4):
        y = layer.forward(x[10 * number : 10 * number + 10], training=number < 3)
        assert np.allclose(y, expected[number], rtol=1e-6, atol=1e-6)  # float32
    assert np.allclose([layer.moving_mean, layer.moving_variance], moving, rtol=1e-6)


def test_in_training_every_feature_has_mean_0_and_variance_1():
    y = built(BatchNormalization(epsilon=1e-12)).forward(rows(), training=True)
    assert np.allclose(y.mean(axis=0), 0, atol=1e-14)
    assert np.allclose(y.var(axis=0), 1, rtol=1e-12)


def test_epsilon_keeps_a_constant_feature_finite():
    layer = built(BatchNormalization())
    x = np.full((4, 3), 7.0)
    assert np.array_equal(layer.forward(x, training=True), np.zeros((4, 3)))
    assert np.array_equal(layer.backward(x), np.zeros((4, 3)))


def test_the_moving_statistics_move_by_the_momentum():
    layer, x = built(BatchNormalization(momentum=0.9)), rows()
    assert np.array_equal([layer.moving_mean, layer.moving_variance], [[0, 0, 0], [1, 1, 1]])
    layer.forward(x, training=True)
    assert np.allclose(layer.moving_mean, 0.1 * x.mean(axis=0), rtol=1e-14)
    assert np.allclose(layer.moving_variance, 0.9 + 0.1 * x.var(axis=0), rtol=1e-14)


def test_without_momentum_the_last_batch_counts():
    layer, x = built(BatchNormalization(momentum=0)), rows()
    layer.forward(rows(seed=1), training=True)
    assert np.allclose(layer.forward(x, training=True), layer.forward(x), rtol=1e-13)


def test_moving_statistics_are_replaced_and_not_written_into():
    layer = built(BatchNormalization())
    kept = layer.moving_mean, layer.moving_mean.copy()
    layer.forward(rows(), training=True)
    assert layer.moving_mean is not kept[0]
    assert np.array_equal(*kept)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("training", [False, True])
def test_everything_keeps_the_dtype(dtype, training):
    for layer in (BatchNormalization(), LayerNormalization()):
        x = rows().astype(dtype)
        assert built(layer, dtype=dtype).forward(x, training).dtype == dtype
        assert layer.backward(x).dtype == dtype
        if training:
            assert {getattr(layer, name).dtype.name for name in layer.state_names} <= {dtype}


def test_axes_between_the_rows_and_the_features_count_as_rows():
    x = np.random.default_rng(0).normal(size=(6, 5, 3))
    batch, flat = built(BatchNormalization(), (5, 3)), built(BatchNormalization())
    y = batch.forward(x, training=True)
    assert np.allclose(y.reshape(30, 3), flat.forward(x.reshape(30, 3), training=True), rtol=1e-12)
    assert np.allclose(batch.backward(x).reshape(30, 3), flat.backward(x.reshape(30, 3)), rtol=1e-12, atol=1e-15)
    assert np.allclose(batch.gamma.grad, flat.gamma.grad, rtol=1e-12)


# ---- layer normalization


def test_layer_normalization_makes_every_row_normal_by_itself():
    layer, x = built(LayerNormalization(epsilon=1e-12)), rows()
    y = layer.forward(x)
    assert np.allclose(y.mean(axis=1), 0, atol=1e-14)
    assert np.allclose(y.var(axis=1), 1, rtol=1e-10)
    assert np.array_equal(layer.forward(x, training=True), y)
    assert np.array_equal(layer.forward(x[3:4]), y[3:4])


def test_layer_normalization_goes_along_the_last_axis():
    x = np.random.default_rng(0).normal(size=(6, 5, 3))
    deep, flat = built(LayerNormalization(), (5, 3)), built(LayerNormalization())
    assert deep.gamma.shape == deep.beta.shape == (3,)
    assert np.allclose(deep.forward(x).reshape(30, 3), flat.forward(x.reshape(30, 3)), rtol=1e-13)
    assert np.allclose(deep.backward(x).reshape(30, 3), flat.backward(x.reshape(30, 3)), rtol=1e-12, atol=1e-15)
    assert np.allclose(deep.gamma.grad, flat.gamma.grad, rtol=1e-12)
    assert np.allclose(deep.beta.grad, flat.beta.grad, rtol=1e-12)


# ---- both


@pytest.mark.parametrize("kind", [BatchNormalization, LayerNormalization])
def test_scale_and_center_can_be_left_out(kind):
    model = Sequential([kind(scale=False), kind(center=False), kind(scale=False, center=False)])
    model.build((3,))
    assert [path.split("/")[1] for path in model.params] == ["beta", "gamma"]


@pytest.mark.parametrize("kind", [BatchNormalization, LayerNormalization])
def test_gamma_and_beta_start_at_1_and_0_and_are_not_penalized(kind):
    layer = built(kind())
    assert (layer.gamma.value == 1).all()
    assert (layer.beta.value == 0).all()
    assert not layer.gamma.penalized
    assert not layer.beta.penalized


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNormalization(epsilon=0), r"BatchNormalization: epsilon must be in \(0, inf\), got 0"),
        (lambda: LayerNormalization(epsilon=-1), r"LayerNormalization: epsilon must be in \(0, inf\), got -1"),
        (lambda: BatchNormalization(momentum=1.1), r"BatchNormalization: momentum must be in \[0, 1\], got 1.1"),
        (lambda: BatchNormalization(scale=1), "BatchNormalization: scale must be True or False, got 1"),
        (lambda: LayerNormalization(center=None), "LayerNormalization: center must be True or False, got None"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


# ---- the gradient checker: rows that depend on each other, statistics that move


NETWORKS = {
    "first": [BatchNormalization(), Dense(4), ReLU(), Dense(1), Sigmoid()],
    "between": [Dense(6), BatchNormalization(), ReLU(), Dense(5), BatchNormalization(scale=False), Dense(1), Sigmoid()],
    "before the loss": [Dense(2), BatchNormalization(center=False), Softmax()],
    "in a residual": [Dense(4), Residual(BatchNormalization(), ReLU(), Dense(4)), Dense(1), Sigmoid()],
    "of rows": [Dense(6), LayerNormalization(), ReLU(), Dense(1), Sigmoid()],
    "both": [Dense(6), LayerNormalization(), ReLU(), BatchNormalization(), Dense(1), Sigmoid()],
}


@pytest.mark.parametrize("depth", ["directions", "all"])
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_models_with_normalization_pass_the_checker_untouched(layers, depth):
    model = Sequential([layer.clone() for layer in layers], seed=0)
    x, y = rows(9), np.arange(9) % 2
    model.fit(x, y, batch_size=4, epochs=2)
    before = copy.deepcopy(model.layer.named_state()), model.params.theta.copy()
    report = check_model(model, x, y, depth=depth)
    assert report.method == "complex"
    assert report.difference < 1e-12
    after = model.layer.named_state()
    assert all(np.array_equal(before[0][path], after[path]) for path in after)
    assert np.array_equal(before[1], model.params.theta)


class Uncoupled(BatchNormalization):
    """Its derivative ignores that mean and variance depend on the rows: the classic mistake."""

    def backward(self, dy):
        return self._affine_backward(dy, self.h) / self.deviation


def test_forgetting_that_the_statistics_depend_on_the_rows_is_found():
    report = check_layer(Uncoupled(), (3,), raise_on_failure=False)
    assert [path for path, tensor in report.tensors.items() if not tensor.passed] == ["input"]
    model = Sequential([Dense(4), Uncoupled(), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.build((3,))
    report = check_model(model, rows(9), np.arange(9) % 2, raise_on_failure=False)
    assert report.guilty == "uncoupled"
    assert not report.tensors["dense/kernel"].passed
    assert report.tensors["dense_1/kernel"].passed
