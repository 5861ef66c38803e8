"""Run one program on Keras and on minidl.keras, from the same weights."""

import contextlib
import io
import warnings

import numpy as np
import pytest

import minidl.keras
from minidl.keras import _names

RNG = np.random.default_rng(7)
X = RNG.normal(size=(90, 4)).astype("float32")
TARGET = (X[:, :1] * X[:, 1:2] + 0.3 * X[:, 2:3] > 0).astype("float32")
CLASSES = (X[:, 0] > 0.4).astype(int) + (X[:, 1] > 0)
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
NUMBERS = np.stack([X.sum(axis=1), X[:, 0] ** 2], axis=1)
QUIET = {"verbose": 0, "shuffle": False}


def peer():
    """Keras 3 on PyTorch, or a skip."""
    pytest.importorskip("torch")
    return pytest.importorskip("keras")


def both(program):
    """Return what `program(keras, weights)` returns on Keras and on minidl.

    weights is a function: program passes its model, whose weights become the same on both sides.
    """
    kept = []

    def keep(model):
        kept.append([np.array(array) for array in model.get_weights()])

    def restore(model):
        model.set_weights(kept.pop(0))

    keras = peer()
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras advises against input_shape=, and NumPy against Keras's arrays
        theirs = program(keras, keep)
    _names.reset()
    ours = program(minidl.keras, restore)
    return theirs, ours


def assert_same(theirs, ours, tolerance=2e-3):
    """Compare nested lists, tuples and dicts of numbers."""
    if isinstance(theirs, dict):
        assert list(theirs) == list(ours)
        theirs, ours = list(theirs.values()), list(ours.values())
    if isinstance(theirs, list | tuple):
        assert len(theirs) == len(ours)
        for their, our in zip(theirs, ours, strict=True):
            assert_same(their, our, tolerance)
    elif isinstance(theirs, str) or theirs is None:
        assert theirs == ours
    else:
        theirs, ours = np.asarray(theirs), np.asarray(ours)
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def text_of(model, **settings):
    """Return the lines that `summary` prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        model.summary(**settings)
    return [line.rstrip() for line in printed.getvalue().splitlines()]
