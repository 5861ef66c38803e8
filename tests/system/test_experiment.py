"""The playground without its page: settings, addresses, and code that gives the same numbers."""

import runpy
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import check_model
from minidl.layers import Dense

EXPERIMENT = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "experiment.py"))
Setting, train, network, code = (EXPERIMENT[name] for name in ("Setting", "train", "network", "code"))
address, from_address = EXPERIMENT["address"], EXPERIMENT["from_address"]
VALUES, PER_LAYER = EXPERIMENT["VALUES"], EXPERIMENT["PER_LAYER"]
PARTS = [part.name for part in fields(Setting)]


def values(name):
    one = st.sampled_from(VALUES[name])
    return st.tuples(one, one, one, one) if name in PER_LAYER else one


SETTINGS = st.builds(Setting, **{name: values(name) for name in PARTS})


def kernels(setting):
    return [layer.kernel.value for layer in network(setting).layers if isinstance(layer, Dense)]


# ---- settings and addresses


def test_every_setting_has_values_that_include_its_default():
    assert list(VALUES) == PARTS
    assert from_address({name: EXPERIMENT["written"](getattr(Setting(), name)) for name in PARTS}, Setting()) == (
        Setting(),
        [],
    )


@given(SETTINGS, SETTINGS)
def test_reading_an_address_gives_the_setting_that_was_written(setting, base):
    assert from_address(address(setting, base, "b."), base, "b.") == (setting, [])


@given(SETTINGS)
def test_an_address_contains_only_differences(setting):
    assert address(setting, setting) == {}
    assert set(address(replace(setting, seed=(setting.seed + 1) % 10), setting)) == {"seed"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seed", "__import__('os').getpid()"),
        ("seed", "1.0"),
        ("epochs", "1000000000"),
        ("noise", "nan"),
        ("units", "10,5"),
        ("units", "10,5,0,0,0"),
        ("units", "10,5,x,0"),
        ("standardize", "1"),
        ("data", ["circles", "moons"]),
    ],
)
def test_an_invalid_address_is_rejected_with_a_message(name, text):
    setting, messages = from_address({name: text}, Setting())
    assert setting == Setting()
    assert len(messages) == 1
    assert messages[0].startswith(f"unknown value {name}={text}; choose from {VALUES[name][0]}, ")


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("epoch=30", "unknown setting epoch; choose from data, noise, points,"),
        ("initializer=hee", "unknown value initializer=hee; choose from zeros, random,"),
        ("epochs", "unknown value epochs=; choose from 10, 100,"),
    ],
)
def test_an_invalid_argument_ends_the_script_before_training(monkeypatch, capsys, argument, sentence):
    monkeypatch.setattr(sys, "argv", ["experiment.py", argument, "points=20"])
    with pytest.raises(SystemExit) as ended:
        EXPERIMENT["main"]()
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert printed.out == ""
    assert f"error: {sentence}" in printed.err and printed.err.count("unknown") == 1


@given(st.text(), st.text())
def test_any_address_gives_allowed_values(name, text):
    setting, _ = from_address({name: text}, Setting())
    assert all(value in VALUES[part] for part in PARTS if part not in PER_LAYER for value in [getattr(setting, part)])


# ---- the code

OTHERS = [
    Setting(epochs=30),
    Setting(broken=True, l2=0.7, dropout=(0.2, 0.0, 0.4, 0.0), units=(5, 0, 7, 0), batch_size=32, epochs=10),
    Setting(data="moons", units=(100, 100, 0, 0), points=1000, initializer="orthogonal", epochs=10),
    Setting(data="photographs", points=100, standardize=True, initializer="orthogonal", optimizer="Adam", epochs=10),
    Setting(data="spiral", units=(0, 0, 0, 0), initializer="random", scale=0.3, optimizer="RMSprop", epochs=10),
    Setting(data="flower", activation=("Tanh", "GELU", "ELU", "SiLU"), units=(3, 3, 3, 3), seed=7, epochs=10),
]


@pytest.mark.parametrize("setting", OTHERS, ids=lambda setting: setting.data)
def test_the_code_prints_the_same_cost_to_the_last_digit(setting, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(code(setting), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{train(setting).last('loss')}\n"


@given(SETTINGS)
def test_the_code_of_every_setting_compiles(setting):
    compile(code(setting), "code", "exec")


# ---- the trainings


def test_equal_settings_give_equal_numbers():
    setting = Setting(dropout=(0.2, 0.2, 0.0, 0.0), batch_size=32, epochs=10)
    assert train(setting).history == train(setting).history


def test_kernels_of_equal_shape_start_equal():
    one, other = kernels(Setting(units=(10, 5, 0, 0))), kernels(Setting(units=(10, 5, 0, 3), l2=1.0, optimizer="Adam"))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])
    assert one[2].shape != other[2].shape


def test_normal_initializers_differ_only_in_scale():
    for he, random in zip(kernels(Setting()), kernels(Setting(initializer="random", scale=10.0)), strict=True):
        assert np.allclose(he / np.sqrt(2 / len(he)), random / 10, rtol=1e-5)


def test_a_diverging_training_reports_it_and_keeps_finite_weights():
    setting = Setting(data="spiral", units=(100, 100, 100, 100), scale=10.0, learning_rate=10.0, epochs=100)
    result = train(setting)
    assert "not finite" in result.trouble
    assert result.epochs < 100
    assert all(np.isfinite(weight).all() for weight in result.model.get_weights())


def test_the_check_finds_only_the_broken_layer():
    right, wrong = Setting(dropout=(0.4, 0.2, 0.0, 0.0)), Setting(dropout=(0.4, 0.2, 0.0, 0.0), broken=True)
    x, y, _, _ = EXPERIMENT["examples"](right)
    assert check_model(network(right), x, y).passed
    report = check_model(network(wrong), x, y, raise_on_failure=False)
    assert (report.guilty, list(report.wrong)) == ("broken_dense", ["broken_dense/bias"])


def test_standardized_inputs_have_mean_0_and_deviation_1():
    for data in VALUES["data"]:
        x, y, x_test, y_test = EXPERIMENT["examples"](Setting(data=data, standardize=True))
        assert np.allclose(x.mean(axis=0), 0, atol=1e-12)
        assert np.allclose(x.std(axis=0), 1)
        assert (x.shape[1], x_test.shape[1]) == (2, 2)
        assert set(y) == set(y_test) == {0, 1}
