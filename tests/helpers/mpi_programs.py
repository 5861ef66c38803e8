"""Programs that tests/distributed starts in each process: mpiexec -n 3 python -m tests.helpers.mpi_programs NAME."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from minidl import Model, Sequential
from minidl.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping, LambdaCallback, ModelCheckpoint
from minidl.distributed import DataParallel
from minidl.layers import BatchNormalization, Concatenate, Dense, Dropout, Graph, Masking, Sigmoid, Tanh
from minidl.losses import BinaryCrossentropy
from minidl.metrics import Precision
from minidl.optimizers import Adam, Clip
from minidl.regularizers import L2

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 5))
Y = (X[:, :1] * X[:, 1:2] > 0) * 1.0
WEIGHTS = RNG.uniform(0.5, 2, 103)
LENGTHS = RNG.integers(1, 5, 103)
LOCAL_ROWS = [[7, 3, 5], [2, 6, 4, 1, 8], [3]]  # rows in the batches that each of three processes makes
PENALTY = L2(0.3)
LOCAL_PENALTY = L2(0.3, m=39)  # of uneven batches the rows of an epoch are estimated


def network(optimizer, *more, seed=3, penalty=PENALTY):
    model = Sequential([Dense(8), Tanh(), *more, Dense(1), Sigmoid()], seed=seed, dtype="float64")
    model.compile(optimizer, BinaryCrossentropy() + penalty, ["accuracy", "r2_score", Precision([0.4, 0.6])], ["auc"])
    return model


def clipped():
    return Clip(Adam(0.05), global_norm=0.5)


def trained(optimizer, **options):
    model = network(optimizer)
    options |= {"validation_split": 0.1, "sample_weight": WEIGHTS}
    history = model.fit(X, Y, batch_size=10, epochs=4, verbose=2, **options)
    return model, history.history


def trained_graph(optimizer):
    """Train a graph with two inputs, two outputs, and weights of rows for one of them."""
    layers = {
        "h": (Dense(6), "a"),
        "t": (Tanh(), "h"),
        "both": (Concatenate(), "t", "b"),
        "y": (Dense(1), "both"),
        "l": (Dense(1), "both"),
        "z": (Sigmoid(), "l"),
    }
    model = Model(Graph({"a": (3,), "b": (2,)}, layers, ("y", "z")), seed=3, dtype="float64")
    model.compile(optimizer, {"y": "mse", "z": BinaryCrossentropy()}, {"z": "accuracy"}, {"y": "mae"}, [1.0, 0.5])
    data = {"x": {"a": X[:, :3], "b": X[:, 3:]}, "y": {"y": X.sum(axis=1), "z": Y}, "sample_weight": {"y": WEIGHTS}}
    history = model.fit(**data, batch_size=10, epochs=4, verbose=0, validation_split=0.1)
    return model, history.history


def trained_at_steps(optimizer):
    """Train a prediction at each of 4 steps, with a weight at every step."""
    x, y = np.stack([X + step for step in range(4)], axis=1), np.tile(Y, (1, 4))
    weights = np.outer(WEIGHTS, [1.0, 0.5, 2.0, 0.0])
    model = network(optimizer)
    history = model.fit(x, y, batch_size=10, epochs=3, verbose=0, validation_split=0.1, sample_weight=weights)
    return model, history.history


def trained_with_masks(optimizer):
    """Train a prediction at each of 4 steps, of which the last ones are padding."""
    x = np.stack([X + step for step in range(4)], axis=1)
    x[np.arange(4) >= LENGTHS[:, None]] = 0
    model = Sequential([Masking(), Dense(8), Tanh(), Dense(1), Sigmoid()], seed=3, dtype="float64")
    model.compile(optimizer, BinaryCrossentropy() + PENALTY, ["accuracy"])
    options = {"batch_size": 10, "epochs": 3, "verbose": 0, "validation_split": 0.1}
    history = model.fit(x, np.tile(Y, (1, 4)), sample_weight=np.outer(WEIGHTS, [1.0, 0.5, 2.0, 0.1]), **options)
    return model, history.history


class IndexedBatches:
    """Batches that are read by index."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        return self.batches[number]


