"""Weights are loaded into a model that is not built: the first of them tells the features of a row."""

import h5py
import numpy as np
import pytest

from minidl import Model, ModelFileError, NotBuiltError, Sequential
from minidl.layers import BatchNormalization, Chain, Dense, Dropout, Flatten, LayerNormalization, ReLU, Sigmoid
from tests.files.test_weights_file import SAFETENSORS

NETWORKS = {
    "Dense": [Dense(3), ReLU(), Dense(1), Sigmoid()],
    "as many units as features": [Dense(5), ReLU(), Dense(5)],
    "BatchNormalization": [BatchNormalization(), Dense(2)],
    "no gamma": [BatchNormalization(center=False, scale=False), Dense(2)],
    "LayerNormalization behind others": [ReLU(), Dropout(0.1), LayerNormalization(), Dense(2)],
    "nested": [Chain(ReLU(), Chain(Dense(3))), Dense(2)],
}


def network(layers, seed=0):
    return Sequential([layer.clone() for layer in layers], seed=seed)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", SAFETENSORS])
@pytest.mark.parametrize("case", NETWORKS)
def test_the_model_is_as_if_it_had_been_built_before(tmp_path, suffix, case):
    saved, built, model = (network(NETWORKS[case], seed) for seed in (1, 2, 2))
    saved.build((5,))
    (saved.save if suffix == ".h5" else saved.save_weights)(tmp_path / f"m{suffix}")
    built.build((5,))
    for each in (built, model):
        each.load_weights(tmp_path / f"m{suffix}")
    assert model.input_shape == (5,)
    for own, theirs, stored in zip(model.get_weights(), built.get_weights(), saved.get_weights(), strict=True):
        assert np.array_equal(own, theirs)
        assert np.array_equal(own, stored)
    assert model.streams.states == built.streams.states


def test_a_model_of_one_layer_and_the_optimizer_are_loaded_too(tmp_path):
    saved, model = Model(Dense(1)), Model(Dense(1))
    for each in (saved, model):
        each.compile("adam")
    saved.fit(np.ones((4, 3)), np.ones(4), verbose=0)
    saved.save_weights(tmp_path / "m.weights.h5")
    model.load_weights(tmp_path / "m.weights.h5")
    assert model.optimizer.iterations == 1
    other = Model(Dense(1))
    with pytest.warns(UserWarning, match="optimizer arrays do not fit SGD") as caught:
        other.load_weights(tmp_path / "m.weights.h5")
    assert len(caught) == 1


def assert_unbuilt(model):
    assert not model.built
    model.build((7,))
    assert model.input_shape == (7,)


@pytest.mark.parametrize("suffix", [".weights.h5", SAFETENSORS])
def test_weights_that_do_not_fit_leave_the_model_unbuilt(tmp_path, suffix):
    saved = network(NETWORKS["Dense"])
    saved.build((5,))
    saved.save_weights(tmp_path / f"m{suffix}")
    for layers in ([Dense(3), ReLU(), Dense(2)], [Dense(4)], [Dense(3), Chain(Dense(1))]):
        model = Sequential(layers)
        with pytest.raises(ModelFileError, match=r"a row has shape \(5,\): if .* build\(\(|has no weight|is missing"):
            model.load_weights(tmp_path / f"m{suffix}")
        assert_unbuilt(model)


@pytest.mark.parametrize("layers", [[Flatten(), Dense(3)], [ReLU()], []], ids=str)
def test_layers_that_do_not_tell_the_shape_of_a_row_must_be_built_before(tmp_path, layers):
    saved = Sequential([Dense(3)])
    saved.build((5,))
    saved.save_weights(tmp_path / "m.weights.h5")
    model = Sequential(layers)
    with pytest.raises(NotBuiltError, match=r"does not tell; call build with the shape of a row first"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert_unbuilt(model)


@pytest.mark.parametrize("shape", [(0, 3), (), (2**20, 3), (3,)])
def test_a_hostile_first_array_is_rejected(tmp_path, shape):
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        file.create_dataset(
            "layers/dense/vars/0", shape=shape, dtype="f4", chunks=(1, 3) if len(shape) > 1 and shape[0] else None
        )
        file["layers/dense/vars/1"] = np.zeros(3, "f4")
    model = Sequential([Dense(3)])
    with pytest.raises(ModelFileError, match=r"^load_weights: .*; nothing was loaded$"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert_unbuilt(model)


def test_a_file_without_the_first_array_is_rejected(tmp_path):
    saved = Sequential([BatchNormalization()])
    saved.build((5,))
    saved.save_weights(tmp_path / "m.weights.h5")
    model = Sequential([Dense(3)])
    with pytest.raises(ModelFileError, match=r"/layers/dense/vars/0 is missing"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert_unbuilt(model)
