"""The source text of an operation and of its arguments."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import CodeType

from ._probe import Operation

LONGEST = 70  # characters of source text in a sentence
_MINIDL = str(Path(__file__).parents[1])
Instruction = tuple[CodeType, int]


def is_library(instruction: Instruction) -> bool:
    """True for the source of minidl itself."""
    return instruction[0].co_filename.startswith(_MINIDL)


def place_of(operation: Operation, owner: type | None) -> str:
    """Return where an operation is, as '"h @ W" in self.step(x, h) (line 12)'.

    owner  the class of the layer, in whose methods it is looked for first
    """
    frames = [frame for frame in operation.site if not is_library(frame)]
    if not frames:
        return _place_in_library(operation)
    methods = [frame for frame in frames if owner is not None and _is_method(frame[0], owner)] or frames
    inner, outer = frames[0], methods[-1]
    text = _shortened(text_of(outer))
    inside = f" in {text}" if text and inner != outer else ""
    return f"{_text(operation, inner)}{inside} (line {_position(inner)[0]})"


def _place_in_library(operation: Operation) -> str:
    """The expression in a method of a class of minidl, as '"sigmoid(x)" in Sigmoid.forward'."""
    inner = next((frame for frame in operation.site if frame[0].co_qualname.count(".") == 1), None)
    return f'"{operation.name}"' if inner is None else f"{_text(operation, inner)} in {inner[0].co_qualname}"


def _text(operation: Operation, frame: Instruction) -> str:
    part = f"[{operation.key}]" if frame == operation.site[0] and operation.name.endswith("[]") else ""
    return f'"{_shortened(text_of(frame)) or operation.name}{part}"'


@lru_cache(maxsize=4096)
def text_of(instruction: Instruction) -> str:
    """The expression that an instruction belongs to, on one line; "" without source."""
    first, last, start, end = _position(instruction)
    if first is None or last is None:
        return ""
    file = instruction[0].co_filename
    lines = [linecache.getline(file, number).encode() for number in range(first, last + 1)]
    if start is not None and end is not None:  # they count bytes
        lines[-1] = lines[-1][:end]
        lines[0] = lines[0][start:]
    return " ".join(b" ".join(lines).decode(errors="replace").split())


@lru_cache(maxsize=4096)
def argument_of(instruction: Instruction, place: int) -> str:
    """The source text of one argument of an operation, or "" if the text does not show it."""
    text = text_of(instruction)
    try:
        (statement,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        return ""
    arguments = _arguments(statement)
    if not 0 <= place < len(arguments):
        return ""
    return _shortened(ast.get_source_segment(text, arguments[place]) or "")


def _arguments(statement: ast.stmt) -> list[ast.expr]:
    """The expressions of the arguments of an operation, in their order."""
    if isinstance(statement, ast.AugAssign):
        return [statement.target, statement.value]
    node = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.Subscript):
        return [node.value]
    if not isinstance(node, ast.Call):
        return []
    if isinstance(node.func, ast.Attribute) and not _is_numpy(node.func.value):
        return [node.func.value, *node.args]
    return list(node.args)


def _is_numpy(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy")


def _is_method(code: CodeType, owner: type) -> bool:
    name = f".{code.co_qualname}"
    return any(f".{kind.__name__}." in name for kind in owner.__mro__)


def _position(instruction: Instruction) -> tuple[int | None, ...]:
    """First and last line, first and last column."""
    code, number = instruction
    return next(islice(code.co_positions(), number // 2, None), (None,) * 4)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
