"""The benchmark of Hessian products runs, and its contenders compute the same."""

import numpy as np
import pytest

from minidl.layers import ReLU, Tanh
from tests.benchmarks import curvature


@pytest.mark.peers
@pytest.mark.parametrize("activation", [ReLU, Tanh])
def test_the_contenders_compute_the_same(activation):
    pytest.importorskip("torch")
    ours, *theirs = (run() for run in curvature.contenders(20, (4, 6, 5, 3), activation).values())
    assert theirs
    for product in theirs:
        assert np.linalg.norm(product - ours) < 1e-12 * np.linalg.norm(ours)


@pytest.mark.peers
def test_the_table_has_a_row_for_each_library(capsys):
    pytest.importorskip("torch")
    curvature.main(rounds=1, cases=[(20, (4, 6, 3))])
    assert "| PyTorch |" in capsys.readouterr().out
