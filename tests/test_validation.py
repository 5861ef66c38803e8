"""Checks of settings: numbers in their intervals, objects, and Keras's strings."""

import math
import re
import textwrap
from dataclasses import KW_ONLY, dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import Sequential, SettingError, check_model, initializers, layers, losses, metrics, optimizers, validation
from minidl.callbacks import Callback, LambdaCallback
from minidl.constraints import Constraint
from minidl.initializers import HeNormal, Initializer
from minidl.layers import Dense, Dropout, Layer
from minidl.losses import BinaryCrossentropy, Loss
from minidl.optimizers import SGD, Optimizer
from minidl.parameters import Penalty
from minidl.regularizers import L1, L2
from minidl.schedules import Schedule
from minidl.validation import Interval, Validated, boolean, choice, instance, integer, real


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(2), np.array(4)])
def test_integers_of_any_kind_become_ints(value):
    assert validation.check_integer("Who", "n", value, 1) == int(value)
    assert type(validation.check_integer("Who", "n", value, 1)) is int


@pytest.mark.parametrize("value", [0, -1, True, np.True_, 2.0, "3", None, np.array([1, 2]), np.array(2.0), [1]])
def test_other_values_than_positive_integers_raise_an_error(value):
    with pytest.raises(SettingError, match=r"^Who: n must be an integer of at least 1, got "):
        validation.check_integer("Who", "n", value, 1)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["[0, 1)", "(0, 1]", "[0, 1]", "(0, 1)"]))
def test_an_interval_means_what_it_means_in_mathematics(value, interval):
    inside = 0 < value < 1 or (value == 0 and interval[0] == "[") or (value == 1 and interval[-1] == "]")
    if inside:
        assert validation.check_real("Who", "rate", value, interval) == value
    else:
        with pytest.raises(SettingError, match=r"Who: rate must be in .0, 1., got "):
            validation.check_real("Who", "rate", value, interval)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "a", None, 1j, [1.0], 10**400, np.array([1.0])])
def test_other_values_than_finite_numbers_raise_an_error(value):
    with pytest.raises(SettingError, match=r"^Who: rate must be in \(-inf, inf\), got "):
        validation.check_real("Who", "rate", value)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.float64(0.25), np.int64(3), Fraction(1, 2)])
def test_numbers_of_any_kind_become_floats(value):
    assert type(validation.check_real("Who", "rate", value)) is float
    assert validation.check_real("Who", "rate", value) == value


def test_a_setting_error_is_a_value_error_and_a_type_error():
    assert issubclass(SettingError, ValueError)
    assert issubclass(SettingError, TypeError)


@pytest.mark.parametrize("value", [0, 1, "True", None, np.True_])
def test_only_true_and_false_are_booleans(value):
    with pytest.raises(SettingError, match=r"^Who: flag must be True or False, got "):
        validation.check_boolean("Who", "flag", value)


TABLES = {
    "initializer": (initializers.get, initializers.INITIALIZERS),
    "loss": (losses.get, losses.LOSSES),
    "optimizer": (optimizers.get, optimizers.OPTIMIZERS),
    "metric": (metrics.named, metrics.METRICS),
}


@pytest.mark.parametrize("family", TABLES)
def test_every_string_of_a_table_makes_a_new_object(family):
    get, table = TABLES[family]
    for name in table:
        first, second = get("here", name), get("here", name)
        if family == "metric":
            assert type(first[name]) is type(second[name])
            assert first[name] is not second[name]
        elif family == "optimizer":
            assert first is not second
        else:
            assert first == second


@pytest.mark.parametrize("family", TABLES)
def test_an_unknown_string_raises_an_error_with_the_known_ones(family):
    get, table = TABLES[family]
    with pytest.raises(SettingError, match=r"^here: unknown .* 'nonsense'; choose from ") as caught:
        get("here", "nonsense")
    assert all(name in str(caught.value) for name in table)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(2, kernel_initializer=HeNormal), "write HeNormal()"),
        (lambda: losses.get("compile: loss", BinaryCrossentropy), "write BinaryCrossentropy()"),
        (lambda: optimizers.get("compile: optimizer", SGD), "write SGD()"),
        (lambda: metrics.named("compile: metrics", [metrics.BinaryAccuracy]), "write BinaryAccuracy()"),
    ],
)
def test_a_class_instead_of_an_object_gets_a_hint_to_call_it(make, message):
    with pytest.raises(SettingError) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize("family", TABLES)
def test_the_name_of_a_class_is_a_string_too_as_in_keras(family):
    get, table = TABLES[family]
    for make in {make for make in table.values() if isinstance(make, type)}:
        made = get("here", make.__name__)
        assert type(next(iter(made.values())) if family == "metric" else getattr(made, "loss", made)) is make


