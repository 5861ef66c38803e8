"""Layer: what holds for every layer, clones, and finding parameters."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from minidl import Model, Sequential, SettingError
from minidl.gradcheck._layer_subject import random_rows
from minidl.initializers import HeNormal, RandomNormal
from minidl.layers import (
    ELU,
    GELU,
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Graph,
    Layer,
    Parameter,
    PReLU,
    ReLU,
    Residual,
)
from tests.helpers.builders import rows
from tests.helpers.every_layer import ROWS

# ---- what holds for every layer


@pytest.mark.parametrize(("layer", "shape"), ROWS, ids=repr)
@pytest.mark.parametrize("training", [False, True])
def test_no_layer_writes_into_its_arguments_or_into_arrays_that_it_returned(layer, shape, training):
    layer = layer.clone()
    Sequential([layer], seed=0, dtype="float64").build(shape)
    x = random_rows(layer, 5, shape, np.random.default_rng(0))
    x.flags.writeable = False
    y = layer.forward(x, training)
    kept = y.copy()
    dy = np.ones_like(y)
    dy.flags.writeable = False
    layer.backward(dy)
    layer.forward(x[::-1], training)
    assert np.array_equal(y, kept)


@pytest.mark.parametrize(("layer", "shape"), ROWS, ids=repr)
def test_a_clone_has_the_settings_but_no_parameters(layer, shape):
    layer = layer.clone()
    before = repr(layer)
    Model(layer).build(shape)
    twin = layer.clone()
    assert repr(twin) == before
    assert not twin.named_parameters()
    wider = (*shape[:-1], shape[-1] + 2)
    of_this_shape = isinstance(layer, Residual | Graph) or getattr(layer, "noise_shape", None) is not None
    Model(twin).build(shape if of_this_shape else wider)
    assert layer.named_parameters().keys() == twin.named_parameters().keys()


# a line of Python that makes the same layer again, but for its name
REPRS = [
    (Dropout(0.5, name="half"), "Dropout(rate=0.5, noise_shape=None)"),
    (Chain(ReLU(), ELU(0.5)), "Chain(ReLU(), ELU(alpha=0.5))"),
    (Residual(GELU()), "Residual(GELU(approximate=False))"),
    (
        PReLU(),
        "PReLU(alpha_initializer=Zeros(), alpha_regularizer=None, alpha_constraint=None, shared_axes=())",
    ),
]


@pytest.mark.parametrize(("layer", "text"), REPRS)
def test_the_repr_is_the_settings(layer, text):
    assert repr(layer) == text


def test_settings_that_are_easily_confused_are_keyword_only():
    for make in (
        lambda: Dense(3, False),
        lambda: BatchNormalization(-1, 0.9),
        lambda: ReLU("first"),
        lambda: PReLU("zeros"),
    ):
        with pytest.raises(TypeError, match="positional argument"):
            make()


def test_a_clone_keeps_the_name():
    assert Dense(2, name="head").clone().name == "head"


def test_a_layer_with_its_own_constructor_cannot_be_cloned():
    class Mine(Layer):
        def __init__(self, n):
            self.n = n

    with pytest.raises(SettingError, match="Mine cannot be cloned: make it a dataclass of its settings"):
        Mine(3).clone()


def test_a_custom_layer_without_forward_or_backward_raises_an_error():
    class Mine(Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine must write forward\(x, training=False\)"):
        Mine().forward(np.ones((1, 1)))
    with pytest.raises(NotImplementedError, match=r"Mine must write backward\(dy\)"):
        Mine().backward(np.ones((1, 1)))


# ---- layers that a user makes of layers


@dataclass(eq=False)
class Composite(Layer):
    """y = x + sum of what all its layers and parameters make of x."""

    kind: str

    def build(self, input_shape):
        (n,) = input_shape
        layers = [Dense(n, kernel_initializer=HeNormal()), Dense(n), Dense(n)]
        if self.kind == "attribute":
            self.gate, self.way, self.out = layers
        elif self.kind == "dict":
            self.branches = dict(zip("abc", layers, strict=True))
        elif self.kind == "parameters":
            self.scales = [Parameter((n,), RandomNormal()) for _ in range(3)]
        else:
            self.branches = {"list": list, "tuple": tuple}[self.kind](layers)
        for child in self.children.values():
            child.build(input_shape)
        return input_shape

    def forward(self, x, training=False):
        self.x = x
        y = x
        for child in self.children.values():
            y = y + child.forward(x, training)
        for scale in self.parameters.values():
            y = y + x * scale.value
        return y

    def backward(self, dy):
        dx = dy
        for child in self.children.values():
            dx = dx + child.backward(dy)
        for scale in self.parameters.values():
            scale.grad = (dy * self.x).sum(axis=0)
            dx = dx + dy * scale.value
        return dx


COMPOSITES = {
    "attribute": [f"{layer}/{name}" for layer in ("gate", "way", "out") for name in ("kernel", "bias")],
    "list": [f"{layer}/{name}" for layer in ("dense", "dense_1", "dense_2") for name in ("kernel", "bias")],
    "tuple": [f"{layer}/{name}" for layer in ("dense", "dense_1", "dense_2") for name in ("kernel", "bias")],
    "dict": [f"{layer}/{name}" for layer in ("dense", "dense_1", "dense_2") for name in ("kernel", "bias")],
    "parameters": ["scales_0", "scales_1", "scales_2"],
}


@pytest.mark.parametrize("kind", COMPOSITES)
def test_all_parameters_of_a_composite_are_found_and_trained(kind):
    model = Sequential([Composite(kind), Dense(1)], seed=0)
    x, y = rows(20), rows(20, 1, seed=1)
    model.build((3,))
    assert list(model.params)[:-2] == [f"composite/{path}" for path in COMPOSITES[kind]]
    before = model.get_weights()
    model.fit(x, y, epochs=2)
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
    assert np.shares_memory(model.params.theta, next(iter(model.params.values())).value)


@dataclass(eq=False)
class Widest(Layer):
    """A layer with settings of several kinds, to be cloned."""

    inner: Layer
    several: list = field(default_factory=list)

    def build(self, input_shape):
        return self.inner.build(input_shape)

    def forward(self, x, training=False):
        return self.inner.forward(x, training)

    def backward(self, dy):
        return self.inner.backward(dy)


def test_a_clone_clones_the_layers_in_its_settings():
    layer = Widest(Dense(2), [ReLU(), Dense(3)])
    twin = layer.clone()
    assert twin.inner is not layer.inner
    assert [type(member) for member in twin.several] == [ReLU, Dense]
    assert all(one is not other for one, other in zip(layer.several, twin.several, strict=True))
