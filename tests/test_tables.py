"""Tables of strings as text and as HTML."""

import pytest

from minidl._tables import align_columns, html_table, text_table

HEAD = ("variant", "seeds", "")
ROWS = [("He", "3", "2 diverged"), ("zeros & ones", "10", "")]


def test_a_text_table_has_aligned_columns_and_no_trailing_spaces():
    assert text_table(HEAD, ROWS) == [
        "variant       seeds",
        "He                3  2 diverged",
        "zeros & ones     10",
    ]


@pytest.mark.parametrize(("align", "wanted"), [("", ["a ", " 1"]), ("<<", ["a ", "1 "]), (">>", [" a", " 1"])])
def test_cells_are_padded_to_the_width_of_their_column(align, wanted):
    assert align_columns([("a", "1"), ("bb", "22")], align)[0] == wanted


def test_html_cells_are_escaped():
    assert html_table("a < b", ("<i>",), [("&",)]) == (
        "<table><caption>a &lt; b</caption><thead><tr><th>&lt;i&gt;</th></tr></thead>"
        "<tbody><tr><td>&amp;</td></tr></tbody></table>"
    )


def test_an_empty_caption_is_left_out():
    assert html_table("", ("a",), []) == "<table><thead><tr><th>a</th></tr></thead><tbody></tbody></table>"
