"""Texts become arrays: Keras's examples, scikit-learn's counts, and every form in which texts come.

The numbers of Keras for random texts are compared in test_lookup.py.
"""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from minidl import DataError, NotBuiltError, Sequential, SettingError
from minidl.layers import Dense, Sigmoid
from minidl.text import TextVectorization

TEXTS = ["foo bar", "bar baz", "baz bada boom"]


def adapted(texts=TEXTS, **settings):
    vectorize = TextVectorization(**settings)
    vectorize.adapt(texts)
    return vectorize


def test_the_examples_of_the_keras_reference():
    vectorize = adapted(max_tokens=5000, output_sequence_length=4)
    assert vectorize([["foo qux bar"], ["qux baz"]]).tolist() == [[4, 1, 3, 0], [1, 2, 0, 0]]
    vectorize = TextVectorization(output_sequence_length=4, vocabulary=["earth", "wind", "and", "fire"])
    assert vectorize.get_vocabulary() == ["", "[UNK]", "earth", "wind", "and", "fire"]
    assert vectorize.vocabulary_size() == 6


def test_keras_tests_of_other_settings():
    words = ["hello", "world", "this", "is", "nice", "test"]
    vectorize = TextVectorization(vocabulary=words)
    assert vectorize(["Hello, World!. This is just a nice test!"]).tolist() == [[2, 3, 4, 5, 1, 1, 6, 7]]
    vectorize = TextVectorization(split="character", vocabulary=list("abcde"))
    assert vectorize(["abcf"]).tolist() == [[2, 3, 4, 1]]
    vectorize = TextVectorization(vocabulary=["foo", "bar", "baz"], output_mode="tf_idf", idf_weights=[0.3, 0.5, 0.2])
    assert np.allclose(vectorize(["foo bar", "baz foo foo"]), [[0, 0.3, 0.5, 0], [0, 0.6, 0, 0.2]])
    assert "bar baz" in adapted(["foo bar baz"], ngrams=2).get_vocabulary()


@given(
    st.lists(st.text("ab cD-!\t", max_size=20), min_size=1, max_size=6).filter(lambda texts: any(map(str.split, texts)))
)
def test_counts_are_those_of_scikit_learn(texts):
    vectorize = adapted(texts, output_mode="count", standardize="lower")
    counter = CountVectorizer(token_pattern=r"\S+")
    theirs = counter.fit_transform(texts).toarray()
    ours = vectorize(texts)
    assert not ours[:, 0].any()  # no token is unknown
    assert np.array_equal(
        ours[:, 1:], theirs[:, [counter.vocabulary_[token] for token in vectorize.get_vocabulary()[1:]]]
    )
    assert np.array_equal(vectorize.lookup.encode(vectorize.tokens(texts)), ours)
    hot = adapted(texts, output_mode="multi_hot", standardize="lower")
    assert np.array_equal(hot(texts), ours > 0)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_every_token_of_the_data_has_an_id_of_its_own(texts):
    vectorize = adapted(texts, standardize=None, split="character")
    ids, vocabulary = vectorize(texts), vectorize.get_vocabulary()
    assert ["".join(vocabulary[n] for n in row) for row in ids] == texts
    assert ids.shape == (len(texts), max(map(len, texts)))


def test_texts_come_in_many_forms():
    wanted = adapted()(TEXTS)
    column = np.array(TEXTS)[:, None]
    for texts in (
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, "S"),
        np.array(TEXTS, object),
        pd.Series(TEXTS),
        column,
    ):
        vectorize = adapted(texts)
        assert np.array_equal(vectorize(texts), wanted)
        assert wanted.dtype == np.int64
    assert np.array_equal(adapted(iter([TEXTS[:2], TEXTS[2:]]))(TEXTS), wanted)
    assert adapted(iter([TEXTS[:2], TEXTS[2:]]), output_mode="tf_idf").vocabulary_size() == 6
    one = adapted(output_mode="count")("bar foo bar")
    assert one.shape == (6,)
    assert adapted()("bar qux").tolist() == [3, 1]
    assert adapted()(["", " "]).shape == (2, 0)
    assert adapted(output_sequence_length=2)(["", "bar"]).tolist() == [[0, 0], [3, 0]]


def test_only_some_batches_are_read():
    vectorize = TextVectorization()
    vectorize.adapt(iter([TEXTS[:1], TEXTS[1:2], TEXTS[2:]]), steps=2)
    assert sorted(vectorize.get_vocabulary(include_special_tokens=False)) == ["bar", "baz", "foo"]


