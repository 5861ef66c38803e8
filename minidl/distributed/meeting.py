"""Where the processes wait for each other: nobody waits for ever, not even for one that is gone."""

from __future__ import annotations

import atexit
import math
import sys
import time
from typing import Any

import numpy as np

from ..errors import ProcessError

LEFT, HERE = 7101, 7102  # tags of the messages "this process has ended" and "this process waits"
LOOK = 0.05  # seconds of waiting after which to look, again and again, for the others
PRESENT = 1.0  # seconds of waiting after which to tell the others that this process is there, or that one is gone
TAIL = 4  # what is added up beside the gradient: rows, their loss, who wants to stop, who has failed


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

    def begin(self) -> None:
        """Wait for all, who from now on say when they end."""
        self.wait(self.comm.Ibarrier())
        if self.comm not in _joined:
            _joined.append(self.comm)

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


_joined: list[Any] = []  # the communicators on which this process has met the others


@atexit.register
def _leave() -> None:
    """Tell the others that this process has ended: who waits for it would wait for ever.

    Then wait until all have ended, as MPI does anyway: a message that nobody has read may spoil the end of the job.
    Before the first meeting nobody knows whether the others will say anything, so there the wait has an end.
    """
    mpi = sys.modules.get("mpi4py.MPI")
    for comm in _joined or ([mpi.COMM_WORLD] if mpi else []):
        others = [rank for rank in range(comm.Get_size()) if rank != comm.Get_rank()]
        requests = [comm.isend(None, dest=rank, tag=LEFT) for rank in others]
        end = time.monotonic() + (math.inf if _joined else 5 * PRESENT)
        for rank in others:
            while not comm.Iprobe(source=rank, tag=LEFT) and time.monotonic() < end:
                time.sleep(0.01)
            for tag in (LEFT, HERE):
                while comm.Iprobe(source=rank, tag=tag):
                    comm.recv(source=rank, tag=tag)
        for request in requests:
            request.Test()
