"""Masks of recurrent layers that are called with initial states."""

import numpy as np
import pytest

import minidl.keras
from tests.keras.peer import peer


def change_by_zero_states(keras):
    """The largest change of the outputs for a padded row when initial states of zeros are given."""
    layers = keras.layers
    sequence, states = keras.Input((4, 2)), [keras.Input((3,)), keras.Input((3,))]
    lstm, masked = layers.LSTM(3), layers.Masking()(sequence)
    without, given = lstm(masked), lstm(masked, initial_state=states)
    x, zeros = np.ones((1, 4, 2), "float32"), np.zeros((1, 3), "float32")
    x[:, 2:] = 0
    made = keras.Model(sequence, without).predict(x, verbose=0)
    return abs(keras.Model([sequence, *states], given).predict([x, zeros, zeros], verbose=0) - made).max()


def test_a_layer_with_initial_states_leaves_padding_out():
    assert change_by_zero_states(minidl.keras) < 1e-6


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of Keras
def test_keras_counts_padding_there():
    assert change_by_zero_states(peer()) > 1e-3  # Keras 3.15 drops the mask when a call has several tensors
