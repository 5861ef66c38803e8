"""The version, the files of the package, the citation, and the paths that scripts and pages for contributors name."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import minidl

TOP = Path(__file__).parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
MUTANTS = ast.parse((TOP / "tests" / "system" / "mutants.py").read_text(encoding="utf-8"))
GROUPS = next(
    ast.literal_eval(node.value)
    for node in MUTANTS.body
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "GROUPS"
)


def test_the_version_stands_in_one_place():
    assert re.fullmatch(r"\d+\.\d+\.\d+", minidl.__version__)
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "minidl.__version__"}


def test_the_citation_names_no_version_of_its_own():
    citation = (TOP / "CITATION.cff").read_text(encoding="utf-8")
    keys = re.findall(r"^([\w-]+):", citation, re.MULTILINE)
    assert {"cff-version", "message", "title", "authors"} <= set(keys)
    assert "version" not in keys
    assert PROJECT["project"]["license"] in citation


def test_a_folder_named_minidl_beside_a_script_does_not_hide_the_package(tmp_path):
    """An editable install must write a path: Python asks the finder that it would write only after such folders."""
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {"": "."}
    (tmp_path / "minidl" / "minidl").mkdir(parents=True)  # a clone
    (tmp_path / "script.py").write_text("import minidl; print(minidl.__version__)")
    command = [sys.executable, str(tmp_path / "script.py")]
    run = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(TOP)}, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == minidl.__version__


def test_minidl_runs_from_a_zip_file(tmp_path):
    archive = shutil.make_archive(str(tmp_path / "minidl"), "zip", TOP, "minidl")
    command = [sys.executable, "-c", "from minidl import Sequential; print(Sequential.__module__)"]
    environment = os.environ | {"PYTHONPATH": archive}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "minidl.sequential"


def test_every_file_of_the_package_is_installed():
    package = Path(minidl.__file__).parent
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    others = [path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert len(others) > 3
    assert [path for path in others if not any(path.match(pattern) for pattern in patterns)] == []
    assert [path.parent for path in package.rglob("*.py") if not (path.parent / "__init__.py").exists()] == []


@pytest.mark.parametrize("group", GROUPS)
def test_the_paths_of_a_mutation_group_exist(group):
    for folder, words in zip(("minidl", "tests"), GROUPS[group], strict=True):
        for word in words.split():
            search = (TOP / folder).rglob if word.startswith("!") else (TOP / folder).glob
            assert list(search(word.removeprefix("!"))), f"{word} is not in {folder}/"


@pytest.mark.parametrize(
    "page", ["docs/contributing.md", "docs/stability.md", "docs/mutation-testing.md", "tests/README.md"]
)
def test_the_paths_that_a_page_for_contributors_names_exist(page):
    text = (TOP / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:minidl|tests|docs|examples|\.github)/[\w./-]*)`", text)
    assert named
    assert [path for path in named if not (TOP / path).exists()] == []
