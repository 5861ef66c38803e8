"""Weights in Keras 3's .weights.h5 and in safetensors."""

from importlib.util import find_spec

import h5py
import numpy as np
import pytest

from minidl import ModelFileError, NotBuiltError, Sequential, SettingError
from minidl.files._weights_file import set_weights
from minidl.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Chain,
    Dense,
    Embedding,
    ReLU,
    Residual,
    TimeDistributed,
)
from tests.helpers.every_layer import FLOAT32, difference
from tests.helpers.keras_networks import architecture
from tests.helpers.sequence_networks import attention_architecture, sequence_architecture

# Keras 3.15 on PyTorch 2.13 under NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


MISSING = pytest.mark.skipif(find_spec("safetensors") is None, reason="safetensors is not installed")


SAFETENSORS = pytest.param(".safetensors", marks=[pytest.mark.peers, MISSING])


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(40))
def test_weights_of_forty_random_architectures_go_both_ways(keras, tmp_path, seed):
    model, x = architecture(seed)
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    rng = np.random.default_rng(seed)
    theirs.set_weights([w + 0.1 * rng.random(w.shape) for w in theirs.get_weights()])
    theirs.save_weights(tmp_path / "k.weights.h5")
    model.load_weights(tmp_path / "k.weights.h5")
    assert difference(model.predict(x), theirs.predict(x.astype("float32"), verbose=0)) < FLOAT32
    model.set_weights([w + 0.1 * rng.random(w.shape) for w in model.get_weights()])
    for save in (model.save_weights, model.save):  # the weights alone, and the whole model in one file
        theirs.set_weights([0 * w for w in theirs.get_weights()])
        save(tmp_path / "m.weights.h5")
        theirs.load_weights(tmp_path / "m.weights.h5")
        assert difference(model.predict(x), theirs.predict(x.astype("float32"), verbose=0)) < FLOAT32


def test_the_layout_is_that_of_keras(tmp_path):
    model = Sequential([Dense(4, name="head"), ReLU(), BatchNormalization(), Chain(Dense(2)), Dense(1)])
    model.build((3,))
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        shapes = {}
        file.visititems(lambda path, thing: shapes.update({path: thing.shape} if hasattr(thing, "shape") else {}))
    assert shapes == {
        "layers/dense/vars/0": (3, 4),
        "layers/dense/vars/1": (4,),
        "layers/batch_normalization/vars/0": (4,),
        "layers/batch_normalization/vars/1": (4,),
        "layers/batch_normalization/vars/2": (4,),
        "layers/batch_normalization/vars/3": (4,),
        "layers/sequential/layers/dense/vars/0": (4, 2),
        "layers/sequential/layers/dense/vars/1": (2,),
        "layers/dense_1/vars/0": (2, 1),
        "layers/dense_1/vars/1": (1,),
    }


def test_the_layout_of_recurrent_layers_is_that_of_keras(tmp_path):
    both = Bidirectional(GRU(2, return_sequences=True))
    model = Sequential([Embedding(5, 3), LSTM(2, return_sequences=True), both, TimeDistributed(Chain(Dense(1)))])
    model.build((4,))
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        found = set()
        file.visititems(lambda path, thing: found.add(path) if hasattr(thing, "shape") else None)
    places = ["lstm", "bidirectional/forward_layer", "bidirectional/backward_layer"]
    inner = {f"layers/{place}/cell/vars/{number}" for place in places for number in range(3)}
    dense = {f"layers/time_distributed/layer/layers/dense/vars/{number}" for number in range(2)}
    assert found == {"layers/embedding/vars/0", *inner, *dense}


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:.* does not use masks:UserWarning")
@pytest.mark.filterwarnings(r"ignore:[\s\S]*does not support masking:UserWarning")
@pytest.mark.parametrize("seed", range(10))
def test_weights_of_networks_of_sequences_go_both_ways(keras, tmp_path, seed):
    model, x = sequence_architecture(seed)
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    theirs.set_weights([w + 0.1 * np.random.default_rng(seed).random(w.shape) for w in theirs.get_weights()])
    theirs.save_weights(tmp_path / "k.weights.h5")
    model.load_weights(tmp_path / "k.weights.h5")
    expected = theirs.predict(x, verbose=0)
    assert difference(model.predict(x), expected) < FLOAT32
    model.save_weights(tmp_path / "m.weights.h5")
    theirs.set_weights([0 * w for w in theirs.get_weights()])
    theirs.load_weights(tmp_path / "m.weights.h5")
    assert np.array_equal(theirs.predict(x, verbose=0), expected)


