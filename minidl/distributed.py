"""Training in several processes at once, on one machine or many, with MPI (extra `mpi`).

Every process runs the same script with the same data and works on its part of every batch; one Allreduce a step adds
the gradients up, so that all of them take the same step. Whatever their number, they take the same steps.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import re
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np

from .callbacks.history import History
from .data import Batches, Examples, Source
from .errors import ProcessError, SettingError
from .metrics import Metric
from .optimizers import Optimizer, Wrapper
from .settings import number
from .training import Training

LEFT, HERE = 7101, 7102  # tags of the messages "this process has ended" and "this process waits"
LOOK = 0.05  # seconds of waiting after which to look, again and again, for the others
PRESENT = 1.0  # seconds of waiting after which to tell the others that this process is there, or that one is gone
TAIL = 4  # what is added up beside the gradient: rows, their loss, who wants to stop, who has failed


class Part(Source):
    """The part of every batch of `whole` that falls to process `rank` of `size`: as even as can be, perhaps no row."""

    def __init__(self, whole: Source, rank: int, size: int) -> None:
        self.whole, self.rank, self.size = whole, rank, size

    def order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return self.whole.order(size, rng)

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        if order is None or not isinstance(self.whole, Examples):
            for batch in self.whole.batches(size, order, start):
                yield batch[self._share(len(batch))]
            return
        for first in range(start * size, len(order), size):  # only the rows of this process are copied
            rows = order[first : first + size]
            yield self.whole[rows[self._share(len(rows))]]

    def _share(self, rows: int) -> slice:
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def steps(self, size: int) -> int | None:
        return self.whole.steps(size)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.whole.row_shape

    def batch_rows(self, size: int) -> int:
        return self.whole.batch_rows(size)


class Own(Part):
    """Batches that each process makes for itself; after its last one it takes part with none, until all are done."""

    def __init__(self, whole: Batches, most: int) -> None:
        super().__init__(whole, 0, 1)
        self.first, self.most = whole.first, most

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        done = start
        for batch in self.whole.batches(size, order, start):
            yield batch
            done += 1
        for _ in range(done, self.most):
            yield self.first[:0]

    def steps(self, size: int) -> int:
        return self.most


class Meeting:
    """Where the processes add up one vector, and learn whether one of them has failed or is gone.

    `vector` is what this process brings, a gradient times its rows and then the TAIL, and what it takes away, the sum.
    All processes come to the same meetings in the same order; one that fails comes to the next with its error.
    """

    def __init__(self, comm: Any, deadline: float, numbers: int, dtype: np.dtype) -> None:
        self.comm, self.deadline = comm, deadline
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.others = [rank for rank in range(self.size) if rank != self.rank]
        self.vector, self.number = np.zeros(numbers + TAIL, dtype), 0

    def add_up(self) -> None:
        """Replace the vector by the sum of all processes' vectors: the same bits for all."""
        from mpi4py.MPI import IN_PLACE

        self.wait(self.comm.Iallreduce(IN_PLACE, self.vector))
        if self.vector[-1]:
            self._raise_together(None)

    def gather(self, *, stop: bool = False) -> bool:
        """Wait for all. Returns whether one of them wants to stop."""
        self.vector[:] = 0
        self.vector[-2] = stop
        self.add_up()
        return bool(self.vector[-2])

    def fail(self, error: BaseException) -> None:
        """Tell the others of an error at the next meeting."""
        failed = np.zeros_like(self.vector)  # the error may have come while the vector was under way
        failed[-1] = 1
        self.wait(self.comm.Iallreduce(failed, np.empty_like(failed)))
        self._raise_together(error)

    def _raise_together(self, error: BaseException | None) -> None:
        reports = self.comm.allgather(error and f"{type(error).__name__}: {error}")
        failed = [f"process {rank}: {report}" for rank, report in enumerate(reports) if report]
        if error is None:
            raise ProcessError(f"fit: {len(failed)} of {self.size} processes failed. " + "; ".join(failed))

    def wait(self, request: Any) -> None:
        """Wait until all have come. A process that has ended, or keeps the others waiting too long, ends the job."""
        self.number += 1
        begun = time.monotonic()
        next_look, seen_gone, told = begun + LOOK, None, False
        while not request.Test():
            time.sleep(0)  # where there are more processes than cores, let one run that works
            if (now := time.monotonic()) < next_look:
                continue
            next_look = now + LOOK
            gone = self._gone()
            seen_gone = seen_gone or (now if gone else None)
            if seen_gone and now - seen_gone > PRESENT:  # it may have come, and left a moment later
                self._abort(f"process {gone[0]} has ended, and this one waits for it in fit")
            if not told and now - begun > PRESENT:
                told = True
                self._tell_that_here()
            if now - begun > self.deadline:
                missing = ", ".join(str(rank) for rank in self._missing())
                self._abort(f"waited {self.deadline:g} s for process {missing}")
            time.sleep(0.001)

    def _tell_that_here(self) -> None:
        for rank in self.others:
            self.comm.isend(self.number, dest=rank, tag=HERE)

    def _gone(self) -> list[int]:
        return [rank for rank in self.others if self.comm.Iprobe(source=rank, tag=LEFT)]

    def _missing(self) -> list[int]:
        missing = []
        for rank in self.others:
            newest = 0
            while self.comm.Iprobe(source=rank, tag=HERE):
                newest = self.comm.recv(source=rank, tag=HERE)
            missing += [rank] if newest < self.number else []
        return missing

    def _abort(self, message: str) -> None:
        sys.stderr.write(f"minidl, process {self.rank} of {self.size}: {message}: the job ends here\n")
        sys.stderr.flush()
        time.sleep(0.5)  # or mpiexec, which passes the words on, is ended before it does
        self.comm.Abort(1)


