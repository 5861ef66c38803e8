"""The tasks on sequences are what their names say, and are learned."""

import numpy as np
import pytest

from tests.benchmarks import sequences


def test_copies_repeat_the_symbols_after_the_sign():
    x, y, weight = sequences.copies(np.random.default_rng(0), 5)
    assert x.shape == y.shape == weight.shape == (5, 21)
    assert (x[:, 10] == 9).all()
    assert not x[:, 11:].any()
    assert np.array_equal(x[:, :10], y[:, 11:])
    assert np.array_equal(weight, np.broadcast_to(np.arange(21) > 10, (5, 21)))


def test_sums_are_those_of_the_two_marked_numbers():
    x, y = sequences.sums(np.random.default_rng(0), 50)
    assert x.shape == (50, 50, 2)
    assert (x[:, :25, 1].sum(axis=1) == 1).all()
    assert (x[:, 25:, 1].sum(axis=1) == 1).all()
    assert np.allclose(y, (x[:, :, 0] * x[:, :, 1]).sum(axis=1))


def test_training_and_test_windows_of_the_sines_have_no_step_in_common():
    train, test = sequences.windows(0, end_index=2000), sequences.windows(0, start_index=2000)
    assert (len(train), len(test)) == (1960, 960)
    assert train.starts[-1] + 40 == 1999  # the step after the last window
    assert test.starts[0] == 2000
    assert sequences.measure_waves(sequences.linear_forecast(0), 0)[0] < 0.012  # the noise has 0.01


@pytest.mark.parametrize(("task", "kind", "limit"), [("copy", "transformer", 0.9), ("sine", "GRU", 0.05)])
def test_a_short_training_is_better_than_no_training(task, kind, limit):
    model = sequences.trained(sequences.TASKS[task], kind, seed=0, steps=300)
    figure = sequences.TASKS[task].measure(model.predict, 0)[0]
    assert figure > limit if task == "copy" else figure < limit
