"""Files of models that Keras's configs describe: damaged ones are refused, and nothing is loaded."""

import zipfile

import numpy as np
import pytest

from minidl import ModelFileError, keras
from minidl.files import keras_parts


def saved(folder, ending):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "tanh"), keras.layers.Dense(1)])
    model.save(folder / f"model{ending}")
    return folder / f"model{ending}"


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_file_that_was_cut_is_refused(ending, part, tmp_path):
    path = saved(tmp_path, ending)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ModelFileError, match=r"load_model: .*model\..*nothing was loaded"):
        keras.models.load_model(path)


def test_a_weight_that_is_not_finite_is_not_written(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.weights[0].assign(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="is not finite; nothing was written"):
        model.save(tmp_path / "model.keras")
    assert list(tmp_path.iterdir()) == []


def test_an_h5_without_a_config_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(ModelFileError, match="no model_config"):
        keras.models.load_model(tmp_path / "only.weights.h5")


def test_weights_of_other_shapes_are_refused(tmp_path):
    path = saved(tmp_path, ".keras")
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5), keras.layers.Dense(1)])
    before = other.get_weights()[0]
    with pytest.raises(ModelFileError, match=r"has shape \(3, 2\), wanted \(3, 5\)"):
        other.load_weights(path)
    np.testing.assert_array_equal(other.get_weights()[0], before)


def test_an_archive_has_keras_parts(tmp_path):
    with zipfile.ZipFile(saved(tmp_path, ".keras")) as file:
        assert file.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
    config, content = keras_parts.read_archive(tmp_path / "model.keras")
    assert config["class_name"] == "Sequential"
    assert content[:4] == b"\x89HDF"
