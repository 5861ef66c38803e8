"""The findings and the record of a Monitor, and the samples of Distributions."""

import json

import numpy as np
import pytest

from minidl import NonFiniteError, NotBuiltError, Sequential, SettingError
from minidl.callbacks import Callback, Distributions, Monitor
from minidl.initializers import RandomNormal
from minidl.layers import BatchNormalization, Dense, Dropout, ReLU, Sigmoid
from minidl.optimizers import LBFGS, SGD
from tests.helpers.faults import FAULTS, HEALTHY, adam, fault, noisy_points, of, sgd


def watched(case, *, every=5, **settings):
    """Train the case and return its Monitor."""
    model, x, y = case.make()
    monitor = Monitor(every)
    given = {"epochs": case.epochs, "batch_size": case.batch_size, "validation_split": 0.3, "verbose": 0} | settings
    try:
        model.fit(x, y, callbacks=[monitor], **given)
    except NonFiniteError:
        assert monitor.record.failed
    return monitor


def by_class(x, y):
    order = np.argsort(y, kind="stable")
    return x[order], y[order]


LAGGING = {"start": RandomNormal(stddev=3), "norm": lambda: BatchNormalization(momentum=0.999)}
NOISY = {"change": of(noisy_points), "optimizer": adam(0.01)}

# {name: (the rule that must come first, the training, settings of fit)}, with some of the trainings of FAULTS
TRAININGS = {
    name: (FAULTS[name].rule, FAULTS[name], {})
    for name in FAULTS
    if FAULTS[name].rule in ("learning-rate", "constant-targets", "signal-through-depth", "dead-units")
} | {
    "50 noisy points": ("overfitting", fault("", "moons", [100, 50], **NOISY), {"epochs": 300}),
    "50 noisy points, wide": ("overfitting", fault("", "moons", [200], **NOISY), {"epochs": 500}),
    "shuffled, 2 classes": ("unrelated-targets", FAULTS["shuffled, 2 classes"], {"epochs": 100}),
    "shuffled, 10 classes": ("unrelated-targets", FAULTS["shuffled, 10 classes"], {"epochs": 100}),
    "rows sorted by class": (
        "one-class-batches",
        fault("", "digits", [32], change=by_class, optimizer=sgd(0.1)),
        {"shuffle": False, "validation_split": 0.0},
    ),
    "validation of one class": ("one-class-validation", fault("", "moons", [16], change=by_class), {"epochs": 50}),
    "averages that lag": ("lagging-statistics", fault("", "wine", [16], **LAGGING), {}),
    "rows sorted, two classes": (
        "one-class-batches",
        fault("", "moons", [16], change=by_class),
        {"shuffle": False, "validation_split": 0.0},
    ),
}


@pytest.fixture(scope="module")
def planted():
    return {name: watched(case, **settings) for name, (_, case, settings) in TRAININGS.items()}


@pytest.fixture(scope="module")
def sound():
    return {name: watched(case) for name, case in HEALTHY.items()}


def test_the_planted_fault_is_named_first_in_nine_of_ten(planted):
    named = {name: [finding.rule for finding in monitor.findings][:1] for name, monitor in planted.items()}
    missed = {name: rules for name, rules in named.items() if rules != [TRAININGS[name][0]]}
    assert len(missed) <= len(planted) / 10, missed


def test_every_kind_of_fault_is_named_first_at_least_once(planted):
    rules = {wanted for wanted, _, _ in TRAININGS.values()}
    assert rules <= {monitor.findings[0].rule for monitor in planted.values() if monitor.findings}


def test_healthy_trainings_raise_no_alarm_in_nine_of_ten(sound):
    alarms = {n: str(m.diagnosis) for n, m in sound.items() if any(f.severity != "note" for f in m.findings)}
    assert len(alarms) <= len(sound) / 10, alarms


def test_its_diagnosis_is_plain_data_and_text(planted):
    for monitor in planted.values():
        diagnosis = monitor.diagnosis
        assert json.loads(json.dumps(diagnosis.to_dict()))["seen"] == diagnosis.seen
        assert max(map(len, str(diagnosis).splitlines())) <= 120
        assert all(finding.figures and finding.source for finding in diagnosis.findings)


# ---- the record


