"""Updates of the rows of tables that a batch uses: the same numbers as updates of everything."""

import numpy as np
import pytest

from minidl import Model, load_model
from minidl.callbacks import Callback
from minidl.constraints import MaxNorm
from minidl.layers import Add, Chain, Dense, Embedding, GlobalAveragePooling1D, Graph, Layer, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD, Accumulate, Adagrad, Adam, Clip, MovingAverage, WeightDecay
from minidl.regularizers import L2

WORDS, ROWS, STEPS, BATCH = 500, 40, 6, 8
ALL = WORDS * 8 + 9  # the table, and the kernel and bias of Dense
MOST = BATCH * STEPS * 8 + 9  # if no id is repeated in a batch
RNG = np.random.default_rng(0)
X, Y = RNG.integers(1, WORDS, (ROWS, STEPS)), RNG.integers(0, 2, (ROWS, 1))


class OnGradients(Callback):
    """A callback on gradients, which may write to them: the training updates everything."""

    def on_gradients(self, batch, logs):
        pass


def bag(embedding=None):
    """The layers of a bag of words."""
    return [embedding or Embedding(WORDS, 8), GlobalAveragePooling1D(), Dense(1), Sigmoid()]


def compiled(optimizer, layer=None):
    model = Model(layer or Chain(*bag()), seed=0)
    model.compile(loss=BinaryCrossentropy(), optimizer=optimizer)
    return model


def recorded_sizes(model):
    """Return a list that collects the size of what the innermost optimizer updates."""
    optimizer, sizes = list(model.optimizer.walk())[-1], []
    step = optimizer.update
    optimizer.update = lambda theta, grad: (sizes.append(theta.size), step(theta, grad))[1]
    return sizes


def train(model, x=X, **options):
    sizes = recorded_sizes(model)
    model.fit(x, Y, batch_size=BATCH, **{"epochs": 2, "verbose": 0} | options)
    return sizes


def assert_equal(one, other):
    """Assert that weights and states of optimizers are equal, to the last bit."""
    np.testing.assert_array_equal(one.params.theta, other.params.theta)
    for first, second in zip(one.optimizer.walk(), other.optimizer.walk(), strict=True):
        for name in first.state_names:
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


SKIPPING = [lambda: SGD(0.5), lambda: Adagrad(0.1), lambda: Clip(SGD(0.5), value=0.01)]


@pytest.mark.parametrize("make", SKIPPING)
def test_the_rows_of_a_batch_are_updated_to_the_same_numbers(make):
    model, whole = compiled(make()), compiled(make())
    assert max(train(model)) <= MOST
    assert set(train(whole, callbacks=[OnGradients()])) == {ALL}
    assert_equal(model, whole)


def test_a_clipped_length_is_that_of_the_whole_gradient():
    model, whole = (compiled(Clip(Adagrad(0.1), global_norm=0.01)) for _ in range(2))
    assert max(train(model)) <= MOST
    train(whole, callbacks=[OnGradients()])
    np.testing.assert_allclose(model.params.theta, whole.params.theta, rtol=1e-5)  # float32, added in another order


class Decaying(SGD):
    """SGD with an update of its own, which changes entries without a gradient."""

    def update(self, theta, grad):
        theta *= 0.9
        super().update(theta, grad)


OTHERS = [
    Adam,
    Decaying,
    lambda: SGD(0.1, momentum=0.9),
    lambda: Clip(SGD(), norm=1.0),
    lambda: WeightDecay(SGD()),
    lambda: MovingAverage(SGD()),
    lambda: Accumulate(SGD(), steps=2),
]


@pytest.mark.parametrize("make", OTHERS)
def test_other_optimizers_update_everything(make):
    assert set(train(compiled(make()))) == {ALL}


def test_small_tables_are_updated_as_a_whole():
    model = compiled(SGD(), Chain(Embedding(WORDS, 2), GlobalAveragePooling1D(), Dense(400), Dense(1), Sigmoid()))
    assert set(train(model)) == {model.params.theta.size}


def test_a_penalty_on_the_table_changes_every_row():
    model = compiled(SGD(0.1), Chain(*bag(Embedding(WORDS, 8, embeddings_regularizer=L2(1.0, m=1)))))
    model.fit(X, Y, epochs=0, verbose=0)
    table = model.params["embedding/embeddings"]
    before = table.value.copy()
    assert set(train(model)) == {ALL}
    unused = np.setdiff1d(np.arange(WORDS), X)
    assert (np.abs(table.value[unused]) < np.abs(before[unused])).all()


def test_two_tables_between_other_layers():
    def graph():
        return Graph(
            {"word": (STEPS,), "next": (STEPS,)},
            {
                "a": (Embedding(WORDS, 4), "word"),
                "b": (Embedding(WORDS, 4), "next"),
                "sum": (Add(), "a", "b"),
                "y": (Chain(*bag(Dense(4))), "sum"),
            },
            "y",
        )

    model, whole = compiled(Adagrad(), graph()), compiled(Adagrad(), graph())
    assert max(train(model, (X, X[::-1]))) < model.params.theta.size / 2
    train(whole, (X, X[::-1]), callbacks=[OnGradients()])
    assert_equal(model, whole)


