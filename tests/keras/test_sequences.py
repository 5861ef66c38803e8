"""Layers of sequences: calls with several arguments, masks, states, files. Numbers come from Keras 3.15 on PyTorch."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import minidl.keras as keras
from minidl import SettingError, ShapeError
from tests.keras.peer import assert_same, both, peer

RNG = np.random.default_rng(3)
IDS = RNG.integers(1, 9, (6, 7))
IDS[:3, 4:] = 0
STEPS = RNG.normal(size=(6, 7, 3)).astype("float32")
H = RNG.normal(size=(6, 4)).astype("float32")
MASK = IDS != 0
LAYERS = keras.layers


def numbers(outputs):
    """Return what a call returned as arrays, in nested lists."""
    if isinstance(outputs, list | tuple):
        return [numbers(part) for part in outputs]
    return np.array(outputs.detach() if hasattr(outputs, "detach") else outputs)


def called(make, *args, **kwargs):
    """Return a program that builds a layer by one call, takes over its weights, and calls it again."""

    def program(keras, weights):
        layer = make(keras.layers)
        layer(*args, **kwargs)
        weights(layer)
        return numbers(layer(*args, **kwargs)), [tuple(w.shape) for w in layer.weights], [w.name for w in layer.weights]

    return program


CALLS = {
    "embedding": called(lambda k: k.Embedding(9, 4), IDS),
    "embedding of positions": called(lambda k: k.Embedding(7, 4), np.arange(7)),
    "masking": called(lambda k: k.Masking(0.0), STEPS * MASK[..., None]),
    "lstm": called(lambda k: k.LSTM(4), STEPS),
    "lstm with a mask": called(lambda k: k.LSTM(4, return_sequences=True), STEPS, mask=MASK),
    "lstm with states": called(lambda k: k.LSTM(4, return_state=True), STEPS, initial_state=[H, -H]),
    "states by position": called(lambda k: k.GRU(4, return_state=True), STEPS, H),
    "gru of Keras 1": called(lambda k: k.GRU(4, reset_after=False, use_bias=False), STEPS),
    "zeros at padding": called(lambda k: k.GRU(4, return_sequences=True, zero_output_for_mask=True), STEPS, mask=MASK),
    "relu": called(lambda k: k.SimpleRNN(4, activation="relu", go_backwards=True, return_sequences=True), STEPS),
    "both directions": called(lambda k: k.Bidirectional(k.LSTM(4, return_sequences=True)), STEPS, mask=MASK),
    "both directions with states": called(
        lambda k: k.Bidirectional(k.GRU(4, return_state=True)), STEPS, initial_state=[H, H + 1]
    ),
    "both directions apart": called(lambda k: k.Bidirectional(k.SimpleRNN(2), merge_mode=None), STEPS),
    "other layer backwards": called(
        lambda k: k.Bidirectional(k.LSTM(4), merge_mode="mul", backward_layer=k.GRU(4, go_backwards=True)), STEPS
    ),
    "each step": called(lambda k: k.TimeDistributed(k.Dense(4, activation="softmax")), STEPS),
    "cells": called(lambda k: k.RNN([k.LSTMCell(4), k.GRUCell(3)], return_state=True), STEPS),
    "one cell": called(lambda k: k.RNN(k.SimpleRNNCell(4), return_sequences=True), STEPS),
    "cells with a mask": called(lambda k: k.RNN(k.StackedRNNCells([k.LSTMCell(4), k.LSTMCell(4)])), STEPS, mask=MASK),
    "self-attention": called(lambda k: k.MultiHeadAttention(2, 3), STEPS, STEPS, use_causal_mask=True),
    "attention to others": called(
        lambda k: k.MultiHeadAttention(2, 3, value_dim=2, output_shape=5),
        STEPS,
        STEPS[:, :4],
        key=STEPS[:, 3:],
        return_attention_scores=True,
    ),
    "attention with pairs": called(
        lambda k: k.MultiHeadAttention(2, 3, use_bias=False), STEPS, STEPS, attention_mask=np.tri(7, dtype=bool)[None]
    ),
    "attention with a mask of values": called(lambda k: k.MultiHeadAttention(2, 3), STEPS, STEPS, value_mask=MASK),
    "attention with a gate": called(
        lambda k: k.MultiHeadAttention(2, 3, value_dim=2, use_gate=True), STEPS, STEPS[:, :4], key=STEPS[:, 3:]
    ),
    "attention to near steps": called(
        lambda k: k.MultiHeadAttention(2, 3, use_gate=True, use_bias=False, sliding_window=2), STEPS, STEPS
    ),
    "dot products": called(lambda k: k.Attention(use_scale=True), [STEPS, STEPS[:, :5]], use_causal_mask=True),
    "concat": called(lambda k: k.Attention(score_mode="concat"), [STEPS, STEPS], return_attention_scores=True),
    "masked values": called(lambda k: k.Attention(), [STEPS, STEPS], mask=[None, MASK]),
    "additive": called(lambda k: k.AdditiveAttention(), [STEPS, STEPS[:, :5], STEPS[:, 2:]]),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", CALLS)
def test_a_call_on_arrays_gives_the_numbers_of_keras(name):
    assert_same(*both(CALLS[name]), tolerance=1e-5)


def test_calls_that_build_nothing_compute_alone():
    cell = LAYERS.LSTMCell(4)
    h, states = cell(STEPS[:, 0], cell.get_initial_state(6))
    layer = LAYERS.LSTM(4, return_state=True)
    layer.build((None, 1, 3))
    layer.set_weights(cell.get_weights())
    assert_same(numbers(layer(STEPS[:, :1])), numbers([h, *states]), tolerance=1e-6)
    stack = LAYERS.StackedRNNCells([LAYERS.GRUCell(4), LAYERS.SimpleRNNCell(2)])
    y, new = stack(STEPS[:, 0], stack.get_initial_state(6))
    assert y.shape == (6, 2)
    assert [[state.shape for state in states] for states in new] == [[(6, 4)], [(6, 2)]]
    assert stack.state_size == [4, 2]


# ---- masks


def test_arrays_remember_their_mask_until_something_is_computed_of_them():
    embedding = LAYERS.Embedding(9, 4, mask_zero=True)
    x = embedding(IDS)
    np.testing.assert_array_equal(x._keras_mask, MASK)
    np.testing.assert_array_equal(embedding.compute_mask(IDS), MASK)
    assert (x + 1)._keras_mask is None
    lstm = LAYERS.LSTM(4)
    np.testing.assert_array_equal(lstm(x), lstm(x.numpy(), mask=MASK))
    assert abs(lstm(x) - lstm(x.numpy())).max() > 1e-3
    with pytest.raises(ShapeError, match=r"the mask has shape \(6, 3\), its input \(6, 7, 4\)"):
        lstm(x, mask=MASK[:, :3])


@pytest.mark.parametrize(
    ("make", "masked"),
    [
        (lambda: LAYERS.Dense(2), True),
        (lambda: LAYERS.Dense(2, activation="relu"), True),
        (lambda: LAYERS.LSTM(2, return_sequences=True), True),
        (lambda: LAYERS.LSTM(2), False),
        (lambda: LAYERS.Bidirectional(LAYERS.GRU(2, return_sequences=True)), True),
        (lambda: LAYERS.TimeDistributed(LAYERS.Dense(2)), True),
        (lambda: LAYERS.Lambda(lambda x: x * 2), False),
        (lambda: LAYERS.Lambda(lambda x: x * 2, mask=lambda x, mask: mask), True),
    ],
)
def test_masks_pass_through_layers_as_in_keras(make, masked):
    layer = make()
    mask = layer(LAYERS.Embedding(9, 4, mask_zero=True)(IDS))._keras_mask
    assert (mask is not None) == masked
    if masked:
        np.testing.assert_array_equal(mask, MASK)


def masks_of_arithmetic(keras, weights):
    """Pool sums of tensors: in Keras operations end masks, and layers join them."""
    i = keras.Input((7,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(i)
    y = keras.layers.Dense(4)(x)
    pool = keras.layers.GlobalAveragePooling1D()
    model = keras.Model(i, [pool(x + y), pool(keras.layers.Add()([x, y])), pool(keras.ops.relu(x)), pool(y)])
    weights(model)
    return model.predict(IDS, verbose=0), numbers(model(IDS))


def masks_in_calls(keras, weights):
    """Masks that a call names, made of the ids."""
    i = keras.Input((7,), dtype="int32")
    embedding = keras.layers.Embedding(9, 4)
    x = embedding(i)
    given = keras.layers.LSTM(3, return_sequences=True)(x, mask=i != 0)
    masking = keras.layers.Embedding(9, 4, mask_zero=True)
    own = keras.layers.GRU(3)(x, mask=masking.compute_mask(i))
    attended = keras.layers.Attention()([given, given], mask=[None, keras.ops.not_equal(i, 0)])
    model = keras.Model(i, [keras.layers.Dense(1)(given), own, attended])
    weights(model)
    model.compile("sgd", "mse")
    targets = [np.ones((6, 7, 1)), np.zeros((6, 3)), np.zeros((6, 7, 3))]
    losses = model.fit(IDS, targets, epochs=2, verbose=0, shuffle=False).history["loss"]
    counted = numbers(model.predict(IDS, verbose=0))
    return losses, [np.where(MASK[..., None], counted[0], 0), counted[1]]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # of Keras, which warns of masks that end
@pytest.mark.parametrize("program", [masks_of_arithmetic, masks_in_calls], ids=lambda program: program.__name__)
def test_masks_in_functional_models_are_those_of_keras(program):
    assert_same(*both(program), tolerance=1e-4)


# ---- states


def test_a_stateful_layer_goes_on_where_the_last_batch_ended():
    layer = LAYERS.LSTM(4, stateful=True, return_sequences=True)
    model = keras.Sequential([keras.Input(batch_shape=(6, None, 3)), layer])
    whole = model.predict(STEPS, verbose=0)
    layer.reset_states()
    assert all(np.array_equal(state, np.zeros((6, 4))) for state in layer.states)
    parts = [model.predict(STEPS[:, start:stop], verbose=0) for start, stop in ((0, 3), (3, 7))]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-6)
    np.testing.assert_allclose(layer.states[0], whole[:, -1], atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(model.predict(STEPS, verbose=0), whole, atol=1e-6)
    both_ways = LAYERS.Bidirectional(LAYERS.GRU(2, stateful=True))
    first = both_ways(STEPS)
    assert abs(both_ways(STEPS) - first).max() > 1e-3
    both_ways.reset_states()
    np.testing.assert_array_equal(both_ways(STEPS), first)
    with pytest.raises(AttributeError, match="is not stateful"):
        LAYERS.Bidirectional(LAYERS.GRU(2)).reset_states()


def test_outputs_of_one_layer_have_names_of_their_own():
    x = keras.Input((None, 3), name="x")
    outputs = LAYERS.LSTM(4, return_sequences=True, return_state=True, name="lstm")(x)
    assert isinstance(outputs, tuple)
    model = keras.Model(x, outputs)
    y, h, c = model.predict(STEPS, verbose=0)
    assert (y.shape, h.shape, c.shape) == ((6, 7, 4), (6, 4), (6, 4))
    np.testing.assert_array_equal(y[:, -1], h)
    assert model.output_names == ["lstm", "lstm_1", "lstm_2"]
    assert [part.shape for part in model.predict(STEPS[:, :2], verbose=0)] == [(6, 2, 4), (6, 4), (6, 4)]
    assert model.layers[1].compute_output_shape((2, 5, 3)) == ((2, 5, 4), (2, 4), (2, 4))


# ---- files and copies


def texts(keras):
    i = keras.Input((7,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(i)
    x = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))(x)
    x = keras.layers.GRU(4, return_sequences=True, dropout=0.2)(x)
    x = keras.layers.TimeDistributed(keras.layers.Dense(4, activation="tanh"))(x)
    return keras.Model(i, keras.layers.SimpleRNN(3)(x)), IDS


def states_and_heads(keras):
    i, h, c = keras.Input((None, 3)), keras.Input((4,)), keras.Input((4,))
    y, a, b = keras.layers.LSTM(4, return_sequences=True, return_state=True)(i, initial_state=[h, c])
    z = keras.layers.MultiHeadAttention(2, 3)(y, y, use_causal_mask=True)
    return keras.Model([i, h, c], [keras.layers.LayerNormalization()(z + y), a, b]), [STEPS, H, -H]


def cells_and_scores(keras):
    i = keras.Input((7, 3))
    a, scores = keras.layers.Attention(use_scale=True)([i, i], return_attention_scores=True)
    b = keras.layers.AdditiveAttention()([a, i, i])
    cells = [keras.layers.LSTMCell(4), keras.layers.GRUCell(3)]
    return keras.Model(i, [keras.layers.RNN(cells, return_sequences=True)(b), scores]), STEPS


def padded(keras):
    inside = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    layers = [
        keras.Input((7, 3)),
        keras.layers.Masking(),
        keras.layers.LSTM(4, return_sequences=True),
        keras.layers.TimeDistributed(inside),
        keras.layers.Bidirectional(keras.layers.GRU(3), merge_mode="sum"),
    ]
    return keras.Sequential(layers), STEPS * MASK[..., None]


def arithmetic(keras):
    i = keras.Input((7, 3))
    x = (i + 1.0) * i / 2 - (-i) ** 2
    last = keras.ops.expand_dims(x[:, -1], 1)
    x = keras.ops.concatenate([keras.ops.mean(x, axis=-1, keepdims=True) + last, x[..., :2]], axis=-1)
    x = keras.ops.where(x > 0, keras.ops.relu(x), keras.activations.tanh(x)) @ keras.ops.ones((5, 2))
    return keras.Model(i, keras.ops.reshape(x * np.arange(2, dtype="float32"), (-1, 14))), STEPS


MODELS = [texts, states_and_heads, cells_and_scores, padded, arithmetic]


def predicted(model, x):
    return numbers(model.predict(x, verbose=0))


@pytest.mark.peers
@pytest.mark.parametrize(
    ("make", "suffix"),  # Keras 3.15 does not read x[..., :2] from an .h5
    [(make, suffix) for make in MODELS for suffix in (".keras", ".h5") if (make, suffix) != (arithmetic, ".h5")],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_files_go_to_keras_and_back(make, suffix, tmp_path):
    theirs, path = peer(), tmp_path / f"model{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras calls .h5 old
        for writer, reader in ((theirs, keras), (keras, theirs)):
            model, x = make(writer)
            model.save(path)
            assert_same(predicted(model, x), predicted(reader.models.load_model(path), x), tolerance=1e-5)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of Keras
@pytest.mark.parametrize("make", MODELS[:4], ids=lambda make: make.__name__)
def test_weights_go_to_keras_and_back(make, tmp_path):
    theirs, path = peer(), tmp_path / "model.weights.h5"
    for writer, reader in ((theirs, keras), (keras, theirs)):
        (model, x), (other, _) = make(writer), make(reader)
        model.save_weights(path)
        other.load_weights(path)
        assert_same(predicted(model, x), predicted(other, x), tolerance=1e-5)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_models_are_copied_and_saved(make, tmp_path):
    model, x = make(keras)
    copies = [keras.models.clone_model(model), type(model).from_config(model.get_config())]
    for copy in copies:
        copy.set_weights(model.get_weights())
    model.save(tmp_path / "model.keras")
    for copy in (*copies, keras.models.load_model(tmp_path / "model.keras")):
        assert_same(predicted(model, x), predicted(copy, x), tolerance=1e-6)
        assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]


def test_a_file_is_read_before_any_layer_has_been_named(tmp_path):
    path = tmp_path / "model.keras"
    texts(keras)[0].save(path)
    script = f"import minidl.keras as keras; print(len(keras.models.load_model({str(path)!r}).layers))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "6"


# ---- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LAYERS.LSTM(4)(STEPS, states=[H]), "a call has no argument 'states'; it has sequences, initial_state"),
        (lambda: LAYERS.LSTM(4)(STEPS, H, H), "takes sequences, initial_state, got 3 arguments"),
        (lambda: LAYERS.LSTM(4)(), "the call has no sequences"),
        (lambda: LAYERS.LSTM(4, activation="gelu"), "activation must be one of"),
        (lambda: LAYERS.LSTM(4, activation=lambda x: x), "is a function of its own; use tanh"),
        (lambda: LAYERS.LSTM(4)(IDS), "of ids Embedding makes features"),
        (lambda: LAYERS.RNN(LAYERS.Dense(3)), "takes LSTMCell, GRUCell and SimpleRNNCell"),
        (lambda: LAYERS.RNN([LAYERS.LSTMCell(2)] * 2, go_backwards=True), "go_backwards is for one cell"),
        (lambda: LAYERS.LSTMCell(2)(keras.Input((3,))), "inside keras.layers.RNN"),
        (lambda: LAYERS.Bidirectional(LAYERS.Dense(2)), "takes a recurrent layer such as LSTM"),
        (lambda: LAYERS.Bidirectional(LAYERS.LSTM(2), merge_mode="max"), "merge_mode must be one of"),
        (lambda: LAYERS.TimeDistributed("dense"), "takes a layer or a model"),
        (lambda: LAYERS.TimeDistributed(LAYERS.Dense(2))(H), "takes sequences"),
        (lambda: LAYERS.Attention()(STEPS), r"takes a list \[query, value\]"),
        (lambda: LAYERS.Attention()([STEPS, STEPS], mask=MASK), "mask must be a list"),
        (lambda: LAYERS.MultiHeadAttention(2, 3)(STEPS), "takes query and value"),
        (lambda: LAYERS.MultiHeadAttention(2, 3, attention_axes=2), "only attention_axes=None"),
        (
            lambda: LAYERS.MultiHeadAttention(2, 3)(STEPS, STEPS, attention_mask=np.ones((6, 2, 7, 7))),
            "attention_mask must have the shape",
        ),
        (lambda: LAYERS.Embedding(0, 3), "input_dim must be an integer of at least 1"),
        (lambda: LAYERS.Embedding(9, 3, lora_rank=2), "only lora_rank=None"),
    ],
)
def test_what_cannot_be_is_said(make, message):
    with pytest.raises((SettingError, ShapeError), match=message):
        make()


def test_calls_of_one_attention_layer_in_models_have_the_same_options():
    x, layer = keras.Input((7, 3)), LAYERS.MultiHeadAttention(2, 3)
    model = keras.Model(x, layer(x, x))
    with pytest.raises(SettingError, match=r"this call has .*'use_causal_mask': True.*make another layer"):
        layer(x, x, use_causal_mask=True)
    y, scores = layer(STEPS, STEPS, return_attention_scores=True)  # on arrays they may differ
    assert scores.shape == (6, 2, 7, 7)
    np.testing.assert_allclose(model.predict(STEPS, verbose=0), y, atol=1e-6)


def test_an_embedding_takes_its_vectors_and_the_argument_of_keras_2():
    vectors = RNG.normal(size=(9, 2)).astype("float32")
    layer = LAYERS.Embedding(9, 2, weights=[vectors])
    np.testing.assert_array_equal(layer(IDS), vectors[IDS])
    with pytest.warns(UserWarning, match="does not need input_length"):
        model = keras.Sequential([LAYERS.Embedding(9, 2, input_length=7), LAYERS.Flatten(), LAYERS.Dense(1)])
    assert model.count_params() == 18 + 15
