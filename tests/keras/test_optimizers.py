"""Optimizers under Keras's names: settings, schedules, the learning rate while a model trains, steps of Keras 3.15."""

import copy

import numpy as np
import pytest

import minidl
from minidl import SettingError, keras
from minidl import optimizers as core
from minidl import schedules as core_schedules
from minidl.keras import optimizers
from minidl.keras.optimizers import schedules
from tests.keras.peer import NUMBERS, QUIET, X, assert_same, both

STEPS = [
    lambda o: o.SGD(0.05),
    lambda o: o.SGD(0.05, 0.9, True),
    lambda o: o.SGD(learning_rate=0.05, momentum=0.9, weight_decay=0.1, clipnorm=0.5),
    lambda o: o.RMSprop(0.01, rho=0.8, momentum=0.5, centered=True),
    lambda o: o.Adam(0.01, 0.8, 0.95, 1e-4, clipvalue=0.1),
    lambda o: o.Adam(0.01, amsgrad=True, weight_decay=0.1),
    lambda o: o.AdamW(0.01, 0.1),
    lambda o: o.AdamW(0.01, amsgrad=True, global_clipnorm=0.2),
    lambda o: o.Adamax(0.01),
    lambda o: o.Nadam(0.01, use_ema=True, ema_momentum=0.9),
    lambda o: o.SGD(0.05, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
    lambda o: o.Adam(0.01, gradient_accumulation_steps=2, clipnorm=0.2, weight_decay=0.1),
    lambda o: o.SGD(o.schedules.InverseTimeDecay(0.1, 2, 0.5, name="rate")),
    lambda o: o.Adagrad(0.1, initial_accumulator_value=0.5),
    lambda o: o.Adadelta(1.0),
    lambda o: o.Lion(0.001, 0.8, 0.95),
    lambda o: o.SGD(o.schedules.ExponentialDecay(0.1, 5, 0.5)),
    lambda o: o.Adam(o.schedules.PiecewiseConstantDecay([3, 6], [0.1, 0.01, 0.001])),
    lambda o: o.get({"class_name": "SGD", "config": {"learning_rate": 0.05, "momentum": 0.5}}),
    lambda o: "adam",
    lambda o: "RMSprop",
]


@pytest.mark.peers
@pytest.mark.parametrize("make", STEPS)
def test_a_training_ends_where_keras_ends(make):
    def program(keras, weights):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2)])
        weights(model)
        model.compile(optimizer=make(keras.optimizers), loss="mse")
        history = model.fit(X, NUMBERS, epochs=4, batch_size=30, **QUIET)
        return (
            history.history,
            model.get_weights(),
            float(model.optimizer.learning_rate),
            int(model.optimizer.iterations),
        )

    assert_same(*both(program), tolerance=1e-4)


def _spared(optimizer, model):
    optimizer.exclude_from_weight_decay(var_list=[model.layers[0].kernel], var_names=["bias"])
    return optimizer


@pytest.mark.peers
def test_weights_that_are_excluded_do_not_decay_as_on_keras():
    def program(keras, weights):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2)])
        weights(model)
        model.compile(_spared(keras.optimizers.SGD(0.05, weight_decay=0.5), model), loss="mse")
        return model.fit(X, NUMBERS, epochs=2, batch_size=30, **QUIET).history, model.get_weights()

    assert_same(*both(program), tolerance=1e-4)


def test_weights_are_excluded_before_fit():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(optimizers.AdamW(), "mse")
    model.fit(X, NUMBERS, verbose=0)
    with pytest.raises(SettingError, match="AdamW: exclude_from_weight_decay must be called before fit"):
        model.optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_a_function_gives_the_rate_of_every_step():
    rates = iter([0.5, 0.25, 0.125, 0.0625])
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(lambda: next(rates)), lambda y_true, y_pred: y_pred)
    model.fit(np.ones((4, 1)), np.ones(4), batch_size=1, verbose=0)
    assert model.get_weights()[0] == -(0.5 + 0.25 + 0.125 + 0.0625)


def test_each_argument_becomes_a_wrapper_of_the_core():
    found = optimizers.Adam(0.1, weight_decay=0.2, global_clipnorm=3.0, use_ema=True, ema_momentum=0.5).core
    wanted = core.MovingAverage(
        core.WeightDecay(core.Clip(core.Adam(0.1), global_norm=3.0), weight_decay=0.2), momentum=0.5
    )
    assert repr(found) == repr(wanted)
    assert repr(optimizers.Adam(0.1, amsgrad=True).core) == repr(core.AMSGrad(0.1))


def test_keras_2_spelt_learning_rates_otherwise():
    assert optimizers.SGD(lr=0.2).core.learning_rate == 0.2
    decayed = optimizers.SGD(lr=0.2, decay=0.01).core.learning_rate
    assert decayed(50) == pytest.approx(0.2 / 1.5, rel=1e-15)  # lr / (1 + decay t)