def test_a_table_used_in_two_places_is_updated_as_a_whole():
    def graph():
        embedding = Embedding(WORDS, 8)
        nodes = {"a": (embedding, "word"), "b": (embedding, "next"), "sum": (Add(), "a", "b")}
        return Graph({"word": (STEPS,), "next": (STEPS,)}, nodes | {"y": (Chain(*bag(Dense(1))), "sum")}, "y")

    model, whole = compiled(SGD(0.5), graph()), compiled(SGD(0.5), graph())
    assert set(train(model, (X, X[::-1]))) == {model.params.theta.size}
    train(whole, (X, X[::-1]), callbacks=[OnGradients()])
    assert_equal(model, whole)


class Twice(Layer):
    """A layer of a user that adds to the gradient of the table inside."""

    def __init__(self):
        self.inner = Embedding(WORDS, 8)

    def build(self, input_shape):
        return self.inner.build(input_shape)

    @property
    def vocabulary_size(self):
        return WORDS

    def forward(self, x, training=False):
        return self.inner.forward(x) + self.inner.embeddings.value[WORDS - 1]

    def backward(self, dy):
        self.inner.backward(dy)
        self.inner.embeddings.grad[WORDS - 1] += dy.sum(axis=(0, 1))


def test_a_layer_that_adds_to_the_gradient_of_a_table_inside():
    x = np.where(X == WORDS - 1, 1, X)
    model, whole = compiled(SGD(0.5), Chain(*bag(Twice()))), compiled(SGD(0.5), Chain(*bag(Twice())))
    model.fit(x, Y, epochs=0, verbose=0)
    last = model.params["twice/inner/embeddings"].value[-1].copy()
    train(model, x)
    train(whole, x, callbacks=[OnGradients()])
    assert_equal(model, whole)
    assert (model.params["twice/inner/embeddings"].value[-1] != last).all()


def test_a_frozen_layer_beside_a_table_keeps_its_weights():
    model, whole = compiled(Adagrad()), compiled(Adagrad())
    for each in (model, whole):
        each.layer.layers[2].trainable = False
    assert max(train(model)) <= MOST
    train(whole, callbacks=[OnGradients()])
    assert_equal(model, whole)


def test_a_frozen_table_keeps_its_weights():
    model = compiled(SGD(0.5))
    model.layer.layers[0].trainable = False
    model.fit(X, Y, epochs=0, verbose=0)
    before = model.params.theta.copy()
    train(model)
    changed = model.params.theta != before
    assert not changed[model.params.slices["embedding/embeddings"]].any()
    assert changed[model.params.slices["dense/kernel"]].all()


def test_a_constraint_holds_in_every_row():
    model = compiled(SGD(0.5), Chain(*bag(Embedding(WORDS, 8, embeddings_constraint=MaxNorm(0.01, axis=1)))))
    train(model)
    assert (np.linalg.norm(model.params["embedding/embeddings"].value, axis=1) <= 0.01 * (1 + 1e-6)).all()


def test_single_steps_epochs_and_gradients_by_turns():
    model, whole = compiled(Adagrad()), compiled(Adagrad())
    for each, options in ((model, {}), (whole, {"callbacks": [OnGradients()]})):
        each.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, **options)
        each.params.grad[:] = 7.0  # what stands there from elsewhere
        if each is model:
            sizes = recorded_sizes(each)
            each.train_on_batch(X[:BATCH], Y[:BATCH])
            assert max(sizes) <= MOST
        else:
            each.fit(X[:BATCH], Y[:BATCH], batch_size=BATCH, shuffle=False, verbose=0, **options)
        each.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, **options)
    assert_equal(model, whole)


class Evaluating(Callback):
    """Computes gradients of other rows between the steps, and casts the parameters."""

    def on_train_batch_end(self, batch, logs):
        self.model.backpropagate(X[-3:], Y[-3:])
        with self.model.params.cast(np.float64):
            self.model.backpropagate(X[:3], Y[:3])


def test_gradients_that_a_callback_computes_between_the_steps():
    model, whole = compiled(SGD(0.5)), compiled(SGD(0.5))
    train(model, callbacks=[Evaluating()])
    train(whole, callbacks=[OnGradients()])
    assert_equal(model, whole)


def test_a_resumed_training_ends_with_the_same_bits(tmp_path):
    model, cut = compiled(Adagrad()), compiled(Adagrad())
    train(model, epochs=3)
    cut.fit(X, Y, batch_size=BATCH, verbose=0)
    cut.save(tmp_path / "cut.h5")
    resumed = load_model(tmp_path / "cut.h5")
    resumed.fit(X, Y, batch_size=BATCH, epochs=3, initial_epoch=1, verbose=0)
    assert_equal(model, resumed)


def test_the_gradient_outside_a_training_is_whole():
    model = compiled(SGD())
    train(model)
    model.backpropagate(X[:2], Y[:2])
    table = model.params["embedding/embeddings"]
    used = np.zeros(WORDS, bool)
    used[X[:2]] = True
    assert ((table.grad != 0).any(axis=1) == used).all()
