"""The random numbers of a model: three streams, split off from its seed.

A script that draws its data from `np.random.default_rng(0)` and trains a model with `seed=0` would otherwise use the
same numbers twice: the first kernel would be the first row of the data. NumPy's `SeedSequence` makes streams that do
not meet (O'Neill 2014; Salmon et al. 2011).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import SettingError
from .validation import check_integer

OWN = int.from_bytes(b"minidl")  # the number of minidl's branch of a seed; `spawn` counts from 0 and never reaches it
_script: np.random.SeedSequence | None = None  # where models without a seed take theirs


@dataclass
class Streams:
    """The generators of one model.

    weights  draws initial values
    masks    draws dropout masks and noise
    order    draws the order of the rows in each epoch
    """

    weights: np.random.Generator
    masks: np.random.Generator
    order: np.random.Generator

    @classmethod
    def split(cls, seed: int | Sequence[int] | None) -> Streams:
        """The streams of a seed; None: of the next seed of the script, which `set_random_seed` determines."""
        return cls(*(np.random.default_rng(part) for part in new_sequence(seed).spawn(3)))

    @classmethod
    def single(cls, rng: np.random.Generator) -> Streams:
        """One generator for everything, as models of minidl 0.1 have it."""
        return cls(rng, rng, rng)

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states of the generators, from which they go on."""
        return [dict(rng.bit_generator.state) for rng in self]

    def __iter__(self) -> Iterator[np.random.Generator]:
        return iter((self.weights, self.masks, self.order))


def legacy_order(count: int, seed: int) -> np.ndarray:
    """Return the order in which NumPy's generator of before 1.17 shuffles so many things; Keras uses it for files."""
    numbers = np.arange(count)
    np.random.RandomState(seed).shuffle(numbers)
    return numbers


def new_sequence(seed: int | Sequence[int] | None) -> np.random.SeedSequence:
    """minidl's branch of a seed; None: the next branch of the script's seed."""
    global _script
    if seed is not None:
        return np.random.SeedSequence(seed, spawn_key=(OWN,))
    if _script is None:
        _script = np.random.SeedSequence()
    return _script.spawn(1)[0]


class GlobalGenerators:
    """The states of Python's `random` and NumPy's `np.random` at one moment, for functions that draw from them."""

    def __init__(self) -> None:
        self.python, self.numpy = random.getstate(), np.random.get_state()  # noqa: NPY002

    @property
    def are_unchanged(self) -> bool:
        """True if nothing was drawn since."""
        now = GlobalGenerators()
        same = all(map(np.array_equal, self.numpy, now.numpy))
        return same and self.python == now.python

    def restore(self) -> None:
        """Set both back to these states."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002


def set_random_seed(seed: int) -> None:
    """Make a script reproducible: seed Python's `random`, NumPy's `np.random`, and everything in minidl without a seed.

    Models and data sets that are given a seed of their own do not depend on it. seed: an integer in [0, 2^32).
    """
    global _script
    if check_integer("set_random_seed", "seed", seed, 0) >= 2**32:
        raise SettingError(f"set_random_seed: seed must be less than 2^32, as NumPy wants it, got {seed!r}")
    random.seed(int(seed))
    np.random.seed(seed)  # noqa: NPY002  scripts and scikit-learn still draw from it
    _script = np.random.SeedSequence(seed, spawn_key=(OWN,))
