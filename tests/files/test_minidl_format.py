"""Whole models in a file: what comes back, and what the file promises."""

import copy
import inspect
import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl
from minidl import (
    Model,
    ModelFileError,
    Sequential,
    SettingError,
    files,
    initializers,
    layers,
    load_model,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from minidl.files import _hdf5_reader
from minidl.files._classes import CLASSES
from minidl.initializers import HeNormal
from minidl.layers import BatchNormalization, Chain, Dense, Dropout, Layer, Parameter, ReLU, Residual, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD, Adam, Clip, MovingAverage
from minidl.regularizers import L2
from minidl.schedules import ExponentialDecay
from tests.helpers.networks import random_network

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(float)


def trained(optimizer=None, dtype="float32", epochs=2):
    model = Sequential(
        [Dense(5, kernel_initializer=HeNormal(), kernel_regularizer=L2(0.1)), BatchNormalization(), ReLU()]
        + [Residual(Dense(5), Dropout(0.3)), Chain(Dense(2, name="head"), ReLU()), Dense(1), Sigmoid()],
        seed=3,
        dtype=dtype,
    )
    model.compile(optimizer or Adam(0.01), BinaryCrossentropy() + L2(0.7), ["accuracy", "auc"])
    model.fit(X, Y, epochs=epochs)
    return model


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(p, q) and p.dtype == q.dtype for p, q in zip(a, b, strict=True))


# ---- what comes back

OPTIMIZERS = {
    "SGD": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda: optimizers.RMSprop(momentum=0.5, centered=True),
    "Adagrad": optimizers.Adagrad,
    "Adam": Adam,
    "AdamW": optimizers.AdamW,
    "AMSGrad": optimizers.AMSGrad,
    "Nadam": optimizers.Nadam,
    "schedule": lambda: SGD(schedules.WarmUp(ExponentialDecay(0.1, 10, 0.5), 5)),
    "wrapped": lambda: Clip(MovingAverage(Adam(0.01)), norm=1.0),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loaded_model_predicts_and_trains_on_to_the_same_bits(tmp_path, name, dtype):
    model = trained(OPTIMIZERS[name](), dtype)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    one, other = model.fit(X, Y, epochs=3), loaded.fit(X, Y, epochs=3)
    assert one.history == other.history
    assert same(model.get_weights(), loaded.get_weights())


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_come_back(tmp_path, seed):
    model, x, y = random_network(seed)
    model.fit(x, y, epochs=1)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert repr(loaded) == repr(model)
    assert np.array_equal(loaded.predict(x), model.predict(x))
    assert loaded.evaluate(x, y) == model.evaluate(x, y)


def test_windows_share_memory_with_theta_after_loading(tmp_path):
    trained().save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert all(np.shares_memory(parameter.value, loaded.params.theta) for parameter in loaded.params.values())
    assert all(layer.rng is loaded.rng for _, layer in loaded.layer.walk())


def test_a_model_around_one_layer_comes_back(tmp_path):
    model = Model(Residual(Dense(3)), seed=1, name="lonely model")
    model.build((3,))
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert type(loaded) is Model
    assert (loaded.name, loaded.seed, loaded.loss) == ("lonely model", 1, None)
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_an_unbuilt_model_comes_back_unbuilt(tmp_path):
    Sequential([Dense(4), Dropout(0.1)], seed=7).save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert not loaded.built
    assert np.array_equal(loaded.rng.random(5), np.random.default_rng(7).random(5))


def test_metrics_keep_their_names(tmp_path):
    model = Sequential([Dense(1), Sigmoid()])
    model.compile(metrics=["acc", metrics.AUC(50), "mse"])
    model.save(tmp_path / "m.h5")
    assert list(load_model(tmp_path / "m.h5").metrics) == ["acc", "auc", "mse"]


def test_a_loaded_model_copies_and_pickles(tmp_path):
    trained().save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    for twin in (copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded))):
        assert np.array_equal(twin.predict(X), loaded.predict(X))


