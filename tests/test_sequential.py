"""The model most people write."""

import re

import numpy as np
import pytest

from minidl import Sequential, SettingError
from minidl.layers import Chain, Dense, ReLU, Residual, Sigmoid


def test_layers_can_be_added_and_taken_off_before_the_build():
    model = Sequential(seed=0)
    for layer in (Dense(3), ReLU(), Dense(1), Sigmoid()):
        model.add(layer)
    assert isinstance(model.pop(), Sigmoid)
    assert [type(layer) for layer in model.layers] == [Dense, ReLU, Dense]
    model.add(Sequential([Sigmoid()]))
    assert isinstance(model.layers[-1], Chain)
    x = np.random.default_rng(0).normal(size=(6, 2))
    model.build((2,))
    at_once = Sequential([Dense(3), ReLU(), Dense(1), Sigmoid()], seed=0)
    at_once.build((2,))
    assert np.array_equal(model.predict(x), at_once.predict(x))


def test_a_built_model_is_settled():
    model = Sequential([Dense(3)], name="mine")
    model.build((2,))
    for change in (model.pop, lambda: model.add(ReLU())):
        with pytest.raises(
            SettingError, match="mine is built, and its layers cannot change: put clones of them into a new"
        ):
            change()
    assert len(model.layers) == 1


def test_an_empty_model_has_no_layer_to_remove():
    with pytest.raises(SettingError, match="pop: there is no layer to remove"):
        Sequential().pop()


def test_layers_are_got_by_name_or_place():
    model = Sequential([Dense(3), ReLU(), Dense(1), Residual(ReLU(), name="around")])
    assert model.get_layer("dense_1") is model.layers[2]
    assert model.get_layer("around") is model.layers[3]
    assert model.get_layer(index=1) is model.layers[1]
    with pytest.raises(
        SettingError, match="get_layer: there is no layer 'dense_2'; choose from dense, re_lu, dense_1, a"
    ):
        model.get_layer("dense_2")
    assert model.get_layer(index=-1) is model.layers[3]
    for place in (4, -5, 1.0, "dense"):
        with pytest.raises(SettingError, match=f"get_layer: there is no layer with index {place!r}; there are 4"):
            model.get_layer(index=place)
    for given in ({}, {"name": "dense", "index": 0}):
        with pytest.raises(SettingError, match="get_layer takes a name or an index"):
            model.get_layer(**given)


@pytest.mark.parametrize("given", [Dense(2), Chain(Dense(2)), Sequential([Dense(2)]), Dense, 3])
def test_layers_come_in_a_list(given):
    words = f"Sequential takes a list of layers, as in Sequential([Dense(1)]), got {given!r}"
    with pytest.raises(SettingError, match=f"^{re.escape(words)}$"):
        Sequential(given)


def test_what_is_no_layer_is_refused():
    with pytest.raises(SettingError, match="Sequential takes layers, got 'dense'"):
        Sequential([Dense(2), "dense"])
    with pytest.raises(SettingError, match="Sequential takes layers, got 3"):
        Sequential().add(3)


def test_layers_may_come_from_any_iterable():
    assert len(Sequential(Dense(n) for n in (3, 2)).layers) == 2
    assert Sequential((Dense(3), ReLU())).name == "sequential"


def test_words():
    assert repr(Sequential([ReLU(), Residual(Sigmoid())])) == "Sequential([ReLU(), Residual(Sigmoid())])"


def test_one_line_trains():
    x = np.random.default_rng(0).normal(size=(50, 2))
    history = Sequential([Dense(10), ReLU(), Dense(1), Sigmoid()]).fit(x, x[:, 0] > 0)
    assert len(history.history["loss"]) == 1