def test_the_learning_rate_can_be_read_and_assigned():
    optimizer = optimizers.Adam(0.01, clipnorm=1.0)
    assert (optimizer.learning_rate, optimizer.lr, optimizer.learning_rate.numpy()) == (0.01, 0.01, 0.01)
    optimizer.learning_rate = 0.5
    assert optimizer.core.optimizer.learning_rate == 0.5
    optimizer.learning_rate.assign(0.25)
    assert optimizer.rate == optimizer.learning_rate == 0.25
    optimizer.lr = 0.125
    assert optimizer.learning_rate == 0.125


def test_a_schedule_gives_the_rate_of_the_next_step_and_is_not_replaced_by_a_number():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True))
    model = minidl.Sequential([minidl.layers.Dense(2)], seed=0)
    model.compile(optimizer.core, "mse")
    assert (optimizer.learning_rate, optimizer.iterations, optimizer.built) == (0.1, 0, False)
    model.fit(X, NUMBERS, batch_size=30, epochs=4, verbose=0)
    assert (optimizer.learning_rate, optimizer.iterations, optimizer.built) == (0.05, 12, True)
    with pytest.raises(TypeError, match="its learning rate is a schedule, which a number cannot replace"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.CosineDecay(0.3, 100)
    assert isinstance(optimizer.core.learning_rate, core_schedules.CosineDecay)


class WarmUp(schedules.LearningRateSchedule):
    def __init__(self, top):
        self.top = top

    def __call__(self, step):
        return self.top * min(1.0, (step + 1) / 4)


def test_a_schedule_of_the_users_own():
    optimizer = optimizers.SGD(WarmUp(0.2))
    assert optimizer.learning_rate == pytest.approx(0.05, rel=1e-15)


@pytest.mark.parametrize("make", STEPS)
def test_a_config_makes_the_same_optimizer(make):
    optimizer = optimizers.get(make(optimizers))
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert repr(again.core) == repr(optimizer.core)
    assert type(again) is type(optimizer)
    assert again.name == optimizer.name
    assert repr(copy.deepcopy(optimizer).core) == repr(optimizer.core)


@pytest.mark.parametrize("settings", [{}, {"clipnorm": 1.0}, {"use_ema": True}])
def test_a_rate_of_0_is_taken_and_set_later(settings):
    optimizer = optimizers.SGD(learning_rate=0.0, **settings)
    assert optimizer.learning_rate == 0.0
    assert optimizers.SGD.from_config(optimizer.get_config()).learning_rate == 0.0
    model = minidl.Sequential([minidl.layers.Dense(2)], seed=0)
    model.compile(optimizer.core, "mse")
    model.build((4,))
    before = model.params.theta.copy()
    model.fit(X, NUMBERS, epochs=1, verbose=0)
    np.testing.assert_array_equal(model.params.theta, before)
    optimizer.learning_rate = 0.1
    model.fit(X, NUMBERS, epochs=1, verbose=0)
    assert not np.allclose(model.params.theta, before)


def test_variables_are_the_number_of_steps_the_rate_and_arrays():
    optimizer = optimizers.Adam(0.01)
    model = minidl.Sequential([minidl.layers.Dense(2)], seed=0)
    model.compile(optimizer.core, "mse")
    model.fit(X, NUMBERS, epochs=1, verbose=0)
    steps, rate, m, v = optimizer.variables
    assert (steps, rate, m.shape, v.shape) == (3, 0.01, (10,), (10,))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optimizers.get("adm"), SettingError, "unknown optimizer 'adm'; choose from adadelta, .*'adam'"),
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), SettingError, "only one of clipnorm, clipvalue"),
        (lambda: optimizers.SGD(loss_scale_factor=2.0), SettingError, "loss_scale_factor is not in minidl.keras"),
        (lambda: optimizers.SGD(-1.0), SettingError, "SGD: learning_rate must be in"),
        (lambda: optimizers.SGD(rate=1.0), SettingError, "SGD has no argument 'rate'; it has learning_rate"),
        (lambda: optimizers.Ftrl, ImportError, "keras.optimizers.Ftrl is not in minidl.keras"),
        (lambda: optimizers.SGD().apply_gradients([]), AttributeError, "minidl has no gradient tape"),
        (lambda: optimizers.SGD().momenta, AttributeError, "SGD has no attribute 'momenta'"),
        (lambda: optimizers.Optimizer(learning_rate=0.1), NotImplementedError, "derive from minidl.optimizers"),
    ],
)
def test_errors_say_what_there_is(make, error, message):
    with pytest.raises(error, match=message):
        make()
