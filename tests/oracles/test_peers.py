"""Compare outputs, loss, gradients and training with PyTorch, and the stored numbers of Keras with Keras."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from minidl import Sequential
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.regularizers import L2
from tests.oracles import make_keras_numbers
from tests.oracles.make_torch_networks import LEARNING_RATE, PATH, STEPS, UPDATES, by_torch, drawn


def network(settings, weights, update="sgd"):
    layers = [Dense(settings["widths"][1])]
    for name, units in zip(settings["activations"], settings["widths"][2:], strict=True):
        layers += [{"ReLU": ReLU, "Sigmoid": Sigmoid}[name](), Dense(units)]
    model = Sequential([*layers, Sigmoid()], dtype="float64")
    loss = BinaryCrossentropy() + L2(settings["lambd"]) if settings["lambd"] else BinaryCrossentropy()
    model.compile(SGD(LEARNING_RATE, **UPDATES[update]), loss)
    model.build((settings["widths"][0],))
    model.set_weights(weights)
    return model


def largest_difference(ours, theirs):
    """Return the largest |a - b| / max(1, |b|) over all arrays."""
    return max(np.max(np.abs(a - b) / np.maximum(1, np.abs(b)), initial=0.0) for a, b in zip(ours, theirs, strict=True))


def assert_agreement(settings, x, y, weights, expected):
    model = network(settings, weights)
    assert largest_difference([model.predict(x)], [expected["outputs"]]) < 1e-10
    assert model.backpropagate(x, y) == pytest.approx(expected["loss"], rel=1e-10)
    gradients = [parameter.grad for parameter in model.params.values()]
    assert largest_difference(gradients, expected["gradients"]) < 1e-10
    for update in UPDATES:
        model = network(settings, weights, update)
        model.fit(x, y, batch_size=len(x), epochs=STEPS)
        assert largest_difference(model.get_weights(), expected[update]) < 1e-9


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(50))
def test_fifty_random_networks_agree_with_pytorch(seed):
    pytest.importorskip("torch")
    settings, x, y, weights = drawn(seed)
    assert_agreement(settings, x, y, weights, by_torch(settings, x, y, weights))


def test_the_fifty_networks_cover_all_depths_activations_and_penalties():
    settings = [drawn(seed)[0] for seed in range(50)]
    assert {len(one["activations"]) for one in settings} == {1, 2, 3, 4}
    assert {name for one in settings for name in one["activations"]} == {"ReLU", "Sigmoid"}
    assert {one["lambd"] > 0 for one in settings} == {False, True}


@pytest.mark.parametrize("number", range(5))
def test_stored_networks_agree_with_pytorch(number):
    with np.load(PATH) as stored:
        assert str(stored["torch_version"]).startswith("2.13.0")
        settings = json.loads(str(stored[f"{number}/settings"]))
        count = 2 * (len(settings["widths"]) - 1)
        lists = {
            key: [stored[f"{number}/{key}/{i}"] for i in range(count)] for key in ("weights", "gradients", *UPDATES)
        }
        x, y, outputs, loss = (stored[f"{number}/{key}"] for key in ("x", "y", "outputs", "loss"))
    assert_agreement(settings, x, y, lists["weights"], lists | {"outputs": outputs, "loss": float(loss)})


@pytest.mark.peers
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_keras_still_computes_the_stored_numbers(tmp_path):
    path = tmp_path / "numbers.npz"
    script = f"from tests.oracles.make_keras_numbers import main; main({str(path)!r})"
    subprocess.run([sys.executable, "-c", script], env=os.environ | {"KERAS_BACKEND": "torch"}, check=True)
    with np.load(make_keras_numbers.PATH) as stored, np.load(path) as fresh:
        assert stored.files == fresh.files
        for name in set(stored.files) - {"keras_version"}:
            assert np.allclose(fresh[name], stored[name], rtol=1e-6, atol=1e-7), name
