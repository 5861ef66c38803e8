"""Models of sequences with masks that Keras 3.15 wrote, read by minidl.keras: they predict the same."""

import random

import numpy as np
import pytest

import minidl.keras
from tests.keras.peer import peer

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]  # Keras and minidl warn of masks that end

STEPS = 5
RNG = np.random.default_rng(4)
IDS = RNG.integers(1, 9, (8, STEPS))
IDS[np.arange(STEPS) >= RNG.integers(1, STEPS + 1, (8, 1))] = 0
IDS[:, 0] = 4  # no row is padding alone
OTHERS = IDS[::-1].copy()


def read_by_minidl(keras, model, path):
    """Return the model that minidl.keras reads, after a comparison of the predictions."""
    for weight in model.weights:
        weight.assign(RNG.normal(size=weight.shape))
    x = [IDS, OTHERS][: len(model.inputs)]
    model.save(path / "m.keras")
    read = minidl.keras.models.load_model(path / "m.keras")
    np.testing.assert_allclose(read.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    read.save(path / "n.keras")
    again = keras.models.load_model(path / "n.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    return read


def another_mask(keras, i, x):
    return keras.layers.LSTM(3)(x, mask=i != 2)


def mask_of_an_operation(keras, i, x):
    mask = keras.ops.logical_and(keras.ops.not_equal(i, 0), keras.ops.not_equal(i, 5))
    return keras.layers.GRU(3)(keras.layers.GRU(4, return_sequences=True)(x, mask=mask))


def states(keras, i, x):
    _, *states = keras.layers.LSTM(4, return_state=True)(x)
    return keras.layers.LSTM(4, return_sequences=True)(x, initial_state=states)


def query_without_mask(keras, i, x):
    y = keras.layers.Attention()([x, x], mask=[None, i != 2])
    return keras.layers.GlobalAveragePooling1D()(y)


def mask_of_queries(keras, i, x):
    y = keras.layers.MultiHeadAttention(2, 3)(x, x, query_mask=i != 0, value_mask=i != 2)
    return keras.layers.GlobalAveragePooling1D()(y)


def merged(keras, i, x):
    layers, y = keras.layers, keras.layers.GRU(4, return_sequences=True)(x)
    other = layers.LSTM(4, return_sequences=True)(x, mask=i != 2)
    parts = [layer()([y, other]) for layer in (layers.Multiply, layers.Maximum, layers.Minimum, layers.Average)]
    return layers.LSTM(3)(layers.Concatenate()(parts))


@pytest.mark.parametrize(
    "head", [another_mask, mask_of_an_operation, states, query_without_mask, mask_of_queries, merged]
)
def test_masks_of_calls_are_read(tmp_path, head):
    keras = peer()
    i = keras.Input((STEPS,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(i)
    read_by_minidl(keras, keras.Model(i, head(keras, i, x)), tmp_path)


def test_masks_that_tensors_have_by_themselves_need_no_layers(tmp_path):
    keras = peer()
    layers, i = keras.layers, keras.Input((STEPS,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(i)
    y = layers.Concatenate()([x, layers.Masking()(layers.LSTM(4, return_sequences=True)(x))])
    y = layers.Add()([layers.Dense(3)(y), layers.Bidirectional(layers.GRU(3, return_sequences=True), "sum")(y)])
    read = read_by_minidl(keras, keras.Model(i, layers.LSTM(2)(y)), tmp_path)
    names = {layer.__class__.__name__ for layer in read.layers}
    assert names == {"InputLayer", "Embedding", "Masking", "LSTM", "Concatenate", "Dense", "Bidirectional", "Add"}


class RandomTranslator:
    """A random encoder and decoder with masks."""

    def __init__(self, keras, seed):
        self.keras, self.random = keras, random.Random(seed)

    def __call__(self):
        layers, pick = self.keras.layers, self.random.choice
        source, target = (self.keras.Input((STEPS,), dtype=pick(["int32", "float32"])) for _ in range(2))
        kind, masked = pick(["LSTM", "GRU", "SimpleRNN"]), [self.random.random() < 0.7 for _ in range(2)]
        x, d = (layers.Embedding(9, 4, mask_zero=m)(i) for m, i in zip(masked, (source, target), strict=True))
        x, d = self.between(x, source), self.between(d, target)
        y, *states = getattr(layers, kind)(4, return_sequences=True, return_state=True)(x, **self.mask(source))
        given = {"initial_state": states} if self.random.random() < 0.7 else {}
        z = getattr(layers, kind)(4, return_sequences=True)(d, **given, **self.mask(target))
        attention = pick(["Attention", "AdditiveAttention", "MultiHeadAttention"])
        context = layers.MultiHeadAttention(2, 3)(z, y) if attention[0] == "M" else getattr(layers, attention)()([z, y])
        end = layers.GlobalAveragePooling1D() if self.random.random() < 0.5 else layers.GRU(3)
        return self.keras.Model([source, target], end(self.between(layers.Concatenate()([z, context]), target)))

    def mask(self, i):
        ops = self.keras.ops
        masks = [lambda: i != 2, lambda: ops.logical_or(ops.not_equal(i, 0), ops.equal(i, 3))]
        return {"mask": self.random.choice(masks)()} if self.random.random() < 0.4 else {}

    def between(self, x, i):
        layers, same = self.keras.layers, {"return_sequences": True}
        units = x.shape[-1]
        return self.random.choice(
            [
                lambda: x,
                lambda: layers.LSTM(3, **same)(x, **self.mask(i)),
                lambda: layers.Bidirectional(layers.GRU(2, **same))(x, **self.mask(i)),
                lambda: layers.TimeDistributed(layers.Dense(4, "tanh"))(x),
                lambda: layers.Concatenate()([x, layers.GRU(2, go_backwards=True, **same)(x)]),
                lambda: layers.Multiply()([x, layers.Dense(units, "sigmoid")(x)]),
                lambda: layers.LayerNormalization()(layers.Add()([x, layers.Dense(units)(x)])),
            ]
        )()


@pytest.mark.parametrize("seed", range(12))
def test_random_translators_are_read(tmp_path, seed):
    keras = peer()
    keras.backend.clear_session()
    read_by_minidl(keras, RandomTranslator(keras, seed)(), tmp_path)


def test_gates_and_windows_of_attention_go_both_ways(tmp_path):
    keras = peer()
    layers, i = keras.layers, keras.Input((STEPS,), dtype="int32")
    x = layers.Embedding(9, 4)(i)
    y = layers.MultiHeadAttention(2, 3, value_dim=2, use_gate=True)(x, x)
    y = layers.MultiHeadAttention(2, 3, use_bias=False, use_gate=True, sliding_window=2)(y, x)
    read = read_by_minidl(keras, keras.Model(i, y), tmp_path)
    assert [tuple(w.shape) for w in read.layers[2].weights][4:6] == [(4, 2, 2), (2, 2)]
