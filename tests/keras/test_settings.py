"""Initializers, penalties and constraints under Keras's names."""

import numpy as np
import pytest

from minidl import SettingError, ShapeError, set_random_seed
from minidl import constraints as core_constraints
from minidl import initializers as core_initializers
from minidl import regularizers as core_regularizers
from minidl.keras import constraints, initializers, ops, regularizers
from tests.keras.peer import QUIET, TARGET, X, assert_same, both, peer

W = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")

RANDOM = [
    lambda k: k.HeNormal(),
    lambda k: k.HeUniform(),
    lambda k: k.LecunNormal(),
    lambda k: k.LecunUniform(),
    lambda k: k.GlorotNormal(),
    lambda k: k.GlorotUniform(),
    lambda k: k.RandomNormal(1.0, 2.0),
    lambda k: k.RandomUniform(-1.0, 2.0),
    lambda k: k.TruncatedNormal(1.0, 2.0),
    lambda k: k.VarianceScaling(2.0, "fan_out", "untruncated_normal"),
    lambda k: k.get("he_normal"),
]


@pytest.mark.peers
@pytest.mark.parametrize("make", RANDOM)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_distributions_are_those_of_keras(make):
    stats = pytest.importorskip("scipy.stats")
    keras = peer()
    keras.utils.set_random_seed(1)
    set_random_seed(1)
    theirs = keras.ops.convert_to_numpy(make(keras.initializers)(shape=(300, 200)))
    ours = make(initializers)(shape=(300, 200))
    assert ours.dtype == np.float32
    # for samples of 60,000 numbers; a plain normal distribution instead of a truncated one differs by 0.017
    assert stats.ks_2samp(ours.ravel(), theirs.ravel()).statistic < 0.0125
    # and its quantile is 1.45 times as far out. Keras draws four times, so that a few numbers are not truncated
    far = [np.quantile(np.abs(sample), 0.999) for sample in (ours, theirs)]
    assert far[0] == pytest.approx(far[1], rel=0.05)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["Zeros", "Ones", "Constant", "Identity"])
def test_fixed_values_are_those_of_keras(name):
    theirs = getattr(peer().initializers, name)()((3, 3))
    assert_same(theirs.tolist(), getattr(initializers, name)()((3, 3)).tolist())


def test_a_seed_gives_the_same_numbers_at_every_call():
    initializer = initializers.HeNormal(seed=3)
    assert np.array_equal(initializer((4, 3)), initializers.HeNormal(seed=3)((4, 3)))
    assert not np.array_equal(initializers.HeNormal()((4, 3)), initializers.HeNormal()((4, 3)))
    assert initializer.core == core_initializers.Seeded(core_initializers.VarianceScaling(2.0), 3)
    q = initializers.Orthogonal(2.0, seed=1)((4, 4))
    assert np.allclose(q @ q.T, 4 * np.eye(4), atol=1e-5)


