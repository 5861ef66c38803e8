"""Every script in examples/ runs as a reader would run it, and shows what it promises."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minidl.datasets import load_cats, write_photographs

EXAMPLES = Path(__file__).parents[2] / "examples"
OPTIONS = {  # short runs of long scripts
    "bag_of_words.py": ["--quick"],
    "improve_a_network.py": ["--quick", "--out", "pictures"],
    "search.py": ["--quick"],
    "write_names.py": ["--quick"],
}
PAGES = {"playground.py"}  # a page, not a script: tests/system/test_playground.py drives it
FIGURES = ["digits.png", "gradient_checking.png", "images.png", "initialisation.png", "regularisation.png"]


def run(script, directory, *options):
    """Run the script in the directory, with warnings as errors; return what it prints."""
    command = [sys.executable, "-W", "error", EXAMPLES / script, *options]
    environment = os.environ | {"MPLBACKEND": "Agg"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Run every script; return {script: (what it printed, its directory)}."""
    found = {}
    for path in sorted(path for path in EXAMPLES.glob("*.py") if path.name not in PAGES):
        directory = tmp_path_factory.mktemp(path.stem)
        found[path.name] = run(path.name, directory, *OPTIONS.get(path.name, [])), directory
    return found


def test_every_example_runs_and_prints_something(outputs):
    assert len(outputs) >= 4
    assert [script for script, (text, _) in outputs.items() if not text.strip()] == []


def test_the_examples_write_only_figures(outputs):
    written = {path.suffix for _, directory in outputs.values() for path in directory.rglob("*") if path.is_file()}
    assert written == {".png"}


def test_quickstart_learns_the_circles(outputs):
    text, _ = outputs["quickstart.py"]
    assert float(text.rsplit("accuracy ", 1)[1]) >= 0.9


def test_gradient_check_finds_no_mistake(outputs):
    text, _ = outputs["gradient_check.py"]
    assert text.count("all gradients right") == 3
    assert "WRONG" not in text


def test_new_layer_passes_the_check_and_learns(outputs):
    text, _ = outputs["new_layer.py"]
    assert "Swish: all gradients right" in text
    assert float(text.rsplit("accuracy ", 1)[1].split(",")[0]) >= 0.95


def test_every_broken_layer_is_found(outputs):
    parts = re.split(r"\n\d+\. ", outputs["broken_layers.py"][0])[1:]
    assert len(parts) == 12
    assert [part.splitlines()[0] for part in parts if "WRONG" not in part or "cause: " not in part] == []


def test_why_not_learning_names_the_fault_of_each_network(outputs):
    zeros, large, slow, table = outputs["why_not_learning.py"][0].split("\n\n")
    assert "compute the same thing" in zeros
    assert "Standardize the inputs" in large
    assert "A learning rate of 0.0001 is too low" in slow
    assert [line.split()[0] for line in table.splitlines()] == ["variant", "zeros", "random", "He"]


@pytest.mark.parametrize(("script", "words"), [("data_parallel.py", "accuracy "), ("search.py", "in the search, ")])
def test_data_parallel_and_search_learn(outputs, script, words):
    text, _ = outputs[script]
    assert float(text.rsplit(words, 1)[1].split()[0].rstrip(",")) >= 0.9


def test_a_bag_of_embeddings_is_as_good_as_logistic_regression(outputs):
    text, _ = outputs["bag_of_words.py"]
    chance, regression, bag = (float(accuracy) for accuracy in re.findall(r"  (0\.\d+) \(", text))
    assert chance < 0.4
    assert regression > 0.8
    assert abs(bag - regression) < 0.04
    assert "Return the eigenvalues of a matrix. " in text


def test_the_transformer_passes_the_check_and_sorts(outputs):
    text, directory = outputs["transformer.py"]
    assert "TransformerBlock: all gradients right" in text
    assert int(text.rsplit("of 1000 new rows, ", 1)[1].split()[0]) >= 950
    assert (directory / "attention.png").stat().st_size > 5_000


def test_names_are_written_letter_by_letter(outputs):
    text, _ = outputs["write_names.py"]
    first, last = (float(number) for number in re.findall(r"(\d+\.\d) after", text))
    assert last < first < 20  # of 29 letters
    assert float(re.search(r"as a whole: (\S+) apart", text)[1]) < 1e-6
    words = [int(share) for share in re.findall(r"^ +[\d.]+ +\d+% +(\d+)%", text, re.MULTILINE)]
    assert len(words) == 4
    assert words[0] > words[-1]  # fewer real words at a higher temperature


# ---- improve_a_network.py


def table(text):
    """Parse the last table: {run: [final cost, train accuracy, test accuracy, difference]}, with None for a dash."""
    lines = text[text.index("part  ") :].splitlines()[1:]
    rows = {}
    for line in lines[: lines.index("")]:
        run = line[16:46].strip()
        rows[run] = [None if cell == "-" else float(cell) for cell in line[46:].split()]
    return rows


@pytest.fixture(scope="module")
def results(outputs):
    return table(outputs["improve_a_network.py"][0])


def test_one_table_shows_all_runs(results):
    assert list(results)[:7] == ["zeros", "random * 10", "1/sqrt(n)", "He", "none", "L2", "dropout"]
    assert list(results)[7:] == [
        "J = theta x",
        "L2 and dropout on",
        "broken: forgetful_re_lu",
        "china / flower, dense",
        "china / flower, convolutional",
        "dense",
        "convolutional",
    ]
    for run, (cost, train, test, difference) in results.items():
        if difference is None:
            assert cost > 0 and 0.4 <= train <= 1 and 0.4 <= test <= 1, run


def test_zeros_do_not_learn(results):
    assert results["zeros"][:3] == [0.6931, 0.5, 0.5]  # ln 2, and one class for all


def test_scaled_initializers_have_started_to_learn(results):
    assert results["1/sqrt(n)"][0] < 0.6931
    assert results["He"][0] < 0.6931


def test_the_check_passes_right_networks_and_names_the_wrong_layer(outputs, results):
    assert results["J = theta x"][3] < 1e-12
    assert results["L2 and dropout on"][3] < 1e-12
    assert results["broken: forgetful_re_lu"][3] > 1e-2
    text, _ = outputs["improve_a_network.py"]
    assert "guilty: forgetful_re_lu, the layer whose backward is wrong" in text


@pytest.mark.parametrize("run", ["china / flower, dense", "china / flower, convolutional", "dense", "convolutional"])
def test_photographs_and_digits_are_classified(results, run):
    _, train, test, _ = results[run]
    assert train >= 0.9
    assert test >= 0.9


def test_the_figures_are_png_files(outputs):
    directory = outputs["improve_a_network.py"][1] / "pictures"
    assert sorted(path.name for path in directory.iterdir()) == FIGURES
    for path in directory.iterdir():
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(content) > 5_000


def test_the_photographs_come_from_the_given_directory(tmp_path):
    write_photographs(tmp_path, seed=7)
    photographs = runpy.run_path(str(EXAMPLES / "improve_a_network.py"))["photographs"]
    assert np.array_equal(photographs(tmp_path).x_test, load_cats(tmp_path).x_test)
    assert not np.array_equal(photographs(tmp_path).x_test, photographs(None).x_test)
