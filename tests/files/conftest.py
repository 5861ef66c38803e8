"""Fixtures of the tests of files."""

import os

import numpy as np
import pytest

from minidl import Sequential, load_model
from minidl.callbacks import EarlyStopping, ModelCheckpoint
from minidl.layers import BatchNormalization, Dense, Dropout, ReLU, Sigmoid
from minidl.optimizers import Adam


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """The bytes of a file that has everything: all kinds of state, and a training in the middle of an epoch."""
    path = tmp_path_factory.mktemp("good") / "m.h5"
    layers = [Dense(3), BatchNormalization(), ReLU(), Dropout(0.5), Dense(2), Dense(1), Sigmoid()]
    model = Sequential(layers, seed=1)
    model.compile(Adam(0.01), metrics=["auc"])
    x = np.random.default_rng(0).normal(size=(8, 2))
    checkpoint = ModelCheckpoint(path, save_freq=3)
    model.fit(x, x[:, 0] > 0, batch_size=2, callbacks=[EarlyStopping("loss", restore_best_weights=True), checkpoint])
    load_model(path)  # what is imported on the way is imported now
    return path.read_bytes()


@pytest.fixture(scope="session")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")
