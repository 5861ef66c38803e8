"""ONNX files: runtimes compute what predict computes."""

import numpy as np
import pytest

from minidl import Model, NotBuiltError, Sequential, SettingError
from minidl.files import export_onnx
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
def test_the_reference_evaluator_of_onnx_computes_the_same_in_float64(tmp_path, seed):
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
def test_unbuilt_models_and_layers_that_onnx_lacks_are_rejected(tmp_path):
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
