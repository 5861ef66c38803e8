"""Schedules against Keras, step by step, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import SettingError, schedules
from minidl.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    Schedule,
    WarmUp,
)
from tests.oracles.make_keras_numbers import PATH, SCHEDULES, STEPS

NAMES = [f"{name}{arguments} {settings}" for name, arguments, settings in SCHEDULES]


def made(number):
    name, arguments, settings = SCHEDULES[number]
    return getattr(schedules, name)(*arguments, **settings)


@pytest.mark.parametrize("number", range(len(SCHEDULES)), ids=NAMES)
def test_schedules_equal_keras(number):
    schedule = made(number)
    with np.load(PATH) as stored:
        expected = stored["schedules"][number]  # Keras 3.15.1, float64
    rates = [schedule(step) for step in STEPS]
    assert all(type(rate) is float for rate in rates)
    assert np.allclose(rates, expected, rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize("number", range(len(SCHEDULES)), ids=NAMES)
def test_schedules_with_equal_settings_are_equal(number):
    assert made(number) == made(number)
    assert eval(repr(made(number)), {name: getattr(schedules, name) for name in schedules.__all__}) == made(number)


def test_by_hand():
    assert ExponentialDecay(0.1, 10, 0.25)(5) == pytest.approx(0.05)
    assert InverseTimeDecay(0.1, 10, 1)(10) == pytest.approx(0.05)
    assert PolynomialDecay(1.0, 10, 0.5)(5) == 0.75
    assert [PiecewiseConstantDecay([2, 4], [3, 2, 1])(step) for step in range(6)] == [3, 3, 3, 2, 2, 1]
    assert CosineDecay(1.0, 9)(3) == pytest.approx((1 + 0.5) / 2)


@pytest.mark.parametrize("t_mul", [1, 2, 3])
def test_a_restart_is_exactly_at_the_end_of_its_period(t_mul):
    # periods of 5, 5 t_mul, 5 t_mul^2, ...: log(t_mul^n) / log(t_mul), Keras's way, may miss n by a rounding
    schedule, end, length = CosineDecayRestarts(1.0, 5, t_mul=t_mul, m_mul=0.5), 0, 5
    for restart in range(7):
        assert schedule(end) == 0.5**restart
        end, length = end + length, length * t_mul
        assert schedule(end - 1) < 0.1 * 0.5**restart


def test_a_warm_up_can_precede_any_schedule():
    schedule = WarmUp(ExponentialDecay(0.4, 10, 0.5), 4)
    assert [schedule(step) for step in range(5)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert schedule(14) == pytest.approx(0.2)
    keras = CosineDecay(0.0, 50, warmup_target=0.1, warmup_steps=20)
    ours = WarmUp(CosineDecay(0.1, 50), 20)
    assert np.allclose([ours(step) for step in STEPS], [keras(step) for step in STEPS], rtol=1e-14)


@given(st.integers(0, 10**9))
def test_rates_stay_between_their_ends(step):
    assert 0 <= ExponentialDecay(0.1, 100, 0.9)(step) <= 0.1
    assert 0.01 <= PolynomialDecay(0.1, 1000, 0.01, cycle=True)(step) <= 0.1
    assert 0.01 * (1 - 1e-15) <= CosineDecayRestarts(0.1, 10, alpha=0.1)(step) <= 0.1
    assert 0.01 * (1 - 1e-15) <= CosineDecay(0.0, 1000, alpha=0.1, warmup_target=0.1)(step) <= 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialDecay(0, 10, 0.5), r"ExponentialDecay: initial_learning_rate must be in \(0, inf\), got 0"),
        (lambda: InverseTimeDecay(0.1, 10, 0.5, 1), "InverseTimeDecay: staircase must be True or False, got 1"),
        (lambda: PolynomialDecay(0.1, 0), r"PolynomialDecay: decay_steps must be in \(0, inf\), got 0"),
        (lambda: PolynomialDecay(0.1, 10, cycle=None), "PolynomialDecay: cycle must be True or False, got None"),
        (lambda: CosineDecay(0.1, 10, alpha=2), r"CosineDecay: alpha must be in \[0, 1\], got 2"),
        (lambda: CosineDecay(0.1, 10, warmup_target=-1), r"CosineDecay: warmup_target must be in \(0, inf\), got -1"),
        (lambda: CosineDecayRestarts(0.1, 10, 0.5), r"CosineDecayRestarts: t_mul must be in \[1, inf\), got 0.5"),
        (lambda: PiecewiseConstantDecay([5, 5], [1, 2, 3]), r"boundaries must increase, got \(5.0, 5.0\)"),
        (lambda: PiecewiseConstantDecay([5], [1]), "values must be one more than boundaries, got 1 boundaries and"),
        (lambda: PiecewiseConstantDecay([5], [1, 0]), r"each of values must be in \(0, inf\), got 0"),
        (lambda: WarmUp(0.1, 5), "WarmUp: schedule must be a Schedule object, got 0.1"),
        (lambda: WarmUp(ExponentialDecay(0.1, 10, 0.5), 0), "WarmUp: steps must be an integer of at least 1, got 0"),
        (lambda: ExponentialDecay(0.1, math.inf, 0.5), r"decay_steps must be in \(0, inf\), got inf"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_a_custom_schedule_without_call_raises_an_error():
    class Mine(Schedule):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine must write __call__\(step\)"):
        Mine()(0)