NEAREST = {"adamm": "adam", "ADAM": "adam", "adagrd": "adagrad", "Sdg": "sgd"}


@pytest.mark.parametrize("given_", NEAREST)
def test_an_unknown_string_is_answered_with_the_nearest_one(given_):
    with pytest.raises(SettingError, match=f"unknown optimizer '{given_}'; .*; did you mean '{NEAREST[given_]}'[?]$"):
        optimizers.get("here", given_)


def test_a_string_that_is_like_none_gets_no_suggestion():
    with pytest.raises(SettingError, match=r"lbfgs$"):
        optimizers.get("here", "nonsense")


def function(*arguments):
    return 0.0


FUNCTIONS = {
    "Loss": lambda: losses.get("compile: loss", function),
    "Optimizer": lambda: optimizers.get("compile: optimizer", function),
    "Schedule": lambda: SGD(function),
    "Initializer": lambda: Dense(2, kernel_initializer=function),
    "Penalty": lambda: Dense(2, kernel_regularizer=function),
    "Layer": lambda: Sequential([function]),
    "Callback": lambda: Sequential([Dense(1)]).fit(np.ones((2, 2)), np.ones(2), callbacks=[function]),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_function_instead_of_an_object_is_answered_with_how_one_is_written(kind):
    with pytest.raises(SettingError, match=r", got <function function at .*; ") as caught:
        FUNCTIONS[kind]()
    assert str(caught.value).endswith(validation.EXAMPLES[kind])


def test_the_examples_in_messages_are_right():
    names = {"Callback": Callback, "Layer": Layer, "Loss": Loss, "Optimizer": Optimizer, "Penalty": Penalty}
    names |= {"Initializer": Initializer, "Schedule": Schedule, "Constraint": Constraint, "np": np}
    for kind in set(validation.EXAMPLES) - {"Callback"}:
        exec(textwrap.dedent(validation.EXAMPLES[kind].partition(":\n")[2]), names)
    mine = [
        names["MyLayer"](),
        Dense(1, kernel_initializer=names["MyInitializer"](), kernel_constraint=names["MyConstraint"]()),
    ]
    model = Sequential(mine, seed=0)
    model.compile(names["MyOptimizer"](names["MySchedule"]()), names["MyLoss"]() + names["MyPenalty"]())
    x = np.random.default_rng(0).normal(size=(6, 3))
    called = []
    model.fit(x, x[:, 0], verbose=0, callbacks=LambdaCallback(on_epoch_end=lambda *given: called.append(len(given))))
    assert called == [2]
    check_model(model, x, x[:, :1])


@pytest.mark.parametrize(
    ("given_", "remedy"),
    [(np.tanh, "Tanh()"), ("relu", "ReLU()"), ("leaky_relu", "LeakyReLU()"), (layers.sigmoid, "Sigmoid()")],
)
def test_an_activation_instead_of_a_layer_is_answered_with_the_layer(given_, remedy):
    with pytest.raises(SettingError, match=rf"^Sequential takes layers, got .*; write {re.escape(remedy)}$"):
        Sequential([Dense(1), given_])


@pytest.mark.parametrize("given_", [3, None, object(), ["sgd"], {"name": "sgd"}, b"sgd"])
def test_other_values_than_objects_and_strings_raise_an_error(given_):
    with pytest.raises(SettingError, match=r"^compile: optimizer must be an Optimizer object or a string, got "):
        optimizers.get("compile: optimizer", given_)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dropout(1.5), "Dropout: rate must be in [0, 1), got 1.5"),
        (lambda: Dropout(1), "Dropout: rate must be in [0, 1), got 1"),
        (lambda: Dropout(-0.1), "Dropout: rate must be in [0, 1), got -0.1"),
        (lambda: Dropout("0.5"), "Dropout: rate must be in [0, 1), got '0.5'"),
        (lambda: Dense(0), "Dense: units must be an integer of at least 1, got 0"),
        (lambda: Dense(True), "Dense: units must be an integer of at least 1, got True"),
        (lambda: Dense(2.5), "Dense: units must be an integer of at least 1, got 2.5"),
        (lambda: Dense(2, use_bias=1), "Dense: use_bias must be True or False, got 1"),
        (lambda: SGD(-0.1), "SGD: learning_rate must be in [0, inf), got -0.1"),
        (lambda: SGD(math.nan), "SGD: learning_rate must be in [0, inf), got nan"),
        (lambda: SGD(math.inf), "SGD: learning_rate must be in [0, inf), got inf"),
        (lambda: SGD("a"), "SGD: learning_rate must be in [0, inf), got 'a'"),
        (lambda: SGD(0.1, momentum=1), "SGD: momentum must be in [0, 1), got 1"),
        (lambda: SGD(0.1, nesterov="yes"), "SGD: nesterov must be True or False, got 'yes'"),
        (lambda: L2(-1), "L2: lambd must be in [0, inf), got -1"),
        (lambda: L1(math.nan), "L1: lambd must be in [0, inf), got nan"),
        (lambda: metrics.BinaryAccuracy("half"), "BinaryAccuracy: threshold must be in (-inf, inf), got 'half'"),
        (lambda: initializers.VarianceScaling(0), "VarianceScaling: scale must be in (0, inf), got 0"),
        (
            lambda: initializers.VarianceScaling(1.0, "fan"),
            "VarianceScaling: mode must be one of fan_in, fan_out, fan_avg, got 'fan'",
        ),
        (lambda: initializers.RandomNormal(0, -1), "RandomNormal: stddev must be in [0, inf), got -1"),
    ],
)
def test_settings_out_of_range_raise_an_error_when_the_object_is_made(make, message):
    with pytest.raises(SettingError) as caught:
        make()
    assert str(caught.value) == message


