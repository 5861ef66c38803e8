"""README.md and docs/: their code runs and prints what they show, their links work, their numbers are current."""

import ast
import contextlib
import importlib
import io
import re
import tokenize
from pathlib import Path

import pytest

import minidl
from tests.system.test_architecture import MODULES

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")), *sorted((TOP / ".github").rglob("*.md"))]
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
KERAS_ON_TORCH = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def name(page):
    return str(page.relative_to(TOP))


def without_rounding(text):
    """Replace what may differ: numbers near 1e-16, which depend on the processor, and numbers of lines."""
    return re.sub(r"\(line \d+\)", "(line)", re.sub(r"\d\.\de-1[4-9]|0\.0e\+00", "rounding", text))


def test_the_main_pages_exist():
    wanted = ["index", "architecture", "notebook", "writing", "coming-from", "limits", "changelog", "reference/layers"]
    assert {"README.md", *(f"docs/{page}.md" for page in wanted)} <= {name(page) for page in PAGES}


def run_pages():
    """All pages; those whose code needs other libraries with the marker for it."""
    for page in PAGES:
        needs = [package for package in ("torch", "jax", "keras") if f"\nimport {package}\n" in page.read_text("utf-8")]
        marks = [pytest.mark.peers, KERAS_ON_TORCH] if needs else []
        yield pytest.param(page, needs, marks=marks, id=name(page))


@pytest.mark.parametrize(("page", "needs"), [*run_pages()])
def test_the_code_of_a_page_prints_what_the_page_shows(page, needs):
    for package in needs:
        pytest.importorskip(package)
    namespace, printed = {"__name__": page.stem}, ""
    whole = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(whole):
        language, text = block.groups()
        if language == "text":
            assert without_rounding(text.strip()) in without_rounding(printed)
            continue
        with contextlib.redirect_stdout(io.StringIO()) as out:
            lines_before = whole.count("\n", 0, block.start(2))
            exec(compile("\n" * lines_before + text, str(page), "exec"), namespace)  # so that its source is found
        printed = out.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_code_block_names_its_language(page):
    fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences[::2]) <= {"python", "text", "{eval-rst}", "{toctree}"}
    assert set(fences[1::2]) <= {""}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_local_links_and_figures_exist(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_has_two_commands_and_a_figure():
    lines = [line.strip() for line in (TOP / "README.md").read_text(encoding="utf-8").splitlines()]
    assert "python -m pip install -e . && python examples/improve_a_network.py" in lines
    assert "python -m pip install -e '.[test]' && python -m pytest" in lines
    assert any(line.startswith("![") for line in lines)


def test_the_figures_are_small_and_used():
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    figures = list((TOP / "docs" / "figures").iterdir())
    assert figures
    for figure in figures:
        assert figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert figure.stat().st_size < 150_000
        assert f"figures/{figure.name}" in pages


def test_the_architecture_page_lists_the_modules_in_import_order():
    text = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## The modules")[1].split("\n## ")[0]
    described = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    package = Path(minidl.__file__).parent
    existing = [name for name in MODULES if (package / name).is_dir() or (package / f"{name}.py").is_file()]
    assert described == existing


CODE = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"(?<![\w.\"])([A-Za-z_]\w*)(?=\()")  # a call of it, but not of an attribute


def spans_about_minidl(page):
    """Yield the code in the text of a page and in the last columns of its tables: others name other libraries."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for line in text.splitlines():
        yield from CODE.findall(line.rpartition(" | ")[2] if line.startswith("|") else line)


@pytest.fixture(scope="module")
def built():
    model = minidl.Sequential([minidl.layers.Dense(1)])
    model.build((2,))
    return {"model": model, "layer": model.layers[0]}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_attributes_of_models_and_layers_that_a_page_names_exist(page, built):
    named = [found for span in spans_about_minidl(page) for found in re.findall(r"\b(model|layer)\.([a-z]\w*)", span)]
    assert [f"{owner}.{part}" for owner, part in named if not hasattr(built[owner], part)] == []


def test_the_counterparts_for_readers_of_other_libraries_exist(built):
    packages = (
        "callbacks",
        "constraints",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "optimizers",
        "regularizers",
        "schedules",
    )
    known = {*dir(minidl), *dir(built["model"])}
    known |= {public for package in packages for public in dir(importlib.import_module(f"minidl.{package}"))}
    text = (TOP / "docs" / "coming-from.md").read_text(encoding="utf-8")
    rows = [line.rpartition(" | ")[2] for line in text.splitlines() if line.startswith("| `")]
    called = {found for row in rows for span in CODE.findall(row) for found in NAME.findall(span)}
    assert len(called) > 15
    assert called - known == set()


def lines_of_code(path):
    """Count the lines of code, without blank lines, comments and docstrings."""
    text, code, documents = path.read_text(encoding="utf-8"), set(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            documents |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in layout:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - documents)


def test_the_architecture_page_states_the_size_of_the_core():
    text = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \| [^|]+ \| ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)
    assert len(rows) == 6
    for places, *stated in rows:
        files = [
            path for place in re.findall(r"`([\w/*.]+)`", places) for path in Path(minidl.__file__).parent.glob(place)
        ]
        counted = [lines_of_code(path) for path in files], [path.read_text("utf-8").count("\n") for path in files]
        assert [int(n.replace(",", "")) for n in stated] == pytest.approx([sum(n) for n in counted], rel=0.05, abs=10)
