"""Recurrent layers: stored numbers of Keras 3.15 on PyTorch 2.13, masks, states, properties, bad input."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import DataError, Model, NonFiniteError, Sequential, SettingError, ShapeError
from minidl.callbacks import Callback, ModelCheckpoint
from minidl.constraints import MaxNorm
from minidl.files import load_model
from minidl.gradcheck import check_model
from minidl.initializers import Constant, Ones
from minidl.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Embedding,
    Graph,
    Masking,
    SimpleRNN,
    TimeDistributed,
    _recurrent,
)
from minidl.losses import MeanSquaredError
from minidl.optimizers import SGD
from minidl.regularizers import L2
from tests.helpers.recurrent_peers import built, difference, of_minidl
from tests.oracles import make_recurrent

KINDS = [SimpleRNN, GRU, LSTM]
STORED = np.load(make_recurrent.PATH)


@pytest.mark.parametrize("number", range(len(make_recurrent.LAYERS)), ids=lambda n: repr(make_recurrent.LAYERS[n]))
def test_outputs_states_and_gradients_are_those_of_keras(number):
    weights, *given_arrays = make_recurrent.drawn(make_recurrent.LAYERS[number])
    layer = built(make_recurrent.LAYERS[number].clone(), (4, 2), np.random.default_rng(0), "float64")
    for parameter, value in zip(layer.parameters.values(), weights, strict=True):
        parameter.value = value
    found = of_minidl(layer, *given_arrays)
    assert difference(found, [STORED[f"{number}/{i}"] for i in range(len(found))]) < 1e-12


def made(kind, steps, features, seed=0, **settings):
    return built(kind(3, **settings), (steps, features), np.random.default_rng(seed), "float64")


def copy_weights(source, target):
    for parameter, other in zip(source.parameters.values(), target.parameters.values(), strict=True):
        other.value = parameter.value


# ---- masks


@pytest.mark.parametrize("both_directions", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_at_padded_steps_changes_no_number(kind, sequences, backwards, both_directions):
    rng = np.random.default_rng(0)
    layer = kind(3, return_sequences=sequences, go_backwards=backwards and not both_directions)
    layer = Bidirectional(layer) if both_directions else layer
    built(layer, (5, 2), rng, "float64")
    x, mask = rng.normal(size=(6, 5, 2)), rng.random((6, 5)) < 0.6
    dy = rng.normal(size=layer.masked_forward(x, mask)[0].shape)
    changed = np.where(mask[..., None], x, 1e3 * rng.normal(size=x.shape))
    for ours, other in zip(of_minidl(layer, x, [], mask, [dy]), of_minidl(layer, changed, [], mask, [dy]), strict=True):
        np.testing.assert_array_equal(ours, other)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_in_a_model_changes_no_number_of_its_training(kind):
    rng = np.random.default_rng(0)
    ids, targets = rng.integers(1, 9, (12, 6)), rng.normal(size=(12, 6, 2))
    ids[:5, 4:] = 0
    ids[7:, :2] = 0
    targets_elsewhere = np.where((ids == 0)[..., None], 99.0, targets)
    runs = []
    for y in (targets, targets_elsewhere):
        layers = [
            Embedding(9, 4, mask_zero=True),
            kind(5, return_sequences=True),
            Bidirectional(GRU(3, return_sequences=True)),
        ]
        model = Sequential([*layers, Dense(2)], seed=0)
        model.compile("adam", "mse")
        history = model.fit(ids, y, batch_size=4, epochs=3, verbose=0).history
        runs.append((history, model.params.theta.tolist()))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_padded_sequences_end_in_the_states_of_the_short_ones(kind, before):
    rng = np.random.default_rng(0)
    layer = made(kind, 7, 2, return_state=True)
    for length in range(1, 8):
        x = rng.normal(size=(3, length, 2))
        padding = np.full((3, 7 - length, 2), 5.0)
        padded = np.concatenate([padding, x] if before else [x, padding], axis=1)
        mask = np.tile(np.arange(7) >= 7 - length if before else np.arange(7) < length, (3, 1))
        for ours, short in zip(layer.masked_forward(padded, mask)[0], layer.forward(x), strict=True):
            np.testing.assert_allclose(ours, short, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_padding_alone_keeps_its_initial_state_and_returns_zeros(kind):
    layer = made(kind, 4, 2, return_state=True)
    states = tuple(np.full((1, 3), 0.5) for _ in range(layer.state_count))
    (y, *last), mask = layer.masked_forward((np.ones((1, 4, 2)), *states), np.zeros((1, 4), bool))
    np.testing.assert_array_equal(y, np.zeros((1, 3)))
    np.testing.assert_array_equal(last, states)
    assert mask == (None,) * (1 + len(states))


def test_a_mask_goes_on_only_with_the_steps():
    x, mask = np.ones((2, 3, 2)), np.array([[True, False, True], [True, True, False]])
    for layer, expected in [(made(LSTM, 3, 2), None), (made(LSTM, 3, 2, return_sequences=True), mask)]:
        assert layer.masked_forward(x, mask)[1] is expected
        assert Bidirectional(layer).compute_mask(x, mask) is expected
    assert TimeDistributed(Dense(2)).compute_mask(x, mask) is mask


# ---- directions and steps


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_going_backwards_is_going_through_the_sequence_turned_round(kind, sequences):
    rng = np.random.default_rng(0)
    layer = made(kind, 5, 2, return_sequences=sequences)
    other = made(kind, 5, 2, return_sequences=sequences, go_backwards=True)
    copy_weights(layer, other)
    x, mask = rng.normal(size=(4, 5, 2)), rng.random((4, 5)) < 0.7
    dy = rng.normal(size=(4, 5, 3) if sequences else (4, 3))
    y, dx, *slopes = of_minidl(layer, x[:, ::-1], [], mask[:, ::-1], [dy])
    for ours, turned in zip(of_minidl(other, x, [], mask, [dy]), (y, dx[:, ::-1], *slopes), strict=True):
        np.testing.assert_array_equal(ours, turned)


@pytest.mark.parametrize("kind", KINDS)
def test_both_directions_are_two_layers(kind):
    rng = np.random.default_rng(0)
    layer = built(Bidirectional(kind(3, return_sequences=True)), (5, 2), rng, "float64")
    x = rng.normal(size=(4, 5, 2))
    forward, backward = layer.both
    expected = np.concatenate([forward.forward(x), backward.forward(x)[:, ::-1]], axis=-1)
    np.testing.assert_array_equal(layer.forward(x), expected)
    assert list(layer.named_parameters())[:2] == ["forward_layer/kernel", "forward_layer/recurrent_kernel"]


@pytest.mark.parametrize("kind", KINDS)
def test_steps_in_blocks_have_the_derivatives_of_steps_at_once(kind, monkeypatch):
    rng = np.random.default_rng(0)
    layer = made(kind, 9, 2, return_sequences=True)
    x, mask, dy = rng.normal(size=(4, 9, 2)), rng.random((4, 9)) < 0.7, rng.normal(size=(4, 9, 3))
    at_once = of_minidl(layer, x, [], mask, [dy])
    for size in (1, 4 * 4 * 3 * 8 * 4):
        monkeypatch.setattr(_recurrent, "BLOCK", size)
        assert difference(of_minidl(layer, x, [], mask, [dy]), at_once) < 1e-14


def test_a_layer_of_each_step_is_the_layer_on_each_step():
    rng = np.random.default_rng(0)
    layer = built(TimeDistributed(LSTM(3)), (4, 5, 2), rng, "float64")
    x, mask = rng.normal(size=(2, 4, 5, 2)), rng.random((2, 4, 5)) < 0.5
    y, counts = layer.masked_forward(x, mask)
    expected = [layer.layer.masked_forward(x[:, t], mask[:, t])[0] for t in range(4)]
    np.testing.assert_allclose(y, np.stack(expected, axis=1), rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(counts, mask.any(axis=2))


# ---- states


def carried_on(kind, dtype):
    settings = {"return_sequences": True}
    whole = Sequential([kind(4, **settings), kind(3, **settings)], seed=0, dtype=dtype)
    whole.build((12, 2))
    pieces = Sequential([kind(4, stateful=True, **settings), kind(3, stateful=True, **settings)], seed=0, dtype=dtype)
    pieces.build((None, None, 2))
    return whole, pieces


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_of_a_sequence_with_states_are_the_whole_sequence(kind, dtype, tolerance):
    whole, pieces = carried_on(kind, dtype)
    x = np.random.default_rng(0).normal(size=(5, 12, 2))
    y = whole.predict(x)
    for length in (1, 3, 12):
        for layer in pieces.layers:
            layer.reset_states()
        found = [pieces.predict(part) for part in np.split(x, 12 // length, axis=1)]
        np.testing.assert_allclose(np.concatenate(found, axis=1), y, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_states_handed_from_layer_to_layer_are_the_whole_sequence(kind):
    rng = np.random.default_rng(0)
    layer = made(kind, 6, 2, return_state=True, return_sequences=True)
    x = rng.normal(size=(3, 6, 2))
    y, *last = layer.forward(x)
    first, *states = layer.forward(x[:, :2])
    second, *end = layer.forward((x[:, 2:], *states))
    assert difference([np.concatenate([first, second], axis=1), *end], [y, *last]) < 1e-14


def test_an_encoder_hands_its_states_to_a_decoder():
    layers = {
        ("e", "h", "c"): (LSTM(3, return_state=True), "source"),
        "d": (LSTM(3, return_sequences=True), "target", "h", "c"),
        "y": (Dense(1), "d"),
    }
    model = Model(Graph({"source": (4, 2), "target": (5, 2)}, layers, "y"), seed=0)
    model.compile("sgd", MeanSquaredError())
    rng = np.random.default_rng(0)
    x = {"source": rng.normal(size=(6, 4, 2)), "target": rng.normal(size=(6, 5, 2))}
    assert check_model(model, x, rng.normal(size=(6, 5, 1))).passed


def test_no_gradient_flows_into_the_batch_before():
    rng = np.random.default_rng(0)
    layer, x, dy = made(LSTM, 4, 2, stateful=True), rng.normal(size=(2, 4, 2)), rng.normal(size=(2, 3))
    layer.forward(x[::-1])
    h, c = layer.states
    with_states = of_minidl(layer, x, [], None, [dy])
    other = made(LSTM, 4, 2)
    found = of_minidl(other, x, [h, c], None, [dy])
    del found[2:4]  # dL/d(initial states)
    assert difference(with_states, found) == 0


class Stop(Exception):
    pass


class StopAfter(Callback):
    def __init__(self, batches):
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise Stop


@pytest.mark.parametrize("batches", [2, 4, 7])
def test_a_training_with_states_resumes_to_the_bit(tmp_path, batches):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3, 2)), rng.normal(size=16)

    def model():
        layers = [
            Bidirectional(GRU(3, return_sequences=True, stateful=True)),
            LSTM(4, stateful=True, dropout=0.2),
            Dense(1),
        ]
        made_model = Sequential(layers, seed=0)
        made_model.compile("adam", "mse")
        return made_model

    arguments = {"batch_size": 4, "epochs": 3, "shuffle": False}
    whole = model()
    expected = whole.fit(x, y, **arguments).history
    with pytest.raises(Stop):
        callbacks = [ModelCheckpoint(tmp_path / "m.h5", save_freq=1), StopAfter(batches)]
        model().fit(x, y, callbacks=callbacks, **arguments)
    loaded = load_model(tmp_path / "m.h5")
    arguments |= {"callbacks": ModelCheckpoint(tmp_path / "n.h5", save_freq=1), "initial_epoch": loaded.position}
    assert loaded.fit(x, y, **arguments).history == expected
    assert loaded.params.theta.tolist() == whole.params.theta.tolist()
    for ours, theirs in zip(loaded.layers[1].states, whole.layers[1].states, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_states_are_no_weights():
    model = Sequential([LSTM(3, stateful=True), Dense(1)], seed=0)
    model.predict(np.ones((2, 4, 2)))
    assert [weight.shape for weight in model.get_weights()] == [(2, 12), (3, 12), (12,), (3, 1), (1,)]


# ---- properties


@given(st.sampled_from(KINDS), st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**31))
def test_rows_do_not_see_each_other_and_steps_do_not_see_later_ones(kind, m, steps, seed):
    rng = np.random.default_rng(seed)
    layer = made(kind, steps, 2, seed, return_sequences=True)
    x = rng.normal(size=(m, steps, 2))
    y = layer.forward(x)
    for row in range(m):
        np.testing.assert_allclose(layer.forward(x[row : row + 1])[0], y[row], rtol=1e-12, atol=1e-13)
    for length in range(1, steps):
        np.testing.assert_allclose(layer.forward(x[:, :length]), y[:, :length], rtol=1e-12, atol=1e-13)


@given(st.sampled_from(KINDS), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**31))
def test_a_mask_without_padding_changes_nothing(kind, m, steps, seed):
    rng = np.random.default_rng(seed)
    layer = made(kind, steps, 2, seed, return_sequences=True)
    x, dy = rng.normal(size=(m, steps, 2)), rng.normal(size=(m, steps, 3))
    states = [rng.normal(size=(m, 3)) for _ in range(layer.state_count)]
    alone = of_minidl(layer, x, states, None, [dy])
    for ours, other in zip(of_minidl(layer, x, states, np.ones((m, steps), bool), [dy]), alone, strict=True):
        np.testing.assert_array_equal(ours, other)


@given(st.sampled_from(KINDS), st.integers(1, 4), st.integers(1, 5), st.floats(-2, 2), st.integers(0, 2**31))
def test_the_derivatives_are_linear_in_those_of_the_outputs(kind, m, steps, factor, seed):
    rng = np.random.default_rng(seed)
    layer = made(kind, steps, 2, seed, return_sequences=True)
    x, one, two = rng.normal(size=(m, steps, 2)), *rng.normal(size=(2, m, steps, 3))
    mask = rng.random((m, steps)) < 0.7
    first = [array.copy() for array in of_minidl(layer, x, [], mask, [one])[1:]]
    second = [array.copy() for array in of_minidl(layer, x, [], mask, [two])[1:]]
    both = of_minidl(layer, x, [], mask, [one + factor * two])[1:]
    for whole, a, b in zip(both, first, second, strict=True):
        np.testing.assert_allclose(whole, a + factor * b, rtol=1e-9, atol=1e-9)


# ---- dropout


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_leaves_out_the_same_features_at_all_steps(kind):
    layer = made(kind, 6, 8, dropout=0.5, use_bias=False, return_sequences=True)
    layer.rng = np.random.default_rng(0)
    layer.forward(np.ones((4, 6, 8)), training=True)
    dx = layer.backward(np.ones((4, 6, 3)))
    dropped = dx == 0
    assert (dropped == dropped[:, :1]).all()
    assert 0 < dropped.sum() < dropped.size


@pytest.mark.parametrize("kind", KINDS)
def test_in_prediction_nothing_is_left_out(kind):
    layer, plain = made(kind, 6, 2, dropout=0.5, recurrent_dropout=0.5), made(kind, 6, 2)
    x = np.random.default_rng(0).normal(size=(4, 6, 2))
    np.testing.assert_array_equal(layer.forward(x), plain.forward(x))


# ---- settings


def test_the_first_weights_are_those_of_keras():
    for kind in KINDS:
        layer = kind(5)
        Sequential([layer], seed=0, dtype="float64").build((4, 3))
        gates = layer.gates
        limit = np.sqrt(6 / (3 + 5 * gates))
        assert 0.8 * limit < np.abs(layer.kernel.value).max() <= limit
        U = layer.recurrent_kernel.value
        np.testing.assert_allclose(U @ U.T, np.eye(5), atol=1e-12)
        expected = np.repeat([0, 1, 0, 0], 5) if kind is LSTM else np.zeros(layer.bias.shape)
        np.testing.assert_array_equal(layer.bias.value, expected)
    assert GRU(5).bias_shape() == (2, 15)
    assert GRU(5, reset_after=False).bias_shape() == (15,)


def test_the_bias_of_the_forget_gate():
    for settings, expected in [
        ({"unit_forget_bias": False}, [0] * 8),
        ({"bias_initializer": Constant(2.0)}, [2, 2, 1, 1, 2, 2, 2, 2]),
        ({"bias_initializer": Ones(), "unit_forget_bias": False}, [1] * 8),
    ]:
        layer = LSTM(2, **settings)
        Sequential([layer]).build((4, 3))
        assert layer.bias.value.tolist() == expected


def test_penalties_see_the_kernels_and_no_bias():
    for kind in KINDS:
        model = Sequential([kind(3), Dense(1)], seed=0)
        model.compile("sgd", MeanSquaredError() + L2(0.5))
        model.build((4, 2))
        kernels = ("simple_rnn", "gru", "lstm")[KINDS.index(kind)]
        seen = [path for path, part in model.params.slices.items() if part.stop <= model.params.kernels.stop]
        assert seen == [f"{kernels}/kernel", f"{kernels}/recurrent_kernel", "dense/kernel"]


def test_each_weight_may_have_a_penalty_and_a_constraint():
    layer = GRU(
        4,
        recurrent_regularizer=L2(0.1),
        bias_regularizer="l2",
        recurrent_constraint=MaxNorm(0.1),
        kernel_constraint="unit_norm",
    )
    model = Sequential([layer, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 3, 2)), np.ones(8), verbose=0)
    assert np.linalg.norm(layer.recurrent_kernel.value, axis=0).max() < 0.1 + 1e-6
    np.testing.assert_allclose(np.linalg.norm(layer.kernel.value, axis=0), 1, rtol=1e-5)


def test_predictions_in_threads_are_those_of_one_thread():
    model = Sequential([Masking(), Bidirectional(LSTM(8, return_sequences=True)), GRU(8), Dense(1)], seed=0)
    inputs = [np.random.default_rng(seed).normal(size=(20, 15, 4)) for seed in range(16)]
    expected = [model.predict(x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        for ours, alone in zip(pool.map(model.predict, inputs), expected, strict=True):
            np.testing.assert_array_equal(ours, alone)


# ---- bad input


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("shape", "remedy"),
    [
        ((5,), r"set return_sequences=True in a recurrent layer before it; .* x\[\.\.\., None\]"),
        ((2, 3, 4), "see Reshape"),
    ],
)
def test_rows_must_be_sequences(kind, shape, remedy):
    message = rf"^{kind.__name__} takes rows of shape \(steps, features\), but its input has rows of .*: {remedy}"
    with pytest.raises(ShapeError, match=message):
        Sequential([kind(3)]).build(shape)


def test_a_sequence_needs_a_step():
    with pytest.raises(DataError, match=r"x is empty, its shape is \(4, 0, 2\)"):
        Sequential([LSTM(3), Dense(1)]).fit(np.ones((4, 0, 2)), np.ones(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM(0), "LSTM: units must be an integer of at least 1, got 0"),
        (lambda: LSTM(3, "gelu"), "LSTM: activation must be one of tanh, sigmoid, relu, .*, got 'gelu'"),
        (lambda: GRU(3, recurrent_activation=None), "GRU: recurrent_activation must be one of .*, got None"),
        (lambda: SimpleRNN(3, dropout=1.0), r"SimpleRNN: dropout must be in \[0, 1\), got 1.0"),
        (lambda: SimpleRNN(3, unit_forget_bias=True), "SimpleRNN has no setting 'unit_forget_bias'"),
        (
            lambda: Bidirectional(Dense(3)),
            r"Bidirectional: layer must be a recurrent layer such as LSTM\(8\), got Dense",
        ),
        (
            lambda: Bidirectional(LSTM(3), "add"),
            "Bidirectional: merge_mode must be one of concat, sum, mul, ave, got 'add'",
        ),
        (lambda: Bidirectional(LSTM(3, go_backwards=True)), "one of the layers must go_backwards, not both"),
        (
            lambda: Bidirectional(LSTM(3), backward_layer=GRU(3, go_backwards=True, return_sequences=True)),
            r"both layers must have the same return_sequences, got \[False, True\]",
        ),
        (lambda: TimeDistributed(3), "TimeDistributed: layer must be a Layer object, got 3"),
    ],
)
def test_settings_that_cannot_be_are_rejected(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_directions_of_different_sizes_are_joined_side_by_side_alone():
    other = GRU(4, go_backwards=True)
    assert Bidirectional(LSTM(3), "concat", other).build((5, 2)) == (7,)
    with pytest.raises(ShapeError, match=r"merge_mode 'sum' joins equal shapes, got \(3,\) and \(4,\)"):
        Bidirectional(LSTM(3), "sum", other).build((5, 2))


def test_layers_of_steps_need_steps_and_have_one_output():
    with pytest.raises(ShapeError, match=r"TimeDistributed takes rows of shape \(steps, \.\.\.\), .* \(5,\)"):
        Sequential([TimeDistributed(Dense(2))]).build((5,))
    with pytest.raises(SettingError, match="TimeDistributed takes a layer with one output, got LSTM"):
        Sequential([TimeDistributed(LSTM(2, return_state=True))]).build((5, 4, 3))


def test_a_batch_of_another_size_does_not_fit_the_states():
    model = Sequential([LSTM(3, stateful=True), Dense(1)], seed=0)
    model.predict(np.ones((4, 5, 2)))
    message = (
        r"^LSTM: the states of the last batch have shape \(4, 3\), but x has 6 rows and needs \(6, 3\): use batches of "
        r"one size, or call reset_states\(\) before$"
    )
    with pytest.raises(ShapeError, match=message):
        model.predict(np.ones((6, 5, 2)))
    model.layers[0].reset_states()
    assert model.predict(np.ones((6, 5, 2))).shape == (6, 1)


def test_an_initial_state_must_fit():
    layer = made(GRU, 4, 2)
    with pytest.raises(
        ShapeError, match=r"^GRU: an initial state has shape \(3, 3\), but x has 2 rows and needs \(2, 3\)$"
    ):
        layer.forward((np.ones((2, 4, 2)), np.ones((3, 3))))


@pytest.mark.parametrize(("kind", "given", "wanted"), [(LSTM, 1, 2), (LSTM, 3, 2), (GRU, 2, 1)])
def test_the_number_of_initial_states_must_fit(kind, given, wanted):
    inputs = {"x": (5, 2)} | {f"state_{number}": (3,) for number in range(given)}
    message = rf"^{kind.__name__} takes {wanted} initial states beside the sequence, or none; got {given}$"
    with pytest.raises(ShapeError, match=message):
        Model(Graph(inputs, {"y": (kind(3), *inputs)}, "y"))


def test_a_step_that_is_not_finite_leaves_the_states_of_the_step_before():
    layer = LSTM(3, "relu", stateful=True)
    model = Sequential([layer, Dense(1)], seed=0)
    model.compile(SGD(1e30), "mse")
    before = []

    class Watch(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            before.append(layer.states)

    x, y = np.random.default_rng(0).normal(size=(12, 4, 2)), np.ones(12)
    with pytest.raises(NonFiniteError):
        model.fit(x, y, batch_size=4, shuffle=False, callbacks=Watch(), verbose=0)
    assert len(before) > 1
    for state, kept in zip(layer.states, before[-1], strict=True):
        np.testing.assert_array_equal(state, kept)
