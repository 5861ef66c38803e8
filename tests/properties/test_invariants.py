"""Properties of every model: parameters are views of theta, equal seeds give equal bits, no global state is used."""

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
    """Return a model with dropout, nested layers, momentum and a penalty."""
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


def assert_views(model):
    """Assert that every parameter is a view of theta and grad, so that both change together."""
    params = model.params
    for vector, name in ((params.theta, "value"), (params.grad, "grad")):
        before = vector.copy()
        vector[:] = np.arange(vector.size)
        for path, parameter in params.items():
            view = getattr(parameter, name)
            assert np.shares_memory(view, vector)
            assert np.array_equal(view.ravel(), vector[params.slices[path]])
            view += 0.5
            assert np.array_equal(view.ravel(), np.arange(vector.size)[params.slices[path]] + 0.5)
        vector[:] = before
    in_layers = {id(parameter) for _, layer in model.layer.walk() for parameter in layer.parameters.values()}
    assert in_layers == {id(parameter) for parameter in params.values()}


def cast_and_write(model):
    with model.params.cast("float64"):
        model.params.theta[:] = 0


# ---- views


def test_parameters_stay_views_after_build_fit_set_weights_and_cast():
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
        assert_views(model)


@pytest.mark.parametrize("how", COPIES)
def test_parameters_of_copies_are_views(how):
    model = network()
    train(model)
    other = COPIES[how](model)
    assert np.array_equal(other.params.theta, model.params.theta)
    assert not np.shares_memory(other.params.theta, model.params.theta)
    assert_views(model)
    assert_views(other)
    expected = model.predict(X)
    other.params.theta[:] = 0
    assert np.array_equal(model.predict(X), expected)


@pytest.mark.parametrize("how", COPIES)
def test_an_unbuilt_model_can_be_copied(how):
    model, other = network(), COPIES[how](network())
    train(model)
    train(other)
    assert np.array_equal(model.params.theta, other.params.theta)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_continues_with_the_same_bits(how):
    model = network()
    train(model)
    other = COPIES[how](model)
    assert train(model) == train(other)
    assert model.params.theta.tobytes() == other.params.theta.tobytes()
    assert model.optimizer.velocity.tobytes() == other.optimizer.velocity.tobytes()


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end", "on_gradients"])
def test_a_copy_made_during_training_continues_with_the_same_bits(how, hook):
    class Take(Callback):
        taken = None

        def take(self, *_):
            if self.taken is None:
                self.taken = COPIES[how](self.model)
                self.expected = self.model.streams.states, self.model.params.theta.copy()

    setattr(Take, hook, Take.take)
    take, model = Take(), network()
    train(model, callbacks=[take])
    state, theta = take.expected
    assert take.taken.streams.states == state
    assert np.array_equal(take.taken.params.theta, theta)
    assert_views(take.taken)
    other = COPIES[how](take.taken)
    assert train(take.taken) == train(other)
    assert np.array_equal(take.taken.params.theta, other.params.theta)


@pytest.mark.parametrize("how", COPIES)
def test_all_layers_of_a_copy_use_the_generator_of_the_copy(how):
    other = COPIES[how](network())
    train(other)
    other = COPIES[how](other)
    assert all(layer.rng is other.streams.masks for _, layer in other.layer.walk())


@settings(max_examples=20)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 5), st.booleans())
def test_parameters_of_any_network_are_views(widths, features, use_bias):
    model = Sequential([Dense(n, use_bias=use_bias) for n in widths], seed=0)
    model.build((features,))
    assert_views(model)
    sizes = [a * b + b * use_bias for a, b in zip([features, *widths], widths, strict=False)]
    assert model.count_params() == sum(sizes)


def test_theta_determines_the_predictions():
    model = network()
    train(model)
    saved, expected = model.params.theta.copy(), model.predict(X)
    train(model)
    assert not np.array_equal(model.predict(X), expected)
    model.params.theta[:] = saved
    assert np.array_equal(model.predict(X), expected)


# ---- randomness


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_seeds_give_equal_bits(dtype):
    one, two = network(5, dtype), network(5, dtype)
    assert train(one) == train(two)
    assert one.params.theta.tobytes() == two.params.theta.tobytes()
    assert train(one) == train(two)  # the next training, too
    assert one.params.theta.tobytes() == two.params.theta.tobytes()


@pytest.mark.parametrize("seeds", [(0, 1), (None, None)])
def test_different_seeds_give_different_bits(seeds):
    one, two = (network(seed) for seed in seeds)
    assert train(one) != train(two)
    assert not np.array_equal(one.params.theta, two.params.theta)


@pytest.mark.parametrize("verbose", [0, 2])
def test_callbacks_and_verbose_do_not_change_the_weights(verbose, capsys):
    watched, plain = network(), network()
    train(watched, verbose=verbose, callbacks=[Callback()])
    plain.compile(plain.optimizer, plain.loss)
    train(plain, verbose=0)
    assert watched.params.theta.tobytes() == plain.params.theta.tobytes()
    assert bool(capsys.readouterr().out) == (verbose == 2)


def test_predict_and_evaluate_draw_no_random_numbers():
    model = network()
    train(model)
    state = model.streams.states
    model.predict(X)
    model.evaluate(X, Y)
    assert model.streams.states == state


def test_the_global_random_state_is_not_used():
    def state():
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - the test compares the global state
        return kind, keys.tobytes(), *rest

    before = state()
    train(network())
    train(network(None))
    for make in (datasets.circles, datasets.moons, datasets.flower, datasets.spiral):
        make(seed=0)
        make(seed=None)
    assert state() == before


def test_training_does_not_change_floating_point_settings():
    before = np.geterr()
    train(network())
    assert np.geterr() == before
