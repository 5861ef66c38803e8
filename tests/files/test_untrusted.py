"""Values from files that are not trusted, in messages."""

import pytest

from minidl.files._untrusted import abbreviate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\x1b", r"'a\x1b'"),
        ("\u00e9", r"'\xe9'"),
        ([1, 2], "[1, 2]"),
        (78 * "n", "'" + 78 * "n" + "'"),  # 80 characters with the quotes
        (79 * "n", "'" + 76 * "n" + "..."),
        (1000 * "n", "'" + 76 * "n" + "..."),
    ],
)
def test_a_value_is_one_short_line_of_ascii(value, text):
    assert abbreviate(value) == text
    assert len(abbreviate(value)) <= 80