class ParallelTraining(Training):
    """The loop of one process among several."""

    meeting: Meeting
    stop_agreed = False

    def run(self) -> History:
        """Train; whatever ends it, ends it in every process."""
        optimizer, theta = self._optimizer(), self.model.params.theta
        self.meeting = Meeting(optimizer.comm, optimizer.deadline, theta.size, theta.dtype)
        self._agree_on_settings()
        self.source = self._own_source()
        if self.meeting.rank:
            self.hooks = self.hooks.without_writing()
        try:
            with _silence() if self.meeting.rank else contextlib.nullcontext():
                history = super().run()
            self.meeting.gather()
        except ProcessError:
            raise
        except BaseException as error:
            self.meeting.fail(error)
            raise
        return history

    def one_step(self, who: str) -> dict[str, Any]:
        raise SettingError(f"{who}: DataParallel trains in fit, where the processes wait for each other")

    def _optimizer(self) -> DataParallel:
        return cast(DataParallel, self.model.optimizer)

    # ---- before the first step

    def _agree_on_settings(self) -> None:
        """Refuse processes that were given different things: they would train different models, or wait for ever."""
        self.meeting.wait(self.meeting.comm.Ibarrier())
        if self.meeting.comm not in _trained:
            _trained.append(self.meeting.comm)
        all_settings = self.meeting.comm.allgather(self._settings())
        for rank, settings in enumerate(all_settings):
            for name, value in settings.items():
                if value != all_settings[0].get(name):
                    pair = f"{value} in process {rank}, {all_settings[0].get(name)} in process 0"
                    raise ProcessError(f"fit: {name} is {pair}; hand all processes the same")

    def _settings(self) -> dict[str, Any]:
        model = self.model
        things = {
            "the network": model.layer,
            "the parameters": {path: parameter.shape for path, parameter in model.params.items()},
            "the optimiser": self._optimizer().optimizer,
            "the objective": model.objective,
            "the metrics": list(model.metrics),
            "the callbacks": [type(callback).__name__ for callback in self.hooks.callbacks],
            "the checksum of the data": self._fingerprint(),
            "NumPy's version": np.__version__,
            "minidl's version": version("minidl"),
        }
        for name in ("batch_size", "epochs", "shuffle", "validation_freq"):
            things[name] = getattr(self, name)
        words = {name: re.sub(r" at 0x\w+", "", str(thing)) for name, thing in things.items()}
        return words | {"dtype": str(model.dtype)}

    def _fingerprint(self) -> str:
        """Of the rows, where they are arrays in memory, which every process is handed whole."""
        if not isinstance(self.source, Examples):
            return type(self.source).__name__
        arrays = [a for a in (self.source.x, self.source.y, self.source.weight) if a is not None]
        return ", ".join(f"{a.shape} {_checksum(a):08x}" for a in arrays)

    def _own_source(self) -> Source:
        if not isinstance(self.source, Batches):
            return Part(self.source, self.meeting.rank, self.meeting.size)
        steps = self.meeting.comm.allgather(self.source.steps(self.batch_size))
        if None in steps:
            raise SettingError("fit: DataParallel must know how many batches there are: pass steps_per_epoch")
        self._leap()
        return Own(self.source, max(steps))

    def _put_back(self) -> None:
        """Start as process 0 does: with its weights, its optimiser's memory, and its place in the training."""
        super()._put_back()
        optimizers, mine = list(_inside(self.model.optimizer)), None
        if self.meeting.rank == 0:
            mine = self.where(), self.model.get_weights(), [_memory(optimizer) for optimizer in optimizers]
        self.meeting.gather()
        self.position, weights, memories = self.meeting.comm.bcast(mine)
        if self.meeting.rank:
            self.model.set_weights(weights)
            for optimizer, memory in zip(optimizers, memories, strict=True):
                vars(optimizer).update(memory)
            super()._put_back()

    # ---- epochs and steps

    def _begin_epoch(self) -> None:
        super()._begin_epoch()
        self.seen: list[tuple[np.ndarray, np.ndarray]] = []
        self.meeting.gather()
        generator, comm = self.model.rng.bit_generator, self.meeting.comm
        if len(set(comm.allgather(_checksum(self.model.params.theta)))) > 1:
            raise ProcessError("fit: the processes' weights differ; something changes them outside of the optimiser")
        if not isinstance(self.source, Own):
            generator.state, self.position.order = comm.bcast((generator.state, self.position.order))
            self._leap()

    def _leap(self) -> None:
        """Draw on from a place of one's own: the same numbers would be the same dropout masks for different rows."""
        generator = self.model.rng.bit_generator
        if self.meeting.rank:
            generator.state = cast(np.random.PCG64, generator).jumped(self.meeting.rank).state

    def _data_gradient(self, batch: Examples) -> tuple[float, float, np.ndarray]:
        meeting, grad = self.meeting, self.model.params.grad
        summed = meeting.vector[:-TAIL]
        data_loss, rows, z = 0.0, 0.0, np.empty((0, *self.model.output_shape), grad.dtype)
        if len(batch):
            data_loss, rows, z = super()._data_gradient(batch)
            np.multiply(grad, rows, out=summed)
        else:
            summed[:] = 0
        meeting.vector[-TAIL:] = rows, rows * data_loss, self.model.stop_training, 0
        meeting.add_up()
        rows, loss_sum, stop, _ = meeting.vector[-TAIL:].tolist()
        self.stop_agreed = stop > 0
        np.multiply(summed, 1 / rows, out=grad)
        return loss_sum / rows, rows, z

    def _measure(self, batch: Examples, z: np.ndarray) -> None:
        if len(batch):
            super()._measure(batch, z)  # what is shown in the middle of an epoch is of this process's rows
            self.seen.append((batch.y, z))

    def _stopped(self) -> bool:
        return self.stop_agreed

    def _epoch_figures(self) -> dict[str, Any]:
        """The figures of all processes' rows; with the same numbers, callbacks decide the same everywhere."""
        self.meeting.gather()
        comm, model = self.meeting.comm, self.model
        if model.metrics:
            self._measure_all(comm.allgather(self.seen))
        if model.layer.named_state():  # moving averages are of the rows that each process has seen
            model.set_weights(comm.bcast(model.get_weights()))
        logs = super()._epoch_figures()
        self.meeting.gather()
        return comm.bcast(logs)

    def _measure_all(self, seen: list[list[tuple[np.ndarray, np.ndarray]]]) -> None:
        metrics: list[Metric] = list(self.model.metrics.values())
        for metric in metrics:
            metric.reset()
        for y, z in (pair for of_process in seen for pair in of_process):
            super()._measure(Examples(y, y), z)

    def _end_epoch(self) -> dict[str, Any]:
        logs = super()._end_epoch()
        self.model.stop_training = self.meeting.gather(stop=self.model.stop_training)
        return logs