def local_batches(ranks):
    """Return the batches (x, y) of the processes of these ranks, joined into one for each step."""
    ends = np.cumsum([0, *(n for sizes in LOCAL_ROWS for n in sizes)])
    starts = np.cumsum([0, *(len(sizes) for sizes in LOCAL_ROWS)])
    batches = []
    for step in range(max(len(LOCAL_ROWS[rank]) for rank in ranks)):
        here = [starts[rank] + step for rank in ranks if step < len(LOCAL_ROWS[rank])]
        rows = np.concatenate([np.arange(ends[i], ends[i + 1]) for i in here])
        batches.append((X[rows], Y[rows]))
    return IndexedBatches(batches)


class Trouble(Callback):
    """In process 1, call the method of this name after the fourth step."""

    def __init__(self, rank, kind):
        self.kind = kind if rank == 1 else "none"

    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            getattr(self, self.kind)()

    def none(self):
        pass

    def error(self):
        raise ValueError("batch 3 is bad")

    def exit(self):
        sys.exit(0)

    def kill(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self):
        time.sleep(1000)

    def nan(self):
        self.model.params.theta[0] = np.nan

    def drift(self):
        self.model.params.theta[0] += 1e-9

    def stop(self):
        self.model.stop_training = True


class Program:
    """The programs by name. Each process saves its results in rank<rank>.npz."""

    def __init__(self):
        from mpi4py import MPI

        self.comm, self.rank = MPI.COMM_WORLD, MPI.COMM_WORLD.rank

    def parallel(self, optimizer, **settings):
        return DataParallel(optimizer, self.comm, **settings)

    def save(self, model, **more):
        np.savez(f"rank{self.rank}.npz", theta=model.params.theta, iterations=model.optimizer.iterations, **more)

    def same(self):
        model, history = trained(self.parallel(clipped()))
        self.save(model, **history)

    def steps(self):
        model, history = trained_at_steps(self.parallel(clipped()))
        self.save(model, **history)

    def masks(self):
        model, history = trained_with_masks(self.parallel(clipped()))
        self.save(model, **history)

    def graph(self):
        model, history = trained_graph(self.parallel(clipped()))
        self.save(model, **history)

    def unseeded(self):
        model = network(self.parallel(Adam(0.01)), Dropout(0.5), BatchNormalization(), seed=None)
        masks = []
        watch = LambdaCallback(on_train_batch_end=lambda batch, logs: masks.append(model.layers[2].scaled_mask))
        model.fit(X[:96], Y[:96], batch_size=24, epochs=2, callbacks=[watch])
        self.save(model, masks=np.stack(masks), mean=model.layers[3].moving_mean)

    def local(self):
        model = network(self.parallel(Adam(0.05)), penalty=LOCAL_PENALTY)
        model.fit(local_batches([self.rank]), epochs=3, shuffle=False)
        self.save(model)

    def writes(self):
        early = EarlyStopping("loss", patience=0, min_delta=1e9, verbose=1, start_from_epoch=2)
        files = [CSVLogger(f"log{self.rank}.csv"), ModelCheckpoint(f"model{self.rank}.h5", verbose=1)]
        trained(self.parallel(Adam(0.01)), callbacks=[early, *files])

    def backup(self):
        model, history = trained(self.parallel(Adam(0.01)), callbacks=[BackupAndRestore("backup"), self.crash()])
        self.save(model, **history)

    def crash(self):
        def crash(epoch, logs):
            if epoch == 2 and not Path("crashed").exists():
                self.comm.Barrier()
                Path("crashed").touch()
                raise RuntimeError("power failure")

        return LambdaCallback(on_epoch_begin=crash)

    def trouble(self, kind):
        model = network(self.parallel(Adam(0.01), timeout=2.0))
        model.fit(X, Y, batch_size=10, epochs=3, callbacks=[Trouble(self.rank, kind)])
        self.save(model)

    def gone(self):
        if self.rank == 1:
            sys.exit(0)
        trained(self.parallel(Adam(0.01)))

    def other_data(self):
        network(self.parallel(Adam(0.01))).fit(X + (self.rank == 1), Y)

    def other_settings(self):
        network(self.parallel(Adam(0.01 * (1 + self.rank)))).fit(X, Y)


if __name__ == "__main__":
    getattr(Program(), sys.argv[1])(*sys.argv[2:])
