"""Build, fit, save, load and predict many times, and fail if memory, files, threads or objects grow.

python -m tests.system.soak 10000
"""

import contextlib
import gc
import mmap
import sys
import tempfile
import threading
from pathlib import Path

import h5py
import numpy as np

from minidl import HDF5Data, Sequential, load_model
from minidl.callbacks import CSVLogger, EarlyStopping
from minidl.layers import BatchNormalization, Dense, Dropout, ReLU, Sigmoid
from minidl.optimizers import Adam

WARM_UP = 500
SPARE = {"bytes of memory": 4 * 2**20}  # an allocator may keep some of the memory that was freed
X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X[:, 0] > 0


def cycle(seed):
    model = Sequential([Dense(8), BatchNormalization(), ReLU(), Dropout(0.2), Dense(1), Sigmoid()], seed=seed)
    model.compile(Adam(0.01), metrics=["accuracy"])
    model.fit(X, Y, epochs=2, verbose=0, validation_split=0.2, callbacks=[EarlyStopping(), CSVLogger("log.csv")])
    model.fit(HDF5Data("data.h5", x="x", y="y"), verbose=0)
    model.save("model.h5")
    assert np.array_equal(load_model("model.h5").predict(X), model.predict(X))


def resources():
    gc.collect()
    return {
        "bytes of memory": int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE,
        "open files": len([*Path("/proc/self/fd").iterdir()]),
        "threads": threading.active_count(),
        "objects": len(gc.get_objects()),
    }


def main(cycles):
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        with h5py.File("data.h5", "w") as file:
            file["x"], file["y"] = X, Y.astype("float32")
        for seed in range(cycles):
            if seed == WARM_UP:
                before = resources()
            cycle(seed)
        after = resources()
    for what, number in after.items():
        print(f"{what:16} {before[what]:>12,} after {WARM_UP} cycles, {number:>12,} after {cycles:,}")
    sys.exit(", ".join(what for what in after if after[what] > before[what] + SPARE.get(what, 0)) or 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
