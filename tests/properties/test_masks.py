"""Padding changes no number: x, targets and weights at masked steps may be anything in networks that use masks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import Sequential
from minidl.layers import (
    GRU,
    LSTM,
    Add,
    BatchNormalization,
    Bidirectional,
    Chain,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    GlobalAveragePooling1D,
    Graph,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    PReLU,
    ReLU,
    Residual,
    Sigmoid,
    SimpleRNN,
    SinePositionEncoding,
    Softmax,
    SpatialDropout1D,
    Tanh,
    TimeDistributed,
    UnitNormalization,
)
from minidl.losses import SparseCategoricalCrossentropy

M, STEPS, WIDTH, WORDS = 7, 5, 4, 9


class Flagged(Layer):
    """y = x without its last feature, which is 1 at the steps that count and 0 at the others."""

    makes_mask = True

    def build(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] - 1)

    def compute_mask(self, x, mask):
        return x[..., -1] > 0

    def forward(self, x, training=False):
        return x[..., :-1]

    def backward(self, dy):
        return np.concatenate([dy, np.zeros_like(dy[..., :1])], axis=-1)


def two_ways():
    nodes = {"h": (Dense(2), "x"), "g": (MultiHeadAttention(2, 3), "x", "h"), "y": (Concatenate(), "h", "g", "x")}
    return Chain(Graph("x", nodes, "y"), Dense(WIDTH))


INNER = [  # layers that keep (steps, WIDTH)
    Tanh,
    ReLU,
    PReLU,
    BatchNormalization,
    lambda: BatchNormalization(1),
    LayerNormalization,
    UnitNormalization,
    lambda: Dropout(0.3),
    lambda: SpatialDropout1D(0.3),
    lambda: GaussianNoise(0.1),
    lambda: Dense(WIDTH),
    lambda: Residual(BatchNormalization(), Dense(WIDTH)),
    lambda: Residual(SinePositionEncoding()),
    lambda: Graph("x", {"h": (Dense(WIDTH), "x"), "r": (ReLU(), "h"), "y": (Add(), "r", "x")}, "y"),
    two_ways,
    lambda: Residual(MultiHeadAttention(2, 3, dropout=0.2)),
    lambda: MultiHeadAttention(1, 2, use_causal_mask=True),
    lambda: SimpleRNN(WIDTH, return_sequences=True, dropout=0.2),
    lambda: GRU(WIDTH, return_sequences=True, go_backwards=True),
    lambda: LSTM(WIDTH, return_sequences=True, recurrent_dropout=0.2),
    lambda: Bidirectional(LSTM(WIDTH // 2, return_sequences=True)),
    lambda: TimeDistributed(Chain(Dense(3), Tanh(), Dense(WIDTH))),
]
SEEDS = st.integers(0, 2**32 - 1)


@dataclass
class Problem:
    """The last layers of a network, its loss and metrics. Targets and weights are for steps, or for rows."""

    ending: Callable
    loss: str
    metrics: list
    targets: Callable
    at_steps: bool = True

    def weights(self, rng):
        return rng.uniform(0.5, 2, (M, STEPS) if self.at_steps else M)


PROBLEMS = [
    Problem(
        lambda: [Dense(3), Softmax()],
        "sparse_categorical_crossentropy",
        ["accuracy", SparseCategoricalCrossentropy()],
        lambda rng: rng.integers(0, 3, (M, STEPS)),
    ),
    Problem(lambda: [Dense(1), Sigmoid()], "binary_crossentropy", ["AUC"], lambda rng: rng.integers(0, 2, (M, STEPS))),
    Problem(lambda: [Dense(2)], "mse", ["mae"], lambda rng: rng.normal(size=(M, STEPS, 2))),
    Problem(lambda: [GlobalAveragePooling1D(), Dense(1)], "mse", ["mae"], lambda rng: rng.normal(size=M), False),
    Problem(lambda: [Bidirectional(GRU(3)), Dense(1)], "mse", ["mae"], lambda rng: rng.normal(size=M), False),
]


def drawn(rng):
    """Return layers, a problem, and a mask (M, STEPS) with at least one step in each row."""
    problem = PROBLEMS[rng.integers(len(PROBLEMS))]
    inner = [INNER[place]() for place in rng.integers(0, len(INNER), rng.integers(1, 5))]
    mask = rng.random((M, STEPS)) < rng.uniform(0.2, 0.9)
    mask[np.arange(M), rng.integers(0, STEPS, M)] = True
    return [*inner, *problem.ending()], problem, mask


def padded_anew(numbers, mask, rng, scale=1):
    """Return the numbers of steps with those of other steps where the mask is False; those of rows as they are."""
    if numbers.shape[:2] != mask.shape:
        return numbers
    others = scale * rng.permutation(numbers.reshape(M * STEPS, -1)).reshape(numbers.shape)
    return np.where(mask.reshape(M, STEPS, *[1] * (numbers.ndim - 2)), numbers, others)


def trained(model, problem, x, y, weights, mask):
    """Return all that a user sees of a training: loss, gradient, History, figures, weights, state, predictions."""
    model.compile("adam", problem.loss, problem.metrics, weighted_metrics=problem.metrics[:1])
    found = {"loss": model.backpropagate(x, y, weights), "grad": model.params.grad.copy()}
    held_out = x[::-1], y[::-1], weights[::-1]
    found |= model.fit(x, y, 4, 2, verbose=0, sample_weight=weights, validation_data=held_out).history
    p = model.predict(x)
    found |= {"evaluated": model.evaluate(x, y, sample_weight=weights), "p": p[mask] if problem.at_steps else p}
    return found | {"theta": model.params.theta.copy()} | model.layer.named_state()


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, numbers in one.items():
        np.testing.assert_array_equal(numbers, other[name], name)


@settings(max_examples=60)
@given(SEEDS)
def test_numbers_at_masked_steps_change_no_number(seed):
    rng = np.random.default_rng(seed)
    layers, problem, mask = drawn(rng)
    data = rng.normal(size=(M, STEPS, WIDTH)), problem.targets(rng), problem.weights(rng)
    others = [padded_anew(numbers, mask, rng, scale) for numbers, scale in zip(data, (100, 1, 1), strict=True)]
    found = []
    for x, y, weights in (data, others):
        model = Sequential([Flagged(), *(layer.clone() for layer in layers)], seed=0)
        flagged = np.concatenate([x, mask[..., None]], axis=-1)
        found.append(trained(model, problem, flagged, y, weights, mask))
    assert_equal(*found)


@settings(max_examples=30)
@given(SEEDS)
def test_the_vector_of_padding_changes_no_number_and_is_not_trained(seed):
    rng = np.random.default_rng(seed)
    layers, problem, mask = drawn(rng)
    x = np.where(mask, rng.integers(1, WORDS, (M, STEPS)), 0)
    data = x, problem.targets(rng), problem.weights(rng)
    found = []
    for vector in rng.normal(size=(2, WIDTH)).astype("float32"):
        model = Sequential([Embedding(WORDS, WIDTH, mask_zero=True), *(layer.clone() for layer in layers)], seed=0)
        model.build((STEPS,))
        embeddings = model.layers[0].embeddings
        embeddings.value[0] = vector
        found.append(trained(model, problem, *data, mask))
        np.testing.assert_array_equal(embeddings.value[0], vector)
        embeddings.value[0] = 0
        found[-1]["theta"] = model.params.theta
    assert_equal(*found)
