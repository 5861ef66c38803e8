"""Whole programs against Keras 3.15 on PyTorch, from the same weights, with no other change than the import."""

import contextlib
import re
import tempfile
from pathlib import Path

import pytest

from tests.keras.peer import assert_same, both
from tests.keras.programs import PROGRAMS

PAGE = Path(__file__).parents[2] / "docs" / "keras.md"


def in_a_folder_of_its_own(program):
    def run(keras, weights):
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            return program(keras, weights)

    return run


@pytest.mark.peers
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_gives_the_same_numbers_as_on_keras(program):
    assert_same(*both(in_a_folder_of_its_own(program)))


def test_the_page_counts_the_programs():
    count = re.search(r"has (\d+) whole programs", PAGE.read_text(encoding="utf-8"))
    assert count
    assert int(count[1]) == len(PROGRAMS)
