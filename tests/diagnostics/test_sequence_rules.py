"""The findings of diagnose and Monitor for networks on sequences with a planted fault, and for healthy ones."""

import numpy as np
import pytest

from minidl import Model, Sequential, diagnose
from minidl.callbacks import Monitor
from minidl.initializers import Constant, RandomNormal
from minidl.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Conv1D,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Graph,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    Parameter,
    ReLU,
    Residual,
    Sigmoid,
    SimpleRNN,
    Softmax,
)
from minidl.optimizers import Adam

TIME = "gradient-through-time"


def first_sign(steps=40, rows=300):
    """The class of a row is the sign of its first number."""
    x = np.random.default_rng(0).normal(size=(rows, steps, 2))
    return x, (x[:, 0, 0] > 0).astype(float)


def means(steps=20, rows=300):
    x = np.random.default_rng(0).normal(size=(rows, steps, 3))
    return x, x.mean(axis=1)[:, :1]


def padded_texts(steps=15, rows=300):
    """Ids 1 to 49, zeros behind them; the class says whether certain ids occur."""
    rng = np.random.default_rng(0)
    x = rng.integers(1, 50, (rows, steps))
    x[np.arange(steps) > rng.integers(4, steps, rows)[:, None]] = 0
    return x, np.isin(x, (7, 9, 11)).any(axis=1).astype(float)


def waves(steps=24, rows=300):
    rng = np.random.default_rng(0)
    s = np.sin(rng.uniform(0, 6, (rows, 1)) + 0.3 * np.arange(steps + 1))
    return s[:, :-1, None], s[:, -1:]


def tags(steps=12, rows=300):
    x = np.random.default_rng(0).integers(1, 20, (rows, steps))
    return x, x % 3


def model_of(layers):
    model = Sequential(layers, seed=1)
    model.compile(Adam(0.01))
    return model


HEALTHY = {
    "LSTM": (waves, lambda: [LSTM(16), Dense(1)]),
    "two LSTMs": (waves, lambda: [LSTM(16, return_sequences=True), LSTM(8), Dense(1)]),
    "GRU": (means, lambda: [GRU(8), Dense(1)]),
    "SimpleRNN": (waves, lambda: [SimpleRNN(16), Dense(1)]),
    "LSTM on ids": (padded_texts, lambda: [Embedding(50, 16, mask_zero=True), LSTM(16), Dense(1), Sigmoid()]),
    "bag": (padded_texts, lambda: [Embedding(50, 16, mask_zero=True), GlobalAveragePooling1D(), Dense(1), Sigmoid()]),
    "both directions": (
        padded_texts,
        lambda: [Embedding(50, 16, mask_zero=True), Bidirectional(LSTM(8)), Dense(1), Sigmoid()],
    ),
    "convolution on ids": (
        padded_texts,
        lambda: [Embedding(50, 16), Conv1D(16, 3), ReLU(), GlobalMaxPooling1D(), Dense(1), Sigmoid()],
    ),
    "tags": (tags, lambda: [Embedding(20, 8), GRU(16, return_sequences=True), Dense(3), Softmax()]),
    "attention": (
        tags,
        lambda: [Embedding(20, 16), Residual(LayerNormalization(), MultiHeadAttention(2, 8)), Dense(3), Softmax()],
    ),
    "long": (lambda: first_sign(200, 200), lambda: [LSTM(16), Dense(1), Sigmoid()]),
}


@pytest.mark.parametrize(("data", "layers"), HEALTHY.values(), ids=HEALTHY)
def test_healthy_networks_get_notes_at_most(data, layers):
    findings = diagnose(model_of(layers()), *data()).findings
    serious = [finding for finding in findings if finding.severity != "note"]
    if data is padded_texts:  # no fit of few rows sees what these targets depend on
        serious = [finding for finding in serious if finding.rule != "unrelated-targets"]
    assert not serious


SMALL, LARGE = RandomNormal(0, 0.01), RandomNormal(0, 1.0)
SICK = {
    "small recurrent kernel": (means, lambda: [SimpleRNN(16, recurrent_initializer=SMALL), Dense(1)], "shrinks"),
    "closed forget gates": (
        first_sign,
        lambda: [LSTM(16, bias_initializer=Constant(-3.0), unit_forget_bias=False), Dense(1), Sigmoid()],
        "shrinks to a thousandth within 3 steps",
    ),
    "ReLU": (first_sign, lambda: [SimpleRNN(16, "relu", recurrent_initializer=LARGE), Dense(1), Sigmoid()], "grows"),
    "linear": (
        first_sign,
        lambda: [SimpleRNN(16, "linear", recurrent_initializer=RandomNormal(0, 0.5)), Dense(1), Sigmoid()],
        "grows",
    ),
    "backwards": (
        first_sign,
        lambda: [
            GRU(16, recurrent_initializer=SMALL, bias_initializer=Constant(-3.0), go_backwards=True),
            Dense(1),
            Sigmoid(),
        ],
        "shrinks",
    ),
}


