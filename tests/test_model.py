"""Build, compile, fit, evaluate, predict; and what holds when a training goes wrong."""

import copy
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from minidl import DataError, Model, NonFiniteError, NotBuiltError, Sequential, SettingError, ShapeError
from minidl.callbacks import HOOKS, Callback, EarlyStopping, LambdaCallback, TerminateOnNaN
from minidl.initializers import Constant, Zeros
from minidl.layers import (
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    LayerNormalization,
    Parameter,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
)
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.optimizers import SGD
from minidl.registry import ACTIVATIONS
from minidl.regularizers import L2

X = np.random.default_rng(0).normal(size=(20, 2))
Y = (X[:, 0] > 0).astype(int)


def classifier(dtype="float32", **settings):
    model = Sequential([Dense(3), ReLU(), Dense(1), Sigmoid()], seed=0, dtype=dtype)
    model.compile(**({"metrics": ["accuracy"]} | settings))
    return model


# ---- build and compile


@pytest.mark.parametrize("shape", [(2,), [2], 2, (None, 2), np.int64(2)])
def test_build_takes_a_row_or_keras_batch_shape(shape):
    model = Sequential([Dense(3)])
    model.build(shape)
    assert (model.input_shape, model.output_shape) == ((2,), (3,))
    model.build((2,))  # again is nothing
    with pytest.raises(ShapeError, match=r"is already built for rows of shape \(2,\), not \(3,\)"):
        model.build((3,))


@pytest.mark.parametrize("shape", [(), (None,), (0,), (2.0,), (True,), "ab", None, (2, -1)])
def test_shapes_that_are_none_are_refused(shape):
    model = Sequential([Dense(3)])
    with pytest.raises(SettingError, match="build: input_shape must "):
        model.build(shape)
    assert not model.built


def test_what_needs_parameters_says_how_to_get_them():
    model = Sequential([Dense(3)])
    for use in (lambda: model.params, model.get_weights, model.count_params):
        with pytest.raises(
            NotBuiltError, match=r"sequential has no parameters yet: call build\(\(features,\)\) or fit"
        ):
            use()


def test_a_model_is_made_of_one_layer():
    model = Model(Dense(2), seed=0)
    model.build((3,))
    assert list(model.params) == ["kernel", "bias"]
    with pytest.raises(SettingError, match=r"for several write Sequential"):
        Model([Dense(2)])


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex128"])
def test_a_model_is_single_or_double(dtype):
    with pytest.raises(SettingError, match="Model: dtype must be float32 or float64, got "):
        Sequential([Dense(1)], dtype=dtype)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "a"])
