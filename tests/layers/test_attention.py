"""Attention: against PyTorch and Keras, its masks, its symmetries, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import Model, Sequential, ShapeError
from minidl.data import Examples
from minidl.errors import SettingError
from minidl.layers import (
    AdditiveAttention,
    Attention,
    Chain,
    Dense,
    Embedding,
    Graph,
    LayerNormalization,
    MultiHeadAttention,
    PositionEmbedding,
    Residual,
    SinePositionEncoding,
    Softmax,
)
from minidl.layers._softmax_attention import softmax_over_keys
from minidl.parameters import Parameters
from tests.helpers.attention_peers import TOLERANCE, Case, by_keras, by_torch
from tests.oracles import make_torch_attention as oracle
from tests.oracles.make_torch_attention import CASES, DIM, HEADS, PADDED, PATH, SCORES, drawn, drawn_scores

KINDS = [MultiHeadAttention, Attention, AdditiveAttention]
NAMES = [kind.__name__ for kind in KINDS]
LAYERS = [MultiHeadAttention(2, 3), Attention(), AdditiveAttention()]


def stored(name):
    """Return what the oracle stored of a case."""
    with np.load(PATH) as file:
        return {key.split("/", 1)[1]: file[key] for key in file if key.startswith(f"{name}/")}


def built(layer, shape, seed=0, dtype="float64"):
    """Return the layer with random weights of its own."""
    layer.build(shape)
    parameters = Parameters(layer.named_parameters(), np.dtype(dtype))
    parameters.theta = np.random.default_rng(seed).normal(0, 0.5, parameters.theta.size)
    return layer


def found(layer, x, masks, dy):
    """Return {what: array} as the oracle names them, for the inputs x."""
    several = len(x) > 1
    (y, scores), _ = layer.masked_forward(tuple(x) if several else x[0], masks)
    dx = layer.backward((dy, None))
    slopes = {f"dx_{i}": part for i, part in enumerate(dx if several else (dx,))}
    return {"y": y, "scores": scores} | slopes | {name: p.grad for name, p in layer.parameters.items()}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for what, array in ours.items():
        assert array == pytest.approx(theirs[what], rel=1e-12, abs=1e-13), what


# ---- against PyTorch 2.13 and Keras 3.15


@pytest.mark.parametrize("name", CASES)
def test_multi_head_attention_computes_what_pytorch_computes(name):
    *_, causal, padded = CASES[name]
    x, dy, weights = drawn(name)
    layer = MultiHeadAttention(HEADS, DIM, use_causal_mask=causal, return_attention_scores=True)
    built(layer, tuple(part.shape[1:] for part in x) if len(x) > 1 else x[0].shape[1:])
    for parameter, weight in weights.items():
        layer.parameters[parameter].value = weight
    masks = (None, PADDED, *[None] * len(x[2:])) if padded else None
    assert_same(found(layer, x, masks, dy), stored(name))


@pytest.mark.parametrize("name", SCORES)
def test_attention_computes_what_pytorch_computes_of_its_equations(name):
    kind, settings, _ = SCORES[name]
    x, dy, parameters = drawn_scores(name)
    layer = {"Attention": Attention, "AdditiveAttention": AdditiveAttention}[kind](
        **settings, return_attention_scores=True
    )
    built(layer, tuple(part.shape[1:] for part in x))
    for parameter in layer.parameters:
        layer.parameters[parameter].value = parameters[parameter]
    assert_same(found(layer, x, (None, PADDED, None), dy), stored(name))


@pytest.mark.peers
def test_the_stored_numbers_are_pytorchs():
    pytest.importorskip("torch")
    for name in CASES:
        assert_same(oracle.by_torch(name), stored(name))
    for name in SCORES:
        assert_same(oracle.scores_by_torch(name), stored(name))


@pytest.mark.peers
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KINDS)
def test_200_random_settings_compute_outputs_scores_and_gradients_as_keras_on_pytorch(kind, dtype):
    rng = np.random.default_rng(0)
    for _ in range(200):
        case = Case(kind, rng, dtype)
        assert case.worst(by_keras(case)) < TOLERANCE[dtype], (case.layer, case.masks)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_200_random_settings_compute_outputs_scores_and_gradients_as_pytorch(dtype):
    rng = np.random.default_rng(0)
    for _ in range(200):
        case = Case(MultiHeadAttention, rng, dtype)
        assert case.worst(by_torch(case)) < TOLERANCE[dtype], (case.layer, case.masks)


# ---- masks


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1))
def test_padded_steps_have_no_influence(kind, seed):
    """Other numbers at padded steps change no bit of the outputs at the other steps, nor of any gradient."""
    rng = np.random.default_rng(seed)
    case = Case(kind, rng)
    case.masks = [rng.random(part.shape[:2]) < 0.6 for part in case.x[:3]] + [None] * len(case.x[3:])
    counts, other = case.masks[0], [rng.normal(size=part.shape) for part in case.x[:3]]
    case.dy[0][~counts] = 0  # nothing depends on the outputs at padded steps
    if case.dy[1] is not None:
        np.moveaxis(case.dy[1], -2, 1)[~counts] = 0
    first = case.found()
    for x, mask, numbers in zip(case.x, case.masks, other, strict=False):
        x[~mask] = numbers[~mask]
    second = case.found()
    assert np.array_equal(first[0][counts], second[0][counts])
    assert all(map(np.array_equal, first[1:], second[1:]))


@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_a_query_that_may_see_no_key_gets_zeros_and_passes_no_gradient(layer, dtype):
    rng, mask = np.random.default_rng(0), np.array([[False, False, True], [False, False, False]])
    layer = built(layer.clone(), (3, 4), dtype=dtype)
    layer.use_causal_mask = True
    x = (10 * rng.normal(size=(2, 3, 4))).astype(dtype)
    y, _ = layer.masked_forward(x, mask)
    nothing = layer.attention_output_bias.value if layer.parameters.keys() > {"query/kernel"} else 0
    assert np.array_equal(y[~mask], np.zeros((5, 4)) + nothing)
    dy = rng.normal(size=y.shape).astype(x.real.dtype)
    dx = layer.backward(dy)
    assert np.array_equal(dx[~mask], np.zeros((5, 4)))
    assert np.isfinite(dx).all()
    assert all(np.isfinite(p.grad).all() for p in layer.parameters.values())


def test_a_softmax_over_keys_of_any_size_is_finite():
    scores = np.array([[3e38, -3e38, 0], [-3e38, -3e38, 3e38], [1e4, 1e4, -1e4]], np.float32)
    wanted = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]], np.float32)
    allowed = np.array([[True, True, True], [True, True, False], [False, True, True]])
    assert np.array_equal(softmax_over_keys(scores, allowed), wanted)


@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
@pytest.mark.parametrize("step", range(6))
def test_with_a_causal_mask_later_steps_change_no_bit_of_earlier_ones(layer, step):
    rng = np.random.default_rng(0)
    layer = built(layer.clone(), (6, 4))
    layer.use_causal_mask = True
    x = rng.normal(size=(3, 6, 4))
    changed = x.copy()
    changed[:, step + 1 :] = rng.normal(size=changed[:, step + 1 :].shape)
    assert np.array_equal(layer.forward(x)[:, : step + 1], layer.forward(changed)[:, : step + 1])


def test_an_attention_mask_takes_keys_away_from_single_queries():
    """The causal mask as an input computes what the setting computes; the mask has no derivative."""
    rng = np.random.default_rng(0)
    shape, x, dy = (4, 3), rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 3))
    given = built(MultiHeadAttention(2, 3), (shape, shape, shape, (4, 4)))
    causal = built(MultiHeadAttention(2, 3, use_causal_mask=True), (shape, shape, shape))
    pairs = np.broadcast_to(np.tril(np.ones((4, 4))), (2, 4, 4))
    assert np.array_equal(given.forward((x, x, x, pairs)), causal.forward((x, x, x)))
    *dx, of_mask = given.backward(dy)
    assert of_mask is None
    assert all(map(np.array_equal, dx, causal.backward(dy)))


# ---- symmetries


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1))
def test_without_positions_steps_in_another_order_give_the_same_outputs_in_that_order(kind, seed):
    rng = np.random.default_rng(seed)
    m, steps, n = (int(k) for k in rng.integers(1, 6, 3))
    layer = built(kind(2, 3) if kind is MultiHeadAttention else kind(), (steps, n))
    x, order, mask = rng.normal(size=(m, steps, n)), rng.permutation(steps), rng.random((m, steps)) < 0.7
    y, _ = layer.masked_forward(x, mask)
    reordered, _ = layer.masked_forward(x[:, order], mask[:, order])
    assert np.allclose(reordered, y[:, order], rtol=1e-10, atol=1e-12)


def test_positions_make_the_order_count():
    layer = built(Chain(Residual(SinePositionEncoding()), MultiHeadAttention(2, 3)), (5, 4))
    x, order = np.random.default_rng(0).normal(size=(2, 5, 4)), [1, 0, 2, 3, 4]
    assert not np.allclose(layer.forward(x[:, order]), layer.forward(x)[:, order], atol=0.01)


def test_one_input_is_query_value_and_key():
    x = np.random.default_rng(0).normal(size=(2, 5, 4))
    for layer in (MultiHeadAttention(2, 3), Attention(use_scale=True), AdditiveAttention()):
        alone, pair, three = (
            built(layer.clone(), shape) for shape in ((5, 4), ((5, 4), (5, 4)), ((5, 4), (5, 4), (5, 4)))
        )
        y = alone.forward(x)
        assert np.allclose(pair.forward((x, x)), y, rtol=1e-12)
        assert np.allclose(three.forward((x, x, x)), y, rtol=1e-12)
        dx = alone.backward(y)
        assert np.allclose(sum(pair.backward(y)), dx, rtol=1e-11)
        assert np.allclose(sum(three.backward(y)), dx, rtol=1e-11)


# ---- settings


def test_parameters_have_kerass_names_and_shapes():
    layer = built(MultiHeadAttention(2, 3, 5, output_shape=7), ((6, 4), (9, 10), (9, 11)))
    assert {name: p.shape for name, p in layer.parameters.items()} == {
        "query/kernel": (4, 2, 3),
        "query/bias": (2, 3),
        "key/kernel": (11, 2, 3),
        "key/bias": (2, 3),
        "value/kernel": (10, 2, 5),
        "value/bias": (2, 5),
        "attention_output/kernel": (2, 5, 7),
        "attention_output/bias": (7,),
    }
    assert [name for name, p in layer.parameters.items() if p.penalized] == [
        n for n in layer.parameters if "kernel" in n
    ]


def test_initial_weights_lie_within_kerass_limits():
    """Keras counts the fans of (features, heads, dim) as those of a convolution: features * heads, features * dim."""
    layer = MultiHeadAttention(4, 8)
    model = Sequential([layer], seed=0)
    model.build((10, 16))
    kernel = layer.query_kernel.value
    limit = np.sqrt(6 / (16 * 4 + 16 * 8))
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    assert not layer.query_bias.value.any()


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (
            MultiHeadAttention(1, 2),
            (4,),
            r"takes sequences, rows \(steps, features\), got rows of shape \(4,",
        ),
        (MultiHeadAttention(1, 2), (4, 3, 2), "takes sequences"),
        (MultiHeadAttention(1, 2), ((4, 3), (4, 3), (5, 3)), "a key for each value, got 4 values and 5 keys"),
        (MultiHeadAttention(1, 2), ((4, 3),) * 5, "query, value, key, attention_mask, got 5 inputs"),
        (MultiHeadAttention(1, 2), ((4, 3), (5, 3), (5, 3), (4, 4)), r"attention_mask must have rows \(4, 5\)"),
        (Attention(), ((4, 3), (5, 2)), "queries and keys must have as many features, got 3 and 2"),
        (AdditiveAttention(), ((4, 3), (5, 3), (5, 3), (4, 5)), "takes query, value, key, got 4 inputs"),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, words):
    with pytest.raises(ShapeError, match=words):
        layer.build(shape)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (MultiHeadAttention, {"num_heads": 0, "key_dim": 2}),
        (MultiHeadAttention, {"num_heads": 1, "key_dim": 2.0}),
        (MultiHeadAttention, {"num_heads": 1, "key_dim": 2, "value_dim": 0}),
        (MultiHeadAttention, {"num_heads": 1, "key_dim": 2, "output_shape": (3, 0)}),
        (MultiHeadAttention, {"num_heads": 1, "key_dim": 2, "dropout": 1.0}),
        (Attention, {"score_mode": "cosine"}),
        (AdditiveAttention, {"score_mode": "dot"}),
    ],
)
def test_settings_out_of_their_domain(kind, settings):
    with pytest.raises(SettingError):
        kind(**settings)


# ---- dropout


def test_dropout_keeps_the_expected_output_and_replays_its_mask():
    layer = Attention(dropout=0.3)
    Sequential([layer], dtype="float64", seed=0).build((50, 4))
    x = np.random.default_rng(0).normal(size=(40, 50, 4))
    state = layer.rng.bit_generator.state
    y = layer.forward(x, training=True)
    layer.rng.bit_generator.state = state
    assert np.array_equal(layer.forward(x, training=True), y)
    plain = layer.forward(x)
    assert not np.allclose(y, plain)
    ratio = (y * plain).sum() / (plain * plain).sum()
    assert ratio == pytest.approx(1, abs=0.02)


# ---- in a model


def test_scores_are_a_second_value_of_a_graph():
    layer = MultiHeadAttention(2, 3, return_attention_scores=True)
    graph = Graph("x", {("y", "scores"): (layer, "x")}, ("y", "scores"))
    model = Model(graph, seed=0)
    model.build((5, 4))
    x = np.random.default_rng(0).normal(size=(3, 5, 4))
    y, scores = model.predict(x)
    assert (y.shape, scores.shape) == ((3, 5, 4), (3, 2, 5, 5))
    assert np.allclose(scores.sum(axis=-1), 1, atol=1e-6)
    with pytest.raises(ShapeError, match="MultiHeadAttention returns several values, which only a Graph passes on"):
        Sequential([MultiHeadAttention(2, 3, return_attention_scores=True)]).build((5, 4))


@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
def test_padded_rows_train_as_rows_of_their_own_length(layer):
    """Ids 0 behind a sequence change neither the loss nor a gradient, to rounding."""
    rng = np.random.default_rng(0)
    ids, y = rng.integers(1, 9, (4, 5)), rng.normal(size=(4, 5, 2))
    padded, targets = np.pad(ids, ((0, 0), (0, 3))), np.pad(y, ((0, 0), (0, 3), (0, 0)), constant_values=7)
    found = []
    for x, wanted in ((ids, y), (padded, targets)):
        block = Residual(LayerNormalization(), layer.clone())
        model = Sequential([Embedding(9, 4, mask_zero=True), block, Dense(2)], seed=0, dtype="float64")
        model.compile(loss="mse")
        model.build(x.shape[1:])
        found.append((model.objective.data_gradient(Examples(x, wanted))[0], model.params.grad.copy()))
    (loss, grad), (with_padding, other) = found
    assert with_padding == pytest.approx(loss, rel=1e-12)
    assert other == pytest.approx(grad, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
def test_sequences_of_any_length_have_the_same_weights(layer):
    def network(length):
        parts = Embedding(9, 4, mask_zero=True), Residual(PositionEmbedding(7)), layer.clone(), Dense(3), Softmax()
        model = Sequential(parts, seed=0, dtype="float64")
        model.compile("adam", "sparse_categorical_crossentropy")
        model.build((None, length))
        return model

    rng = np.random.default_rng(0)
    any_length, batches = network(None), [rng.integers(1, 9, (4, n)) for n in (5, 3, 7)]
    for x in batches:
        any_length.train_on_batch(x, x % 3)
    for x in batches:
        of_length = network(x.shape[1])
        of_length.params.theta = any_length.params.theta
        assert np.array_equal(any_length.predict(x), of_length.predict(x))
    with pytest.raises(ShapeError, match="PositionEmbedding has vectors for sequence_length=7 steps, got 8"):
        any_length.predict(np.ones((1, 8), int))


def test_a_sliding_window_hides_keys_that_are_far():
    layer = built(MultiHeadAttention(1, 2, sliding_window=2, return_attention_scores=True), ((3, 4), (4, 4)))
    rng = np.random.default_rng(0)
    _, weights = layer.forward((rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 4, 4))))
    assert (weights[0, 0] > 0).tolist() == [[True, True, False, False], [True, True, True, False], [False] + [True] * 3]
