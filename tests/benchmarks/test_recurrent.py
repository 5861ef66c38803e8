"""The benchmark of recurrent layers runs, and its contenders compute the same."""

import numpy as np
import pytest

from tests.benchmarks import recurrent


@pytest.mark.peers
@pytest.mark.parametrize("kind", recurrent.KINDS)
def test_the_contenders_compute_the_same(kind):
    pytest.importorskip("torch")
    (y, dx), (theirs, slope, *_) = (run() for run in recurrent.contenders(kind, (2, 5, 3, 4)).values())
    assert np.allclose(y, theirs.detach().numpy(), atol=1e-5)
    assert np.allclose(dx, slope.numpy(), atol=1e-5)


@pytest.mark.peers
def test_the_tables_have_a_row_for_each_library(capsys):
    pytest.importorskip("torch")
    recurrent.main(rounds=1, repeats=1, cases=[(2, 5, 3, 4)])
    tables = capsys.readouterr().out.split("###")[1:]
    assert len(tables) == 3
    assert all(table.count("\n| ") == 3 for table in tables)
