"""Recurrent layers: 200 random settings of each against Keras 3.15 on PyTorch 2.13 and against PyTorch itself."""

import numpy as np
import pytest

from minidl.layers import GRU, LSTM, Bidirectional, Dense, SimpleRNN, TimeDistributed
from minidl.layers._elementwise import FUNCTIONS
from tests.helpers.recurrent_peers import (
    TOLERANCE,
    built,
    difference,
    differentiate,
    initial_states,
    keras_in_float64,
    of_keras,
    of_minidl,
    of_torch,
    settings_for_keras,
)

pytestmark = pytest.mark.peers
KINDS = [SimpleRNN, GRU, LSTM]
# exp grows beyond all bounds, and PyTorch rounds 1 / 6 in hard_sigmoid to float32: test_elementwise compares them
NAMES = sorted(FUNCTIONS.keys() - {"exponential", "hard_sigmoid"})
CASES = 200


@pytest.fixture(autouse=True)
def _keras_in_float64():
    with keras_in_float64():
        yield


def flag(rng):
    return bool(rng.integers(2))


def random_layer(kind, rng):
    settings = {name: flag(rng) for name in ("use_bias", "return_sequences", "return_state", "go_backwards")}
    if settings["return_sequences"]:  # without it, Keras gives the setting a meaning on PyTorch alone
        settings["zero_output_for_mask"] = flag(rng)
    if kind is GRU:
        settings["reset_after"] = flag(rng)
    names = [str(rng.choice(NAMES)) if flag(rng) else default for default in ("tanh", "sigmoid")]
    return kind(int(rng.integers(1, 5)), *names[: 1 if kind is SimpleRNN else 2], **settings)


def random_rows(rng, dtype):
    """x (m, steps, features), and a mask with padding anywhere, or None."""
    shape = tuple(int(n) for n in rng.integers(1, 6, 3))
    mask = rng.random(shape[:2]) < rng.random() if flag(rng) else None
    return rng.normal(size=shape).astype(dtype), mask


def random_slopes(layer, x, rng):
    m, steps, _ = x.shape
    shapes = [(m, steps, layer.units) if layer.return_sequences else (m, layer.units)]
    shapes += [(m, layer.units)] * (layer.state_count if layer.return_state else 0)
    return [rng.normal(size=shape).astype(x.dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KINDS)
def test_200_random_settings_compute_as_keras(kind, dtype):
    rng = np.random.default_rng(0)
    for _ in range(CASES):
        layer, (x, mask) = random_layer(kind, rng), random_rows(rng, dtype)
        built(layer, x.shape[1:], rng, dtype)
        states = [state.astype(dtype) for state in initial_states(layer, len(x), rng)]
        given = x, states, mask, random_slopes(layer, x, rng)
        assert difference(of_minidl(layer, *given), of_keras(layer, *given)) < TOLERANCE[dtype], (layer, x.shape, mask)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KINDS)
def test_200_random_settings_compute_as_pytorch(kind, dtype):
    rng = np.random.default_rng(1)
    for _ in range(CASES):
        settings = {name: flag(rng) for name in ("use_bias", "return_sequences", "return_state", "go_backwards")}
        activation = "relu" if kind is SimpleRNN and flag(rng) else "tanh"
        layer = kind(int(rng.integers(1, 5)), activation, **settings)
        x, mask = random_rows(rng, dtype)
        lengths = None if mask is None or layer.go_backwards else rng.integers(1, x.shape[1] + 1, len(x))
        mask = None if lengths is None else np.arange(x.shape[1]) < lengths[:, None]
        layer.zero_output_for_mask = layer.return_sequences  # PyTorch writes zeros behind the rows
        built(layer, x.shape[1:], rng, dtype)
        states = [state.astype(dtype) for state in initial_states(layer, len(x), rng)]
        dys = random_slopes(layer, x, rng)
        ours, theirs = of_minidl(layer, x, states, mask, dys), of_torch(layer, x, states, lengths, dys)
        assert difference(ours, theirs) < TOLERANCE[dtype], (layer, x.shape, lengths)


