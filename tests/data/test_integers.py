"""Images as small integers are converted batch by batch, and train as the same numbers in the model's dtype do."""

import tracemalloc

import numpy as np
import pytest

from minidl import Model, Sequential
from minidl.layers import Concatenate, Dense, Flatten, Graph, ReLU, Softmax
from minidl.optimizers import LBFGS, Adam

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
LABELS = RNG.integers(0, 3, 50)
KINDS = [np.uint8, np.int8, np.uint16, np.int16, np.bool]


def network(dtype="float32", optimizer=None):
    model = Sequential([Flatten(), Dense(8), ReLU(), Dense(3), Softmax()], seed=0, dtype=dtype)
    model.compile(optimizer or Adam(0.001), metrics="accuracy")
    return model


def figures(model, x, y, **options):
    """Train, evaluate and predict. Return all numbers that come out."""
    history = model.fit(x, y, epochs=2, verbose=0, **options).history
    return [model.params.theta.copy(), *history.values(), model.evaluate(x, y), model.predict(x)]


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_integers_train_to_the_same_bits_as_floats(kind, dtype):
    x = PIXELS.astype(kind)
    assert same(figures(network(dtype), x, LABELS), figures(network(dtype), x.astype(dtype), LABELS))


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": False},
        {"batch_size": 50},
        {"batch_size": 7},
        {"validation_split": 0.3},
        {"validation_split": 0.3, "class_weight": {0: 2.0}},
        {"validation_data": (PIXELS[:20], LABELS[:20])},
        {"sample_weight": np.arange(50)},
        {"class_weight": {1: 3.0}},
    ],
    ids=lambda options: ", ".join(options),
)
def test_every_option_of_fit_takes_them(options):
    floats = PIXELS.astype(np.float32)
    assert same(figures(network(), PIXELS, LABELS, **options), figures(network(), floats, LABELS, **options))


def test_lbfgs_and_single_steps_take_them():
    floats = PIXELS.astype(np.float32)
    assert same(*(figures(network("float64", LBFGS()), x, LABELS) for x in (PIXELS, floats)))
    one, two = network(), network()
    assert one.train_on_batch(PIXELS, LABELS) == two.train_on_batch(floats, LABELS)
    assert one.backpropagate(PIXELS, LABELS) == two.backpropagate(floats, LABELS)
    assert np.array_equal(one.params.grad, two.params.grad)
    assert one.examples("fit", PIXELS, LABELS).x.dtype == np.float32


def test_a_model_that_is_not_built_predicts_from_them():
    assert np.array_equal(network().predict(PIXELS), network().predict(PIXELS.astype(np.float32)))


def test_inputs_of_several_dtypes_train_together():
    def model():
        nodes = {
            "h": (Flatten(), "image"),
            "both": (Concatenate(), "h", "size"),
            "y": (Dense(3), "both"),
            "p": (Softmax(), "y"),
        }
        net = Model(Graph({"image": (4, 4, 1), "size": (2,)}, nodes, "p"), seed=0)
        net.compile(Adam(0.001), metrics="accuracy")
        return net

    sizes = RNG.normal(size=(50, 2)).astype(np.float32)
    counts = RNG.integers(0, 9, (50, 2), dtype=np.int8)
    floats = PIXELS.astype(np.float32)
    assert same(*(figures(model(), {"image": x, "size": sizes}, LABELS) for x in (PIXELS, floats)))
    assert same(*(figures(model(), (x, counts), LABELS) for x in (PIXELS, floats)))


def test_memory_stays_flat():
    x = RNG.integers(0, 256, (20_000, 28, 28, 1), dtype=np.uint8)  # 16 MB, as float32 63
    y = RNG.integers(0, 3, 20_000)
    model = network()
    model.fit(x[:64], y[:64])  # imports and what layers keep
    uses = {
        "fit": lambda: model.fit(x, y),
        "fit in order": lambda: model.fit(x, y, shuffle=False),
        "validation_split": lambda: model.fit(x, y, validation_split=0.5),
        "validation_data": lambda: model.fit(x, y, validation_data=(x, y)),
        "evaluate": lambda: model.evaluate(x, y),
        "predict": lambda: model.predict(x),
    }
    tracemalloc.start()
    try:
        for name, use in uses.items():
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            use()
            # a batch of 1,024 rows has 3 MB
            assert tracemalloc.get_traced_memory()[1] - before < 12e6, name
    finally:
        tracemalloc.stop()