def test_seeds_are_integers(seed):
    with pytest.raises(SettingError, match="Model: seed must be an integer of at least 0"):
        Sequential([Dense(1)], seed=seed)


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, np.float64])
def test_everything_has_the_dtype_of_the_model(dtype):
    model = classifier(dtype, optimizer=SGD(0.1, momentum=0.9), loss=BinaryCrossentropy() + L2(0.1))
    model.fit(X, Y, sample_weight=np.ones(20), batch_size=7)
    arrays = [model.params.theta, model.params.grad, model.predict(X), model.optimizer.velocity, *model.get_weights()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_fit_without_compile_uses_the_defaults():
    model = Sequential([Dense(3), ReLU(), Dense(1), Sigmoid()])
    model.fit(X, Y)
    assert not model.compiled
    assert repr(model.optimizer) == "SGD(learning_rate=0.01, momentum=0.0, nesterov=False)"
    assert model.objective.terms.loss == BinaryCrossentropy()


def test_compiling_again_changes_the_loss_but_no_weight():
    model = classifier()
    model.fit(X, Y)
    before = model.params.theta.copy()
    model.compile(SGD(0.5), loss="mse")
    assert model.compiled and np.array_equal(model.params.theta, before)
    p = model.predict(X)[:, 0]
    assert model.evaluate(X, Y) == pytest.approx(np.mean((p - Y) ** 2), rel=1e-6)


# ---- evaluate and predict


def test_evaluate_returns_what_keras_returns():
    model = classifier("float64")
    model.fit(X, Y)
    p = model.predict(X)[:, 0]
    loss, right = np.mean(-np.log(np.where(Y, p, 1 - p))), np.mean((p > 0.5) == Y)
    assert model.evaluate(X, Y) == pytest.approx([loss, right], rel=1e-12)
    assert model.evaluate(X, Y, return_dict=True) == pytest.approx({"accuracy": right, "loss": loss}, rel=1e-12)
    model.compile(model.optimizer)
    assert model.evaluate(X, Y) == pytest.approx(loss, rel=1e-12)
    assert type(model.evaluate(X, Y)) is float


@pytest.mark.parametrize("rows", [1, 1023, 1024, 1025, 3000])
def test_evaluate_weighs_its_batches_by_their_rows(rows):
    x = np.random.default_rng(rows).normal(size=(rows, 2))
    y = (x[:, 1] > 0).astype(int)
    model = classifier("float64")
    model.build((2,))
    p = model.predict(x)[:, 0]
    assert model.evaluate(x, y)[0] == pytest.approx(np.mean(-np.log(np.where(y, p, 1 - p))), rel=1e-12)


@pytest.mark.parametrize("batch_size", [None, 1, 7, 20, 100])
def test_the_batch_size_of_predict_changes_nothing_that_matters(batch_size):
    model = classifier("float64")
    model.build((2,))
    assert np.allclose(model.predict(X, batch_size=batch_size), model.predict(X), rtol=1e-14)


def test_dropout_is_off_in_evaluate_and_predict():
    model = Sequential([Dropout(0.5), Dense(1, kernel_initializer="ones")], seed=0, dtype="float64")
    model.build((2,))
    assert np.array_equal(model.predict(X), X.sum(axis=1, keepdims=True))
    assert model.evaluate(X, X.sum(axis=1)) == 0
    assert model.backpropagate(X, X.sum(axis=1)) > 0


def test_backpropagate_leaves_the_weights_and_gives_the_slope_of_evaluate():
    model = classifier("float64", loss=BinaryCrossentropy() + L2(0.3), metrics=None)
    model.build((2,))
    theta = model.params.theta
    before = theta.copy()
    loss = model.backpropagate(X, Y)
    assert loss == pytest.approx(model.evaluate(X, Y), rel=1e-14)
    assert np.array_equal(theta, before)
    for i in range(theta.size):
        theta[i] = before[i] + 1e-6
        above = model.evaluate(X, Y)
        theta[i] = before[i] - 1e-6
        slope = (above - model.evaluate(X, Y)) / 2e-6
        theta[i] = before[i]
        assert slope == pytest.approx(model.params.grad[i], abs=1e-8)


def test_predict_in_eight_threads_equals_predict_in_one():
    prepared = [Flatten(), GaussianNoise(0.1), BatchNormalization(), LayerNormalization(), Dropout(0.5)]
    curves = [kind() for kind in ACTIVATIONS.values()]
    model = Sequential([*prepared, Chain(Dense(32), Residual(*curves)), Dense(2)], seed=0)
    inputs = [np.random.default_rng(i).normal(size=(300 + i, 4, 2)) for i in range(8)]
    model.train_on_batch(inputs[0], np.ones((300, 2)))  # it moves the statistics of the normalisation
    expected = [model.predict(x) for x in inputs]
    results: list = [None] * 8
    start = threading.Barrier(8)

    def work(i):
        start.wait()
        results[i] = [model.predict(inputs[i]) for _ in range(40)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(8):
        assert len(results[i]) == 40
        assert all(np.array_equal(result, expected[i]) for result in results[i])


# ---- weights


def test_weights_are_copies_in_keras_order():
    model = classifier()
    model.build((2,))
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(2, 3), (3,), (3, 1), (1,)]
    assert model.count_params() == 13
    weights[0][:] = 0
    assert model.params["dense/kernel"].value.any()
    model.set_weights(weights)
    assert not model.params["dense/kernel"].value.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: None, "set_weights takes a list of arrays, as get_weights returns it, got None"),
        (lambda w: w[:3], "set_weights: got 3 arrays for 4 weights: dense/kernel, dense/bias, dense_1/kernel"),
        (lambda w: [w[0].T, *w[1:]], "set_weights: dense/kernel has shape (2, 3), got (3, 2)"),
        (lambda w: [*w[:3], [np.nan]], "set_weights: dense_1/bias[0] is nan; every value must be finite"),
        (lambda w: [*w[:3], [1e39]], "set_weights: dense_1/bias[0] is 1e+39, too large for float32"),
        (lambda w: [*w[:3], ["1"]], "set_weights: dense_1/bias has dtype <U1; it must hold real numbers."),
    ],
)
def test_weights_are_all_checked_before_the_first_is_set(change, message):
    model = classifier()
    model.build((2,))
    before = model.get_weights()
    with pytest.raises(ValueError) as caught:
        model.set_weights(change([w + 1 for w in before]))
    assert str(caught.value).startswith(message)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))


