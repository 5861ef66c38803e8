"""Models that end in Softmax: default loss, logits, checks of the targets, weights of classes."""

import math

import numpy as np
import pytest

from minidl import DataError, Sequential, ShapeError, check_model
from minidl.layers import Chain, Dense, ReLU, Sigmoid, Softmax, Tanh
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    default_for,
)

LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 0, 1])


ONE_HOT = np.eye(3)[LABELS]


X = np.random.default_rng(0).normal(size=(9, 4)) + LABELS[:, None]


def classifier(loss=None, *, last=None, seed=0, **options):
    model = Sequential([Dense(8), Tanh(), Dense(3), last or Softmax()], seed=seed, **options)
    if loss is not None:
        model.compile(loss=loss)
    return model


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
def test_the_default_loss_after_softmax_fits_the_targets(y):
    model, chosen = classifier(dtype="float64"), classifier(CategoricalCrossentropy(), dtype="float64")
    model.fit(X, y, epochs=3)
    chosen.fit(X, ONE_HOT, epochs=3)
    assert np.array_equal(model.params.theta, chosen.params.theta)


def test_after_softmax_the_loss_is_computed_from_the_logits():
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


# ---- checks of the targets


def test_one_hot_rows_for_the_sparse_loss_raise_an_error():
    with pytest.raises(ShapeError) as caught:
        classifier("sparse_categorical_crossentropy").fit(X, ONE_HOT)
    expected = "fit: y has 3 numbers in a row, this loss takes one class number"
    assert str(caught.value) == f"{expected}; for one-hot rows use CategoricalCrossentropy, or pass y.argmax(axis=1)"


@pytest.mark.parametrize("y", [LABELS, LABELS[:, None], LABELS % 2])
def test_class_labels_for_the_categorical_loss_raise_an_error(y):
    with pytest.raises(ShapeError) as caught:
        classifier("categorical_crossentropy").fit(X, y)
    hint = "If they are class numbers: SparseCategoricalCrossentropy takes them as they are"
    assert str(caught.value) == f"fit: y has 1 numbers in a row, the model has 3 outputs. {hint}"


@pytest.mark.parametrize("wrong", [3, -1, 0.5])
def test_labels_that_are_not_classes_raise_an_error(wrong):
    y = LABELS.astype(float)
    y[4] = wrong
    with pytest.raises(DataError) as caught:
        classifier().fit(X, y)
    assert str(caught.value) == f"fit: y holds {wrong:g}; the model has 3 classes, numbered 0 to 2"


def test_y_flat_and_in_a_column_mean_the_same():
    for layers in ([Dense(3), Softmax()], [Dense(1), Sigmoid()], [Dense(1)]):
        y = LABELS if len(layers) == 2 and isinstance(layers[1], Softmax) else LABELS % 2
        flat, column = (Sequential([layer.clone() for layer in layers], seed=0) for _ in range(2))
        flat.fit(X, y, epochs=2, batch_size=4)
        column.fit(X, y[:, None], epochs=2, batch_size=4)
        assert np.array_equal(flat.params.theta, column.params.theta)


# ---- weights and accuracy


@pytest.mark.parametrize("y", [LABELS, ONE_HOT])
def test_class_weights_are_those_of_keras(y):
    model = Sequential([Dense(3, kernel_initializer="zeros"), Softmax()], dtype="float64")
    history = model.fit(X, y, batch_size=9, class_weight={0: 1.0, 2: 5.0}).history
    # all logits are 0, so each l is log 3: sum of w l, divided by the 9 rows, three of each class
    assert history["loss"][0] == pytest.approx((3 * 1 + 3 * 1 + 3 * 5) * math.log(3) / 9, rel=1e-14)


def test_accuracy_counts_classes_as_the_loss_does():
    model = Sequential([Dense(16), ReLU(), Dense(3), Softmax()], seed=0)
    for y in (LABELS, ONE_HOT):
        model.compile("adam", metrics=["accuracy"])
        model.fit(X, y, epochs=5)
        right = model.predict(X).argmax(axis=1) == LABELS
        assert model.evaluate(X, y)[1] == pytest.approx(right.mean(), rel=1e-15)
        assert 0 < right.mean() < 1
