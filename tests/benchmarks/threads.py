"""Compare one and two threads of NumPy's BLAS, by the size of the largest product of a step."""

from itertools import pairwise

from threadpoolctl import threadpool_limits

from tests.benchmarks.contenders import Workload, bare_products
from tests.benchmarks.race import race, ratio

CASES = [
    ((100, 50, 1), 64),
    ((784, 32, 10), 32),
    ((2, 64, 64, 1), 300),
    ((784, 64, 10), 32),
    ((128, 128, 128, 10), 128),
    ((784, 128, 128, 10), 32),
    ((784, 64, 10), 128),
    ((784, 128, 128, 10), 128),
    ((784, 512, 512, 10), 128),
]


def limited(run, threads):
    def limited_run():
        with threadpool_limits(threads):
            run()

    return limited_run


def main(rounds=7):
    print("### (k) threads\n\n| | largest product | time of two threads / time of one |\n|---|---:|---:|")
    for widths, batch in CASES:
        sizes = [batch * a * b for a, b in pairwise(widths)]
        run = bare_products(Workload("", widths, 20 * batch, batch, 2 * 10**9 // sum(sizes)))
        times = race({"one": limited(run, 1), "two": limited(run, 2)}, rounds)
        named, millions = f"{'-'.join(str(n) for n in widths)}, batch {batch}", max(sizes) / 1e6
        print(f"| {named} | {millions:.2f} million | {ratio(times, 'two', 'one'):.2f} |", flush=True)
    print()
