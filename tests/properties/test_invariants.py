"""What always holds: windows share memory with theta, the same seed gives the same bits, nothing global is touched."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import Sequential, datasets
from minidl.callbacks import Callback
from minidl.initializers import HeNormal
from minidl.layers import Chain, Dense, Dropout, ReLU, Residual, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.regularizers import L2

X = np.random.default_rng(0).normal(size=(50, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
COPIES = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda model, n=n: pickle.loads(pickle.dumps(model, n)) for n in range(2, 6)},
}


def network(seed=0, dtype="float32"):
    """One of every layer: dropout, nesting, momentum, a penalty."""
    layers = [
        Dense(6, kernel_initializer=HeNormal()),
        ReLU(),
        Dropout(0.3),
        Chain(Dense(4), Sigmoid(), Residual(Dense(4), Dropout(0.1))),
        Dense(1),
        Sigmoid(),
    ]
    model = Sequential(layers, seed=seed, dtype=dtype)
    model.compile(SGD(0.1, momentum=0.9), BinaryCrossentropy() + L2(0.1), metrics=["accuracy"])
    return model


def train(model, epochs=3, **options):
    return model.fit(X, Y, batch_size=8, epochs=epochs, validation_split=0.2, **options).history


def assert_windows(model):
    """Every parameter is a window on theta and grad: a number written on one side is read on the other."""
    params = model.params
    for vector, window in ((params.theta, "value"), (params.grad, "grad")):
        before = vector.copy()
        vector[:] = np.arange(vector.size)
        for path, parameter in params.items():
            view = getattr(parameter, window)
            assert np.shares_memory(view, vector)
            assert np.array_equal(view.ravel(), vector[params.slices[path]])
            view += 0.5
            assert np.array_equal(view.ravel(), np.arange(vector.size)[params.slices[path]] + 0.5)
        vector[:] = before
    held = {id(parameter) for _, layer in model.layer.walk() for parameter in layer.parameters.values()}
    assert held == {id(parameter) for parameter in params.values()}


def cast_and_write(model):
    with model.params.cast("float64"):
        model.params.theta[:] = 0


# ---- windows


def test_windows_after_build_fit_set_weights_and_cast():
    model = network()
    model.build((3,))
    theta, grad = model.params.theta, model.params.grad
    for change in (
        lambda: None,
        lambda: train(model),
        lambda: model.set_weights([w + 1 for w in model.get_weights()]),
        lambda: cast_and_write(model),
        lambda: model.compile(SGD(0.1)),
        lambda: model.evaluate(X, Y),
        lambda: model.build((3,)),
    ):
        change()
        assert model.params.theta is theta
        assert model.params.grad is grad
        assert_windows(model)


@pytest.mark.parametrize("how", COPIES)
def test_windows_after_copies(how):
    model = network()
    train(model)
    other = COPIES[how](model)
    assert np.array_equal(other.params.theta, model.params.theta)
    assert not np.shares_memory(other.params.theta, model.params.theta)
    assert_windows(model)
    assert_windows(other)
    expected = model.predict(X)
    other.params.theta[:] = 0
    assert np.array_equal(model.predict(X), expected)


@pytest.mark.parametrize("how", COPIES)
def test_a_model_that_is_not_built_can_be_copied(how):
    model, other = network(), COPIES[how](network())
    train(model)
    train(other)
    assert np.array_equal(model.params.theta, other.params.theta)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_goes_on_with_the_same_bits(how):
    model = network()
    train(model)
    other = COPIES[how](model)
    assert train(model) == train(other)
    assert model.params.theta.tobytes() == other.params.theta.tobytes()
    assert model.optimizer.velocity.tobytes() == other.optimizer.velocity.tobytes()


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end", "on_gradients"])
def test_a_copy_made_in_the_middle_of_a_training_goes_on_with_the_same_bits(how, hook):
    class Take(Callback):
        taken = None

        def take(self, *_):
            if self.taken is None:
                self.taken = COPIES[how](self.model)
                self.expected = self.model.rng.bit_generator.state, self.model.params.theta.copy()

    setattr(Take, hook, Take.take)
    take, model = Take(), network()
    train(model, callbacks=[take])
    state, theta = take.expected
    assert take.taken.rng.bit_generator.state == state
    assert np.array_equal(take.taken.params.theta, theta)
    assert_windows(take.taken)
    twin = COPIES[how](take.taken)
    assert train(take.taken) == train(twin)
    assert np.array_equal(take.taken.params.theta, twin.params.theta)


@pytest.mark.parametrize("how", COPIES)
def test_all_layers_of_a_copy_draw_from_its_one_generator(how):
    other = COPIES[how](network())
    train(other)
    other = COPIES[how](other)
    assert all(layer.rng is other.rng for _, layer in other.layer.walk())


@settings(max_examples=20)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 5), st.booleans())
def test_windows_of_any_network(widths, features, use_bias):
    model = Sequential([Dense(n, use_bias=use_bias) for n in widths], seed=0)
    model.build((features,))
    assert_windows(model)
    sizes = [a * b + b * use_bias for a, b in zip([features, *widths], widths, strict=False)]
    assert model.count_params() == sum(sizes)


def test_the_model_is_one_vector():
    model = network()
    train(model)
    saved, expected = model.params.theta.copy(), model.predict(X)
    train(model)
    assert not np.array_equal(model.predict(X), expected)
    model.params.theta[:] = saved
    assert np.array_equal(model.predict(X), expected)


# ---- randomness


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_gives_the_same_bits(dtype):
    one, two = network(5, dtype), network(5, dtype)
    assert train(one) == train(two)
    assert one.params.theta.tobytes() == two.params.theta.tobytes()
    assert train(one) == train(two)  # and so does the next training
    assert one.params.theta.tobytes() == two.params.theta.tobytes()


@pytest.mark.parametrize("seeds", [(0, 1), (None, None)])
def test_other_seeds_give_other_bits(seeds):
    one, two = (network(seed) for seed in seeds)
    assert train(one) != train(two)
    assert not np.array_equal(one.params.theta, two.params.theta)


@pytest.mark.parametrize("verbose", [0, 2])
def test_watching_changes_no_bit(verbose, capsys):
    watched, plain = network(), network()
    train(watched, verbose=verbose, callbacks=[Callback()])
    plain.compile(plain.optimizer, plain.objective)
    train(plain, verbose=0)
    assert watched.params.theta.tobytes() == plain.params.theta.tobytes()
    assert bool(capsys.readouterr().out) == (verbose == 2)


def test_predict_and_evaluate_draw_nothing():
    model = network()
    train(model)
    state = model.rng.bit_generator.state
    model.predict(X)
    model.evaluate(X, Y)
    assert model.rng.bit_generator.state == state


def test_nothing_global_is_drawn_from_or_seeded():
    def state():
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - the global state is what is watched
        return kind, keys.tobytes(), *rest

    before = state()
    train(network())
    train(network(None))
    for make in (datasets.circles, datasets.moons, datasets.flower, datasets.spiral):
        make(seed=0)
        make(seed=None)
    assert state() == before


def test_floating_point_warnings_are_left_as_they_were():
    before = np.geterr()
    train(network())
    assert np.geterr() == before
