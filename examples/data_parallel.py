"""Train in any number of processes: mpiexec -n 4 python -m mpi4py data_parallel.py

Each process computes its part of every batch; the final weights are those of training in one process. Without mpiexec,
or without mpi4py (pip install 'minidl[mpi]'), the script trains in one process.
"""

import zlib

from minidl import Sequential
from minidl.datasets import circles
from minidl.distributed import DataParallel
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import Adam

try:
    from mpi4py import MPI
except ImportError:
    optimizer, processes, rank = Adam(0.01), 1, 0
else:
    optimizer = DataParallel(Adam(0.01), MPI.COMM_WORLD)
    processes, rank = MPI.COMM_WORLD.size, MPI.COMM_WORLD.rank

x, y = circles(2000, noise=0.05, seed=0)  # the same rows in every process
x_test, y_test = circles(500, noise=0.05, seed=1)

model = Sequential([Dense(32), ReLU(), Dense(1), Sigmoid()], seed=0)
model.compile(optimizer, metrics=["accuracy"])
model.fit(x, y, batch_size=100, epochs=20, verbose=0)  # 100 rows per step, over all processes

# Every process has the same weights to the last bit, so only process 0 prints.
if rank == 0:
    loss, accuracy = model.evaluate(x_test, y_test)
    fingerprint = zlib.crc32(model.params.theta.tobytes())
    print(f"{processes} processes: loss {loss:.6f}, accuracy {accuracy:.2f}, weights {fingerprint:08x}")
