"""Classes that exclude each other: the two losses behind Softmax, and what the border says of their labels."""

import math

import numpy as np
import pytest

from minidl import DataError, Sequential, SettingError, ShapeError, check_model
from minidl.layers import Chain, Dense, ReLU, Sigmoid, Softmax, Tanh
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    default_for,
)

LOGITS = CategoricalCrossentropy(from_logits=True)
LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 0, 1])
ONE_HOT = np.eye(3)[LABELS]
X = np.random.default_rng(0).normal(size=(9, 4)) + LABELS[:, None]


def classifier(loss=None, *, last=None, seed=0, **options):
    model = Sequential([Dense(8), Tanh(), Dense(3), last or Softmax()], seed=seed, **options)
    if loss is not None:
        model.compile(loss=loss)
    return model


# ---- the losses


def test_cross_entropy_by_hand():
    p, y = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]), np.array([[1.0, 0, 0], [0.5, 0, 0.5]])
    value, slope = CategoricalCrossentropy().value_and_gradient(p, y)
    assert value == pytest.approx((math.log(2) - (math.log(0.1) + math.log(0.7)) / 2) / 2, rel=1e-15)
    # of a distribution that stays one: -y / p + sum y
    assert np.allclose(slope * 2, [[-1, 1, 1], [1 - 5, 1, 1 - 0.5 / 0.7]], rtol=1e-14)
    z = np.log(p)
    assert LOGITS.value(z, y) == pytest.approx(value, rel=1e-14)
    assert np.allclose(LOGITS.terms(z, y)[1], p - y, rtol=1e-14, atol=1e-16)


def test_probabilities_are_divided_by_their_sum():
    p, y = np.array([[0.5, 0.25, 0.25]]), np.array([[0.0, 1, 0]])
    assert CategoricalCrossentropy().value(8 * p, y) == pytest.approx(math.log(4), rel=1e-15)


def test_beyond_the_clip_the_loss_is_constant():
    value, slope = CategoricalCrossentropy().terms(np.array([[1.0, 0, 0]]), np.array([[0.0, 1, 0]]))
    assert value[0] == pytest.approx(52 * math.log(2), rel=1e-15)  # -log eps, eps of IEEE 754
    assert not slope.any()


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
            value, slope = LOGITS.terms(z, y)
            assert value.dtype == slope.dtype == dtype
            assert np.isfinite(value).all()
            assert (np.abs(slope) <= 1).all()
            assert value[0] >= (0 if wanted == 0 else z[0, 0])


def test_two_classes_are_the_binary_loss_of_the_difference():
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