def drawn_masks(layer, x, rng):
    """The masks of dropout that the layer draws from rng: those of x and of h, as Keras's cells keep them."""
    torch = pytest.importorskip("torch")
    count, m = layer.gates if layer.recurrent_dropout else 1, len(x)
    found = []
    for rate, shape in (
        (layer.dropout, (count, m, x.shape[-1])),
        (layer.recurrent_dropout, (layer.gates, m, layer.units)),
    ):
        if not rate:
            found.append(None)
            continue
        mask = (rng.random(shape, dtype=np.float32) >= rate) / (1 - rate)
        parts = [torch.tensor(part) for part in mask]
        found.append(parts[0] if isinstance(layer, SimpleRNN) or not layer.recurrent_dropout else parts)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_masks_of_dropout_do_what_those_of_keras_do(kind):
    rng = np.random.default_rng(2)
    for seed in range(60):
        layer, (x, mask) = random_layer(kind, rng), random_rows(rng, "float64")
        layer.dropout, layer.recurrent_dropout = (float(rate) for rate in rng.choice([0, 0.3, 0.6], 2))
        built(layer, x.shape[1:], rng, "float64")
        layer.rng = np.random.default_rng(seed)
        masks = drawn_masks(layer, x, np.random.default_rng(seed))
        given = x, initial_states(layer, len(x), rng), mask, random_slopes(layer, x, rng), True
        assert difference(of_minidl(layer, *given), of_keras(layer, *given, masks)) < 1e-10, (layer, x.shape)


# ---- both directions


def both_of_keras(layer, x, mask, dys):
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    parts = [
        getattr(keras.layers, type(part).__name__)(**settings_for_keras(part), dtype=str(x.dtype))
        for part in layer.both
    ]
    theirs = keras.layers.Bidirectional(parts[0], layer.merge_mode, backward_layer=parts[1], dtype=str(x.dtype))
    theirs.build((None, *x.shape[1:]))
    for weight, parameter in zip(theirs.weights, layer.named_parameters().values(), strict=True):
        weight.value.data = torch.tensor(parameter.value)
    rows = torch.tensor(x, requires_grad=True)
    y = theirs(rows, mask=None if mask is None else torch.tensor(mask))
    y = list(y) if layer.several_outputs else [y]
    return differentiate(y, [rows, *(weight.value for weight in theirs.weights)], dys)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_200_random_settings_of_both_directions_compute_as_keras(dtype):
    rng = np.random.default_rng(3)
    for _ in range(CASES):
        inner, (x, mask) = random_layer(KINDS[rng.integers(3)], rng), random_rows(rng, dtype)
        inner.go_backwards = inner.zero_output_for_mask = False
        mode = [None, "concat", "sum", "mul", "ave"][rng.integers(5)]
        layer = Bidirectional(inner, mode)
        built(layer, x.shape[1:], rng, dtype)
        y, _ = layer.masked_forward(x, mask)
        dys = [rng.normal(size=part.shape).astype(dtype) for part in (y if layer.several_outputs else (y,))]
        ours, theirs = of_minidl(layer, x, [], mask, dys), both_of_keras(layer, x, mask, dys)
        assert difference(ours, theirs) < TOLERANCE[dtype], (layer, x.shape)


# ---- each step


def random_inner(rng):
    """A layer, and the shape of a step: a row of features, or a sequence."""
    features = int(rng.integers(1, 4))
    if flag(rng):
        return Dense(int(rng.integers(1, 4))), (features,)
    kind = KINDS[rng.integers(3)]
    return kind(int(rng.integers(1, 4)), return_sequences=flag(rng)), (int(rng.integers(1, 5)), features)


def each_of_keras(layer, x, mask, dys):
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    inner = layer.layer
    settings = {"units": inner.units} if isinstance(inner, Dense) else settings_for_keras(inner)
    theirs = keras.layers.TimeDistributed(getattr(keras.layers, type(inner).__name__)(**settings, dtype=str(x.dtype)))
    theirs.build((None, *x.shape[1:]))
    for weight, parameter in zip(theirs.weights, layer.named_parameters().values(), strict=True):
        weight.value.data = torch.tensor(parameter.value)
    rows = torch.tensor(x, requires_grad=True)
    y = theirs.call(rows, mask=None if mask is None else torch.tensor(mask))
    return differentiate([y], [rows, *(weight.value for weight in theirs.weights)], dys)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_200_random_layers_of_each_step_compute_as_keras(dtype):
    rng = np.random.default_rng(4)
    for _ in range(CASES):
        inner, shape = random_inner(rng)
        x = rng.normal(size=(int(rng.integers(1, 4)), int(rng.integers(1, 4)), *shape)).astype(dtype)
        mask = rng.random(x.shape[:-1]) < 0.7 if len(shape) == 2 and flag(rng) else None
        layer = built(TimeDistributed(inner), x.shape[1:], rng, dtype)
        dys = [rng.normal(size=layer.masked_forward(x, mask)[0].shape).astype(dtype)]
        ours, theirs = of_minidl(layer, x, [], mask, dys), each_of_keras(layer, x, mask, dys)
        assert difference(ours, theirs) < TOLERANCE[dtype], (layer, x.shape)
