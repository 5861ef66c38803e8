"""A Sphinx extension that renders minidl's plain-text docstrings, and the code of each equation below its formula.

The paragraphs of a docstring are formulas, tables of settings or prose. Formulas and tables keep their line breaks.
"""

import ast
import inspect
import re
import textwrap

EQUATIONS = tuple(
    f"minidl.{package}."
    for package in ("layers", "losses", "regularizers", "initializers", "optimizers", "schedules", "metrics")
)
# Exported for other packages of minidl, and not part of the public API (docs/stability.md)
INTERNAL = {
    "minidl.callbacks.Bar",
    "minidl.callbacks.CallbackList",
    "minidl.callbacks.HOOKS",
    "minidl.callbacks.Logs",
    "minidl.callbacks.NO_CALLBACKS",
    "minidl.callbacks.as_list",
    "minidl.callbacks.bar_wanted",
    "minidl.callbacks.call",
    "minidl.callbacks.check_verbose",
    "minidl.callbacks.evaluation_progress",
    "minidl.callbacks.progress",
    "minidl.files.StoredWeight",
    "minidl.files.keras_parts",
    "minidl.layers.AUGMENTATIONS",
    "minidl.layers.DROPOUTS",
    "minidl.layers.EXAMPLES",
    "minidl.layers.common",
    "minidl.layers.fit_to",
    "minidl.layers.fits",
    "minidl.layers.has_any_length",
    "minidl.layers.run_masked",
    "minidl.layers.with_lengths",
    "minidl.losses.OutputPart",
}
ALIGNED = re.compile(r"^ |\S {2,}\S", re.MULTILINE)
FORMULA = re.compile(r" (=|<-|->|~) ")


def as_rst(docstring):
    """Convert the lines of a plain-text docstring to lines of reStructuredText."""
    lines = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(docstring).strip("\n")):
        if ALIGNED.search(paragraph) or (FORMULA.search(paragraph) and paragraph.count("\n") < 2):
            lines += [".. code-block:: none", "   :class: formula", "", *indented(paragraph), ""]
        else:
            lines += [*(escaped(line) for line in paragraph.split("\n")), ""]
    return lines


def indented(text):
    """Return the lines of the text, indented as the content of a directive."""
    return textwrap.indent(text, "   ").split("\n")


def escaped(line):
    """Mark `code` as code and escape all other markup characters."""
    parts = re.split(r"`([^`]+)`", line)
    return "".join(f"``{part}``" if i % 2 else re.sub(r"([\\*`_|])", r"\\\1", part) for i, part in enumerate(parts))


def code_of(thing):
    """Return the source of a class without its docstring."""
    source = textwrap.dedent(inspect.getsource(thing))
    docstring = ast.parse(source).body[0].body[0]
    lines = source.rstrip().split("\n")
    head, body = lines[: docstring.lineno - 1], lines[docstring.end_lineno :]
    return "\n".join([*head, *(body[1:] if body[:1] == [""] else body)])


def has_equation(what, name, thing):
    """Return True for a class that computes something; a class that leaves a method to its subclasses does not."""
    return (
        what == "class" and name.startswith(EQUATIONS) and "raise NotImplementedError" not in inspect.getsource(thing)
    )


def process_docstring(app, what, name, thing, options, lines):
    """Change the lines of a docstring in place, as Sphinx's event expects."""
    text = as_rst(lines)
    if has_equation(what, name, thing):
        parts = (thing, *getattr(thing, "cells", ()))
        text += [".. code-block:: python", "", *indented("\n\n\n".join(map(code_of, parts))), ""]
    lines[:] = text


def process_signature(app, what, name, thing, options, signature, result):
    """Write default values that have no Python spelling so that Sphinx can parse the signature."""
    if what == "class" and (signature or "").startswith("(*arguments"):  # Validated.__new__, which checks the names
        from sphinx.util import inspect as sphinx_inspect

        signature = sphinx_inspect.stringify_signature(sphinx_inspect.signature(thing.__init__, bound_method=True))
    if signature:
        signature = re.sub(r"<built-in function (\w+)>", r"\1", signature).replace("<factory>", "...")
    return signature, result


def skip(app, what, name, thing, skipped, options):
    """Leave out internal names, and what estimators inherit: scikit-learn documents it."""
    module = getattr(thing, "__module__", None) or "minidl"
    package = module.rsplit("._", 1)[0]  # minidl.layers._base -> minidl.layers
    return skipped or f"{package}.{name}" in INTERNAL or not module.startswith("minidl")


def setup(app):
    """Connect the functions to Sphinx's events."""
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-process-signature", process_signature)
    return {"parallel_read_safe": True}
