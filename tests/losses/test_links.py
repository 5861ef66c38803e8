"""The output activation that belongs to a loss: it chooses the default loss, and after it the model uses logits."""

import math

import numpy as np
import pytest

from minidl import Sequential
from minidl.layers import Chain, Dense, ReLU, Residual, Sigmoid
from minidl.losses import (
    BinaryCrossentropy,
    MeanSquaredError,
    PenalizedLoss,
)


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ([Dense(1), Sigmoid()], BinaryCrossentropy()),
        ([Dense(2), Chain(Dense(1), Sigmoid())], BinaryCrossentropy()),
        ([Dense(1)], MeanSquaredError()),
        ([Dense(1), ReLU()], MeanSquaredError()),
    ],
)
def test_the_loss_that_belongs_to_the_last_layer_is_the_default(layers, loss):
    model = Sequential(layers)
    model.build((3,))
    assert model.objective.terms == PenalizedLoss(loss)


@pytest.mark.parametrize("last", [lambda: [Sigmoid()], lambda: [Chain(Chain(Sigmoid()))]])
def test_after_a_sigmoid_the_loss_is_computed_from_the_logits(last):
    model = Sequential([Dense(1, kernel_initializer="ones"), *last()])
    model.build((1,))
    # a logit of 1,000 in float32: clipped probabilities would say 15.9
    assert model.evaluate([[1000.0]], [0]) == 1000
    model.backpropagate([[1000.0]], [0])
    assert model.params["dense/bias"].grad[0] == 1


def test_a_sigmoid_inside_a_residual_is_not_the_link():
    model = Sequential([Dense(1), Residual(Sigmoid())], dtype="float64")
    model.compile(loss="bce")
    model.build((1,))
    model.set_weights([[[0.0]], [0.1]])
    p = 0.1 + 1 / (1 + math.exp(-0.1))
    assert model.evaluate([[1.0]], [1]) == pytest.approx(-math.log(p), rel=1e-14)


class Hidden(Chain):
    """A Chain in all but name, so the model does not look inside it."""

    def __init__(self):
        super().__init__(Sigmoid())


@pytest.mark.parametrize("loss", ["mse", BinaryCrossentropy(), "bce"])
def test_with_and_without_the_link_the_gradients_are_the_same(loss):
    x, y = np.random.default_rng(0).normal(size=(9, 2)), np.arange(9) % 2
    linked = Sequential([Dense(3), ReLU(), Dense(1), Sigmoid()], seed=0, dtype="float64")
    hidden = Sequential([Dense(3), ReLU(), Dense(1), Hidden()], seed=0, dtype="float64")
    for model in (linked, hidden):
        model.compile(loss=loss)
        model.build((2,))
        model.backpropagate(x, y)
    assert np.allclose(linked.params.grad, hidden.params.grad, rtol=1e-12, atol=1e-15)
    assert linked.evaluate(x, y) == pytest.approx(hidden.evaluate(x, y), rel=1e-12)
