"""HDF5 files of arrays, written the same way each time and read with distrust: the one place where models meet h5py.

A file is read into memory once, and HDF5 sees only those bytes. Every name on the way is looked at before it is
followed, every dataset before it is read: hard links alone, plain contiguous arrays of the type and shape that the
caller expects, no filter, no other file. So reading opens nothing, runs nothing, and needs no more memory than the
file.
"""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelFileError

HDF5_TYPES = {
    "float32": "IEEE_F32LE",
    "float64": "IEEE_F64LE",
    "int32": "STD_I32LE",
    "int64": "STD_I64LE",
    "uint8": "STD_U8LE",
}


def shown(given: Any) -> str:
    """A text of a file for a message: short, on one line, in ASCII."""
    text = " ".join(ascii(given).split())
    return text if len(text) <= 80 else text[:77] + "..."


def said(error: Exception) -> str:
    """What an exception says, for a message: as `shown`, but longer, since it may name a path."""
    return ascii(" ".join(str(error).split()))[1:-1][:200]


def read_bytes(path: str | Path, max_bytes: int) -> bytes:
    """The bytes of a regular file, opened once."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe that nobody writes into does not block

    with open(path, "rb", opener=opener) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError("it is no regular file")
        if status.st_size > max_bytes:
            raise ModelFileError(f"it has {status.st_size} bytes, more than max_bytes={max_bytes}")
        content = file.read(status.st_size + 1)
    if len(content) != status.st_size:
        raise ModelFileError("it changed while it was read")
    return content


@contextmanager
def named(who: str, path: str | Path) -> Iterator[None]:
    """Begin the message of every ModelFileError with who reads which file."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{who}: {path}: {error}; nothing was loaded") from None


def image(arrays: Mapping[str, np.ndarray], userblock: int = 0) -> bytearray:
    """An HDF5 file in memory: each array at its path, after a user block of zeros. The same arrays, the same bytes."""
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=userblock) as file:
        for path, array in arrays.items():
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
            file.create_dataset(path, data=little, track_times=False)
    return bytearray(content.getbuffer())


@contextmanager
def open_tree(content: bytes) -> Iterator[Tree]:
    """The tree of arrays in an HDF5 image. Whatever HDF5 stumbles over leaves as ModelFileError."""
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            yield Tree(file.id, len(content))
    except ModelFileError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as error:
        raise ModelFileError(f"it cannot be read ({said(error)})") from None


