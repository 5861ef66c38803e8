"""Weights and models that go to Keras 3 and come from it, and weights in safetensors."""

import io
import json
import os
import struct
import zipfile
from importlib.util import find_spec

import h5py
import numpy as np
import pytest

from minidl import Model, ModelFileError, NotBuiltError, Sequential, SettingError, load_model, optimizers
from minidl.layers import (
    ELU,
    GELU,
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LayerNormalization,
    LeakyReLU,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.losses import MeanSquaredError
from minidl.schedules import ExponentialDecay

# Keras 3.15 on PyTorch 2.13 under NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

MISSING = pytest.mark.skipif(find_spec("safetensors") is None, reason="safetensors is not installed")
SAFETENSORS = pytest.param(".safetensors", marks=[pytest.mark.peers, MISSING])
ACTIVATIONS = (ReLU, LeakyReLU, ELU, Sigmoid, Tanh, Softplus, SiLU, GELU, Softmax)


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


def architecture(seed):
    """(model, x): random layers of every kind that Keras has too, with random weights and moving averages."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 6)),) if rng.random() < 0.8 else tuple(int(n) for n in rng.integers(1, 4, 2))
    layers = [Flatten()] if len(shape) > 1 else []
    for _ in range(rng.integers(1, 6)):
        layers += _block(rng)
    if rng.random() < 0.5:
        layers.insert(rng.integers(len(shape) > 1, len(layers) + 1), Chain(*_block(rng), *_block(rng)))
    model = Sequential([*layers, Dense(2)], seed=seed)
    model.build(shape)
    model.params.theta += 0.1 * rng.standard_normal(model.params.theta.size)
    for state in model.layer.named_state().values():
        state += rng.random(state.shape)
    return model, rng.normal(size=(7, *shape))


def _block(rng):
    units = int(rng.integers(2, 7))  # Keras warns of Softmax on one
    activation = ACTIVATIONS[rng.integers(len(ACTIVATIONS))]()
    kind = rng.choice(["plain", "batch", "layer", "dropout", "noise"])
    dense = Dense(units, use_bias=bool(rng.random() < 0.7))
    center, scale = (bool(rng.random() < 0.7) for _ in range(2))
    extra = {
        "plain": [],
        "batch": [BatchNormalization(epsilon=0.01, momentum=0.9, center=center, scale=scale)],
        "layer": [LayerNormalization(epsilon=0.02, center=center, scale=scale)],
        "dropout": [Dropout(0.3)],
        "noise": [GaussianNoise(0.3)],
    }[str(kind)]
    return [dense, *extra, activation]


def difference(a, b):
    return np.max(np.abs(a - b) / np.maximum(1, np.abs(b)))


# ---- with Keras itself


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(40))
def test_forty_random_architectures_go_to_keras_and_back(keras, tmp_path, seed):
    model, x = architecture(seed)
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    expected = theirs.predict(x.astype("float32"), verbose=0)
    assert difference(model.predict(x), expected) < 1e-6
    theirs.save(tmp_path / "k.keras")
    back = load_model(tmp_path / "k.keras")
    assert difference(back.predict(x), expected) < 1e-6
    assert all(np.array_equal(a, b) for a, b in zip(back.get_weights(), model.get_weights(), strict=True))


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
    assert difference(model.predict(x), theirs.predict(x.astype("float32"), verbose=0)) < 1e-6
    model.set_weights([w + 0.1 * rng.random(w.shape) for w in model.get_weights()])
    for save in (model.save_weights, model.save):  # the weights alone, and the whole model in one file
        theirs.set_weights([0 * w for w in theirs.get_weights()])
        save(tmp_path / "m.weights.h5")
        theirs.load_weights(tmp_path / "m.weights.h5")
        assert difference(model.predict(x), theirs.predict(x.astype("float32"), verbose=0)) < 1e-6


KERAS_OPTIMIZERS = {
    "SGD": (lambda o: o.SGD(0.1), lambda k: k.optimizers.SGD(0.1)),
    "momentum": (lambda o: o.SGD(0.1, 0.9), lambda k: k.optimizers.SGD(0.1, momentum=0.9)),
    "Adam": (lambda o: o.Adam(0.02), lambda k: k.optimizers.Adam(0.02)),
    "AMSGrad": (lambda o: o.AMSGrad(0.02), lambda k: k.optimizers.Adam(0.02, amsgrad=True)),
    "AdamW": (lambda o: o.AdamW(0.02), lambda k: k.optimizers.AdamW(0.02)),
    "RMSprop": (lambda o: o.RMSprop(0.02), lambda k: k.optimizers.RMSprop(0.02)),
    "RMSprop all": (
        lambda o: o.RMSprop(0.02, momentum=0.5, centered=True),
        lambda k: k.optimizers.RMSprop(0.02, momentum=0.5, centered=True),
    ),
    "Adagrad": (lambda o: o.Adagrad(0.1), lambda k: k.optimizers.Adagrad(0.1)),
    "clipped": (lambda o: o.Clip(o.Adam(0.02), value=0.1), lambda k: k.optimizers.Adam(0.02, clipvalue=0.1)),
    "schedule": (
        lambda o: o.Adam(ExponentialDecay(0.1, 3, 0.5)),
        lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)),
    ),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", KERAS_OPTIMIZERS)
def test_training_goes_on_on_the_other_side(keras, tmp_path, name):
    ours_of, theirs_of = KERAS_OPTIMIZERS[name]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype("float32"), rng.normal(size=(16, 2)).astype("float32")
    arguments = {"batch_size": 8, "shuffle": False, "verbose": 0}
    first = Sequential([Dense(4), Tanh(), Dense(2)], seed=1)
    first.compile(ours_of(optimizers), MeanSquaredError())
    first.fit(x, y, epochs=2, **arguments)
    first.save_weights(tmp_path / "a.weights.h5")

    layers = [keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2)]
    theirs = keras.Sequential(layers)
    theirs.compile(theirs_of(keras), "mse")
    theirs.optimizer.build(theirs.trainable_variables)
    theirs.load_weights(tmp_path / "a.weights.h5")
    assert int(theirs.optimizer.iterations) == 4
    theirs.fit(x, y, epochs=2, **arguments)
    theirs.save_weights(tmp_path / "b.weights.h5")

    second = Sequential([Dense(4), Tanh(), Dense(2)])
    second.compile(ours_of(optimizers), MeanSquaredError())
    second.build((3,))
    second.load_weights(tmp_path / "b.weights.h5")
    assert second.optimizer.iterations == 8
    second.fit(x, y, epochs=2, **arguments)
    first.fit(x, y, epochs=4, **arguments)  # the same without a break
    assert difference(second.predict(x), first.predict(x)) < 1e-5


@pytest.mark.peers
@pytest.mark.parametrize(
    "layer",
    [
        "Conv1D(2, 1)",
        "UnitNormalization()",
        "Dense(2, activation='softsign')",
        "ReLU(max_value=6.0)",
        "Dense(2, trainable=False)",
    ],
)
def test_what_minidl_has_not_is_refused_by_name(keras, tmp_path, layer):
    shape = (3, 2) if layer.startswith("Conv") else (3,)
    keras.Sequential([keras.Input(shape), eval(f"keras.layers.{layer}")]).save(tmp_path / "k.keras")  # written above
    with pytest.raises(ModelFileError, match=rf"k\.keras: .*{layer.split('(')[0]}.*has no counterpart in minidl"):
        load_model(tmp_path / "k.keras")


# ---- without Keras


def test_the_layout_is_keras_s(tmp_path):
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
def test_weights_of_another_model_are_refused_and_nothing_is_set(tmp_path, suffix, layers):
    model, other = Sequential([Dense(4), Dense(1)]), Sequential([layer.clone() for layer in layers])
    model.build((3,))
    other.build((3,))
    (model.save if suffix == ".h5" else model.save_weights)(tmp_path / f"m{suffix}")
    before = other.get_weights()
    with pytest.raises(ModelFileError, match=r"^load_weights: \S+: \S+ .*; nothing was loaded$"):
        other.load_weights(tmp_path / f"m{suffix}")
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), before, strict=True))


@pytest.mark.parametrize("name", KERAS_OPTIMIZERS)
def test_the_state_of_an_optimiser_comes_back(tmp_path, name):
    x, y = np.random.default_rng(0).normal(size=(2, 16, 2))
    models = [Sequential([Dense(4), Tanh(), Dense(2)], seed=1) for _ in range(2)]
    for model in models:
        model.compile(KERAS_OPTIMIZERS[name][0](optimizers), MeanSquaredError())
        model.build((2,))
    models[0].fit(x, y, epochs=2, shuffle=False)
    models[0].save_weights(tmp_path / "m.weights.h5")
    models[1].load_weights(tmp_path / "m.weights.h5")
    for model in models:
        model.fit(x, y, epochs=2, shuffle=False)
    assert models[1].optimizer.iterations == 4
    assert difference(models[1].params.theta, models[0].params.theta) < 1e-6


def test_the_state_of_another_optimiser_is_left_out_with_a_warning(tmp_path):
    model, other = Sequential([Dense(1)]), Sequential([Dense(1)])
    model.compile("adam")
    model.fit(np.ones((2, 1)), np.ones(2), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    other.compile("sgd")
    other.build((1,))
    with pytest.warns(UserWarning, match="the optimiser's 6 arrays are none of SGD's; they are left out"):
        other.load_weights(tmp_path / "m.weights.h5")
    assert np.array_equal(model.params.theta, other.params.theta)


def test_the_state_of_an_optimiser_that_keras_has_not_stays(tmp_path):
    model = Sequential([Dense(1)])
    model.compile("lbfgs")
    model.fit(np.ones((2, 1)), np.ones(2), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert list(file) == ["layers"]


def test_a_state_beyond_the_model_s_dtype_becomes_infinite(tmp_path):
    large, small = Sequential([Dense(1)], dtype="float64"), Sequential([Dense(1)])
    for model in (large, small):
        model.compile("adam")
        model.fit(np.ones((2, 1)), np.ones(2), verbose=0)
    large.optimizer.v[:] = 1e300
    large.save_weights(tmp_path / "m.weights.h5")
    small.load_weights(tmp_path / "m.weights.h5")
    assert np.isinf(small.optimizer.v).all()


@pytest.mark.parametrize("name", ["m.h5", "m.npz", "m.keras", "m"])
def test_weights_have_two_formats(tmp_path, name):
    model = Sequential([Dense(1)])
    model.build((1,))
    with pytest.raises(SettingError, match=r"^save_weights: the name must end in \.weights\.h5 or \.safetensors, got "):
        model.save_weights(tmp_path / name)


def test_an_unbuilt_model_has_no_weights_to_exchange(tmp_path):
    model = Sequential([Dense(1)])
    for do in (model.save_weights, model.load_weights):
        with pytest.raises(NotBuiltError):
            do(tmp_path / "m.weights.h5")
    with pytest.raises(NotBuiltError):
        model.save(tmp_path / "m.keras")


@pytest.mark.parametrize("layer", [Residual(Dense(3)), GELU(approximate=True)])
def test_what_keras_has_not_is_refused_by_name(tmp_path, layer):
    model = Sequential([layer])
    model.build((3,))
    with pytest.raises(SettingError, match=rf"^save: {type(layer).__name__}\(.* has no counterpart in Keras"):
        model.save(tmp_path / "m.keras")
    alone = Model(Dense(1))
    alone.build((3,))
    with pytest.raises(SettingError, match=r"\.keras holds a Sequential"):
        alone.save(tmp_path / "m.keras")


@pytest.mark.parametrize("seed", range(10))
def test_an_archive_is_read_here_too(tmp_path, seed):
    model, x = architecture(seed)
    model.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    assert np.array_equal(back.predict(x), model.predict(x))


# ---- archives from strangers


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
def test_a_hostile_archive_is_refused(tmp_path, case):
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


# ---- weights from strangers


def replaced(path, value):
    def change(file):
        file.pop(path, None)
        file[path] = value

    return change


HOSTILE_WEIGHTS = {
    "5,000 layers": (lambda file: [file.create_group(f"layers/{i}") for i in range(5000)], "holds 5003 names"),
    "a name of 70 letters": (lambda file: file.create_group("layers/" + 70 * "n"), "/layers holds the name 'nnn"),
    "a name that does not print": (lambda file: file.create_group("layers/a\x1b"), r"/layers holds the name 'a\\x1b'"),
    "a layer with a cell": (
        lambda file: file.create_group("layers/dense/cell"),
        "dense holds 'cell': there is no such",
    ),
    "steps below 0": (replaced("optimizer/vars/0", np.int64(-1)), "its optimiser has done -1 steps"),
    "a rate that is NaN": (replaced("optimizer/vars/1", np.float32("nan")), "and its learning rate is nan"),
    "a rate below 0": (replaced("optimizer/vars/1", np.float32(-1)), "and its learning rate is -1"),
    "a slot of another shape": (replaced("optimizer/vars/2", np.zeros(3)), r"vars/2 has shape \(3,\), wanted \(3, 2\)"),
}


@pytest.mark.parametrize("case", HOSTILE_WEIGHTS)
def test_a_hostile_file_of_weights_is_refused_and_nothing_is_set(tmp_path, case):
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
def test_safetensors_that_are_no_weights_are_refused(tmp_path, arrays, message):
    numpy_files = pytest.importorskip("safetensors.numpy")
    content = b"not safetensors at all" if arrays is None else numpy_files.save(arrays)
    (tmp_path / "m.safetensors").write_bytes(content)
    model = Sequential([Dense(1)])
    model.build((1,))
    with pytest.raises(ModelFileError, match=f"^load_weights: .*{message}"):
        model.load_weights(tmp_path / "m.safetensors")
