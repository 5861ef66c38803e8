"""The page of Keras's names: it is what the comparison with Keras writes, and what it says is so."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from tests.keras.peer import peer

PAGE = Path(__file__).parents[2] / "docs" / "keras-names.md"
ROW = re.compile(r"\| (`.*`) \| (same|differs|absent) \| (.*?) ?\|$")

OF_EVERY_LAYER = ("activity_regularizer", "dtype", "name", "trainable", "autocast")


def rows():
    """Yield (module, name, state, remark) of every name on the page."""
    for section in re.split(r"^## keras", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title, *lines = section.splitlines()
        for found in filter(None, map(ROW.match, lines)):
            for name in re.findall(r"`(\w+)`", found[1]):
                yield f"minidl.keras{title}", name, found[2], found[3]


def test_every_name_of_the_page_is_in_the_state_that_it_says():
    seen = set()
    for title, name, state, remark in rows():
        module = importlib.import_module(title)
        assert (title, name) not in seen
        seen.add((title, name))
        if state != "absent":
            assert hasattr(module, name), (title, name)
            continue
        with pytest.raises(ImportError) as caught:
            getattr(module, name)
        assert f"{name} is not in minidl.keras: {remark}; there are " in str(caught.value)
    assert len(seen) > 900


def test_the_counts_at_the_top_are_those_of_the_tables():
    text, found = PAGE.read_text(encoding="utf-8"), list(rows())
    for module in {title for title, *_ in found}:
        states = [state for title, _, state, _ in found if title == module]
        cells = [len(states), *(states.count(state) for state in ("same", "differs", "absent"))]
        line = next(line for line in text.splitlines() if line.startswith(f"| [`{module.removeprefix('minidl.')}`]"))
        assert line.endswith(f") | {' | '.join(map(str, cells))} |")


@pytest.mark.peers
def test_the_page_is_what_the_comparison_writes():
    peer()
    from tests.oracles.make_keras_names import page

    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.oracles.make_keras_names"


@pytest.mark.peers
def test_every_name_of_keras_is_on_the_page_once():
    peer()
    found = [(title.removeprefix("minidl."), name) for title, name, *_ in rows()]
    for title in {title for title, _ in found}:
        theirs = [name for name in dir(importlib.import_module(title)) if not name.startswith("_")]
        assert sorted(name for module, name in found if module == title) == theirs


def positional(thing):
    """Return the names and defaults of the arguments that can be given by position."""
    signature = getattr(thing, "__signature__", None)
    signature = signature or inspect.signature(thing.__init__ if inspect.isclass(thing) else thing)
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [(part.name, part.default) for part in signature.parameters.values() if part.kind in kinds][
        inspect.isclass(thing) and "self" in signature.parameters :
    ]


@pytest.mark.peers
def test_names_that_are_the_same_take_the_arguments_of_keras_in_their_order_and_with_their_defaults():
    peer()
    compared = 0
    for title, name, state, _ in rows():
        theirs, ours = (
            getattr(importlib.import_module(module), name) if state == "same" else None
            for module in (title.removeprefix("minidl."), title)
        )
        if state != "same" or inspect.ismodule(theirs):
            continue
        left_out = OF_EVERY_LAYER if title == "minidl.keras.layers" else ()
        wanted, found = ([part for part in positional(side) if part[0] not in left_out] for side in (theirs, ours))
        found = found[: len(wanted)]
        assert [part for part, _ in found] == [part for part, _ in wanted], (title, name)
        for (part, default), (_, other) in zip(wanted, found, strict=True):
            same = other == default or str(other).lower() == str(default).lower()
            assert same or part == "name", (title, name, part, default, other)  # a name of None is made by the class
        compared += 1
    assert compared > 300
