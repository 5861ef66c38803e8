"""The random numbers of a model never meet those that a user draws from the same seed."""

import random

import numpy as np
import pytest

from minidl import Sequential, SettingError, datasets, set_random_seed
from minidl.initializers import RandomNormal
from minidl.layers import Dense, Dropout, ReLU
from minidl.seeding import Streams


def draws(rng):
    return rng.standard_normal(200)


@pytest.fixture(autouse=True)
def _keep_the_global_generators():
    state, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002  set_random_seed seeds it
    yield
    random.setstate(state)
    np.random.set_state(numbers)  # noqa: NPY002


def test_a_kernel_is_not_the_first_row_of_the_data():
    x = np.random.default_rng(0).standard_normal((20, 5))
    model = Sequential([Dense(1, kernel_initializer=RandomNormal(stddev=1.0))], seed=0, dtype="float64")
    model.build((5,))
    assert not np.isin(model.layers[0].kernel.value, x).any()


@pytest.mark.parametrize("seed", [0, 1, 42])
def test_no_stream_is_one_of_the_users(seed):
    sequence = np.random.SeedSequence(seed)
    users = [np.random.default_rng(seed), *(np.random.default_rng(part) for part in sequence.spawn(8))]
    users += [np.random.default_rng([seed, i]) for i in range(4)] + np.random.default_rng(seed).spawn(4)
    streams = [draws(rng) for rng in Streams.split(seed)]
    assert len(np.unique(streams)) == 600
    assert not np.isin(streams, [draws(rng) for rng in users]).any()


def test_masks_do_not_change_the_order_of_rows():
    def run(*layers):
        seen = []

        class Records(Dense):
            def forward(self, x, training=False):
                seen.extend(x[:, 0].tolist() if training else [])
                return super().forward(x, training)

        model = Sequential([Records(3), *layers, Dense(1)], seed=4)
        model.fit(np.arange(20.0)[:, None] / 20, np.zeros(20), 5, epochs=3, verbose=0)
        return seen

    assert run(ReLU()) == run(Dropout(0.5))


def test_equal_seeds_give_equal_weights_and_different_seeds_different_ones():
    def weights(seed):
        model = Sequential([Dense(4)], seed=seed)
        model.build((3,))
        return model.get_weights()[0].tolist()

    assert weights(1) == weights(1) != weights(2)
    assert weights(None) != weights(None)


def script():
    """Return everything random that a script without seeds may draw."""
    drawn = [np.random.rand(3), [random.random()]]  # noqa: NPY002
    model = Sequential([Dense(4), Dropout(0.5), Dense(1)])
    x, y = datasets.circles(40, noise=0.1)
    model.fit(x, y, 8, epochs=2, verbose=0)
    other = Sequential([Dense(2)])
    other.build((2,))
    flower, _ = datasets.flower(40)
    return np.concatenate([*drawn, model.params.theta, other.params.theta, x.ravel(), flower.ravel()])


def test_one_seed_for_a_script():
    set_random_seed(3)
    first = script()
    set_random_seed(3)
    second = script()
    assert np.array_equal(first, second)
    set_random_seed(4)
    assert not np.isin(script(), first[np.abs(first) > 1e-3]).any()


def test_the_models_of_a_script_differ():
    set_random_seed(0)
    kernels = []
    for _ in range(3):
        model = Sequential([Dense(4)])
        model.build((3,))
        kernels.append(model.get_weights()[0])
    assert len(np.unique(kernels)) == 36


def test_a_seed_of_its_own_does_not_depend_on_the_scripts():
    def theta():
        model = Sequential([Dense(4)], seed=7)
        model.build((3,))
        return model.params.theta.copy()

    set_random_seed(0)
    first = theta()
    set_random_seed(1)
    assert np.array_equal(first, theta())


def test_a_script_seed_that_numpy_refuses_changes_nothing():
    set_random_seed(0)
    state = random.getstate()
    with pytest.raises(SettingError, match=r"set_random_seed: seed must be less than 2\^32, as NumPy wants it"):
        set_random_seed(2**32)
    assert random.getstate() == state


@pytest.mark.parametrize("seed", [-1, 1.5, None, "0", True])
def test_a_script_seed_is_an_integer(seed):
    with pytest.raises(SettingError, match="set_random_seed: seed must be an integer of at least 0"):
        set_random_seed(seed)
