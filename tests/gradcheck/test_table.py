"""Every layer, loss and penalty, with every option, through the gradient checker: to add one is to add a row."""

from dataclasses import MISSING, fields

import numpy as np
import pytest

from minidl import layers, losses, regularizers
from minidl.gradcheck import check_layer, check_loss
from minidl.layers import (
    ELU,
    GELU,
    Add,
    Average,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Chain,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dot,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    Graph,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LeakyReLU,
    Maximum,
    MaxPooling1D,
    MaxPooling2D,
    Multiply,
    Normalization,
    PReLU,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Rescaling,
    Residual,
    SeparableConv2D,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Subtract,
    Tanh,
)
from minidl.losses import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    FunctionLoss,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    OutputLosses,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from minidl.regularizers import L1, L1L2, L2, BatchL2, FunctionPenalty, Penalty

LAYERS = [  # a layer, and the shape of its input's rows; the shapes, if it takes several inputs
    (Add(), ((4,), (4,))),
    (Add(), ((2, 3), (2, 3), (2, 3))),
    (Average(), ((4,), (4,))),
    (Average(), ((2, 3), (2, 3), (2, 3))),
    (AveragePooling1D(3, 2, "same"), (7, 2)),
    (AveragePooling2D(), (5, 4, 2)),
    (AveragePooling2D(3, 1, "same"), (4, 5, 2)),
    (Conv1D(3, 2), (6, 2)),
    (Conv1D(2, 3, 2, "same"), (7, 2)),
    (Conv1D(2, 2, padding="causal", dilation_rate=2, use_bias=False), (6, 2)),
    (Conv1D(4, 2, groups=2), (5, 4)),
    (Conv2D(3, 2), (5, 6, 2)),
    (Conv2D(2, (3, 2), (2, 1), "same"), (5, 4, 2)),
    (Conv2D(4, 3, padding="same", groups=2, use_bias=False), (4, 3, 4)),
    (Conv2D(2, 2, dilation_rate=(2, 1)), (7, 5, 2)),
    (Conv2DTranspose(2, 2), (3, 2, 2)),
    (Conv2DTranspose(2, 3, 2, "same"), (2, 3, 2)),
    (Conv2DTranspose(2, (2, 3), 2, output_padding=(1, 0), use_bias=False), (2, 3, 2)),
    (Conv2DTranspose(2, 2, dilation_rate=2), (3, 2, 2)),
    (DepthwiseConv2D(2), (5, 4, 2)),
    (DepthwiseConv2D((2, 3), 2, "same", 2, use_bias=False), (4, 5, 2)),
    (DepthwiseConv2D(2, dilation_rate=2), (5, 6, 2)),
    (GlobalAveragePooling1D(), (4, 3)),
    (GlobalAveragePooling1D(keepdims=True), (4, 3)),
    (GlobalAveragePooling2D(), (3, 4, 2)),
    (GlobalAveragePooling2D(keepdims=True), (3, 4, 2)),
    (GlobalMaxPooling1D(keepdims=True), (4, 3)),
    (GlobalMaxPooling2D(), (3, 4, 2)),
    (GlobalMaxPooling2D(keepdims=True), (3, 4, 2)),
    (MaxPooling1D(), (6, 2)),
    (MaxPooling1D(3, 2, "same"), (7, 2)),
    (MaxPooling2D(), (5, 4, 2)),
    (MaxPooling2D((2, 3), 1, "same"), (4, 5, 2)),
    (SeparableConv2D(3, 2), (5, 4, 2)),
    (SeparableConv2D(2, (3, 2), 2, "same", depth_multiplier=2, use_bias=False), (5, 4, 2)),
    (SeparableConv2D(2, 2, dilation_rate=2), (5, 6, 2)),
    (BatchNormalization(), 4),
    (BatchNormalization(epsilon=1.0, momentum=0.5), (3, 4)),
    (BatchNormalization(1), (3, 4)),
    (BatchNormalization(2), (2, 3, 2)),
    (BatchNormalization(epsilon=0.1), (2, 3, 2)),
    (BatchNormalization(scale=False), 4),
    (BatchNormalization(center=False), 4),
    (Chain(), 3),
    (Chain(Dense(3), ReLU(), Dense(2)), 4),
    (Chain(Dense(3), Chain(Sigmoid(), Dropout(0.5)), Dense(2)), 4),
    (Concatenate(), ((4,), (2,))),
    (Concatenate(), ((3, 4), (3, 1), (3, 2))),
    (Concatenate(axis=1), ((3, 4), (1, 4))),
    (Dense(1), 1),
    (Dense(3), 4),
    (Dense(3, use_bias=False), 4),
    (Dense(3), (5, 4)),
    (Dense(2, use_bias=False), (2, 3, 4)),
    (Chain(Dense(3), Tanh(), Dense(2)), (5, 4)),
    (Dot(), ((4,), (4,))),
    (Dot(normalize=True), ((4,), (4,))),
    (Dropout(0), 4),
    (Dropout(0.5), 4),
    (Dropout(0.9), (3, 4)),
    (ELU(), 4),
    (ELU(0.7), (2, 3)),
    (Flatten(), 4),
    (Flatten(), (2, 3, 4)),
    (GELU(), 4),
    (GELU(approximate=True), (2, 3)),
    (GaussianNoise(0), 4),
    (GaussianNoise(0.5), (2, 3)),
    (Graph("x", {"h": (Dense(3), "x"), "y": (Tanh(), "h")}, "y"), 4),
    (Graph("x", {"h": (Dense(4), "x"), "r": (ReLU(), "h"), "y": (Add(), "r", "x")}, "y"), 4),
    (Graph("x", {"h": (Dropout(0.5), "x"), "y": (Multiply(), "h", "h", "x")}, ("h", "y", "x")), 4),
    (Graph({"a": (2,), "b": (3,)}, {"h": (Dense(3), "a"), "y": (Maximum(), "h", "b")}, ("y", "h")), 5),
    (LayerNormalization(), 4),
    (GroupNormalization(2, epsilon=0.5), 4),
    (GroupNormalization(2, epsilon=0.1), (2, 3, 4)),
    (GroupNormalization(-1, scale=False), (3, 2)),
    (GroupNormalization(1, center=False), (3, 2)),
    (GroupNormalization(2, 1), (4, 3)),
    (LayerNormalization(epsilon=1.0), (3, 4)),
    (LayerNormalization(1, epsilon=0.5), (3, 4)),
    (LayerNormalization((1, 2), epsilon=0.1), (3, 4)),
    (LayerNormalization((1, -1), epsilon=0.1), (2, 3, 2)),
    (LayerNormalization(scale=False), 4),
    (LayerNormalization(center=False), 4),
    (LeakyReLU(), 4),
    (LeakyReLU(0), 4),
    (LeakyReLU(2.0), (2, 3)),
    (Maximum(), ((4,), (4,))),
    (Maximum(), ((2, 3), (2, 3), (2, 3))),
    (Multiply(), ((4,), (4,))),
    (Multiply(), ((2, 3), (2, 3), (2, 3))),
    (Normalization(), 4),
    (Normalization(1, invert=True), (3, 2)),
    (Normalization(None, mean=2.0, variance=3.0), (3, 2)),
    (Normalization((1, 2), mean=(1.0,), variance=(4.0,), invert=True), (3, 2)),
    (PReLU(alpha_initializer="random_normal"), 4),
    (PReLU(alpha_initializer="random_normal", shared_axes=(1,)), (2, 3)),
    (RandomContrast(0.5), (3, 4, 2)),
    (RandomContrast((0.2, 0.9), value_range=(-1.0, 1.0)), (3, 4, 2)),
    (RandomFlip(), (3, 4, 2)),
    (RandomFlip("horizontal"), (3, 4, 2)),
    (RandomFlip("vertical"), (3, 4, 1)),
    (RandomRotation(0.2), (3, 4, 2)),
    (RandomRotation((0.1, 0.9), "constant", "nearest"), (4, 3, 1)),
    (RandomRotation(1, "wrap", fill_value=2.0), (1, 4, 1)),
    (RandomTranslation(0.3, (0.1, 0.9)), (3, 4, 2)),
    (RandomTranslation(1, 1, "constant", fill_value=0.7), (4, 3, 1)),
    (RandomTranslation(1, 1, "nearest", "nearest"), (4, 3, 1)),
    (RandomZoom(0.5), (3, 4, 2)),
    (RandomZoom((-0.9, 1.0), 0.5, "constant", fill_value=-3.0), (4, 3, 1)),
    (RandomZoom(1.0 - 1e-9, None, "wrap", "nearest"), (4, 3, 1)),
    (ReLU(), 4),
    (ReLU(), (2, 3)),
    (Rescaling(0.5), 4),
    (Rescaling(-2.0, offset=1.0), (2, 3)),
    (Residual(Dense(4), ReLU(), Dropout(0.5), Dense(4)), 4),
    (Residual(Residual(Dense(3)), Sigmoid()), 3),
    (Residual(BatchNormalization(), ReLU(), Dense(4)), 4),
    (Sigmoid(), 4),
    (Sigmoid(), (2, 3)),
    (SiLU(), 4),
    (Softmax(), 4),
    (Softmax(), 1),
    (Softmax(), (2, 3)),
    (Softplus(), 4),
    (Subtract(), ((4,), (4,))),
    (Subtract(), ((2, 3), (2, 3))),
    (Tanh(), 4),
]