@dataclass(eq=False)
class DataParallel(Wrapper):
    """The optimiser, in every process of an MPI communicator: DataParallel(Adam(1e-3), MPI.COMM_WORLD).

    theta <- optimizer(theta, g),   g the gradient over the rows of all processes

    Every process runs the same script, with the same arrays: of each batch it takes its part, so batch_size is that of
    all together, and the weights are those of one process up to rounding. Batches that the script makes itself are
    each process's own; those may differ in number and size. Dropout draws anew in each process; BatchNormalization
    takes its statistics from each process's rows.

    Files are written, and lines printed, by process 0 alone. An error in one process is raised in all of them.

    comm      an mpi4py communicator
    deadline  seconds after which a process that keeps the others waiting ends the job

    Start it with `mpiexec -n 4 python -m mpi4py train.py`. (Goyal et al. 2017)
    """

    optimizer: Optimizer
    comm: Any = field(repr=False)
    deadline: float = 300.0

    training = ParallelTraining

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(hasattr(self.comm, name) for name in ("Iallreduce", "allgather", "bcast", "Abort")):
            raise SettingError(f"DataParallel: comm must be an MPI communicator of mpi4py, got {self.comm!r}")
        self.deadline = number("DataParallel", "deadline", self.deadline, "(0, inf)")

    @property
    def kept(self) -> Optimizer:
        return self.optimizer.kept


