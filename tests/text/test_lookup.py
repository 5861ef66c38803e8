"""StringLookup and IntegerLookup give Keras's ids. TextVectorization's stored cases are in the same file."""

import json

import numpy as np
import pandas as pd
import pytest

from minidl import DataError, NotBuiltError, SettingError, text
from minidl.text import IntegerLookup, StringLookup
from tests.oracles.make_keras_text import PATH, cases, made


def test_vocabularies_and_numbers_are_those_of_keras():
    stored = json.loads(PATH.read_text(encoding="utf-8"))
    for (name, settings, data, called), (vocabulary, dtype, wanted) in zip(cases(), stored, strict=True):
        lookup = made(text, name, settings, data)
        again = type(lookup).from_config(json.loads(json.dumps(lookup.get_config())))
        for one in (lookup, again):
            numbers = one(called)
            assert [str(token) for token in one.get_vocabulary()] == vocabulary, settings
            assert numbers.dtype == dtype, settings
            assert np.shape(wanted) == numbers.shape, settings
            assert np.allclose(numbers, wanted, rtol=1e-6, atol=0), settings


def test_the_examples_of_the_keras_reference():
    lookup = StringLookup(vocabulary=["a", "b", "c", "d"])
    assert lookup([["a", "c", "d"], ["d", "z", "b"]]).tolist() == [[1, 3, 4], [4, 0, 2]]
    lookup = StringLookup()
    lookup.adapt([["a", "c", "d"], ["d", "z", "b"]])
    assert lookup.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    lookup = StringLookup(vocabulary=["a", "b", "c", "d"], output_mode="multi_hot")
    assert lookup([["a", "c", "d", "d"], ["d", "z", "b", "z"]]).tolist() == [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]
    lookup = StringLookup(vocabulary=["a", "b", "c", "d"], idf_weights=[0.25, 0.75, 0.6, 0.4], output_mode="tf_idf")
    found = lookup([["a", "c", "d", "d"], ["d", "z", "b", "z"]])
    assert np.allclose(found, [[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]])
    inverse = StringLookup(vocabulary=["a", "b", "c", "d"], invert=True)
    assert inverse([[1, 3, 4], [4, 0, 2]]).tolist() == [["a", "c", "d"], ["d", "[UNK]", "b"]]
    lookup = IntegerLookup(vocabulary=[12, 36, 1138, 42])
    assert lookup([[12, 1138, 42], [42, 1000, 36]]).tolist() == [[1, 3, 4], [4, 0, 2]]


def test_ids_and_tokens_are_inverse():
    words = ["b", "a", "c", "a"]
    lookup = StringLookup(mask_token="")
    lookup.adapt(words)
    inverse = StringLookup(vocabulary=lookup.get_vocabulary(), mask_token="", invert=True)
    assert inverse(lookup(words)).tolist() == words
    assert inverse([0, 1, 99, -1]).tolist() == ["", "[UNK]", "[UNK]", "[UNK]"]
    numbers = IntegerLookup(vocabulary=[7, 5], invert=True)
    assert numbers([2, 1, 0]).tolist() == [5, 7, -1]


def test_data_come_in_many_forms(tmp_path):
    words = ["b", "a", "b"]
    wanted = [1, 2, 1]
    for data in (words, tuple(words), np.array(words), np.array(words, "S"), pd.Series(words), ([w] for w in words)):
        lookup = StringLookup()
        lookup.adapt(data)
        assert lookup.get_vocabulary() == ["[UNK]", "b", "a"]
        assert lookup(words).tolist() == wanted
    assert lookup("a").tolist() == 2
    assert lookup(np.array([["a"], ["x"]], object)).tolist() == [[2], [0]]
    assert lookup([]).shape == (0,)
    file = tmp_path / "words.txt"
    file.write_text("b\na\n", encoding="utf-8")
    assert StringLookup(vocabulary=file)(words).tolist() == wanted
    assert IntegerLookup(vocabulary=pd.Series([4, 9]))([9, 4, 1]).tolist() == [2, 1, 0]
    file.write_text("4\n9", encoding="utf-8")
    assert IntegerLookup(vocabulary=str(file))([9, 4, 1]).tolist() == [2, 1, 0]


