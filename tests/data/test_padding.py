"""Sequences of several lengths become one array, as Keras 3.15's pad_sequences makes it."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import DataError, SettingError, ShapeError, keras, pad_sequences

RNG = np.random.default_rng(0)
IDS = [[1], [], [2, 3], [4, 5, 6, 7]]
VECTORS = [RNG.normal(size=(steps, 2)) for steps in (3, 1, 0, 5)]
FLOATS = [[1.2], [1.5, 2.3], [1.25, -2.3, 3.4]]
WORDS = [["a"], ["b", "cd"], ["e", "f", "g"]]


def test_the_examples_of_the_keras_reference():
    sequences = [[1], [2, 3], [4, 5, 6]]
    assert pad_sequences(sequences).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6]]
    assert pad_sequences(sequences, value=-1).tolist() == [[-1, -1, 1], [-1, 2, 3], [4, 5, 6]]
    assert pad_sequences(sequences, padding="post").tolist() == [[1, 0, 0], [2, 3, 0], [4, 5, 6]]
    assert pad_sequences(sequences, maxlen=2).tolist() == [[0, 1], [2, 3], [5, 6]]
    assert pad_sequences(sequences).dtype == np.int32
    assert keras.utils.pad_sequences is pad_sequences


@pytest.mark.peers
@pytest.mark.parametrize(
    ("sequences", "dtype", "values"),
    [
        (IDS, "int32", (0.0, 9, -1)),
        (IDS, "int64", (0,)),
        (IDS, "float32", (0.5, np.nan)),
        (IDS, "bool", (0, True)),
        (tuple(np.array(row, int) for row in IDS), np.uint8, (0, 255)),
        (VECTORS, "float32", (0.0, -1.5)),
        (VECTORS, np.float64, (0.0,)),
        (FLOATS, "float32", (0, -1.0)),
        (WORDS, object, ("", "pad", 0)),
        (WORDS, "<U3", ("pad",)),
        (WORDS, "<U1", ("pad",)),
        ([[], []], "int32", (0,)),
        ([[True], [False, True]], "int32", (0,)),
        ([range(3), range(5)], "int32", (0,)),
    ],
)
def test_all_arguments_give_the_arrays_of_keras(sequences, dtype, values):
    theirs = pytest.importorskip("keras").utils.pad_sequences
    for maxlen, padding, truncating in product((None, 1, 2, 3, 8), ("pre", "post"), ("pre", "post")):
        for value in values:
            options = {"maxlen": maxlen, "padding": padding, "truncating": truncating, "value": value, "dtype": dtype}
            ours, wanted = pad_sequences(sequences, **options), theirs(sequences, **options)
            assert ours.dtype == wanted.dtype
            assert ours.shape == wanted.shape
            same = np.array_equal(ours, wanted, equal_nan=True) if ours.dtype.kind == "f" else (ours == wanted).all()
            assert same, options


@given(
    st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=6),
    st.one_of(st.none(), st.integers(1, 8)),
    st.sampled_from(("pre", "post")),
    st.sampled_from(("pre", "post")),
)
def test_the_steps_that_count_are_those_of_the_sequences(sequences, maxlen, padding, truncating):
    padded = pad_sequences(sequences, maxlen, padding=padding, truncating=truncating)
    size = maxlen or max(map(len, sequences))
    assert padded.shape == (len(sequences), size)
    for row, sequence in zip(padded.tolist(), sequences, strict=True):
        kept = sequence[:size] if truncating == "post" else sequence[max(len(sequence) - size, 0) :]
        zeros = [0] * (size - len(kept))
        assert row == (kept + zeros if padding == "post" else zeros + kept)


def test_the_arguments_are_not_changed():
    arrays = [np.arange(3), np.arange(5)]
    pad_sequences(arrays, 4)[:] = 7
    assert [array.tolist() for array in arrays] == [[0, 1, 2], [0, 1, 2, 3, 4]]
    only = np.arange(4, dtype=np.int32)
    padded = pad_sequences([only])
    assert not np.shares_memory(padded, only)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pad_sequences(3), DataError, "must be a list with at least one sequence, got int"),
        (lambda: pad_sequences([]), DataError, r"must be a list with at least one sequence, none in \[\]"),
        (lambda: pad_sequences([1, 2]), DataError, r"sequence 0 is 1, wanted a list .*pad_sequences\(\[sequence\]\)"),
        (lambda: pad_sequences(["ab"]), DataError, "sequence 0 is 'ab', wanted a list or an array"),
        (lambda: pad_sequences([[1], [[2], [3, 4]]]), DataError, "the steps of sequence 1 have different lengths"),
        (lambda: pad_sequences([[1], [], [0.5]]), DataError, r"2 holds 0\.5, which dtype int32 .*dtype='float32'"),
        (lambda: pad_sequences([[1], [2**40]]), DataError, r"sequence 1 holds 1099511627776, which dtype int32"),
        (lambda: pad_sequences([[np.nan]]), DataError, "sequence 0 holds nan, which dtype int32 cannot hold"),
        (lambda: pad_sequences([[1], ["a"]]), DataError, "sequence 1 holds 'a', .*give each string a number first"),
        (
            lambda: pad_sequences([[[1, 2]], [], [[3]]]),
            ShapeError,
            r"2 has steps of shape \(1,\), those before",
        ),
        (lambda: pad_sequences([[1]], 0), SettingError, "maxlen must be an integer of at least 1, got 0"),
        (lambda: pad_sequences([[1]], padding="left"), SettingError, "padding must be one of pre, post, got 'left'"),
        (lambda: pad_sequences([[1]], truncating=1), SettingError, "truncating must be one of pre, post, got 1"),
        (lambda: pad_sequences([[1]], value=0.5), SettingError, r"value 0\.5 does not fit dtype int32"),
        (lambda: pad_sequences([[1]], value="pad"), SettingError, "value 'pad' does not fit dtype int32; for strings"),
        (lambda: pad_sequences([["a"]], dtype="<U3", value=0), SettingError, "value 0 does not fit dtype <U3"),
    ],
)
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=f"pad_sequences: .*{message}"):
        call()
