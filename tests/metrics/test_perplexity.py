"""Perplexity against the numbers in the documentation of KerasHub and TorchEval, and in training."""

import math

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError, metrics
from minidl.layers import LSTM, Dense, Embedding, Softmax
from minidl.losses import SparseCategoricalCrossentropy
from minidl.metrics import Perplexity

# https://keras.io/keras_hub/api/metrics/perplexity/
LEGACY = np.random.RandomState(42)
TARGET, PROBABILITIES = LEGACY.randint(10, size=[2, 5]), LEGACY.uniform(size=(2, 5, 10))
KERAS_HUB = 14.352535
# https://pytorch.org/torcheval/stable/generated/torcheval.metrics.Perplexity.html
LOGITS = np.array(
    [[[0.3659, 0.7025, 0.3104]], [[0.0097, 0.6577, 0.1947]], [[0.5659, 0.0025, 0.0104]], [[0.9097, 0.0577, 0.7947]]]
)
LABELS = np.array([[2], [1], [2], [1]])


@pytest.mark.parametrize(
    "options", [{}, {"mask_token_id": 0}, {"sample_weight": (TARGET != 0).astype("float32")}], ids=["", "id", "weights"]
)
def test_probabilities_give_the_number_of_keras_hub(options):
    weights = options.pop("sample_weight", None)
    assert Perplexity(**options)(TARGET, PROBABILITIES, weights) == pytest.approx(KERAS_HUB, rel=1e-6)


@pytest.mark.parametrize(("masked", "expected"), [(None, 3.5257), (1, 3.6347)])
@pytest.mark.parametrize("batch", [1, 3, 4])
def test_logits_give_the_numbers_of_torcheval_in_batches_of_any_size(batch, masked, expected):
    perplexity = Perplexity(from_logits=True, mask_token_id=masked)
    for start in range(0, 4, batch):
        perplexity.update_state(LABELS[start : start + batch], LOGITS[start : start + batch])
    assert perplexity.result() == pytest.approx(expected, abs=5e-5)


def test_one_hot_rows_give_the_same_as_labels():
    one_hot = np.eye(10)[TARGET]
    for options in ({}, {"mask_token_id": 3}, {"from_logits": True}):
        by_label, by_row = Perplexity(**options), Perplexity(**options)
        assert by_label(TARGET, PROBABILITIES) == pytest.approx(by_row(one_hot, PROBABILITIES), rel=1e-12)


def test_it_is_the_number_of_classes_that_are_as_likely():
    assert Perplexity()(TARGET, np.full((2, 5, 10), 0.1)) == pytest.approx(10)
    assert Perplexity(from_logits=True)(TARGET, 1000 * np.eye(10)[TARGET]) == 1
    assert Perplexity(from_logits=True)(TARGET, -1000 * np.eye(10)[TARGET]) == math.inf


def test_without_rows_it_is_0():
    assert Perplexity().result() == 0
    assert Perplexity(mask_token_id=7)([[7, 7]], np.ones((1, 2, 10))) == 0


def test_one_output_has_no_classes():
    with pytest.raises(ShapeError, match="Perplexity: y_pred has one column; there must be one for each class"):
        Perplexity()([0, 1], [0.3, 0.4])


def test_settings_are_checked():
    with pytest.raises(SettingError, match="Perplexity: mask_token_id must be an integer of at least 0, got -1"):
        Perplexity(mask_token_id=-1)
    assert isinstance(metrics.named("metrics", ["perplexity"])["perplexity"], Perplexity)


@pytest.mark.parametrize("logits", [False, True])
def test_in_training_it_is_exp_of_the_loss_over_the_steps_that_count(logits):
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 6, (10, 4))
    ids[:4, 2:] = 0
    layers = [Embedding(6, 3, mask_zero=True), LSTM(4, return_sequences=True), Dense(6)]
    model = Sequential([*layers, *([] if logits else [Softmax()])], seed=0)
    metric = Perplexity(from_logits=True) if logits else "perplexity"
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=logits), metrics=[metric])
    y = np.roll(ids, -1, axis=1)
    history = model.fit(ids, y, batch_size=10, epochs=2, validation_data=(ids[:5], y[:5]), verbose=0).history
    assert history["perplexity"] == pytest.approx(np.exp(history["loss"]), rel=1e-6)
    assert history["val_perplexity"] == pytest.approx(np.exp(history["val_loss"]), rel=1e-6)
    _, in_batches = model.evaluate(ids, y, batch_size=3)
    assert in_batches == pytest.approx(math.exp(model.evaluate(ids, y, batch_size=10)[0]), rel=1e-6)
