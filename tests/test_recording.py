"""Recorded passes are those that ran, and a snapshot brings layers back to where they were."""

import pickle

import numpy as np
import pytest

from minidl import Sequential
from minidl._recording import Snapshot, record_passes
from minidl.layers import Chain, Dense, Dropout, Graph, ReLU, Residual, Tanh
from tests.helpers.right_layers import RunningScale

X = np.random.default_rng(0).standard_normal((4, 3))


def network(*layers):
    model = Sequential(layers, seed=0, dtype="float64")
    model.build((3,))
    return model.layer


def test_every_pass_is_recorded_inside_containers_too():
    layer = network(Dense(3), Residual(Chain(Dense(3), ReLU())))
    layer.is_first = layer.layers[0].is_first = False
    with record_passes(layer.walk()) as passes:
        y = layer.forward(X, training=True)
        dx = layer.backward(y)
    paths = [record.path for record in passes]
    assert paths == ["dense", "residual/chain/dense", "residual/chain/re_lu", "residual/chain", "residual", ""]
    found = dict(zip(paths, passes, strict=True))
    assert found[""].x is X
    assert found[""].y is found["residual"].y is y
    assert found[""].dx is dx
    assert found["residual/chain/dense"].y is found["residual/chain/re_lu"].x
    assert found["residual/chain/dense"].dy is found["residual/chain/re_lu"].dx
    assert found["residual"].layer is layer.layers[1]


def test_only_the_given_layers_are_recorded_and_the_latest_pass_receives_the_gradient():
    layer = network(Dense(2), ReLU())
    with record_passes([("activation", layer.layers[1])]) as passes:
        layer.forward(X)
        layer.forward(X)
        layer.backward(np.ones((4, 2)))
    assert [record.path for record in passes] == ["activation", "activation"]
    assert passes[0].dy is passes[0].dx is None
    np.testing.assert_array_equal(passes[1].dy, np.ones((4, 2)))


def test_a_backward_without_a_forward_is_not_recorded():
    layer = network(Dense(2))
    layer.forward(X)
    with record_passes(layer.walk()) as passes:
        layer.backward(np.ones((4, 2)))
    assert passes == []


def test_nothing_is_left_on_the_layers_even_after_an_error():
    layer = network(Dense(2), ReLU())
    with pytest.raises(ValueError, match="not aligned"), record_passes(layer.walk()):
        layer.forward(X[:, :2])
    assert not [path for path, inner in layer.walk() if {"forward", "backward"} & set(vars(inner))]


def test_every_place_of_a_layer_has_a_pass_of_its_own():
    layer = Dense(3)
    graph = network(Graph("x", {"a": (layer, "x"), "b": (Tanh(), "a"), "y": (layer, "b")}, "y")).layers[0]
    for _, inner in graph.walk():
        inner.unmark_first()
    with record_passes(graph.walk()) as passes:
        y = graph.forward(X)
        dx = graph.backward(np.ones_like(y))
    first, last = (one for one in passes if one.layer is layer)
    np.testing.assert_array_equal(last.x, np.tanh(first.y))
    np.testing.assert_array_equal(last.dy, np.ones_like(y))
    np.testing.assert_allclose(first.dy, last.dx * (1 - last.x**2), rtol=1e-12)
    np.testing.assert_array_equal(first.dx, dx)
    assert not {"forward", "backward"} & vars(layer).keys()
    pickle.dumps(graph)


def test_a_snapshot_brings_back_masks_and_statistics():
    layer = network(Dropout(0.5), RunningScale())
    state = Snapshot(inner for _, inner in layer.walk())
    first = layer.forward(X, training=True)
    assert state.drawn
    assert not np.array_equal(layer.forward(X, training=True), first)
    state.restore()
    assert not state.drawn
    np.testing.assert_array_equal(layer.forward(X, training=True), first)
    state.restore()
    np.testing.assert_array_equal(layer.forward(X, training=True), first)


def test_a_snapshot_can_bring_back_the_generators_alone():
    layer = network(Dropout(0.5), RunningScale())
    state = Snapshot(inner for _, inner in layer.walk())
    layer.forward(X, training=True)
    mask, mean = layer.layers[0].scaled_mask.copy(), layer.layers[1].mean.copy()
    state.restore_generators()
    np.testing.assert_array_equal(layer.layers[1].mean, mean)
    layer.forward(X, training=True)
    np.testing.assert_array_equal(layer.layers[0].scaled_mask, mask)


def test_a_layer_without_a_generator_has_a_snapshot_too():
    state = Snapshot([Dropout(0.5)])
    assert not state.drawn
    state.restore()
