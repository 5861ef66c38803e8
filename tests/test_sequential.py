"""The model most people write."""

import re

import numpy as np
import pytest

from minidl import Input, Sequential, SettingError
from minidl.callbacks import Callback
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


def test_layers_do_not_change_during_a_training():
    class Changes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            for change in (self.model.pop, lambda: self.model.add(ReLU())):
                with pytest.raises(SettingError, match="mine is being trained: its layers can change before or after"):
                    change()

    model = Sequential([Dense(3)], name="mine")
    history = model.fit(np.ones((4, 2)), np.ones((4, 3)), callbacks=Changes())
    assert len(model.layers) == len(history.epoch) == 1


def test_layers_that_are_added_to_a_built_model_are_built_for_its_rows():
    model = Sequential([Dense(3)], seed=0)
    model.build((2,))
    kernel = model.layers[0].kernel.value.copy()
    model.add(Dense(4))
    assert [weight.shape for weight in model.get_weights()] == [(2, 3), (3,), (3, 4), (4,)]
    assert np.array_equal(model.layers[0].kernel.value, kernel)


@pytest.mark.parametrize("shape", [(2,), [2], 2])
def test_an_input_says_the_shape_of_a_row(shape):
    model = Sequential([Input(shape), Dense(3)], seed=0)
    assert model.built
    assert [type(layer) for layer in model.layers] == [Dense]
    step_by_step = Sequential(seed=0)
    step_by_step.add(Input(shape))
    step_by_step.add(Dense(3))
    x = np.ones((1, 2))
    assert np.array_equal(model.predict(x), step_by_step.predict(x))
    with pytest.raises(SettingError, match="add: an Input must be the first thing in a Sequential"):
        model.add(Input(shape))


def test_an_input_must_come_first():
    with pytest.raises(SettingError, match="Sequential takes layers, got Input"):
        Sequential([Dense(3), Input((2,))])
    with pytest.raises(SettingError, match="Input: input_shape must be an integer of at least 1, got 0"):
        Input((0,))


def test_a_model_that_is_not_built_is_summarised():
    lines = []
    Sequential([Dense(3), ReLU()]).summary(print_fn=lines.append)
    assert "│ dense (Dense) │ ?            │ 0 (unbuilt) │" in lines[0]


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
