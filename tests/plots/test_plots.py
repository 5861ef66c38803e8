"""Plots, drawn without a screen."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from minidl import DataError, Sequential, SettingError, ShapeError, compare, diagnose
from minidl.callbacks import History, Monitor
from minidl.layers import Dense, ReLU, Sigmoid, Softmax
from minidl.plots import (
    accuracies,
    confusion_matrix,
    cost_curves,
    cost_spread,
    decision_boundary,
    histograms,
    layer_sizes,
    signal,
    update_ratios,
)

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def model():
    model = Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.fit(X, Y, epochs=3)
    return model


def drawn(ax):
    """Lines, bands and texts of the axes, as plain data."""
    lines = [(line.get_label(), line.get_linestyle(), line.get_xydata().tolist()) for line in ax.lines]
    bands = [band.get_paths()[0].vertices.tolist() for band in ax.collections]
    return lines, bands, ax.get_title(), ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()


def saved(ax, path):
    ax.figure.savefig(path)
    return path.read_bytes().startswith(b"\x89PNG")


def test_cost_curves_draw_a_history_on_the_axes_given(model, tmp_path):
    given = plt.subplots()[1]
    ax = cost_curves(model.history, ax=given)
    assert ax is given
    assert len(ax.lines) == 1
    assert np.array_equal(ax.lines[0].get_ydata(), model.history.history["loss"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert ax.get_legend() is None
    assert saved(ax, tmp_path / "costs.png")


def test_cost_curves_draw_one_line_per_training_distinct_without_color(tmp_path):
    history = History()
    history.history = {"loss": [3.0, 2], "penalty": [1.0, 0.5]}
    ax = cost_curves({"a": history, "b": history}, key="penalty")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    assert list(ax.lines[1].get_ydata()) == [1, 0.5]
    assert list(cost_curves([5, 4, 3]).lines[0].get_ydata()) == [5, 4, 3]
    (line,) = cost_curves(history.history).lines
    assert list(line.get_ydata()) == [3, 2]
    assert list(cost_curves({"a": history.history}, key="penalty").lines[0].get_ydata()) == [1, 0.5]
    assert saved(ax, tmp_path / "costs.png")


@pytest.mark.parametrize("y", [Y, Y[:, None], Y.astype(bool), Y.tolist()])
def test_the_boundary_is_drawn_with_all_points_on_the_axes_given(model, tmp_path, y):
    given = plt.subplots()[1]
    before = model.params.theta.copy()
    assert decision_boundary(model, X, y, ax=given, resolution=20) is given
    points = np.concatenate([part.get_offsets() for part in given.collections if len(part.get_offsets()) > 1])
    assert sorted(map(tuple, points)) == sorted(map(tuple, X))
    assert np.array_equal(model.params.theta, before)
    assert saved(given, tmp_path / "boundary.png")


def test_the_boundary_makes_axes_if_none_are_given(model):
    figures = len(plt.get_fignums())
    decision_boundary(model, X, Y, resolution=10)
    assert len(plt.get_fignums()) == figures + 1


@pytest.mark.parametrize("shape", [(40, 3), (40, 1), (80,), (40, 2, 1)])
def test_the_boundary_needs_two_features(model, shape):
    with pytest.raises(ShapeError) as caught:
        decision_boundary(model, np.zeros(shape), Y)
    hint = "; choose two features, as in features=(0, 1)" if shape == (40, 3) else ""
    assert str(caught.value) == f"decision_boundary: x must be (m, 2) to lie in a plane, got {shape}{hint}"
    assert plt.get_fignums() == []


def test_the_boundary_lies_where_the_output_is_one_half():
    model = Sequential([Dense(1), Sigmoid()], dtype="float64")
    model.build((2,))
    model.set_weights([[[2.0], [0.0]], [-1.0]])  # sigmoid(2 x - 1) is 1/2 at x = 1/2
    ax = decision_boundary(model, np.array([[-1.0, -1], [2, 2]]), [0, 1])
    lines = [c for c in ax.collections if len(getattr(c, "levels", [])) == 1]
    vertices = np.concatenate([path.vertices for line in lines for path in line.get_paths()])
    assert np.allclose(vertices[:, 0], 0.5, atol=0.01)


# ---- a training


def grey(color):
    """True if red, green and blue are the same."""
    from matplotlib.colors import to_rgb

    return len(set(to_rgb(color))) == 1


def test_the_confusion_matrix_is_that_of_scikit_learn(model, tmp_path):
    from sklearn.metrics import confusion_matrix as counted

    given = plt.subplots()[1]
    ax = confusion_matrix(model, X, Y, ax=given)
    assert ax is given
    shown = np.array([int(text.get_text()) for text in ax.texts]).reshape(2, 2)
    assert np.array_equal(shown, counted(Y, model.predict(X)[:, 0] > 0.5))
    assert saved(ax, tmp_path / "confusion.png")


def test_the_confusion_matrix_takes_the_largest_of_several_outputs():
    model = Sequential([Dense(3), Softmax()], dtype="float64")
    model.build((3,))
    model.set_weights([np.eye(3), np.zeros(3)])
    ax = confusion_matrix(model, np.eye(3), [0, 1, 1])
    assert [text.get_text() for text in ax.texts] == ["1", "0", "0", "0", "1", "1", "0", "0", "0"]


def test_update_ratios_are_drawn_for_the_kernels(tmp_path):
    model, monitor = Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()], seed=0), Monitor(2)
    model.fit(X, Y, epochs=5, callbacks=[monitor])
    ax = update_ratios(monitor)
    drawn = {line.get_label(): line for line in ax.lines[:2]}
    assert list(drawn) == ["dense/kernel", "dense_1/kernel"]
    place = monitor.record.paths.index("dense/kernel")
    assert drawn["dense/kernel"].get_ydata().tolist() == [ratio[place] for ratio in monitor.record.ratios]
    assert set(ax.lines[2].get_ydata()) == {1e-3}
    assert saved(ax, tmp_path / "ratios.png")


def test_histograms_are_drawn_one_above_the_other(tmp_path):
    rng = np.random.default_rng(0)
    ax = histograms({0: rng.normal(size=500), 5: 3 * rng.normal(size=(20, 20))}, bins=10)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "5"]
    tops = [part.get_paths()[0].vertices[:, 1].max() for part in ax.collections]
    assert tops == pytest.approx([0.9, 1.9])
    assert saved(ax, tmp_path / "histograms.png")


# ---- a network, and several


def test_a_diagnosis_draws_the_sizes_of_its_layers(model, tmp_path):
    given, diagnosis = plt.subplots()[1], diagnose(model, X, Y)
    assert diagnosis.plot(given) is given
    assert drawn(given) == drawn(signal(diagnosis))
    assert [line.get_label() for line in given.lines] == ["activation", "gradient"]
    assert given.lines[0].get_ydata().tolist() == [sizes["activation"] for sizes in diagnosis.layers.values()]
    assert given.get_title() == diagnosis.headline
    assert all(grey(line.get_color()) for line in given.lines)
    assert saved(given, tmp_path / "signal.png")


@pytest.fixture(scope="module")
def comparison():
    variants = {f"Adam({rate})": Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()]) for rate in (0.01, 0.1)}
    return compare(variants, X, Y, validation_data=(X, Y), epochs=4, seeds=3, verbose=0)


def test_cost_spread_is_the_mean_in_a_band(comparison, tmp_path):
    ax = cost_spread(comparison)
    assert drawn(comparison.plot()) == drawn(ax)
    assert drawn(comparison.plot(key="val_loss")) == drawn(cost_spread(comparison, key="val_loss")) != drawn(ax)
    curves = np.array([run.history.history["loss"] for run in comparison.runs["Adam(0.01)"]])
    assert np.allclose(ax.lines[0].get_ydata(), curves.mean(axis=0))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((curves.min(), curves.max()))
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    assert saved(ax, tmp_path / "spread.png")


def test_accuracies_stand_side_by_side(comparison, tmp_path):
    ax = accuracies(comparison)
    heights = [bar.get_height() for bar in ax.patches]
    wanted = [
        np.mean(comparison.values(name, f"{kind}_accuracy")) for kind in ("train", "test") for name in comparison.runs
    ]
    assert heights == pytest.approx(wanted)
    assert [bar.get_hatch() for bar in ax.patches] == ["", "", "///", "///"]
    assert saved(ax, tmp_path / "accuracies.png")


def test_a_figure_that_was_not_measured_raises(comparison, model):
    with pytest.raises(SettingError, match=r"cost_spread: key must be one of loss, .*, got 'los'"):
        cost_spread(comparison, key="los")
    with pytest.raises(SettingError, match="cost_curves: key must be one of loss, got 'los'"):
        cost_curves(model.history, key="los")
    with pytest.raises(SettingError, match="layer_sizes: what must be one of activation, gradient, got 'weights'"):
        layer_sizes(comparison, what="weights")
    amounts = compare({"a": Sequential([Dense(1)])}, X, X[:, 0], seeds=1, verbose=0)
    with pytest.raises(DataError, match="accuracies: no accuracy was measured"):
        accuracies(amounts)


@pytest.mark.parametrize("what", ["activation", "gradient"])
def test_layer_sizes_have_one_line_per_variant(comparison, tmp_path, what):
    ax = layer_sizes(comparison, what=what)
    assert [line.get_label() for line in ax.lines] == list(comparison.runs)
    assert ax.lines[0].get_ydata().tolist() == [sizes[what] for sizes in comparison.layers["Adam(0.01)"].values()]
    assert saved(ax, tmp_path / "sizes.png")
