"""Trials: short trainings of copies, on which rules rest."""

import numpy as np
import pytest

from minidl import Sequential
from minidl.data import Examples
from minidl.datasets import circles
from minidl.diagnostics._trial_rules import few_rows, memorize, train, try_rate
from minidl.layers import Dense, Dropout, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD, Adam
from minidl.regularizers import L2


@pytest.fixture
def model():
    model = Sequential([Dense(8), ReLU(), Dropout(0.2), Dense(1), Sigmoid()], seed=0)
    model.compile(SGD(0.1), BinaryCrossentropy() + L2(0.5))
    model.build((2,))
    return model


@pytest.fixture
def rows(model):
    return model.examples("test", *circles(60, noise=0.05, seed=0))


def test_trials_leave_the_model_and_its_optimizer_as_they_are(model, rows):
    before = model.params.theta.copy()
    try_rate(model.objective, model.optimizer, rows, 10)
    memorize(model.objective, rows, 0.1)
    assert np.array_equal(model.params.theta, before)
    assert (model.optimizer.learning_rate, model.optimizer.built) == (0.1, False)
    assert (model.layer.layers[2].rate, len(model.objective.penalties)) == (0.2, 1)


def test_a_trial_does_not_train_frozen_layers(model, rows):
    model.layer.layers[0].trainable = False
    objective = model.objective.copy()
    before = objective.params.theta.copy()
    train(objective, rows, Adam(0.01))
    changed = objective.params.theta != before
    assert changed.any()
    assert not changed[objective.frozen].any()


def test_a_trial_ends_when_the_loss_is_low_enough(model, rows):
    trial = train(model.objective.copy(), rows, Adam(0.01), enough=10.0)
    assert trial.end < 10
    assert 0 < trial.usual <= trial.largest


def test_a_few_rows_have_all_classes_alike():
    classes = np.repeat([0, 1], [90, 10])
    examples = Examples(np.arange(100.0)[:, None], classes[:, None].astype(float))
    assert np.bincount(few_rows(examples, classes).y[:, 0].astype(int)).tolist() == [10, 10]
    assert len(few_rows(examples, None)) == 20
