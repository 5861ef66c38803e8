"""ONNX files, the packages that formats need, and the notebook's dictionary."""

import sys
from functools import partial

import numpy as np
import pytest

from minidl import DataError, Model, NotBuiltError, Sequential, SettingError, ShapeError
from minidl.files import export_onnx, from_notebook, to_notebook
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
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)

LAYERS = [
    *(BatchNormalization(), BatchNormalization(center=False), BatchNormalization(scale=False), LayerNormalization()),
    *(
        LayerNormalization(center=False, scale=False),
        Dense(3),
        Dense(3, use_bias=False),
        Dropout(0.5),
        ELU(0.7),
        GELU(),
    ),
    *(
        GELU(approximate=True),
        GaussianNoise(1.0),
        LeakyReLU(0.1),
        ReLU(),
        SiLU(),
        Sigmoid(),
        Softmax(),
        Softplus(),
        Tanh(),
    ),
    *(Chain(Dense(2), Tanh()), Residual(Dense(4), ReLU(), Dense(4))),
]


def network(seed, dtype="float32"):
    """(model, x) with every layer twice or so over ten seeds, random weights and moving averages."""
    rng = np.random.default_rng(seed)
    chosen = [LAYERS[i].clone() for i in rng.choice(len(LAYERS), 7)]
    model = Sequential(
        [Flatten(), Dense(4), *[part for layer in chosen for part in (layer, Dense(4))]], seed=seed, dtype=dtype
    )
    model.build((2, 3))
    model.params.theta += 0.1 * rng.standard_normal(model.params.theta.size)
    for state in model.layer.named_state().values():
        state += rng.random(state.shape)
    return model, rng.normal(size=(6, 2, 3)).astype(dtype)


def difference(a, b):
    return np.max(np.abs(a - b) / np.maximum(1, np.abs(b)))


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(20))
def test_onnxruntime_computes_the_same(tmp_path, seed):
    runtime = pytest.importorskip("onnxruntime")
    model, x = network(seed)
    export_onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    for rows in (x, x[:1]):
        assert difference(session.run(None, {"x": rows})[0], model.predict(rows)) < 1e-6


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(20))
def test_onnx_s_own_evaluator_computes_the_same_in_float64(tmp_path, seed):
    reference = pytest.importorskip("onnx.reference")
    model, x = network(seed, "float64")
    export_onnx(model, tmp_path / "m.onnx")
    y = reference.ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, {"x": x})[0]
    assert difference(y, model.predict(x)) < 1e-6


@pytest.mark.peers
def test_the_same_model_gives_the_same_bytes(tmp_path):
    pytest.importorskip("onnx")
    for name in "ab":
        export_onnx(network(3)[0], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.peers
def test_what_onnx_has_not_and_unbuilt_models_are_refused(tmp_path):
    pytest.importorskip("onnx")

    class Mine(Layer):
        def forward(self, x, training=False):
            return x

    model = Model(Mine())
    with pytest.raises(NotBuiltError, match="export_onnx: model is not built yet"):
        export_onnx(model, tmp_path / "m.onnx")
    model.build((2,))
    with pytest.raises(SettingError, match=r"export_onnx: .*Mine.* has no counterpart in ONNX"):
        export_onnx(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "safetensors"])
def test_a_format_whose_package_is_missing_says_what_brings_it(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # Python then finds none
    monkeypatch.delitem(sys.modules, f"{package}.numpy", raising=False)
    model = Sequential([Dense(1)])
    model.build((1,))
    save = {"onnx": partial(export_onnx, model), "safetensors": model.save_weights}[package]
    with pytest.raises(ModuleNotFoundError, match=rf"install it with pip install 'minidl\[{package}\]'$") as caught:
        save(tmp_path / f"m.{package}")
    assert caught.value.name.partition(".")[0] == package


# ---- the notebook's dictionary

RNG = np.random.default_rng(0)
PARAMETERS = {
    **{"W1": RNG.normal(size=(10, 2)), "b1": RNG.normal(size=(10, 1)), "W2": RNG.normal(size=(5, 10))},
    **{"b2": RNG.normal(size=(5, 1)), "W3": RNG.normal(size=(1, 5)), "b3": RNG.normal(size=(1, 1))},
}


def notebook_forward(x, parameters):
    """(Linear, ReLU) * 2, Linear, Sigmoid, with examples in columns."""
    a = x
    for number in (1, 2, 3):
        z = parameters[f"W{number}"] @ a + parameters[f"b{number}"]
        a = np.maximum(0, z) if number < 3 else 1 / (1 + np.exp(-z))
    return a


def test_the_notebook_s_network_computes_the_same_here():
    x = RNG.normal(size=(2, 20))
    model = from_notebook(PARAMETERS)
    assert model.count_params() == 91
    assert np.allclose(model.predict(x.T), notebook_forward(x, PARAMETERS).T, rtol=1e-12, atol=0)


def test_the_dictionary_comes_back():
    back = to_notebook(from_notebook(PARAMETERS))
    assert list(back) == list(PARAMETERS)
    assert all(np.array_equal(back[name], PARAMETERS[name]) for name in PARAMETERS)
    back["W1"][:] = 0  # a copy
    assert to_notebook(from_notebook(PARAMETERS))["W1"].any()


def test_a_dense_without_bias_has_zeros():
    model = Sequential([Dense(2, use_bias=False)])
    model.build((3,))
    assert np.array_equal(to_notebook(model)["b1"], np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"W2": np.ones((5, 9))}, ShapeError, r"W2 has shape \(5, 9\), wanted \(n2, 10\)"),
        ({"b2": np.ones((4, 1))}, ShapeError, "b2 has 4 numbers, W2 has 5 rows"),
        ({"W1": np.ones(3)}, ShapeError, r"W1 has shape \(3,\), wanted two axes"),
        ({"W5": np.ones((1, 1))}, ShapeError, r"parameters must be W1, b1, W2, b2, \.\.\., got"),
        ({"W1": np.full((10, 2), "a")}, DataError, "W1 has dtype <U1"),
        ({"W1": np.full((10, 2), np.nan)}, DataError, "dense/kernel"),
    ],
)
def test_a_dictionary_that_is_no_network_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        from_notebook(PARAMETERS | change)
    with pytest.raises(ShapeError):
        from_notebook({})


def test_an_unbuilt_model_has_no_dictionary():
    with pytest.raises(NotBuiltError, match="to_notebook: sequential has no parameters yet"):
        to_notebook(Sequential([Dense(1)]))
