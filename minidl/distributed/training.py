"""The optimiser that several processes share, and the loop of each of them."""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..callbacks import History
from ..data import Batches, Examples, Source
from ..errors import ProcessError, SettingError
from ..metrics import Metric
from ..optimizers import Optimizer, Wrapper
from ..training import Training
from ..validation import check_real as number
from .meeting import TAIL, Meeting
from .parts import Own, Part


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
        self.meeting.begin()
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
        return self.optimizer.serializable


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
