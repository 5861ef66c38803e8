"""Normalization: normalized outputs, Keras's moving statistics. test_activations.py compares with PyTorch."""

import copy
from collections import Counter

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError, check_layer, check_model
from minidl.constraints import NonNeg
from minidl.initializers import Constant
from minidl.layers import (
    BatchNormalization,
    Dense,
    GroupNormalization,
    LayerNormalization,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
)
from minidl.regularizers import L2
from tests.helpers import keras_layers
from tests.helpers.keras_layers import assert_same_as_keras
from tests.oracles.make_keras_numbers import PATH

KINDS = [BatchNormalization, LayerNormalization, GroupNormalization]


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


def masked(rng, m=6, steps=5):
    """Return a mask (m, steps) with sequences of several lengths, one of padding alone."""
    return np.arange(steps) < np.append(rng.integers(1, steps + 1, m - 1), 0)[:, None]


@pytest.mark.parametrize("training", [True, False])
def test_with_a_mask_the_statistics_are_those_of_the_steps_that_count(training):
    rng = np.random.default_rng(0)
    mask, x, dy = masked(rng), *rng.normal(size=(2, 6, 5, 3))
    steps, flat = built(BatchNormalization(), (5, 3)), built(BatchNormalization())
    y, mask_of_y = steps.masked_forward(x, mask, training)
    assert mask_of_y is mask
    assert np.allclose(y[mask], flat.forward(x[mask], training), rtol=1e-12)
    assert np.allclose(steps.backward(dy * mask[..., None])[mask], flat.backward(dy[mask]), rtol=1e-11, atol=1e-14)
    numbers = [[layer.gamma.grad, layer.beta.grad, *layer.get_weights()] for layer in (steps, flat)]
    for mine, other in zip(*numbers, strict=True):
        assert np.allclose(mine, other, rtol=1e-12)


def test_a_batch_of_padding_alone_leaves_batch_normalization_finite():
    layer, x = built(BatchNormalization(), (5, 3)), np.ones((2, 5, 3))
    y, _ = layer.masked_forward(x, np.zeros((2, 5), bool), training=True)
    assert np.isfinite([*y.ravel(), *layer.backward(x).ravel(), *layer.moving_variance]).all()


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


# ---- against Keras and PyTorch, with random settings


