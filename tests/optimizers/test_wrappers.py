"""Clip and MovingAverage: their settings, and what they share with the wrapped optimizer."""

from dataclasses import dataclass

import pytest

from minidl import SettingError
from minidl.optimizers import (
    LBFGS,
    SGD,
    Clip,
    MovingAverage,
    Optimizer,
    Wrapper,
)
from tests.helpers.builders import regression
from tests.oracles.make_keras_optimizers import X, Y


def test_clip_needs_exactly_one_limit():
    for bounds, got in (({}, "none"), ({"value": 1.0, "norm": 1.0}, "value, norm")):
        with pytest.raises(SettingError, match=f"Clip takes one of value, norm and global_norm, got {got}"):
            Clip(SGD(0.1), **bounds)
    with pytest.raises(SettingError, match=r"Clip: norm must be in \(0, inf\), got 0"):
        Clip(SGD(0.1), norm=0)
    with pytest.raises(SettingError, match="Clip: optimizer must be an Optimizer object, got 'adam'"):
        Clip("adam", norm=1.0)
    with pytest.raises(SettingError, match="Clip wraps optimizers that take steps, LBFGS does not"):
        Clip(LBFGS(), norm=1.0)
    with pytest.raises(TypeError, match="positional argument"):
        Clip(SGD(0.1), 1.0)  # value, norm or global_norm?


def test_a_wrapper_shares_the_learning_rate_of_the_wrapped_optimizer():
    inside = SGD(0.1)
    wrapped = MovingAverage(Clip(inside, value=1.0))
    wrapped.learning_rate = 0.5
    assert inside.learning_rate == wrapped.rate == 0.5
    model = regression()
    model.compile(wrapped, "mse")
    model.fit(X, Y, batch_size=20, epochs=2)
    assert inside.iterations == wrapped.iterations == 4


@dataclass(eq=False)
class Outermost(Wrapper):
    optimizer: Optimizer

    outermost = True


def test_an_outermost_wrapper_cannot_be_wrapped():
    with pytest.raises(SettingError, match=r"Clip: Outermost goes outside: Outermost\(Clip\(...\), ...\)"):
        Clip(Outermost(SGD(0.1)), norm=1.0)


def test_walk_yields_the_wrappers_from_the_outside_in():
    inside = SGD(0.1)
    clip = Clip(inside, norm=1.0)
    average = MovingAverage(clip)
    assert list(average.walk()) == [average, clip, inside]


def test_lbfgs_takes_no_steps():
    assert SGD(0.1).takes_steps and SGD(0.1).message == LBFGS().message == ""
    assert not LBFGS().takes_steps
    with pytest.raises(SettingError, match="LBFGS has no single steps: call fit"):
        LBFGS().update(None, None)
