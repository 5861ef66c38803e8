"""How the parameters move."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from minidl import NonFiniteError, Sequential, SettingError
from minidl.callbacks import Callback, LambdaCallback
from minidl.layers import Dense, Dropout, ReLU
from minidl.losses import MeanSquaredError
from minidl.optimizers import (
    LBFGS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    Clip,
    MovingAverage,
    Nadam,
    Optimizer,
    RMSprop,
)
from minidl.regularizers import L2
from minidl.schedules import CosineDecay, ExponentialDecay
from tests.oracles.make_keras_optimizers import STEPS, WEIGHTS, X, Y

GRADIENTS = [Fraction(1), Fraction(-3, 4), Fraction(5, 8), Fraction(1, 2)]


def vector(theta):
    """What an optimiser sees of the parameters: one vector, here of one parameter."""
    return SimpleNamespace(theta=theta, slices={"kernel": slice(None)})


def path(optimizer):
    """Where theta = 1 goes on these gradients."""
    theta, visited = np.ones(1), []
    optimizer.build(vector(theta))
    for gradient in GRADIENTS:
        optimizer.update(theta, np.array([float(gradient)]))
        visited.append(theta[0])
    return visited


def by_the_formula(lr, mu, nesterov):
    """Keras 3.15.1, optimizers/sgd.py, in exact fractions: m = mu m - lr g; w += m, or w += mu m - lr g."""
    theta, m, visited = Fraction(1), Fraction(0), []
    for gradient in GRADIENTS:
        m = mu * m - lr * gradient
        theta += mu * m - lr * gradient if nesterov else m
        visited.append(float(theta))
    return visited


@pytest.mark.parametrize("mu", [Fraction(0), Fraction(1, 2), Fraction(7, 8)])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_follows_its_formula_exactly(mu, nesterov):
    lr = Fraction(1, 4)  # all numbers are sums of powers of two, so nothing is rounded
    optimizer = SGD(float(lr), momentum=float(mu), nesterov=nesterov)
    assert path(optimizer) == by_the_formula(lr, mu, nesterov)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_update_leaves_the_gradient_and_keeps_the_dtype(momentum):
    optimizer, theta, grad = SGD(0.1, momentum=momentum), np.ones(3, np.float32), np.ones(3, np.float32)
    optimizer.build(vector(theta))
    optimizer.update(theta, grad)
    assert theta.dtype == np.float32
    assert (grad == 1).all()
    assert np.allclose(theta, 0.9)


def test_the_learning_rate_may_be_set_anew():
    optimizer, theta = SGD(1.0), np.zeros(1)
    optimizer.build(vector(theta))
    optimizer.update(theta, np.ones(1))
    optimizer.learning_rate = 0.5
    optimizer.update(theta, np.ones(1))
    assert theta[0] == -1.5
    optimizer.learning_rate = -1
    with pytest.raises(SettingError, match=r"^SGD: learning_rate must be in \[0, inf\), got -1"):
        optimizer.update(theta, np.ones(1))


@pytest.mark.parametrize("rate", [-1.0, float("inf"), float("nan"), "fast"])
def test_a_learning_rate_set_anew_is_checked_at_the_next_step(rate):
    optimizer, theta = SGD(1.0), np.zeros(1)
    optimizer.build(vector(theta))
    optimizer.learning_rate = rate
    with pytest.raises(SettingError, match=r"SGD: learning_rate must be in \[0, inf\), got"):
        optimizer.update(theta, np.ones(1))
    assert theta[0] == 0


def test_an_optimizer_has_one_model():
    optimizer = SGD(0.1, momentum=0.9)
    x, y = np.zeros((4, 2)), np.zeros(4)
    first, second = Sequential([Dense(1)]), Sequential([Dense(1)])
    first.compile(optimizer)
    first.fit(x, y)
    with pytest.raises(SettingError, match=r"compile: SGD.* is already in use by another model"):
        second.compile(optimizer)


def test_an_optimizer_compiled_into_two_models_is_refused_at_the_second_fit():
    optimizer = SGD(0.1)
    x, y = np.zeros((4, 2)), np.zeros(4)
    first, second = Sequential([Dense(1)]), Sequential([Dense(1)])
    first.compile(optimizer)
    second.compile(optimizer)
    first.fit(x, y)
    with pytest.raises(SettingError, match=r"fit: SGD.* is already in use by another model"):
        second.fit(x, y)


def test_compiling_again_with_the_same_optimizer_keeps_its_memory():
    model, x, y = Sequential([Dense(1)], seed=0), np.ones((4, 2)), np.ones(4)
    optimizer = SGD(0.01, momentum=0.9)
    model.compile(optimizer)
    model.fit(x, y)
    velocity = optimizer.velocity.copy()
    model.compile(optimizer, metrics=["accuracy"])
    assert np.array_equal(optimizer.velocity, velocity)
    model.fit(x, y)
    assert optimizer.iterations == 2


# Keras 3.15.1: inspect.signature of its optimizers
ADAM = "learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07"
DEFAULTS = [
    (SGD, "learning_rate=0.01, momentum=0.0, nesterov=False"),
    (RMSprop, "learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07, centered=False"),
    (Adagrad, "learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-07"),
    (Adam, ADAM),
    (AMSGrad, ADAM),
    (AdamW, f"{ADAM}, weight_decay=0.004"),
    (Nadam, ADAM),
]


@pytest.mark.parametrize(("kind", "settings"), DEFAULTS)
def test_the_defaults_are_keras_defaults(kind, settings):
    assert repr(kind()) == f"{kind.__name__}({settings})"


# a vector of 5 numbers for each of v, m, u, a, ... in the formula, and 1 for the count of steps
REMEMBERED = [
    (lambda: SGD(0.1), 1),
    (lambda: SGD(0.1, momentum=0.9), 6),
    (lambda: RMSprop(), 6),
    (lambda: RMSprop(centered=True), 11),
    (lambda: RMSprop(momentum=0.9, centered=True), 16),
    (lambda: Adagrad(), 6),
    (lambda: Adam(), 11),
    (lambda: AMSGrad(), 16),
    (lambda: Nadam(), 12),  # and the product of the u_t
    (lambda: MovingAverage(Clip(Adam(), norm=1.0)), 16),
]


@pytest.mark.parametrize(("make", "numbers"), REMEMBERED)
def test_what_is_remembered_is_what_the_formula_needs(make, numbers):
    optimizer = make()
    optimizer.build(vector(np.zeros(5)))
    assert optimizer.count_state() == numbers
    for _ in range(3):
        optimizer.update(np.zeros(5), np.ones(5))
    assert optimizer.count_state() == numbers
    assert optimizer.iterations == 3


def test_an_optimizer_of_ones_own_trains_a_model():
    class Signs(Optimizer):
        """Theta <- theta - lr sign(g)."""

        def update(self, theta, grad):
            theta -= self.learning_rate * np.sign(grad)

    model = Sequential([Dense(1, kernel_initializer="zeros")])
    model.compile(Signs(0.25), "mse")
    model.fit(np.ones((4, 2)), np.ones(4))
    assert (model.params.theta == 0.25).all()
    with pytest.raises(NotImplementedError, match=r"Optimizer must write update\(theta, grad\)"):
        Optimizer(0.1).update(np.ones(1), np.ones(1))


# ---- against Keras 3.15.1 in float32 and PyTorch 2.13.0 in float64: tests/oracles/make_keras_optimizers.py

STORED = np.load(Path(__file__).parents[1] / "oracles" / "optimizers.npz")
AS_IN_KERAS = {
    "sgd": lambda: SGD(0.05),
    "momentum": lambda: SGD(0.05, momentum=0.9),
    "nesterov": lambda: SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: RMSprop(0.01),
    "rmsprop momentum": lambda: RMSprop(0.001, rho=0.8, momentum=0.5),
    "rmsprop centered": lambda: RMSprop(0.005, centered=True),
    "rmsprop centered momentum": lambda: RMSprop(0.002, momentum=0.7, centered=True, epsilon=1e-3),
    "adagrad": lambda: Adagrad(0.1),
    "adagrad accumulator": lambda: Adagrad(0.05, initial_accumulator_value=0.5, epsilon=1e-5),
    "adam": lambda: Adam(0.01),
    "adam betas": lambda: Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
    "amsgrad": lambda: AMSGrad(0.01),
    "adamw": lambda: AdamW(0.01),
    "adamw decay": lambda: AdamW(0.01, weight_decay=0.1),
    "nadam": lambda: Nadam(0.01),
    "nadam betas": lambda: Nadam(0.01, beta_1=0.7, beta_2=0.99),
    "clip value": lambda: Clip(SGD(0.05, momentum=0.9), value=0.02),
    "clip norm": lambda: Clip(SGD(0.05, momentum=0.9), norm=0.1),
    "clip global norm": lambda: Clip(Adam(0.01), global_norm=0.1),
    "moving average": lambda: MovingAverage(SGD(0.05), momentum=0.9),
    "exponential decay": lambda: SGD(ExponentialDecay(0.1, 50, 0.5)),
    "cosine decay": lambda: Adam(CosineDecay(0.001, 150, warmup_target=0.02, warmup_steps=20)),
}
TINY = 1e-30
AS_IN_TORCH = {
    "sgd": AS_IN_KERAS["sgd"],
    "momentum": AS_IN_KERAS["momentum"],
    "nesterov": AS_IN_KERAS["nesterov"],
    "rmsprop": lambda: RMSprop(0.01, epsilon=TINY),
    "rmsprop centered": lambda: RMSprop(0.005, epsilon=TINY, centered=True),
    "adagrad": lambda: Adagrad(0.1, epsilon=TINY),
    "adam": lambda: Adam(0.01, epsilon=TINY),
    "adamw": lambda: AdamW(0.01, epsilon=TINY, weight_decay=0.1),
    "nadam": lambda: Nadam(0.01, epsilon=TINY),
}


def after_200_steps(optimizer, dtype):
    model = Sequential([Dense(5), ReLU(), Dense(3)], dtype=dtype)
    model.build((6,))
    model.set_weights(WEIGHTS)
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=40, epochs=STEPS)
    return np.concatenate([w.ravel() for w in model.get_weights()])


@pytest.mark.parametrize("name", AS_IN_KERAS)
def test_200_steps_end_where_keras_ends(name):
    assert np.abs(after_200_steps(AS_IN_KERAS[name](), "float32") - STORED[f"keras/{name}"]).max() < 1e-5


@pytest.mark.parametrize("name", AS_IN_TORCH)
def test_200_steps_in_float64_end_where_pytorch_ends(name):
    assert np.abs(after_200_steps(AS_IN_TORCH[name](), "float64") - STORED[f"torch/{name}"]).max() < 1e-9


def test_every_stored_run_is_compared():
    assert set(STORED) == {f"keras/{name}" for name in AS_IN_KERAS} | {f"torch/{name}" for name in AS_IN_TORCH}


# ---- L-BFGS, wrappers, settings


def regression(**settings):
    return Sequential([Dense(4, **settings), ReLU(), Dense(3)], seed=0, dtype="float64")


def test_lbfgs_finds_the_least_squares_solution():
    # NumPy's lstsq is the source: a linear model under the mean squared error has one answer
    model = Sequential([Dense(3)], dtype="float64")
    model.compile(LBFGS(tolerance=1e-12), "mse")
    history = model.fit(X, Y, batch_size=len(X), epochs=100)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), Y, rcond=None)[0]
    assert np.allclose(np.vstack(model.get_weights()), expected, atol=1e-9)
    assert len(history.epoch) == model.optimizer.iterations < 100  # it ends when it is there


def test_lbfgs_never_rises_and_ends_at_the_last_accepted_point():
    model = regression()
    model.compile(LBFGS(), "mse")
    losses = model.fit(X, Y, batch_size=len(X), epochs=50).history["loss"]
    assert all(later <= sooner for sooner, later in pairwise(losses))
    assert model.evaluate(X, Y) == pytest.approx(losses[-1], rel=1e-12)


def test_lbfgs_shows_the_gradient_of_the_point_it_has_accepted():
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


def test_lbfgs_refuses_what_is_not_finite_and_keeps_the_weights():
    model = regression()
    model.compile(LBFGS(), "mse")
    model.build(X.shape[1:])
    before = model.params.theta.copy()
    with pytest.raises(NonFiniteError, match=r"the loss is not finite in epoch 1, .* Scale the inputs"):
        model.fit(1e200 * X, Y, batch_size=len(X))
    assert np.array_equal(model.params.theta, before)


def test_lbfgs_adds_up_batches_of_any_size():
    weights = []
    for size in (len(X), 8, 7):
        model = regression()
        model.compile(LBFGS(), MeanSquaredError() + L2(0.3), ["mae"])
        history = model.fit(X, Y, batch_size=size, epochs=10).history
        weights.append([*model.get_weights(), history["loss"], history["penalty"], history["mae"]])
    for whole, *parts in zip(*weights, strict=True):
        for part in parts:
            assert np.allclose(part, whole, rtol=1e-6, atol=1e-9)


def test_lbfgs_that_has_nothing_left_to_do_begins_no_epoch():
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


def test_lbfgs_takes_as_many_steps_as_it_needs():
    # the minimum of SciPy's Rosenbrock function is at ones, at the end of a long bent valley
    optimizer, theta, visited = LBFGS(tolerance=1e-8), np.full(40, -2.0), []
    optimizer.build(vector(theta))
    optimizer.minimize(lambda t: (rosen(t), rosen_der(t)), theta, 1000, lambda t: visited.append(t.copy()))
    assert optimizer.iterations == len(visited) > 100
    assert np.allclose(visited[-1], 1, atol=1e-6)


def test_lbfgs_says_why_it_ended():
    model = regression()
    model.compile(LBFGS(memory=1, max_evaluations=1), "mse")
    model.fit(X, Y, batch_size=len(X), epochs=50)
    assert "EVALUATIONS EXCEEDS LIMIT" in model.optimizer.message  # SciPy's words
    assert model.optimizer.iterations == 1


def test_lbfgs_remembers_and_tolerates_what_scipys_does():
    # scipy.optimize.minimize(method="L-BFGS-B"): maxcor=10, gtol=1e-05
    assert (LBFGS().memory, LBFGS().tolerance, LBFGS().max_evaluations) == (10, 1e-5, None)


def test_lbfgs_has_no_learning_rate_to_set():
    with pytest.raises(TypeError, match="learning_rate"):
        LBFGS(learning_rate=0.1)
    assert "learning_rate" not in repr(LBFGS())
    assert LBFGS().rate == 1


def test_lbfgs_is_for_steady_objectives():
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


def test_centered_rmsprop_bears_a_gradient_that_does_not_change():
    # v - a^2 = g^2 (1 - rho^t) rho^t is never negative; in float32 its difference is, from some step on
    optimizer, theta = RMSprop(0.001, centered=True), np.zeros(1000, np.float32)
    grad = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    optimizer.build(vector(theta))
    for _ in range(300):
        optimizer.update(theta, grad)
    assert np.isfinite(theta).all()


def test_lbfgs_counts_evaluations():
    model, counted = regression(), LBFGS(max_evaluations=1)
    model.compile(counted, "mse")
    model.fit(X, Y, batch_size=len(X), epochs=50)
    assert "EVALUATIONS" in counted.message  # SciPy's words
    with pytest.raises(SettingError, match="LBFGS: max_evaluations must be an integer of at least 1, got 0"):
        LBFGS(max_evaluations=0)


def test_clip_takes_one_bound():
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
        Clip(SGD(0.1), 1.0)  # of which of the three?


@pytest.mark.parametrize(
    "make", [lambda: Clip(SGD(), 1.0), lambda: MovingAverage(SGD(), 0.9), lambda: AdamW(0.1, 0.9, 0.999, 1e-7, 0.1)]
)
def test_settings_that_could_be_mistaken_are_named(make):
    with pytest.raises(TypeError, match="positional arguments"):
        make()


def test_a_wrapper_has_the_learning_rate_of_the_one_inside():
    inside = SGD(0.1)
    wrapped = MovingAverage(Clip(inside, value=1.0))
    wrapped.learning_rate = 0.5
    assert inside.learning_rate == wrapped.rate == 0.5
    model = regression()
    model.compile(wrapped, "mse")
    model.fit(X, Y, batch_size=20, epochs=2)
    assert inside.iterations == wrapped.iterations == 4


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        (RMSprop, "rho", 1.0),
        (RMSprop, "momentum", 1.0),
        (RMSprop, "epsilon", 0.0),
        (RMSprop, "centered", 1),
        (Adam, "beta_1", -0.1),
        (Adam, "beta_2", 1.0),
        (Adam, "epsilon", 0.0),
        (AdamW, "weight_decay", -1.0),
        (Adagrad, "initial_accumulator_value", -1),
        (Adagrad, "epsilon", 0.0),
        (Nadam, "learning_rate", 0.0),
        (LBFGS, "memory", 0),
        (LBFGS, "tolerance", -1.0),
        (LBFGS, "max_evaluations", 0),
        (LBFGS, "min_decrease", -1.0),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(kind, setting, value):
    with pytest.raises(SettingError, match=f"^{kind.__name__}: {setting} must be "):
        kind(**{setting: value})


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (RMSprop, "epsilon"),
        (Adagrad, "initial_accumulator_value"),
        (Adagrad, "epsilon"),
        (Adam, "epsilon"),
        (AdamW, "weight_decay"),
        (LBFGS, "tolerance"),
        (LBFGS, "min_decrease"),
    ],
)
def test_what_has_no_upper_end_may_be_large(kind, setting):
    assert getattr(kind(**{setting: 7}), setting) == 7