def test_the_ratio_is_the_length_of_the_step_over_that_of_the_weights():
    class Reference(Callback):
        """The same figures, computed by hand at every step."""

        def on_train_begin(self, logs=None):
            self.ratios, self.norms = [], []

        def on_gradients(self, batch, logs=None):
            named = self.model.params
            self.before = {path: p.value.copy() for path, p in named.items()}
            self.norms.append({path: np.linalg.norm(p.grad) for path, p in named.items()})

        def on_train_batch_end(self, batch, logs=None):
            self.ratios.append(
                {
                    path: np.linalg.norm(p.value - self.before[path]) / np.linalg.norm(self.before[path])
                    for path, p in self.model.params.items()
                    if self.before[path].any()
                }
            )

    model, x, y = HEALTHY["moons"].make()
    monitor, reference = Monitor(3), Reference()
    model.fit(x, y, epochs=2, callbacks=[monitor, reference])
    record = monitor.record
    assert record.steps == list(range(0, 20, 3))
    for step, ratios, gradients in zip(record.steps, record.ratios, record.lengths[2], strict=True):
        for path, ratio, gradient in zip(record.paths, ratios, gradients, strict=True):
            assert ratio == pytest.approx(reference.ratios[step].get(path, 0.0), rel=1e-4)
            assert gradient == pytest.approx(reference.norms[step][path], rel=1e-5)


def test_a_monitor_does_not_change_the_training():
    def trained(callbacks):
        model = Sequential([Dense(8), ReLU(), Dropout(0.3), Dense(1), Sigmoid()], seed=0)
        model.compile(SGD(0.1, momentum=0.9), metrics=["accuracy"])
        x, y = HEALTHY["moons"].make()[1:]
        history = model.fit(x, y, epochs=3, validation_split=0.2, callbacks=callbacks)
        return model.params.theta, history.history

    theta, history = trained([])
    for callbacks in ([Monitor(1)], [Monitor(7), Distributions()]):
        again, figures = trained(callbacks)
        assert np.array_equal(again, theta)
        assert figures == history


def test_a_monitor_can_be_used_again():
    model, x, y = HEALTHY["moons"].make()
    monitor = Monitor()
    model.fit(x, y, epochs=4, callbacks=[monitor])
    assert len(monitor.record.logs) == 4
    model.fit(x, y, epochs=1, callbacks=[monitor])
    assert len(monitor.record.logs) == 1
    assert monitor.diagnosis.headline == "no findings for sequential on 1 of 10 steps"


def test_a_training_without_single_steps_has_the_figures_of_its_epochs():
    model, x, y = HEALTHY["moons"].make()
    model.compile(LBFGS())
    monitor = Monitor()
    model.fit(x, y, batch_size=len(x), epochs=5, callbacks=[monitor])
    assert (monitor.record.steps, len(monitor.record.logs), monitor.findings) == ([], 5, [])


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_every_must_be_a_number_of_steps(every):
    with pytest.raises(SettingError, match="Monitor: every must be an integer of at least 1"):
        Monitor(every)


def test_a_monitor_without_a_training_raises():
    with pytest.raises(NotBuiltError, match="Monitor: no training has been recorded yet; pass it to fit in callbacks"):
        Monitor().diagnosis  # noqa: B018


def test_a_history_is_shown_as_a_table():
    model, x, y = HEALTHY["moons"].make()
    html = model.fit(x, y, epochs=3)._repr_html_()
    losses = model.history.history["loss"]
    cells = "".join(f"<td>{value:.4g}</td>" for value in (losses[0], min(losses), max(losses), losses[-1]))
    assert f"<tr><td>loss</td>{cells}</tr>" in html
    assert "<caption>History: 3 epochs</caption>" in html


def test_weights_and_activations_are_sampled():
    model, x, y = HEALTHY["circles, wide"].make()
    kept = Distributions(every=2)
    model.fit(x, y, epochs=5, callbacks=[kept])
    assert set(kept.values) == {"dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"} | {
        "dense",
        "re_lu",
        "dense_1",
        "sigmoid",
    }
    assert list(kept.values["dense/kernel"]) == [0, 2, 4]
    assert np.array_equal(kept.values["dense/kernel"][4], model.params["dense/kernel"].value.ravel())
    assert kept.values["re_lu"][4].size == 1000
    assert kept.values["re_lu"][4].min() == 0