@pytest.mark.peers
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_from_logits_equals_pytorch(smoothing):
    torch = pytest.importorskip("torch")
    z = np.random.default_rng(0).normal(0, 20, (9, 3))
    tensor = torch.tensor(z, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(tensor, torch.tensor(LABELS), label_smoothing=smoothing)
    expected.backward()
    value, slope = CategoricalCrossentropy(True, smoothing).value_and_gradient(z, ONE_HOT)
    assert value == pytest.approx(expected.item(), rel=1e-13)
    assert np.allclose(slope, tensor.grad.numpy(), rtol=1e-12, atol=1e-16)


def test_called_as_in_keras():
    p = [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]
    expected = -(math.log(0.25) + math.log(0.7)) / 2
    for y in ([1, 2], [[1], [2]], np.array([1.0, 2.0], np.float32)):
        assert SparseCategoricalCrossentropy()(y, p) == pytest.approx(expected, rel=1e-15)
    assert SparseCategoricalCrossentropy()([1, 2], p, sample_weight=[0, 1]) == pytest.approx(-math.log(0.7) / 2)


def test_called_with_what_is_no_class_label():
    loss = SparseCategoricalCrossentropy()
    with pytest.raises(ShapeError, match=r"y_true has shape \(2, 3\), y_pred \(2, 3\)"):
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


# ---- the loss that belongs to Softmax


@pytest.mark.parametrize(
    ("layer", "y", "loss"),
    [
        (Softmax(), None, CategoricalCrossentropy()),
        (Softmax(), ONE_HOT, CategoricalCrossentropy()),
        (Softmax(), LABELS, SparseCategoricalCrossentropy()),
        (Softmax(), LABELS[:, None], SparseCategoricalCrossentropy()),
        (Sigmoid(), LABELS, BinaryCrossentropy()),
        (Dense(3), LABELS, MeanSquaredError()),
    ],
)
def test_the_loss_that_belongs_to_layer_and_targets(layer, y, loss):
    assert default_for(layer, y) == loss


@pytest.mark.parametrize("y", [LABELS, LABELS[:, None], LABELS.astype(float), LABELS.tolist(), ONE_HOT, ONE_HOT > 0])
def test_nobody_need_choose_a_loss(y):
    model, chosen = classifier(dtype="float64"), classifier(CategoricalCrossentropy(), dtype="float64")
    model.fit(X, y, epochs=3)
    chosen.fit(X, ONE_HOT, epochs=3)
    assert np.array_equal(model.params.theta, chosen.params.theta)


def test_behind_softmax_the_loss_is_taken_from_the_logits():
    for loss, y in ((CategoricalCrossentropy(), [[0, 1, 0]]), (SparseCategoricalCrossentropy(), [1])):
        model = Sequential([Dense(3, kernel_initializer="zeros"), Chain(Softmax())])
        model.compile(loss=loss)
        model.build((1,))
        model.set_weights([np.zeros((1, 3)), [1000.0, 0, 0]])
        # clipped probabilities would say 15.9
        assert model.evaluate([[1.0]], y) == 1000
        model.backpropagate([[1.0]], y)
        assert np.array_equal(model.params["dense/bias"].grad, [1, -1, 0])


class Hidden(Chain):
    """A Chain in all but name, so the model does not look inside it."""

    def __init__(self):
        super().__init__(Softmax())


@pytest.mark.parametrize("loss", [CategoricalCrossentropy(label_smoothing=0.1), SparseCategoricalCrossentropy()])
def test_with_and_without_the_link_the_gradients_are_the_same(loss):
    y = LABELS if loss.sparse else ONE_HOT
    models = [classifier(loss, last=last, dtype="float64") for last in (Softmax(), Hidden())]
    values = [model.backpropagate(X, y) for model in models]
    assert values[0] == pytest.approx(values[1], rel=1e-13)
    assert np.allclose(models[0].params.grad, models[1].params.grad, rtol=1e-11, atol=1e-14)
    for model in models:
        assert check_model(model, X, y, depth="all").difference < 1e-12


# ---- what the border says


def test_one_hot_rows_for_class_labels():
    with pytest.raises(ShapeError) as caught:
        classifier("sparse_categorical_crossentropy").fit(X, ONE_HOT)
    expected = "fit: y has 3 numbers a row, this loss wants the class alone"
    assert str(caught.value) == f"{expected}; for one-hot rows use CategoricalCrossentropy, or pass y.argmax(axis=1)"


@pytest.mark.parametrize("y", [LABELS, LABELS[:, None], LABELS % 2])
def test_class_labels_for_one_hot_rows(y):
    with pytest.raises(ShapeError) as caught:
        classifier("categorical_crossentropy").fit(X, y)
    hint = "If they are class numbers: SparseCategoricalCrossentropy takes them as they are"
    assert str(caught.value) == f"fit: y has 1 numbers a row, the model puts out 3. {hint}"


@pytest.mark.parametrize("wrong", [3, -1, 0.5])
def test_labels_that_are_no_class(wrong):
    y = LABELS.astype(float)
    y[4] = wrong
    with pytest.raises(DataError) as caught:
        classifier().fit(X, y)
    assert str(caught.value) == f"fit: y holds {wrong:g}; the model puts out 3 classes, numbered 0 to 2"


def test_y_flat_and_in_a_column_mean_the_same():
    for layers in ([Dense(3), Softmax()], [Dense(1), Sigmoid()], [Dense(1)]):
        y = LABELS if len(layers) == 2 and isinstance(layers[1], Softmax) else LABELS % 2
        flat, column = (Sequential([layer.clone() for layer in layers], seed=0) for _ in range(2))
        flat.fit(X, y, epochs=2, batch_size=4)
        column.fit(X, y[:, None], epochs=2, batch_size=4)
        assert np.array_equal(flat.params.theta, column.params.theta)


# ---- weights and accuracy


@pytest.mark.parametrize("y", [LABELS, ONE_HOT])
def test_class_weights_are_keras_class_weights(y):
    model = Sequential([Dense(3, kernel_initializer="zeros"), Softmax()], dtype="float64")
    history = model.fit(X, y, batch_size=9, class_weight={0: 1.0, 2: 5.0}).history
    # all logits are 0, so each l is log 3: sum of w l, divided by the 9 rows, three of each class
    assert history["loss"][0] == pytest.approx((3 * 1 + 3 * 1 + 3 * 5) * math.log(3) / 9, rel=1e-14)


def test_accuracy_means_what_the_loss_means():
    model = Sequential([Dense(16), ReLU(), Dense(3), Softmax()], seed=0)
    for y in (LABELS, ONE_HOT):
        model.compile("adam", metrics=["accuracy"])
        model.fit(X, y, epochs=5)
        right = model.predict(X).argmax(axis=1) == LABELS
        assert model.evaluate(X, y)[1] == pytest.approx(right.mean(), rel=1e-15)
        assert 0 < right.mean() < 1


def test_a_vector_is_one_row_of_classes():
    assert CategoricalCrossentropy()([0, 1, 0], [0.1, 0.8, 0.1]) == pytest.approx(-np.log(0.8), rel=1e-6)