# ---- not finite


@dataclass(eq=False)
class Poison(Layer):
    """y = x + shift; at one call its backward returns, or sets, NaN."""

    at: int
    where: str

    def build(self, input_shape):
        self.calls = 0
        self.shift = Parameter(input_shape, "zeros")
        return input_shape

    def forward(self, x, training=False):
        self.calls += training
        bad = self.calls == self.at and training and self.where == "loss"
        return x + self.shift.value + (np.inf if bad else 0)

    def backward(self, dy):
        self.shift.grad = dy.sum(axis=0)
        if self.calls == self.at and self.where == "own":
            self.shift.grad[0] = np.inf
        return dy * np.nan if self.calls == self.at and self.where == "input" else dy


# 20 rows in batches of 8: three an epoch, so the fifth call is batch 2 of epoch 2
MESSAGES = {
    "input": ("the gradient", "dense/kernel"),
    "own": ("the gradient", "poison/shift"),
    "loss": ("the loss", "dense/kernel"),
}


class Weights(Callback):
    """Keeps the weights after every update."""

    def on_train_begin(self, logs=None):
        self.kept = [self.model.get_weights()]

    def on_train_batch_end(self, batch, logs=None):
        self.kept.append(self.model.get_weights())


def usable(model, weights, x=X, y=Y):
    """The model has these weights, all finite, predicts, evaluates and trains on."""
    assert all(np.array_equal(*pair) for pair in zip(weights, model.get_weights(), strict=True))
    assert all(np.isfinite(w).all() for w in weights)
    assert all(np.shares_memory(p.value, model.params.theta) for p in model.params.values())
    assert np.isfinite(model.predict(x)).all()
    assert model.batch is None
    model.compile(SGD(1e-6), "mse")
    assert len(model.fit(x, y, epochs=2).epoch) == 2
    assert np.isfinite(model.params.theta).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("where", MESSAGES)
@pytest.mark.parametrize("penalty", [False, True])
def test_a_loss_or_gradient_that_is_not_finite_ends_before_the_update(where, dtype, penalty):
    model = Sequential([Dense(3), Poison(5, where), Dense(1)], seed=0, dtype=dtype)
    model.compile(SGD(0.01, momentum=0.9), MeanSquaredError() + L2(0.1) if penalty else "mse")
    watch = Weights()
    with pytest.raises(NonFiniteError) as caught:
        model.fit(X, Y, batch_size=8, epochs=4, callbacks=[watch])
    what, path = MESSAGES[where]
    assert str(caught.value) == (
        f"fit: {what} is not finite in epoch 2, batch 2; the first gradient that is not finite is {path}. "
        "The weights are those of the step before. Try a smaller learning rate (now 0.01)"
    )
    assert len(watch.kept) == 5
    assert np.isfinite(model.optimizer.velocity).all()
    usable(model, watch.kept[-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("learning_rate", [10.0, 1e6, 1e30])
def test_a_learning_rate_that_diverges_ends_in_words(dtype, learning_rate):
    model = Sequential([Dense(3), ReLU(), Dense(1, kernel_initializer=Constant(1))], seed=0, dtype=dtype)
    model.compile(SGD(learning_rate))
    watch = Weights()
    with pytest.raises(NonFiniteError, match=rf"smaller learning rate \(now {learning_rate:g}\)".replace("+", r"\+")):
        model.fit(X, Y + 1, epochs=2000, batch_size=8, callbacks=[watch])
    assert all(np.array_equal(*pair) for pair in zip(watch.kept[-1], model.get_weights(), strict=True))
    assert np.isfinite(model.params.theta).all()
    model.set_weights(watch.kept[0])
    usable(model, watch.kept[0])


def test_a_gradient_whose_square_alone_overflows_is_no_reason_to_stop():
    model = Sequential([Dense(1, kernel_initializer="zeros")])
    model.compile(SGD(1e-30), "mse")
    model.fit(np.full((4, 1), 1e15), np.full(4, -1e8))  # the gradient is 2e23, its square beyond float32
    assert np.isfinite(model.params.theta).all()
    assert model.params.theta[0] < 0


# ---- interrupted


def interrupting(hook):
    def method(self, *_):
        raise KeyboardInterrupt

    return type("Interrupt", (Callback,), {hook: method})()


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if "predict" not in hook and hook != "on_not_finite"])
def test_an_interrupt_at_any_hook_leaves_a_usable_model(hook):
    model = Sequential([Dense(3), ReLU(), Dense(1)], seed=0)
    model.compile(SGD(0.01, momentum=0.9), "mse")
    watch = Weights()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=8, epochs=2, validation_data=(X, Y), callbacks=[watch, interrupting(hook)])
    usable(model, watch.kept[-1] if hasattr(watch, "kept") else model.get_weights())


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if "predict" in hook])
def test_an_interrupt_in_predict_changes_nothing(hook):
    model = classifier()
    model.fit(X, Y)
    expected = model.predict(X)
    with pytest.raises(KeyboardInterrupt):
        model.predict(X, callbacks=[interrupting(hook)])
    assert np.array_equal(model.predict(X), expected)


