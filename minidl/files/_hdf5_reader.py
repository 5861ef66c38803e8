"""HDF5 files of arrays, written the same way each time and read without trust. Model files use h5py here only.

A file is read into memory once, and HDF5 sees only those bytes. Links and datasets are validated before use: only hard
links, and contiguous, unfiltered datasets of the expected type and shape, stored in the file itself. So reading opens
no other file, runs no code, and needs no more memory than the file has bytes.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ModelFileError
from ._untrusted import abbreviate, describe_error

HDF5_TYPES = {
    "float32": "IEEE_F32LE",
    "float64": "IEEE_F64LE",
    "int32": "STD_I32LE",
    "int64": "STD_I64LE",
    "uint8": "STD_U8LE",
}
FLOATS, INTEGERS = ("float32", "float64"), ("int32", "int64")
STRINGS_BYTES = 2**28  # at most, of an attribute
Handle = Any  # a group or dataset of h5py's low-level interface, which has no types


def to_hdf5(
    arrays: Mapping[str, np.ndarray], userblock: int = 0, attributes: Mapping[str, Mapping[str, Any]] | None = None
) -> bytearray:
    """Make an HDF5 file in memory: a user block of zeros, then the arrays at their paths. Always the same bytes.

    attributes  of groups, by path: strings, or lists of ASCII names
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=userblock) as file:
        for path, array in arrays.items():
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
            file.create_dataset(path, data=little, track_times=False)
        for path, values in (attributes or {}).items():
            for name, value in values.items():
                held = value if isinstance(value, str) else np.array([part.encode() for part in value], "S")
                file.require_group(path or "/").attrs[name] = held
    return bytearray(content.getbuffer())


@contextmanager
def open_hdf5(content: bytes) -> Iterator[HDF5Reader]:
    """Open an HDF5 file in memory. Every error of HDF5 becomes a ModelFileError."""
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            yield HDF5Reader(h5py, file, content)
    except ModelFileError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as error:
        raise ModelFileError(f"it cannot be read ({describe_error(error)})") from None


