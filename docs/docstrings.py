"""A Sphinx extension: minidl's docstrings, which are plain text, as pages; and the code of each equation below it.

A docstring's paragraphs are formulas, tables of settings or prose. Formulas and tables keep their lines; prose flows.
"""

import ast
import inspect
import re
import textwrap

EQUATIONS = tuple(
    f"minidl.{room}."
    for room in ("layers", "losses", "regularizers", "initializers", "optimizers", "schedules", "metrics")
)
ALIGNED = re.compile(r"^ |\S {2,}\S", re.MULTILINE)
FORMULA = re.compile(r" (=|<-|->|~) ")


def as_rst(docstring):
    """The lines of a plain-text docstring as lines of reStructuredText."""
    lines = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(docstring).strip("\n")):
        if ALIGNED.search(paragraph) or (FORMULA.search(paragraph) and paragraph.count("\n") < 2):
            lines += [".. code-block:: none", "   :class: formula", "", *indented(paragraph), ""]
        else:
            lines += [*(escaped(line) for line in paragraph.split("\n")), ""]
    return lines


def indented(text):
    """The lines of the text, as deep as a directive wants its content."""
    return textwrap.indent(text, "   ").split("\n")


def escaped(line):
    """The line with `code` as code, and every other sign meaning itself."""
    parts = re.split(r"`([^`]+)`", line)
    return "".join(f"``{part}``" if i % 2 else re.sub(r"([\\*`_|])", r"\\\1", part) for i, part in enumerate(parts))


def code_of(thing):
    """The source of a class without its docstring."""
    source = textwrap.dedent(inspect.getsource(thing))
    docstring = ast.parse(source).body[0].body[0]
    lines = source.rstrip().split("\n")
    head, body = lines[: docstring.lineno - 1], lines[docstring.end_lineno :]
    return "\n".join([*head, *(body[1:] if body[:1] == [""] else body)])


def has_equation(what, name, thing):
    """Whether it is a class that computes something; one that leaves its method to its subclasses does not."""
    return (
        what == "class" and name.startswith(EQUATIONS) and "raise NotImplementedError" not in inspect.getsource(thing)
    )


def process(app, what, name, thing, options, lines):
    """Sphinx's event: change the lines of a docstring in place."""
    text = as_rst(lines)
    if has_equation(what, name, thing):
        text += [".. code-block:: python", "", *indented(code_of(thing)), ""]
    lines[:] = text


def skip(app, what, name, thing, skipped, options):
    """Sphinx's event: whether to leave a member out. What estimators inherit from scikit-learn is explained there."""
    return skipped or not (getattr(thing, "__module__", None) or "minidl").startswith("minidl")


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True}
