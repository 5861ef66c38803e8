"""Training in several processes, on one machine or many, with MPI (extra `mpi`).

Every process runs the same script with the same data and works on its shard of every batch. One Allreduce a step sums
the gradients, so all processes take the same step, and any number of processes takes the same steps.
"""

from ._data_parallel import DataParallel

__all__ = ["DataParallel"]
