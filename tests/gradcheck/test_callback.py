"""GradientChecker: gradients are checked while a model trains."""

import copy

import numpy as np
import pytest

from minidl import GradientChecker, GradientError, Sequential, SettingError
from minidl.callbacks import Callback
from minidl.layers import Dense, Sigmoid, Tanh
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.regularizers import L2
from tests.helpers.networks import X, Y, trained
from tests.helpers.planted import worse
from tests.helpers.planted_own import Skip


def test_the_callback_changes_nothing_in_the_training():
    alone, watched = trained(epochs=5), trained(epochs=5, callbacks=[GradientChecker()])
    assert alone.params.theta.tobytes() == watched.params.theta.tobytes()
    assert alone.history.history["loss"] == watched.history.history["loss"]


def test_reports_and_history():
    checker = GradientChecker(every=2, rows=4)
    model = trained(epochs=5, callbacks=[checker])
    assert [report.epoch for report in checker.reports] == [0, 2, 4]
    assert {report.rows for report in checker.reports} == {4}
    recorded = model.history.history["gradient_difference"]
    assert [np.isnan(value) for value in recorded] == [False, True, False, True, False]
    assert recorded[::2] == [report.difference for report in checker.reports]
    assert max(recorded[::2]) < 1e-14


def test_the_same_training_is_checked_along_the_same_directions():
    once, again = GradientChecker(), GradientChecker()
    trained(epochs=5, callbacks=[once])
    trained(epochs=5, callbacks=[again])
    assert [report.difference for report in once.reports] == [report.difference for report in again.reports]


def test_depth_of_the_callback():
    checker = GradientChecker(every=3, depth="all", method="central")
    trained(epochs=4, callbacks=[checker])
    assert [report.method for report in checker.reports] == ["central"] * 2
    assert all(report.tensors["dense/kernel"].checked == 15 for report in checker.reports)


def test_on_failure():
    with pytest.raises(GradientError, match="guilty: worse"):
        trained(worse(Skip)(), callbacks=[GradientChecker()])
    with pytest.warns(UserWarning, match="epoch 1: sequential"):
        trained(worse(Skip)(), epochs=1, callbacks=[GradientChecker(on_failure="warn")])
    checker = GradientChecker(on_failure="record")
    trained(worse(Skip)(), epochs=2, callbacks=[checker])
    assert [report.passed for report in checker.reports] == [False, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": 0}, "every must be an integer of at least 1"),
        ({"rows": 0}, "rows must be"),
        ({"on_failure": "stop"}, "on_failure must be one of raise, warn, record"),
        ({"depth": "deep"}, "depth must be one of"),
        ({"method": "fast"}, "method must be one of"),
        ({"tolerance": 2}, "tolerance must be in"),
    ],
)
def test_bad_options_of_the_callback_raise(options, words):
    with pytest.raises(SettingError, match=f"GradientChecker: {words}"):
        GradientChecker(**options)


def test_a_failure_leaves_nothing_on_the_checkers_layers():
    class Kept(GradientChecker):
        def close(self):
            self.kept = self.subject
            super().close()

    checker = Kept(on_failure="record")
    trained(worse(Skip)(), epochs=2, callbacks=[checker])
    assert not [path for path, layer in checker.kept.objective.network.walk() if "forward" in vars(layer)]


def test_without_logs_nothing_is_recorded():
    checker = GradientChecker()
    checker.on_epoch_begin(0)
    checker.on_epoch_end(0)
    assert checker.reports == []


def test_a_checker_can_be_used_twice_and_copied():
    checker = GradientChecker(every=2)
    trained(epochs=2, callbacks=[checker])
    trained(Skip(), epochs=2, callbacks=[checker])
    assert len(checker.reports) == 2
    assert len(copy.deepcopy(checker).reports) == 2


def test_a_layer_that_is_frozen_during_training_is_noticed():
    class Freeze(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            for layer in self.model.layer.layers:
                layer.trainable = epoch < 1

    checker = GradientChecker()
    model = Sequential([Dense(3), Tanh(), Dense(1), Sigmoid()], seed=0)
    model.compile(SGD(0.1), BinaryCrossentropy() + L2(0.7))
    model.fit(X, Y, epochs=2, callbacks=[Freeze(), checker])
    assert ["penalty" in report.tensors for report in checker.reports] == [True, False]


def test_every_report_is_on_the_weights_and_the_rows_of_its_moment():
    class Compare(Callback):
        def on_gradients(self, batch, logs=None):
            if batch == 0:
                subject, rows = checker.subject, self.model.batch
                assert np.array_equal(subject.point, self.model.params.theta)
                assert np.array_equal(subject.rows.x, rows.x[::2])
                assert np.array_equal(subject.rows.y, rows.y[::2])
                subjects.append(subject)

    # without dropout one copy of the model serves all epochs
    checker, subjects = GradientChecker(rows=4), []
    model = Sequential([Dense(3), Tanh(), Dense(1), Sigmoid()], seed=0, dtype="float64")
    model.compile(SGD(0.1), BinaryCrossentropy())
    model.fit(X, Y, epochs=4, batch_size=8, callbacks=[checker, Compare()])
    assert len(subjects) == 4
    assert all(subject is subjects[0] for subject in subjects)
    # the first check also finds out what the layers remember; later ones begin to count at 0
    first, *later = [report.evaluations for report in checker.reports]
    assert 0 < later[0] == later[1] == later[2] < first


def test_with_dropout_every_epoch_has_its_own_copy():
    class Keep(Callback):
        def on_gradients(self, batch, logs=None):
            if batch == 0:
                subjects.append(checker.subject)
                assert np.array_equal(checker.subject.point, self.model.params.theta)

    checker, subjects = GradientChecker(), []
    trained(epochs=3, callbacks=[checker, Keep()])
    assert len({id(subject) for subject in subjects}) == 3
