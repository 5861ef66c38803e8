"""Training in several processes, on one machine or many, with MPI (extra `mpi`).

Every process runs the same script with the same data and works on its shard of every batch. One Allreduce a step sums
the gradients, so all processes make the same update, and the number of processes does not change it, up to rounding.
"""

from ._data_parallel import DataParallel

__all__ = ["DataParallel"]
