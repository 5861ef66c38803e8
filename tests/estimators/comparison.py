"""Data sets, and estimators of minidl and scikit-learn to compare."""

import numpy as np
from sklearn import neural_network
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_multilabel_classification
from sklearn.preprocessing import StandardScaler

from minidl import estimators
from minidl.layers import Dense, Dropout, ReLU, Sigmoid, Softmax


def standardized(x, y):
    return StandardScaler().fit_transform(x), y


DIGITS = standardized(*(a[:600] for a in load_digits(return_X_y=True)))


CANCER = standardized(*load_breast_cancer(return_X_y=True))


DIABETES = standardized(*load_diabetes(return_X_y=True))


LABELS = standardized(*make_multilabel_classification(300, random_state=0))


TWO = DIABETES[0], np.column_stack([DIABETES[1], -2 * DIABETES[1]]) / 100


def network(outputs, hidden=8, rate=0.0, *, activation=None):
    last = Sigmoid() if outputs == 1 else Softmax()
    return [Dense(hidden), activation or ReLU(), Dropout(rate), Dense(outputs), last]


def both(kind, **arguments):
    arguments = {"random_state": 0, "max_iter": 15} | arguments
    return getattr(estimators, kind)(**arguments), getattr(neural_network, kind)(**arguments)


def assert_same(ours, theirs):
    for mine, other in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert np.abs(mine - other).max() < 1e-8
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
