"""The benchmark of attention runs, and its contenders compute the same."""

import numpy as np
import pytest

from tests.benchmarks import attention


@pytest.mark.peers
@pytest.mark.parametrize("causal", [False, True])
def test_attention_without_projections_is_that_of_pytorch(causal):
    pytest.importorskip("torch")
    case = 2, 5, 6, 3
    (y, dx), (theirs, *slopes) = (run() for run in attention.contenders(case, causal)[1].values())
    for ours, value in zip((y, *dx), (theirs, *slopes), strict=True):
        assert np.allclose(ours, value.detach().numpy().reshape(ours.shape), atol=1e-5)


@pytest.mark.peers
def test_the_tables_have_a_row_for_each_library(capsys):
    pytest.importorskip("torch")
    attention.main(rounds=1, repeats=1, cases=[(2, 5, 6, 3)])
    tables = capsys.readouterr().out.split("###")[1:]
    assert len(tables) == 4
    assert all(table.count("\n| ") == 3 for table in tables)