# ---- learning


def test_it_learns_the_notebooks_circles():
    from minidl.datasets import circles
    from minidl.initializers import HeNormal

    x, y = circles(300, noise=0.05, seed=0)
    model = Sequential(
        [Dense(n, kernel_initializer=HeNormal()) if n else ReLU() for n in (10, 0, 5, 0, 1)] + [Sigmoid()], seed=0
    )
    model.compile(SGD(0.1), metrics=["accuracy"])
    model.fit(x, y, batch_size=300, epochs=1500)
    # the notebook: with learning rate 0.1 and 1,500 epochs 0.99 on the training rows, 0.94 on 100 others
    assert model.evaluate(x, y)[1] > 0.97
    assert model.evaluate(*circles(100, noise=0.05, seed=1))[1] > 0.9


def test_zeros_learn_nothing_as_the_notebook_shows():
    from minidl.datasets import circles

    x, y = circles(300, noise=0.05, seed=0)
    model = Sequential([Dense(10, kernel_initializer="zeros"), ReLU(), Dense(1, kernel_initializer="zeros"), Sigmoid()])
    model.compile(SGD(0.01), metrics=["accuracy"])
    model.fit(x, y, batch_size=300, epochs=200)
    assert model.evaluate(x, y)[1] == 0.5  # the notebook: train 0.5


def test_a_model_of_user_layers_around_a_chain():
    @dataclass(eq=False)
    class Twice(Layer):
        """y = 2 f(x)."""

        inner: Layer

        def build(self, input_shape):
            return self.inner.build(input_shape)

        def forward(self, x, training=False):
            return 2 * self.inner.forward(x, training)

        def backward(self, dy):
            return self.inner.backward(2 * dy)

    model = Model(Twice(Chain(Dense(2), Dense(1))), seed=0, dtype="float64")
    model.fit(X, Y)
    plain = Sequential([layer.clone() for layer in (Dense(2), Dense(1))], seed=0, dtype="float64")
    plain.build((2,))
    plain.set_weights(model.get_weights())
    assert np.allclose(model.predict(X), 2 * plain.predict(X), rtol=1e-14)
    assert repr(copy.deepcopy(model)) == repr(model)


# ---- what a model is made of


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64"), np.dtype(">f8")])
def test_a_dtype_may_be_written_as_numpy_takes_it(dtype):
    model = Sequential([Dense(1)], dtype=dtype)
    model.build((2,))
    assert model.params.theta.dtype == np.float64
    assert model.params.theta.dtype.isnative


@pytest.mark.parametrize("dtype", [None, "foo", int, "float16", 3])
def test_another_dtype_is_refused(dtype):
    with pytest.raises(SettingError, match="Model: dtype must be float32 or float64, got "):
        Sequential([Dense(1)], dtype=dtype)


def test_a_parameter_in_two_places_is_refused():
    class Tied(Layer):
        def build(self, input_shape):
            self.first = self.second = Parameter(input_shape, Zeros())
            return input_shape

    with pytest.raises(SettingError, match="the parameter tied/second is the same object as tied/first"):
        Sequential([Tied()]).build((2,))


def test_the_default_loss_is_that_of_the_last_layer_when_the_training_begins():
    model = Sequential([Dense(3)])
    model.compile()
    model.add(Sigmoid())
    model.fit(X, np.zeros((len(X), 3)))
    assert model.objective.terms.loss == BinaryCrossentropy()