class Alternating(initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return np.resize([1.0, -1.0], shape)


@pytest.mark.parametrize("given", [Alternating(), Alternating, lambda shape, dtype=None: np.resize([1.0, -1], shape)])
def test_an_initializer_of_the_users_own(given):
    found = initializers.get(given)
    drawn = getattr(found, "core", found)((2, 2), np.random.default_rng(0))
    assert np.array_equal(drawn, [[1, -1], [1, -1]])


def test_initializers_by_name_config_and_array():
    assert initializers.get("glorot_uniform").core == core_initializers.VarianceScaling(1.0, "fan_avg", "uniform")
    again = initializers.deserialize(initializers.serialize(initializers.RandomNormal(1.0, 2.0, seed=3)))
    assert again.get_config() == {"mean": 1.0, "stddev": 2.0, "seed": 3}
    assert again.clone().stddev == 2.0
    assert np.array_equal(initializers.get(W)((5, 4), np.random.default_rng(0)), W)
    kept = core_initializers.HeNormal()
    assert initializers.get(kept) is kept
    assert initializers.get(None) is None


@pytest.mark.parametrize("value", [np.array([0.5]), np.array(0.5), [0.5], np.float32(0.5)])
def test_a_constant_may_be_an_array_of_one_number(value):
    constant = initializers.Constant(value)
    np.testing.assert_array_equal(constant((2, 3)), np.full((2, 3), 0.5))
    assert constant.get_config() == {"value": 0.5}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: initializers.get("he"), SettingError, "unknown initializer 'he'; choose from constant"),
        (lambda: initializers.get(3), SettingError, "an initializer is an object, a string"),
        (lambda: initializers.get(W)((2, 2), None), ShapeError, r"returns the shape \(5, 4\), \(2, 2\) was expected"),
        (lambda: initializers.STFT, ImportError, "it is for sound"),
        (lambda: regularizers.get("l3"), SettingError, "unknown regularizer 'l3'; choose from l1, l1_l2, l1l2, l2"),
        (lambda: regularizers.L2(-1), SettingError, r"L2: l2 must be in \[0, inf\)"),
        (lambda: regularizers.OrthogonalRegularizer(mode="both"), SettingError, "mode must be"),
        (
            lambda: regularizers.OrthogonalRegularizer()(np.ones(3)),
            ShapeError,
            "the weights must be a matrix",
        ),
        (lambda: constraints.get("max"), SettingError, "unknown constraint 'max'; choose from max_norm"),
        (lambda: constraints.RadialConstraint, ImportError, "kernels of images"),
    ],
)
def test_errors_say_what_there_is(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- penalties

PENALTIES = [
    lambda k: k.L1(),
    lambda k: k.L1(0.2),
    lambda k: k.L2(0.2),
    lambda k: k.L1L2(),
    lambda k: k.L1L2(0.1, 0.2),
    lambda k: k.l1(0.3),
    lambda k: k.l2(0.3),
    lambda k: k.l1_l2(0.1, 0.2),
    lambda k: k.get("l1"),
    lambda k: k.get("l2"),
    lambda k: k.get("l1l2"),
]


@pytest.mark.peers
@pytest.mark.parametrize("make", PENALTIES)
def test_penalties_are_those_of_keras(make):
    keras = peer()
    theirs = float(make(keras.regularizers)(keras.ops.array(W)))
    assert float(make(regularizers)(W)) == pytest.approx(theirs, rel=1e-6)


def test_penalties_do_not_depend_on_the_rows():
    assert regularizers.L2(0.1).core == core_regularizers.L2.keras(0.1)
    assert regularizers.deserialize(regularizers.serialize(regularizers.L1L2(0.1, 0.2))).core.l2 == 0.4


class Own(regularizers.Regularizer):
    def __init__(self, strength):
        self.strength = strength

    def __call__(self, x):
        return self.strength * ops.sum(ops.square(x) + ops.abs(x))


@pytest.mark.peers
def test_a_penalty_of_the_users_own_trains_as_in_keras():
    def program(keras, weights):
        own = lambda x: 0.01 * keras.ops.sum(keras.ops.square(x))  # noqa: E731
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3, kernel_regularizer=own), keras.layers.Dense(1)]
        )
        weights(model)
        model.compile("sgd", "mse")
        return model.fit(X, TARGET, epochs=3, **QUIET).history["loss"], model.get_weights()

    assert_same(*both(program), tolerance=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_the_penalty_for_orthogonal_weights_is_that_of_keras(mode):
    def program(keras, weights):
        penalty = keras.regularizers.OrthogonalRegularizer(factor=0.3, mode=mode)
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(3, kernel_regularizer=penalty, activity_regularizer="orthogonal_regularizer"),
                keras.layers.Dense(1),
            ]
        )
        weights(model)
        model.compile("sgd", "mse")
        alone = float(penalty(keras.ops.convert_to_tensor(W)))
        return model.fit(X, TARGET, epochs=3, **QUIET).history["loss"], model.get_weights(), alone

    assert_same(*both(program), tolerance=1e-4)


@pytest.mark.peers
def test_a_penalty_of_the_users_own_sees_the_kernel_in_its_shape():
    def program(keras, weights):
        ops = keras.ops

        class Gram(keras.regularizers.Regularizer):
            def __call__(self, x):
                return 0.01 * ops.sum(ops.square(ops.matmul(ops.transpose(x), x) - ops.eye(3)))

        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3, kernel_regularizer=Gram()), keras.layers.Dense(1)]
        )
        weights(model)
        model.compile("sgd", "mse")
        return model.fit(X, TARGET, epochs=3, **QUIET).history["loss"], model.get_weights()

    assert_same(*both(program), tolerance=1e-4)


def test_a_class_of_the_users_own_is_a_penalty():
    penalty = regularizers.get(Own(0.5))
    assert float(penalty(W)) == pytest.approx(0.5 * (np.square(W) + np.abs(W)).sum(), rel=1e-6)
    assert np.allclose(penalty.core.gradient(W.ravel(), 1), 0.5 * (2 * W + np.sign(W)).ravel(), rtol=1e-6)


# ---- constraints


def test_constraints_are_those_of_the_core():
    assert constraints.get("max_norm") == constraints.max_norm() == core_constraints.MaxNorm()
    assert constraints.get("MinMaxNorm") == core_constraints.MinMaxNorm()
    long = constraints.MaxNorm(3, axis=1)
    assert constraints.deserialize(constraints.serialize(long)) == core_constraints.MaxNorm(3, 1)
    assert constraints.serialize(None) is None
    with pytest.raises(SettingError, match="keys class_name and config"):
        constraints.deserialize({"max_value": 3})
