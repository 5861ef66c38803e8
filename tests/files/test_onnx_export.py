"""ONNX files: runtimes compute what predict computes."""

import numpy as np
import pytest

from minidl import Model, NotBuiltError, Sequential, SettingError
from minidl.files import export_onnx
from minidl.layers import (
    GELU,
    GRU,
    LSTM,
    Add,
    AdditiveAttention,
    Attention,
    BatchNormalization,
    Bidirectional,
    Chain,
    Concatenate,
    Conv1D,
    Cropping1D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    Graph,
    GroupNormalization,
    Layer,
    Masking,
    MaxPooling1D,
    MultiHeadAttention,
    Reshape,
    Residual,
    SimpleRNN,
    Tanh,
    TimeDistributed,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
)
from minidl.registry import Operator
from tests.helpers.every_layer import FLOAT32, around, difference, rows_with
from tests.helpers.keras_networks import architecture, image_architecture
from tests.helpers.sequence_networks import attention_architecture, sequence_architecture

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
        assert difference(session.run(None, {"x": given(model, rows)})[0], model.predict(rows)) < FLOAT32


def given(model, x):
    """x as the ONNX file takes it: ids are integers."""
    return x if model.layer.vocabulary_size is None else x.astype(np.int64)


def outputs(runtime, tmp_path, model, *x):
    """Return what onnxruntime computes of the inputs of a model."""
    export_onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip((port.name for port in session.get_inputs()), x, strict=True)))


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:.* does not use masks:UserWarning")
@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", FLOAT32), ("float64", 1e-12)])
def test_onnxruntime_computes_thirty_random_networks_of_sequences(tmp_path, seed, dtype, tolerance):
    runtime = pytest.importorskip("onnxruntime")
    model, x = sequence_architecture(seed, dtype)
    for rows in (x, x[:1], x if model.input_shape[0] else x[:, :2]):
        assert difference(outputs(runtime, tmp_path, model, rows)[0], model.predict(rows)) < tolerance


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:.* does not use masks:UserWarning")
@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", FLOAT32), ("float64", 1e-12)])
def test_onnxruntime_computes_thirty_random_graphs_with_attention(tmp_path, seed, dtype, tolerance):
    runtime = pytest.importorskip("onnxruntime")
    model, (ids, numbers) = attention_architecture(seed, dtype)
    later = (ids, numbers) if model.ports.inputs["target"][0] else (ids[:, :2], numbers[:, 1:])
    for x in ((ids, numbers), (ids[:1], numbers[:1]), later):
        ours = model.predict(x)
        theirs = outputs(runtime, tmp_path, model, *x)
        for one, other in zip(theirs, ours if isinstance(ours, tuple) else (ours,), strict=True):
            assert difference(one, other) < tolerance


USING_MASKS = [
    SimpleRNN(4, return_sequences=True),
    GRU(4, "elu", go_backwards=True),
    LSTM(4),
    Bidirectional(LSTM(2, return_sequences=True)),
    MultiHeadAttention(2, 3),
    MultiHeadAttention(2, 3, use_gate=True, sliding_window=2),
    Attention(),
    Residual(AdditiveAttention()),
]


@pytest.mark.peers
@pytest.mark.parametrize("layer", USING_MASKS, ids=repr)
def test_padding_changes_nothing_in_onnxruntime(tmp_path, layer):
    runtime = pytest.importorskip("onnxruntime")
    pooled = [GlobalAveragePooling1D()] if layer.clone().build((3, 4)) != (4,) else []
    model = Sequential([Embedding(9, 4, mask_zero=True), Dense(4), layer.clone(), *pooled], seed=0)
    model.build((None, None))
    x = np.random.default_rng(0).integers(1, 9, (5, 6)) * (np.arange(6) < np.array([6, 1, 3, 5, 2])[:, None])
    padded = np.pad(x, [(0, 0), (2, 3)])
    y = outputs(runtime, tmp_path, model, x)[0]
    assert difference(outputs(runtime, tmp_path, model, padded)[0], y) < FLOAT32


