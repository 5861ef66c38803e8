"""Layers: equations, containers, names, and finding parameters."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from minidl import Model, NotBuiltError, Sequential, SettingError, ShapeError
from minidl.initializers import Constant, HeNormal, Ones, RandomNormal
from minidl.layers import (
    ELU,
    GELU,
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    LayerNormalization,
    LeakyReLU,
    Parameter,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    sigmoid,
)
from minidl.losses import MeanSquaredError


def rows(m=5, n=3, seed=0):
    return np.random.default_rng(seed).normal(size=(m, n))


def built(*layers, n=3, dtype="float64"):
    model = Sequential(layers, seed=0, dtype=dtype)
    model.build((n,))
    return model


# ---- equations


def test_dense_is_xw_plus_b():
    dense = Dense(2)
    built(dense)
    dense.kernel.value, dense.bias.value = [[1, 2], [3, 4], [5, 6]], [10, 20]
    assert np.array_equal(dense.forward(np.array([[1.0, 0, 2], [0, 1, 0]])), [[21, 34], [13, 24]])


def test_dense_gradients_by_hand():
    dense = Dense(2)
    built(Dense(3, kernel_initializer=Ones()), dense)
    dense.kernel.value = [[1, 2], [3, 4], [5, 6]]
    dense.forward(np.array([[1.0, 0, 2], [0, 1, 0]]))
    dx = dense.backward(np.array([[1.0, 2], [3, 4]]))
    assert np.array_equal(dense.kernel.grad, [[1, 2], [3, 4], [2, 4]])
    assert np.array_equal(dense.bias.grad, [4, 6])
    assert np.array_equal(dx, [[5, 11, 17], [11, 25, 39]])


def test_dense_without_bias_has_only_a_kernel():
    model = built(Dense(2, use_bias=False))
    assert list(model.params) == ["dense/kernel"]
    assert np.array_equal(model.predict(np.zeros((1, 3))), [[0, 0]])


def test_backward_sets_gradients_and_does_not_add():
    dense = Dense(2)
    built(dense)
    for _ in range(2):
        dense.forward(np.ones((4, 3)))
        dense.backward(np.ones((4, 2)))
    assert (dense.kernel.grad == 4).all()
    assert (dense.bias.grad == 4).all()


def test_dense_on_rows_that_are_no_vectors_asks_for_flatten():
    with pytest.raises(ShapeError, match=r"its input has shape \(4, 4\): put Flatten\(\) before"):
        Sequential([Dense(2)]).build((4, 4))


def test_relu_and_its_slope_which_is_0_at_0():
    relu = ReLU()
    x = np.array([[-2.0, -0.0, 0.0, 1e-300, 3.0]])
    assert np.array_equal(relu.forward(x), [[0, 0, 0, 1e-300, 3]])
    assert np.array_equal(relu.backward(np.full((1, 5), 7.0)), [[0, 0, 0, 7, 7]])


# 1 / (1 + exp(-z)) with mpmath 1.3.0 at 50 digits, rounded to float64
SIGMOID = {
    -700.0: 9.859676543759770e-305,
    -80.0: 1.804851387845415e-35,
    -30.0: 9.357622968839299e-14,
    -1.0: 0.26894142136999512,
    0.0: 0.5,
    0.5: 0.62245933120185457,
    2.0: 0.88079707797788243,
    36.0: 0.99999999999999977,
    800.0: 1.0,
}


@pytest.mark.parametrize("z", SIGMOID)
def test_sigmoid_is_accurate_in_both_tails(z):
    value = sigmoid(np.array([z]))[0]
    assert abs(value - SIGMOID[z]) <= 4 * np.finfo(float).eps * SIGMOID[z]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_never_overflows(dtype):
    largest = np.finfo(dtype).max
    y = sigmoid(np.array([-largest, -1000, -90, 90, 1000, largest], dtype))
    assert y.dtype == dtype
    assert np.allclose(y, [0, 0, 0, 1, 1, 1], rtol=0, atol=1e-30)


def test_sigmoid_slope():
    layer = Sigmoid()
    layer.forward(np.array([[0.0, 2.0]]))
    # y (1 - y) at 0 and at 2 with mpmath 1.3.0
    assert np.allclose(layer.backward(np.ones((1, 2))), [[0.25, 0.10499358540350651]], rtol=1e-14)


def test_flatten_and_back():
    layer, x = Flatten(), np.arange(24.0).reshape(2, 3, 4)
    assert layer.build((3, 4)) == (12,)
    assert np.array_equal(layer.forward(x), np.arange(24).reshape(2, 12))
    assert np.array_equal(layer.backward(layer.forward(x)), x)


def test_images_go_through_flatten():
    model = Sequential([Flatten(), Dense(1)], seed=0)
    x = np.random.default_rng(0).random((6, 4, 4, 3))
    model.fit(x, np.zeros(6), epochs=1)
    assert model.predict(x).shape == (6, 1)


# ---- dropout


def dropout(rate, seed=0):
    layer = Dropout(rate)
    layer.rng = np.random.default_rng(seed)
    return layer


def test_dropout_drops_the_rate_and_keeps_the_expected_signal():
    y = dropout(0.4).forward(np.ones((500, 400)), training=True)
    assert set(np.unique(y)) == {0, 1 / 0.6}
    n = y.size
    assert abs((y == 0).mean() - 0.4) < 5 * np.sqrt(0.4 * 0.6 / n)


def test_dropout_uses_one_mask_forward_and_backward():
    layer, x = dropout(0.5), np.ones((20, 10))
    assert np.array_equal(layer.forward(x, training=True), layer.backward(x))


def test_dropout_is_nothing_in_prediction_or_at_rate_0():
    x = rows()
    assert dropout(0.5).forward(x) is x
    layer = dropout(0.0)
    assert layer.forward(x, training=True) is x
    assert layer.backward(x) is x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_keeps_the_dtype_and_its_masks_do_not_depend_on_it(dtype):
    y = dropout(0.3).forward(np.ones((50, 4), dtype), training=True)
    assert y.dtype == dtype
    assert np.array_equal(y == 0, dropout(0.3).forward(np.ones((50, 4), complex), training=True) == 0)


def test_dropout_without_a_model_says_where_randomness_comes_from():
    with pytest.raises(NotBuiltError, match="Dropout draws random numbers: put it into a model, or set its rng"):
        Dropout(0.5).forward(np.ones((2, 2)), training=True)


# ---- contracts that hold for every layer

EVERY = {
    "Dense": lambda: Dense(4),
    "Dense without bias": lambda: Dense(4, use_bias=False),
    "ReLU": ReLU,
    "Sigmoid": Sigmoid,
    "Tanh": Tanh,
    "Softmax": Softmax,
    "LeakyReLU": lambda: LeakyReLU(0.1),
    "ELU": lambda: ELU(0.5),
    "GELU": lambda: GELU(approximate=True),
    "SiLU": SiLU,
    "Softplus": Softplus,
    "Dropout": lambda: Dropout(0.3),
    "GaussianNoise": lambda: GaussianNoise(0.3),
    "BatchNormalization": lambda: BatchNormalization(momentum=0.9),
    "LayerNormalization": lambda: LayerNormalization(center=False),
    "Flatten": Flatten,
    "Chain": lambda: Chain(Dense(2), ReLU(), Dense(3)),
    "Residual": lambda: Residual(Dense(2), Sigmoid(), Dense(3)),
}


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("training", [False, True])
def test_no_layer_writes_into_its_arguments_or_into_what_it_returned(make, training):
    layer = make()
    Sequential([Dense(3), layer], seed=0, dtype="float64").build((3,))
    x = rows()
    x.flags.writeable = False
    y = layer.forward(x, training)
    kept = y.copy()
    dy = np.ones_like(y)
    dy.flags.writeable = False
    layer.backward(dy)
    layer.forward(2 * x, training)
    assert np.array_equal(y, kept)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_a_clone_has_the_settings_and_nothing_else(make):
    layer = make()
    before = repr(layer)
    Model(layer).build((3,))
    twin = layer.clone()
    assert repr(twin) == before
    assert not twin.named_parameters()
    Model(twin).build((5 if "Residual" not in before else 3,))
    assert layer.named_parameters().keys() == twin.named_parameters().keys()


# a line of Python that makes the same layer again, but for its name
REPRS = [
    (Dropout(0.5, name="half"), "Dropout(rate=0.5)"),
    (Chain(ReLU(), ELU(0.5)), "Chain(ReLU(), ELU(alpha=0.5))"),
    (Residual(GELU()), "Residual(GELU(approximate=False))"),
    (LayerNormalization(), "LayerNormalization(epsilon=0.001, center=True, scale=True)"),
]


@pytest.mark.parametrize(("layer", "text"), REPRS)
def test_the_repr_is_the_settings(layer, text):
    assert repr(layer) == text


def test_settings_that_could_be_mistaken_are_named():
    for make in (lambda: Dense(3, False), lambda: BatchNormalization(1e-3), lambda: ReLU("first")):
        with pytest.raises(TypeError, match="positional argument"):
            make()


@pytest.mark.parametrize("which", ["kernel", "bias"])
def test_a_dense_layer_says_which_setting_is_wrong(which):
    with pytest.raises(SettingError, match=f"^Dense: {which}_initializer: unknown initializer 'nonsense'"):
        Dense(3, **{f"{which}_initializer": "nonsense"})
    with pytest.raises(SettingError, match=f"^Dense: {which}_regularizer must be a penalty"):
        Dense(3, **{f"{which}_regularizer": "l2"})


def test_a_clone_keeps_the_name():
    assert Dense(2, name="head").clone().name == "head"


def test_a_layer_with_a_constructor_of_its_own_cannot_be_cloned():
    class Mine(Layer):
        def __init__(self, n):
            self.n = n

    with pytest.raises(SettingError, match="Mine cannot be cloned: make it a dataclass of its settings"):
        Mine(3).clone()


def test_a_layer_of_ones_own_says_what_it_must_write():
    class Mine(Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine must write forward\(x, training=False\)"):
        Mine().forward(np.ones((1, 1)))
    with pytest.raises(NotImplementedError, match=r"Mine must write backward\(dy\)"):
        Mine().backward(np.ones((1, 1)))


# ---- containers


@pytest.mark.parametrize("training", [False, True])
def test_chain_and_residual_equal_the_composition(training):
    layers = Dense(4), Sigmoid(), Dense(3)
    chain = Chain(*layers)
    Model(chain, seed=1, dtype="float64").build((3,))
    x, dy = rows(), rows(seed=1)
    assert np.array_equal(chain.forward(x, training), layers[2].forward(layers[1].forward(layers[0].forward(x))))

    residual = Residual(*(layer.clone() for layer in layers))
    model = Sequential([Dense(3), residual], seed=1, dtype="float64")
    model.build((3,))
    f = residual.layers
    y = f[2].forward(f[1].forward(f[0].forward(x)))
    assert np.array_equal(residual.forward(x, training), x + y)
    assert np.array_equal(residual.backward(dy), dy + f[0].backward(f[1].backward(f[2].backward(dy))))


def test_residual_refuses_a_change_of_shape():
    with pytest.raises(ShapeError) as caught:
        Sequential([Residual(Dense(3))]).build((4,))
    assert str(caught.value) == "Residual adds f(x) to x, but f maps (4,) to (3,)"


@pytest.mark.parametrize("given", [Dense, "dense", None, 3, [Dense(2)]])
def test_containers_take_layers_only(given):
    with pytest.raises(SettingError, match="Chain takes layers, got "):
        Chain(Dense(2), given)


def test_a_class_among_the_layers_is_told_so():
    with pytest.raises(SettingError, match=r"write ReLU\(\.\.\.\)"):
        Sequential([Dense(2), ReLU])


def test_an_empty_chain_passes_everything_on():
    x = rows()
    assert Chain().forward(x) is x
    assert Residual().backward(x) is not x


class Everything:
    """A model whose data layer gives its input gradient too: nothing is marked as first."""

    def __init__(self, layers, x, y):
        self.model = Sequential([layer.clone() for layer in layers], seed=3, dtype="float64")
        self.model.compile(loss=MeanSquaredError())
        self.model.build(x.shape[1:])
        body = self.model.objective.layers
        for _, layer in self.model.layer.walk():
            layer.is_first = False
            if isinstance(layer, Chain):
                layer.start = 0
        body.is_first, body.start = False, 0
        self.model.backpropagate(x, y)


FIRST = {
    "Dense": [Dense(4), ReLU(), Dense(3)],
    "nested Chain": [Chain(Chain(Dense(4), Sigmoid()), Dense(4)), Dense(3)],
    "Residual": [Residual(Dense(4), Sigmoid(), Dense(3)), Dense(3)],
    "Residual in Residual": [Residual(Residual(ReLU(), Dense(3)), Sigmoid()), Dense(3)],
    "Dropout": [Dropout(0.4), Dense(4), Sigmoid(), Dense(3)],
    "Flatten": [Flatten(), Dense(4), Sigmoid(), Dense(3)],
    "activations": [Sigmoid(), ReLU(), Residual(Dense(3)), Dense(3)],
    "no parameters first in a Residual": [Residual(Sigmoid()), Residual(Sigmoid(), Dense(3)), Dense(3)],
}


@pytest.mark.parametrize("layers", FIRST.values(), ids=FIRST)
def test_the_skipped_input_gradient_changes_no_other_gradient(layers):
    x, y = rows(8), rows(8, seed=1)
    full = Everything(layers, x, y).model
    model = Sequential([layer.clone() for layer in layers], seed=3, dtype="float64")
    model.compile(loss=MeanSquaredError())
    model.build((3,))
    model.backpropagate(x, y)
    assert np.abs(model.params.grad).max() > 0
    assert np.array_equal(model.params.grad, full.params.grad)


@pytest.mark.parametrize("layers", [[], [ReLU()], [Residual(Sigmoid())], [Dropout(0.5), Sigmoid()], [Flatten()]])
def test_a_model_without_parameters_runs(layers):
    model = Sequential(layers, seed=0)
    model.fit(rows(4) > 0, rows(4) > 0, epochs=2)
    assert model.predict(rows(4)).shape == (4, 3)


# ---- names


def paths(*layers, n=3):
    return list(built(*layers, n=n).params)


def test_paths_are_numbered_as_in_keras():
    # Keras 3.15.1, Sequential([Dense(2), ReLU(), Dense(2), ReLU(), Dense(1)]) after clear_session()
    model = built(Dense(2), ReLU(), Dense(2), ReLU(), Dense(1))
    assert list(model.layer.children) == ["dense", "re_lu", "dense_1", "re_lu_1", "dense_2"]
    assert list(model.params)[:3] == ["dense/kernel", "dense/bias", "dense_1/kernel"]


def test_names_may_be_given():
    assert paths(Dense(2, name="head"), Dense(2), Dense(2, name="head"), Dense(1)) == [
        f"{layer}/{name}" for layer in ("head", "dense", "head_1", "dense_1") for name in ("kernel", "bias")
    ]


def test_a_nested_chain_gives_its_part_of_the_path():
    assert paths(Dense(3), Chain(Dense(3), ReLU(), Dense(3, use_bias=False)), Residual(Chain(Dense(3)))) == [
        "dense/kernel",
        "dense/bias",
        "chain/dense/kernel",
        "chain/dense/bias",
        "chain/dense_1/kernel",
        "residual/chain/dense/kernel",
        "residual/chain/dense/bias",
    ]


def test_a_nested_sequential_contributes_its_chain():
    x = rows()
    model = built(Sequential([Dense(3), ReLU()]), Dense(1))
    assert list(model.params)[:2] == ["chain/dense/kernel", "chain/dense/bias"]
    assert isinstance(model.layers[0], Chain)
    flat = built(Dense(3), ReLU(), Dense(1))
    assert np.array_equal(model.predict(x), flat.predict(x))


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


# ---- one place in one model


def test_a_layer_used_twice_is_refused_with_both_places():
    shared = Dense(3)
    with pytest.raises(SettingError, match=r"dense_1 is the same object as dense; .* use clone\(\)"):
        built(shared, shared)
    with pytest.raises(SettingError, match=r"residual/dense is the same object as dense; .* use clone\(\)"):
        built(shared, Residual(shared))


def test_a_layer_of_another_model_is_refused():
    shared = Dense(3)
    built(Dense(3), shared)
    with pytest.raises(SettingError, match=r"the layer dense already belongs to another model; put layer.clone\(\)"):
        built(shared)
    with pytest.raises(SettingError, match="the layer Dense already belongs to another model"):
        Model(shared).build((3,))
    built(shared.clone())


def test_constant_kernels_arrive_in_the_model():
    model = built(Dense(2, kernel_initializer=Constant(0.5), bias_initializer="ones"))
    assert np.array_equal(model.predict(np.ones((1, 3))), [[2.5, 2.5]])
