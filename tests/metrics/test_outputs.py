"""Metrics of one output among several."""

import copy

import numpy as np
import pytest

from minidl import SettingError
from minidl.losses import MeanSquaredError, OutputLosses
from minidl.metrics import AUC, Accuracy, MeanAbsoluteError, OutputLoss, OutputMetric, Weighted

Y = np.array([[0.0, 1.0], [0.0, 3.0], [1.0, 5.0]])
P = np.array([[0.2, 0.0], [0.7, 1.0], [0.9, 5.5]])


def placed(metric, place=1):
    made = OutputMetric(metric, place)
    losses = OutputLosses(("a", "b"), (MeanSquaredError(),) * 2, (1.0, 1.0), (1, 1))
    made.part = list(losses.parts())[place]
    return made


def test_it_measures_the_columns_of_its_output():
    metric = placed(MeanAbsoluteError())
    metric.measure(Y, P, None)
    assert metric.result() == pytest.approx((1 + 2 + 0.5) / 3)
    metric.update(Y, P)  # the same rows again
    assert metric.result() == pytest.approx((1 + 2 + 0.5) / 3)
    metric.reset()
    assert metric.result() == 0


def test_the_weights_are_those_of_all_outputs_or_of_its_own():
    weights = np.array([1.0, 2.0, 0.0])
    for given in (weights, np.stack([np.ones(3), weights], axis=1)):
        metric = placed(Weighted(MeanAbsoluteError()))
        metric.measure(Y, P, given)
        assert metric.result() == pytest.approx((1 * 1 + 2 * 2) / 3)


def test_the_loss_of_an_output_is_divided_by_the_rows_not_by_their_weights():
    metric = placed(OutputLoss(MeanSquaredError()))
    metric.measure(Y, P, np.array([1.0, 2.0, 0.0]))
    assert metric.result() == pytest.approx((1 * 1 + 2 * 4) / 3)  # as Keras 3.15 shows it
    metric.reset()
    metric.measure(Y, P, None)
    assert metric.result() == pytest.approx((1 + 4 + 0.25) / 3)


def test_its_name_direction_and_state_are_those_of_the_metric():
    assert placed(Accuracy(), 0).name == "accuracy"
    assert placed(Accuracy(name="share"), 0).name == "share"
    assert placed(MeanAbsoluteError()).direction == "down"
    assert placed(Accuracy(), 0).direction == "up"
    assert placed(AUC(), 0).runs is AUC().runs


@pytest.mark.parametrize("kind", [MeanAbsoluteError, lambda: Weighted(MeanAbsoluteError())])
def test_it_goes_on_from_a_state(kind):
    one, other = placed(kind()), placed(kind())
    one.measure(Y[:2], P[:2], None)
    other.state = copy.deepcopy(one.state)
    for metric in (one, other):
        metric.measure(Y[2:], P[2:], None)
    assert one.result() == other.result() == pytest.approx(3.5 / 3)


def test_settings_are_checked():
    with pytest.raises(SettingError, match="OutputMetric: metric must be a Metric object"):
        OutputMetric("mae", 0)
    with pytest.raises(SettingError, match="OutputMetric: place must be an integer of at least 0"):
        OutputMetric(MeanAbsoluteError(), -1)
