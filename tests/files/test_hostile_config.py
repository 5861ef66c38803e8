"""Numbers 75 to 99 of the hostile files: JSON, classes, settings and states that minidl would not write."""

import json
import os

import numpy as np
import pytest

from minidl import Model, Sequential, load_model
from minidl.layers import Add, BatchNormalization, Dense, Flatten, Graph, Normalization, Residual
from tests.helpers.hostile_files import CONFIG, STATE, assert_rejected, forged, replaced

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the files need links and FIFOs")


def text(file, part):
    return bytes(file[part][()]).decode()


def json_changed(change, part=CONFIG):
    """The JSON with something changed in it: `change` gets the parsed dict."""

    def changed(file):
        parsed = json.loads(text(file, part))
        change(parsed)
        replaced(part, data=np.frombuffer(json.dumps(parsed).encode(), "u1"))(file)

    return changed


def text_changed(old, new, part=CONFIG):
    def changed(file):
        found = text(file, part)
        assert old in found
        raw = found.replace(old, new, 1).encode("utf-8", "surrogatepass")
        replaced(part, data=np.frombuffer(raw, "u1"))(file)

    return changed


def layer(number, **settings_):
    return json_changed(lambda config: config["layer"]["layers"]["tuple"][number].update(settings_))


def top(**settings_):
    return json_changed(lambda config: config.update(settings_))


def state(**settings_):
    return json_changed(lambda config: config.update(settings_), STATE)


def position(**settings_):
    return json_changed(lambda config: config["position"].update(settings_), STATE)


def adam(**settings_):
    return json_changed(lambda config: config["optimizer"][0].update(settings_), STATE)


