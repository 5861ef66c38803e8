"""The benchmark of vocabularies runs."""

import pytest

from tests.benchmarks import vocabularies


def test_the_benchmark_prints_a_table_for_each_vocabulary(capsys, monkeypatch):
    monkeypatch.setattr(vocabularies, "CONTENDERS", {"minidl": vocabularies.CONTENDERS["minidl"]})
    monkeypatch.setattr(vocabularies, "VOCABULARIES", (10, 1000))
    vocabularies.main(rounds=1, batches=1)
    printed = capsys.readouterr().out
    assert printed.count("### (s)") == printed.count("| minidl |") == 2 * len(vocabularies.RATES)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning")  # of PyTorch's Adagrad
@pytest.mark.parametrize("name", vocabularies.RATES)
def test_pytorch_runs(name):
    pytest.importorskip("torch")
    vocabularies.torch(name, 1000, 1)()
