"""Files written by minidl 0.1.0 load with the same predictions and resume to the same bits.

Normalization sums in another order since then, so the training of every layer resumes to rounding.
"""

import json

import numpy as np
import pytest

from minidl import load_model
from tests.oracles.make_files_0_1 import FOLDER, MODELS, X, half, probe, resume, untrained

EXPECTED = dict(np.load(FOLDER / "expected.npz"))
SAME_BITS = np.array_equal(EXPECTED["probe"], probe())  # else another processor or another NumPy rounds otherwise


def assert_same(found, expected, same_bits=SAME_BITS):
    assert found.dtype == expected.dtype
    if same_bits:
        assert np.array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings("ignore:the training was saved with NumPy")
@pytest.mark.parametrize("name", [*MODELS, *untrained()])
def test_a_model_file_predicts_the_same(name):
    model = load_model(FOLDER / f"{name}.h5", {"half": half})
    assert model.built is (name in MODELS or name == "uncompiled")
    model.build((3,))
    assert_same(model.predict(X), EXPECTED[f"{name} predictions"])


@pytest.mark.filterwarnings("ignore:the training was saved with NumPy")
@pytest.mark.parametrize("name", MODELS)
def test_a_training_resumes_to_the_same_weights_and_history(tmp_path, name):
    model, history = resume(name, FOLDER / f"{name}.h5", tmp_path)
    same_bits = SAME_BITS and name != "every_layer"
    for number, weight in enumerate(model.get_weights()):
        assert_same(weight, EXPECTED[f"{name} weight {number}"], same_bits)
    expected = json.loads(str(EXPECTED[f"{name} history"]))
    assert list(history.history) == list(expected)
    for figure, values in expected.items():
        assert_same(np.array(history.history[figure]), np.array(values), same_bits)


SAFETENSORS = pytest.param("adamw.safetensors", marks=pytest.mark.peers)


@pytest.mark.parametrize("name", ["adamw.weights.h5", "adamw.h5", SAFETENSORS])
def test_weights_load_from_every_format(name):
    if name.endswith("safetensors"):
        pytest.importorskip("safetensors")
    model, _ = MODELS["adamw"]()
    model.build((3,))
    model.load_weights(FOLDER / name)
    assert_same(model.predict(X), EXPECTED["adamw predictions"])
    if name == "adamw.weights.h5":
        assert model.optimizer.iterations == 7


def test_a_keras_archive_predicts_the_same():
    assert_same(load_model(FOLDER / "adamw.keras").predict(X), EXPECTED["adamw predictions"])
