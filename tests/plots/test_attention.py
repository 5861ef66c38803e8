"""Plots of attention: the maps that they draw, and their labels."""

import numpy as np
import pytest

from minidl import DataError, Model, Sequential, SettingError, ShapeError
from minidl.layers import Attention, Dense, Flatten, Graph, MultiHeadAttention
from minidl.plots import attention_maps

X = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")


@pytest.fixture
def model():
    layers = [MultiHeadAttention(3, 2, use_causal_mask=True), Dense(4), MultiHeadAttention(1, 2), Flatten(), Dense(1)]
    model = Sequential(layers, seed=0)
    model.build((5, 4))
    return model


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_each_head_has_a_map_of_its_scores(model):
    ax = attention_maps(model, X[1])
    (image,) = ax.images
    grid = np.asarray(image.get_array())
    layer = model.layers[0]
    layer.forward(X[1:2])
    assert grid.shape == (11, 11)
    for head, (top, left) in enumerate([(0, 0), (0, 6), (6, 0)]):
        assert np.allclose(1 - grid[top : top + 5, left : left + 5], layer.attention_scores[0, head], atol=1e-6)
    assert np.allclose(1 - grid[0, :5], [1, 0, 0, 0, 0])  # the first step sees itself alone: black on white
    assert image.get_clim() == (0, 1)
    assert image.get_cmap()(0.0) == (0.0, 0.0, 0.0, 1.0)
    assert np.isnan(grid[6:, 6:]).all()
    assert [patch.get_bbox().bounds for patch in ax.patches] == [
        (-0.5, -0.5, 5, 5),
        (5.5, -0.5, 5, 5),
        (-0.5, 5.5, 5, 5),
    ]
    assert ax.get_title() == "multi_head_attention: 3 heads"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("key", "query")


def test_a_layer_is_chosen_by_its_path_and_labels_are_at_every_map(model):
    ax = attention_maps(model, X[:1], "multi_head_attention_1", tokens="abcde")
    assert ax.get_title() == "multi_head_attention_1: 1 head"
    assert labels(ax.xaxis) == labels(ax.yaxis) == list("abcde")
    ax = attention_maps(model, X[0], tokens="abcde", keys=range(5))
    assert labels(ax.xaxis) == list("01234") * 2
    assert labels(ax.yaxis) == list("abcde") * 2
    assert np.array_equal(ax.get_xticks(), [0, 1, 2, 3, 4, 6, 7, 8, 9, 10])


def test_of_many_steps_at_most_ten_numbers_are_shown():
    model = Sequential([Attention()], seed=0)
    model.build((23, 2))
    ax = attention_maps(model, np.zeros((23, 2)))
    assert [label for label in labels(ax.xaxis) if label] == ["0", "3", "6", "9", "12", "15", "18", "21"]
    assert ax.get_title() == "attention"


def test_attention_between_two_inputs_has_labels_of_both():
    graph = Graph({"q": (2, 3), "v": (4, 3)}, {"y": (Attention(), "q", "v")}, "y")
    model = Model(graph, seed=0)
    rng = np.random.default_rng(0)
    x = {"q": rng.normal(size=(1, 2, 3)), "v": rng.normal(size=(1, 4, 3))}
    ax = attention_maps(model, x, tokens="xy", keys="abcd")
    assert labels(ax.yaxis) == ["x", "y"]
    assert labels(ax.xaxis) == list("abcd")
    scores = np.exp(x["q"][0] @ x["v"][0].T)
    wanted = scores / scores.sum(axis=1, keepdims=True)
    assert np.allclose(1 - np.asarray(ax.images[0].get_array()), wanted, atol=1e-6)


def test_what_it_refuses(model):
    with pytest.raises(DataError, match="no attention layer"):
        attention_maps(Sequential([Dense(1)]), np.zeros((1, 3)))
    with pytest.raises(SettingError, match="layer must be one of multi_head_attention, multi_head_attention_1"):
        attention_maps(model, X[0], "dense")
    with pytest.raises(ShapeError, match="tokens must be a label for each of 5 steps, got 3"):
        attention_maps(model, X[0], tokens="abc")
    with pytest.raises(ShapeError, match="draws one row"):
        attention_maps(model, X)