@pytest.mark.filterwarnings("ignore:.* does not use masks:UserWarning")
@pytest.mark.parametrize("suffix", [".weights.h5", SAFETENSORS])
@pytest.mark.parametrize("make", [sequence_architecture, attention_architecture])
def test_weights_of_networks_of_sequences_come_back(tmp_path, suffix, make):
    for seed in range(5):
        (model, _), (other, _) = make(seed), make(seed)
        other.params.theta[:] = 0
        model.save_weights(tmp_path / f"m{suffix}")
        other.load_weights(tmp_path / f"m{suffix}")
        assert all(map(np.array_equal, other.get_weights(), model.get_weights()))


@pytest.mark.parametrize("suffix", [".weights.h5", SAFETENSORS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_come_back(tmp_path, suffix, dtype):
    model, other = (
        Sequential([Dense(4), BatchNormalization(), Residual(Dense(4)), Dense(1)], seed=seed, dtype=dtype)
        for seed in (1, 2)
    )
    for each in (model, other):
        each.build((3,))
    model.fit(np.ones((5, 3)), np.ones(5), verbose=0)
    model.save_weights(tmp_path / f"m{suffix}")
    other.load_weights(tmp_path / f"m{suffix}")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    assert all(np.shares_memory(p.value, other.params.theta) for p in other.params.values())


@pytest.mark.parametrize("suffix", [".weights.h5", SAFETENSORS, ".h5"])
@pytest.mark.parametrize(
    "layers",
    [
        [Dense(4)],
        [Dense(4), Dense(2)],
        [Dense(4), Dense(1, use_bias=False)],
        [Dense(4), Dense(1), BatchNormalization()],
    ],
)
def test_weights_of_another_model_are_rejected_and_nothing_is_set(tmp_path, suffix, layers):
    model, other = Sequential([Dense(4), Dense(1)]), Sequential([layer.clone() for layer in layers])
    model.build((3,))
    other.build((3,))
    (model.save if suffix == ".h5" else model.save_weights)(tmp_path / f"m{suffix}")
    before = other.get_weights()
    with pytest.raises(ModelFileError, match=r"^load_weights: \S+: \S+ .*; nothing was loaded$"):
        other.load_weights(tmp_path / f"m{suffix}")
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), before, strict=True))


@pytest.mark.parametrize(("optimizer", "steps"), [(False, 2), (True, 1)])
def test_the_state_of_the_optimizer_is_read_on_request(tmp_path, optimizer, steps):
    saved, other = Sequential([Dense(1)], seed=0), Sequential([Dense(1)], seed=1)
    for model, epochs in ((saved, 1), (other, 2)):
        model.compile("adam")
        model.fit(np.ones((4, 3)), np.ones(4), epochs=epochs, verbose=0)
    saved.save_weights(tmp_path / "m.weights.h5")
    set_weights(other, (tmp_path / "m.weights.h5").read_bytes(), optimizer=optimizer)
    assert np.array_equal(other.params.theta, saved.params.theta)
    assert other.optimizer.iterations == steps


@pytest.mark.parametrize("name", ["m.h5", "m.npz", "m.keras", "m"])
def test_weights_have_two_formats(tmp_path, name):
    model = Sequential([Dense(1)])
    model.build((1,))
    with pytest.raises(SettingError, match=r"^save_weights: the name must end in \.weights\.h5 or \.safetensors, got "):
        model.save_weights(tmp_path / name)