@pytest.mark.parametrize(("data", "layers", "says"), SICK.values(), ids=SICK)
def test_gradients_through_time_are_named_first(data, layers, says):
    finding = diagnose(model_of(layers()), *data()).findings[0]
    assert (finding.rule, finding.severity) == (TIME, "warning")
    assert says in finding.words
    assert finding.path in ("simple_rnn", "lstm", "gru")


def test_the_step_at_which_the_gradient_explodes_is_said():
    layers = [SimpleRNN(1, "linear", recurrent_initializer=Constant(2.0)), Dense(1), Sigmoid()]
    (finding,) = [one for one in diagnose(model_of(layers), *first_sign()).findings if one.rule == TIME]
    assert finding.figures["step"] == 10  # 2^10 is the first power of 2 above 1,000
    assert finding.figures["total"] == pytest.approx(2.0**39, rel=1e-6)


def test_the_step_at_which_the_gradient_vanishes_is_said():
    layers = [SimpleRNN(1, "linear", recurrent_initializer=Constant(0.25)), Dense(1), Sigmoid()]
    (finding,) = [one for one in diagnose(model_of(layers), *first_sign()).findings if one.rule == TIME]
    assert finding.figures["reach"] == 4  # 4^-5 is the first power of 1/4 below 1/1,000


class OwnRNN(Layer):
    """h_t = x_t W + h_{t-1} U, written by a user."""

    def build(self, input_shape):
        self.kernel = Parameter((input_shape[-1], 3), RandomNormal(0, 1.0))
        self.recurrent = Parameter((3, 3), Constant(0.05))
        return (3,)

    def forward(self, x, training=False):
        h = [np.zeros((len(x), 3), x.dtype)]
        for t in range(x.shape[1]):
            h.append(x[:, t] @ self.kernel.value + h[-1] @ self.recurrent.value)
        self.x, self.h = x, h
        return h[-1]

    def backward(self, dy):
        dx, dW, dU = np.empty_like(self.x), np.zeros_like(self.kernel.value), np.zeros_like(self.recurrent.value)
        for t in reversed(range(self.x.shape[1])):
            dW += self.x[:, t].T @ dy
            dU += self.h[t].T @ dy
            dx[:, t] = dy @ self.kernel.value.T
            dy = dy @ self.recurrent.value.T
        self.kernel.grad, self.recurrent.grad = dW, dU
        return dx


def test_recurrent_layers_of_users_are_judged_too():
    findings = diagnose(model_of([OwnRNN(), Dense(1), Sigmoid()]), *first_sign()).findings
    assert [finding.path for finding in findings if finding.rule == TIME] == ["own_rnn"]


def test_forget_gates_that_begin_at_one_half_are_noted():
    model = model_of([LSTM(8, unit_forget_bias=False), Dense(1), Sigmoid()])
    (finding,) = [one for one in diagnose(model, *first_sign()).findings if one.rule == "closed-forget-gates"]
    assert finding.severity == "note"
    assert "begin at 0.50" in finding.words


def test_padding_without_a_mask_is_noted():
    layers = [LSTM(8), Dense(1), Sigmoid()]
    for mask_zero, count in ((False, 1), (True, 0)):
        model = model_of([Embedding(50, 8, mask_zero=mask_zero), *layers])
        found = [one for one in diagnose(model, *padded_texts()).findings if one.rule == "unmasked-padding"]
        assert len(found) == count
        layers = [layer.clone() for layer in layers]


def test_monitor_names_it_once_nothing_was_learned():
    monitor = Monitor()
    model = model_of([SimpleRNN(8, recurrent_initializer=SMALL), Dense(1), Sigmoid()])
    model.fit(*first_sign(), epochs=3, verbose=0, callbacks=monitor)
    assert monitor.findings[0].rule == TIME


def test_the_model_is_left_as_it_was():
    model, (x, y) = model_of([LSTM(8), Dense(1), Sigmoid()]), first_sign()
    model.predict(x)
    before = model.params.theta.copy(), model.params.grad.copy()
    diagnose(model, x, y)
    np.testing.assert_array_equal(model.params.theta, before[0])
    np.testing.assert_array_equal(model.params.grad, before[1])


def test_an_encoder_that_hands_its_states_to_a_decoder_is_diagnosed():
    ids, read = np.random.default_rng(0).integers(1, 9, (2, 60, 5))
    layers = {
        "read": (Embedding(9, 4), "source"),
        "write": (Embedding(9, 4), "target"),
        ("all", "h", "c"): (LSTM(4, return_state=True), "read"),
        "decoder": (LSTM(4), "write", "h", "c"),
        "logits": (Dense(9), "decoder"),
        "y": (Softmax(), "logits"),
        "unused": (Dense(1), "all"),
    }
    model = Model(Graph({"source": (5,), "target": (5,)}, layers, ("y", "unused")), seed=0)
    model.compile(loss={"y": "sparse_categorical_crossentropy"})
    report = diagnose(model, {"source": ids, "target": read}, {"y": ids[:, 0]})
    assert not {one.path for one in report.findings} & {"input", *model.layer.children}
