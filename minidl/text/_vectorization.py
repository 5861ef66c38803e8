"""Texts become arrays: standardized, split into tokens, and these given numbers."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..data import pad_sequences
from ..errors import DataError, SettingError
from ..validation import (
    Configured,
    Validated,
    boolean,
    check_choice,
    check_integer,
    choice,
    integer,
    setting,
    settings_of,
)
from ._lookup import StringLookup
from ._tokens import batches, token_array

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # Keras leaves other capitals as they are
STRIP = dict.fromkeys(map(ord, string.punctuation))
STANDARDS = {"lower_and_strip_punctuation": LOWER | STRIP, "lower": LOWER, "strip_punctuation": STRIP}
SPLITS: dict[str, Callable[[str], list[str]]] = {"whitespace": re.compile(r"\S+", re.ASCII).findall, "character": list}


def _choice_or_function(choices: tuple[str, ...], who: str, name: str, value: Any) -> Any:
    return value if callable(value) else check_choice(who, name, value, choices)


def _check_ngrams(who: str, name: str, value: Any) -> tuple[int, ...]:
    """Return the numbers of tokens in a row: of 2, (1, 2)."""
    if isinstance(value, list | tuple):
        return tuple(check_integer(who, name, width, 1) for width in value)
    return tuple(range(1, check_integer(who, name, value, 1) + 1))


@dataclass(eq=False)
class TextVectorization(Configured, Validated):
    """Turn texts into arrays, as Keras's layer of this name: vectorize.adapt(texts), then x = vectorize(texts).

    A text is standardized and split into tokens, and each token has an id: 0 pads short texts, 1 stands for unknown
    tokens, 2 is the most frequent token of `adapt`; of equally frequent ones the later in the alphabet comes first.

    max_tokens              the largest size of the vocabulary, the two special tokens included; None: no limit
    standardize             "lower_and_strip_punctuation" (of ASCII), "lower", "strip_punctuation", None, or a function
                            of an array of texts that returns one of the same shape
    split                   "whitespace", "character", None for texts that are tokens, or a function of an array of
                            texts that returns a list of tokens for each
    ngrams                  2: also pairs of neighbouring tokens, with a space between them; (2, 3): pairs and triples
    output_mode             "int": ids (m, steps), of the longest text; "multi_hot", "count", "tf_idf": (m, n), as for
                            `StringLookup`; n is vocabulary_size(), and id 0 stands for unknown tokens
    output_sequence_length  steps for "int": longer texts lose their end, shorter ones are padded
    pad_to_max_tokens       n is max_tokens, not the size of the vocabulary
    vocabulary              tokens, or a file with one in each line; then there is no `adapt`
    idf_weights             of each token in the vocabulary, for "tf_idf"

    Raises DataError for what is not a text, NotBuiltError without a vocabulary.
    """

    max_tokens: int | None = integer(2, default=None, optional=True)
    standardize: Any = setting(
        partial(_choice_or_function, tuple(STANDARDS)), default="lower_and_strip_punctuation", optional=True
    )
    split: Any = setting(partial(_choice_or_function, tuple(SPLITS)), default="whitespace", optional=True)
    ngrams: Any = setting(_check_ngrams, default=None, optional=True)
    output_mode: str = choice("int", "multi_hot", "count", "tf_idf", default="int")
    output_sequence_length: int | None = integer(1, default=None, optional=True)
    pad_to_max_tokens: bool = boolean(default=False)
    vocabulary: Any = None
    idf_weights: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.who = type(self).__name__
        if self.output_sequence_length is not None and self.output_mode != "int":
            raise SettingError(f"{self.who}: output_sequence_length is for output_mode 'int', got {self.output_mode!r}")
        if self.ngrams is not None and self.split is None:
            raise SettingError(f"{self.who}: ngrams need texts that are split, got split=None")
        shared: Any = {name: getattr(self, name) for name in ("max_tokens", "vocabulary", "idf_weights")}
        shared |= {"output_mode": self.output_mode, "pad_to_max_tokens": self.pad_to_max_tokens}
        self.lookup = StringLookup(mask_token="", **shared)

    # ---- the vocabulary

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary from a list or an array of texts, or from an iterable of such batches.

        batch_size  changes nothing: memory holds the counts of the tokens alone
        steps       the number of batches to read; None: all
        """
        self.lookup.learn(row for batch in batches(self.who, data, steps) for row in self.tokens(batch))

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the tokens, with or without the special ones in front, or read them from a file: a token in each line."""
        self.lookup.set_vocabulary(vocabulary, idf_weights)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the tokens in the order of their ids: "", "[UNK]", ...; without "" if output_mode is not "int"."""
        return self.lookup.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return the number of ids, special tokens included: the input_dim of an `Embedding`."""
        return self.lookup.vocabulary_size()

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name with the vocabulary, a dict for `from_config` that JSON can hold.

        A function that standardizes or splits is in it as it is.
        """
        learned = self.lookup.get_config()
        return settings_of(self) | {name: learned[name] for name in ("vocabulary", "idf_weights")}

    # ---- texts as numbers

    def __call__(self, texts: Any) -> np.ndarray:
        """Return the array of texts (m,) or (m, 1), or of one text."""
        self.get_vocabulary()
        given = token_array(self.who, "texts", texts, str)
        if self.split is None:
            return self._shortened(self.lookup(self._standardized(given)))
        rows = self._split(given)
        if self.output_mode == "int":
            ids = [self.lookup.ids_of(row) for row in rows]
            options: Any = {"padding": "post", "truncating": "post"}
            encoded = pad_sequences(ids, self.output_sequence_length, "int64", **options)
        else:
            encoded = self.lookup.encode(rows)
        return encoded if given.ndim else encoded[0]

    def tokens(self, texts: Any) -> list[list[str]]:
        """Return the tokens of each text."""
        given = token_array(self.who, "texts", texts, str)
        if self.split is None:
            return self._standardized(given).reshape(len(given) if given.ndim else 1, -1).tolist()
        return self._split(given)

    def _split(self, given: np.ndarray) -> list[list[str]]:
        if given.ndim > 2 or given.shape[1:] not in ((), (1,)):
            raise DataError(f"{self.who}: texts have shape {given.shape}, wanted (m,) or (m, 1); or pass split=None")
        texts = self._standardized(given.reshape(-1))
        if callable(self.split):
            rows = [list(map(str, row)) for row in self.split(np.array(texts, str))]
            if len(rows) != len(texts):
                raise DataError(f"{self.who}: split returned {len(rows)} lists of tokens for {len(texts)} texts")
        else:
            rows = [SPLITS[self.split](text) for text in texts]
        return rows if self.ngrams is None else [_ngrams(row, self.ngrams) for row in rows]

    def _standardized(self, texts: np.ndarray) -> np.ndarray:
        if self.standardize is None:
            return texts
        if not callable(self.standardize):
            table = STANDARDS[self.standardize]
            return np.array([text.translate(table) for text in texts.flat], object).reshape(texts.shape)
        changed = token_array(self.who, "what standardize returns", self.standardize(texts.astype(str)), str)
        if changed.shape != texts.shape:
            raise DataError(f"{self.who}: standardize returned shape {changed.shape} for texts of shape {texts.shape}")
        return changed

    def _shortened(self, ids: np.ndarray) -> np.ndarray:
        """Return ids (..., steps) with output_sequence_length steps."""
        steps = self.output_sequence_length
        if steps is None:
            return ids
        if ids.ndim < 2:
            raise DataError(f"{self.who}: output_sequence_length needs tokens (m, steps), got shape {ids.shape}")
        kept = ids[..., :steps]
        return np.pad(kept, [(0, 0)] * (ids.ndim - 1) + [(0, steps - kept.shape[-1])])


def _ngrams(tokens: Sequence[str], widths: tuple[int, ...]) -> list[str]:
    """Return all rows of as many neighbouring tokens as each width."""
    return [" ".join(tokens[first : first + width]) for width in widths for first in range(len(tokens) - width + 1)]
