"""ONNX files: runtimes compute what predict computes."""

import numpy as np
import pytest

from minidl import Model, NotBuiltError, Sequential, SettingError
from minidl.files import export_onnx
from minidl.layers import GELU, Add, BatchNormalization, Chain, Dense, Flatten, Graph, Layer, Residual, Tanh
from minidl.registry import Operator
from tests.helpers.every_layer import FLOAT32, around, difference, rows_with
from tests.helpers.keras_networks import architecture, image_architecture

ROWS = rows_with("onnx", Operator, str)
ATTRIBUTES = 1e-6  # ONNX stores settings such as alpha in float32, so they are off by up to 6e-8


@pytest.mark.peers
@pytest.mark.parametrize(("layer", "shape"), ROWS, ids=repr)
def test_onnxruntime_computes_the_same(tmp_path, layer, shape):
    runtime = pytest.importorskip("onnxruntime")
    is_computed_by(runtime, tmp_path, *around(layer, shape))


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("make", [architecture, image_architecture])
def test_onnxruntime_computes_forty_random_architectures(tmp_path, make, seed):
    runtime = pytest.importorskip("onnxruntime")
    model, x = make(seed)
    is_computed_by(runtime, tmp_path, model, x.astype("float32"))


def is_computed_by(runtime, tmp_path, model, x):
    export_onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    for rows in (x, x[:1]):
        assert difference(session.run(None, {"x": rows})[0], model.predict(rows)) < FLOAT32


@pytest.mark.peers
@pytest.mark.parametrize(("layer", "shape"), ROWS, ids=repr)
def test_the_reference_evaluator_of_onnx_computes_the_same_in_float64(tmp_path, layer, shape):
    reference = pytest.importorskip("onnx.reference")
    model, x = around(layer, shape, "float64")
    export_onnx(model, tmp_path / "m.onnx")
    y = reference.ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, {"x": x})[0]
    assert difference(y, model.predict(x)) < ATTRIBUTES


@pytest.mark.peers
def test_the_same_model_gives_the_same_bytes(tmp_path):
    pytest.importorskip("onnx")
    for name in "ab":
        export_onnx(around(Residual(Dense(4), GELU(), BatchNormalization()), (4,))[0], tmp_path / name)
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


@pytest.mark.peers
def test_a_layer_with_several_places_has_its_weights_once_and_its_operators_at_each(tmp_path):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    layer = Chain(Dense(4), BatchNormalization(), Dense(3))
    layers = {"left": (layer, "a"), "right": (layer, "b"), "again": (layer, "left"), "y": (Add(), "again", "right")}
    model = Model(Graph({"a": (3,), "b": (3,)}, layers, "y"), seed=0)
    model.params.theta[:] = np.random.default_rng(0).normal(size=model.params.theta.size)
    export_onnx(model, tmp_path / "m.onnx")
    graph = onnx.load(tmp_path / "m.onnx").graph
    assert sum(node.op_type == "MatMul" for node in graph.node) == 6
    assert sorted(tuple(constant.dims) for constant in graph.initializer) == [(3,), (3, 4), (4,), (4,), (4,), (4, 3)]
    a, b = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert difference(session.run(None, {"a": a, "b": b})[0], model.predict((a, b))) < FLOAT32


@pytest.mark.peers
def test_dense_takes_any_number_of_axes(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model, x = (
        Sequential([Dense(3), Tanh(), Flatten(), Dense(2, use_bias=False)], seed=0),
        np.ones((4, 5, 2), "float32"),
    )
    x += np.random.default_rng(0).normal(size=x.shape).astype("float32")
    wanted = model.predict(x)
    export_onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert difference(session.run(None, {"x": x})[0], wanted) < FLOAT32
