"""The losses that came with Keras's names, against Keras 3.15.1 on PyTorch in float64: values and derivatives."""

import numpy as np
import pytest

from minidl.losses import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    KLDivergence,
    LogCosh,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    SquaredHinge,
)

rng = np.random.default_rng(0)
Z, U, V = rng.normal(size=(9, 4)), rng.uniform(0.05, 0.95, (9, 4)), rng.uniform(0, 1, (9, 4))
ONE_HOT = np.eye(4)[rng.integers(0, 4, 9)]
FOCAL = {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "label_smoothing": 0.1}

LOSSES = [  # a loss, outputs and targets
    (BinaryFocalCrossentropy(), U, V),
    (BinaryFocalCrossentropy(**FOCAL), U, ONE_HOT),
    (BinaryFocalCrossentropy(from_logits=True), Z, V),
    (CategoricalFocalCrossentropy(), U, ONE_HOT),
    (CategoricalFocalCrossentropy(0.7, 1.5, False, 0.1), U, ONE_HOT),
    (CategoricalFocalCrossentropy(from_logits=True), Z, ONE_HOT),
    (CategoricalHinge(), Z, ONE_HOT),
    (CosineSimilarity(), Z, V),
    (KLDivergence(), U, V),
    (LogCosh(), 5 * Z, V),
    (MeanAbsolutePercentageError(), Z, V),
    (MeanSquaredLogarithmicError(), Z, V),
    (SquaredHinge(), Z, ONE_HOT),
    (SquaredHinge(), Z, 2 * ONE_HOT - 1),
]


@pytest.mark.peers
@pytest.mark.parametrize(("loss", "p", "y"), LOSSES, ids=lambda part: type(part).__name__)
def test_values_and_derivatives_are_those_of_keras(loss, p, y):
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    settings = {name: getattr(loss, name) for name in getattr(loss, "__dataclass_fields__", ())}
    theirs = getattr(keras.losses, type(loss).__name__)(**settings, reduction=None, dtype="float64")
    outputs = torch.tensor(p, requires_grad=True)
    rows = theirs(torch.tensor(y), outputs)
    rows.sum().backward()
    found, slopes = loss.terms(p, y)
    assert np.allclose(found, rows.detach().numpy(), rtol=1e-6, atol=1e-8)  # Keras computes some in float32
    assert np.allclose(slopes, outputs.grad.numpy(), rtol=1e-6, atol=1e-7)


def test_log_cosh_by_hand_does_not_overflow():
    values, slopes = LogCosh().terms(np.array([[1000.0], [0.0], [-1000.0]]), np.zeros((3, 1)))
    assert np.allclose(values, [1000 - np.log(2), 0, 1000 - np.log(2)], rtol=1e-15)
    assert np.array_equal(slopes, [[1], [0], [-1]])


def test_focal_crossentropy_counts_right_entries_less():
    right, wrong = BinaryFocalCrossentropy().terms(np.array([[0.9], [0.1]]), np.ones((2, 1)))[0]
    assert right == pytest.approx(-0.01 * np.log(0.9), rel=1e-12)
    assert wrong == pytest.approx(-0.81 * np.log(0.1), rel=1e-12)


def test_cosine_similarity_of_zeros_is_0():
    value, slope = CosineSimilarity().terms(np.zeros((1, 2)), np.ones((1, 2)))
    assert value == 0
    assert np.isfinite(slope).all()
