"""Wrong entries of large tensors are found in few evaluations, which are counted."""

import numpy as np
import pytest

from minidl import Sequential, check_model
from minidl.gradcheck import _progress, check_gradient
from minidl.gradcheck._halving import MOST, wrong_entries
from minidl.layers import Dense, Tanh


def square(t):
    return (t**2).sum()


def gradient_with(wrong, factor=1.5):
    def gradient(t):
        g = 2 * t
        g[wrong] *= factor
        return g

    return gradient


@pytest.mark.parametrize("wrong", [[0], [77_777], [99_999], [3, 50_000, 50_001]])
def test_wrong_entries_of_a_hundred_thousand_are_found_in_few_evaluations(wrong):
    t = 1 + np.random.default_rng(0).random(100_000)
    report = check_gradient(square, gradient_with(wrong), t, raise_on_failure=False)
    tensor = report.tensors["theta"]
    assert tensor.is_located
    assert tensor.worst in {(entry,) for entry in wrong}
    assert tensor.checked <= 4 * len(wrong)
    assert report.evaluations < 300 + 50 * len(wrong)
    assert "wrong in a few entries alone" in tensor.cause


def test_central_differences_look_into_blocks():
    t = 1 + np.random.default_rng(0).random(20_000)
    report = check_gradient(square, gradient_with([777]), t, method="central", raise_on_failure=False)
    assert report.tensors["theta"].worst == (777,)
    assert check_gradient(square, lambda t: 2 * t, t, method="central").evaluations < 200


def test_a_gradient_wrong_everywhere_costs_a_sample():
    t = 1 + np.random.default_rng(0).random(30_000)
    report = check_gradient(square, lambda t: 3 * t, t, raise_on_failure=False)
    assert not report.tensors["theta"].is_located
    assert report.evaluations < 3_000


def test_a_right_gradient_costs_a_direction():
    report = check_gradient(square, lambda t: 2 * t, np.random.default_rng(0).random(100_000))
    assert (report.tensors["theta"].checked, report.evaluations < 30) == (0, True)


def test_a_wrong_entry_of_a_large_kernel_is_found_in_a_model():
    class Wide(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad[70, 200] *= 2
            return dx

    rng = np.random.default_rng(0)
    model = Sequential([Wide(300), Tanh(), Dense(1)], seed=0)
    model.compile(loss="mse")
    model.build((100,))
    report = check_model(model, rng.standard_normal((4, 100)), rng.standard_normal((4, 1)), raise_on_failure=False)
    assert report.tensors["wide/kernel"].worst == (70, 200)
    assert report.tensors["wide/kernel"].is_located
    assert report.guilty == "wide"


@pytest.mark.parametrize("in_blocks", [False, True])
@pytest.mark.parametrize("size", [64, 1001])
def test_halves_contain_all_wrong_entries(size, in_blocks):
    asked = []

    def judging(wrong):
        def is_right(block):
            asked.append(block)
            return not set(block) & wrong

        return is_right

    for wrong in ({0}, {size - 1}, {1, size // 2}):
        found = wrong_entries(size, judging(wrong), in_blocks=in_blocks)
        assert wrong <= set(found)
        assert len(found) <= 4 * len(wrong)
    assert wrong_entries(100 * MOST, judging(set(range(100 * MOST))), in_blocks=in_blocks) is None
    assert len(asked) < 500


def test_a_long_check_is_not_silent(monkeypatch, capsys):
    monkeypatch.setattr(_progress, "PATIENCE", -1.0)
    assert list(_progress.told(range(3), "derivatives")) == [0, 1, 2]
    assert capsys.readouterr().err == "gradient check: 0 of 3 derivatives\n"
