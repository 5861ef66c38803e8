"""Data that lies in HDF5 files, and may be larger than memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import validation
from ..errors import DataError, ShapeError
from ._sources import Examples, Inputs, Source, Stored
from ._validation import finite

BLOCK_BYTES = 2**20  # read at once: much more than a seek costs, much less than a buffer
LARGEST_SEED = 2**63 - 1  # as high as a drawn number gets

Arrays = list[np.ndarray]


@dataclass
class HDF5Data(Stored):
    """Rows of datasets in an HDF5 file, read while the model trains: fit(HDF5Data("cats.h5", x="train_set_x", y=...)).

    x              the dataset (m, features ...); rows go to the model in the shape it takes, flat if it takes them flat
    y              the dataset (m,) or (m, outputs); not needed to predict
    sample_weight  the dataset (m,), if there is one
    scale          what x is multiplied by; None: 1 / 255 for uint8, as of photographs, else 1
    buffer         bytes of x that are held, twice: those that are trained on, and those being read

    An epoch in random order shuffles the file's blocks, fills the buffer with some, and shuffles the rows in it; so
    rows that are far apart in the file meet, but not all orders are possible. A block is as many rows as make 1 MiB,
    in whole chunks of the dataset. The order of an epoch hangs on one number drawn from the model's generator.

    No file stays open, and none is pickled. Raises FileNotFoundError; DataError for datasets that are not as above.
    """

    path: str | Path
    x: str
    y: str | None = None
    sample_weight: str | None = field(default=None, kw_only=True)
    scale: float | None = field(default=None, kw_only=True)
    buffer: int = field(default=2**26, kw_only=True)

    def __post_init__(self) -> None:
        validation.check_integer("HDF5Data", "buffer", self.buffer, 1)
        if self.scale is not None:
            self.scale = validation.check_real("HDF5Data", "scale", self.scale)
        if not Path(self.path).is_file():
            raise FileNotFoundError(f"HDF5Data: there is no file {self.path}")
        with self.open() as file:
            x = self._dataset(file, "x", self.x)
            if x.ndim < 2 or x.size == 0:
                raise DataError(f"HDF5Data: {self.x} has shape {x.shape}, wanted (examples, features ...)")
            self.rows, self.row_shape = len(x), x.shape[1:]
            self.block = _block_rows(x)
            self.factor = self.scale if self.scale is not None else 1 / 255 if x.dtype == np.uint8 else 1.0
            self.held = max(1, self.buffer // (self.block * _row_bytes(x)))  # blocks in the buffer
            for argument, name in (("y", self.y), ("sample_weight", self.sample_weight)):
                shape = (self.rows,) if name is None else self._dataset(file, argument, name).shape
                if shape is None or shape[:1] != (self.rows,):
                    raise DataError(f"HDF5Data: {self.x} has {self.rows} rows, but {name} has shape {shape}")

    def __len__(self) -> int:
        return self.rows

    @contextmanager
    def open(self) -> Iterator[Any]:
        """The file, open for reading. Damage that HDF5 meets, here or while rows are read, is a DataError."""
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                yield file
        except (OSError, KeyError) as error:
            raise DataError(f"HDF5Data: {self.path} cannot be read as an HDF5 file ({error})") from None

    def _dataset(self, file: Any, argument: str, name: str) -> Any:
        import h5py

        found = file.get(name) if isinstance(name, str) else None
        if not isinstance(found, h5py.Dataset):
            there = ", ".join(key for key in file if isinstance(file.get(key), h5py.Dataset)) or "none"
            raise DataError(f"HDF5Data: there is no dataset {name!r} in {self.path}; at its top there are: {there}")
        if found.dtype.kind not in "biuf":
            raise DataError(f"HDF5Data: {name} has dtype {found.dtype}; {argument} must hold real numbers")
        return found

    def source(self, who: str, shape: tuple[int, ...], check: Callable[[Any], Examples]) -> Source:
        if self.y is None:
            raise DataError(f"{who}: y is missing; name its dataset: HDF5Data(path, x={self.x!r}, y=...)")
        return StoredBatches(self, self._shape(who, shape), check)

    def inputs(self, who: str, shape: tuple[int, ...], dtype: np.dtype) -> Inputs:
        return StoredInputs(self, who, self._shape(who, shape), dtype)

    def _shape(self, who: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if math.prod(shape) != math.prod(self.row_shape):
            raise ShapeError(f"{who}: {self.x} has rows of shape {self.row_shape}, this model was built for {shape}")
        return shape

    def chunks(self, names: list[str], seed: int | None, first: int) -> Iterator[tuple[int, Arrays, np.ndarray | None]]:
        """Buffers full of rows: (number of the first row, the datasets' arrays, their order).

        Without a seed rows come in the order of the file. Those before row `first` of the epoch are not read.
        """
        rng = None if seed is None else np.random.default_rng(seed)
        plans = [plan for plan in self._plans(rng) if plan.stop > first]
        rows = min(self.held * self.block, self.rows)
        with self.open() as file, ThreadPoolExecutor(1) as thread:
            datasets = [file[name] for name in names]
            # two buffers, filled in turns: new memory would cost half as much as reading
            buffers = [[np.empty((rows, *d.shape[1:]), d.dtype) for d in datasets] for _ in plans[:2]]
            coming = [thread.submit(_read, datasets, plan, buffers[0]) for plan in plans[:1]]
            for number, plan in enumerate(plans):
                arrays = coming.pop().result()
                for following in plans[number + 1 : number + 2]:
                    coming.append(thread.submit(_read, datasets, following, buffers[(number + 1) % 2]))
                yield plan.start, arrays, plan.order

    def _plans(self, rng: np.random.Generator | None) -> Iterator[Plan]:
        """What the buffer is filled with, one filling after the other."""
        starts = np.arange(0, self.rows, self.block)
        if rng is not None:
            rng.shuffle(starts)
        done = 0
        for first in range(0, len(starts), self.held):
            parts = [slice(start, min(start + self.block, self.rows)) for start in starts[first : first + self.held]]
            count = sum(part.stop - part.start for part in parts)
            yield Plan(done, done + count, parts, None if rng is None else rng.permutation(count))
            done += count


@dataclass
class Plan:
    """Rows start to stop of the epoch: parts of the file, and the order in which they come out of the buffer."""

    start: int
    stop: int
    parts: list[slice]
    order: np.ndarray | None


def _read(datasets: list[Any], plan: Plan, buffers: Arrays) -> Arrays:
    """The plan's rows of each dataset, at the beginning of its buffer."""
    place = 0
    for part in _joined(plan.parts):
        count = part.stop - part.start
        for dataset, buffer in zip(datasets, buffers, strict=True):
            dataset.read_direct(buffer, np.s_[part], np.s_[place : place + count])
        place += count
    return [buffer[:place] for buffer in buffers]


def _joined(parts: list[slice]) -> Iterator[slice]:
    """The parts, those that follow each other in the file as one."""
    current = parts[0]
    for part in parts[1:]:
        if part.start == current.stop:
            current = slice(current.start, part.stop)
        else:
            yield current
            current = part
    yield current


def _row_bytes(dataset: Any) -> int:
    return math.prod(dataset.shape[1:]) * dataset.dtype.itemsize


def _block_rows(dataset: Any) -> int:
    """As many rows as make BLOCK_BYTES, rounded up to whole chunks."""
    rows = max(1, BLOCK_BYTES // _row_bytes(dataset))
    chunk = dataset.chunks[0] if dataset.chunks else 1
    return -(-rows // chunk) * chunk


class StoredBatches(Source):
    """The batches of an HDF5Data, for training and evaluation."""

    def __init__(self, data: HDF5Data, shape: tuple[int, ...], check: Callable[[Any], Examples]) -> None:
        self.data, self.shape, self.check = data, shape, check
        self.names = [name for name in (data.x, data.y, data.sample_weight) if name is not None]
        with data.open() as file:  # what is wrong with all rows is said before a model is built
            first, *others = (file[name][:1] for name in self.names)
        check((first.reshape(1, *shape), *others))

    def order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return rng.integers(LARGEST_SEED, size=1) if size < len(self.data) else None

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        seed = None if order is None else int(order[0])
        for arrays in _rows(self.data, self.names, size, seed, start * size):
            x, *others = arrays
            examples = self.check((x.reshape(len(x), *self.shape), *others))
            examples.x = _scaled(examples.x, self.data.factor)
            yield examples

    def steps(self, size: int) -> int | None:
        return -(-len(self.data) // size)

    def batch_rows(self, size: int) -> int:
        return min(size, len(self.data))

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.shape


class StoredInputs(Inputs):
    """The rows x of an HDF5Data, for prediction."""

    def __init__(self, data: HDF5Data, who: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.data, self.who, self.row_shape, self.dtype, self.rows = data, who, shape, dtype, len(data)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        done = 0
        for (x,) in _rows(self.data, [self.data.x], size, None, 0):
            rows = x.reshape(len(x), *self.row_shape)
            yield _scaled(finite(self.who, self.data.x, rows, self.dtype, done), self.data.factor)
            done += len(x)

    def steps(self, size: int) -> int | None:
        return -(-len(self.data) // size)


def _rows(data: HDF5Data, names: list[str], size: int, seed: int | None, first: int) -> Iterator[Arrays]:
    """The rows of the datasets in batches of a size, each in arrays of its own, from row `first` of the epoch on."""
    left: list[Arrays] = []  # pieces of the batch that the next buffer completes
    waiting = 0
    for start, arrays, order in data.chunks(names, seed, first):
        place, count = max(first - start, 0), len(arrays[0])
        while place < count:
            part = slice(place, min(place + size - waiting, count))
            # copies: the buffer is filled anew while somebody may still hold the batch
            left.append([array[part].copy() if order is None else array.take(order[part], axis=0) for array in arrays])
            waiting += part.stop - place
            place = part.stop
            if waiting == size:
                yield _together(left)
                left, waiting = [], 0
    if left:
        yield _together(left)


def _together(pieces: list[Arrays]) -> Arrays:
    return pieces[0] if len(pieces) == 1 else [np.concatenate(parts) for parts in zip(*pieces, strict=True)]


def _scaled(rows: np.ndarray, factor: float) -> np.ndarray:
    """The rows, which are nobody else's, times the factor; in place, unless they came through as a read-only view."""
    return rows if factor == 1 else np.multiply(rows, factor, out=rows if rows.flags.writeable else None)
