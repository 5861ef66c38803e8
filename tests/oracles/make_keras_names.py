"""Compare every public name of Keras with minidl.keras, and write the result: docs/keras-names.md.

KERAS_BACKEND=torch python -m tests.oracles.make_keras_names        (Keras 3.15.1)

A name is *same* if minidl.keras takes Keras's arguments in Keras's order with Keras's defaults, and if an argument with
another value is not refused. It *differs* otherwise, and the page says how; what signatures do not show stands in
tests/oracles/keras_semantics.py. The reason of an absent name is the one that its error gives.
"""

import importlib
import inspect
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import minidl.keras
from minidl.keras._absent import AbsentNameError
from minidl.keras._layer import Common
from tests.oracles.keras_semantics import COMMON, NOTES, PROBES, REMARKS

PAGE = Path(__file__).parents[2] / "docs" / "keras-names.md"
MODULES = (
    *("layers", "losses", "metrics", "optimizers", "optimizers.schedules", "callbacks", "regularizers", "constraints"),
    *("initializers", "utils", "activations", "ops", "models", "saving", "backend", "config", "preprocessing"),
    *("preprocessing.image", "preprocessing.sequence"),
)
SAME, DIFFERS, ABSENT = "same", "differs", "absent"


@dataclass(frozen=True)
class Row:
    """A name of Keras, its state in minidl.keras, and the remark: the difference, or the reason."""

    name: str
    state: str
    remark: str = ""


def public(module):
    return [name for name in dir(module) if not name.startswith("_")]


def rows_of(title):
    """Return a Row for every public name of the module keras.title; title "" is the package."""
    theirs, ours = (importlib.import_module(f"{top}.{title}".rstrip(".")) for top in ("keras", "minidl.keras"))
    return [row_of(title, name, getattr(theirs, name), ours) for name in public(theirs)]


def row_of(title, name, theirs, module):
    try:
        ours = getattr(module, name)
    except AbsentNameError as error:
        return Row(name, ABSENT, error.reason)
    path = f"{title}.{name}".lstrip(".")
    remarks = [*differences(path, theirs, ours), *([REMARKS[path]] if path in REMARKS else [])]
    return Row(name, DIFFERS if remarks else SAME, "; ".join(remarks))


def differences(path, theirs, ours):
    """Return sentences on arguments: absent ones, other defaults, another order, refused values."""
    if inspect.ismodule(theirs):
        return []
    their, our = parameters(theirs), parameters(ours)
    found = []
    lacking = [name for name in their if name not in our]
    renamed = [name for name in lacking if renamed_at(list(their).index(name), their, our)]
    if unknown := [name for name in lacking if name not in renamed]:
        found.append(f"does not take {quoted(unknown)}")
    if renamed:
        found.append(f"takes {quoted(renamed)} by position alone")
    shared = [name for name in their if name in our]
    found += [
        f"`{name}={our[name].default!r}`, in Keras `{their[name].default!r}`"
        for name in shared
        if their[name].default is not inspect.Parameter.empty and not same_default(their[name], our[name])
    ]
    if not lacking and (keyword := out_of_order(their, our)):
        found.append(f"takes {quoted(keyword)} by keyword alone")
    if inspect.isclass(theirs) and (refused := refusals(theirs, ours, [name for name in shared if name != "name"])):
        found.append(f"refuses other values than the default of {quoted(refused)}")
    return found


def renamed_at(place, their, our):
    """Return True if a required argument has another name in minidl.keras."""
    parts = [list(side.values())[place] for side in (their, our) if place < len(side)]
    return len(parts) == 2 and all(part.default is part.empty for part in parts)


def quoted(names):
    return ", ".join(f"`{name}`" for name in names)


def parameters(thing):
    """Return the parameters by name, *arguments and **options left out; a layer takes those of every layer."""
    named = vars(thing).get("__signature__") if inspect.isclass(thing) else None
    signature = named or inspect.signature(thing.__init__ if inspect.isclass(thing) else thing)
    found = {name: part for name, part in signature.parameters.items() if name != "self"}
    several = [part for part in found.values() if part.kind is part.VAR_KEYWORD]
    if several and (taken := OTHERS.search(str(several[0].annotation))):
        names = getattr(sys.modules[thing.__module__], taken[1]).__annotations__
        every = {name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in names}
        found = every | found
    return {name: part for name, part in found.items() if part.kind not in (part.VAR_POSITIONAL, part.VAR_KEYWORD)}


