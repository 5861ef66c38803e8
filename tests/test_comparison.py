"""Comparison of variants: the same data and seeds, the figures of fit and evaluate, a table."""

import json

import numpy as np
import pytest

import minidl
from minidl import Sequential, compare
from minidl.datasets import circles
from minidl.initializers import HeNormal, Zeros
from minidl.layers import Dense, ReLU, Sigmoid, Softmax
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD, Adam
from minidl.regularizers import L2

X, Y = circles(120, noise=0.05, seed=0)
TEST = circles(60, noise=0.05, seed=1)


def network(start=None, optimizer=None, loss=None):
    model = Sequential([Dense(8, kernel_initializer=start or HeNormal()), ReLU(), Dense(1), Sigmoid()])
    model.compile(optimizer or Adam(0.02), loss)
    return model


@pytest.fixture(scope="module")
def comparison():
    models = {"He": network(), "zeros": network(Zeros())}
    return compare(models, X, Y, validation_data=TEST, epochs=30, seeds=2, verbose=0)


def test_each_run_equals_a_fit_alone(comparison):
    model = Sequential([Dense(8, kernel_initializer=HeNormal()), ReLU(), Dense(1), Sigmoid()], seed=1)
    model.compile(Adam(0.02), metrics=["accuracy"])
    model.fit(X, Y, epochs=30, validation_data=TEST)
    run = comparison.runs["He"][1]
    assert run.seed == 1
    assert np.array_equal(run.model.params.theta, model.params.theta)
    for kind, data in (("train", (X, Y)), ("test", TEST)):
        assert [run.figures[f"{kind}_loss"], run.figures[f"{kind}_accuracy"]] == model.evaluate(*data)


def test_the_variants_stay_as_they_are(comparison):
    variant = network()
    compare({"a": variant}, X, Y, epochs=1, seeds=1, verbose=0)
    assert not variant.built


def test_a_function_of_the_seed_is_a_variant_too():
    called = []

    def variant(seed):
        called.append(seed)
        return Sequential([Dense(2), Softmax()], seed=seed)

    found = compare({"own": variant}, X, Y, epochs=1, seeds=[5, 7], verbose=0)
    assert [run.seed for run in found.runs["own"]] == [5, 7]
    assert set(called) == {5, 7}
    assert found.columns == ["train_loss", "train_accuracy"]


def test_the_table_has_means_and_standard_deviations(comparison):
    lines = str(comparison).splitlines()
    assert " ".join(lines[0].split()) == "variant seeds train loss test loss train accuracy test accuracy"
    assert [line.split()[0] for line in lines[1:]] == ["He", "zeros"]
    values = comparison.values("He", "test_loss")
    assert f"{np.mean(values):.3f} ± {np.std(values):.3f}" in lines[1]
    assert "0.693 ± 0.000" in lines[2]  # ln 2, and one class for all


def test_a_comparison_is_plain_data(comparison):
    plain = json.loads(json.dumps(comparison.to_dict()))
    values = plain["He"]["train_accuracy"]["values"]
    assert plain["He"]["train_accuracy"]["mean"] == pytest.approx(np.mean(values))
    assert plain["He"]["train_accuracy"]["std"] == pytest.approx(np.std(values))


def test_html_has_the_same_cells_escaped():
    html = compare({"<a>": network()}, X, Y, epochs=1, seeds=1, verbose=0)._repr_html_()
    assert html.startswith("<table><thead><tr><th>variant</th>")
    assert "<td>&lt;a&gt;</td>" in html


def test_the_loss_of_the_table_is_without_penalties():
    found = compare({"L2": network(loss=BinaryCrossentropy() + L2(50))}, X, Y, epochs=1, seeds=1, verbose=0)
    model = found.model("L2")
    assert found.values("L2", "train_loss") == [model.evaluate(X, Y, return_dict=True)["data_loss"]]


def test_a_run_that_diverges_is_reported_in_the_table():
    def amounts(rate):
        model = Sequential([Dense(8), ReLU(), Dense(1)])
        model.compile(SGD(rate))
        return model

    x = np.random.default_rng(0).normal(size=(50, 3))
    found = compare({"fine": amounts(0.01), "wild": amounts(100.0)}, x, x.sum(axis=1), epochs=5, seeds=2, verbose=0)
    assert [run.failed for run in found.runs["fine"]] == [None, None]
    assert all("is not finite" in run.failed for run in found.runs["wild"])
    assert repr(found) == str(found)
    assert str(found).splitlines()[2].endswith("2 diverged")
    assert found.columns == ["train_loss"]  # amounts have no accuracy


def test_one_bar_counts_the_epochs_of_all_runs(capsys):
    compare({"a": network(), "b": network()}, X, Y, epochs=3, seeds=2, verbose=1)
    out, err = capsys.readouterr()
    assert out.startswith("12/12 - ")
    assert out.endswith("/epoch\n")
    assert err == ""
    compare({"a": network()}, X, Y, epochs=1, seeds=1, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_sizes_of_the_layers_before_training(comparison):
    assert list(comparison.layers["He"]) == ["dense", "dense_1"]
    assert comparison.layers["zeros"]["dense"] == {"activation": 0.0, "gradient": 0.0}
    assert comparison.layers["He"]["dense"]["activation"] > 0.1


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "compare: models must be a dict"),
        ([network()], "compare: models must be a dict"),
        ({"a": 3}, "compare: a must be a model or a function of the seed, got 3"),
        ({"a": lambda seed: seed}, r"compare: a\(0\) must return a model, got 0"),
    ],
)
def test_models_must_be_a_dict_of_models_or_functions(models, message):
    with pytest.raises(minidl.SettingError, match=message):
        compare(models, X, Y, verbose=0)


def test_a_built_model_raises():
    model = network()
    model.build((2,))
    with pytest.raises(minidl.SettingError, match="compare: a is already built"):
        compare({"a": model}, X, Y)


def test_seeds_may_be_numpy_integers_and_names_may_be_numbers():
    found = compare({10: network()}, X, Y, epochs=1, seeds=np.int64(2), verbose=0)
    assert [run.seed for run in found.runs[10]] == [0, 1]
    assert str(found).splitlines()[1].split()[:2] == ["10", "2"]


@pytest.mark.parametrize("validation_data", [X, (X, Y, np.ones(len(X)))])
def test_validation_data_are_x_and_y(validation_data):
    with pytest.raises(minidl.DataError, match=r"compare: validation_data must be \(x, y\)"):
        compare({"a": network()}, X, Y, validation_data=validation_data)


@pytest.mark.parametrize(
    "setting",
    [{"epochs": 0}, {"seeds": 0}, {"seeds": []}, {"seeds": "12"}, {"seeds": [1.5]}, {"seeds": [-1]}, {"verbose": 3}],
)
def test_settings_out_of_range_raise(setting):
    with pytest.raises(minidl.SettingError, match=f"compare: {next(iter(setting))}"):
        compare({"a": network()}, X, Y, **setting)
