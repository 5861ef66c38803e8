"""Reading the bytes of a file that may be damaged or forged, and error messages that quote it safely."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ModelFileError


def read_bytes(path: str | Path, max_bytes: int = 2**63) -> bytes:
    """Read a regular file of at most `max_bytes`, opened once. Raises ModelFileError for any other."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer does not block

    with open(path, "rb", opener=opener) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError("not a regular file")
        if status.st_size > max_bytes:
            raise ModelFileError(f"it has {status.st_size} bytes, more than max_bytes={max_bytes}")
        content = file.read(status.st_size + 1)
    if len(content) != status.st_size:
        raise ModelFileError("the file changed while it was read")
    return content


@contextmanager
def errors_name(who: str, path: str | Path) -> Iterator[None]:
    """Put the caller and the path in front of the message of every ModelFileError."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{who}: {path}: {error}; nothing was loaded") from None


def abbreviate(value: object) -> str:
    """Format a value from a file for a message: at most 80 characters on one line, in ASCII."""
    text = " ".join(ascii(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def describe_error(error: Exception) -> str:
    """Format the message of an exception: at most 200 characters on one line, in ASCII."""
    return ascii(" ".join(str(error).split()))[1:-1][:200]
