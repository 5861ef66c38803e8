"""L-BFGS: the least-squares solution, the accepted points, the ends of a run."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from minidl import NonFiniteError, Sequential, SettingError
from minidl.callbacks import Callback, LambdaCallback
from minidl.layers import Dense, Dropout
from minidl.losses import MeanSquaredError
from minidl.optimizers import (
    LBFGS,
)
from minidl.regularizers import L2
from tests.helpers.builders import regression, vector
from tests.oracles.make_keras_optimizers import X, Y


def test_lbfgs_finds_the_least_squares_solution():
    # NumPy's lstsq is the source: a linear model under the mean squared error has one answer
    model = Sequential([Dense(3)], dtype="float64")
    model.compile(LBFGS(tolerance=1e-12), "mse")
    history = model.fit(X, Y, batch_size=len(X), epochs=100)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), Y, rcond=None)[0]
    assert np.allclose(np.vstack(model.get_weights()), expected, atol=1e-9)
    assert len(history.epoch) == model.optimizer.iterations < 100  # it ends when it is there


def test_lbfgs_never_increases_the_loss_and_ends_at_the_last_accepted_point():
    model = regression()
    model.compile(LBFGS(), "mse")
    losses = model.fit(X, Y, batch_size=len(X), epochs=50).history["loss"]
    assert all(later <= sooner for sooner, later in pairwise(losses))
    assert model.evaluate(X, Y) == pytest.approx(losses[-1], rel=1e-12)


def test_callbacks_see_the_gradient_of_the_accepted_point():
    model, seen = Sequential([Dense(3, use_bias=False)], seed=0, dtype="float64"), []
    model.compile(LBFGS(), "mse")

    def look(batch, logs):
        kernel = model.params["dense/kernel"]
        # by hand: of mean((X W - Y)^2)
        expected = 2 / Y.size * X.T @ (X @ kernel.value - Y)
        seen.append(np.abs(kernel.grad - expected).max())

    model.fit(X, Y, batch_size=len(X), epochs=5, callbacks=LambdaCallback(on_gradients=look))
    assert len(seen) == 5
    assert max(seen) < 1e-12


def test_lbfgs_without_epochs_leaves_the_weights():
    model = regression()
    model.compile(LBFGS(), "mse")
    model.build(X.shape[1:])
    before = model.params.theta.copy()
    assert model.fit(X, Y, epochs=0).history == {}
    assert np.array_equal(model.params.theta, before)


def test_lbfgs_raises_an_error_if_the_loss_is_not_finite_and_keeps_the_weights():
    model = regression()
    model.compile(LBFGS(), "mse")
    model.build(X.shape[1:])
    before = model.params.theta.copy()
    with pytest.raises(NonFiniteError, match=r"the loss is not finite in epoch 1, .* Scale the inputs"):
        model.fit(1e200 * X, Y, batch_size=len(X))
    assert np.array_equal(model.params.theta, before)


def test_lbfgs_gives_the_same_result_for_every_batch_size():
    weights = []
    for size in (len(X), 8, 7):
        model = regression()
        model.compile(LBFGS(), MeanSquaredError() + L2(0.3), ["mae"])
        history = model.fit(X, Y, batch_size=size, epochs=10).history
        weights.append([*model.get_weights(), history["loss"], history["penalty"], history["mae"]])
    for whole, *parts in zip(*weights, strict=True):
        for part in parts:
            assert np.allclose(part, whole, rtol=1e-6, atol=1e-9)


def test_lbfgs_begins_no_epoch_if_the_start_is_good_enough():
    class Ends(Callback):
        def __init__(self):
            self.begun = self.ended = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.begun += 1

        def on_epoch_end(self, epoch, logs=None):
            self.ended += 1

    model, counts = Sequential([Dense(3)], dtype="float64"), [Ends(), Ends()]
    model.compile(LBFGS(), "mse")
    for ends in counts:
        model.fit(X, Y, batch_size=len(X), epochs=100, callbacks=[ends])
    assert counts[0].begun == counts[0].ended > 0
    assert (counts[1].begun, counts[1].ended) == (0, 0)


def test_lbfgs_takes_more_than_100_steps_if_needed():
    # the minimum of SciPy's Rosenbrock function is at ones, at the end of a long bent valley
    optimizer, theta, visited = LBFGS(tolerance=1e-8), np.full(40, -2.0), []
    optimizer.build(vector(theta))
    optimizer.minimize(lambda t: (rosen(t), rosen_der(t)), theta, 1000, lambda t: visited.append(t.copy()))
    assert optimizer.iterations == len(visited) > 100
    assert np.allclose(visited[-1], 1, atol=1e-6)


def test_lbfgs_has_scipys_message_of_why_it_ended():
    model = regression()
    model.compile(LBFGS(memory=1, max_evaluations=1), "mse")
    model.fit(X, Y, batch_size=len(X), epochs=50)
    assert "EVALUATIONS EXCEEDS LIMIT" in model.optimizer.message  # SciPy's words
    assert model.optimizer.iterations == 1


def test_the_defaults_of_lbfgs_are_those_of_scipy():
    # scipy.optimize.minimize(method="L-BFGS-B"): maxcor=10, gtol=1e-05
    assert (LBFGS().memory, LBFGS().tolerance, LBFGS().max_evaluations) == (10, 1e-5, None)


def test_lbfgs_has_no_learning_rate_to_set():
    with pytest.raises(TypeError, match="learning_rate"):
        LBFGS(learning_rate=0.1)
    assert "learning_rate" not in repr(LBFGS())
    assert LBFGS().rate == 1


def test_lbfgs_raises_an_error_for_generators_single_steps_and_dropout():
    model = regression()
    model.compile(LBFGS(), "mse")
    with pytest.raises(SettingError, match="LBFGS needs all batches many times, a generator yields them once"):
        model.fit((batch for batch in [(X, Y)]), epochs=2)
    with pytest.raises(SettingError, match="LBFGS has no single steps"):
        model.train_on_batch(X, Y)
    dropping = Sequential([Dense(3), Dropout(0.5)], seed=0)
    dropping.compile(LBFGS(), "mse")
    with pytest.raises(SettingError, match="an objective that is the same each time"):
        dropping.fit(X, Y, batch_size=len(X))


def test_max_evaluations_ends_lbfgs():
    model, counted = regression(), LBFGS(max_evaluations=1)
    model.compile(counted, "mse")
    model.fit(X, Y, batch_size=len(X), epochs=50)
    assert "EVALUATIONS" in counted.message  # SciPy's words
    with pytest.raises(SettingError, match="LBFGS: max_evaluations must be an integer of at least 1, got 0"):
        LBFGS(max_evaluations=0)