_trained: list[Any] = []  # the communicators of all trainings in this process


@atexit.register
def _leave() -> None:
    """Tell the others that this process has ended: who waits for it would wait for ever.

    Then wait until all have ended, as MPI does anyway: a message that nobody has read may spoil the end of the job.
    Before the first training nobody knows whether the others will say anything, so there the wait has an end.
    """
    mpi = sys.modules.get("mpi4py.MPI")
    for comm in _trained or ([mpi.COMM_WORLD] if mpi else []):
        others = [rank for rank in range(comm.Get_size()) if rank != comm.Get_rank()]
        requests = [comm.isend(None, dest=rank, tag=LEFT) for rank in others]
        end = time.monotonic() + (math.inf if _trained else 5 * PRESENT)
        for rank in others:
            while not comm.Iprobe(source=rank, tag=LEFT) and time.monotonic() < end:
                time.sleep(0.01)
            for tag in (LEFT, HERE):
                while comm.Iprobe(source=rank, tag=tag):
                    comm.recv(source=rank, tag=tag)
        for request in requests:
            request.Test()


def _inside(optimizer: Optimizer) -> Iterator[Optimizer]:
    """The optimiser, and those that it wraps."""
    yield optimizer
    if isinstance(optimizer, Wrapper):
        yield from _inside(optimizer.optimizer)


def _memory(optimizer: Optimizer) -> dict[str, Any]:
    return {name: getattr(optimizer, name) for name in optimizer.state_names}


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