# ---- classes and functions that are not minidl's


@dataclass(eq=False)
class Shifted(Layer):
    """y = x + by + b."""

    by: float
    names: tuple[str, ...] = ("a", "b")

    state_names = ("seen",)

    def build(self, input_shape):
        self.b = Parameter(input_shape, "zeros")
        self.seen = np.zeros(1)
        return input_shape

    def forward(self, x, training=False):
        if training:
            self.seen = self.seen + len(x)
        return x + self.by + self.b.value

    def backward(self, dy):
        self.b.grad = dy.sum(axis=0)
        return dy


def always_half(y, p):
    return 0.5


def test_own_layers_and_functions_come_back_by_name(tmp_path):
    model = Sequential([Shifted(2.0, name="shift"), Dense(1), Sigmoid()])
    model.compile(metrics=[always_half])
    model.fit(X, Y)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5", {"Shifted": Shifted, "always_half": always_half})
    assert loaded.layers[0].names == ("a", "b")
    assert loaded.layers[0].seen == [40]
    assert loaded.evaluate(X, Y, return_dict=True)["always_half"] == 0.5
    for customs in ({"Shifted": Shifted}, {"Shifted": Shifted, "always_half": 0.5}):
        with pytest.raises(ModelFileError, match="it names the unknown function 'always_half'"):
            load_model(tmp_path / "m.h5", customs)


@pytest.mark.parametrize(
    "value",
    [
        *(True, -7, 2**100, 0.1, "\u00e9\0", None, np.float32(0.1), (1, ("a", ())), [[], [None]]),
        *({"a": {1: [2.5]}}, {}, list(range(20)), [0.5] * 9, [2**70] * 9, [1, 2.0] * 9),
        *(float("inf"), [float("-inf")] * 9, HeNormal(), [Dense(3).kernel_initializer]),
    ],
    ids=str,
)
def test_settings_of_every_kind_come_back(tmp_path, value):
    Sequential([Shifted(value)]).save(tmp_path / "m.h5")
    found = load_model(tmp_path / "m.h5", {"Shifted": Shifted}).layers[0].by
    assert type(found) is type(value)
    assert repr(found) == repr(value)


@pytest.mark.parametrize("given_", [np.float16(0.5), np.int8(3), np.True_, np.float64(0.5)])
def test_numbers_of_numpy_come_back_as_pythons(tmp_path, given_):
    Sequential([Shifted(given_)]).save(tmp_path / "m.h5")
    found = load_model(tmp_path / "m.h5", {"Shifted": Shifted}).layers[0].by
    assert (type(found), found) == (type(given_.item()), given_)


def test_custom_objects_must_be_a_dict(tmp_path):
    with pytest.raises(SettingError, match=r"^load_model: custom_objects must be a dict \{name: class\}, got \[<class"):
        load_model(tmp_path / "m.h5", [Shifted])


@pytest.mark.parametrize("customs", [None, {}, {"shifted": Shifted}, {"Shifted": 3}])
def test_an_unknown_class_is_named_and_refused(tmp_path, customs):
    Sequential([Shifted(2.0)]).save(tmp_path / "m.h5")
    with pytest.raises(ModelFileError, match=r"m\.h5: it names the unknown class 'Shifted'; .*custom_objects"):
        load_model(tmp_path / "m.h5", customs)


class Undecorated(Layer):
    def __init__(self, width):
        self.width = width


class Counting(metrics.Metric):
    def __init__(self, start):
        self.start = start


def in_chains(layer, depth):
    return layer if depth == 0 else Chain(in_chains(layer, depth - 1))


