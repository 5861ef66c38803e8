"""Small inputs and built models for tests of single layers."""

import numpy as np

from minidl import Sequential


def rows(m=5, n=3, seed=0):
    """Return m rows of n standard normal numbers."""
    return np.random.default_rng(seed).normal(size=(m, n))


def built(*layers, n=3, dtype="float64"):
    """Return a Sequential of the layers, built for rows of n features."""
    model = Sequential(layers, seed=0, dtype=dtype)
    model.build((n,))
    return model