def drawn(seed):
    """Return (kind, settings, shape of a row): 1 to 3 axes, of which any is normalized, and a list of several."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)) * 2)
    ndim = len(shape)
    axis = int(rng.integers(1, ndim + 1)) if rng.random() < 0.5 else -int(rng.integers(1, ndim + 1))
    settings = {"axis": axis, "epsilon": float(rng.uniform(0.1, 1))}
    settings |= {name: bool(rng.random() < 0.7) for name in ("center", "scale")}
    kind = KINDS[rng.integers(3)]
    if kind is LayerNormalization and ndim > 1 and rng.random() < 0.5:
        axes = rng.permutation(np.arange(1, ndim + 1))[: rng.integers(2, ndim + 1)]
        settings["axis"] = [int(axis) for axis in axes]
    if kind is GroupNormalization:
        channels = shape[axis - 1 if axis > 0 else axis]
        settings["groups"] = int(rng.choice([n for n in range(1, channels + 1) if channels % n == 0] + [-1]))
    if kind is BatchNormalization:
        settings["momentum"] = float(rng.random())
    return kind, settings, shape


def can_keras(axis, ndim):
    """Return False for neighbouring axes before the last: Keras 3.15 on PyTorch takes the last ones in their place."""
    given = axis if isinstance(axis, list) else [axis]
    last = sorted(axis % (ndim + 1) for axis in given) == list(range(ndim + 1 - len(given), ndim + 1))
    return last and all(axis > 0 for axis in given)


@pytest.mark.peers
@pytest.mark.parametrize("hundred", range(10))
def test_random_settings_agree_with_keras(hundred):
    theirs = keras_layers.keras_layers()
    for seed in range(100 * hundred, 100 * hundred + 100):
        kind, settings, shape = drawn(seed)
        if kind is LayerNormalization and not can_keras(settings["axis"], len(shape)):
            continue
        layer = getattr(theirs, kind.__name__)(**settings)
        rng = np.random.default_rng(seed)
        assert_same_as_keras(kind(**settings), layer, shape, rng, training=seed % 3 > 0)


@pytest.mark.peers
def test_random_masks_agree_with_keras():
    theirs = keras_layers.keras_layers()
    for seed in range(100):
        rng = np.random.default_rng(seed)
        axis = int(rng.choice([-1, 1]))
        settings = {"axis": axis, "epsilon": float(rng.uniform(0.1, 1)), "momentum": float(rng.random())}
        mask = masked(rng) if axis == -1 else rng.random((6, 5)) < 0.6
        ours, layer = BatchNormalization(**settings), theirs.BatchNormalization(**settings)
        assert_same_as_keras(ours, layer, (5, 3), rng, rows=6, training=seed % 3 > 0, mask=mask)


def by_torch(kind, layer, x, dy):
    """Return y, dL/dx, dL/dgamma and dL/dbeta by torch.nn.functional, which takes the channels on the second axis."""
    import torch
    from torch.nn import functional

    axes = layer.unfolding.axes
    places = range(-len(axes), 0) if kind is LayerNormalization else [1]
    given = torch.tensor(np.moveaxis(x, axes, places), requires_grad=True)
    gamma, beta = (torch.tensor(p.value, requires_grad=True) for p in (layer.gamma, layer.beta))
    if kind is BatchNormalization:
        y = functional.batch_norm(given, None, None, gamma, beta, training=True, eps=layer.epsilon)
    elif kind is GroupNormalization:
        y = functional.group_norm(given, layer.group_count, gamma, beta, layer.epsilon)
    else:
        shape = given.shape[-len(axes) :]
        y = functional.layer_norm(given, shape, gamma.reshape(shape), beta.reshape(shape), layer.epsilon)
    y.backward(torch.tensor(np.moveaxis(dy, axes, places)))
    back = [np.moveaxis(part.detach().numpy(), places, axes) for part in (y, given.grad)]
    return [*back, gamma.grad.numpy(), beta.grad.numpy()]


@pytest.mark.peers
def test_a_thousand_random_settings_agree_with_pytorch():
    pytest.importorskip("torch")
    for seed in range(1000):
        kind, settings, shape = drawn(seed)
        rng, layer = np.random.default_rng(seed), kind(**settings | {"center": True, "scale": True})
        keras_layers.built(layer, shape, rng)
        x, dy = rng.normal(size=(2, 4, *shape))
        found = [layer.forward(x, training=True), layer.backward(dy), layer.gamma.grad, layer.beta.grad]
        for mine, other in zip(found, by_torch(kind, layer, x, dy), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-10)


def test_the_random_settings_are_of_every_kind():
    cases = [drawn(seed) for seed in range(1000)]
    by_keras = [case for case in cases if case[0] is not LayerNormalization or can_keras(case[1]["axis"], len(case[2]))]
    assert min(Counter(kind for kind, _, _ in cases).values()) > 300
    assert len(by_keras) > 700
    assert {kind for kind, _, _ in cases} == set(KINDS)
    assert {len(shape) for _, _, shape in cases} == {1, 2, 3}
    assert {settings.get("groups") for _, settings, _ in cases} > {-1, 1, 2, 4}
    assert {settings["axis"] for _, settings, _ in cases if isinstance(settings["axis"], int)} == {-3, -2, -1, 1, 2, 3}


# ---- axes


@pytest.mark.parametrize("kind", KINDS)
def test_an_axis_that_rows_lack_is_named(kind):
    settings = {"groups": 1} if kind is GroupNormalization else {}
    for axis in (3, -3):
        message = rf"{kind.__name__}: axis={axis} does not fit rows of shape \(2, 4\); they have the axes 1 to 2"
        with pytest.raises(ShapeError, match=message):
            built(kind(axis=axis, **settings), (2, 4))
    for axis in (0, True, 1.0, None, "last", []):
        with pytest.raises(SettingError, match=f"{kind.__name__}: axis must be an axis of x after the batch"):
            kind(axis=axis)


def test_axes_are_each_named_once():
    with pytest.raises(ShapeError, match=r"axis=\(1, -2\) does not fit rows of shape \(2, 4\).* each once"):
        built(LayerNormalization((1, -2)), (2, 4))
    with pytest.raises(SettingError, match="LayerNormalization: each of axis must be an axis of x"):
        LayerNormalization((0, 1))
    with pytest.raises(SettingError, match="BatchNormalization: axis must be an axis of x"):
        BatchNormalization((1, 2))


@pytest.mark.parametrize("kind", [BatchNormalization, LayerNormalization])
def test_a_list_of_one_axis_is_that_axis(kind):
    assert kind([-1]).axis == kind((-1,)).axis == -1


def test_groups_divide_the_channels():
    with pytest.raises(ShapeError, match="GroupNormalization: 8 channels do not make 32 groups; choose groups that"):
        built(GroupNormalization(), (4, 4, 8))
    for groups in (0, -2, 1.5, True):
        with pytest.raises(SettingError, match="GroupNormalization: groups, if not -1, must be an integer of at least"):
            GroupNormalization(groups)


@pytest.mark.parametrize("training", [False, True])
def test_sums_over_many_rows_are_accurate_in_float32(training):
    # against float64: adding 20,000 numbers one after the other would be off by 1e-5
    rng = np.random.default_rng(0)
    x, dy = rng.normal(3, 1, (2, 8, 50, 50, 4))
    both = []
    for dtype in ("float64", "float32"):
        layer = built(BatchNormalization(), (50, 50, 4), dtype)
        y, dx = layer.forward(x.astype(dtype), training), layer.backward(dy.astype(dtype))
        both.append([y, dx, layer.gamma.grad / 20_000, layer.beta.grad / 20_000, *layer.get_weights()])
    for exact, found in zip(*both, strict=True):
        assert np.allclose(found, exact, rtol=2e-6, atol=2e-6)


# ---- all


def test_gamma_and_beta_take_initializers_penalties_and_constraints():
    layer = BatchNormalization(
        beta_initializer=Constant(2.0),
        gamma_initializer=Constant(3.0),
        beta_regularizer=L2(0.1),
        gamma_regularizer=L2(0.2),
        beta_constraint=NonNeg(),
        gamma_constraint=NonNeg(),
        moving_mean_initializer=Constant(4.0),
        moving_variance_initializer="random_uniform",
    )
    built(layer)
    assert [array[0] for array in layer.get_weights()[:3]] == [3, 2, 4]
    assert np.unique(layer.moving_variance).size == 3
    assert [p.regularizer for p in (layer.gamma, layer.beta)] == [L2(0.2), L2(0.1)]
    assert [p.constraint for p in (layer.gamma, layer.beta)] == [NonNeg(), NonNeg()]


@pytest.mark.parametrize("kind", KINDS)
def test_gamma_of_several_axes_is_no_kernel(kind):
    axis = {"axis": (1, 2)} if kind is LayerNormalization else {}
    layer = built(kind(**axis, **({"groups": 1} if kind is GroupNormalization else {})), (2, 4))
    assert not layer.gamma.penalized
    assert not layer.beta.penalized


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
        super().backward(dy)
        return dy * self.gamma.value / self.deviation


def test_forgetting_that_the_statistics_depend_on_the_rows_is_found():
    report = check_layer(Uncoupled(), (3,), raise_on_failure=False)
    assert [path for path, tensor in report.tensors.items() if not tensor.passed] == ["input"]
    model = Sequential([Dense(4), Uncoupled(), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.build((3,))
    report = check_model(model, rows(9), np.arange(9) % 2, raise_on_failure=False)
    assert report.guilty == "uncoupled"
    assert not report.tensors["dense/kernel"].passed
    assert report.tensors["dense_1/kernel"].passed
