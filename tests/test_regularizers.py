"""Penalties by hand, and the parameters that they apply to."""

import numpy as np
import pytest

from minidl import Sequential, SettingError
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.regularizers import L1, L1L2, L2, FunctionPenalty, OrthogonalRegularizer


def test_l2_by_hand():
    w = np.array([1.0, -2, 3])
    assert L2(0.7).value(w, 5) == pytest.approx(0.7 / 10 * 14, rel=1e-15)
    assert np.allclose(L2(0.7).gradient(w, 5), [0.14, -0.28, 0.42], rtol=1e-15)


def test_l1_by_hand():
    w = np.array([1.0, -2, 0])
    assert L1(0.5).value(w, 4) == 0.5 / 4 * 3
    assert np.array_equal(L1(0.5).gradient(w, 4), [0.125, -0.125, 0])


def test_l1l2_is_their_sum():
    w = np.array([1.0, -2, 0])
    assert L1L2(0.5, 0.7).value(w, 4) == pytest.approx(0.5 / 4 * 3 + 0.7 / 8 * 5, rel=1e-15)
    assert np.allclose(L1L2(0.5, 0.7).gradient(w, 4), [0.125 + 0.175, -0.125 - 0.35, 0], rtol=1e-15)
    assert L1L2().value(w, 4) == 0


@pytest.mark.parametrize("penalty", [L1(np.float64(0.5)), L2(np.float64(0.7)), L1L2(np.float64(0.5), np.float64(0.7))])
def test_a_penalty_keeps_the_dtype_of_the_weights(penalty):
    assert penalty.gradient(np.ones(2, np.float32), 4).dtype == np.float32


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: L1(-1), "L1: lambd"),
        (lambda: L2(-1), "L2: lambd"),
        (lambda: L1L2(-1), "L1L2: l1"),
        (lambda: L1L2(l2=-1), "L1L2: l2"),
    ],
)
def test_a_penalty_is_never_negative(make, setting):
    with pytest.raises(SettingError, match=rf"^{setting} must be in \[0, inf\), got -1"):
        make()


def test_penalties_can_be_differentiated_by_the_complex_step():
    w = np.array([1.0, -2, 3], complex)
    for penalty in (L1(0.5), L2(0.7), L1L2(0.5, 0.7)):
        for i in range(3):
            step = w.copy()
            step[i] += 1e-200j
            assert penalty.value(step, 4).imag / 1e-200 == pytest.approx(penalty.gradient(w.real, 4)[i], rel=1e-15)


def model_with(objective):
    model = Sequential([Dense(2), ReLU(), Dense(1), Sigmoid()], dtype="float64")
    model.compile(loss=objective)
    model.build((3,))
    kernels = [np.arange(6.0).reshape(3, 2) - 2, np.array([[0.5], [-1.5]])]
    model.set_weights([kernels[0], [7, 8], kernels[1], [9]])
    return model, kernels


def test_l2_of_a_model_equals_the_notebook():
    model, (W1, W2) = model_with(BinaryCrossentropy() + L2(0.7))
    x, y = np.random.default_rng(0).normal(size=(4, 3)), [0, 1, 1, 0]
    plain, _ = model_with(BinaryCrossentropy())
    loss = model.backpropagate(x, y)
    # the notebook: the cost grows by lambda / (2 m) sum W^2, dW by lambda / m W, biases are left out
    penalty = 0.7 / (2 * 4) * ((W1**2).sum() + (W2**2).sum())
    assert loss - plain.backpropagate(x, y) == pytest.approx(penalty, rel=1e-14)
    added = {path: model.params[path].grad - plain.params[path].grad for path in model.params}
    assert np.allclose(added["dense/kernel"], 0.7 / 4 * W1, rtol=1e-13, atol=1e-15)
    assert np.allclose(added["dense_1/kernel"], 0.7 / 4 * W2, rtol=1e-13, atol=1e-15)
    assert not added["dense/bias"].any()
    assert not added["dense_1/bias"].any()


def test_history_has_the_two_parts_of_the_loss():
    model, (W1, W2) = model_with(BinaryCrossentropy() + L2(0.7) + L1(0.2))
    x, y = np.random.default_rng(0).normal(size=(4, 3)), [0, 1, 1, 0]
    history = model.fit(x, y, validation_data=(x, y)).history
    assert list(history) == ["loss", "data_loss", "penalty", "val_loss", "val_data_loss", "val_penalty"]
    assert history["loss"][0] == pytest.approx(history["data_loss"][0] + history["penalty"][0], rel=1e-15)
    squares, sizes = (W1**2).sum() + (W2**2).sum(), np.abs(W1).sum() + np.abs(W2).sum()
    assert history["penalty"][0] == pytest.approx(0.7 / 8 * squares + 0.2 / 4 * sizes, rel=1e-14)


