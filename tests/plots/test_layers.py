"""Sizes and histograms of layers: of models, estimators, comparisons and callbacks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from minidl import DataError, Sequential, SettingError, compare, diagnose
from minidl.callbacks import Distributions, History, Monitor
from minidl.estimators import MLPClassifier, SequentialClassifier
from minidl.initializers import Zeros
from minidl.layers import Dense, Dropout, ReLU, Sigmoid, Softmax
from minidl.plots import histograms, layer_sizes, signal

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)


def network(start=None):
    kernel = {} if start is None else {"kernel_initializer": start}
    return Sequential([Dense(4, **kernel), ReLU(), Dropout(0.5), Dense(1, **kernel), Sigmoid()], seed=0)


def lines(ax):
    return {line.get_label(): dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in ax.lines}


def rows(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


@pytest.fixture(scope="module")
def comparison():
    return compare({"a": network(), "b": network()}, X, Y, epochs=2, seeds=1, verbose=0)


# ---- signal


def rms(values):
    return np.sqrt(np.mean(np.square(values, dtype=float)))


def test_the_signal_of_a_model_is_the_size_of_its_outputs():
    model = network()
    model.build((2,))
    kernel, bias, *_ = model.get_weights()
    before = model.params.theta.copy()
    ax = signal(model, X)
    assert list(lines(ax)) == ["activation"]
    assert lines(ax)["activation"]["dense"] == pytest.approx(rms(X @ kernel + bias), rel=1e-6)
    assert ax.get_yscale() == "log"
    assert np.array_equal(model.params.theta, before)


def test_targets_add_the_gradient_that_the_diagnosis_measures():
    model = network()
    model.build((2,))
    measured = diagnose(model, X, Y).layers
    assert lines(signal(model, X, Y)) == {
        what: {path: size[what] for path, size in measured.items()} for what in ("activation", "gradient")
    }


def test_the_signal_is_measured_without_building_the_model():
    model = network()
    assert list(lines(signal(model, pd.DataFrame(X), pd.Series(Y)))["gradient"]) == ["dense", "dense_1"]
    assert not model.built


@pytest.mark.parametrize("labels", [np.array(["n", "y"])[Y], np.array(["a", "b", "c"])[Y + (X[:, 1] > 1)], 2 * Y - 1])
def test_estimators_are_measured_with_the_labels_of_their_users(labels):
    mlp = MLPClassifier((3,), solver="lbfgs", random_state=0).fit(X, labels)
    two = SequentialClassifier(lambda outputs: [Dense(max(outputs, 2)), Softmax()], epochs=1).fit(X, labels)
    assert list(lines(signal(mlp, X, labels))["gradient"]) == ["dense", "dense_1"]
    assert list(lines(signal(two, X, labels))["gradient"]) == ["dense"]
    assert list(lines(signal(mlp, X))) == ["activation"]


def test_a_size_of_0_lies_at_0():
    ax = signal(network(Zeros()), X, Y)
    assert lines(ax)["activation"]["dense"] == 0
    assert ax.get_yscale() == "symlog"
    assert ax.get_ylim()[0] == 0


def test_the_axes_in_second_place_warn():
    given, diagnosis = plt.subplots()[1], diagnose(network(), X, Y)
    with pytest.warns(DeprecationWarning, match="signal: pass the Axes by name, ax="):
        assert signal(diagnosis, given) is given


@pytest.mark.parametrize("plot", [signal, layer_sizes])
def test_models_need_rows(plot):
    with pytest.raises(DataError, match=f"{plot.__name__}: a model is measured on rows; pass x, and y for gradients"):
        plot(network())
    assert plt.get_fignums() == []


@pytest.mark.parametrize("plot", [signal, layer_sizes])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (History(), r"got History, which is drawn by cost_curves\(history\)"),
        (Monitor(), r"got Monitor, which is drawn by update_ratios\(monitor\)"),
        (MLPClassifier(), "got MLPClassifier, which is not fitted yet"),
        (X, r"got ndarray of shape \(40, 2\)"),
        ({}, "got dict"),
    ],
)
def test_what_has_no_layers_raises(plot, given, words):
    with pytest.raises(SettingError, match=f"{plot.__name__} takes a Diagnosis, or a model .*{words}"):
        plot(given, X, Y)
    assert plt.get_fignums() == []


def test_a_comparison_has_no_single_signal(comparison):
    with pytest.raises(SettingError, match=r"which is drawn by .* layer_sizes"):
        signal(comparison)


def test_a_network_without_kernels_has_no_sizes():
    with pytest.raises(DataError, match="signal: there are no sizes of layers"):
        signal(Sequential([ReLU()]), X)


# ---- layer sizes


def test_layer_sizes_of_models_diagnoses_and_estimators_by_name():
    mlp = MLPClassifier((3,), solver="lbfgs", random_state=0).fit(X, Y)
    named = {"model": network(), "diagnosis": diagnose(network(), X, Y), "mlp": mlp}
    ax = layer_sizes(named, X, Y, what="gradient")
    assert list(lines(ax)) == list(named)
    assert lines(ax)["model"] == lines(ax)["diagnosis"]
    assert len({line.get_color() for line in ax.lines}) == 3
    (line,) = layer_sizes(network(), X).lines
    assert list(line.get_xdata()) == ["dense", "dense_1"]
    with pytest.raises(DataError, match="layer_sizes: the gradient needs the targets; pass y"):
        layer_sizes({"a": network()}, X, what="gradient")


# ---- histograms


def test_histograms_of_a_model_have_a_row_for_each_layer():
    model = network()
    model.build((2,))
    layers = ["dense", "re_lu", "dropout", "dense_1", "sigmoid"]
    assert rows(histograms(model, X)) == layers
    assert rows(histograms(model, X, Y, what="gradient")) == layers[:-1]
    assert rows(histograms(model, what="weight")) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert rows(histograms(model, X, path="re_lu")) == ["re_lu"]
    estimator = SequentialClassifier(epochs=1).fit(X, Y)
    assert rows(histograms(estimator, X)) == ["dense", "sigmoid"]


def test_a_histogram_counts_what_the_layer_returns():
    model = network()
    model.build((2,))
    ax = histograms(model, X, path="dense", bins=7)
    kernel, bias, *_ = model.get_weights()
    counts = np.histogram(X @ kernel + bias, 7)[0]
    (band,) = ax.collections
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(0.9)
    heights = set(np.round(band.get_paths()[0].vertices[:, 1], 6))
    assert set(np.round(0.9 * counts / counts.max(), 6)) <= heights


def test_histograms_of_several_models_and_of_a_comparison(comparison):
    named = {"a": network(), "b": network()}
    assert rows(histograms(named, X, path="dense")) == ["a", "b"]
    assert rows(histograms(named, X))[:2] == ["a, dense", "a, re_lu"]
    assert rows(histograms(comparison, what="weight", path="dense/kernel")) == ["a", "b"]


def test_histograms_of_the_callback_distributions():
    distributions = Distributions(every=2)
    network().fit(X, Y, epochs=5, callbacks=[distributions], verbose=0)
    ax = histograms(distributions, path="dense/kernel")
    assert rows(ax) == ["0", "2", "4"]
    assert ax.get_ylabel() == "epoch"
    for given in (distributions, distributions.values):
        ax = histograms(given)
        assert rows(ax) == list(distributions.values)
        assert ax.get_ylabel() == ""
    assert rows(histograms(distributions.values["dense/kernel"])) == ["0", "2", "4"]
    with pytest.raises(SettingError, match=r"histograms: path must be one of dense/kernel, .*, got 'dens'"):
        histograms(distributions, path="dens")
    with pytest.raises(DataError, match="histograms: there are no values; a Distributions has them after fit"):
        histograms(Distributions())


def test_histograms_of_arrays():
    assert rows(histograms([X, X[0], [1, 2, 3]])) == ["0", "1", "2"]
    assert rows(histograms(X)) == [""]
    assert rows(histograms([1, 2, 3])) == [""]
    assert rows(histograms({"w": [1.0, np.nan, np.inf, 2.0]})) == ["w"]
    assert rows(histograms({"zeros": np.zeros(5)})) == ["zeros"]


@pytest.mark.parametrize(
    ("given", "options", "error", "words"),
    [
        (network(), {}, DataError, "a model is measured on rows; pass x"),
        (network(), {"x": X, "what": "gradient"}, DataError, "the gradient needs the targets; pass y"),
        (network(), {"x": X, "what": "weights"}, SettingError, "what must be one of activation, gradient, weight"),
        (network(), {"x": X, "path": "dens"}, SettingError, "path must be one of dense, re_lu, .*, got 'dens'"),
        (History(), {}, SettingError, r"got History, which is drawn by cost_curves\(history\)"),
        (None, {}, SettingError, "got None"),
        ("w", {}, SettingError, "got 'w'"),
        ({"w": [np.nan]}, {}, DataError, "w has no finite numbers"),
        ({}, {}, DataError, "there are no values"),
        (X, {"bins": 0}, SettingError, "bins must be an integer of at least 1"),
    ],
)
def test_what_has_no_values_raises(given, options, error, words):
    with pytest.raises(error, match=f"histograms.*{words}"):
        histograms(given, **options)
    assert plt.get_fignums() == []
