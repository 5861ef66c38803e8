"""Whole programs against Keras 3.15 on PyTorch, from the same weights, with no other change than the import."""

import contextlib
import re
import tempfile
from pathlib import Path

import pytest

import minidl.keras
from minidl.errors import SettingError, ShapeError
from tests.keras.peer import assert_same, both
from tests.keras.programs import PROGRAMS, REFUSED

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


@pytest.mark.parametrize(("program", "message"), REFUSED, ids=lambda part: getattr(part, "__name__", ""))
def test_a_program_is_refused_with_the_reason(program, message):
    with pytest.raises((SettingError, ShapeError, ImportError), match=message):
        in_a_folder_of_its_own(program)(minidl.keras, lambda model: None)


def test_the_page_counts_the_programs():
    sentence = r"has (\d+) whole programs .*: (\d+) give the numbers of Keras .* and (\d+) raises? an"
    counts = re.search(sentence, PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert counts
    agreeing, refused = len(PROGRAMS), len(REFUSED)
    assert [int(count) for count in counts.groups()] == [agreeing + refused, agreeing, refused]
