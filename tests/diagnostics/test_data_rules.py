"""The statistics behind the rules on data."""

import numpy as np

from minidl.diagnostics._data_rules import _above_chance, _nearest


def test_nearest_neighbors_are_those_of_scikit_learn():
    from sklearn.neighbors import kneighbors_graph

    x = np.random.default_rng(0).normal(size=(60, 4))
    assert np.array_equal(_nearest(x, 5), kneighbors_graph(x, 5).toarray())


def test_shuffled_targets_score_like_chance():
    rng = np.random.default_rng(1)
    graph = _nearest(rng.normal(size=(200, 3)), 5)
    scores = [_above_chance(graph, rng.choice([-1.0, 1], (200, 1))) for _ in range(100)]
    assert abs(np.mean(scores)) < 0.35  # standard normal: a standard error of 0.1
    assert 0.75 < np.std(scores) < 1.25
