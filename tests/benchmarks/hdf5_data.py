"""Compare HDF5Data with arrays in seconds per epoch, and train on a file larger than the allowed memory.

python tests/benchmarks/hdf5_data.py [gigabytes of the large file, default 4]

1. The same rows from memory (float32) and from a file (uint8, in the page cache), with epochs in turns: the ratio of
   the medians per row, for contiguous and for chunked datasets.
2. An epoch, an evaluation and a prediction over the large file in a process with 1 GB of address space.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from minidl import HDF5Data, Sequential
from minidl.layers import Dense, ReLU, Sigmoid

PIXELS, ROWS, TURNS, LIMIT = 64 * 64 * 3, 12_000, 7, 10**9


def write(path, rows, chunks=None):
    rng = np.random.default_rng(0)
    pattern = rng.integers(0, 256, (1000, 64, 64, 3), dtype=np.uint8)
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (rows, 64, 64, 3), "u1", chunks=chunks)
        for start in range(0, rows, 1000):
            x[start : start + 1000] = pattern[: rows - start]
        file["y"] = rng.integers(0, 2, rows)


def model(units):
    made = Sequential([Dense(units), ReLU(), Dense(1), Sigmoid()], seed=0)
    made.compile("sgd")
    return made


def seconds(made, *data):
    began = time.perf_counter()
    made.fit(*data, batch_size=128)
    return time.perf_counter() - began


def compare(directory, units):
    write(directory / "plain.h5", ROWS)
    write(directory / "chunked.h5", ROWS, (64, 64, 64, 3))
    with h5py.File(directory / "plain.h5") as file:
        arrays = file["x"][()].reshape(ROWS, -1).astype("float32") / 255, file["y"][()]
    sources = {"arrays": arrays} | {n: (HDF5Data(directory / f"{n}.h5", "x", "y"),) for n in ("plain", "chunked")}
    models = {name: model(units) for name in sources}
    times = {name: [] for name in sources}
    for _ in range(TURNS + 1):
        for name, data in sources.items():
            times[name].append(seconds(models[name], *data))
    medians = {name: np.median(found[1:]) for name, found in times.items()}
    for name, median in medians.items():
        micro = 1e6 * median / ROWS
        print(f"{units:4} units   {name:8} {micro:7.1f} us a row   {median / medians['arrays']:.3f}")


def limited(path):
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    data, made = HDF5Data(path, "x", "y"), model(16)
    began = time.perf_counter()
    made.fit(data, batch_size=128, validation_data=data)
    with h5py.File(path.with_name("out.h5"), "w") as file:
        made.predict(data, out=file.create_dataset("p", (len(data), 1), "f4"))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
    spent = f"{time.perf_counter() - began:.0f} s, {int(peak) / 1e3:.0f} MB at most"
    print(f"{path.stat().st_size / 1e9:.2f} GB under {LIMIT / 1e9:.0f} GB of address space: {spent}")


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for units in (16, 64, 256):
            compare(directory, units)
        write(directory / "large.h5", int(float((sys.argv[1:] or ["4"])[0]) * 1e9) // PIXELS)
        command = [sys.executable, __file__, "--limited", str(directory / "large.h5")]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--limited"]:
        limited(Path(sys.argv[2]))
    else:
        main()