# ---- declared fields


@dataclass(frozen=True)
class Declared(Validated):
    rate: float = real("[0, 1)")
    units: int = integer(1, default=3)
    flag: bool = boolean(default=False, kw_only=True)
    mode: str = choice("low", "high", default="low", kw_only=True)
    limit: float | None = real("(0, inf)", default=None, optional=True, kw_only=True)
    start: Initializer = instance(Initializer, kw_only=True)


def declared(rate=0.5, **settings):
    return Declared(rate, **{"start": HeNormal()} | settings)


def test_declared_fields_hold_the_converted_value_also_in_a_frozen_dataclass():
    made = declared(np.float32(0.5), units=np.int64(2), limit=3)
    assert made == declared(0.5, units=2, limit=3.0)
    assert [type(value) for value in (made.rate, made.units, made.limit)] == [float, int, float]
    assert declared().limit is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 1}, "rate must be in [0, 1), got 1"),
        ({"units": 0}, "units must be an integer of at least 1, got 0"),
        ({"flag": 1}, "flag must be True or False, got 1"),
        ({"mode": "middle"}, "mode must be one of low, high, got 'middle'"),
        ({"mode": ["low"]}, "mode must be one of low, high, got ['low']"),
        ({"limit": 0}, "limit must be in (0, inf), got 0"),
        ({"start": "zeros"}, "start must be an Initializer object, got 'zeros'"),
        ({"start": HeNormal}, f"start must be an Initializer object, got {HeNormal!r}; write HeNormal()"),
    ],
)
def test_a_declared_field_outside_its_domain_raises_an_error(settings, message):
    with pytest.raises(SettingError) as caught:
        declared(**settings)
    assert str(caught.value) == f"Declared: {message}"


def test_a_subclass_checks_inherited_fields_under_its_own_name():
    @dataclass(frozen=True)
    class Narrower(Declared):
        share: float = real("[0, 1]", default=0.0, kw_only=True)

    with pytest.raises(SettingError, match="Narrower: rate must be in"):
        Narrower(2.0, start=HeNormal())
    with pytest.raises(SettingError, match="Narrower: share must be in"):
        Narrower(0.5, start=HeNormal(), share=2)


def test_an_interval_knows_its_ends_and_its_text():
    interval = Interval("(0, inf)")
    ends = interval.low, interval.high, str(interval), repr(interval)
    assert ends == (0, math.inf, "(0, inf)", "Interval('(0, inf)')")
    assert [value in interval for value in (0, 1e-300, 1e300, math.inf, math.nan)] == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("[0, 1]", "[0, 1]", True),
        ("(0, 1)", "[0, 1]", True),
        ("[0, 1]", "(0, 1]", False),
        ("[0, 1]", "[0, 1)", False),
        ("[0.1, 0.9]", "(0, 1)", True),
        ("[-1, 1]", "[0, 1]", False),
        ("[0, inf)", "[0, 1]", False),
        ("[0, inf)", "(-inf, inf)", True),
        ("(-inf, inf)", "[0, inf)", False),
    ],
)
def test_an_interval_lies_within_another(inner, outer, expected):
    assert Interval(inner).within(Interval(outer)) is expected


def test_fields_after_kw_only_are_keyword_only():
    @dataclass
    class Options(Validated):
        size: int = integer(1, default=1)
        _: KW_ONLY
        rate: float = real("[0, 1)", default=0.5)
        name: str = choice("a", "b", default="a")

    assert Options(2, rate=0.1).rate == 0.1
    with pytest.raises(TypeError, match="positional argument"):
        Options(2, 0.1)
