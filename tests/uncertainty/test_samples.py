"""Ensembles and dropout as predictions with an uncertainty."""

import numpy as np
import pytest

from minidl import Sequential, SettingError, compare
from minidl.layers import LSTM, BatchNormalization, Dense, Dropout, ReLU, Sigmoid, Softmax
from minidl.losses import MeanSquaredError
from minidl.optimizers import Adam
from minidl.uncertainty import dropout, ensemble, expected_calibration_error


def numbers(rows, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (rows, 1))
    return x, np.sin(2 * x) + 0.2 * rng.standard_normal((rows, 1))


def regressor(*inside, epochs=200):
    x, y = numbers(100)
    model = Sequential([Dense(32), ReLU(), *inside, Dense(1)], seed=0)
    model.compile(Adam(0.02), loss=MeanSquaredError())
    model.fit(x, y, epochs=epochs, verbose=0)
    return model


def test_an_ensemble_of_a_comparison():
    x, y = numbers(100)

    def variant(seed):
        model = Sequential([Dense(32), ReLU(), Dense(1)], seed=seed)
        model.compile(Adam(0.02), loss=MeanSquaredError())
        return model

    comparison = compare({"relu": variant}, x, y, epochs=200, seeds=4, verbose=0)
    models = [run.model for run in comparison.runs["relu"]]
    held_out = numbers(100, seed=1)
    several = ensemble(models, *held_out)
    outputs = np.array([model.predict(x) for model in models])
    mean, variance = several.moments(x)
    assert mean == pytest.approx(outputs.mean(axis=0), abs=1e-5)
    assert variance == pytest.approx(outputs.var(axis=0), abs=1e-5)
    assert several.noise == pytest.approx(0.2, rel=0.25)
    far = several.moments([[0.0], [8.0]]).variance
    assert far[1] > 10 * far[0]
    low, high = several.predict_interval(numbers(2000, seed=2)[0], 0.9)
    inside = (low <= numbers(2000, seed=2)[1]) & (numbers(2000, seed=2)[1] <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.05)


def test_dropout_draws_masks_as_training_does():
    model = regressor(Dropout(0.3))
    x, y = numbers(100)
    drawn = dropout(model, x, y, samples=400)
    first, again = drawn.moments(x), drawn.moments(x)
    assert np.array_equal(first.mean, again.mean)
    hidden = np.maximum(x @ model.layers[0].kernel.value + model.layers[0].bias.value, 0)
    # variance of sum_i w_i h_i mask_i / 0.7
    expected = (hidden**2) @ (model.layers[-1].kernel.value ** 2) * 0.3 / 0.7
    assert first.variance == pytest.approx(expected, rel=0.35)
    assert first.variance.mean() == pytest.approx(expected.mean(), rel=0.05)
    assert dropout(model, x, y, samples=400, seed=1).moments(x).mean == pytest.approx(first.mean, abs=0.3)
    assert np.array_equal(model.predict(x), model.predict(x))


def test_dropout_leaves_batch_normalization_as_in_prediction():
    model = regressor(BatchNormalization(), Dropout(0.2), epochs=20)
    x, y = numbers(100)
    drawn = dropout(model, x, y, samples=5)
    alone = drawn.draw(x[:1])
    assert len(np.unique(alone)) > 1
    assert np.isfinite(alone).all()
    layer = model.layers[2]
    means = layer.moving_mean.copy()
    drawn.moments(x)
    assert np.array_equal(layer.moving_mean, means)


def test_dropout_inside_recurrent_layers():
    model = Sequential([LSTM(4, dropout=0.5), Dense(1)], seed=0)
    model.compile(Adam(), loss=MeanSquaredError())
    x = np.random.default_rng(0).normal(size=(10, 5, 2))
    model.fit(x, x[:, -1, :1], verbose=0)
    assert (dropout(model, x, x[:, -1, :1]).moments(x).variance > 0).all()


def test_mean_probabilities_and_their_temperature():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    y = ((x[:, 0] + 1.5 * rng.standard_normal(600)) > 0).astype(int)
    for last, targets in ((Sigmoid(), y[:, None]), (Softmax(), np.eye(2)[y])):
        models = []
        for seed in range(3):
            model = Sequential([Dense(64), ReLU(), Dense(targets.shape[1]), last.clone()], seed=seed)
            model.compile(Adam(0.02))
            model.fit(x[:100], targets[:100], epochs=300, verbose=0)
            models.append(model)
        several = ensemble(models)
        expected = np.mean([model.predict(x) for model in models], axis=0)
        assert several.predict(x) == pytest.approx(expected, abs=1e-5)
        calibrated = several.calibrate(x[100:300], targets[100:300])
        assert calibrated.temperature > 1
        before, after = (expected_calibration_error(y[300:], one.predict(x[300:])) for one in (several, calibrated))
        assert after < 0.6 * before


def test_errors():
    model = regressor(epochs=1)
    x, y = numbers(100)
    with pytest.raises(SettingError, match="no layer of the model drops anything"):
        dropout(model, x, y)
    with pytest.raises(SettingError, match="at least 2 models"):
        ensemble([model], x, y)
    with pytest.raises(SettingError, match="pass rows x, y to measure their noise on"):
        ensemble([model, model])
    other = Sequential([Dense(1), Sigmoid()], seed=0)
    other.compile(Adam())
    other.fit(x, y > 0, verbose=0)
    with pytest.raises(SettingError, match="different losses"):
        ensemble([model, other], x, y)