def another_class_called(name):
    return dataclass(eq=False)(type(name, (Layer,), {}))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Dense(1, name="a/b"), "the name 'a/b' cannot be saved; use ASCII letters"),
        (Dense(1, name="D\u0435nse"), "cannot be saved"),
        (Chain(Dense(1, name="a"), Dense(1, name="a")), "two layers of chain have the same name"),
        (Shifted(lambda x: x), "Shifted.by is <function"),
        (Shifted(object()), "Shifted.by is <object"),
        (Shifted(Shifted), "Shifted.by is <class"),
        (Shifted(np.longdouble(1)), "Shifted.by is np.longdouble"),
        (Shifted(np.zeros(2, complex)), "Shifted.by holds an array of complex128"),
        (Shifted({1.5: 2}), "Shifted.by has the key 1.5; use strings or integers as keys"),
        (Shifted(Counting(3)), "Counting takes start, and its fields are none"),
        (Undecorated(3), "Undecorated takes width, and its fields are name: "),
        (Chain(Shifted(1.0), another_class_called("Shifted")()), "two classes or functions are called Shifted"),
        (Chain(*[ReLU() for _ in range(5000)]), r"the architecture cannot be saved \(it takes \d+ bytes"),
        (in_chains(Dense(1), 40), r"the architecture cannot be saved \(.*nested more than 100 deep\)"),
        (Shifted(10**50), r"the architecture cannot be saved \(.*an integer has 51 digits\)"),
        (Shifted("\ud800"), r"the architecture cannot be saved \(.*surrogates not allowed\)"),
    ],
)
def test_what_no_file_can_hold_is_refused_when_saving(tmp_path, layer, message):
    with pytest.raises(SettingError, match=message):
        Sequential([layer]).save(tmp_path / "m.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_class_whose_name_is_not_ascii_is_refused_when_its_weights_are_saved(tmp_path):
    model = Sequential([another_class_called("D\u00e9cal\u00e9")()])
    model.layers[0].forward = lambda x, training=False: x
    model.build((2,))
    with pytest.raises(
        SettingError, match=r"^D\u00e9cal\u00e9 cannot be saved: its name must be ASCII, of at most 60 characters"
    ):
        model.save(tmp_path / "m.h5")


def test_a_generator_of_another_kind_is_refused_when_saving(tmp_path):
    model = Sequential([Dense(1)])
    model.rng = np.random.Generator(np.random.MT19937(0))
    with pytest.raises(SettingError, match="must be NumPy's PCG64, got MT19937"):
        model.save(tmp_path / "m.h5")


def test_a_model_class_of_ones_own_is_refused_when_saving(tmp_path):
    class Mine(Sequential):
        pass

    with pytest.raises(SettingError, match="Mine is a subclass; files hold Model and Sequential themselves"):
        Mine([Dense(1)]).save(tmp_path / "m.h5")


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    model = trained()
    model.params["residual/dense/kernel"].value[0, 0] = np.nan
    with pytest.raises(minidl.NonFiniteError, match="save: residual/dense/kernel is not finite"):
        model.save(tmp_path / "m.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ending", "writer"), [("onnx", "minidl.files.export_onnx"), ("safetensors", "save_weights")])
