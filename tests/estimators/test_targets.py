"""Targets as outputs of a network, and back; scikit-learn's losses."""

import numpy as np
import pytest

from minidl import DataError, SettingError
from minidl.estimators import MLPClassifier, MLPRegressor
from minidl.estimators._targets import (
    ClassEncoder,
    Exponential,
    LogLoss,
    PoissonDeviance,
    SquaredError,
    TargetEncoder,
)
from minidl.gradcheck import check_layer, check_loss

INDICATORS = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1]])


@pytest.mark.parametrize(
    ("encoder", "y", "outputs", "activation"),
    [
        (ClassEncoder, np.array(["b", "a", "b"]), 1, "logistic"),
        (ClassEncoder, np.array([3, 1, 2]), 3, "softmax"),
        (ClassEncoder, INDICATORS, 3, "logistic"),
        (TargetEncoder, np.array([0.5, -2.0]), 1, "identity"),
        (TargetEncoder, np.array([[0.5, 1.0], [-2.0, 3.0]]), 2, "identity"),
    ],
)
def test_decoding_reverses_encoding(encoder, y, outputs, activation):
    encoder = encoder(y)
    encoded = encoder.encode(y, same_classes=True)
    assert encoded.shape == (len(y), outputs)
    assert encoder.activation == activation
    assert np.array_equal(encoder.decode(encoded), y)


def test_two_classes_fill_two_columns_for_a_network_with_two_outputs():
    y = np.array(["b", "a"])
    encoder = ClassEncoder(y)
    encoded = encoder.encode(y, same_classes=True)
    assert encoder.widen(encoded, 2).tolist() == [[0, 1], [1, 0]]
    assert encoder.widen(encoded, 1) is encoded


def test_partial_fit_needs_all_classes_in_its_first_call():
    x, y = np.eye(4), np.array(["a", "b", "a", "b"])
    with pytest.raises(DataError, match="pass classes, the labels of all classes, in the first call"):
        MLPClassifier().partial_fit(x, y)
    estimator = MLPClassifier(random_state=0).partial_fit(x, y, classes=["a", "b", "c"])
    assert estimator.predict_proba(x).shape == (4, 3)
    with pytest.raises(DataError, match=r"differ from those of the first call"):
        estimator.partial_fit(x, y, classes=["a", "b"])
    with pytest.raises(DataError, match=r"y has the classes \['d'\], this estimator was made for \['a' 'b' 'c'\]"):
        estimator.partial_fit(x[:1], ["d"])
    for lbfgs in (MLPClassifier(solver="lbfgs"), MLPRegressor(solver="lbfgs")):
        assert not hasattr(lbfgs, "partial_fit")
    with pytest.raises(SettingError, match="partial_fit does not support early_stopping=True: set it to False"):
        MLPClassifier(early_stopping=True).partial_fit(x, y, classes=["a", "b"])


def test_losses_and_exponential_pass_the_gradient_check():
    assert check_layer(Exponential(), input_shape=(3,)).passed
    for loss in (LogLoss(), LogLoss(from_logits=True), SquaredError(), PoissonDeviance(from_logits=True)):
        assert check_loss(loss).passed
