"""Models that go to Keras 3 and come from it as .keras archives."""

import io
import json
import struct
import zipfile

import h5py
import numpy as np
import pytest

from minidl import Model, ModelFileError, Sequential, SettingError, load_model
from minidl.layers import (
    GELU,
    GRU,
    LSTM,
    Bidirectional,
    Chain,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNormalization,
    MultiHeadAttention,
    ReLU,
    Residual,
    SpatialDropout1D,
    Tanh,
    TimeDistributed,
)
from minidl.registry import KerasLayer
from tests.helpers.every_layer import FLOAT32, around, difference, rows_with
from tests.helpers.keras_networks import architecture, image_architecture
from tests.helpers.sequence_networks import sequence_architecture

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


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:.* does not use masks:UserWarning")
@pytest.mark.filterwarnings(r"ignore:[\s\S]*does not support masking:UserWarning")
@pytest.mark.parametrize("seed", range(30))
def test_thirty_random_networks_of_sequences_go_to_keras_and_back(keras, tmp_path, seed):
    goes_to_keras_and_back(keras, tmp_path, *sequence_architecture(seed))


def goes_to_keras_and_back(keras, tmp_path, model, x):
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    expected = theirs.predict(x.astype("float32"), verbose=0)
    assert difference(model.predict(x), expected) < FLOAT32
    theirs.save(tmp_path / "k.keras")
    back = load_model(tmp_path / "k.keras")
    assert difference(back.predict(x), expected) < FLOAT32
    assert all(np.array_equal(a, b) for a, b in zip(back.get_weights(), model.get_weights(), strict=True))


def of_keras(keras):
    """A recurrent network that only Keras writes in this way."""
    layers = keras.layers
    frame = keras.Sequential([layers.Conv1D(2, 2, activation="relu"), layers.Flatten(), layers.Dense(3)])
    backwards = layers.GRU(4, return_sequences=True, go_backwards=True, reset_after=False)
    return keras.Sequential(
        [
            keras.Input((None, 4, 2)),
            layers.TimeDistributed(frame),
            layers.TimeDistributed(layers.Dense(5, activation="tanh")),
            layers.Softmax(),
            layers.Masking(),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True, unroll=False), backward_layer=backwards),
            layers.Bidirectional(layers.SimpleRNN(3, activation="relu"), merge_mode="ave"),
        ]
    )


@pytest.mark.peers
def test_a_recurrent_network_of_keras_is_read(keras, tmp_path):
    theirs = of_keras(keras)
    theirs.save(tmp_path / "k.keras")
    model = load_model(tmp_path / "k.keras")
    assert [type(layer).__name__ for layer in model.layers][:4] == ["TimeDistributed"] * 2 + ["Tanh", "Softmax"]
    for steps in (3, 5):
        x = np.random.default_rng(steps).normal(size=(4, steps, 4, 2)).astype("float32")
        assert difference(model.predict(x), theirs.predict(x, verbose=0)) < FLOAT32


@pytest.mark.peers
def test_stateful_layers_of_keras_go_on_with_their_states_in_minidl(keras, tmp_path):
    layers = [keras.layers.LSTM(3, stateful=True, return_sequences=True), keras.layers.GRU(2, stateful=True)]
    theirs = keras.Sequential([keras.Input(batch_shape=(4, None, 2)), *layers])
    theirs.save(tmp_path / "k.keras")
    model = load_model(tmp_path / "k.keras")
    for batch in np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype("float32"):
        assert difference(model.predict(batch), theirs.predict(batch, batch_size=4, verbose=0)) < FLOAT32


@pytest.mark.peers
def test_ids_are_integers_in_keras(keras, tmp_path):
    model = Sequential([Embedding(2**25, 1), Flatten(), Dense(1)], seed=0)
    model.build((None, 2))
    model.save(tmp_path / "m.keras")
    theirs, x = keras.models.load_model(tmp_path / "m.keras"), np.array([[2**24 + 1, 3], [2**25 - 1, 0]])
    assert theirs.inputs[0].dtype == "int32"  # float32 holds integers up to 2^24
    assert difference(model.predict(x), theirs.predict(x, verbose=0)) < FLOAT32


def with_seeds(content):
    """The bytes of an archive with the random states that the first releases of Keras 3 stored."""
    parts, held = parts_of(io.BytesIO(content)), io.BytesIO()
    held.write(parts["model.weights.h5"])
    with h5py.File(held, "r+") as file:
        for group in ("lstm/cell", "dropout"):
            file[f"layers/{group}/seed_generator/vars/0"] = np.zeros(2, np.uint32)
    return zipped(parts | {"model.weights.h5": held.getvalue()})


def test_random_states_of_keras_are_left_out(tmp_path):
    model = Sequential([LSTM(2, dropout=0.3), Dropout(0.2)], seed=0)
    model.build((3, 2))
    model.save(tmp_path / "m.keras")
    (tmp_path / "k.keras").write_bytes(with_seeds((tmp_path / "m.keras").read_bytes()))
    assert all(map(np.array_equal, load_model(tmp_path / "k.keras").get_weights(), model.get_weights()))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (LSTM(2, stateful=True), r"LSTM\(.* \(its stateful layers need batches of one size\)"),
        (Bidirectional(GRU(2), "concat", GRU(3, go_backwards=True)), r"Bidirec.* \(its two layers must have as many"),
        (TimeDistributed(Residual(Dense(2))), r"Residual\(.* \(a Sequential does not add its input\)"),
        (MultiHeadAttention(1, 2), r"MultiHead.* \(a Sequential runs its layers one after the other\)"),
    ],
)
def test_a_layer_of_sequences_that_keras_lacks_is_named(tmp_path, layer, message):
    model = Sequential([layer])
    model.build((3, 2))
    with pytest.raises(SettingError, match=f"^save: {message}.*; save to a name in"):
        model.save(tmp_path / "m.keras")


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
@pytest.mark.filterwarnings("ignore:.* does not use masks:UserWarning")
@pytest.mark.parametrize("make", [architecture, image_architecture, sequence_architecture])
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
    "a layer inside that is none": lambda parts: changed(
        parts, lambda config: config["config"]["layers"][1].update(class_name="TimeDistributed", config={"layer": 3})
    ),
    "no layer inside": lambda parts: changed(
        parts, lambda config: config["config"]["layers"][1].update(class_name="Bidirectional", config={})
    ),
    "the wrong layer inside": lambda parts: changed(
        parts,
        lambda config: config["config"]["layers"][1].update(
            class_name="Bidirectional", config={"layer": config["config"]["layers"][2]}
        ),
    ),
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
