"""The places where progress is shown: a terminal, a notebook, or a file."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, ClassVar, TextIO

from .._tables import escape, html_table
from ._status import Status, duration, number

INTERVAL = 0.1  # seconds between two drawings: more of them would slow the training and look the same
SHARE = 0.02  # of the time at most goes into drawing


class Display:
    """Lines that stay. Those who draw ask `due`, the time from which `show` may draw again; here it never does."""

    first_due: ClassVar[float] = math.inf

    def __init__(self) -> None:
        self.due = self.first_due

    def show(self, status: Status) -> None:
        """Draw the status in the place of the one before, and set the time of the next drawing."""
        began = perf_counter()
        self.draw(status)
        ended = perf_counter()
        self.due = ended + max(INTERVAL, (ended - began) / SHARE)

    def draw(self, status: Status) -> None:
        """Draw the status in the place of the one before."""

    def keep(self, status: Status) -> None:
        """Write a line that stays."""
        if sys.stdout is not None:
            sys.stdout.write(status.line() + "\n")
            sys.stdout.flush()

    def close(self) -> None:
        """Leave what was drawn last, and end."""


class Terminal(Display):
    """Lines that stay, and below them a row that is drawn again and again.

    If anything else is written to stdout or stderr, the row makes way for it and is drawn again below. The only control
    character is the carriage return, which every terminal knows.
    """

    first_due = 0.0

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream, self.drawn, self.inside_line = stream, 0, False
        self.replaced = {name: Aside(self, stream) for name in ("stdout", "stderr") if (stream := getattr(sys, name))}
        for name, aside in self.replaced.items():
            setattr(sys, name, aside)

    def draw(self, status: Status) -> None:
        if not self.inside_line:  # else another has written a part of a line: the rest may follow
            text = status.live(self._width())
            self._write(text, len(text))

    def keep(self, status: Status) -> None:
        first, *rest = status.line(self._width()).split("\n")
        self._write(first, 0, *rest, "")
        if status.seconds >= INTERVAL:
            self.due = 0.0  # the next epoch begins

    def make_way(self) -> None:
        """Remove the row; the next step may draw it again."""
        if self.drawn:
            self._write("", 0)
            self.due = 0.0

    def _write(self, text: str, drawn: int, *lines: str) -> None:
        """Write the text in the place of the row, and the lines below it. `drawn` columns may be replaced next time."""
        reflowed = self.drawn > self._width()  # the window is narrower now, and the row takes two
        start = "\n" if self.inside_line or reflowed else "\r" * bool(self.drawn)
        blank = 0 if reflowed else self.drawn - len(text)
        back = "\r" * (blank > 0 and not text)
        self.stream.write(start + "\n".join([text + " " * blank + back, *lines]))
        self.stream.flush()
        self.drawn, self.inside_line = drawn, False

    def close(self) -> None:
        for name, aside in self.replaced.items():
            if getattr(sys, name) is aside:
                setattr(sys, name, aside.stream)
        if self.drawn:
            self.stream.write("\n")
            self.stream.flush()

    def _width(self) -> int:
        """Return the columns of a row now. The last one stays empty: some terminals would begin a new row after it."""
        import shutil  # takes milliseconds to import

        return max(1, shutil.get_terminal_size().columns - 1)


class Aside:
    """A stream in the place of stdout or stderr: before it writes, the terminal's row makes way."""

    def __init__(self, terminal: Terminal, stream: Any) -> None:
        self.terminal, self.stream = terminal, stream

    def write(self, text: str) -> Any:
        if text:
            self.terminal.make_way()
            self.terminal.inside_line = not text.endswith("\n")
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Notebook(Display):
    """A table with a row for each line that stays, and below it a bar."""

    first_due = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Status] = []
        self.handle: Any = None
        self.live: Status | None = None

    def draw(self, status: Status) -> None:
        self.live = status
        self._update()

    def keep(self, status: Status) -> None:
        self.kept.append(status)
        self.live, self.due = None, 0.0

    def close(self) -> None:
        self._update()

    def _update(self) -> None:
        from IPython import display as ipython

        display: Callable[..., Any] = ipython.display
        text = "\n".join(status.line() for status in self.kept)
        data = {"text/html": self._html(), "text/plain": text}
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)

    def _html(self) -> str:
        names = list(dict.fromkeys(name for status in self.kept for name in status.finite()))
        table = html_table("", ("", "time", "per step", *names), [self._cells(status, names) for status in self.kept])
        table = table.replace("<th>", '<th style="position:sticky;top:0;background:var(--jp-layout-color0,Canvas)">')
        # the head and, by the reversed column, the newest row stay in view
        style = "max-height:24em;overflow:auto;display:flex;flex-direction:column-reverse;align-items:flex-start"
        return f'<div style="{style}">{table if self.kept else ""}</div>{self._bar()}'

    def _cells(self, status: Status, names: list[str]) -> list[str]:
        figures = status.finite()
        each = duration(status.seconds / status.batches) if status.batches else ""
        numbers = [number(figures[name]) if name in figures else "" for name in names]
        return [status.title or status.parts, duration(status.seconds), each, *numbers]

    def _bar(self) -> str:
        if (status := self.live) is None:
            return ""
        known = f' value="{status.done}" max="{status.total}"' if status.total else ""
        words = " - ".join([status.left(), *status.numbers()])
        return f"<div>{escape(status.title)} <progress{known}></progress> {escape(words)}</div>"


def in_notebook() -> bool:
    """Return True if a kernel of IPython runs this, which shows HTML."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def in_terminal() -> bool:
    """Return True if stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def display_here() -> Display:
    """Return the display for this place."""
    if in_notebook():
        return Notebook()
    return Terminal(sys.stdout) if in_terminal() else Display()
