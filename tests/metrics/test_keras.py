"""Every metric against numbers of Keras, in several batches, with ties, with one class only, with weights."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from minidl import metrics
from tests.oracles.make_keras_metrics import BATCH, METRICS, PATH, ROWS, UNWEIGHTED, entry

CASES = METRICS + UNWEIGHTED


def ids(cases):
    return [f"{name} {settings} {y}" for name, settings, y, _ in cases]


def fed(metric, y, p, weights=None, batch=BATCH):
    for start in range(0, len(y), batch):
        rows = slice(start, start + batch)
        metric.update_state(y[rows], p[rows], None if weights is None else weights[rows])
    return metric.result()


def stored(*names):
    with np.load(PATH) as file:
        assert str(file["keras_version"]) == "3.15.1"
        return [file[name] for name in names]


def assert_equal(found, expected):
    assert np.shape(found) == expected.shape
    assert type(found) is (np.ndarray if expected.ndim else float)
    assert found == pytest.approx(expected, rel=2e-5, abs=1e-6)  # Keras computes in float32


@pytest.mark.parametrize("number", range(len(CASES)), ids=ids(CASES))
def test_metrics_equal_keras(number):
    name, settings, y, p = CASES[number]
    y, p, expected = stored(y, p, "plain")
    assert (len(y), len(expected)) == (ROWS, len(CASES))
    assert_equal(fed(getattr(metrics, name)(**settings), y, p), entry(expected[number]))


@pytest.mark.parametrize("number", range(len(METRICS)), ids=ids(METRICS))
def test_weighted_metrics_equal_keras(number):
    name, settings, y, p = METRICS[number]
    y, p, weights, expected = stored(y, p, "weights", "weighted")
    assert_equal(fed(getattr(metrics, name)(**settings), y, p, weights), entry(expected[number]))


@pytest.mark.parametrize("number", range(len(CASES)), ids=ids(CASES))
def test_batches_of_any_size_give_the_same(number):
    name, settings, y, p = CASES[number]
    y, p, weights = stored(y, p, "weights")
    for shares in (None, weights):
        results = [fed(getattr(metrics, name)(**settings), y, p, shares, batch) for batch in (1, 7, ROWS)]
        for result in results[1:]:
            assert result == pytest.approx(results[0], rel=1e-6, abs=1e-12)  # sums of float32 weights


@pytest.mark.peers
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_keras_still_computes_the_stored_numbers(tmp_path):
    path = tmp_path / "numbers.npz"
    script = f"from tests.oracles.make_keras_metrics import main; main({str(path)!r})"
    subprocess.run([sys.executable, "-c", script], env=os.environ | {"KERAS_BACKEND": "torch"}, check=True)
    with np.load(PATH) as kept, np.load(path) as fresh:
        assert kept.files == fresh.files
        for name in set(kept.files) - {"keras_version"}:
            assert np.allclose(fresh[name], kept[name], rtol=1e-6, atol=1e-7), name