CONFIGS = {
    "75 NUL inside a class": layer(0, **{"class": "layers.Dense\0"}),
    "75 a NUL": text_changed('"layers.Dense"', '"layers.\0Dense"'),
    "76 30,000 deep": text_changed('"seed":1', '"seed":' + 30_000 * "["),
    "76 101 deep": text_changed('"seed":1', '"seed":' + 101 * "[" + 101 * "]"),
    "78 duplicate keys": text_changed('"units":3', '"units":3,"units":3'),
    "79 NaN": text_changed('"rate":0.5', '"rate":NaN'),
    "79 -Infinity": text_changed('"rate":0.5', '"rate":-Infinity'),
    "80 1e400": text_changed('"rate":0.5', '"rate":1e400'),
    "81 5,000 digits": text_changed('"units":3', '"units":' + 5000 * "3"),
    "81 41 digits": text_changed('"seed":1', '"seed":' + 41 * "1"),
    **{
        f"82-87 units {units}": layer(0, units=units)
        for units in (0, -1, True, 3.0, 2**31, 2**63, "3", None, [3], 2, 4, {})
    },
    "88 rate 1.0": layer(3, rate=1.0),
    "88 rate -0.1": layer(3, rate=-0.1),
    "88 rate NaN": layer(3, rate={"float": "nan"}),
    "88 rate inf": layer(3, rate={"float": "infinity"}),
    **{
        f"89-91 {name}": layer(0, **{"class": name})
        for name in (
            *("Dense", "layers.Conv2D", "layers.Layer", "", "__import__('os').system", "os.system", "builtins.eval"),
            *("minidl.load_model", "files.load_model", "layers.Dense.__init__", "layers.sigmoid", "losses.Loss"),
        )
    },
    "89 class is no string": layer(0, **{"class": ["layers.Dense"]}),
    "89 class of another family": layer(0, **{"class": "losses.Hinge"}),
    "91 a function": layer(0, kernel_initializer={"function": "eval"}),
    "91 a lambda": layer(0, kernel_initializer={"lambda": "eval"}),
    "92 __class__": layer(0, __class__="x"),
    "92 __init__": layer(0, __init__={"function": "print"}),
    "92 build": layer(0, build=3),
    "93 extra key": layer(0, kernel=3),
    "93 extra key at the top": top(more=1),
    "93 key missing": json_changed(lambda config: config["layer"]["layers"]["tuple"][0].pop("units")),
    "93 key missing at the top": json_changed(lambda config: config.pop("seed")),
    "94 lone surrogate": text_changed('"name":"sequential"', '"name":"\\ud800"'),
    "94 raw surrogate": text_changed('"name":"sequential"', '"name":"\ud800"'),
    "95 right-to-left": layer(0, name="a\u202eb"),
    "95 homoglyph": layer(0, **{"class": "layers.D\u0435nse"}),
    "95 NFD": layer(0, name="e\u0301"),
    "96 duplicate names": json_changed(
        lambda config: [config["layer"]["layers"]["tuple"][i].update(name="a") for i in (0, 4)]
    ),
    **{
        f"97 name {name!r}": layer(0, name=name) for name in ("../x", "/abs", ".", "", "a\nb", "a\x1b[2Jb", 3, 65 * "a")
    },
    "97 model's name": top(name="../x"),
    "98 shapes that do not chain": layer(4, units=5),
    "98 another input": top(input_shape=[3]),
    "98 rank 2": top(input_shape=[2, 3]),
    "98 huge input": top(input_shape=[2**40]),
    "98 no input": top(input_shape=[]),
    "98 input of nothing": top(input_shape=None),
    "98 true input": top(input_shape=[True]),
    "43 5,000 layers": json_changed(
        lambda config: config["layer"]["layers"].update(tuple=5000 * [{"class": "layers.ReLU", "name": None}])
    ),
    "no layers": json_changed(lambda config: config["layer"].update(layers=3)),
    "layers that are strings": json_changed(lambda config: config["layer"].update(layers="ab")),
    "a layer that is none": top(layer=None),
    "a Sequential of a Residual": json_changed(
        lambda config: config["layer"].update(
            {"class": "layers.Residual", "layers": {"tuple": config["layer"]["layers"]["tuple"][2:4]}}
        )
    ),
    "model of another kind": top(model="Estimator"),
    "model is a list": top(model=["Sequential"]),
    "Model of a Chain": top(model="Mode1"),
    "dtype": top(dtype="float16"),
    "dtype object": top(dtype="O"),
    "seed": top(seed=-1),
    "seed true": top(seed=True),
    "a list for all": lambda file: replaced(CONFIG, data=np.frombuffer(b"[]", "u1"))(file),
    "compile is a list": top(compile=[]),
    "optimizer is a layer": json_changed(lambda config: config["compile"].update(optimizer=config["layer"])),
    "optimizer is a string": json_changed(lambda config: config["compile"].update(optimizer="adam")),
    "loss is a layer": json_changed(lambda config: config["compile"].update(loss=config["layer"])),
    "loss of nothing": json_changed(
        lambda config: config["compile"].update(
            loss={"class": "losses.PenalizedLoss", "loss": 3, "penalties": {"tuple": []}}
        )
    ),
    "penalties of nothing": json_changed(
        lambda config: config["compile"].update(
            loss={"class": "losses.PenalizedLoss", "loss": {"class": "losses.Hinge"}, "penalties": {"tuple": [3]}}
        )
    ),
    "penalties that are a number": json_changed(
        lambda config: config["compile"].update(
            loss={"class": "losses.PenalizedLoss", "loss": {"class": "losses.Hinge"}, "penalties": 3}
        )
    ),
    "metrics of nothing": json_changed(lambda config: config["compile"].update(metrics=[["auc", None]])),
    "metrics are a number": json_changed(lambda config: config["compile"].update(metrics=3)),
    "a metric without a name": json_changed(lambda config: config["compile"]["metrics"][0].pop(0)),
    "thresholds without end": json_changed(
        lambda config: config["compile"]["metrics"][0][1].update(num_thresholds=2**45)
    ),
    "not compiled, yet an optimizer's state": top(compile=None),
    "frozen layers of nothing": top(frozen=[]),
    "frozen layers that are a string": top(frozen="dense"),
    "a frozen layer that is missing": top(frozen=["dense", "conv"]),
    "a frozen layer that is a number": top(frozen=[0]),
    "a frozen layer that is listed twice": top(frozen=["dense", "dense"]),
    "a layer that is trainable by itself": layer(0, trainable=False),
    "generator": state(generator=[1, 2, 3]),
    "generator strings": state(generator=["1", "2", "0", "0"]),
    "generator out of range": state(generator=[1, 1, 2, 1]),
    "generator negative": state(generator=[-1, 1, 0, 0]),
    "generator true": state(generator=[1, 1, True, 0]),
    "99 no optimizer": state(optimizer=None),
    "99 two optimizers": json_changed(lambda config: config["optimizer"].append({}), STATE),
    "99 no m": json_changed(lambda config: config["optimizer"][0].pop("m"), STATE),
    "99 __dict__": adam(__dict__={}),
    "99 iterations": adam(iterations=-1),
    "99 iterations that are true": adam(iterations=True),
    "99 iterations that are a float": adam(iterations=2.0),
    "99 m is none": adam(m=None),
    "99 m is a list": adam(m=[1.0]),
    "99 m of another shape": adam(m={"array": [0, "float32", [1, 26]]}),
    "99 m is v": json_changed(lambda config: config["optimizer"][0].update(v=config["optimizer"][0]["m"]), STATE),
    **{
        f"99 array {given}": adam(m={"array": given})
        for given in (
            *(3, [], [0, "float32"], [0, "float32", 3], [True, "float32", [26]], ["0", "float32", [26]]),
            *(
                [0, "object", [26]],
                [0, ["float32"], [26]],
                [0, "float64", [26]],
                [0, "float32", [-1]],
                [-1, "float32", [26]],
            ),
            *(
                [0, "float32", [2**40, 2**40]],
                [0, "float32", [2**62]],
                [0, "float32", 33 * [1]],
                [999, "float32", [26]],
            ),
        )
    },
    "41 a product beyond 2**63": adam(m={"array": [0, "float32", [2**40, 2**40]]}),
    "two keys": adam(m={"array": [0, "float32", [26]], "tuple": []}),
    "an unknown key": adam(m={"bytes": "AAAA"}),
    "position without rows": json_changed(lambda config: config["position"].pop("rows"), STATE),
    "position with more": position(rate=1),
    "position is a list": state(position=[]),
    "epoch negative": position(epoch=-1),
    "epoch float": position(epoch=1.0),
    "batch negative": position(batch=-1),
    "rows negative": position(rows=-1.0),
    "epoch true": position(epoch=True),
    "stopped 1": position(stopped=1),
    "data_sum": position(data_sum="1"),
    "order": position(order=[1, 2]),
    "states are a list": position(states=[]),
    "states of numbers": position(states={"dict": [["a", 1]]}),
    "states without names": position(states={"dict": [[1, {"dict": []}]]}),
    "states that are no pairs": position(states={"dict": [[1, 2, 3]]}),
    "a key that is a list": position(states={"dict": [[["a"], {"dict": []}]]}),
    "a key of numbers": position(states={"dict": [[{"tuple": [1]}, {"dict": []}]]}),
    "a key of two kinds": position(states={"dict": [[{"tuple": ["a"], "float": "nan"}, {"dict": []}]]}),
    "states by lists": position(states={"dict": [[[1], 2]]}),
    "a float32 of a string": position(states={"dict": [["a", {"float32": "x"}]]}),
}