def test_a_model_is_not_saved_under_the_name_of_another_format(tmp_path, ending, writer):
    with pytest.raises(SettingError, match=rf"^save: {writer} writes \.{ending}; name a whole model \.h5 or \.keras"):
        trained().save(tmp_path / f"m.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_a_setting_comes_back_as_the_kind_of_number_it_was(tmp_path):
    for number in (2, 2.5, np.float32(0.1), np.inf, True, (1, 2.0), [1] * 20, [0.5] * 20, {"a": 1}):
        Sequential([Shifted(number)]).save(tmp_path / "m.h5")
        found = load_model(tmp_path / "m.h5", {"Shifted": Shifted}).layers[0].by
        assert (type(found), found) == (type(number), number)


@pytest.mark.parametrize(("number", "plain"), [(np.int64(3), 3), (np.float64(0.5), 0.5), (np.bool(True), True)])
def test_a_number_of_numpy_comes_back_as_pythons(tmp_path, number, plain):
    Sequential([Shifted(number)]).save(tmp_path / "m.h5")
    found = load_model(tmp_path / "m.h5", {"Shifted": Shifted}).layers[0].by
    assert (type(found), found) == (type(plain), plain)


# ---- promises of the file


def test_the_order_of_bytes_in_memory_makes_no_other_file():
    array = np.arange(6.0).reshape(2, 3)
    assert _hdf5_reader.to_hdf5({"/a": array}) == _hdf5_reader.to_hdf5({"/a": array.astype(">f8")})


def test_the_same_model_gives_the_same_bytes_and_so_does_the_loaded_one(tmp_path):
    model = trained(Clip(MovingAverage(Adam(ExponentialDecay(0.1, 10, 0.5))), norm=1.0))
    for name in "ab":
        model.save(tmp_path / name)
    load_model(tmp_path / "a").save(tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_the_checksum_pins_a_file(tmp_path):
    trained().save(tmp_path / "m.h5")
    pinned = files.checksum(tmp_path / "m.h5")
    load_model(tmp_path / "m.h5", sha256=pinned.upper())
    trained(epochs=1).save(tmp_path / "m.h5")
    with pytest.raises(ModelFileError, match=f"its SHA-256 is [0-9a-f]{{64}}, wanted '{pinned}'"):
        load_model(tmp_path / "m.h5", sha256=pinned)


def test_a_file_larger_than_allowed_is_not_read(tmp_path):
    trained().save(tmp_path / "m.h5")
    with pytest.raises(ModelFileError, match=r"it has \d+ bytes, more than max_bytes=1000"):
        load_model(tmp_path / "m.h5", max_bytes=1000)


def test_weights_alone_are_no_model(tmp_path):
    trained().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ModelFileError, match="if it holds weights alone, build the model and call load_weights"):
        load_model(tmp_path / "m.weights.h5")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "m.h5")


PUBLIC = {
    "initializers": (initializers, initializers.Initializer),
    "layers": (layers, layers.Layer),
    "losses": (losses, losses.Loss | losses.PenalizedLoss),
    "metrics": (metrics, metrics.Metric),
    "optimizers": (optimizers, optimizers.Optimizer),
    "regularizers": (regularizers, regularizers.Penalty),
    "schedules": (schedules, schedules.Schedule),
}
ABSTRACT = {
    "Initializer",
    "Layer",
    "Loss",
    "Metric",
    "MeanMetric",
    "Counts",
    "Optimizer",
    "Wrapper",
    "Penalty",
    "Schedule",
}


def test_the_table_holds_every_public_class_and_nothing_else():
    public = {
        f"{family}.{name}": cls
        for family, (room, kind) in PUBLIC.items()
        for name, cls in inspect.getmembers(room, inspect.isclass)
        if issubclass(cls, kind) and cls.__module__.startswith(f"minidl.{family}") and name not in ABSTRACT
    }
    assert public == CLASSES


names = st.text(alphabet="abcXYZ019_ .-", min_size=1, max_size=20).filter(lambda name: name[0] not in " .-")


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 6), names), min_size=1, max_size=4, unique_by=lambda pair: pair[1]))
def test_any_plain_names_and_widths_come_back(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("named") / "m.h5"
    model = Sequential([Dense(units, name=name) for units, name in drawn], seed=0)
    model.build((2,))
    model.save(path)
    loaded = load_model(path)
    assert [layer.name for layer in loaded.layers] == [name for _, name in drawn]
    assert same(loaded.get_weights(), model.get_weights())


@pytest.mark.skipif(os.name == "nt", reason="file descriptors are counted in /proc")
def test_saving_and_loading_leaves_nothing_open(tmp_path):
    model = trained()
    model.save(tmp_path / "m.h5")
    load_model(tmp_path / "m.h5")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        model.save(tmp_path / "m.h5")
        load_model(tmp_path / "m.h5")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