def test_the_penalty_divides_by_the_rows_of_the_training():
    model, (W1, W2) = model_with(BinaryCrossentropy() + L2(1.0))
    model.compile("sgd", model.loss)
    model.optimizer.learning_rate = 1e-300  # the weights stay
    x, y = np.zeros((5, 3)), np.zeros(5)
    squares = (W1**2).sum() + (W2**2).sum()
    history = model.fit(x, y, batch_size=2, shuffle=False).history
    assert history["penalty"][0] == pytest.approx(squares / (2 * 5), rel=1e-14)
    for batch_size in (None, 2, 100):
        penalty = model.evaluate(x, y, batch_size=batch_size, return_dict=True)["penalty"]
        assert penalty == pytest.approx(squares / (2 * 5), rel=1e-14)


def test_a_penalty_of_a_layer_applies_to_its_parameter_alone():
    w, b, x, y = np.array([[1.0], [-2.0]]), np.array([3.0]), np.zeros((4, 2)), np.zeros(4)
    model = Sequential([Dense(1, kernel_regularizer=L2(0.7), bias_regularizer=L1(0.2)), Dense(1)], dtype="float64")
    model.compile(loss="mse")
    model.build((2,))
    model.set_weights([w, b, [[0.0]], [0.0]])
    # by hand: 0.7 / (2 * 4) * (1 + 4) + 0.2 / 4 * 3, and no loss, as the second layer returns 0
    assert model.backpropagate(x, y) == pytest.approx(0.7 / 8 * 5 + 0.2 / 4 * 3, rel=1e-15)
    assert np.allclose(model.params["dense/kernel"].grad, 0.7 / 4 * w, rtol=1e-15)
    assert np.allclose(model.params["dense/bias"].grad, 0.2 / 4, rtol=1e-15)
    assert not model.params["dense_1/kernel"].grad.any()


@pytest.mark.parametrize("given", ["ridge", L2, 0.1])
def test_a_layer_accepts_only_penalties_as_regularizers(given):
    for name in ("kernel_regularizer", "bias_regularizer"):
        with pytest.raises(SettingError, match=f"Dense: {name} must be a penalty such as L2"):
            Dense(1, **{name: given})


def test_a_class_of_penalties_is_answered_with_how_it_is_called():
    with pytest.raises(SettingError, match=r"or None, got <class '.*L2'>; write L2\(\.\.\.\)$"):
        Dense(1, kernel_regularizer=L2)
    with pytest.raises(SettingError, match=r"; write L1L2\(\)$"):
        Dense(1, kernel_regularizer=L1L2)


def test_a_penalty_of_0_changes_nothing():
    x, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
    weights = []
    for objective in (BinaryCrossentropy(), BinaryCrossentropy() + L2(0) + L1(0)):
        model, _ = model_with(objective)
        model.fit(x, y, epochs=3, batch_size=4, shuffle=False)
        weights.append(model.params.theta.copy())
    assert np.array_equal(*weights)


def test_l1_makes_the_weights_of_noise_0():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    model = Sequential([Dense(1)], seed=0, dtype="float64")
    model.compile(loss=MeanSquaredError() + L1(40.0))
    model.optimizer.learning_rate = 0.01
    model.fit(x, 3 * x[:, 0], batch_size=200, epochs=600)
    kernel = model.get_weights()[0].ravel()
    # soft threshold (Tibshirani 1996, eq. 5, for uncorrelated features): 3 - (40 / 200) / 2 = 2.9 and 0
    assert kernel[0] == pytest.approx(2.9, abs=0.03)
    assert np.abs(kernel[1:]).max() < 0.01


def test_orthogonal_rows_by_hand():
    w = np.array([[3.0, 4], [8, -6], [0, 2]])
    # the cosines of the pairs are 0, 0.8 and -0.6
    assert OrthogonalRegularizer(0.3).value(w, 5) == pytest.approx(0.3 * (0 + 0.8 + 0.6) / 3, rel=1e-12)
    assert OrthogonalRegularizer(0.3, "columns").value(w.T, 5) == pytest.approx(0.14, rel=1e-12)
    assert OrthogonalRegularizer().value(w[:1], 5) == 0
    assert np.isfinite(OrthogonalRegularizer().gradient(np.zeros((2, 3)), 5)).all()


def test_penalties_that_see_the_shape_apply_to_each_kernel_on_its_own():
    shapes = []

    def f(w):
        shapes.append(w.shape)
        return np.sum(np.square(w))

    model, *_ = model_with(BinaryCrossentropy() + FunctionPenalty(f, shaped=True))
    kernels = [p.value for p in model.params.values() if len(p.shape) == 2]
    assert model.objective.penalty(10) == pytest.approx(sum(np.square(k).sum() for k in kernels), rel=1e-12)
    assert set(shapes) == {k.shape for k in kernels}
