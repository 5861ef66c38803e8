"""plots.gate_activations: one panel for each gate and state, a line for each unit, a column for each step."""

import numpy as np
import pytest

from minidl import Input, Sequential
from minidl.errors import DataError, SettingError, ShapeError
from minidl.layers import GRU, LSTM, Bidirectional, Dense, Embedding, SimpleRNN
from minidl.plots import gate_activations

X = np.random.default_rng(0).normal(size=(2, 5, 3))


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (LSTM(4), ["input gate", "forget gate", "candidate", "output gate", "hidden state", "cell state"]),
        (GRU(4), ["update gate", "reset gate", "candidate", "hidden state"]),
        (GRU(4, reset_after=False), ["update gate", "reset gate", "candidate", "hidden state"]),
        (SimpleRNN(4), ["hidden state"]),
    ],
    ids=repr,
)
def test_there_is_a_panel_for_each_gate_and_state(layer, names):
    model = Sequential([layer, Dense(1)], seed=0)
    ax = gate_activations(model, X[0], tokens="hello")
    assert labels(ax.yaxis) == names
    assert labels(ax.xaxis) == list("hello")
    (image,) = ax.get_images()
    assert image.get_array().shape[:2] == (len(names) * 5 - 1, 5)


def test_the_last_panels_are_the_states_that_the_layer_returns():
    layer = LSTM(4, return_sequences=True, return_state=True)
    model = Sequential([LSTM(4, return_sequences=True)], seed=0)
    h = model.predict(X[:1])[0]
    (image,) = gate_activations(model, X[0]).get_images()
    shown = np.asarray(image.get_array())[20:24, :]
    drawn = shown[..., 0] if shown.ndim == 3 else shown
    np.testing.assert_allclose(1 - drawn, (h.T + 1) / 2, atol=1e-6)
    assert layer.gate_names[1] == "forget gate"


def test_going_backwards_the_columns_stay_those_of_x():
    layer = LSTM(3, go_backwards=True, return_sequences=True)
    model = Sequential([layer], seed=0)
    y = model.predict(X)
    np.testing.assert_array_equal(layer.activations()["hidden state"], y[:, ::-1])


def test_a_state_beyond_one_is_divided():
    model = Sequential([SimpleRNN(2, "linear"), Dense(1)], seed=0)
    assert labels(gate_activations(model, 100 * X[0]).yaxis)[0].startswith("hidden state / ")


def test_a_layer_inside_another_is_named_by_its_path():
    model = Sequential([Input((None,)), Embedding(9, 3), Bidirectional(GRU(2)), Dense(1)], seed=0)
    ax = gate_activations(model, np.arange(4)[None], "bidirectional/backward_layer")
    assert ax.get_title() == "bidirectional/backward_layer: 2 units"


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(DataError, match="has no recurrent layer"):
        gate_activations(Sequential([Dense(1)]), np.zeros((1, 3)))
    model = Sequential([LSTM(4), Dense(1)], seed=0)
    with pytest.raises(SettingError, match="layer must be"):
        gate_activations(model, X[0], "dense")
    with pytest.raises(ShapeError, match="a label for each of 5 steps"):
        gate_activations(model, X[0], tokens="hi")
