"""The losses of classes that exclude each other, by hand and against PyTorch."""

import math

import numpy as np
import pytest

from minidl import DataError, SettingError, ShapeError
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    KLDivergence,
    Loss,
    SparseCategoricalCrossentropy,
)
from tests.gradcheck.test_table import LOSSES

LOGITS = CategoricalCrossentropy(from_logits=True)


LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 0, 1])


ONE_HOT = np.eye(3)[LABELS]


def test_cross_entropy_by_hand():
    p, y = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]), np.array([[1.0, 0, 0], [0.5, 0, 0.5]])
    value, derivative = CategoricalCrossentropy().value_and_gradient(p, y)
    assert value == pytest.approx((math.log(2) - (math.log(0.1) + math.log(0.7)) / 2) / 2, rel=1e-15)
    # of a distribution that stays one: -y / p + sum y
    assert np.allclose(derivative * 2, [[-1, 1, 1], [1 - 5, 1, 1 - 0.5 / 0.7]], rtol=1e-14)
    z = np.log(p)
    assert LOGITS.value(z, y) == pytest.approx(value, rel=1e-14)
    assert np.allclose(LOGITS.terms(z, y)[1], p - y, rtol=1e-14, atol=1e-16)


def test_probabilities_are_divided_by_their_sum():
    p, y = np.array([[0.5, 0.25, 0.25]]), np.array([[0.0, 1, 0]])
    assert CategoricalCrossentropy().value(8 * p, y) == pytest.approx(math.log(4), rel=1e-15)


def test_outside_the_clip_the_loss_is_constant():
    value, derivative = CategoricalCrossentropy().terms(np.array([[1.0, 0, 0]]), np.array([[0.0, 1, 0]]))
    assert value[0] == pytest.approx(52 * math.log(2), rel=1e-15)  # -log eps, eps of IEEE 754
    assert not derivative.any()


@pytest.mark.parametrize("loss", [CategoricalCrossentropy(), LOGITS])
def test_the_loss_is_linear_in_the_targets(loss):
    p = np.random.default_rng(0).uniform(0.1, 1, (9, 3))
    once, thrice = loss.terms(p, ONE_HOT), loss.terms(p, 3 * ONE_HOT)
    assert np.allclose(3 * once[0], thrice[0], rtol=1e-14)
    assert np.allclose(3 * once[1], thrice[1], rtol=1e-14, atol=1e-15)


def test_smoothed_labels_by_hand():
    # (1 - 0.3) y + 0.3 / 3
    p, y = np.array([[0.5, 0.25, 0.25]]), np.array([[1.0, 0, 0]])
    expected = -0.8 * math.log(0.5) - 0.2 * math.log(0.25)
    assert CategoricalCrossentropy(label_smoothing=0.3).value(p, y) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_from_logits_the_loss_is_finite_and_no_less_than_the_distance(dtype):
    largest = float(np.finfo(dtype).max)
    for distance in (0, 1e-30, 1, 100, 1000, 1e30, largest):
        z = np.array([[distance, 0, 0]], dtype)
        for wanted in range(3):
            y = np.eye(3, dtype=dtype)[[wanted]]
            value, derivative = LOGITS.terms(z, y)
            assert value.dtype == derivative.dtype == dtype
            assert np.isfinite(value).all()
            assert (np.abs(derivative) <= 1).all()
            assert value[0] >= (0 if wanted == 0 else z[0, 0])


def test_the_loss_of_two_classes_is_the_binary_loss_of_the_difference():
    z, labels = np.random.default_rng(0).normal(0, 5, (20, 2)), np.arange(20) % 2
    pair = LOGITS.value(z, np.eye(2)[labels])
    single = BinaryCrossentropy(from_logits=True).value(z[:, 1:] - z[:, :1], labels[:, None].astype(float))
    assert pair == pytest.approx(single, rel=1e-13)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("weights", [None, np.arange(9.0)])
def test_class_labels_and_one_hot_rows_give_the_same(from_logits, weights):
    p = np.random.default_rng(0).uniform(0.1, 1, (9, 3))
    sparse = SparseCategoricalCrossentropy(from_logits).value_and_gradient(p, LABELS[:, None].astype(float), weights)
    whole = CategoricalCrossentropy(from_logits).value_and_gradient(p, ONE_HOT, weights)
    assert sparse[0] == whole[0]
    assert np.array_equal(sparse[1], whole[1])