LOSSES = [  # a loss, and the number of outputs
    (BinaryCrossentropy(), 1),
    (BinaryCrossentropy(), 3),
    (BinaryCrossentropy(from_logits=True), 1),
    (BinaryCrossentropy(from_logits=True), 3),
    (BinaryCrossentropy(label_smoothing=0.1), 3),
    (BinaryCrossentropy(from_logits=True, label_smoothing=1.0), 3),
    (BinaryFocalCrossentropy(), 1),
    (BinaryFocalCrossentropy(from_logits=True), 3),
    (BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.7, gamma=1.5, label_smoothing=0.1), 3),
    (CategoricalCrossentropy(), 3),
    (CategoricalCrossentropy(label_smoothing=0.1), 3),
    (CategoricalCrossentropy(from_logits=True), 3),
    (CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), 3),
    (CategoricalFocalCrossentropy(), 3),
    (CategoricalFocalCrossentropy(alpha=0.7, gamma=1.5, label_smoothing=0.1), 3),
    (CategoricalFocalCrossentropy(from_logits=True), 3),
    (CategoricalHinge(), 3),
    (CosineSimilarity(), 1),
    (CosineSimilarity(), 3),
    (FunctionLoss(lambda y, p: np.mean(np.square(p - y), axis=-1)), 3),
    (Hinge(), 1),
    (Hinge(), 3),
    (Huber(), 1),
    (Huber(0.3), 3),
    (MeanAbsoluteError(), 1),
    (MeanAbsoluteError(), 3),
    (MeanSquaredError(), 1),
    (MeanSquaredError(), 3),
    (KLDivergence(), 3),
    (LogCosh(), 1),
    (LogCosh(), 3),
    (MeanAbsolutePercentageError(), 1),
    (MeanAbsolutePercentageError(), 3),
    (MeanSquaredLogarithmicError(), 1),
    (MeanSquaredLogarithmicError(), 3),
    (MeanSquaredError() + L2(0.7) + L1(0.3), 2),
    (OutputLosses(("a",), (Huber(),), (0.3,), sizes=(2,)), 2),
    (OutputLosses(("a", "b"), (MeanSquaredError(), BinaryCrossentropy(from_logits=True)), (1.0, 0.3), sizes=(2, 1)), 3),
    (Poisson(), 1),
    (Poisson(), 3),
    (SquaredHinge(), 1),
    (SquaredHinge(), 3),
    (SparseCategoricalCrossentropy(), 3),
    (SparseCategoricalCrossentropy(from_logits=True), 3),
]

