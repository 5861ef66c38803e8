"""The benchmark of a model of characters runs."""

import pytest

from tests.benchmarks import characters


def test_the_benchmark_prints_a_table_for_each_layer(capsys, monkeypatch):
    monkeypatch.setattr(characters, "CONTENDERS", {"minidl": characters.CONTENDERS["minidl"]})
    characters.main(rounds=1, batches=1)
    printed = capsys.readouterr().out
    assert printed.count("### (r)") == printed.count("| minidl |") == len(characters.KINDS)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["torch", "keras"])
def test_the_others_run(name):
    pytest.importorskip(name)
    getattr(characters, name)("GRU", 1)()