@pytest.mark.parametrize("verbose", [3, -1, "loud", None, 1.5])
def test_verbose_is_checked_everywhere(verbose):
    model = classifier()
    model.fit(X, Y)
    for use in (lambda: model.fit(X, Y, verbose=verbose), lambda: model.evaluate(X, Y, verbose=verbose)):
        with pytest.raises(SettingError, match="verbose must be 0, 1, 2 or 'auto', got "):
            use()
    with pytest.raises(SettingError, match="verbose must be 0, 1, 2 or 'auto', got "):
        model.predict(X, verbose=verbose)


def test_evaluate_and_predict_show_a_bar_when_asked(capsys):
    model = classifier()
    model.fit(X, Y)
    model.evaluate(X, Y)
    model.predict(X)
    assert capsys.readouterr() == ("", "")
    model.evaluate(X, Y, verbose=1)
    assert "1/1" in (shown := capsys.readouterr().out)
    assert "loss: " in shown
    model.predict(X, verbose=1)
    assert "1/1" in capsys.readouterr().out


def test_a_model_that_is_not_built_shows_its_layers_in_a_notebook():
    table = Sequential([Dense(3, name="<head>"), ReLU()])._repr_html_()
    assert "<tr><td>&lt;head&gt; (Dense)</td><td>?</td><td>0 (unbuilt)</td></tr>" in table


# ---- what goes wrong quietly, and must not


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((20, 1), int), "out has dtype int64, which cannot hold the outputs, float32"),
        (np.empty((20, 1), bool), "out has dtype bool"),
        ([[0.0]] * 20, "out must be an array or an HDF5 dataset, got list"),
        (np.empty(20), r"out has shape \(20,\), wanted \(20, 1\)"),
    ],
)
def test_predict_rounds_nothing_into_out(out, message):
    model = classifier()
    model.build((2,))
    with pytest.raises(ValueError, match="predict: " + message):
        model.predict(X, out=out)


@pytest.mark.parametrize("rows", [10, 12])
def test_predict_refuses_an_out_that_is_not_as_long_as_what_comes(rows):
    model = classifier()
    model.build((2,))
    with pytest.raises(DataError, match=f"predict: x yielded 11 rows, out has {rows}"):
        model.predict((X[:n] for n in (10, 1)), out=np.empty((rows, 1)))


def test_targets_that_were_refused_choose_no_loss():
    model = Sequential([Dense(3), Sigmoid()], seed=0)
    with pytest.raises(ShapeError):
        model.train_on_batch(X, Y)
    model.add(Dense(1))
    model.train_on_batch(X, Y)
    assert isinstance(model.objective.terms.loss, MeanSquaredError)


L = np.random.default_rng(3).integers(0, 3, len(X))
ONE_HOT = np.eye(3)[L]


def softmax():
    return Sequential([Dense(8), ReLU(), Dense(3), Softmax()], seed=0)


def test_only_the_targets_of_the_training_choose_the_loss():
    alone = softmax().fit(X, ONE_HOT, epochs=3).history["loss"]
    model = softmax()

    def refused(epoch, logs):
        with pytest.raises(ShapeError, match="y has 1 numbers in a row"):
            model.evaluate(X, L)

    look = LambdaCallback(on_epoch_end=refused)
    assert model.fit(X, ONE_HOT, epochs=3, callbacks=look).history["loss"] == alone
    with pytest.raises(ShapeError, match="y has 1 numbers in a row, the model has 3 outputs"):
        softmax().fit(X, ONE_HOT, validation_data=(X, L))
    assert model.fit(X, L).history["loss"][0] > 0  # another training may choose anew


def test_class_weights_count_in_training_and_not_in_validation():
    weights = {0: 1.0, 1: 10.0}
    at = int(len(X) * 0.75)
    split = classifier().fit(X, Y, validation_split=0.25, class_weight=weights, shuffle=False).history
    apart = classifier().fit(X[:at], Y[:at], validation_data=(X[at:], Y[at:]), class_weight=weights, shuffle=False)
    assert split == apart.history


