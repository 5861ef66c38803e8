"""DataParallel, the optimizer for several processes, and the trainer that runs in each of them."""

from __future__ import annotations

import os
import re
import sys
import warnings
import zlib
from contextlib import redirect_stdout
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from .._lazy import extension
from .._weights import weights_of
from ..data import BatchStream, Examples, Source
from ..errors import ProcessError, SettingError
from ..evaluation import Figures, update_metrics
from ..objective import Outputs
from ..optimizers import Optimizer, Wrapper
from ..trainer import Trainer, trainer_for
from ..validation import real
from ._collectives import Collectives
from ._shards import LocalBatches, Shard


class DataParallelTrainer(Trainer):
    """The trainer of one process among several."""

    optimizer: DataParallel
    collectives: Collectives
    stop_agreed = False

    @classmethod
    def count_rows(cls, optimizer: Optimizer, source: Source) -> float | None:
        """Return the rows of all processes: each has the same arrays, or makes batches of its own."""
        if not isinstance(source, BatchStream):
            return source.rows
        rows = cast(DataParallel, optimizer).comm.allgather(source.rows)
        return None if None in rows else sum(rows)

    def run(self) -> None:
        """Train; an error or a stop in one process ends the training in all of them."""
        comm, theta = self.optimizer.comm, self.objective.params.theta
        self.collectives = collectives = Collectives(comm, self.optimizer.timeout, theta.size, theta.dtype)
        _check_same(comm.allgather(_settings(self)))
        self.source = self._own_source()
        rank = collectives.rank
        if rank:
            self.callbacks = self.callbacks.without_writing()
        try:
            with Path(os.devnull).open("w", encoding="utf-8") as nul, redirect_stdout(nul if rank else sys.stdout):
                super().run()
            collectives.barrier()
        except ProcessError:
            raise
        except BaseException as error:
            collectives.fail(error)
            raise

    def run_one_step(self, who: str) -> Figures:
        raise SettingError(f"{who}: DataParallel trains in fit, where the processes wait for each other")

    def _own_source(self) -> Source:
        if not isinstance(self.source, BatchStream):
            return Shard(self.source, self.collectives.rank, self.collectives.size)
        steps = self.collectives.comm.allgather(self.source.steps(self.options.batch_size))
        if None in steps:
            raise SettingError("fit: DataParallel must know the number of batches: pass steps_per_epoch")
        self._jump_generator()
        return LocalBatches(self.source, max(steps))

    def restore(self) -> None:
        """Take the weights, the state of the optimizer and the place in the training from process 0."""
        super().restore()
        optimizers, comm = list(self.optimizer.walk()), self.collectives.comm
        states = [{name: getattr(optimizer, name) for name in optimizer.state_names} for optimizer in optimizers]
        self.collectives.barrier()
        self.state, states = comm.bcast(None if self.collectives.rank else (self.snapshot(), states))
        self._share_weights()
        for optimizer, state in zip(optimizers, states, strict=True):
            vars(optimizer).update(state)
        super().restore()

    def _share_weights(self) -> None:
        """Set all weights to those of process 0."""
        weights = list(weights_of(self.objective.network).values())
        shared = self.collectives.comm.bcast([weight.array for weight in weights])
        for weight, array in zip(weights, shared, strict=True):
            weight.set(array)

    def begin_epoch(self) -> None:
        super().begin_epoch()
        self.seen: list[tuple[Examples, Outputs]] = []
        self.collectives.barrier()
        generator, comm = self.objective.streams.masks.bit_generator, self.collectives.comm
        if len(set(comm.allgather(_checksum(self.objective.params.theta)))) > 1:
            raise ProcessError("fit: the processes' weights differ; something other than the optimizer changes them")
        if not isinstance(self.source, LocalBatches):
            generator.state, self.state.order = comm.bcast((generator.state, self.state.order))
            self._jump_generator()

    def _jump_generator(self) -> None:
        """Give this process its own random numbers: with equal ones, dropout would repeat its masks on other rows."""
        generator = self.objective.streams.masks.bit_generator
        if self.collectives.rank:
            generator.state = cast(np.random.PCG64, generator).jumped(self.collectives.rank).state

    def data_gradient(self, batch: Examples) -> tuple[float, float, Outputs]:
        collectives, grad = self.collectives, self.objective.params.grad
        data_loss, rows, weight, outputs = 0.0, 0.0, 0.0, Outputs(np.empty((0, 1), grad.dtype))
        if len(batch):
            data_loss, rows, outputs = super().data_gradient(batch)
            weight = outputs.weight(rows)
            np.multiply(grad, weight, out=collectives.gradient)
        else:
            collectives.gradient[:] = 0
        sums = collectives.allreduce(rows, weight, weight * data_loss, stop=self.stopped)
        rows, weight, loss_sum, self.stop_agreed = sums
        np.multiply(collectives.gradient, 1 / weight, out=grad)
        return loss_sum / weight, rows, outputs

    def measure(self, batch: Examples, outputs: Outputs) -> None:
        if len(batch):
            super().measure(batch, outputs)  # figures within an epoch are those of this process's rows
            self.seen.append((Examples(batch.y, batch.y, batch.weight), outputs))

    def should_stop(self) -> bool:
        return self.stop_agreed

    def epoch_figures(self) -> Figures:
        """Return the figures of the rows of all processes, so that callbacks decide the same in every process."""
        self.collectives.barrier()
        comm = self.collectives.comm
        for metric in self.metrics.values():
            metric.reset()
        for batch, outputs in (pair for of_process in comm.allgather(self.seen) for pair in of_process):
            update_metrics(self.metrics, self.objective, batch, outputs)
        if self.objective.state:  # each process has the moving averages of its own rows
            self._share_weights()
        logs = super().epoch_figures()
        self.collectives.barrier()
        return cast(Figures, comm.bcast(logs))

    def end_epoch(self) -> Figures:
        logs = super().end_epoch()
        self.stopped = self.collectives.barrier(stop=self.stopped)
        return logs


