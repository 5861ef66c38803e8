"""Random networks of sequences, with masks, ids, and rows of any length."""

import numpy as np

from minidl import Model, Sequential
from minidl.layers import (
    GRU,
    LSTM,
    Add,
    AdditiveAttention,
    Attention,
    BatchNormalization,
    Bidirectional,
    Chain,
    Concatenate,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Graph,
    LayerNormalization,
    Masking,
    MultiHeadAttention,
    PositionEmbedding,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    SimpleRNN,
    SinePositionEncoding,
    Softmax,
    SpatialDropout1D,
    Tanh,
    TimeDistributed,
)
from minidl.layers._elementwise import FUNCTIONS
from tests.helpers.every_layer import randomize
from tests.helpers.keras_networks import ACTIVATIONS

VOCABULARY, PADDING = 9, -1.5
BOUNDED = [name for name in FUNCTIONS if name != "exponential"]  # its recurrence grows without bound
IN_FLOAT64 = [ReLU, SiLU, Sigmoid, Softmax, Tanh]  # onnxruntime has others, and convolution, in float32 alone


def sequence_architecture(seed, dtype="float32"):
    """(model, x): random recurrent networks on ids or numbers, often with masks, with random weights."""
    rng = np.random.default_rng(seed)
    steps, features = int(rng.integers(3, 9)), int(rng.integers(1, 5))
    layers, x = beginning(rng, steps, features)
    for _ in range(rng.integers(1, 4)):
        layers += block(rng, dtype)
    if rng.random() < 0.4:
        layers[1:] = [Chain(*layers[1:])]
    model = Sequential([*layers, *ending(rng), Dense(2)], seed=seed, dtype=dtype)
    model.build((None, *x.shape[1:]) if rng.random() < 0.6 else (None, None, *x.shape[2:]))
    randomize(model, rng)
    return model, x if model.layer.vocabulary_size else x.astype(dtype)


def beginning(rng, steps, features):
    """The first layer, and rows for it: ids that are padded behind, or numbers some of which are padding."""
    kind = rng.choice(["ids", "masked ids", "numbers", "masked numbers"])
    lengths = rng.integers(1, steps + 1, 5)
    counts = np.arange(steps) < lengths[:, None]
    if "ids" in kind:
        return [Embedding(VOCABULARY, 4, mask_zero=kind != "ids")], rng.integers(1, VOCABULARY, (5, steps)) * counts
    x = rng.normal(size=(5, steps, features))
    if kind == "numbers":
        return [Dense(4)], x
    counts[0, 0] = False  # a gap in front
    return [Masking(PADDING)], np.where(counts[..., None], x, PADDING)


def recurrent(rng, **settings):
    """A recurrent layer with random settings."""
    kind, units = rng.choice([SimpleRNN, GRU, LSTM]), int(rng.integers(1, 6))
    common = rng.random() < 0.5
    settings |= {"activation": "tanh" if common else str(rng.choice(BOUNDED))}
    settings |= {"use_bias": bool(rng.random() < 0.8), "dropout": 0.2, "recurrent_dropout": float(rng.choice([0, 0.2]))}
    settings |= {"zero_output_for_mask": bool(rng.random() < 0.2), "go_backwards": bool(rng.random() < 0.2)}
    if kind is not SimpleRNN:
        settings |= {"recurrent_activation": "sigmoid" if common else str(rng.choice(BOUNDED))}
    if kind is GRU:
        settings |= {"reset_after": bool(rng.random() < 0.5)}
    return kind(units, **settings)


def in_both_directions(rng, **settings):
    """A recurrent layer in both directions; sometimes the second one has other settings."""
    layer, other = (recurrent(rng, **settings) for _ in range(2))
    layer.go_backwards, other.go_backwards, other.units = False, True, layer.units  # Keras needs equal units
    if rng.random() < 0.3:
        return Bidirectional(layer, "concat", other)
    return Bidirectional(layer, str(rng.choice(["concat", "sum", "mul", "ave"])))