# The messages of some of them
MESSAGES = {
    "78 duplicate keys": r"/minidl/config is not the strict JSON that minidl writes \(a key is repeated\)",
    "79 NaN": r"\(NaN is not a JSON number\)",
    "81 41 digits": r"\(an integer has 41 digits\)",
    "82-87 units 0": "layers.Dense cannot be made: Dense: units must be an integer of at least 1, got 0",
    "89-91 layers.Layer": "it names the unknown class 'layers.Layer'; if it is yours, pass",
    "93 extra key": r"layers.Dense has the settings \['bias_constraint', .*'kernel', .*, not \['bias_constraint'",
    "epoch true": "its configuration holds True, wanted int",
    "a frozen layer that is missing": r"its frozen layers are \['dense', 'conv'\], wanted paths of layers",
    "generator": r"its generator is \[1, 2, 3\], wanted four integers",
    "two keys": r"holds the unknown keys \['array', 'tuple'\]",
    "88 rate inf": "its configuration holds 'infinity', wanted float",
    "99 array [0, 'float32']": r"its configuration holds \[0, 'float32'\], wanted an array",
    "99 array [0, 'object', [26]]": r"its configuration holds \[0, 'object', \[26\]\], wanted an array",
    "99 no m": r"the state of Adam holds \{.*\}, wanted the keys iterations, m, v",
}


