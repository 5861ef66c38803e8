"""Constraints by hand, against Keras 3.15.1, and what training does with them."""

import numpy as np
import pytest

from minidl import Sequential, SettingError, load_model
from minidl.constraints import CONSTRAINTS, Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm, check_constraint
from minidl.layers import Dense, Layer, Parameter, ReLU
from minidl.optimizers import LBFGS, SGD, Adam, MovingAverage

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(24, 3)), rng.normal(size=(24, 2))
W = np.array([[3.0, 0.3, 0], [4, -0.4, 0]])


def test_max_norm_shortens_the_columns_that_are_too_long():
    assert np.allclose(MaxNorm(1.0)(W), [[0.6, 0.3, 0], [0.8, -0.4, 0]], rtol=1e-15)
    assert np.array_equal(MaxNorm(10)(W), W)
    assert np.allclose(MaxNorm(1.0, axis=1)(W)[0], W[0] / np.sqrt(9.09), rtol=1e-15)
    assert np.allclose(MaxNorm(1.0, axis=(0, 1))(W), W / np.sqrt(25.25), rtol=1e-15)
    assert np.array_equal(MaxNorm(0)(W), 0 * W)


def test_non_neg_replaces_negative_weights_by_0():
    assert np.array_equal(NonNeg()(W), [[3, 0.3, 0], [4, 0, 0]])


def test_unit_norm_gives_columns_the_length_1_and_leaves_zeros():
    assert np.allclose(UnitNorm()(W), [[0.6, 0.6, 0], [0.8, -0.8, 0]], rtol=1e-15)


def test_min_max_norm_goes_a_part_of_the_way():
    assert np.allclose(MinMaxNorm(1, 2)(W), [[1.2, 0.6, 0], [1.6, -0.8, 0]], rtol=1e-15)
    half_way = MinMaxNorm(1, 2, rate=0.5)(W)  # lengths 3.5 and 0.75
    assert np.allclose(half_way, [[2.1, 0.45, 0], [2.8, -0.6, 0]], rtol=1e-15)


