"""Chain and Residual: their equations, their input gradient, and the names of layers inside them."""

import re

import numpy as np
import pytest

from minidl import Model, Sequential, SettingError, ShapeError
from minidl.layers import (
    Chain,
    Dense,
    Dropout,
    Flatten,
    Layer,
    ReLU,
    Residual,
    Sigmoid,
)
from minidl.losses import MeanSquaredError
from tests.helpers.builders import built, rows


@pytest.mark.parametrize("training", [False, True])
def test_chain_and_residual_equal_the_composition_of_their_layers(training):
    layers = Dense(4), Sigmoid(), Dense(3)
    chain = Chain(*layers)
    Model(chain, seed=1, dtype="float64").build((3,))
    x, dy = rows(), rows(seed=1)
    assert np.array_equal(chain.forward(x, training), layers[2].forward(layers[1].forward(layers[0].forward(x))))

    residual = Residual(*(layer.clone() for layer in layers))
    model = Sequential([Dense(3), residual], seed=1, dtype="float64")
    model.build((3,))
    f = residual.layers
    y = f[2].forward(f[1].forward(f[0].forward(x)))
    assert np.array_equal(residual.forward(x, training), x + y)
    assert np.array_equal(residual.backward(dy), dy + f[0].backward(f[1].backward(f[2].backward(dy))))


def test_the_layers_of_chain_and_residual_know_whether_they_train():
    for container in (Chain(Dropout(0.5)), Residual(Dropout(0.5))):
        built(container)
        x = rows()
        prediction = container.forward(x)
        assert np.array_equal(container.forward(x, training=False), prediction)
        assert not np.array_equal(container.forward(x, training=True), prediction)


@pytest.mark.parametrize("returned", [None, 2, [2], (0,), (2, 0), (2.0,)])
def test_a_layer_must_return_the_shape_of_an_output_row(returned):
    class Wrong(Layer):
        def build(self, input_shape):
            return returned

    message = f"Wrong: build must return the shape of an output row, such as (3,), got {returned!r}"
    with pytest.raises(ShapeError, match=re.escape(message)):
        Chain(Wrong()).build((2,))


def test_residual_raises_an_error_if_the_shape_changes():
    with pytest.raises(ShapeError) as caught:
        Sequential([Residual(Dense(3))]).build((4,))
    assert str(caught.value) == "Residual adds f(x) to x, but f maps (4,) to (3,)"


@pytest.mark.parametrize("given", [Dense, "dense", None, 3, [Dense(2)]])
def test_containers_accept_only_layers(given):
    with pytest.raises(SettingError, match="Chain takes layers, got "):
        Chain(Dense(2), given)


def test_a_class_among_the_layers_gets_a_hint_to_call_it():
    with pytest.raises(SettingError, match=r"write ReLU\(\.\.\.\)"):
        Sequential([Dense(2), ReLU])


def test_an_empty_chain_returns_its_input():
    x = rows()
    assert Chain().forward(x) is x
    assert Residual().backward(x) is not x


def with_input_gradient(layers, x, y):
    """Return a model that has computed dL/dx too: no layer is marked as the first."""
    model = Sequential([layer.clone() for layer in layers], seed=3, dtype="float64")
    model.compile(loss=MeanSquaredError())
    model.build(x.shape[1:])
    chain = model.objective.layers
    for layer in [chain, *(layer for _, layer in model.layer.walk())]:
        layer.is_first = False
        if isinstance(layer, Chain):
            layer.start = 0
    model.backpropagate(x, y)
    return model


FIRST = {
    "Dense": [Dense(4), ReLU(), Dense(3)],
    "nested Chain": [Chain(Chain(Dense(4), Sigmoid()), Dense(4)), Dense(3)],
    "Residual": [Residual(Dense(4), Sigmoid(), Dense(3)), Dense(3)],
    "Residual in Residual": [Residual(Residual(ReLU(), Dense(3)), Sigmoid()), Dense(3)],
    "Dropout": [Dropout(0.4), Dense(4), Sigmoid(), Dense(3)],
    "Flatten": [Flatten(), Dense(4), Sigmoid(), Dense(3)],
    "activations": [Sigmoid(), ReLU(), Residual(Dense(3)), Dense(3)],
    "no parameters first in a Residual": [Residual(Sigmoid()), Residual(Sigmoid(), Dense(3)), Dense(3)],
}


@pytest.mark.parametrize("layers", FIRST.values(), ids=FIRST)
def test_the_skipped_input_gradient_changes_no_other_gradient(layers):
    x, y = rows(8), rows(8, seed=1)
    full = with_input_gradient(layers, x, y)
    model = Sequential([layer.clone() for layer in layers], seed=3, dtype="float64")
    model.compile(loss=MeanSquaredError())
    model.build((3,))
    model.backpropagate(x, y)
    assert np.abs(model.params.grad).max() > 0
    assert np.array_equal(model.params.grad, full.params.grad)


@pytest.mark.parametrize("layers", [[], [ReLU()], [Residual(Sigmoid())], [Dropout(0.5), Sigmoid()], [Flatten()]])
def test_a_model_without_parameters_runs(layers):
    model = Sequential(layers, seed=0)
    model.fit(rows(4) > 0, rows(4) > 0, epochs=2)
    assert model.predict(rows(4)).shape == (4, 3)


# ---- names


def paths(*layers, n=3):
    return list(built(*layers, n=n).params)


def test_paths_are_numbered_as_in_keras():
    # Keras 3.15.1, Sequential([Dense(2), ReLU(), Dense(2), ReLU(), Dense(1)]) after clear_session()
    model = built(Dense(2), ReLU(), Dense(2), ReLU(), Dense(1))
    assert list(model.layer.children) == ["dense", "re_lu", "dense_1", "re_lu_1", "dense_2"]
    assert list(model.params)[:3] == ["dense/kernel", "dense/bias", "dense_1/kernel"]


def test_layers_may_have_given_names():
    assert paths(Dense(2, name="head"), Dense(2), Dense(2, name="head"), Dense(1)) == [
        f"{layer}/{name}" for layer in ("head", "dense", "head_1", "dense_1") for name in ("kernel", "bias")
    ]


def test_a_nested_chain_is_part_of_the_path():
    assert paths(Dense(3), Chain(Dense(3), ReLU(), Dense(3, use_bias=False)), Residual(Chain(Dense(3)))) == [
        "dense/kernel",
        "dense/bias",
        "chain/dense/kernel",
        "chain/dense/bias",
        "chain/dense_1/kernel",
        "residual/chain/dense/kernel",
        "residual/chain/dense/bias",
    ]


def test_a_nested_sequential_contributes_its_chain():
    x = rows()
    model = built(Sequential([Dense(3), ReLU()]), Dense(1))
    assert list(model.params)[:2] == ["chain/dense/kernel", "chain/dense/bias"]
    assert isinstance(model.layers[0], Chain)
    flat = built(Dense(3), ReLU(), Dense(1))
    assert np.array_equal(model.predict(x), flat.predict(x))


# ---- one place in one model


def test_a_layer_used_twice_raises_an_error_with_both_paths():
    shared = Dense(3)
    with pytest.raises(SettingError, match=r"dense_1 is the same object as dense; .* use clone\(\)"):
        built(shared, shared)
    with pytest.raises(SettingError, match=r"residual/dense is the same object as dense; .* use clone\(\)"):
        built(shared, Residual(shared))
