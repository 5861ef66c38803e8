"""Figures to watch."""

import numpy as np
import pytest

from minidl import SettingError
from minidl.metrics import BinaryAccuracy, Metric, named


def accuracy(y, p, **settings):
    metric = BinaryAccuracy(**settings)
    metric.update(np.array(y), np.array(p))
    return metric.result()


def test_accuracy_is_the_share_of_right_entries():
    assert accuracy([[0], [1], [1], [0]], [[0.2], [0.9], [0.1], [0.7]]) == 0.5


def test_one_half_is_class_0_as_in_the_notebook():
    assert accuracy([[0], [1]], [[0.5], [0.5]]) == 0.5  # FACTS.md: p > 0.5


def test_the_threshold_can_be_set():
    assert accuracy([[0], [1]], [[0.2], [0.4]], threshold=0.3) == 1


def test_batches_add_up_and_reset_starts_anew():
    metric = BinaryAccuracy()
    assert metric.result() == 0
    metric.update(np.array([[1], [1], [1]]), np.array([[0.9], [0.9], [0.1]]))
    metric.update(np.array([[0]]), np.array([[0.1]]))
    assert metric.result() == 0.75
    metric.reset()
    metric.update(np.array([[0]]), np.array([[0.9]]))
    assert metric.result() == 0


def test_names_are_those_typed_or_the_class():
    # Keras 3.15.1: metrics=["acc"] is recorded as "acc", BinaryAccuracy() as "binary_accuracy"
    assert list(named("compile", ["acc", BinaryAccuracy()])) == ["acc", "binary_accuracy"]
    assert list(named("compile", "accuracy")) == ["accuracy"]
    assert named("compile", None) == {}


def test_two_metrics_of_one_name_are_refused():
    with pytest.raises(SettingError, match="compile: two metrics have the same name in acc, acc"):
        named("compile", ["acc", "acc"])


@pytest.mark.parametrize("call", [lambda m: m.reset(), lambda m: m.update(None, None), lambda m: m.result()])
def test_a_metric_of_ones_own_says_what_it_must_write(call):
    class Mine(Metric):
        pass

    with pytest.raises(NotImplementedError, match="Mine must write "):
        call(Mine())
