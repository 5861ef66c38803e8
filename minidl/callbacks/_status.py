"""The place of a training or an evaluation, as text."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, NamedTuple

from ._base import split_arrays


class Status(NamedTuple):
    """The place of a training or an evaluation.

    title    "Epoch  3/20"; empty for an evaluation
    done     of `total` parts, which may be unknown (None)
    seconds  since the first part
    batches  so far
    figures  {name: number}; others than numbers are not shown
    counted  True if the row shows the parts, "12/47"; False if the title does
    unit     a batch is called
    """

    title: str
    done: int
    total: int | None
    seconds: float
    batches: int
    figures: dict[str, Any]
    counted: bool = True
    unit: str = "step"

    def live(self, width: int) -> str:
        """Return one row of at most `width` columns: counts, a bar, the time left, and the figures that fit.

        The bar takes a fifth of the width, at most 30 columns. If not all figures fit, the loss comes first.
        """
        head = " ".join(filter(None, (self.title, self.parts if self.counted else "")))
        bar, time = self.bar(min(30, width // 5)), self.left()
        row = " ".join(filter(None, (head, bar, time)))
        if len(row) > width:
            row = f"{head} {time}"[:width]
        shown = self.numbers()
        if len(row) + sum(len(text) + 3 for text in shown) > width:
            shown.sort(key=lambda text: not text.startswith("loss: "))
        for text in shown:
            if len(row) + 3 + len(text) > width:
                break
            row += f" - {text}"
        return row

    def line(self, width: float = math.inf) -> str:
        """Return all that is known, in lines of at most `width` columns that break between two figures."""
        line, *rest = [self.title or self.parts, *self.times(), *self.numbers()]
        indent, lines = " " * (len(line) if self.title else 0), list[str]()
        for text in rest:
            if len(line) + 3 + len(text) > width:
                lines.append(line)
                line = indent
            line += f" - {text}"
        return "\n".join([*lines, line])

    @property
    def parts(self) -> str:
        """The number of parts done, of all: "12/47"."""
        if self.total is None:
            return f"{self.done}/?"
        return f"{self.done:>{len(str(self.total))}}/{self.total}"

    def bar(self, width: int) -> str:
        """Return a bar of this width, "[====>....]", or "" if the total is not known or the width is less than 4."""
        if not self.total or width < 4:
            return ""
        inner = width - 2
        filled = inner * min(self.done, self.total) // self.total
        head = "=" * filled if filled in (0, inner) else "=" * (filled - 1) + ">"
        return f"[{head:.<{inner}}]"

    def left(self) -> str:
        """Return the time that the other parts take, or the time so far if that is not known."""
        if self.total is None or not 0 < self.done < self.total:
            return duration(self.seconds)
        return f"{duration(math.ceil(self.seconds * (self.total - self.done) / self.done))} left"

    def times(self) -> list[str]:
        """Return the time so far, and the time for one of several batches."""
        each = [f"{duration(self.seconds / self.batches)}/{self.unit}"] if self.batches > 1 else []
        return [duration(self.seconds), *each]

    def numbers(self) -> list[str]:
        """Return the figures as "name: number"."""
        return [f"{name}: {number(value)}" for name, value in self.finite().items()]

    def finite(self) -> dict[str, float]:
        """Return the figures that are numbers. NaN stands for an epoch without that figure."""
        return {
            name: float(value)
            for name, value in split_arrays(self.figures).items()
            if isinstance(value, Real) and not math.isnan(value)
        }


def number(value: float) -> str:
    """Return the number with four decimals, as Keras does, or with an exponent if it is small or large."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.4e}"


def duration(seconds: float) -> str:
    """Return the time in its unit: 57us, 25ms, 1.2s, 3:05, 2:07:30."""
    if seconds == 0:
        return "0s"
    if seconds < 1:
        return f"{seconds * 1e6:.0f}us" if seconds < 1e-3 else f"{seconds * 1e3:.0f}ms"
    if seconds < 60:
        return f"{seconds:.2g}s" if seconds < 9.95 else f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