def test_only_some_batches_are_read():
    lookup = StringLookup()
    lookup.adapt(iter([["a"], ["b"], ["c"]]), steps=2)
    assert lookup.get_vocabulary(include_special_tokens=False) == ["b", "a"]


def test_adapt_begins_anew():
    lookup = StringLookup()
    lookup.adapt(["a", "b"])
    lookup.adapt(["c"])
    assert lookup.get_vocabulary() == ["[UNK]", "c"]
    lookup.set_vocabulary(["x"])
    assert lookup(["x", "c"]).tolist() == [1, 0]


def test_the_list_of_tokens_is_a_copy():
    lookup = StringLookup(vocabulary=["a", "b"])
    lookup.get_vocabulary().append("c")
    lookup.get_vocabulary(include_special_tokens=False).append("c")
    assert lookup.vocabulary_size() == 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: StringLookup()(["a"]), NotBuiltError, r"there is no vocabulary yet; call adapt\(data\) or set_voc"),
        (lambda: StringLookup(vocabulary=["a"]).adapt(["b"]), SettingError, "with a vocabulary, so it cannot adapt"),
        (lambda: StringLookup(vocabulary=[]), SettingError, "the vocabulary is empty"),
        (lambda: StringLookup(vocabulary=["a", "b", "a"]), SettingError, "the vocabulary holds 'a' more than once"),
        (lambda: StringLookup(vocabulary=["a", ""], mask_token=""), SettingError, "holds the mask token ''; leave it"),
        (lambda: StringLookup(vocabulary=["a", "b"], max_tokens=2), SettingError, "a vocabulary of 3, special tokens"),
        (lambda: StringLookup(max_tokens=1), SettingError, "max_tokens must be an integer of at least 2, got 1"),
        (lambda: StringLookup(num_oov_indices=2), SettingError, "num_oov_indices must be 0 or 1, got 2"),
        (lambda: StringLookup(output_mode="ints"), SettingError, "output_mode must be one of int, one_hot, multi_hot"),
        (lambda: StringLookup(invert=True, output_mode="count"), SettingError, "invert=True is for output_mode 'int'"),
        (lambda: StringLookup(pad_to_max_tokens=True), SettingError, "pad_to_max_tokens=True needs max_tokens"),
        (lambda: StringLookup(mask_token=0), SettingError, "mask_token must be of type str, got 0"),
        (lambda: StringLookup(oov_token=None), SettingError, "oov_token must be of type str, got None"),
        (lambda: StringLookup(idf_weights=[1.0]), SettingError, "idf_weights need the vocabulary"),
        (
            lambda: StringLookup(vocabulary=["a"], idf_weights=[1.0]),
            SettingError,
            "idf_weights are for output_mode 'tf_idf'; its output_mode is 'int'",
        ),
        (
            lambda: StringLookup(vocabulary=["a"], output_mode="tf_idf"),
            SettingError,
            "idf_weights must be given for output_mode 'tf_idf'",
        ),
        (
            lambda: StringLookup(vocabulary=["a"], output_mode="tf_idf", idf_weights=[1.0, 2.0]),
            SettingError,
            r"idf_weights must be 1 numbers, got shape \(2,\)",
        ),
        (
            lambda: StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]),
            DataError,
            "'b' is not in the vocabulary; with num_oov_indices=1 unknown tokens have an id",
        ),
        (lambda: StringLookup(vocabulary=["a"])(["a", 3]), DataError, r"x\[1\] is 3, not a string; pass strings"),
        (lambda: StringLookup(vocabulary=["a"])([["a"], ["b", "a"]]), DataError, "lists of several lengths have no"),
        (lambda: StringLookup().adapt(3), DataError, "adapt needs an array, a list or batches, got int"),
        (lambda: StringLookup().adapt(["a"], steps=1), SettingError, "steps is for data that yields batches, not for"),
        (lambda: IntegerLookup(vocabulary=[1])([1.0]), DataError, "x has dtype float64, wanted integers"),
        (lambda: IntegerLookup(vocabulary=["a"]), DataError, "vocabulary has dtype <U1"),
        (lambda: IntegerLookup(mask_token="0"), SettingError, "mask_token must be of type int, got '0'"),
    ],
)
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=f"(String|Integer)Lookup: .*{message}"):
        call()
