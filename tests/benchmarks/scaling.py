"""Measure how the time of a step grows with rows, width and depth, and its ratio to the matrix products."""

from tests.benchmarks.contenders import Workload, present
from tests.benchmarks.race import race, ratio


def cases():
    """Yield (the quantity that grows, its value, the workload)."""
    for rows in (10, 100, 1_000, 10_000):
        yield "rows", rows, Workload("", (50, 50, 50, 1), rows, rows, 20)
    for width in (10, 100, 1_000):
        yield "width", width, Workload("", (width, width, width, 1), 128, 128, 20)
    for depth in (1, 4, 16, 64):
        yield "depth", depth, Workload("", (*[50] * (depth + 1), 1), 128, 128, 20)


def main(rounds=5):
    print("### (j) scaling\n\n| | | time of a step | ratio to bare products |\n|---|---:|---:|---:|")
    for what, value, workload in cases():
        times = race(present(workload, ["minidl", "bare products"]), rounds)
        step = sorted(times["minidl"])[len(times["minidl"]) // 2] / workload.steps * 1e6
        print(f"| {what} | {value:,} | {step:,.0f} µs | {ratio(times, 'minidl', 'bare products'):.1f} |", flush=True)
    print()
