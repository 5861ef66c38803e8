"""Normalization under Keras's names, against Keras 3.15 on PyTorch."""

import numpy as np
import pytest

from minidl import keras
from minidl.errors import SettingError
from tests.keras.peer import X, peer

ROWS = 3 * X + 7
SETTINGS = [
    {},
    {"axis": None},
    {"invert": True},
    {"mean": [1.0, 2, 3, 4], "variance": [1.0, 1, 2, 2]},
    {"mean": 7.0, "variance": 9.0},
]


def prepared(keras, settings):
    layer = keras.layers.Normalization(**settings)
    if "mean" not in settings:
        layer.adapt(ROWS)
    return layer, keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(2)], name="net")


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("settings", SETTINGS)
def test_rows_are_normalized_as_by_keras_and_files_go_both_ways(settings, tmp_path):
    sides = [prepared(peer(), settings), prepared(keras, settings)]
    (theirs, their_model), (ours, our_model) = sides
    np.testing.assert_allclose(ours.mean, theirs.mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.variance, theirs.variance.numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours(ROWS), theirs(ROWS).numpy(), rtol=1e-5, atol=1e-5)
    assert our_model.count_params() == their_model.count_params()
    for model, reader in [(their_model, keras), (our_model, peer())]:
        model.save(tmp_path / "net.keras")
        loaded = reader.models.load_model(tmp_path / "net.keras")
        np.testing.assert_allclose(loaded.predict(ROWS, verbose=0), model.predict(ROWS, verbose=0), atol=1e-5)


def test_adapt_takes_batches_and_forgets_earlier_data():
    layer = keras.layers.Normalization()
    layer.adapt(X)
    layer.adapt([ROWS[:50], ROWS[50:]])
    np.testing.assert_allclose(layer(ROWS).mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(layer(ROWS).std(axis=0), 1, rtol=1e-5)
    assert keras.layers.Normalization().mean is None


def test_given_statistics_come_in_pairs_and_are_not_adapted():
    with pytest.raises(SettingError, match="mean and variance must be given together"):
        keras.layers.Normalization(mean=1.0)
    with pytest.raises(SettingError, match="the layer was given both"):
        keras.layers.Normalization(mean=1.0, variance=2.0).adapt(X)