PENALTIES = [L1(0.3), L1(1e4), L1L2(0.3), L1L2(l2=0.7), L1L2(1e4, 1e4), L2(0.7), L2(1e4)]
PENALTIES += [FunctionPenalty(lambda w: 0.3 * np.sum(np.abs(w) + np.square(w)))]
PENALTIES += [L1.keras(0.3), L2.keras(0.3), L1L2.keras(0.3, 0.7), L2.pytorch(0.3), BatchL2(0.7), BatchL2(0.7, m=3)]

# settings of initial values, names, penalties and constraints, which do not change forward and backward
ELSEWHERE = ("name", "_initializer", "_regularizer", "_constraint")


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=repr)
def test_layer(layer, shape):
    report = check_layer(layer, shape)
    assert report.difference < 1e-12
    assert not report.notes


@pytest.mark.parametrize(("loss", "outputs"), LOSSES, ids=repr)
def test_loss(loss, outputs):
    assert check_loss(loss, outputs).difference < 1e-12


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_penalty(penalty):
    assert check_loss(penalty).difference < 1e-12


@pytest.mark.parametrize(
    ("package", "base", "rows"),
    [
        (layers, Layer, [layer for layer, _ in LAYERS]),
        (losses, Loss, [loss for loss, _ in LOSSES]),
        (regularizers, Penalty, PENALTIES),
    ],
    ids=["layers", "losses", "regularizers"],
)
def test_every_class_has_a_row_with_every_option(package, base, rows):
    public = {kind for name in dir(package) if name[0] != "_" and isinstance(kind := getattr(package, name), type)}
    missing = {kind.__name__ for kind in public if issubclass(kind, base) and kind is not base}
    missing -= {type(row).__name__ for row in rows}
    assert not missing, f"give these a row in {__name__}: {missing}"
    unset = set()
    for kind in {type(row) for row in rows if isinstance(row, base)}:
        options = [f for f in fields(kind) if f.default is not MISSING and not f.name.endswith(ELSEWHERE)]
        given = [row for row in rows if type(row) is kind]
        unset |= {
            f"{kind.__name__}: {f.name}" for f in options if all(getattr(row, f.name) == f.default for row in given)
        }
    assert not unset, f"give these options a row in {__name__}: {unset}"
