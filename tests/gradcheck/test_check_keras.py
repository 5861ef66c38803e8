"""The check of layers of Keras 3, right ones and wrong ones, on the backend that Keras runs on."""

import numpy as np
import pytest

from minidl import SettingError
from minidl.gradcheck import check_keras

keras = pytest.importorskip("keras")
# Keras 3.15 turns tensors of PyTorch 2.13 into arrays in a way that NumPy 2 warns of
keras_own = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
pytestmark = [pytest.mark.peers, keras_own]
layers, ops = keras.layers, keras.ops


def custom(forward, backward):
    """A layer with a gradient of its own: backward(dy, x)."""

    @ops.custom_gradient
    def function(x):
        def gradient(*args, upstream=None):
            return backward(args[0] if upstream is None else upstream, x)

        return forward(x), gradient

    class Custom(layers.Layer):
        def call(self, x):
            return function(x)

    return Custom()


RIGHT = {
    "dense": (lambda: layers.Dense(3, activation="tanh"), (4,), ["input", "kernel", "bias"]),
    "convolution": (lambda: layers.Conv2D(2, 2), (4, 4, 3), ["input", "kernel", "bias"]),
    "lstm": (
        lambda: layers.LSTM(3),
        (4, 2),
        ["input", *(f"lstm_cell/{w}" for w in ("kernel", "recurrent_kernel", "bias"))],
    ),
    "embedding": (lambda: layers.Embedding(5, 3), np.array([[1, 2, 2]]), ["embeddings"]),
    "sum": (lambda: layers.Add(), [(3,), (3,)], ["input_0", "input_1"]),
    "own": (lambda: custom(ops.square, lambda dy, x: 2 * dy * x), (3,), ["input"]),
}
WRONG = {
    "half": (ops.square, lambda dy, x: dy * x, "a factor of 2 too little"),
    "sign": (ops.sin, lambda dy, x: -dy * ops.cos(x), "the sign is flipped"),
    "mask": (ops.relu, lambda dy, x: dy, "the whole gradient passes"),
    "slope": (ops.tanh, lambda dy, x: dy * (1 - ops.tanh(x)), "not the derivative of forward"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_layers_pass(name):
    make, inputs, paths = RIGHT[name]
    report = check_keras(make(), inputs)
    assert list(report.tensors) == paths
    assert report.difference < 1e-7


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_are_found_and_named(name):
    forward, backward, says = WRONG[name]
    report = check_keras(custom(forward, backward), 3, raise_on_failure=False)
    assert says in report.tensors["input"].cause


@pytest.mark.parametrize("training", [None, False, True])
def test_a_model_is_left_as_it_was(training):
    parts = [layers.Dense(4, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.4), layers.Dense(2)]
    model = keras.Sequential([keras.Input((3,)), *parts])
    before, policies = [np.array(w) for w in model.get_weights()], [part.dtype_policy for part in parts]
    report = check_keras(model, 3, training=training)
    assert report.difference < 1e-7
    assert len(report.tensors) == 7
    assert all(map(np.array_equal, before, model.get_weights()))
    assert [part.dtype_policy for part in parts] == policies
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert keras.config.floatx() == "float32"
    assert keras.backend.result_type("float64", "float64") == "float32"
    assert "float32" in str(model(np.ones((2, 3), np.float32)).dtype)


def test_errors():
    with pytest.raises(SettingError, match="layer must be a layer or a model of Keras, got 3"):
        check_keras(3, 3)