COMMON_NAMES = tuple(Common.__annotations__)
OTHERS = re.compile(r"^Unpack\[(\w+)\]$")  # of the annotation of **common


def same_default(theirs, ours):
    """Return True for equal defaults. A name of None is Keras's automatic name; strings may differ in case."""
    their, our = theirs.default, ours.default
    if ours.name in COMMON and ours.kind is ours.KEYWORD_ONLY:
        return True
    if theirs.name == "name" and our is None:
        return True
    if isinstance(their, str) and isinstance(our, str):
        return their.lower() == our.lower()
    return their is our or repr(their) == repr(our) or (type(their) is not bool is not type(our) and their == our)


def out_of_order(theirs, ours):
    """Return the names that cannot stand at the place where Keras takes them."""
    places = [name for name, part in ours.items() if part.kind is not part.KEYWORD_ONLY]
    wanted = [name for name, part in theirs.items() if part.kind is not part.KEYWORD_ONLY]
    return [name for at, name in enumerate(wanted) if places[at : at + 1] != [name] and name not in COMMON]


# ---- refused values


def refusals(theirs, ours, names):
    """Return the arguments whose other values Keras takes and minidl.keras refuses."""
    required = {
        name: PROBES.get(f"{theirs.__name__}.{name}", PROBES.get(name))
        for name, part in parameters(theirs).items()
        if part.default is part.empty
    }
    refused = []
    if not made(ours, required):  # a base class
        return refused
    for name in names:
        value = probe(theirs, parameters(theirs)[name])
        if value is not None and made(theirs, required | {name: value}) and not made(ours, required | {name: value}):
            refused.append(name)
    return refused


def probe(kind, part):
    """Return another value than the default for an argument, None if none is known."""
    if (given := PROBES.get(f"{kind.__name__}.{part.name}", PROBES.get(part.name))) is not None:
        return given
    if isinstance(part.default, bool):
        return not part.default
    return part.default * 0.5 if isinstance(part.default, float) and part.default else None


def made(kind, settings):
    """Return True if the class takes the settings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind(**settings)
    except Exception:  # Keras raises any kind of error for values that it does not take
        return False
    return True


# ---- the page

INTRODUCTION = """# Keras's names

Every public name of Keras {version} and its state in [`minidl.keras`](keras.md):

- **same**: takes Keras's arguments, in Keras's order, with Keras's defaults;
- **differs**: is there, and the remark says what is not as in Keras;
- **absent**: raises an error with the reason given here, which says what to write instead.

The page is made by comparing the two packages (`python -m tests.oracles.make_keras_names`), and a test compares it with
the Keras that is installed.
"""


def counts(rows):
    return [sum(row.state == state for row in rows) for state in (SAME, DIFFERS, ABSENT)]


def page():
    """Return the text of the page."""
    found = {title: rows_of(title) for title in ("", *MODULES)}
    lines = [INTRODUCTION.format(version=importlib.import_module("keras").__version__)]
    lines += ["| module | names | same | differ | absent |", "|---|---:|---:|---:|---:|"]
    for title, rows in found.items():
        cells = [len(rows), *counts(rows)]
        lines.append(f"| {link(title)} | {' | '.join(map(str, cells))} |")
    total = [sum(column) for column in zip(*([len(rows), *counts(rows)] for rows in found.values()), strict=True)]
    lines.append(f"| all | {' | '.join(map(str, total))} |")
    for title, rows in found.items():
        lines += ["", f"## {full(title)}", "", *([NOTES[title], ""] if title in NOTES else []), *table(rows)]
    return "\n".join(lines) + "\n"


def full(title):
    return f"keras.{title}".rstrip(".")


def link(title):
    return f"[`{full(title)}`](#{full(title).replace('.', '')})"


def table(rows):
    """Return the lines of a module's table: same names in one row, absent names in one row for each reason."""
    lines = ["| name | state | remark |", "|---|---|---|"]
    if same := [row.name for row in rows if row.state == SAME]:
        lines.append(f"| {quoted(same)} | {SAME} | |")
    for state in (DIFFERS, ABSENT):
        remarks = dict.fromkeys(row.remark for row in rows if row.state == state)
        for remark in remarks:
            names = [row.name for row in rows if (row.state, row.remark) == (state, remark)]
            lines.append(f"| {quoted(names)} | {state} | {remark.replace('|', chr(92) + '|')} |")
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE}: {len(public(minidl.keras))} names of ours")
