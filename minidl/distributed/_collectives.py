"""Collective operations with a timeout: a missing process aborts the job instead of hanging it."""

from __future__ import annotations

import atexit
import math
import sys
import time
from typing import Any

import numpy as np

from ..errors import ProcessError

ENDED, WAITING = 7101, 7102  # tags of the messages "this process has ended" and "this process waits"
POLL_SECONDS = 0.05  # time between two looks for messages while waiting
GRACE_SECONDS = 1.0  # after this a waiting process tells the others, and a process that has ended is missing


class Collectives:
    """Sums and barriers over all processes of a communicator. Each process learns if another one has failed or ended.

    The constructor waits for that of the other processes. All processes make the same calls in the same order; one with
    an error calls `fail` instead of its next call.

    gradient  the vector that `allreduce` sums
    """

    def __init__(self, comm: Any, timeout: float, size: int, dtype: np.dtype[Any]) -> None:
        self.comm, self.timeout = comm, timeout
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self._others = [rank for rank in range(self.size) if rank != self.rank]
        self._buffer = np.zeros(size + 5, dtype)  # the gradient, rows, weight, loss_sum, stops, failures
        self.gradient = self._buffer[:-5]
        self._calls = 0
        self._wait(comm.Ibarrier())
        if comm not in _connected:  # from now on each process tells the others when it ends
            _connected.append(comm)

    def allreduce(
        self, rows: float = 0.0, weight: float = 0.0, loss_sum: float = 0.0, *, stop: bool = False
    ) -> tuple[float, float, float, bool]:
        """Replace `gradient` by its sum over all processes, the same to the bit in each.

        Return the sums of rows, weight and loss_sum, and True if any process asks to stop.
        """
        from mpi4py.MPI import IN_PLACE

        self._buffer[-5:] = rows, weight, loss_sum, stop, 0
        self._wait(self.comm.Iallreduce(IN_PLACE, self._buffer))
        rows, weight, loss_sum, stops, failures = self._buffer[-5:].tolist()
        if failures:
            reports = self.comm.allgather(None)
            failed = [f"process {rank}: {report}" for rank, report in enumerate(reports) if report]
            raise ProcessError(f"fit: {len(failed)} of {self.size} processes failed. " + "; ".join(failed))
        return rows, weight, loss_sum, stops > 0

    def barrier(self, *, stop: bool = False) -> bool:
        """Wait for all processes. Return True if any of them asks to stop."""
        self.gradient[:] = 0
        return self.allreduce(stop=stop)[-1]

    def fail(self, error: BaseException) -> None:
        """Make the next call of the other processes raise this error."""
        failed = np.zeros_like(self._buffer)  # not the buffer, which an interrupted call may still use
        failed[-1] = 1
        self._wait(self.comm.Iallreduce(failed, np.empty_like(failed)))
        self.comm.allgather(f"{type(error).__name__}: {error}")

    def _wait(self, request: Any) -> None:
        """Wait for all processes. Abort the job if one has ended, or has not made this call before the timeout."""
        self._calls += 1
        start = time.monotonic()
        next_poll, end_seen, announced = start + POLL_SECONDS, None, False
        while not request.Test():
            time.sleep(0)  # with more processes than cores, let a process run that has work
            if (now := time.monotonic()) < next_poll:
                continue
            next_poll = now + POLL_SECONDS
            ended = [rank for rank in self._others if self.comm.Iprobe(source=rank, tag=ENDED)]
            end_seen = end_seen or (now if ended else None)
            if end_seen and now - end_seen > GRACE_SECONDS:  # it may have made this call just before it ended
                self._abort(f"process {ended[0]} has ended, and this one waits for it in fit")
            if not announced and now - start > GRACE_SECONDS:
                announced = True
                for rank in self._others:
                    self.comm.isend(self._calls, dest=rank, tag=WAITING)
            if now - start > self.timeout:
                missing = ", ".join(str(rank) for rank in self._others if not self._waits_too(rank))
                self._abort(f"waited {self.timeout:g} s for process {missing}")
            time.sleep(0.001)

    def _waits_too(self, rank: int) -> bool:
        call = 0
        while self.comm.Iprobe(source=rank, tag=WAITING):
            call = self.comm.recv(source=rank, tag=WAITING)
        return call >= self._calls

    def _abort(self, message: str) -> None:
        sys.stderr.write(f"minidl, process {self.rank} of {self.size}: {message}; aborting the job\n")
        sys.stderr.flush()
        time.sleep(0.5)  # mpiexec needs the time to pass the message on before it ends
        self.comm.Abort(1)


_connected: list[Any] = []  # the communicators of all Collectives


@atexit.register
def _say_goodbye() -> None:
    """Tell the other processes that this one has ended, then wait until all have ended, as MPI does anyway.

    A message that nobody receives may disturb the end of the job. If this process has made no Collectives, the others
    may send nothing, so it waits for a few seconds only.
    """
    mpi = sys.modules.get("mpi4py.MPI")
    for comm in _connected or ([mpi.COMM_WORLD] if mpi else []):
        others = [rank for rank in range(comm.Get_size()) if rank != comm.Get_rank()]
        requests = [comm.isend(None, dest=rank, tag=ENDED) for rank in others]
        end = time.monotonic() + (math.inf if _connected else 5 * GRACE_SECONDS)
        for rank in others:
            while not comm.Iprobe(source=rank, tag=ENDED) and time.monotonic() < end:
                time.sleep(0.01)
            for tag in (ENDED, WAITING):
                while comm.Iprobe(source=rank, tag=tag):
                    comm.recv(source=rank, tag=tag)
        for request in requests:
            request.Test()