def block(rng, dtype):
    """A layer of sequences and what often stands behind one."""
    activation = rng.choice(ACTIVATIONS if dtype == "float32" else IN_FLOAT64)
    behind = [
        [],
        [Dropout(0.3)],
        [SpatialDropout1D(0.3)],
        [LayerNormalization(epsilon=0.02)],
        [BatchNormalization(epsilon=0.01)],
        [Dense(3), activation()],
        [TimeDistributed(Dense(3))],
        [TimeDistributed(Chain(Dense(4), activation(), Dense(3)))],
        [Conv1D(3, 2, padding="same")] if dtype == "float32" else [],
    ]
    made = recurrent if rng.random() < 0.6 else in_both_directions
    return [made(rng, return_sequences=True), *behind[rng.integers(len(behind))]]


def ending(rng):
    """Layers that make one vector of a sequence."""
    kind = rng.integers(4)
    if kind == 0:
        return [GlobalAveragePooling1D()]
    if kind == 1:
        return [GlobalMaxPooling1D()]
    return [recurrent(rng) if kind == 2 else in_both_directions(rng)]


def attention_architecture(seed, dtype="float32"):
    """(model, x): random graphs of an encoder and a decoder, with attention, positions and states.

    x is the ids of the source, and the numbers of the target. Half of the models take rows of any length.
    """
    rng = np.random.default_rng(seed)
    steps, later, width = int(rng.integers(2, 7)), int(rng.integers(2, 6)), 4
    positions = [PositionEmbedding(300), SinePositionEncoding(50)][rng.integers(2)]
    layers = {
        "ids": (Embedding(VOCABULARY, width, mask_zero=bool(rng.random() < 0.6)), "source"),
        "placed": (Residual(positions), "ids"),
        "seen": (attention(rng, 1), "placed"),
        "added": (Add(), "placed", "seen"),
        "encoded": (LayerNormalization(), "added"),
        ("read", *(f"state_{i}" for i in range(2))): (LSTM(width, return_state=True, return_sequences=True), "encoded"),
        "projected": (Dense(width), "target"),
        "begun": (LSTM(width, return_sequences=True), "projected", "state_0", "state_1"),
        "self": (attention(rng, 1, use_causal_mask=True), "begun"),
    }
    sources = ["begun", "read", "encoded"][: int(rng.integers(2, 4))]
    scored = bool(rng.random() < 0.5)
    key = ("found", "scores") if scored else "found"
    layers |= {key: (attention(rng, len(sources), return_attention_scores=scored), *sources)}
    layers |= {"joined": (Concatenate(), "self", "found"), "y": (in_both_directions(rng), "joined")}
    outputs = ("y", "scores") if scored else ("y",)
    any_length = not scored and rng.random() < 0.6  # several outputs have known lengths
    shapes = {"source": (None,), "target": (None, 3)} if any_length else {"source": (steps,), "target": (later, 3)}
    model = Model(Graph(shapes, layers, outputs), seed=seed, dtype=dtype)
    randomize(model, rng)
    ids = rng.integers(1, VOCABULARY, (5, steps)) * (np.arange(steps) < rng.integers(1, steps + 1, 5)[:, None])
    return model, (ids, rng.normal(size=(5, later, 3)).astype(dtype))


def attention(rng, inputs, **settings):
    """A layer of attention with random settings."""
    kind, use = rng.integers(3), bool(rng.random() < 0.5)
    settings |= {"dropout": 0.2}
    if kind == 0:
        value_dim = None if rng.random() < 0.5 else 3
        return MultiHeadAttention(int(rng.integers(1, 4)), 2, value_dim, use_bias=use, **settings)
    if kind == 1:
        return AdditiveAttention(use, **settings)
    return Attention(use, str(rng.choice(["dot", "concat"])), **settings)
