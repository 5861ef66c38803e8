"""Training in several processes at once, on one machine or many, with MPI (extra `mpi`).

Every process runs the same script with the same data and works on its part of every batch; one Allreduce a step adds
the gradients up, so that all of them take the same step. Whatever their number, they take the same steps.
"""

from .training import DataParallel

__all__ = ["DataParallel"]
