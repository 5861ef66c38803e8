"""dL/dx: against central differences and PyTorch."""

import numpy as np
import pytest

from minidl import DataError, Model, Sequential
from minidl.layers import (
    ActivityRegularization,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Graph,
    Layer,
    MaxPooling2D,
    ReLU,
    Rescaling,
    Residual,
    Sigmoid,
    Softmax,
)
from minidl.regularizers import L2

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 6, 2))
Y = np.array([0, 2, 1, 0])


def convnet(*first):
    layers = [*first, Conv2D(3, 3), BatchNormalization(), ReLU(), MaxPooling2D(), Flatten(), Dense(3), Softmax()]
    model = Sequential(layers, seed=0, dtype="float64")
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def differences(model, x, y, h=1e-6):
    """dL/dx by central differences of `evaluate`."""
    slope = np.empty_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        slope[place] = (model.evaluate(x + step, y, verbose=0) - model.evaluate(x - step, y, verbose=0)) / (2 * h)
    return slope


FIRST = {
    "nothing": [],
    "rescaling": [Rescaling(0.5)],
    "dropout": [Dropout(0.5)],
    "noise": [GaussianNoise(1.0)],
    "a penalty": [ActivityRegularization(L2(0.2))],
    "residual": [Residual(Conv2D(2, 3, padding="same"))],
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_the_gradient_is_that_of_evaluate(first):
    model = convnet(*first)
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.allclose(model.input_gradient(X, Y), differences(model, X, Y), atol=1e-7)


def test_weights_of_rows_count():
    model, weight = convnet(), np.array([0.0, 1, 2, 0])
    model.build((6, 6, 2))
    slope = model.input_gradient(X, Y, weight)
    assert not slope[[0, 3]].any()
    assert slope[[1, 2]].any(axis=(1, 2, 3)).all()


def test_the_model_does_not_change():
    model, other = (convnet(Dropout(0.3)) for _ in range(2))
    for one in (model, other):
        one.fit(X, Y, epochs=1, verbose=0)
    grad = model.params.grad.copy()
    model.input_gradient(X, Y)
    assert np.array_equal(model.params.grad, grad)
    for one in (model, other):
        one.fit(X, Y, epochs=2, verbose=0)
    assert np.array_equal(model.params.theta, other.params.theta)


def test_several_inputs_have_a_gradient_each():
    layers = {
        "h": (Dense(4), "a"),
        "joined": (Concatenate(), "h", "b"),
        "z": (Dense(1), "joined"),
        "p": (Sigmoid(), "z"),
    }
    model = Model(Graph({"a": (2,), "b": (3,)}, layers, "p"), seed=0, dtype="float64")
    model.compile(loss="binary_crossentropy")
    x, y = (RNG.normal(size=(5, 2)), RNG.normal(size=(5, 3))), np.arange(5) % 2
    slopes = model.input_gradient(x, y)
    assert [slope.shape for slope in slopes] == [(5, 2), (5, 3)]
    step = np.zeros((5, 3))
    step[2, 1] = 1e-6
    change = model.evaluate((x[0], x[1] + step), y, verbose=0) - model.evaluate((x[0], x[1] - step), y, verbose=0)
    assert slopes[1][2, 1] == pytest.approx(change / 2e-6, abs=1e-8)


class Lookup(Layer):
    """y = x, without a derivative."""

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return None


def test_an_input_without_a_derivative_is_an_error():
    model = Sequential([Lookup(), Dense(1)])
    model.compile(loss="mse")
    with pytest.raises(DataError, match="the loss has no derivative along x: backward returns NoneType"):
        model.input_gradient(np.ones((2, 3)), np.ones(2))


@pytest.mark.peers
def test_the_gradient_is_that_of_pytorch():
    torch = pytest.importorskip("torch")

    model = Sequential([Conv2D(3, 3), ReLU(), Flatten(), Dense(3), Softmax()], seed=0, dtype="float64")
    model.compile(loss="sparse_categorical_crossentropy")
    model.build((6, 6, 2))
    kernel, bias, W, b = (torch.tensor(w) for w in model.get_weights())
    x = torch.tensor(X, requires_grad=True)
    h = torch.relu(torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), bias))
    torch.nn.functional.cross_entropy(h.permute(0, 2, 3, 1).reshape(4, -1) @ W + b, torch.tensor(Y)).backward()
    assert np.allclose(model.input_gradient(X, Y), x.grad.numpy(), atol=1e-14)
