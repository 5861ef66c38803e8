"""Compare the speed of two processes with one: 784-512-512-10, 512 rows a process and step, one BLAS thread each.

python -m tests.benchmarks.mpi            # starts mpiexec itself; runs with one and two processes alternate
"""

import os
import subprocess
import sys
import time

import numpy as np

ROWS, STEPS, EPOCHS, ROUNDS = 512, 20, 5, 7


def worker():
    """Train, and print the rows per second in process 0."""
    from mpi4py import MPI

    from minidl import Sequential
    from minidl.distributed import DataParallel
    from minidl.layers import Dense, ReLU, Softmax
    from minidl.optimizers import SGD

    comm = MPI.COMM_WORLD
    batch_size = ROWS * comm.size
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch_size * STEPS, 784), dtype=np.float32)
    y = rng.integers(10, size=len(x))
    model = Sequential([Dense(512), ReLU(), Dense(512), ReLU(), Dense(10), Softmax()], seed=0)
    model.compile(DataParallel(SGD(0.01), comm) if comm.size > 1 else SGD(0.01), "sparse_categorical_crossentropy")
    model.fit(x[:batch_size], y[:batch_size], batch_size=batch_size)  # warm up
    start = time.perf_counter()
    model.fit(x, y, batch_size=batch_size, epochs=EPOCHS)
    if comm.rank == 0:
        print(EPOCHS * len(x) / (time.perf_counter() - start))


def rows_per_second(processes):
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = ["mpiexec", "-n", str(processes), sys.executable, "-m", "tests.benchmarks.mpi", "worker"]
    return float(subprocess.run(command, env=one_thread, capture_output=True, text=True, check=True).stdout)


def main():
    rates = np.array([[rows_per_second(processes) for processes in (1, 2)] for _ in range(ROUNDS)])
    one, two = np.median(rates, axis=0)
    ratios = np.sort(rates[:, 1] / rates[:, 0])
    print(f"rows a second: {one:.0f} with one process, {two:.0f} with two")
    print(f"ratio of the medians {two / one:.2f}; of each round {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


if __name__ == "__main__":
    worker() if sys.argv[1:] == ["worker"] else main()
