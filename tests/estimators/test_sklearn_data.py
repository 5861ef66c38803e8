"""Examples with weights."""

import numpy as np
import pytest

from minidl.estimators._sklearn_data import SklearnExamples
from minidl.layers import Dense
from minidl.sequential import Sequential


def test_evaluate_returns_the_weighted_mean_over_any_number_of_batches():
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=(4000, 3)), rng.normal(size=(4000, 1)), rng.uniform(0.1, 5, 4000)
    model = Sequential([Dense(1)], seed=0, dtype="float64")
    model.compile(loss="mse")
    model.build((3,))
    squares = (model.predict(x) - y)[:, 0] ** 2
    assert model.evaluate(SklearnExamples(x, y, weight)) == pytest.approx(
        np.average(squares, weights=weight), rel=1e-12
    )