@pytest.mark.parametrize("constraint", [MaxNorm(), NonNeg(), UnitNorm(), MinMaxNorm(1, 2, 0.5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constraint_keeps_the_dtype_and_its_argument(constraint, dtype):
    w = W.astype(dtype)
    assert constraint(w).dtype == dtype
    assert np.array_equal(w, W.astype(dtype))


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on NumPy 2
@pytest.mark.parametrize("w", [W, rng.normal(size=(5, 4)), rng.normal(size=4)], ids=["by hand", "matrix", "vector"])
def test_keras_has_the_same_numbers(w):
    keras = pytest.importorskip("keras")
    pairs = [
        (MaxNorm(), keras.constraints.MaxNorm()),
        (MaxNorm(0.7), keras.constraints.MaxNorm(0.7)),
        (NonNeg(), keras.constraints.NonNeg()),
        (UnitNorm(), keras.constraints.UnitNorm()),
        (MinMaxNorm(), keras.constraints.MinMaxNorm()),
        (MinMaxNorm(0.5, 0.9, 0.3), keras.constraints.MinMaxNorm(0.5, 0.9, 0.3)),
    ]
    for ours, theirs in pairs:
        wanted = keras.ops.convert_to_numpy(theirs(keras.ops.convert_to_tensor(w.astype("float32"))))
        assert np.allclose(ours(w), wanted, atol=1e-6), ours


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxNorm(-1), r"MaxNorm: max_value must be in \[0, inf\), got -1"),
        (lambda: MinMaxNorm(2, 1), r"MinMaxNorm: max_value must be in \[2.0, inf\), got 1"),
        (lambda: MaxNorm(axis=0.5), "MaxNorm: axis must be an integer"),
        (lambda: Dense(2, kernel_constraint=3), "Dense: kernel_constraint must be a constraint such as MaxNorm"),
        (lambda: Dense(2, bias_constraint="maxnorm"), "unknown constraint 'maxnorm'; choose from max_norm, non_neg"),
        (lambda: Dense(2, kernel_constraint=MaxNorm), r"write MaxNorm\(\)"),
        (lambda: Dense(2, kernel_constraint=abs), "class MyConstraint"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_a_constraint_must_write_call():
    with pytest.raises(NotImplementedError, match="Constraint must write __call__"):
        Constraint()(W)


def test_strings_name_constraints_as_in_keras():
    assert {name: type(check_constraint("Dense", "kernel_constraint", name)) for name in CONSTRAINTS} == CONSTRAINTS


# ---- in a training


def lengths(kernel):
    return np.sqrt((kernel**2).sum(axis=0))


@pytest.mark.parametrize("optimizer", [SGD(0.5, momentum=0.9), Adam(0.1)], ids=["SGD", "Adam"])
def test_every_update_ends_within_the_constraint(optimizer):
    hidden = Dense(6, kernel_constraint=MaxNorm(0.5), bias_constraint="non_neg")
    model = Sequential([hidden, ReLU(), Dense(2)], seed=0, dtype="float64")
    model.compile(optimizer, "mse")
    for _ in range(5):
        model.train_on_batch(X, Y)
        assert lengths(hidden.kernel.value).max() <= 0.5 + 1e-12
        assert hidden.bias.value.min() >= 0
    assert lengths(model.layers[-1].kernel.value).max() > 0.5  # the other layer is free
    assert np.shares_memory(hidden.kernel.value, model.params.theta)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on NumPy 2
def test_a_training_with_constraints_ends_where_keras_ends():
    keras = pytest.importorskip("keras")
    theirs = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(6, "relu", kernel_constraint=keras.constraints.MaxNorm(0.5)),
            keras.layers.Dense(2, kernel_constraint="unit_norm", bias_constraint="non_neg"),
        ]
    )
    ours = Sequential([Dense(6, kernel_constraint=MaxNorm(0.5)), ReLU()], seed=0)
    ours.add(Dense(2, kernel_constraint=UnitNorm(), bias_constraint=NonNeg()))
    ours.build((3,))
    ours.set_weights(theirs.get_weights())
    theirs.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    theirs.fit(X.astype("float32"), Y.astype("float32"), batch_size=24, epochs=30, verbose=0)
    ours.compile(SGD(0.1, momentum=0.9), "mse")
    ours.fit(X, Y, batch_size=24, epochs=30)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.abs(a - b).max() < 1e-5


def test_a_frozen_layer_keeps_its_weights():
    hidden = Dense(6, kernel_constraint=MaxNorm(0.01))
    model = Sequential([hidden, Dense(2)], seed=0)
    model.build((3,))
    hidden.trainable = False
    before = hidden.kernel.value.copy()
    model.fit(X, Y, epochs=2)
    assert np.array_equal(hidden.kernel.value, before)
    hidden.trainable = True
    model.fit(X, Y, epochs=1)
    assert lengths(hidden.kernel.value).max() <= 0.01 + 1e-6


def test_the_moving_average_is_taken_before_the_constraint_as_in_keras():
    layer = Dense(2, use_bias=False, kernel_initializer="ones", kernel_constraint=MaxNorm(0.5))
    model = Sequential([layer], dtype="float64")
    model.compile(MovingAverage(SGD(1e-9)), "mse")
    model.fit(X, Y, batch_size=24, epochs=1)
    assert np.allclose(layer.kernel.value, 1)


def test_lbfgs_refuses_constraints():
    model = Sequential([Dense(2, kernel_constraint="max_norm")])
    model.compile(LBFGS(), "mse")
    with pytest.raises(SettingError, match=r"fit: LBFGS cannot keep constraints such as MaxNorm; remove"):
        model.fit(X, Y)


class Scale(Layer):
    """y = a x, a at most 1."""

    def build(self, input_shape):
        self.a = Parameter(input_shape, "ones", constraint=AtMostOne())
        return input_shape

    def forward(self, x, training=False):
        self.x = x
        return self.a.value * x

    def backward(self, dy):
        self.a.grad = (dy * self.x).sum(axis=0)
        return dy * self.a.value


class AtMostOne(Constraint):
    def __call__(self, w):
        return np.minimum(w, 1)


def test_layers_of_the_users_own_have_constraints_of_their_own():
    model = Sequential([Scale()], dtype="float64")
    model.fit(X, 2 * X, epochs=3)
    assert np.array_equal(model.layers[0].a.value, np.ones(3))


def test_copies_and_files_keep_constraints(tmp_path):
    layer = Dense(2, kernel_constraint=MaxNorm(0.5, axis=1), bias_constraint=MinMaxNorm(0, 2, 0.5))
    model = Sequential([layer], seed=0)
    model.build((3,))
    model.save(tmp_path / "model.h5")
    for other in (load_model(tmp_path / "model.h5").layers[0], layer.clone(), model.copy().layers[0]):
        assert other.kernel_constraint == layer.kernel_constraint
        assert other.bias_constraint == layer.bias_constraint
    loaded = load_model(tmp_path / "model.h5")
    loaded.compile(SGD(10.0), "mse")
    loaded.fit(X, Y)
    assert np.sqrt((loaded.layers[0].kernel.value ** 2).sum(axis=1)).max() <= 0.5 + 1e-6