def test_a_loss_that_is_not_finite_leaves_the_moving_averages_alone():
    model = Sequential([Dense(4), BatchNormalization(), Dense(1)], seed=0)
    model.fit(X, X[:, 0])
    before = model.get_weights()
    with pytest.raises(NonFiniteError):
        model.fit(np.sign(X) * 3e38, X[:, 0], epochs=3)
    assert all(map(np.array_equal, model.get_weights(), before))
    assert np.isfinite(model.predict(X)).all()


def test_a_callback_may_stop_a_training_before_it_begins():
    stop = LambdaCallback(on_train_begin=lambda logs: setattr(model, "stop_training", True))
    model = classifier()
    assert model.fit(X, Y, epochs=3, callbacks=stop).epoch == []


def test_a_training_that_ends_in_its_first_batch_has_no_figures():
    model = Sequential([Dense(1)], seed=0)
    model.compile(SGD(1e3))
    best = EarlyStopping("loss", patience=100, restore_best_weights=True)
    history = model.fit(X * 100, X[:, 0], epochs=50, batch_size=len(X), callbacks=[TerminateOnNaN(), best])
    assert np.isnan(history.history["loss"][-1])
    assert best.best == min(history.history["loss"][:-1])


class Promises(Layer):
    """A layer that says one thing and does another."""

    promised = made = None

    def build(self, input_shape):
        return (1,)

    def forward(self, x, training=False):
        return self.made(x)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda x: x.sum(axis=1), r"Promises: forward returns an array of shape \(2,\) for 2 rows, but build"),
        (lambda x: x, r"but build returned the row shape \(1,\)"),
        (lambda x: None, "Promises: forward returns None for 2 rows"),
    ],
)
def test_a_layer_that_breaks_its_promise_is_named(made, message):
    layer = Promises()
    layer.made = made
    with pytest.raises(ShapeError, match=message):
        Sequential([layer]).build((2,))


def test_a_gradient_that_backward_forgets_is_noticed_in_the_first_step():
    class Forgetful(Layer):
        def build(self, input_shape):
            self.scale = Parameter(input_shape, Constant(1.0))
            return input_shape

        def forward(self, x, training=False):
            return x * self.scale.value

        def backward(self, dy):
            return dy * self.scale.value

    with pytest.raises(NonFiniteError, match=r"is forgetful/scale.*Does the layer's backward set it"):
        Sequential([Forgetful(), Dense(1)]).fit(X, Y)


def test_a_layer_that_writes_into_x_cannot_write_into_the_callers_array():
    class Greedy(Layer):
        def forward(self, x, training=False):
            x[x < 0] = 0
            return x

        def backward(self, dy):
            return dy

    x = X.astype(np.float32)
    with pytest.raises(ValueError, match="read-only"):
        Sequential([Greedy(), Dense(1)], seed=0).fit(x, Y)
    assert (x < 0).any()


def test_from_logits_behind_the_activation_is_taken_at_its_word():
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(loss=BinaryCrossentropy(from_logits=True))
    model.build((2,))
    p = model.predict(X)
    assert model.evaluate(X, Y) == pytest.approx(BinaryCrossentropy(from_logits=True)(Y[:, None], p), rel=1e-6)


def test_validation_from_a_generator_needs_its_number_of_steps():
    def endless():
        while True:
            yield X, Y

    history = classifier().fit(X, Y, epochs=2, validation_data=endless(), validation_steps=2)
    assert len(history.history["val_loss"]) == 2


def test_a_learning_rate_set_to_nothing_is_refused_before_the_update():
    model = classifier()
    model.fit(X, Y)
    before = model.params.theta.copy()
    for rate in (float("nan"), "x", -1.0):
        model.optimizer.learning_rate = rate
        with pytest.raises(SettingError, match="learning_rate must be in"):
            model.fit(X, Y)
    assert np.array_equal(model.params.theta, before)


def test_a_failed_fit_keeps_the_loss_of_the_last_one():
    model = softmax()
    model.fit(X, L)
    chosen = model.objective.terms
    with pytest.raises(ShapeError):
        model.fit(X, ONE_HOT[:, :2])
    with pytest.raises(ShapeError):
        model.fit(X, ONE_HOT, validation_data=(X, ONE_HOT[:, :2]))
    assert model.objective.terms == chosen


def test_an_error_names_the_method_that_was_called():
    first, second = classifier(), softmax()
    first.fit(X, Y)
    second.optimizer = first.optimizer
    with pytest.raises(SettingError, match=r"train_on_batch: .* is already in use by another model"):
        second.train_on_batch(X, L)
