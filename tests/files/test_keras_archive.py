"""Models that go to Keras 3 and come from it as .keras archives."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest

from minidl import Model, ModelFileError, Sequential, SettingError, load_model
from minidl.layers import GELU, Chain, Dense, Flatten, LayerNormalization, ReLU, Residual, SpatialDropout1D, Tanh
from minidl.registry import KerasLayer
from tests.helpers.every_layer import FLOAT32, around, difference, rows_with
from tests.helpers.keras_networks import architecture, image_architecture

# Keras 3.15 on PyTorch 2.13 under NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


# Keras has no layer for the approximate GELU, warns of Softmax on one unit, and takes on PyTorch the last axis for the
# only one of a LayerNormalization
LEFT_OUT = ("GELU(approximate=True) on (2, 3)", "Softmax() on (1,)", f"{LayerNormalization(1, epsilon=0.5)} on (3, 4)")
ROWS = [row for row in rows_with("keras", KerasLayer) if "{} on {}".format(*row) not in LEFT_OUT]


@pytest.mark.peers
@pytest.mark.filterwarnings(r"ignore:[\s\S]*does not support masking:UserWarning")
@pytest.mark.parametrize(("layer", "shape"), ROWS, ids=repr)
def test_every_layer_goes_to_keras_and_back(keras, tmp_path, layer, shape):
    goes_to_keras_and_back(keras, tmp_path, *around(layer, shape))


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(40))
def test_forty_random_architectures_go_to_keras_and_back(keras, tmp_path, seed):
    goes_to_keras_and_back(keras, tmp_path, *architecture(seed))


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(40))
def test_forty_random_convolutional_architectures_go_to_keras_and_back(keras, tmp_path, seed):
    goes_to_keras_and_back(keras, tmp_path, *image_architecture(seed))


def goes_to_keras_and_back(keras, tmp_path, model, x):
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    expected = theirs.predict(x.astype("float32"), verbose=0)
    assert difference(model.predict(x), expected) < FLOAT32
    theirs.save(tmp_path / "k.keras")
    back = load_model(tmp_path / "k.keras")
    assert difference(back.predict(x), expected) < FLOAT32
    assert all(np.array_equal(a, b) for a, b in zip(back.get_weights(), model.get_weights(), strict=True))


@pytest.mark.peers
@pytest.mark.parametrize(
    "layer",
    [
        "Conv1DTranspose(2, 1)",
        "RMSNormalization()",
        "Dense(2, activation='softsign')",
        "ReLU(max_value=6.0)",
        "Softmax(axis=1)",
    ],
)
def test_a_layer_or_setting_that_minidl_lacks_is_named(keras, tmp_path, layer):
    shape = (3, 2) if layer.startswith("Conv") else (3,)
    keras.Sequential([keras.Input(shape), eval(f"keras.layers.{layer}")]).save(tmp_path / "k.keras")  # written above
    with pytest.raises(ModelFileError, match=rf"k\.keras: .*{layer.split('(')[0]}.*has no counterpart in minidl"):
        load_model(tmp_path / "k.keras")


@pytest.mark.parametrize("layer", [Residual(Dense(3)), GELU(approximate=True)])
def test_a_layer_that_keras_lacks_is_named(tmp_path, layer):
    model = Sequential([layer])
    model.build((3,))
    with pytest.raises(SettingError, match=rf"^save: {type(layer).__name__}\(.* has no counterpart in Keras"):
        model.save(tmp_path / "m.keras")
    alone = Model(Dense(1))
    alone.build((3,))
    with pytest.raises(SettingError, match=r"\.keras holds a Sequential"):
        alone.save(tmp_path / "m.keras")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("make", [architecture, image_architecture])
def test_minidl_reads_its_own_archives(tmp_path, make, seed):
    model, x = make(seed)
    model.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    assert np.array_equal(back.predict(x), model.predict(x))


def frozen_network():
    """A model with a frozen Dense, a frozen Chain, and a Chain whose first layer is frozen."""
    model = Sequential([Dense(3), ReLU(), Chain(Dense(3), Tanh()), Chain(Dense(2), Dense(1))])
    model.build((3,))
    model.layers[0].trainable = model.layers[2].trainable = model.layers[3].layers[0].trainable = False
    return model


def flags(model):
    return [layer.trainable for _, layer in model.layer.walk()][1:]


def test_frozen_layers_stay_frozen(tmp_path):
    model = frozen_network()
    assert flags(model) == [False, True, False, False, False, True, False, True]
    model.save(tmp_path / "m.keras")
    assert flags(load_model(tmp_path / "m.keras")) == flags(model)
    for layer in model.layers:
        layer.trainable = True
    model.save(tmp_path / "m.keras")
    assert b"trainable" not in parts_of(tmp_path / "m.keras")["config.json"]


@pytest.mark.peers
def test_a_frozen_model_with_spatial_dropout_is_read_by_keras(keras, tmp_path):
    # Keras's SpatialDropout takes no setting trainable
    model = Sequential([SpatialDropout1D(0.5), Flatten(), Dense(2)], seed=0)
    model.build((3, 2))
    model.trainable = False
    model.save(tmp_path / "m.keras")
    theirs, x = keras.models.load_model(tmp_path / "m.keras"), np.ones((2, 3, 2), np.float32)
    assert difference(model.predict(x), theirs.predict(x, verbose=0)) < FLOAT32
    assert load_model(tmp_path / "m.keras").layers[2].trainable is False


@pytest.mark.peers
def test_frozen_layers_are_frozen_in_keras_and_come_back(keras, tmp_path):
    frozen_network().save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    assert [variable.path.split("/")[-2] for variable in theirs.trainable_variables] == ["dense_1", "dense_1"]
    theirs.save(tmp_path / "k.keras")
    leaves = [layer.trainable for _, layer in load_model(tmp_path / "k.keras").layer.walk() if not layer.children]
    assert leaves == [False, True, False, False, False, True]  # Keras's Sequential does not keep a flag of its own
    alone = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu", trainable=False)])
    alone.save(tmp_path / "k.keras")
    assert flags(load_model(tmp_path / "k.keras")) == [False, False]


def parts_of(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(parts, method=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return content.getvalue()


def changed(parts, change):
    config = json.loads(parts["config.json"])
    change(config)
    return zipped({**parts, "config.json": json.dumps(config).encode()})


def set_layer(key, value):
    return lambda parts: changed(parts, lambda config: config["config"]["layers"][1].update({key: value}))


def set_setting(key, value):
    return lambda parts: changed(parts, lambda config: config["config"]["layers"][1]["config"].update({key: value}))


def before_the_beginning(parts):
    """The directory said to begin 100 bytes after the place where it does, so that all else lies 100 before its."""
    content = bytearray(zipped(parts))
    (start,) = struct.unpack_from("<I", content, len(content) - 6)
    struct.pack_into("<I", content, len(content) - 6, start + 100)
    return content


HOSTILE_ARCHIVES = {
    "a lambda": set_layer("class_name", "Lambda"),
    "a module of its own": set_layer("registered_name", "mine>Dense"),
    "os.system": set_layer("class_name", "os.system"),
    "trainable that is not a boolean": set_setting("trainable", "no"),
    "no class": set_layer("class_name", None),
    "units": set_setting("units", 2**40),
    "more units": set_setting("units", 3),
    "true units": set_setting("units", True),
    "a layer in half precision": set_setting("dtype", {"config": {"name": "mixed_float16"}}),
    "unknown setting": set_setting("quantization_config", {"a": 1}),
    "an activation that is code": set_setting("activation", {"class_name": "function", "config": "lambda"}),
    "a name that climbs": set_setting("name", "../../x"),
    "functional": lambda parts: changed(parts, lambda config: config.update(class_name="Functional")),
    "no features": lambda parts: changed(
        parts, lambda config: config["config"]["layers"][0]["config"].update(batch_shape=[None, 0])
    ),
    "a place before the first byte": before_the_beginning,
    "no layers": lambda parts: changed(parts, lambda config: config["config"].update(layers=5)),
    "no shape": lambda parts: changed(parts, lambda config: config["config"]["layers"].pop(0)),
    "bad dtype": lambda parts: changed(parts, lambda config: config["config"].update(dtype="bfloat16")),
    "another member": lambda parts: zipped(parts | {"assets/x": b"y"}),
    "a member that climbs": lambda parts: zipped(
        {"../x" if name == "metadata.json" else name: part for name, part in parts.items()}
    ),
    "a member missing": lambda parts: zipped(
        {name: part for name, part in parts.items() if name != "model.weights.h5"}
    ),
    "compressed": lambda parts: zipped(parts, zipfile.ZIP_DEFLATED),
    "a bomb": lambda parts: zipped(parts | {"config.json": b" " * 10**8}, zipfile.ZIP_DEFLATED),
    "half": lambda parts: zipped(parts)[:700],
    "no JSON": lambda parts: zipped(parts | {"config.json": b"["}),
    "no HDF5": lambda parts: zipped(parts | {"model.weights.h5": b"HDF"}),
    "too long": lambda parts: zipped(parts | {"config.json": b" " * (2**20 + 1)}),
    "deep": lambda parts: zipped(parts | {"config.json": b"[" * 30000}),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", HOSTILE_ARCHIVES)
def test_a_hostile_archive_is_rejected(tmp_path, case):
    model = Sequential([Dense(2), ReLU(), Dense(1)])
    model.build((3,))
    model.save(tmp_path / "m.keras")
    (tmp_path / "m.keras").write_bytes(HOSTILE_ARCHIVES[case](parts_of(tmp_path / "m.keras")))
    with pytest.raises(ModelFileError, match=r"^load_model: .*m\.keras: .*; nothing was loaded$"):
        load_model(tmp_path / "m.keras")


def test_a_dtype_may_be_a_policy_as_keras_writes_it(tmp_path):
    model = Sequential([Dense(2)])
    model.build((3,))
    model.save(tmp_path / "m.keras")
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float64"}, "registered_name": None}
    content = changed(parts_of(tmp_path / "m.keras"), lambda config: config["config"].update(dtype=policy))
    (tmp_path / "m.keras").write_bytes(content)
    assert load_model(tmp_path / "m.keras").dtype == "float64"


def test_an_archive_has_the_same_bytes_each_time(tmp_path):
    model = Sequential([Dense(2)])
    model.build((3,))
    for name in ("a.keras", "b.keras"):
        model.save(tmp_path / name)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert np.array_equal(load_model(tmp_path / "a.keras").predict(np.ones((1, 3))), model.predict(np.ones((1, 3))))