class Tree:
    """The groups and arrays of an open file, by paths such as "/layers/dense/vars/0"."""

    def __init__(self, root: Any, size: int) -> None:
        self.root, self.size = root, size
        self.groups: dict[str, Any] = {"": root}
        self.addresses: dict[int, str] = {}  # of the objects met, to find two names of one
        self.claimed = 0  # bytes of the arrays so far

    def count(self, path: str) -> int:
        """How many names there are in a group; 0 if it is not there."""
        group = self._group(path)
        return 0 if group is None else int(group.get_num_objs())

    def names(self, path: str) -> list[str]:
        """The names in a group, which must be few and plain."""
        if (count := self.count(path)) > 4096:
            raise ModelFileError(f"{path or '/'} holds {count} names")
        group = self._group(path)
        found = [] if group is None else [name.decode("ascii", "replace") for name in group]
        for name in found:
            if len(name) > 64 or not name.isprintable() or "\ufffd" in name or "/" in name:
                raise ModelFileError(f"{path or '/'} holds the name {shown(name)}")
        return found

    def refuse_others(self, wanted: set[str]) -> None:
        """Refuse every object that does not lie on the way to one of these arrays, and every attribute."""
        import h5py

        inside: dict[str, set[str]] = {}
        for path in wanted:
            while path:
                path, _, name = path.rpartition("/")
                inside.setdefault(path, set()).add(name)
        for path in [*wanted, *inside]:  # first the arrays: when all of them are there, counting names is enough
            if h5py.h5a.get_num_attrs(self._dataset(path) if path in wanted else self._group(path)):
                raise ModelFileError(f"{path or '/'} has attributes, which do not belong there")
        for path, names in inside.items():
            if self.count(path) != len(names):
                raise ModelFileError(f"{path or '/'} holds {self.count(path)} things, wanted {len(names)}")

    def length(self, path: str) -> int:
        """The length of a one-dimensional array of bytes."""
        dataset = self._dataset(path)
        if dataset.get_space().get_simple_extent_ndims() != 1:
            raise ModelFileError(f"{path} is no array of bytes")
        return int(dataset.get_space().get_simple_extent_dims()[0])

    def expect(self, path: str, dtypes: tuple[str, ...], shape: tuple[int, ...]) -> str:
        """Refuse the array unless it is plain, of one of the types and of the shape. Returns the type."""
        import h5py

        dataset = self._dataset(path)
        settings, space, held = dataset.get_create_plist(), dataset.get_space(), dataset.get_type()
        if settings.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
            raise ModelFileError(f"{path} is chunked or virtual; wanted a contiguous array")
        if settings.get_external_count() or settings.get_nfilters():
            raise ModelFileError(f"{path} is stored elsewhere or through a filter; wanted a plain array")
        dims = space.get_simple_extent_dims() if space.get_simple_extent_type() != h5py.h5s.NULL else None
        if dims != shape or space.get_simple_extent_dims(True) != shape:
            raise ModelFileError(f"{path} has shape {dims}, wanted {shape}")
        for dtype in dtypes:
            if held.equal(getattr(h5py.h5t, HDF5_TYPES[dtype])):
                self._claim(path, dataset, math.prod(shape) * np.dtype(dtype).itemsize)
                return dtype
        raise ModelFileError(f"{path} is not of type {' or '.join(dtypes)}")

    def _claim(self, path: str, dataset: Any, length: int) -> None:
        """Refuse an array whose bytes are not all there, or whose bytes were counted before."""
        self.claimed += length
        beyond = (dataset.get_offset() or 0) + length > self.size
        if dataset.get_storage_size() != length or beyond or self.claimed > self.size:
            raise ModelFileError(f"{path} has no bytes of its own in the file for all its numbers")

    def read(self, path: str, into: np.ndarray) -> None:
        """The array, looked at before by `expect`, into one of its shape."""
        import h5py

        if into.size:
            self._dataset(path).read(h5py.h5s.ALL, h5py.h5s.ALL, into)

    def array(self, path: str, dtypes: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
        """A new array of one of the types and of the shape."""
        found = np.empty(shape, self.expect(path, dtypes, shape))
        self.read(path, found)
        return found

    # ---- one step at a time

    def _group(self, path: str) -> Any:
        """The group, None if it is not there. Every name on the way is a hard link to a group of its own."""
        import h5py

        if path not in self.groups:
            parent, _, name = path.rpartition("/")
            holder = self._group(parent)
            found = holder is not None and self._follow(holder, path, name, h5py.h5o.TYPE_GROUP)
            self.groups[path] = h5py.h5o.open(holder, name.encode()) if found else None
        return self.groups[path]

    def _dataset(self, path: str) -> Any:
        import h5py

        parent, _, name = path.rpartition("/")
        group = self._group(parent)
        if group is None or not self._follow(group, path, name, h5py.h5o.TYPE_DATASET):
            raise ModelFileError(f"{path} is missing")
        return h5py.h5o.open(group, name.encode())

    def _follow(self, group: Any, path: str, name: str, kind: int) -> bool:
        """Whether the name is there; refused if it is not a plain, hard link to an object of the kind."""
        import h5py

        key = name.encode()
        if not group.links.exists(key):
            return False
        if group.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise ModelFileError(f"{path} is a link")
        info = h5py.h5o.get_info(group, key)
        if info.type != kind:
            raise ModelFileError(f"{path} is no {'group' if kind == h5py.h5o.TYPE_GROUP else 'array'}")
        if self.addresses.setdefault(info.addr, path) != path:
            raise ModelFileError(f"{path} and {self.addresses[info.addr]} are the same object")
        return True