@dataclass(eq=False)
class DataParallel(Wrapper):
    """Train in every process of an MPI communicator: DataParallel(Adam(1e-3), MPI.COMM_WORLD).

    theta <- optimizer(theta, g),   g the gradient over the rows of all processes

    Every process runs the same script with the same arrays and works on its shard of each batch. So batch_size counts
    the rows of all processes, and the weights become those of a training in one process, up to rounding. Batches from a
    generator are for the process that makes them; processes may have different numbers and sizes of them. Dropout draws
    different masks in each process; BatchNormalization uses the statistics of each process's rows. If several outputs
    have masks of padded steps, each process takes the means over its own steps.

    Only process 0 prints and writes files. An error in one process is raised in all.

    comm      an mpi4py communicator
    timeout   seconds for which a process waits for another one before it aborts the job
    deadline  the old name of timeout, deprecated

    Start it with `mpiexec -n 4 python -m mpi4py train.py`. (Goyal et al. 2017)
    """

    optimizer: Optimizer
    comm: Any = field(repr=False)
    timeout: float = real("(0, inf)", default=300.0)
    deadline: InitVar[float | None] = field(default=None, kw_only=True)

    outermost = True

    def __post_init__(self, deadline: float | None) -> None:
        if deadline is not None:
            message = "DataParallel: deadline is deprecated and will be removed in 0.3; use timeout"
            warnings.warn(message, DeprecationWarning, stacklevel=3)
            self.timeout = deadline
        super().__post_init__()
        if not all(hasattr(self.comm, name) for name in ("Iallreduce", "allgather", "bcast", "Abort")):
            raise SettingError(f"DataParallel: comm must be an MPI communicator of mpi4py, got {self.comm!r}")

    @property
    def serializable(self) -> Optimizer:
        return self.optimizer.serializable


def _check_same(all_settings: list[dict[str, str]]) -> None:
    """Raise ProcessError if the processes have different settings: they would train different models, or hang."""
    for rank, settings in enumerate(all_settings):
        for name, value in settings.items():
            first = all_settings[0].get(name)
            if value != first:
                pair = f"{value} in process {rank}, {first} in process 0"
                raise ProcessError(f"fit: {name} is {pair}; give all processes the same")


def _settings(trainer: DataParallelTrainer) -> dict[str, str]:
    objective, options = trainer.objective, trainer.options
    settings = {
        "the network": objective.network,
        "the parameters": {path: parameter.shape for path, parameter in objective.params.items()},
        "the optimizer": trainer.optimizer.optimizer,
        "the objective": objective.terms,
        "the frozen parameters": objective.frozen.size,
        "the metrics": list(trainer.metrics),
        "the callbacks": [type(callback).__name__ for callback in trainer.callbacks.callbacks],
        "the checksum of the data": _fingerprint(trainer.source),
        "NumPy's version": np.__version__,
        "minidl's version": extension("version").__version__,
        "dtype": objective.params.theta.dtype,
    } | {name: getattr(options, name) for name in ("batch_size", "epochs", "shuffle", "validation_freq")}
    return {name: re.sub(r" at 0x\w+", "", str(setting)) for name, setting in settings.items()}


def _fingerprint(source: Source) -> str:
    """Return the checksums of arrays in memory, all of which every process has; of other data the name of the class."""
    if not isinstance(source, Examples):
        return type(source).__name__
    arrays = [array for array in (source.x, source.y, source.weight) if array is not None]
    return ", ".join(f"{array.shape} {_checksum(array):08x}" for array in arrays)


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)


trainer_for.register(DataParallel, lambda optimizer: DataParallelTrainer)
