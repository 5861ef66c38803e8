"""Strict JSON: every value that is written is read back, everything else is rejected."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import ModelFileError
from minidl.files import _strict_json


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_rejected(raw):
    try:
        parsed = _strict_json.parse("it", raw)
    except ModelFileError as error:
        assert str(error).isprintable()
    else:
        assert _strict_json.parse("it", _strict_json.dump(parsed)) == parsed


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**127), 2**127)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_a_value_that_is_written_is_read_back(value):
    assert _strict_json.parse("it", _strict_json.dump(value)) == value


@pytest.mark.parametrize("value", [np.nan, np.inf, {"a": [-np.inf]}, {1: "\ud800"}])
def test_values_that_json_cannot_express_are_not_written(value):
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        _strict_json.dump(value)


def test_nesting_and_long_integers_are_accepted_up_to_the_limits():
    assert _strict_json.parse("it", b"[" * 100 + b"]" * 100) is not None
    assert _strict_json.parse("it", b"[[]]" + b" " * 9) == [[]]
    assert _strict_json.parse("it", b"9" * 40) == 10**40 - 1
    assert _strict_json.parse("it", b"[" + b"[],{}," * 200 + b"0]")[-1] == 0  # many brackets, none deep


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1e400]", "1e400 is too large for a float"), ("[" + 41 * "1" + "]", "an integer has 41 digits")],
)
def test_numbers_that_python_cannot_hold_or_should_not_are_named(text, message):
    with pytest.raises(ModelFileError, match=message):
        _strict_json.parse("it", text.encode())
