"""Plots of trainings: every form in which users hold histories."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from minidl import DataError, Sequential, SettingError, check_model, compare
from minidl.callbacks import CSVLogger, GradientChecker, History, Monitor
from minidl.estimators import MLPClassifier, SequentialClassifier
from minidl.layers import Dense, Sigmoid
from minidl.plots import accuracies, cost_curves, cost_spread

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)
SOLID, DASHED = "-", "--"


def history_of(**figures):
    history = History()
    history.history = {name: list(values) for name, values in figures.items()}
    history.epoch = list(range(max(map(len, figures.values()), default=0)))
    return history


A = history_of(loss=[3.0, 2, 1], val_loss=[3.5, 2.5, 2], accuracy=[0.5, 0.6, 0.75], val_accuracy=[0.5, 0.5, 0.625])
B = history_of(loss=[4.0, 3], accuracy=[0.25, 0.5])


def lines(ax):
    """{label: (line, values)} of the lines in the legend."""
    return {line.get_label(): (line.get_linestyle(), line.get_ydata().tolist()) for line in ax.lines}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.fixture(scope="module")
def model():
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(metrics=["accuracy"])
    model.fit(X, Y, epochs=3, validation_split=0.25, verbose=0)
    return model


@pytest.fixture(scope="module")
def comparison():
    variants = {name: Sequential([Dense(1), Sigmoid()]) for name in ("a", "b")}
    return compare(variants, X, Y, validation_data=(X, Y), epochs=4, seeds=3, verbose=0)


# ---- one training


@pytest.mark.parametrize(
    "form",
    [
        lambda history: history,
        lambda history: history.history,
        lambda history: pd.DataFrame(history.history),
        lambda history: {name: np.array(values) for name, values in history.history.items()},
        lambda history: {name: tuple(values) for name, values in history.history.items()},
        lambda history: [history],
        lambda history: {"": history},
    ],
)
def test_one_training_in_any_form_has_its_validation_dashed(form):
    ax = cost_curves(form(A))
    assert lines(ax) == {"loss": (SOLID, [3, 2, 1]), "val_loss": (DASHED, [3.5, 2.5, 2])}
    assert len({line.get_color() for line in ax.lines}) == 1
    assert legend(ax) == ["loss", "val_loss"]


@pytest.mark.parametrize("form", [list, tuple, np.array, pd.Series])
def test_a_list_of_costs_is_one_line(form):
    (line,) = cost_curves(form([5.0, 4, 3])).lines
    assert line.get_ydata().tolist() == [5, 4, 3]
    assert line.get_xdata().tolist() == [0, 1, 2]


def test_models_and_estimators_show_their_own_training(model):
    assert lines(cost_curves(model)) == lines(cost_curves(model.history))
    sequential = SequentialClassifier(epochs=3, validation_split=0.25, random_state=0).fit(X, Y)
    assert lines(cost_curves(sequential)) == lines(cost_curves(sequential.history_))
    mlp = MLPClassifier((2,), solver="lbfgs", random_state=0).fit(X, Y)
    (line,) = cost_curves(mlp).lines
    assert line.get_ydata().tolist() == mlp.loss_curve_
    with pytest.raises(SettingError, match="MLPClassifier, which is not fitted yet"):
        cost_curves(MLPClassifier())


def test_the_file_of_a_csv_logger_is_drawn_with_its_epochs(tmp_path):
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.fit(X, Y, epochs=5, initial_epoch=2, callbacks=[CSVLogger(tmp_path / "log.csv")], verbose=0)
    (line,) = cost_curves(pd.read_csv(tmp_path / "log.csv")).lines
    assert line.get_xdata().tolist() == model.history.epoch == [2, 3, 4]
    assert cost_curves(model.history).lines[0].get_xdata().tolist() == [2, 3, 4]


def test_several_figures_have_a_colour_each():
    ax = cost_curves(A, key=["loss", "accuracy"])
    assert [line.get_label() for line in ax.lines] == ["loss", "val_loss", "accuracy", "val_accuracy"]
    assert [line.get_linestyle() for line in ax.lines] == [SOLID, DASHED, SOLID, DASHED]
    first, second, third, fourth = (line.get_color() for line in ax.lines)
    assert first == second != third == fourth
    assert ax.get_ylabel() == "loss, accuracy"


def test_validation_is_left_out_if_it_is_not_wanted_and_drawn_alone_if_it_is_the_key():
    (line,) = cost_curves(A, validation=False).lines
    assert (line.get_linestyle(), line.get_ydata().tolist()) == (SOLID, [3, 2, 1])
    (line,) = cost_curves(A, key="val_loss").lines
    assert (line.get_linestyle(), line.get_ydata().tolist()) == (SOLID, [3.5, 2.5, 2])
    assert [line.get_label() for line in cost_curves(A, key=["loss", "val_loss"]).lines] == ["loss", "val_loss"]


def test_history_plots_itself(model):
    given = plt.subplots()[1]
    assert model.history.plot(given) is given
    assert lines(given) == lines(cost_curves(model.history))
    ax = model.history.plot(key="accuracy", validation=False, log=True)
    assert lines(ax) == lines(cost_curves(model.history, key="accuracy", validation=False, log=True))
    assert ax.get_yscale() == "log"


def test_epochs_without_a_figure_are_left_out():
    ax = cost_curves(history_of(loss=[3, np.nan, 1, np.inf]))
    assert ax.lines[0].get_xydata().tolist() == [[0, 3], [2, 1]]
    checked = history_of(loss=[3, 2, 1], gradient_difference=[1e-16, np.nan, np.nan])
    (line,) = cost_curves(checked, key="gradient_difference", log=True).lines
    assert (line.get_ydata().tolist(), line.get_marker()) == ([1e-16], "o")  # a single point is visible
    with pytest.raises(DataError, match="cost_curves: no epoch has a finite loss"):
        cost_curves(history_of(loss=[np.nan, np.nan]))


def test_a_figure_of_every_second_epoch_lies_at_these_epochs():
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.fit(X, Y, epochs=7, validation_split=0.25, validation_freq=2, verbose=0)
    validated = cost_curves(model.history).lines[1]
    assert validated.get_xdata().tolist() == [1, 3, 5]


@pytest.mark.parametrize("epochs", [3, 1000, 15_000])
def test_the_numbers_of_the_epochs_are_whole_and_do_not_touch(epochs):
    figure = plt.figure(figsize=(4.2, 3.2), layout="constrained")
    ax = cost_curves(history_of(loss=np.linspace(1, 0, epochs)), ax=figure.add_subplot())
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert all(tick == int(tick) for tick in ax.get_xticks())


# ---- several trainings


@pytest.mark.parametrize("form", [lambda h: h, lambda h: h.history, lambda h: pd.DataFrame(h.history)])
def test_trainings_by_name_have_a_colour_each_and_a_line_for_each_figure(form):
    ax = cost_curves({"He": form(A), "zeros": form(B)})
    assert legend(ax) == ["He loss", "He val_loss", "zeros loss"]
    assert [line.get_linestyle() for line in ax.lines] == [SOLID, DASHED, SOLID]
    first, second, third = (line.get_color() for line in ax.lines)
    assert first == second != third


def test_costs_by_name_and_lists_of_trainings():
    assert lines(cost_curves({"a": [3, 2], "b": np.array([2, 1])})) == {"a": (SOLID, [3, 2]), "b": (DASHED, [2, 1])}
    assert legend(cost_curves([A, B], validation=False)) == ["training 0", "training 1"]
    assert legend(cost_curves([[3, 2], [2, 1]])) == ["training 0", "training 1"]
    assert legend(cost_curves({1: A, 2: A}, validation=False)) == ["1", "2"]
    assert legend(cost_curves({"loss": A, "other": B}, validation=False)) == ["loss", "other"]


def test_models_by_name(model):
    assert legend(cost_curves({"a": model, "b": model.history}, validation=False)) == ["a", "b"]


def test_a_comparison_has_one_look_for_each_variant(comparison):
    ax = cost_curves(comparison)
    assert len(ax.lines) == 2 * 3 * 2
    assert legend(ax) == ["a loss", "a val_loss", "b loss", "b val_loss"]
    assert len({line.get_color() for line in ax.lines}) == 2
    first = [line.get_ydata().tolist() for line in ax.lines[:6:2]]
    assert first == [run.history.history["loss"] for run in comparison.runs["a"]]


def test_a_training_that_diverged_at_once_does_not_hide_the_others():
    ax = cost_curves({"diverged": History(), "good": B})
    assert legend(ax) == ["good"]
    assert legend(cost_curves({"a": [History(), B, B], "b": B})) == ["a", "b"]
    ax = cost_spread({"diverged": [History()], "good": [B, History()]})
    assert [line.get_ydata().tolist() for line in ax.lines] == [[], [4, 3]]


# ---- the spread


def test_the_spread_takes_lists_of_trainings(comparison):
    runs = {name: [run.history for run in runs] for name, runs in comparison.runs.items()}
    assert lines(cost_spread(runs)) == lines(cost_spread(comparison))
    (line,) = cost_spread([A, B]).lines
    assert line.get_ydata().tolist() == [3.5, 2.5]
    assert cost_spread([A, B]).get_legend() is None
    assert lines(cost_spread({"A": A.history, "B": B})) == {"A": (SOLID, [3, 2, 1]), "B": (DASHED, [4, 3])}
    assert cost_spread(A, log=True).get_yscale() == "log"


# ---- accuracies


def bars(ax):
    """{kind: heights}, and the names below."""
    heights = {box.get_label(): [bar.get_height() for bar in box] for box in ax.containers if hasattr(box, "patches")}
    return heights, [text.get_text() for text in ax.get_xticklabels()]


@pytest.mark.parametrize(
    "form", [lambda h: h, lambda h: h.history, lambda h: pd.DataFrame(h.history), lambda h: [h, h]]
)
def test_accuracies_of_histories_are_those_of_the_last_epoch(form):
    assert bars(accuracies({"A": form(A), "B": form(B)})) == ({"train": [0.75, 0.5], "test": [0.625]}, ["A", "B"])


def test_accuracies_of_one_training_and_of_models(model):
    wanted = {"train": [model.history.history["accuracy"][-1]], "test": [model.history.history["val_accuracy"][-1]]}
    for given in (model, model.history, model.history.history):
        assert bars(accuracies(given))[0] == wanted
    assert bars(accuracies({"a": history_of(acc=[0.1, 0.25]), "b": history_of(binary_accuracy=[0.5])}))[0] == {
        "train": [0.25, 0.5]
    }


def test_accuracies_of_seeds_have_a_mean(comparison):
    several = {"A": [A, B]}
    assert bars(accuracies(several))[0] == {"train": [0.625], "test": [0.625]}
    assert bars(accuracies(comparison))[1] == ["a", "b"]


def test_accuracies_that_were_not_measured_raise():
    with pytest.raises(DataError, match=r"accuracies: no accuracy was measured; .*compile\(metrics=\['accuracy'\]\)"):
        accuracies({"a": history_of(loss=[1, 2])})


# ---- errors


@pytest.mark.parametrize("plot", [cost_curves, cost_spread])
@pytest.mark.parametrize("empty", [History(), {}, [], (), np.empty(0), {"a": History()}, {"loss": []}])
def test_trainings_of_no_epochs_raise(plot, empty):
    with pytest.raises(DataError, match=f"{plot.__name__}: no epoch has"):
        plot(empty)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("plot", [cost_curves, cost_spread, accuracies])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("loss", "got 'loss'"),
        (3, "got 3"),
        (None, "got None"),
        ({"a": "b"}, "got 'b'"),
        (np.zeros((2, 2)), r"got ndarray of shape \(2, 2\)"),
        (Monitor(), r"got Monitor, which is drawn by update_ratios\(monitor\)"),
        (GradientChecker(), r"got GradientChecker, which is drawn by gradient_report\(checker\)"),
    ],
)
def test_what_is_no_training_raises_and_names_the_plot_that_draws_it(plot, given, words):
    with pytest.raises(SettingError, match=f"{plot.__name__} takes a History, .*; {words}"):
        plot(given)
    assert plt.get_fignums() == []


def test_a_report_is_sent_to_its_plot(model):
    with pytest.raises(SettingError, match=r"got Report, which is drawn by gradient_report\(report\)"):
        cost_curves(check_model(model, X, Y))


def test_keys_and_scales_are_checked():
    with pytest.raises(SettingError, match=r"cost_curves: key must be one of loss, val_loss, .*, got 'los'"):
        cost_curves(A.history, key="los")
    with pytest.raises(SettingError, match="cost_curves: b: key must be one of loss, accuracy, got 'val_loss'"):
        cost_curves({"a": A, "b": B}, key="val_loss")
    for key in (3, [], [3], None):
        with pytest.raises(SettingError, match="key must be the name of a figure"):
            cost_curves(A, key=key)
    with pytest.raises(DataError, match="a logarithmic axis shows numbers above 0; the largest is -1"):
        cost_curves([-2, -1], log=True)
    with pytest.raises(SettingError, match="ax must be one matplotlib Axes, got Figure"):
        cost_curves(A, ax=plt.figure())