@pytest.mark.peers
@pytest.mark.parametrize(
    ("layers", "dtype", "operators"),
    [
        ([GRU(3), Dense(1)], "float32", {"GRU"}),
        ([Bidirectional(LSTM(3))], "float32", {"LSTM"}),
        ([SimpleRNN(3, "relu")], "float32", {"RNN"}),
        ([SimpleRNN(3, "leaky_relu")], "float32", {"Scan"}),  # for which ONNX wants a setting
        ([LSTM(3)], "float64", {"Scan"}),  # onnxruntime has it in float32 alone
        ([Masking(), GRU(3)], "float32", {"Scan"}),  # ONNX has no masks
    ],
)
def test_recurrent_layers_are_operators_of_onnx_where_these_compute_the_same(tmp_path, layers, dtype, operators):
    onnx = pytest.importorskip("onnx")
    model = Sequential([layer.clone() for layer in layers], dtype=dtype)
    model.build((4, 2))
    export_onnx(model, tmp_path / "m.onnx")
    used = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert used & {"RNN", "GRU", "LSTM", "Scan"} == operators


@pytest.mark.peers
def test_ids_are_integers_in_onnx_and_numbers_are_not(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    layers = {"e": (Embedding(9, 2), "ids"), "r": (Reshape((3, 1)), "ids"), "y": (Concatenate(), "e", "r")}
    model, x = Model(Graph("ids", layers, "y"), seed=0), np.array([[1, 8, 0], [2, 2, 5]])
    model.build((3,))
    assert difference(outputs(runtime, tmp_path, model, x)[0], model.predict(x)) < FLOAT32
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert [(port.name, port.type, port.shape) for port in session.get_inputs()] == [
        ("x", "tensor(int64)", ["rows", 3])
    ]


def of_any_length():
    """A model with windows, whose operators must not depend on the length of rows."""
    layers = [
        Embedding(9, 4),
        Conv1D(4, 3, 2, padding="same"),
        MaxPooling1D(2),
        ZeroPadding1D(2),
        Cropping1D((1, 0)),
        UpSampling1D(2),
        GroupNormalization(2),
        Reshape((-1, 2)),
    ]
    return Sequential([*layers, TimeDistributed(Dense(3)), Bidirectional(GRU(2))], seed=0)


@pytest.mark.peers
def test_rows_of_any_length_have_any_length_in_onnxruntime(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = of_any_length()
    model.build((None, None))
    for length in (4, 9, 13):
        x = np.random.default_rng(length).integers(0, 9, (3, length))
        assert difference(outputs(runtime, tmp_path, model, x)[0], model.predict(x)) < FLOAT32
    model = Sequential([UpSampling2D(2, interpolation="bilinear"), GlobalAveragePooling2D()])
    model.build((None, None, None, 2))
    with pytest.raises(SettingError, match=r"^export_onnx: the operators of UpSampling2D\(.* depend on the length of"):
        export_onnx(model, tmp_path / "m.onnx")


@pytest.mark.peers
def test_a_layer_sees_rows_of_two_lengths_in_onnxruntime(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    layer, pooled = Conv1D(2, 3, 2, padding="same"), MaxPooling1D(2, padding="same")
    layers = {
        "e": (layer, "a"),
        "p": (pooled, "e"),
        "f": (layer, "b"),
        "q": (pooled, "f"),
        "y": (Attention(), "p", "q"),
    }
    model = Model(Graph({"a": (9, 2), "b": (6, 2)}, layers, "y"), seed=0)
    a, b = (np.random.default_rng(0).normal(size=(3, steps, 2)).astype("float32") for steps in (9, 6))
    assert difference(outputs(runtime, tmp_path, model, a, b)[0], model.predict((a, b))) < FLOAT32


@pytest.mark.peers
def test_a_stateful_layer_has_no_counterpart_in_onnx(tmp_path):
    pytest.importorskip("onnx")
    model = Sequential([LSTM(2, stateful=True)])
    model.build((3, 2))
    with pytest.raises(SettingError, match=r"^export_onnx: LSTM\(.* \(a graph keeps no states from call to call\); .*"):
        export_onnx(model, tmp_path / "m.onnx")


@pytest.mark.peers
@pytest.mark.parametrize(("layer", "shape"), ROWS, ids=repr)
def test_the_reference_evaluator_of_onnx_computes_the_same_in_float64(tmp_path, layer, shape):
    reference = pytest.importorskip("onnx.reference")
    model, x = around(layer, shape, "float64")
    export_onnx(model, tmp_path / "m.onnx")
    y = reference.ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, {"x": given(model, x)})[0]
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
