"""The causes that check_backward gives for functions and for layers that are not minidl's."""

import numpy as np
import pytest

from minidl.gradcheck import check_backward

RNG = np.random.default_rng(3)
X, W, U = RNG.standard_normal((5, 3)), RNG.standard_normal((3, 4)), RNG.standard_normal((4, 4))
STEPS, GAMMA = RNG.standard_normal((5, 6, 3)), RNG.standard_normal(3)


def causes(forward, backward, *inputs):
    report = check_backward(forward, backward, *inputs, raise_on_failure=False)
    return {path: tensor.cause for path, tensor in report.wrong.items()}


# ---- the search among the operations of forward


def attention(x, W):
    scores = np.exp(x @ W)
    p = scores / scores.sum(axis=1, keepdims=True)
    return p, (x, W, p)


def test_the_row_term_of_softmax_is_missed_in_a_pair_of_functions():
    def backward(dy, cache):
        x, W, p = cache
        return p * dy @ W.T, x.T @ (p * dy)

    found = causes(attention, backward, X, W)
    assert all("the row term of softmax" in cause and "is forgotten" in cause for cause in found.values())
    assert list(found) == ["x", "W"]


class Recurrent:
    """h_t = tanh(x_t W + h_(t-1) U), in an array that the layer makes itself."""

    def __init__(self, chained):
        self.chained = chained

    def forward(self, x, W, U):
        self.x, self.W, self.U = x, W, U
        self.h = np.zeros((x.shape[1] + 1, len(x), len(U)), x.dtype)
        for t in range(x.shape[1]):
            self.h[t + 1] = np.tanh(x[:, t] @ W + self.h[t] @ U)
        return self.h[1:].swapaxes(0, 1)

    def backward(self, dy):
        dx, dW, dU, back = np.zeros_like(self.x), 0 * self.W, 0 * self.U, 0
        for t in reversed(range(dy.shape[1])):
            da = (dy[:, t] + self.chained * back) * (1 - self.h[t + 1] ** 2)
            dx[:, t], back = da @ self.W.T, da @ self.U.T
            dW += self.x[:, t].T @ da
            dU += self.h[t].T @ da
        return dx, dW, dU


def test_a_step_that_is_not_chained_is_named_in_a_foreign_layer():
    layer = Recurrent(True)
    assert check_backward(layer.forward, layer.backward, STEPS, W, U).passed
    layer = Recurrent(False)
    found = causes(layer.forward, layer.backward, STEPS, W, U)
    assert all("the gradient of the next step" in cause for cause in found.values())


def test_a_layer_can_be_used_after_it_was_searched():
    layer = Recurrent(False)
    causes(layer.forward, layer.backward, STEPS, W, U)
    assert (layer.x + 1).shape == STEPS.shape  # what it keeps may still be watched
    assert type(layer.forward(STEPS, W, U) * 2) is np.ndarray


# ---- constant factors


def affine(x, W):
    return x @ W, (x, W)


def scaled(factor):
    return lambda dy, cache: (dy @ cache[1].T, cache[0].T @ dy * factor(cache[0]))


@pytest.mark.parametrize(
    ("rows", "factor", "says"),
    [
        (5, lambda x: 1 / len(x), "derivative / 5 everywhere, and 5 = 5 rows: a mean where a sum belongs"),
        (2, lambda x: 1 / len(x), "derivative / 2 everywhere, and 2 = 2 rows: a mean where a sum belongs"),
        (2, lambda x: 1 / 2, "1/2 x derivative everywhere: a factor of 2 too little"),
        (4, lambda x: len(x) / 2, "2 x derivative everywhere, and 2 = 4 rows / 2"),
        (5, lambda x: 1 / len(x) ** 2, "derivative / 25 everywhere, and 25 = 5 rows x 5 rows"),
        (5, lambda x: 1 / 5, "5 = 5 rows: a mean where a sum belongs, but it stays for longer arrays"),
        (5, lambda x: x.shape[1] / len(x), "0.6 = 3 columns of x or 3 rows of W / 5 rows"),
        (5, lambda x: 0.6, "0.6 x derivative everywhere: a constant factor too little"),
    ],
)
def test_a_factor_is_named_if_it_holds_for_longer_arrays(rows, factor, says):
    cause = causes(affine, scaled(factor), X[:rows], W)["W"]
    assert says in cause or (says.startswith("0.6 = ") and "0.6 = 3 columns of x / 5 rows" in cause)


# ---- what does not depend on dy


def test_a_penalty_inside_backward_is_found_without_its_formula():
    def backward(dy, cache):
        x, W = cache
        return dy @ W.T, x.T @ dy + 0.1 * np.sign(W) + 0.4 * W

    assert "such as a penalty; without it dL/dW is right" in causes(affine, backward, X, W)["W"]


def test_a_backward_that_does_not_use_dy():
    found = causes(lambda x: (x**3).mean(), lambda dy, x: 3.1 * x**2 / x.size, X)
    assert found == {"x": "dL/dx does not depend on dy: backward does not use it"}


# ---- others


def test_a_branch_is_not_named_if_there_is_no_other():
    positive = np.abs(X) + 0.1
    found = causes(lambda x: np.log(x), lambda dy, x: dy / x**3 + dy, positive)
    assert "look at that branch" not in str(found["x"])


def test_a_slope_at_the_input_where_the_output_belongs():
    def forward(x):
        return 1 / (1 + np.exp(-x)), x

    assert "dy * (x (1 - x))" in causes(forward, lambda dy, x: dy * x * (1 - x), X)["x"]


def test_the_scale_of_a_normalization_that_is_multiplied_at_the_end():
    def forward(x, gamma):
        centred = x - x.mean(axis=1, keepdims=True)
        s = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        return gamma * centred / s, (centred / s, s, gamma)

    def backward(dy, cache):
        n, s, gamma = cache
        dx = dy - dy.mean(axis=1, keepdims=True) - n * (dy * n).mean(axis=1, keepdims=True)
        return gamma * dx / s, (dy * n).sum(axis=0)

    found = causes(forward, backward, X, GAMMA)
    assert found == {"x": "dL/dx is that for gamma = 1, times gamma: multiply dy by gamma first, not at the end"}


def test_a_small_number_that_is_left_out():
    found = causes(lambda p: np.log(p + 1e-5).sum(), lambda dy, p: dy / p, np.abs(X) + 0.5)
    assert "agrees with the derivative to 5 digits" in found["p"] or "to 4 digits" in found["p"]
