"""Times of several ways to do the same, taken in turns, so that what else the machine does falls on all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

Times = dict[str, list[float]]


def race(runs: dict[str, Callable[[], object]], rounds: int = 7) -> Times:
    """Seconds of each run, `rounds` times in turns, after one that is not counted."""
    for run in runs.values():
        run()
    times: Times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(0.1)  # the threads of whoever ran before spin for a while before they sleep
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times


def ratio(times: Times, name: str, base: str) -> float:
    """The median over the rounds of the one's time over the other's."""
    return statistics.median(np.divide(times[name], times[base]))


def table(title: str, times: Times, steps: int, first: str = "minidl") -> str:
    """Markdown: microseconds a step of each, and how much longer than the first it takes."""
    lines = [f"### {title}", "", "| | a step | of minidl's time |", "|---|---:|---:|"]
    for name, seconds in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        lines.append(f"| {name} | {_words(statistics.median(seconds) / steps)} | {ratio(times, name, first):.2f} |")
    return "\n".join(lines) + "\n"


def _words(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
