"""Rows of HDF5 files, which may be larger than memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..validation import Validated, integer, real
from ._adapters import ClassWeight, DataSpec, DiskData, Inputs
from ._batches import Examples, Source
from ._validation import numbers

BLOCK_BYTES = 2**20  # read at once: much more than a seek costs, much less than a buffer
LARGEST_SEED = 2**63 - 1  # the largest number that the generator draws

Arrays = list[np.ndarray]


@dataclass
class HDF5Data(DiskData, Validated):
    """Rows of datasets in an HDF5 file, read while the model trains: fit(HDF5Data("cats.h5", x="train_set_x", y=...)).

    x              the dataset (m, features ...); the model gets its rows in the shape that it takes, flat or as stored
    y              the dataset (m,) or (m, outputs); not needed to predict
    sample_weight  the dataset (m,), if there is one
    scale          the factor of x; None: 1 / 255 for uint8, as in photographs, else 1; ids stay as they are
    buffer         bytes of x in memory; there are two buffers, one to train on and one being filled

    To shuffle the rows, the blocks of the file are shuffled, some of them fill the buffer, and its rows are shuffled.
    So rows that are far apart in the file can be in one batch, but not all orders are possible. A block has about 1
    MiB, in whole chunks of the dataset. One seed, drawn from the model's generator, determines the order of an epoch.

    The file is open only while rows are read. Raises FileNotFoundError; DataError for datasets that are not as above.
    """

    path: str | Path
    x: str
    y: str | None = None
    sample_weight: str | None = field(default=None, kw_only=True)
    scale: float | None = real(default=None, optional=True, kw_only=True)
    buffer: int = integer(1, default=2**26, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
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
        """Open the file for reading. Raise DataError for damage that HDF5 finds, here or while rows are read."""
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

    def first(self, who: str) -> tuple[Any, Any, Any]:
        if self.y is None:
            raise DataError(f"{who}: y is missing; name its dataset: HDF5Data(path, x={self.x!r}, y=...)")
        with self.open() as file:
            x, y, *weight = (file[name][:1] for name in self.names)
        return x, y, weight[0] if weight else None

    @property
    def names(self) -> list[str]:
        """The names of the datasets, x first."""
        return [name for name in (self.x, self.y, self.sample_weight) if name is not None]

    def source(self, who: str, spec: DataSpec, class_weight: ClassWeight) -> Source:
        return HDF5Batches(
            self, who, replace(spec, row_shape=self.fitting_shape(who, self.x, spec.row_shape)), class_weight
        )

    def inputs(self, who: str, row_shape: tuple[int, ...], dtype: np.dtype[Any], vocabulary: int | None) -> Inputs:
        shape = self.fitting_shape(who, self.x, row_shape)
        return Inputs(self.rows, self.steps, lambda size: _scaled_inputs(self, who, shape, dtype, vocabulary, size))

    def scaled(self, x: np.ndarray, vocabulary: int | None) -> np.ndarray:
        """Return rows of x times the factor, ids as they are. A copy is changed, a read-only view is not."""
        if self.factor == 1 or vocabulary is not None:
            return x
        return np.multiply(x, self.factor, out=x if x.flags.writeable else None)

    def steps(self, size: int) -> int:
        """Return the number of batches of this size."""
        return -(-self.rows // size)

    def chunks(self, names: list[str], seed: int | None, first: int) -> Iterator[tuple[int, Arrays, np.ndarray | None]]:
        """Yield full buffers: (number of the first row, the datasets' arrays, their order).

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
        """Yield the parts of the file that fill the buffer, one filling after the other."""
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
    """Rows start to stop of an epoch: parts of the file to read, and the order in which their rows are used."""

    start: int
    stop: int
    parts: list[slice]
    order: np.ndarray | None


def _read(datasets: list[Any], plan: Plan, buffers: Arrays) -> Arrays:
    """Read the plan's rows of each dataset to the beginning of its buffer. Return these rows."""
    place = 0
    for part in _joined(plan.parts):
        count = part.stop - part.start
        for dataset, buffer in zip(datasets, buffers, strict=True):
            dataset.read_direct(buffer, np.s_[part], np.s_[place : place + count])
        place += count
    return [buffer[:place] for buffer in buffers]


def _joined(parts: list[slice]) -> Iterator[slice]:
    """Yield the parts; those that follow each other in the file are joined into one."""
    current = parts[0]
    for part in parts[1:]:
        if part.start == current.stop:
            current = slice(current.start, part.stop)
        else:
            yield current
            current = part
    yield current


def _row_bytes(dataset: Any) -> int:
    return int(math.prod(dataset.shape[1:]) * dataset.dtype.itemsize)


def _block_rows(dataset: Any) -> int:
    """Return the number of rows in BLOCK_BYTES, rounded up to whole chunks."""
    rows = max(1, BLOCK_BYTES // _row_bytes(dataset))
    chunk: int = dataset.chunks[0] if dataset.chunks else 1
    return int(-(-rows // chunk) * chunk)


class HDF5Batches(Source):
    """The batches of an HDF5Data, for training and evaluation."""

    def __init__(self, data: HDF5Data, who: str, spec: DataSpec, class_weight: ClassWeight) -> None:
        self.data, self.who, self.spec, self.class_weight = data, who, spec, class_weight
        self._check(data.first(who))  # a mistake in all rows is found before a model is built

    def _check(self, rows: Iterable[np.ndarray | None]) -> Examples:
        x, y, *weight = rows
        x = x.reshape(len(x), *self.spec.row_shape)  # type: ignore[union-attr, arg-type]  # only a weight may be None
        return self.spec.examples(self.who, x, y, weight[0] if weight else None, self.class_weight)

    def epoch_order(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        return rng.integers(LARGEST_SEED, size=1) if size < len(self.data) else None

    def batches(self, size: int, order: np.ndarray | None = None, start: int = 0) -> Iterator[Examples]:
        seed = None if order is None else int(order[0])
        for arrays in _rows(self.data, self.data.names, size, seed, start * size):
            examples = self._check(arrays)
            examples.x = self.data.scaled(examples.x, self.spec.vocabulary)
            yield examples

    def steps(self, size: int) -> int:
        return self.data.steps(size)

    @property
    def rows(self) -> float:
        return len(self.data)

    def batch_rows(self, size: int) -> int:
        return min(size, len(self.data))

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.spec.row_shape


def _scaled_inputs(
    data: HDF5Data, who: str, row_shape: tuple[int, ...], dtype: np.dtype[Any], vocabulary: int | None, size: int
) -> Iterator[np.ndarray]:
    done = 0
    for (x,) in _rows(data, [data.x], size, None, 0):
        rows = numbers(who, data.x, x.reshape(len(x), *row_shape), dtype, vocabulary, done)
        yield data.scaled(rows, vocabulary)
        done += len(x)


def _rows(data: HDF5Data, names: list[str], size: int, seed: int | None, first: int) -> Iterator[Arrays]:
    """Yield the rows of the datasets in batches of a size, in new arrays, from row `first` of the epoch on."""
    left: list[Arrays] = []  # parts of the batch that the next buffer completes
    waiting = 0
    for start, arrays, order in data.chunks(names, seed, first):
        place, count = max(first - start, 0), len(arrays[0])
        while place < count:
            part = slice(place, min(place + size - waiting, count))
            # copies: the buffer is filled again while the batch may still be in use
            left.append([array[part].copy() if order is None else array.take(order[part], axis=0) for array in arrays])
            waiting += part.stop - place
            place = part.stop
            if waiting == size:
                yield _concatenated(left)
                left, waiting = [], 0
    if left:
        yield _concatenated(left)


def _concatenated(pieces: list[Arrays]) -> Arrays:
    return pieces[0] if len(pieces) == 1 else [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