def test_functions_standardize_and_split():
    def lower(texts):
        assert texts.dtype.kind == "U"
        return np.strings.lower(texts)

    def at_bars(texts):
        return [text.split("|") for text in texts]

    vectorize = adapted(["Ä|b c|Ä"], standardize=lower, split=at_bars)
    assert vectorize.get_vocabulary() == ["", "[UNK]", "ä", "b c"]
    assert vectorize(["ä|x", "b c|Ä|ä"]).tolist() == [[2, 1, 0], [3, 2, 2]]
    assert TextVectorization(vocabulary=["ä"])(["Ä ä"]).tolist() == [[1, 2]]  # capitals of ASCII alone, as in Keras
    with pytest.raises(DataError, match=r"standardize returned shape \(1,\) for texts of shape \(3,\)"):
        adapted(standardize=lambda texts: texts[:1])
    with pytest.raises(DataError, match="split returned 1 lists of tokens for 3 texts"):
        adapted(split=lambda texts: [["a"]])


def test_tokens_need_no_split():
    vectorize = adapted([["b", "a"], ["b", ""]], split=None)
    assert vectorize([["A", "b"], ["", "c"]]).tolist() == [[3, 2], [0, 1]]
    vectorize = TextVectorization(vocabulary=["b", "a"], split=None, output_sequence_length=3)
    assert vectorize([["a", "b"]]).tolist() == [[3, 2, 0]]
    assert vectorize([["a", "b", "b", "b"]]).tolist() == [[3, 2, 2]]
    with pytest.raises(DataError, match=r"output_sequence_length needs tokens \(m, steps\), got shape \(2,\)"):
        vectorize(["a", "b"])


def test_a_config_holds_the_vocabulary():
    for settings in ({"ngrams": 2, "output_sequence_length": 5}, {"output_mode": "tf_idf", "max_tokens": 4}):
        vectorize = adapted(**settings)
        config = json.loads(json.dumps(vectorize.get_config()))
        assert np.array_equal(TextVectorization.from_config(config)(TEXTS), vectorize(TEXTS))
        assert np.array_equal(pickle.loads(pickle.dumps(vectorize))(TEXTS), vectorize(TEXTS))
    empty = TextVectorization.from_config(TextVectorization(split="character").get_config())
    empty.adapt(["ab"])
    assert empty.get_vocabulary() == ["", "[UNK]", "b", "a"]


def test_a_model_learns_from_the_counts():
    positive = ["good film", "a very good story", "good and funny", "funny story"]
    negative = ["bad film", "a very bad story", "bad and boring", "boring story"]
    texts, y = positive + negative, np.repeat([1, 0], 4)
    vectorize = adapted(texts, output_mode="multi_hot")
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.1
    model.fit(vectorize(texts), y, epochs=40)
    p = model.predict(vectorize(["a good and funny film", "a boring film, very bad!"]))[:, 0]
    assert p[0] > 0.9
    assert p[1] < 0.1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: TextVectorization()(TEXTS), NotBuiltError, "there is no vocabulary yet"),
        (
            lambda: TextVectorization(vocabulary=["a"]).adapt(TEXTS),
            SettingError,
            "so it cannot adapt; make another one",
        ),
        (lambda: adapted()([["a", "b"]]), DataError, r"texts have shape \(1, 2\), wanted \(m,\) or \(m, 1\)"),
        (lambda: adapted()([None]), DataError, r"texts\[0\] is None, not a string"),
        (lambda: adapted([1.5]), DataError, r"texts\[0\] is 1\.5, not a string"),
        (lambda: adapted(5), DataError, "adapt needs an array, a list or batches, got int"),
        (lambda: TextVectorization(max_tokens=1), SettingError, "max_tokens must be an integer of at least 2"),
        (
            lambda: TextVectorization(standardize="upper"),
            SettingError,
            "standardize must be one of lower_and_strip_pun",
        ),
        (lambda: TextVectorization(split="words"), SettingError, "split must be one of whitespace, character"),
        (lambda: TextVectorization(ngrams=0), SettingError, "ngrams must be an integer of at least 1"),
        (lambda: TextVectorization(ngrams=(1, "2")), SettingError, "ngrams must be an integer of at least 1"),
        (lambda: TextVectorization(ngrams=2, split=None), SettingError, "ngrams need texts that are split"),
        (lambda: TextVectorization(output_mode="one_hot"), SettingError, "output_mode must be one of int, multi_hot"),
        (
            lambda: TextVectorization(output_mode="count", output_sequence_length=3),
            SettingError,
            "output_sequence_length is for output_mode 'int', got 'count'",
        ),
    ],
)
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()
