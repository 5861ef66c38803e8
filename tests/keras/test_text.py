"""Layers for texts and categories prepare data: they take Keras's arguments, and models take what they return."""

import numpy as np
import pytest

import minidl.keras as keras
from minidl import SettingError, text
from minidl.keras import layers

TEXTS = ["good film", "bad film", "a very good film", "a bad story"]


def test_a_model_trains_on_what_they_return():
    vectorize = layers.TextVectorization(100, output_mode="multi_hot", name="words")
    vectorize.adapt(TEXTS)
    assert vectorize.name == "words"
    x = vectorize(np.array(TEXTS)[:, None])
    model = keras.Sequential([keras.Input((vectorize.vocabulary_size(),)), layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    model.fit(x, np.array([1, 0, 1, 0]), epochs=50, verbose=0)
    assert np.array_equal(model.predict(x, verbose=0)[:, 0] > 0.5, [True, False, True, False])


def test_functions_have_keras_other_places():
    from minidl.keras.preprocessing import timeseries_dataset_from_array
    from minidl.keras.preprocessing.image import load_img
    from minidl.keras.preprocessing.sequence import pad_sequences

    assert pad_sequences is keras.utils.pad_sequences
    assert timeseries_dataset_from_array is keras.utils.timeseries_dataset_from_array
    assert load_img is keras.utils.load_img


def test_they_are_those_of_the_core():
    vectorize = layers.TextVectorization(None, "lower", "whitespace", 2, "int", 5)
    other = text.TextVectorization(None, "lower", "whitespace", 2, "int", 5)
    for one in (vectorize, other):
        one.adapt(TEXTS)
    assert np.array_equal(vectorize(TEXTS), other(TEXTS))
    assert np.array_equal(layers.TextVectorization.from_config(vectorize.get_config())(TEXTS), other(TEXTS))
    assert layers.StringLookup(vocabulary=["b", "a"])(["a", "c"]).tolist() == [2, 0]
    assert layers.StringLookup(vocabulary=["b", "a"], invert=True)([2, 0]).tolist() == ["a", "[UNK]"]
    assert layers.IntegerLookup(vocabulary=[5, 3], mask_token=0)([3, 0, 7]).tolist() == [3, 0, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.TextVectorization(ragged=True), "minidl has only ragged=False, got True"),
        (lambda: layers.TextVectorization(sparse=True), "minidl has only sparse=False, got True"),
        (lambda: layers.StringLookup(encoding="latin-1"), "minidl has only encoding='utf-8', got 'latin-1'"),
        (lambda: layers.StringLookup(salt=3), "minidl has only salt=None, got 3"),
        (lambda: layers.IntegerLookup(vocabulary_dtype="int32"), "minidl has only vocabulary_dtype='int64'"),
        (lambda: layers.IntegerLookup(oov_method="farmhash"), "minidl has only oov_method='floormod'"),
        (
            lambda: layers.TextVectorization(vocabulary=["a"])(keras.Input((1,))),
            "is not a part of a model; it prepares",
        ),
        (
            lambda: keras.Sequential([layers.TextVectorization(vocabulary=["a"])]),
            "add takes a layer or a model .* it prepares data: call it on arrays or lists",
        ),
    ],
)
def test_what_minidl_does_not_have_is_refused(call, message):
    with pytest.raises(SettingError, match=message):
        call()
