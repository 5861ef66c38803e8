"""Writing a file completely or not at all: a reader sees the old file or the new one, even after a power cut."""

from __future__ import annotations

import os
import secrets
import stat
import time
from pathlib import Path

DAY = 24 * 60 * 60  # seconds


def write(path: str | Path, content: bytes | bytearray) -> None:
    """Replace or create the file. The old file survives every failure, and its mode is kept.

    A temporary file in the same directory is filled, synced and renamed over the old one; then the directory is
    synced. A symbolic link stays a link: the file it leads to is replaced. Raises OSError if the system does.
    """
    target = Path(os.path.realpath(path))
    _check_target(path, target)
    _remove_leftovers(target.parent)
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


def _check_target(path: str | Path, target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a directory; name a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be saved: there is no directory {target.parent}")
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path} is a device or a pipe, which a file would replace; choose another name")


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # Windows cannot open directories; its file system logs renames itself
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(directory: Path) -> None:
    """Remove temporary files that killed saves left in the directory more than a day ago."""
    for leftover in directory.glob(".minidl-*.tmp"):
        try:
            if time.time() - leftover.stat().st_mtime > DAY:
                leftover.unlink()
        except OSError:  # another save was faster, or the file belongs to another user
            continue