@pytest.mark.parametrize("from_logits", [False, True])
def test_the_derivative_along_single_precision_outputs_is_in_single_precision(from_logits):
    p = np.random.default_rng(0).uniform(0.1, 1, (9, 3)).astype(np.float32)
    for loss, y in ((SparseCategoricalCrossentropy, LABELS[:, None]), (CategoricalCrossentropy, ONE_HOT)):
        losses, derivatives = loss(from_logits).terms(p, y.astype(np.float32))
        assert losses.dtype == derivatives.dtype == np.float32


@pytest.mark.peers
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_from_logits_equals_pytorch(smoothing):
    torch = pytest.importorskip("torch")
    z = np.random.default_rng(0).normal(0, 20, (9, 3))
    tensor = torch.tensor(z, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(tensor, torch.tensor(LABELS), label_smoothing=smoothing)
    expected.backward()
    value, derivative = CategoricalCrossentropy(True, smoothing).value_and_gradient(z, ONE_HOT)
    assert value == pytest.approx(expected.item(), rel=1e-13)
    assert np.allclose(derivative, tensor.grad.numpy(), rtol=1e-12, atol=1e-16)


def test_called_as_in_keras():
    p = [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]
    expected = -(math.log(0.25) + math.log(0.7)) / 2
    for y in ([1, 2], [[1], [2]], np.array([1.0, 2.0], np.float32)):
        assert SparseCategoricalCrossentropy()(y, p) == pytest.approx(expected, rel=1e-15)
    assert SparseCategoricalCrossentropy()([1, 2], p, sample_weight=[0, 1]) == pytest.approx(-math.log(0.7) / 2)


def test_calling_the_sparse_loss_without_class_labels_raises_an_error():
    loss = SparseCategoricalCrossentropy()
    with pytest.raises(ShapeError, match=r"^SparseCategoricalCrossentropy: y_true has shape \(2, 3\), y_pred \(2, 3\)"):
        loss(np.ones((2, 3)), np.ones((2, 3)))
    for label in (3, -1, 0.5):
        with pytest.raises(DataError, match="y_true must hold class labels, 0 to 2 for this y_pred"):
            loss([0, label], np.ones((2, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CategoricalCrossentropy("yes"), "CategoricalCrossentropy: from_logits must be True or False"),
        (lambda: CategoricalCrossentropy(label_smoothing=-1), "CategoricalCrossentropy: label_smoothing must be in "),
        (lambda: SparseCategoricalCrossentropy(1), "SparseCategoricalCrossentropy: from_logits must be True or False"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_a_vector_is_one_row_of_classes():
    assert CategoricalCrossentropy()([0, 1, 0], [0.1, 0.8, 0.1]) == pytest.approx(-np.log(0.8), rel=1e-6)


def test_the_losses_of_exclusive_classes_say_so():
    exclusive = {type(loss) for loss, _ in LOSSES if isinstance(loss, Loss) and loss.exclusive}
    one_class = {CategoricalCrossentropy, SparseCategoricalCrossentropy, CategoricalFocalCrossentropy}
    assert exclusive == one_class | {CategoricalGeneralizedCrossEntropy, KLDivergence, CategoricalHinge}


def test_the_generalized_cross_entropy_by_hand():
    loss, p = CategoricalGeneralizedCrossEntropy(0.5), np.array([[0.25, 0.75], [0.36, 0.64]])
    assert loss([0, 1], p) == pytest.approx((2 * (1 - 0.5) + 2 * (1 - 0.8)) / 2, rel=1e-12)
    assert loss([[0], [1]], p, [1.0, 0.0]) == pytest.approx(0.5, rel=1e-12)
    values, slopes = loss.terms(np.array([[0.0, 1.0]]), np.array([[0.0]]))
    assert values == pytest.approx(2, rel=1e-3)
    assert np.array_equal(slopes, [[0, 0]])
    with pytest.raises(DataError, match="y_true must hold class labels, 0 to 1"):
        loss([0, 2], p)
    with pytest.raises(SettingError, match=r"q must be in \(0, 1\)"):
        CategoricalGeneralizedCrossEntropy(1.0)
