"""The benchmark of `fit` on sequences runs."""

import pytest

from tests.benchmarks import fitting

SMALL = [("LSTM", 2, 3, 2, 4), ("attention", 2, 3, 4, 2)]


def test_the_benchmark_prints_a_table_for_each_case(capsys, monkeypatch):
    monkeypatch.setattr(fitting, "CONTENDERS", {"minidl": fitting.CONTENDERS["minidl"]})
    fitting.main(rounds=1, batches=1, cases=SMALL)
    printed = capsys.readouterr().out
    assert printed.count("### (t)") == printed.count("| minidl |") == len(SMALL)


@pytest.mark.peers
@pytest.mark.parametrize("case", SMALL, ids=str)
def test_keras_runs(case):
    pytest.importorskip("keras")
    fitting.keras(*case, 1)()