class HDF5Reader:
    """The groups and arrays of an open file, by paths such as "/layers/dense/vars/0"."""

    def __init__(self, h5py: Any, file: Any, content: bytes) -> None:
        self.h5py, self.content, self.size = h5py, content, len(content)
        self.groups: dict[str, Handle] = {"": file.id}
        self.addresses: dict[int, str] = {}  # of the objects found so far, to detect two names of one object
        self.claimed = 0  # bytes of the arrays so far

    # ---- groups

    def count(self, path: str) -> int:
        """Return the number of names in a group; 0 if the group is missing."""
        group = self._group(path)
        return 0 if group is None else int(group.get_num_objs())

    def names(self, path: str) -> list[str]:
        """Return the names in a group. Raises ModelFileError for more than 4,096, and for names that are not plain."""
        if (count := self.count(path)) > 4096:
            raise ModelFileError(f"{path or '/'} holds {count} names")
        group = self._group(path)
        found = [] if group is None else [name.decode("ascii", "replace") for name in group]
        for name in found:
            if len(name) > 64 or not name.isprintable() or "\ufffd" in name or "/" in name:
                raise ModelFileError(f"{path or '/'} holds the name {abbreviate(name)}")
        return found

    def strings(self, path: str, attribute: str) -> list[str] | None:
        """Return the attribute of a group that is a list of strings; None if it is missing."""
        group, h5a = self._group(path), self.h5py.h5a
        if group is None or not h5a.exists(group, attribute.encode()):
            return None
        held = h5a.open(group, attribute.encode())
        if held.shape == (0,):  # of any type: h5py makes an empty list one of numbers
            return []
        kind = held.get_type()
        if len(held.shape) != 1 or held.shape[0] > 4096 or kind.get_class() != self.h5py.h5t.STRING:
            raise ModelFileError(f"{path or '/'} has an attribute {attribute} that is not a list of at most 4096 names")
        longest = self._largest_heap if kind.is_variable_str() else kind.get_size()
        if held.shape[0] * longest > STRINGS_BYTES:
            raise ModelFileError(f"{path or '/'} has an attribute {attribute} of more than {STRINGS_BYTES} bytes")
        found = np.empty(held.shape, held.dtype)
        held.read(found)
        return [name.decode("utf-8", "replace") for name in found.tolist()]

    def text(self, path: str, attribute: str) -> str | None:
        """Return the attribute of a group that is one string; None if it is missing."""
        group, h5a = self._group(path), self.h5py.h5a
        if group is None or not h5a.exists(group, attribute.encode()):
            return None
        held = h5a.open(group, attribute.encode())
        kind = held.get_type()
        if held.shape != () or kind.get_class() != self.h5py.h5t.STRING:
            raise ModelFileError(f"{path or '/'} has an attribute {attribute} that is not a string")
        if (self._largest_heap if kind.is_variable_str() else kind.get_size()) > STRINGS_BYTES:
            raise ModelFileError(f"{path or '/'} has an attribute {attribute} of more than {STRINGS_BYTES} bytes")
        found = np.empty((), held.dtype)
        held.read(found)
        value = found.item()
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    @cached_property
    def _largest_heap(self) -> int:
        """The size of the largest heap in the file. Strings of variable length lie in heaps, and may share bytes."""
        sizes = (self.content[found.end() : found.end() + 8] for found in re.finditer(rb"GCOL\x01\0\0\0", self.content))
        return max((int.from_bytes(size, "little") for size in sizes), default=0)

    def check_only(self, wanted: set[str]) -> None:
        """Raise ModelFileError if the file holds anything besides these arrays and their groups, or an attribute."""
        h5py = self.h5py
        members: dict[str, set[str]] = {}
        for path in wanted:
            while path:
                path, _, name = path.rpartition("/")
                members.setdefault(path, set()).add(name)
        for path in [*wanted, *members]:  # first the arrays: when all of them are there, counting names is enough
            if h5py.h5a.get_num_attrs(self._dataset(path) if path in wanted else self._group(path)):
                raise ModelFileError(f"{path or '/'} has attributes; minidl writes none")
        for path, names in members.items():
            if self.count(path) != len(names):
                raise ModelFileError(f"{path or '/'} holds {self.count(path)} objects, wanted {len(names)}")

    # ---- arrays

    def bytes(self, path: str, limit: int) -> bytes:
        """Check and read a one-dimensional array of at most `limit` bytes."""
        space = self._dataset(path).get_space()
        if space.get_simple_extent_ndims() != 1:
            raise ModelFileError(f"{path} is not an array of bytes")
        (length,) = space.get_simple_extent_dims()
        if length > limit:
            raise ModelFileError(f"{path} has {length} bytes, more than {limit}")
        return self.array(path, ("uint8",), (length,)).tobytes()

    def shape(self, path: str) -> tuple[int, ...]:
        """Return the shape of an array, without reading it."""
        found: tuple[int, ...] = self._dataset(path).shape
        return found

    def check_array(self, path: str, dtypes: tuple[str, ...], shape: tuple[int, ...]) -> str:
        """Raise ModelFileError unless the array is plain, of one of the types and of the shape. Return its type."""
        h5py = self.h5py
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

    def _claim(self, path: str, dataset: Handle, length: int) -> None:
        """Raise ModelFileError if bytes of the array are missing, or shared with another array."""
        self.claimed += length
        beyond = (dataset.get_offset() or 0) + length > self.size
        if dataset.get_storage_size() != length or beyond or self.claimed > self.size:
            raise ModelFileError(f"{path} claims more bytes than the file holds for it")

    def read(self, path: str, into: np.ndarray) -> None:
        """Read an array that `check_array` has accepted into another one of its shape."""
        if into.size:
            self._dataset(path).read(self.h5py.h5s.ALL, self.h5py.h5s.ALL, into)

    def array(self, path: str, dtypes: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
        """Check and read an array of one of the types and of the shape."""
        found = np.empty(shape, self.check_array(path, dtypes, shape))
        self.read(path, found)
        return found

    # ---- one step of a path at a time

    def _group(self, path: str) -> Handle | None:
        """The group, None if it is missing. Every name on the way must be a hard link to a group of its own."""
        if path not in self.groups:
            parent, _, name = path.rpartition("/")
            holder = self._group(parent)
            found = holder is not None and self._check_link(holder, path, name, self.h5py.h5o.TYPE_GROUP)
            self.groups[path] = self.h5py.h5o.open(holder, name.encode()) if found else None
        return self.groups[path]

    def _dataset(self, path: str) -> Handle:
        parent, _, name = path.rpartition("/")
        group = self._group(parent)
        if group is None or not self._check_link(group, path, name, self.h5py.h5o.TYPE_DATASET):
            raise ModelFileError(f"{path} is missing")
        return self.h5py.h5o.open(group, name.encode())

    def _check_link(self, group: Handle, path: str, name: str, kind: int) -> bool:
        """Return False if the name is missing. Raise ModelFileError for anything but a hard link to this kind."""
        h5py = self.h5py
        key = name.encode()
        if not group.links.exists(key):
            return False
        if group.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise ModelFileError(f"{path} is a link")
        info = h5py.h5o.get_info(group, key)
        if info.type != kind:
            raise ModelFileError(f"{path} is not {'a group' if kind == h5py.h5o.TYPE_GROUP else 'an array'}")
        if self.addresses.setdefault(info.addr, path) != path:
            raise ModelFileError(f"{path} and {self.addresses[info.addr]} are the same object")
        return True
