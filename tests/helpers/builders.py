"""Small inputs and models for tests of layers and optimizers."""

from types import SimpleNamespace

import numpy as np

from minidl import Sequential
from minidl.layers import Dense, ReLU


def rows(m=5, n=3, seed=0):
    """Return m rows of n standard normal numbers."""
    return np.random.default_rng(seed).normal(size=(m, n))


def built(*layers, n=3, dtype="float64"):
    """Return a Sequential of the layers, built for rows of n features."""
    model = Sequential(layers, seed=0, dtype=dtype)
    model.build((n,))
    return model


def vector(theta):
    """Return what an optimizer needs of the parameters: theta as one vector, here of one parameter."""
    return SimpleNamespace(theta=theta, slices={"kernel": slice(None)})


def regression(**settings):
    """Return a model with three outputs for the data of tests/oracles/make_keras_optimizers.py."""
    return Sequential([Dense(4, **settings), ReLU(), Dense(3)], seed=0, dtype="float64")
