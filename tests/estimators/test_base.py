"""Behaviour that all estimators share: weights of rows and classes, sparse rows, callbacks, clones."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits

from minidl.callbacks import EarlyStopping
from minidl.estimators import MLPClassifier, SequentialClassifier
from minidl.initializers import HeNormal
from minidl.layers import Dense, Dropout, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.regularizers import L2
from tests.estimators.comparison import CANCER

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("estimator", [MLPClassifier(max_iter=5), SequentialClassifier(epochs=5)])
def test_sparse_and_dense_rows_give_the_same_model(estimator):
    x, y = load_digits(return_X_y=True)
    from_dense = clone(estimator).set_params(random_state=0).fit(x / 16, y)
    from_sparse = clone(estimator).set_params(random_state=0).fit(sparse.csr_array(x / 16), y)
    assert from_sparse.model_.params.theta.tobytes() == from_dense.model_.params.theta.tobytes()
    assert np.array_equal(from_sparse.predict_proba(sparse.csc_array(x / 16)), from_dense.predict_proba(x / 16))


def test_class_weight_equals_a_weight_for_each_row():
    x, y = CANCER
    for given, weight in (("balanced", len(y) / (2 * np.bincount(y))[y]), ({0: 3.0, 1: 0.5}, np.array([3.0, 0.5])[y])):
        by_class = MLPClassifier(class_weight=given, random_state=0, max_iter=5).fit(x, y)
        by_row = MLPClassifier(random_state=0, max_iter=5).fit(x, y, sample_weight=weight)
        assert np.allclose(by_class.coefs_[0], by_row.coefs_[0], rtol=0, atol=1e-12)


def test_a_row_of_weight_zero_is_left_out_and_one_of_weight_two_counts_twice():
    x, y = CANCER[0][:90], CANCER[1][:90]
    weight = np.arange(90) % 3
    for estimator in (MLPClassifier(max_iter=20), SequentialClassifier(epochs=20, batch_size=90)):
        estimator.set_params(random_state=0)
        weighted = clone(estimator).fit(x, y, sample_weight=weight).predict_proba(x)
        repeated = clone(estimator).fit(x.repeat(weight, axis=0), y.repeat(weight)).predict_proba(x)
        assert np.allclose(weighted, repeated, rtol=0, atol=1e-10)


def test_callbacks_are_copied_before_they_run():
    stopping = EarlyStopping("loss", patience=1, min_delta=1e9)
    estimator = MLPClassifier(callbacks=[stopping], random_state=0).fit(*CANCER)
    assert estimator.n_iter_ == 2 and not hasattr(stopping, "model")
    history = SequentialClassifier(
        callbacks=EarlyStopping(patience=3), validation_split=0.2, random_state=0, epochs=500
    )
    history.fit(*CANCER)
    assert history.n_iter_ == len(history.history_["val_loss"]) < 500


def test_clone_keeps_every_argument_and_fit_changes_none():
    layers = [Dense(4, kernel_initializer=HeNormal()), ReLU(), Dropout(0.3), Dense(1), Sigmoid()]
    optimizer, loss = SGD(0.1, momentum=0.9), BinaryCrossentropy(label_smoothing=0.1) + L2(0.01)
    estimator = SequentialClassifier(layers, optimizer=optimizer, loss=loss, epochs=2, random_state=0)
    before = repr(estimator.get_params())
    estimator.fit(*CANCER)
    assert repr(estimator.get_params()) == repr(clone(estimator).get_params()) == before
    assert estimator.layers is layers and estimator.optimizer is optimizer
    assert not optimizer.built and not layers[0].parameters
    again = clone(estimator).fit(*CANCER)
    assert again.model_.params.theta.tobytes() == estimator.model_.params.theta.tobytes()
