"""Masks of recurrent layers that are called with initial states: Keras 3.15 drops them unless the call has a mask."""

import numpy as np
import pytest

import minidl.keras
from tests.keras.peer import assert_same, both

IDS = np.array([[3, 1, 2, 0], [2, 0, 0, 0], [1, 2, 3, 4]])
STATES = list(np.random.default_rng(0).normal(size=(2, 3, 3)).astype("float32"))


def with_states(keras, weights):
    layers = keras.layers
    ids, states = keras.Input((4,), dtype="int32"), [keras.Input((3,)), keras.Input((3,))]
    embedding = layers.Embedding(5, 2, mask_zero=True)
    x, lstm = embedding(ids), layers.LSTM(3, return_sequences=True)
    both_ways = layers.Bidirectional(layers.GRU(3, return_sequences=True))
    pool = layers.GlobalAveragePooling1D()  # whose input has the mask in any case
    calls = [lstm(x), lstm(x, initial_state=states), both_ways(x, initial_state=states)]
    calls += [lstm(x, initial_state=states, mask=embedding.compute_mask(ids))]
    model = keras.Model([ids, *states], [*calls[:3], *map(pool, calls)])
    weights(model)
    given = [IDS, *STATES]
    on_arrays = [np.asarray(part.detach() if hasattr(part, "detach") else part) for part in model(given)]
    return model.predict(given, verbose=0), on_arrays


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # Keras's, and those that the next test expects
def test_the_numbers_are_those_of_keras():
    theirs, ours = both(lambda *given: with_states(*given)[:1])
    assert_same(theirs, ours, tolerance=1e-5)


@pytest.mark.filterwarnings("ignore:.*does not use the mask")
def test_a_model_called_on_arrays_computes_what_predict_computes():
    predicted, on_arrays = with_states(minidl.keras, lambda model: None)
    assert_same(predicted, on_arrays, tolerance=1e-6)


def test_a_call_that_drops_a_mask_warns():
    layers = minidl.keras.layers
    lstm, zeros = layers.LSTM(3, return_sequences=True), np.zeros((3, 3), "float32")
    x = layers.Embedding(5, 2, mask_zero=True)(IDS)
    with pytest.warns(UserWarning, match="does not use the mask of its sequences, as in Keras: .*pass mask= too"):
        y = lstm(x, initial_state=[zeros, zeros])
    np.testing.assert_array_equal(y._keras_mask, IDS != 0)
    np.testing.assert_allclose(y, lstm(np.asarray(x)), atol=1e-6)
    np.testing.assert_allclose(lstm(x, initial_state=[zeros, zeros], mask=IDS != 0), lstm(x), atol=1e-6)