def test_every_message_belongs_to_a_case():
    assert MESSAGES.keys() <= CONFIGS.keys()


@pytest.mark.parametrize("case", CONFIGS)
def test_a_configuration_that_minidl_would_not_write_is_rejected(good, tmp_path, case):
    forged(tmp_path / "m.h5", good, CONFIGS[case])
    assert_rejected(tmp_path / "m.h5", MESSAGES.get(case, ""))


LARGE_STATES = {
    "along two axes": (Sequential([Normalization(axis=(1, 2))]), "Normalization on rows of shape .3000, 3000."),
    "of a later layer": (
        Sequential([Flatten(), BatchNormalization()]),
        "BatchNormalization on rows of shape .9000000,.",
    ),
    "in a container": (
        Sequential([Flatten(), Residual(BatchNormalization())]),
        "BatchNormalization on rows of shape .9000000,.",
    ),
    "in a graph": (
        Model(Graph("x", {"f": (Flatten(), "x"), "y": (BatchNormalization(), "f")}, "y")),
        "BatchNormalization on rows of shape .9000000,.",
    ),
}


@pytest.mark.parametrize(("model", "message"), LARGE_STATES.values(), ids=LARGE_STATES)
def test_a_state_larger_than_the_file_is_rejected_before_it_is_allocated(tmp_path, model, message):
    path = tmp_path / "m.h5"
    model.build((2, 2))
    model.save(path)
    forged(path, path.read_bytes(), top(input_shape=[3000, 3000]))
    assert_rejected(path, f"{message} has more weights than the file has bytes")


@pytest.mark.parametrize("inner", [Dense(2), BatchNormalization()], ids=["parameters", "state"])
def test_weights_for_several_inputs_larger_than_the_file_are_rejected_before_they_are_allocated(tmp_path, inner):
    path = tmp_path / "m.h5"
    model = Model(Graph({"a": (2,), "b": (2,)}, {"h": (inner, "a"), "y": (Add(), "h", "b")}, "y"))
    model.save(path)
    wide = json_changed(lambda config: config["layer"]["inputs"]["dict"][0].__setitem__(1, {"tuple": [9_000_000]}))
    forged(path, path.read_bytes(), wide)
    assert_rejected(path, "has more weights than the file has bytes")


def test_a_small_state_of_large_rows_is_loaded(tmp_path):
    model = Sequential([Normalization(axis=None), BatchNormalization(axis=1)])
    model.build((2, 200, 200))  # 80,000 numbers in a row, a file of fewer bytes
    model.save(tmp_path / "m.h5")
    assert (tmp_path / "m.h5").stat().st_size < 80_000
    assert load_model(tmp_path / "m.h5").count_params() == model.count_params()


def test_another_numpy_version_gives_a_warning(good, tmp_path):
    forged(tmp_path / "m.h5", good, state(numpy="1.0\x1b"))
    with pytest.warns(UserWarning, match=r"saved with NumPy '1.0\\x1b', this is .*: it resumes, but not to the bit"):
        load_model(tmp_path / "m.h5")
