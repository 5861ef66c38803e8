"""Pictures, drawn without a screen."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from minidl import Sequential, ShapeError
from minidl.callbacks import History
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.plots import cost_curves, decision_boundary

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def closed_figures():
    assert plt.get_backend().lower() == "agg"
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    model = Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.fit(X, Y, epochs=3)
    return model


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


def test_cost_curves_draw_a_line_a_training_told_apart_without_colour(tmp_path):
    history = History()
    history.history = {"loss": [3.0, 2], "penalty": [1.0, 0.5]}
    ax = cost_curves({"a": history, "b": history}, key="penalty")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    assert list(ax.lines[1].get_ydata()) == [1, 0.5]
    assert list(cost_curves([5, 4, 3]).lines[0].get_ydata()) == [5, 4, 3]
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


def test_the_boundary_makes_its_own_axes(model):
    figures = len(plt.get_fignums())
    decision_boundary(model, X, Y, resolution=10)
    assert len(plt.get_fignums()) == figures + 1


@pytest.mark.parametrize("shape", [(40, 3), (40, 1), (80,), (40, 2, 1)])
def test_the_boundary_needs_two_features(model, shape):
    with pytest.raises(ShapeError) as caught:
        decision_boundary(model, np.zeros(shape), Y)
    assert str(caught.value) == f"decision_boundary: x must be (m, 2) to lie in a plane, got {shape}"
    assert plt.get_fignums() == []


def test_the_line_of_one_half_lies_where_the_output_is_one_half():
    model = Sequential([Dense(1), Sigmoid()], dtype="float64")
    model.build((2,))
    model.set_weights([[[2.0], [0.0]], [-1.0]])  # sigmoid(2 x - 1) is 1/2 at x = 1/2
    ax = decision_boundary(model, np.array([[-1.0, -1], [2, 2]]), [0, 1])
    lines = [c for c in ax.collections if len(getattr(c, "levels", [])) == 1]
    vertices = np.concatenate([path.vertices for line in lines for path in line.get_paths()])
    assert np.allclose(vertices[:, 0], 0.5, atol=0.01)
