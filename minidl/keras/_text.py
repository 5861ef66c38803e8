"""Keras's layers that turn texts and categories into numbers. Here they prepare data, before a model gets them."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from .. import text as core
from ..errors import SettingError
from ._layer import Common
from ._tensors import KerasTensor

REMEDY = "it prepares data: call it on arrays or lists, and pass what it returns to fit"


def _check(who: str, **others: tuple[Any, Any]) -> None:
    """Raise SettingError for a setting that minidl does not have. others: {name: (value, the only one)}."""
    for name, (value, only) in others.items():
        if value != only:
            raise SettingError(f"{who}: minidl has only {name}={only!r}, got {value!r}")


class Preparation:
    """What is called on data alone."""

    def __call__(self, x: Any) -> np.ndarray:
        if isinstance(x, KerasTensor):
            raise SettingError(f"{type(self).__name__} is not a part of a model; {REMEDY}")
        numbers: np.ndarray = super().__call__(x)  # type: ignore[misc]
        return numbers


class TextVectorization(Preparation, core.TextVectorization):
    """Turn texts into arrays: adapt(texts), then model.fit(layer(texts), y). It is not a part of a model."""

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **common: Unpack[Common],
    ) -> None:
        _check("TextVectorization", sparse=(sparse, False), ragged=(ragged, False), encoding=(encoding, "utf-8"))
        self.name = common.get("name") or "text_vectorization"
        tokens = (max_tokens, standardize, split, ngrams, output_mode, output_sequence_length, pad_to_max_tokens)
        super().__init__(*tokens, vocabulary, idf_weights)


class StringLookup(Preparation, core.StringLookup):
    """Give strings ids, or ids strings. It is not a part of a model: pass what it returns to `fit`."""

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        salt: Any = None,
        **common: Unpack[Common],
    ) -> None:
        _check("StringLookup", sparse=(sparse, False), encoding=(encoding, "utf-8"), salt=(salt, None))
        self.name = common.get("name") or "string_lookup"
        special = (max_tokens, num_oov_indices, mask_token, oov_token)
        super().__init__(*special, vocabulary, idf_weights, invert, output_mode, pad_to_max_tokens)


class IntegerLookup(Preparation, core.IntegerLookup):
    """Give integers ids, or ids integers. It is not a part of a model: pass what it returns to `fit`."""

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        **common: Unpack[Common],
    ) -> None:
        _check("IntegerLookup", sparse=(sparse, False), vocabulary_dtype=(vocabulary_dtype, "int64"))
        _check("IntegerLookup", oov_method=(oov_method, "floormod"), salt=(salt, None))
        self.name = common.get("name") or "integer_lookup"
        special = (max_tokens, num_oov_indices, mask_token, oov_token)
        super().__init__(*special, vocabulary, idf_weights, invert, output_mode, pad_to_max_tokens)
