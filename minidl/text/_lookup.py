"""Vocabularies: tokens, such as words or numbers of articles, become ids 0, ..., n - 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import DataError, NotBuiltError, SettingError
from ..validation import Configured, Validated, boolean, choice, integer, settings_of
from ._tokens import batches, token_array, tokens_in_file


@dataclass(eq=False)
class Lookup(Configured, Validated):
    """The base class of StringLookup and IntegerLookup. kind: the type of the tokens."""

    max_tokens: int | None = integer(2, default=None, optional=True)
    num_oov_indices: int = integer(0, default=1)
    mask_token: Any = None
    oov_token: Any = None
    vocabulary: Any = None
    idf_weights: Any = None
    invert: bool = boolean(default=False)
    output_mode: str = choice("int", "one_hot", "multi_hot", "count", "tf_idf", default="int")
    pad_to_max_tokens: bool = boolean(default=False)

    kind: ClassVar[type] = str

    def __post_init__(self) -> None:
        super().__post_init__()
        self.who = type(self).__name__
        if self.num_oov_indices > 1:
            raise SettingError(f"{self.who}: num_oov_indices must be 0 or 1, got {self.num_oov_indices}")
        if self.invert and self.output_mode != "int":
            raise SettingError(f"{self.who}: invert=True is for output_mode 'int', got {self.output_mode!r}")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise SettingError(f"{self.who}: pad_to_max_tokens=True needs max_tokens")
        for name in ("mask_token", "oov_token"):
            token = getattr(self, name)
            if not (isinstance(token, self.kind) or (token is None and name == "mask_token")):
                raise SettingError(f"{self.who}: {name} must be of type {self.kind.__name__}, got {token!r}")
        self.tokens: list[Any] | None = None  # without the special ones
        self.ids: dict[Any, int] = {}
        self.weights: np.ndarray | None = None  # of all ids, for tf_idf
        if self.vocabulary is not None:
            self.set_vocabulary(self.vocabulary, self.idf_weights)
        elif self.idf_weights is not None:
            raise SettingError(f"{self.who}: idf_weights need the vocabulary that they belong to")

    # ---- the vocabulary

    @property
    def masks(self) -> bool:
        """True if the mask token has an id, 0."""
        return self.mask_token is not None and self.output_mode == "int"

    @property
    def special(self) -> list[Any]:
        """The tokens with the first ids."""
        return [self.mask_token] * self.masks + [self.oov_token] * self.num_oov_indices

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary from an array or a list of tokens, or from an iterable of such batches.

        steps  the number of batches to read; None: all
        """
        self.learn(row for batch in batches(self.who, data, steps) for row in self._rows(batch))

    def _rows(self, batch: Any) -> list[list[Any]]:
        tokens = token_array(self.who, "data", batch, self.kind)
        return tokens.reshape(len(tokens) if tokens.ndim else 1, -1).tolist()

    def learn(self, rows: Iterable[Sequence[Any]]) -> None:
        """Learn the vocabulary from rows of tokens."""
        if self.vocabulary is not None:
            raise SettingError(f"{self.who}: it was made with a vocabulary, so it cannot adapt; make another one")
        counts, documents, number = Counter[Any](), Counter[Any](), 0
        for row in rows:
            counts.update(row)
            documents.update(set(row))
            number += 1
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        limit = None if self.max_tokens is None else self.max_tokens - len(self.special)
        tokens = sorted(counts, key=lambda token: (counts[token], token), reverse=True)[:limit]
        shares = np.array([number / (1 + documents[token]) for token in tokens])
        self._set(tokens, np.log1p(shares) if self.output_mode == "tf_idf" else None)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the tokens, with or without the special ones in front, or read them from a file: a token in each line."""
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            problem = (
                "must be given for output_mode 'tf_idf'" if idf_weights is None else "are for output_mode 'tf_idf'"
            )
            raise SettingError(f"{self.who}: idf_weights {problem}; its output_mode is {self.output_mode!r}")
        listed = tokens_in_file(vocabulary, self.kind) if isinstance(vocabulary, str | Path) else vocabulary
        given = token_array(self.who, "vocabulary", listed, self.kind).ravel().tolist()
        idf = None if idf_weights is None else np.asarray(idf_weights, np.float64)
        if idf is not None and idf.shape != (len(given),):
            raise SettingError(f"{self.who}: idf_weights must be {len(given)} numbers, got shape {idf.shape}")
        front = len(self.special) if given[: len(self.special)] == self.special else 0
        self._check_tokens(given[front:])
        self._set(given[front:], None if idf is None else idf[front:])
        if idf is not None and front:
            self.weights = idf.astype(np.float32)

    def _check_tokens(self, tokens: list[Any]) -> None:
        size = len(self.special) + len(tokens)
        if not tokens:
            raise SettingError(f"{self.who}: the vocabulary is empty")
        if repeated := [token for token, count in Counter(tokens).items() if count > 1]:
            raise SettingError(f"{self.who}: the vocabulary holds {repeated[0]!r} more than once")
        if self.mask_token is not None and self.mask_token in tokens:
            raise SettingError(f"{self.who}: the vocabulary holds the mask token {self.mask_token!r}; leave it out")
        if self.max_tokens is not None and size > self.max_tokens:
            raise SettingError(f"{self.who}: a vocabulary of {size}, special tokens included, is above max_tokens")

    def _set(self, tokens: list[Any], idf: np.ndarray | None) -> None:
        first = len(self.special)
        self.tokens, self.weights = tokens, None
        self.ids = {token: first + number for number, token in enumerate(tokens)}
        if self.masks:
            self.ids[self.mask_token] = 0
        if idf is not None:  # the weight of an unknown token is the mean, as in Keras
            mean = idf.mean() if len(idf) else 0.0
            self.weights = np.append(np.full(first, mean), idf).astype(np.float32)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens in the order of their ids."""
        if self.tokens is None:
            raise NotBuiltError(f"{self.who}: there is no vocabulary yet; call adapt(data) or set_vocabulary(tokens)")
        return [*self.special, *self.tokens] if include_special_tokens else list(self.tokens)

    def vocabulary_size(self) -> int:
        """Return the number of ids, special tokens included."""
        return len(self.get_vocabulary())

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name with the vocabulary, a dict for `from_config` that JSON can hold."""
        if self.tokens is None:
            return settings_of(self)
        weights = None if self.weights is None else self.weights.tolist()
        return settings_of(self) | {"vocabulary": self.get_vocabulary(), "idf_weights": weights}

    # ---- tokens as numbers

    def __call__(self, x: Any) -> np.ndarray:
        """Return the numbers of tokens in an array or a list; with invert the tokens of ids."""
        self.get_vocabulary()
        if self.invert:
            return self._inverted(token_array(self.who, "x", x, int))
        tokens = token_array(self.who, "x", x, self.kind)
        if self.output_mode == "int":
            return np.array(self.ids_of(tokens.ravel().tolist()), np.int64).reshape(tokens.shape)
        steps = tokens.shape[-1] if tokens.ndim else 1
        outer = tokens.shape[:-1]
        if self.output_mode == "one_hot":
            outer = outer if tokens.ndim > 1 and steps == 1 else tokens.shape
            steps = 1
        return self.encode(tokens.reshape(-1, steps).tolist()).reshape(*outer, -1)

    def _inverted(self, ids: np.ndarray) -> np.ndarray:
        vocabulary = self.get_vocabulary()
        found = [vocabulary[n] if 0 <= n < len(vocabulary) else self.oov_token for n in ids.ravel().tolist()]
        return np.array(found, self.kind).reshape(ids.shape)

    def ids_of(self, tokens: Iterable[Any]) -> list[int]:
        """Return the id of each token."""
        if self.num_oov_indices:
            unknown = int(self.masks)
            return [self.ids.get(token, unknown) for token in tokens]
        try:
            return [self.ids[token] for token in tokens]
        except KeyError as error:
            remedy = "with num_oov_indices=1 unknown tokens have an id"
            raise DataError(f"{self.who}: {error.args[0]!r} is not in the vocabulary; {remedy}") from None

    def encode(self, rows: Sequence[Sequence[Any]]) -> np.ndarray:
        """Return (rows, n): which tokens are in each row, how often, or by how much."""
        width = self.vocabulary_size()
        if self.pad_to_max_tokens and self.max_tokens is not None:
            width = self.max_tokens
        counts = np.zeros((len(rows), width), np.int64)
        for number, row in enumerate(rows):
            np.add.at(counts[number], self.ids_of(token for token in row if token != self.mask_token), 1)
        if self.weights is not None:
            weights = np.zeros(width, np.float32)
            weights[: len(self.weights)] = self.weights
            return counts.astype(np.float32) * weights
        return counts if self.output_mode == "count" else np.minimum(counts, 1)


@dataclass(eq=False)
class StringLookup(Lookup):
    """Give each string of a vocabulary an id, as Keras's layer of this name: StringLookup(vocabulary=["cat", "dog"]).

    The most frequent string of `adapt` has the smallest id; of equally frequent ones that which comes later in the
    alphabet. The mask token and the token for unknown strings come before them.

    max_tokens         the largest size of the vocabulary with its special tokens; None: no limit
    num_oov_indices    1: unknown strings have the id of oov_token; 0: they raise DataError
    mask_token         has id 0; it is left out if output_mode is not "int"
    vocabulary         strings, or a file with one in each line; then there is no `adapt`
    idf_weights        of each string in the vocabulary, for "tf_idf"
    invert             return the strings of ids
    output_mode        "int": ids in the shape of x; "one_hot": (...) -> (..., n), or (..., 1) -> (..., n).
                       Of x (..., steps) -> (..., n): "multi_hot": 1 for each string in it; "count": how often;
                       "tf_idf": count times log(1 + rows / (1 + rows with the string))
    pad_to_max_tokens  n is max_tokens, not the size of the vocabulary
    """

    oov_token: Any = "[UNK]"


@dataclass(eq=False)
class IntegerLookup(Lookup):
    """Give each integer of a vocabulary an id, as Keras's layer of this name. The settings are StringLookup's."""

    oov_token: Any = -1

    kind: ClassVar[type] = int
