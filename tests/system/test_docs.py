"""What README.md and docs/ say is so: their code runs and prints what they show, their links lead somewhere."""

import ast
import contextlib
import io
import re
import tokenize
from pathlib import Path

import pytest

import minidl
from tests.system.test_architecture import MODULES

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def name(page):
    return str(page.relative_to(TOP))


def without_rounding(text):
    """The text with every difference near 1e-16 made the same: the last bits are the processor's."""
    return re.sub(r"\d\.\de-1[4-9]|0\.0e\+00", "rounding", text)


def test_the_pages_are_there():
    wanted = ["index", "architecture", "notebook", "writing", "coming-from", "limits", "changelog", "reference/layers"]
    assert {"README.md", *(f"docs/{page}.md" for page in wanted)} <= {name(page) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_code_runs_and_prints_what_is_shown(page):
    namespace, printed = {"__name__": page.stem}, ""
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "text":
            assert without_rounding(text.strip()) in without_rounding(printed)
            continue
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(text, name(page), "exec"), namespace)
        printed = out.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_code_says_what_it_is(page):
    fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences[::2]) <= {"python", "text", "{eval-rst}", "{toctree}"}
    assert set(fences[1::2]) <= {""}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_local_links_and_figures_exist(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_has_the_two_commands_and_a_figure():
    lines = [line.strip() for line in (TOP / "README.md").read_text(encoding="utf-8").splitlines()]
    assert "python -m pip install -e . && python examples/improve_a_network.py" in lines
    assert "python -m pip install -e '.[test]' && python -m pytest" in lines
    assert any(line.startswith("![") for line in lines)


def test_the_figures_are_small_and_in_use():
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    figures = list((TOP / "docs" / "figures").iterdir())
    assert figures
    for figure in figures:
        assert figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert figure.stat().st_size < 150_000
        assert f"figures/{figure.name}" in pages


def test_the_page_lists_the_modules_in_their_order():
    text = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    described = re.findall(r"^\| `(\w+)` \|", text.split("## The modules")[1].split("\n## ")[0], re.MULTILINE)
    house = Path(minidl.__file__).parent
    there = [room for room in MODULES if (house / room).is_dir() or (house / f"{room}.py").is_file()]
    assert described == there


def lines_of_code(path):
    """How many lines hold code: neither blank nor a comment nor a docstring."""
    text, code, documents = path.read_text(encoding="utf-8"), set(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            documents |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in layout:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - documents)


def test_the_size_of_the_core_is_as_told():
    text = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \| [^|]+ \| ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)
    assert len(rows) == 6
    for places, *told in rows:
        files = [
            path for place in re.findall(r"`([\w/*.]+)`", places) for path in Path(minidl.__file__).parent.glob(place)
        ]
        there = [lines_of_code(path) for path in files], [path.read_text("utf-8").count("\n") for path in files]
        assert [int(n.replace(",", "")) for n in told] == pytest.approx([sum(n) for n in there], rel=0.05, abs=10)
