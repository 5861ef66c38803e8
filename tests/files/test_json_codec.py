"""Settings, custom classes and functions in model files."""

from dataclasses import dataclass

import numpy as np
import pytest

from minidl import (
    ModelFileError,
    Sequential,
    SettingError,
    load_model,
    metrics,
)
from minidl.files._json_codec import Decoder, Encoder
from minidl.initializers import HeNormal
from minidl.layers import Chain, Dense, Graph, Layer, Parameter, ReLU, Sigmoid

rng = np.random.default_rng(0)


X = rng.normal(size=(40, 3))


Y = (X[:, 0] > 0).astype(float)


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


def test_custom_layers_and_functions_come_back_by_name(tmp_path):
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
        *(2, 2.5, (1, 2.0), [1] * 20, [0.5] * 20, {"a": 1}),
        *(float("inf"), [float("-inf")] * 9, HeNormal(), [Dense(3).kernel_initializer]),
    ],
    ids=str,
)
def test_settings_of_every_kind_come_back(tmp_path, value):
    Sequential([Shifted(value)]).save(tmp_path / "m.h5")
    found = load_model(tmp_path / "m.h5", {"Shifted": Shifted}).layers[0].by
    assert type(found) is type(value)
    assert repr(found) == repr(value)


@pytest.mark.parametrize(("value", "arrays"), [([0.5] * 9, 1), (list(range(9)), 1), ([0.5] * 8, 0), ([1, 2.0] * 9, 0)])
def test_long_lists_of_numbers_of_one_type_are_stored_as_arrays(value, arrays):
    encoder = Encoder()
    encoder.encode("it", value)
    assert len(encoder.arrays) == arrays


def test_a_value_inside_a_dict_that_cannot_be_saved_names_its_owner():
    with pytest.raises(SettingError, match=r"Shifted\.by"):
        Encoder().encode("Shifted.by", {"a": object()})


@pytest.mark.parametrize("given_", [np.float16(0.5), np.int8(3), np.True_, np.float64(0.5), np.int64(3)])
def test_numbers_of_numpy_come_back_as_pythons(tmp_path, given_):
    Sequential([Shifted(given_)]).save(tmp_path / "m.h5")
    found = load_model(tmp_path / "m.h5", {"Shifted": Shifted}).layers[0].by
    assert (type(found), found) == (type(given_.item()), given_)


def test_custom_objects_must_be_a_dict(tmp_path):
    with pytest.raises(SettingError, match=r"^load_model: custom_objects must be a dict \{name: class\}, got \[<class"):
        load_model(tmp_path / "m.h5", [Shifted])


@pytest.mark.parametrize("customs", [None, {}, {"shifted": Shifted}, {"Shifted": 3}])
def test_an_unknown_class_is_named(tmp_path, customs):
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
        (Shifted({1.5: 2}), "Shifted.by has the key 1.5; use strings, tuples of strings or integers as keys"),
        (Shifted({("a", 2): 2}), "Shifted.by has the key .'a', 2.; use strings, tuples of strings or integers as keys"),
        (Shifted(Counting(3)), "Counting takes start, and its fields are name: "),
        (Undecorated(3), "Undecorated takes width, and its fields are name: "),
        (Chain(Shifted(1.0), another_class_called("Shifted")()), "two classes or functions are called Shifted"),
        (Chain(*[ReLU() for _ in range(5000)]), r"the architecture cannot be saved \(it takes \d+ bytes"),
        (in_chains(Dense(1), 40), r"the architecture cannot be saved \(.*nested more than 100 deep\)"),
        (Shifted(10**50), r"the architecture cannot be saved \(.*an integer has 51 digits\)"),
        (Shifted("\ud800"), r"the architecture cannot be saved \(.*surrogates not allowed\)"),
    ],
)
def test_settings_that_cannot_be_saved_are_rejected_when_saving(tmp_path, layer, message):
    with pytest.raises(SettingError, match=message):
        Sequential([layer]).save(tmp_path / "m.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_class_whose_name_is_not_ascii_is_rejected_when_its_weights_are_saved(tmp_path):
    model = Sequential([another_class_called("D\u00e9cal\u00e9")()])
    model.layers[0].forward = lambda x, training=False: x
    model.build((2,))
    with pytest.raises(
        SettingError, match=r"^D\u00e9cal\u00e9 cannot be saved: its name must be ASCII, of at most 60 characters"
    ):
        model.save(tmp_path / "m.h5")


# ---- layers with several places


def doubled(times):
    """A graph that runs its layer twice, in one that runs it twice, and so on."""
    layer = ReLU()
    for _ in range(times):
        layer = Graph("x", {"a": (layer, "x"), "b": (layer, "a")}, "b")
    return layer


def test_a_layer_with_several_places_is_in_the_file_once():
    layer = doubled(3)
    encoder = Encoder()
    encoded = encoder.encode("it", layer)
    assert str(encoded).count("'layers.ReLU'") == 1
    read = Decoder({}, lambda *_: None).decode(encoded)
    assert read.layers["a"][0] is read.layers["b"][0]
    assert repr(read) == repr(layer)
    assert len(list(read.walk())) == 4


@pytest.mark.parametrize("number", [-1, 1, 2**70, True, "0", None, 0.0])
def test_a_layer_that_the_file_does_not_have_is_refused(number):
    encoded = Encoder().encode("it", doubled(1))
    encoded["layers"]["dict"][1][1]["tuple"][0] = {"layer": number}
    with pytest.raises(ModelFileError, match="wanted the number of a layer before"):
        Decoder({}, lambda *_: None).decode(encoded)


def test_a_small_file_cannot_ask_for_a_pass_without_end():
    assert Decoder({}, lambda *_: None).decode(Encoder().encode("it", doubled(14))) is not None
    with pytest.raises(ModelFileError, match="its layers run more than 100000 times in one pass"):
        Decoder({}, lambda *_: None).decode(Encoder().encode("it", doubled(60)))