def test_an_unbuilt_model_has_no_weights_to_save(tmp_path):
    model = Sequential([Dense(1)])
    with pytest.raises(NotBuiltError):
        model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(NotBuiltError):
        model.save(tmp_path / "m.keras")


def test_an_hdf5_file_of_data_is_named(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["train_x"], file["train_y"] = np.ones((2, 3)), np.ones(2)
    for model in (Sequential([Dense(1)]), Sequential([Dense(1)])):
        with pytest.raises(ModelFileError, match=r"without weights of Keras or minidl; it holds .*train_x"):
            model.load_weights(tmp_path / "data.h5")
        model.build((3,))


def replaced(path, value):
    def change(file):
        file.pop(path, None)
        file[path] = value

    return change


HOSTILE_WEIGHTS = {
    "5,000 layers": (lambda file: [file.create_group(f"layers/{i}") for i in range(5000)], "holds 5003 names"),
    "a name of 70 letters": (lambda file: file.create_group("layers/" + 70 * "n"), "/layers holds the name 'nnn"),
    "a name that does not print": (lambda file: file.create_group("layers/a\x1b"), r"/layers holds the name 'a\\x1b'"),
    "a layer with a table": (
        lambda file: file.create_group("layers/dense/table"),
        "dense holds 'table'; minidl has no such layer",
    ),
    "a layer with a cell": (
        replaced("layers/dense/cell/vars/0", np.zeros(3)),
        "it holds /layers/dense/cell/vars/0, for which the model has no weight",
    ),
    "cells in cells": (lambda file: file.create_group("layers/dense" + 3000 * "/cell"), "it cannot be read"),
    "a weight too large for float32": (
        replaced("layers/dense/vars/0", np.full((3, 2), 1e300)),
        r"/layers/dense/vars/0 \(dense/kernel\) is not finite in float32",
    ),
    "steps below 0": (replaced("optimizer/vars/0", np.int64(-1)), "its optimizer has done -1 steps"),
    "a rate that is NaN": (replaced("optimizer/vars/1", np.float32("nan")), "and its learning rate is nan"),
    "a rate below 0": (replaced("optimizer/vars/1", np.float32(-1)), "and its learning rate is -1"),
    "a slot of another shape": (replaced("optimizer/vars/2", np.zeros(3)), r"vars/2 has shape \(3,\), wanted \(3, 2\)"),
}


@pytest.mark.parametrize("case", HOSTILE_WEIGHTS)
def test_a_hostile_file_of_weights_is_rejected_and_nothing_is_set(tmp_path, case):
    change, message = HOSTILE_WEIGHTS[case]
    model = Sequential([Dense(2), ReLU(), Dense(2), Dense(1)])
    model.compile("adam")
    model.fit(np.ones((4, 3)), np.ones(4), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        change(file)
    model.params.theta[:] = 7
    with pytest.raises(ModelFileError, match=f"^load_weights: .*{message}.*; nothing was loaded$"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert (model.params.theta == 7).all()
    assert model.optimizer.iterations == 1


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (None, r"it cannot be read \(.*header.*\)"),
        (
            {"dense/kernel": np.full((1, 1), np.nan, "f4"), "dense/bias": np.zeros(1, "f4")},
            "dense/kernel is not finite",
        ),
        ({"dense/kernel": np.full((1, 1), 1e300), "dense/bias": np.zeros(1)}, "dense/kernel is not finite in float32"),
        ({"dense/kernel": np.ones((1, 1), "i4"), "dense/bias": np.zeros(1, "i4")}, "dense/kernel is int32"),
    ],
)
@pytest.mark.peers
def test_safetensors_that_do_not_fit_are_rejected(tmp_path, arrays, message):
    numpy_files = pytest.importorskip("safetensors.numpy")
    content = b"not safetensors at all" if arrays is None else numpy_files.save(arrays)
    (tmp_path / "m.safetensors").write_bytes(content)
    model = Sequential([Dense(1)])
    model.build((1,))
    with pytest.raises(ModelFileError, match=f"^load_weights: .*{message}"):
        model.load_weights(tmp_path / "m.safetensors")
