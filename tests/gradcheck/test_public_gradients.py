"""Wrong gradients that were reported in public, rebuilt in NumPy: each is found, and the cause is named where shown."""

import re
from pathlib import Path

import numpy as np
import pytest

from minidl import check_backward
from tests.helpers.public_gradients import CASES

PAGE = Path(__file__).parents[2] / "docs" / "gradient-checking-elsewhere.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.source)
def test_what_was_reported_is_found(case):
    with np.errstate(all="ignore"):
        report = check_backward(case.forward, case.backward, *case.inputs, raise_on_failure=False)
    assert set(report.wrong) == set(case.wrong)
    if case.says:
        assert all(case.says in tensor.cause for tensor in report.wrong.values())


def test_the_page_has_a_row_for_each():
    rows = re.findall(r"^\| \[(\S+)\]\(\S+\) \| (.*?) \| (\w+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    kinds = ["named" if case.says else "found" if case.wrong else "passes" for case in CASES]
    assert rows == [(case.source, case.mistake, kind) for case, kind in zip(CASES, kinds, strict=True)]
