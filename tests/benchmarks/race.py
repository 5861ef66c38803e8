"""Time several functions in turns, so that other load on the machine affects all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

Times = dict[str, list[float]]


def race(runs: dict[str, Callable[[], object]], rounds: int = 7) -> Times:
    """Call the runs in turns; return the seconds of each in every round, after one round that is not counted."""
    for run in runs.values():
        run()
    times: Times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(0.1)  # threads of the previous run spin for a while before they sleep
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times


def ratio(times: Times, name: str, base: str) -> float:
    """Return the median over the rounds of the time of `name` divided by the time of `base`."""
    return statistics.median(np.divide(times[name], times[base]))


def table(title: str, times: Times, steps: int, first: str = "minidl") -> str:
    """Return a Markdown table: the time of a step of each run, and its ratio to the first."""
    lines = [f"### {title}", "", f"| | time of a step | ratio to {first} |", "|---|---:|---:|"]
    for name, seconds in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        lines.append(f"| {name} | {_words(statistics.median(seconds) / steps)} | {ratio(times, name, first):.2f} |")
    return "\n".join(lines) + "\n"


def _words(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
