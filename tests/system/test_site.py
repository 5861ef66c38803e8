"""The site is built from a fresh copy: its public names, its links, and each chapter as a script and as a notebook."""

import contextlib
import os
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

import minidl

TOP = Path(__file__).parents[2]
CHAPTERS = sorted(path.stem for path in (TOP / "examples" / "tutorial").glob("*.py"))
DOCSTRINGS = runpy.run_path(str(TOP / "docs" / "docstrings.py"))


def run(*command, directory, **variables):
    done = subprocess.run(
        [sys.executable, *command], cwd=directory, env=os.environ | variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


# ---- plain-text docstrings as reStructuredText


def test_prose_is_rewrapped_and_markup_characters_are_escaped():
    assert DOCSTRINGS["as_rst"](["Where |x| is *large*, `update`", "comes_ first."]) == [
        "Where \\|x\\| is \\*large\\*, ``update``",
        "comes\\_ first.",
        "",
    ]


@pytest.mark.parametrize("line", ["y = max(x, 0)", "rate  in [0, 1)", "w ~ N(0, 1)", "x (m, n) -> y (m,)"])
def test_formulas_and_settings_keep_their_line_breaks(line):
    assert DOCSTRINGS["as_rst"]([line, "of this kind"]) == [
        ".. code-block:: none",
        "   :class: formula",
        "",
        f"   {line}",
        "   of this kind",
        "",
    ]


def test_the_code_of_a_class_is_shown_without_its_docstring():
    code = DOCSTRINGS["code_of"](minidl.layers.ReLU)
    assert "class ReLU(Layer):\n    keeps_mask = True\n\n    def forward(" in code
    assert "return relu(x)" in code
    assert "y = max(x, 0)" in minidl.layers.ReLU.__doc__
    assert "max(x, 0)" not in code


def test_the_code_of_a_class_with_abstract_methods_is_not_shown():
    has_equation = DOCSTRINGS["has_equation"]
    assert has_equation("class", "minidl.layers.ReLU", minidl.layers.ReLU)
    assert not has_equation("class", "minidl.layers.Layer", minidl.layers.Layer)
    assert not has_equation("class", "minidl.Model", minidl.Model)


# ---- the site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site with warnings as errors; return the folder of its pages."""
    pytest.importorskip("sphinx_gallery", reason="needs the extra `docs`")
    checkout = tmp_path_factory.mktemp("checkout")
    for part in ("docs", "examples", "minidl", "tests"):
        shutil.copytree(TOP / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(checkout / "docs" / "tutorial", ignore_errors=True)  # made by an earlier build
    run("-m", "sphinx", "-W", "-b", "html", "docs", "site", directory=checkout)
    return checkout / "site"


class Links(HTMLParser):
    """The links of a page, and the ids in it that links can point to."""

    def __init__(self, page):
        super().__init__()
        self.targets, self.loaded, self.ids = [], [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids.add(given.get("id"))
        for link in (given.get("href"), given.get("src")):
            if link:
                self.targets.append(link)
                if tag != "a":
                    self.loaded.append(link)


@pytest.fixture(scope="module")
def pages(site):
    return {page: Links(page) for page in site.rglob("*.html")}


@pytest.mark.slow
def test_no_local_link_is_broken(pages):
    broken = []
    for page, links in pages.items():
        for link in links.targets:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in pages[target].ids):
                broken.append((page.name, link))
    assert len(pages) > 20
    assert broken == []


@pytest.mark.slow
def test_no_page_loads_files_from_another_host(pages):
    assert [link for links in pages.values() for link in links.loaded if urlsplit(link).netloc] == []


def documented(site):
    """Yield the objects in the index of the site."""
    from sphinx.util.inventory import InventoryFile

    index = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    for kind in ("py:class", "py:function", "py:exception", "py:data"):
        for name in index.data.get(kind, {}):
            module, _, attribute = name.rpartition(".")
            with contextlib.suppress(ModuleNotFoundError):  # where a name is defined, if it is published elsewhere
                yield getattr(import_module(module), attribute)


def public_names():
    """Yield (name, object) for minidl's own names and for those of its packages, except internal ones."""
    things = {name: getattr(minidl, name) for name in minidl.__all__}
    packages = {name: thing for name, thing in things.items() if isinstance(thing, ModuleType)}
    named = {name: thing for name, thing in things.items() if name not in packages}
    del packages["keras"]  # its names are Keras's, and docs/keras.md says which there are
    yield from named.items()
    for package in packages.values():
        if package.__name__ not in {thing.__module__ for thing in named.values()}:
            own = [name for name, value in vars(package).items() if defined_in(value, package)]
            for name in getattr(package, "__all__", own):
                path = f"{package.__name__}.{name}"
                if not name.startswith("_") and path not in DOCSTRINGS["INTERNAL"]:
                    yield path, getattr(package, name)


def defined_in(thing, package):
    return getattr(thing, "__module__", None) == package.__name__


def test_the_internal_names_exist():
    for name in DOCSTRINGS["INTERNAL"]:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name


@pytest.mark.slow
def test_the_reference_shows_the_types_of_arguments(site):
    page = (site / "reference" / "layers.html").read_text(encoding="utf-8")
    entry = page[page.index('id="minidl.layers.Dense"') : page.index('id="minidl.layers.ReLU"')]
    signature = re.sub(r"<[^>]+>", "", entry[: entry.index("</dt>")])
    assert re.search(r"units:\s+int,", signature)
    assert re.search(r"use_bias:\s+bool\s+=\s+True", signature)


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(site):
    known = {id(thing) for thing in documented(site)}
    assert [name for name, thing in public_names() if id(thing) not in known] == []


@pytest.mark.slow
def test_the_formula_is_shown_above_its_code(site):
    page = (site / "reference" / "layers.html").read_text(encoding="utf-8")
    entry = page[page.index('id="minidl.layers.ReLU"') : page.index('id="minidl.layers.Sigmoid"')]
    assert entry.index("y = max(x, 0)") < entry.index("forward") < entry.index("backward")


# ---- the tutorial


def test_the_tutorial_has_its_chapters():
    assert [chapter.split("_", 2)[2] for chapter in CHAPTERS] == [
        "initialisation",
        "regularisation",
        "gradient_checking",
        "images",
        "convolution",
        "sequences",
        "attention",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_its_figures(site, chapter):
    assert len(list((site / "_images").glob(f"sphx_glr_{chapter}_*.png"))) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_runs_as_a_script(chapter, tmp_path):
    run("-W", "error", TOP / "examples" / "tutorial" / f"{chapter}.py", directory=tmp_path, MPLBACKEND="Agg")


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_runs_as_a_notebook(site, chapter, tmp_path):
    notebooks = site.parent / "docs" / "tutorial"
    run("-m", "jupyter", "execute", notebooks / f"{chapter}.ipynb", directory=tmp_path)
