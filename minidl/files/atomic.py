"""Writing a file so that it is always whole: whoever looks sees the old one or the new one, also after a power cut."""

from __future__ import annotations

import os
import secrets
import stat
import time
from pathlib import Path

DAY = 24 * 60 * 60  # seconds


def write(path: str | Path, content: bytes | bytearray) -> None:
    """Put the content in place of the file, or make it; the old file survives every failure, and its mode is kept.

    A temporary file in the same directory is filled, synced, and renamed over the old one; then the directory is
    synced. A symbolic link stays one: the file it leads to is replaced. Raises what the system raises (OSError).
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a directory; name a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be saved: there is no directory {target.parent}")
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path} is a device or a pipe, whose place a file would take; name another")
    _sweep(target.parent)
    temporary = target.parent / f".minidl-{secrets.token_hex(8)}.tmp"
    try:
        # O_EXCL: the name is new and no link
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            if target.exists() and hasattr(os, "fchmod"):
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(target.parent)


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # Windows cannot open directories, and keeps its own journal of names
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(directory: Path) -> None:
    """Remove what killed saves have left here, a day ago or earlier."""
    for left in directory.glob(".minidl-*.tmp"):
        try:
            if time.time() - left.stat().st_mtime > DAY:
                left.unlink()
        except OSError:  # another save was quicker, or it is not ours to remove
            continue
