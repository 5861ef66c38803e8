"""The check of any pair of functions: forms of calls, inputs and outputs of any structure, planted mistakes."""

from functools import wraps
from types import SimpleNamespace

import numpy as np
import pytest

from minidl import DataError, GradientError, SettingError, ShapeError
from minidl.gradcheck import check_backward, check_gradient
from tests.helpers.course_functions import PLANTS, RIGHT

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 3))


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_of_a_course_passes(name):
    forward, backward, inputs = RIGHT[name]
    report = check_backward(forward, backward, *inputs)
    assert report.difference < 1e-7
    assert report.notes == []


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.of}: {plant.name}")
def test_a_planted_mistake_is_found_where_it_is(plant):
    forward, _, inputs = RIGHT[plant.of]
    report = check_backward(forward, plant.backward, *inputs, raise_on_failure=False)
    assert set(report.wrong) == set(plant.wrong)
    if plant.says:
        assert plant.says in str(report)


def test_the_report_is_raised_and_names_every_input():
    def forward(x, W, b):
        return x @ W + b, (x, W)

    def backward(dy, cache):
        x, W = cache
        return dy @ W.T, x.T @ dy, dy.mean(axis=0)

    with pytest.raises(GradientError, match="forward: 1 of 3 gradients wrong") as caught:
        check_backward(forward, backward, X, RNG.standard_normal((3, 2)), np.zeros(2))
    report = caught.value.report
    assert list(report.tensors) == ["x", "W", "b"]
    assert report.tensors["b"].cause == "dL/db = derivative / 4 everywhere, and 4 = 4 rows: a mean where a sum belongs"


def test_a_jacobian_that_is_not_transposed_is_found():
    """y and x have the same shape: along dy itself the derivative would be the same."""
    forward, square = lambda x, W: (x @ W, (x, W)), RNG.standard_normal((3, 3))
    report = check_backward(forward, lambda dy, cache: (dy @ cache[1], cache[0].T @ dy), X, square,
                            raise_on_failure=False)  # fmt: skip
    assert list(report.wrong) == ["x"]


# ---- in which forms functions are called

W = RNG.standard_normal((3, 2))
FORMS = {
    "dy": (lambda x: x**2, lambda dy: dy * 2 * X, (X,)),
    "dy and a cache": (lambda x: (x**2, (x,)), lambda dy, cache: dy * 2 * cache[0], (X,)),
    "a cache that is an array": (lambda x: (x**2, 2 * x), lambda dout, slope: dout * slope, (X,)),
    "two outputs": (lambda x: (x**2, 3 * x), lambda dy, dz: dy * 2 * X + 3 * dz, (X,)),
    "two outputs and a cache": (
        lambda x: (x**2, 3 * x, {"x": x}),
        lambda dy, dz, cache: dy * 2 * cache["x"] + 3 * dz,
        (X,),
    ),
    "dy and the inputs": (lambda a, b: a @ b, lambda dy, a, b: (dy @ b.T, a.T @ dy), (X, W)),
    "the inputs and dy": (lambda a, b: a @ b, lambda a, b, dy: (dy @ b.T, a.T @ dy), (X, W)),
    "a loss with a cache": (lambda x: ((x**2).sum(), x), lambda cache: 2 * cache, (X,)),
    "a loss with dy": (lambda x: (x**2).sum(), lambda dy: dy * 2 * X, (X,)),
    "a loss with its inputs": (lambda a: (a**2).sum(), lambda a: 2 * a, (X,)),
    "any arguments": (lambda *x: x[0] * x[1], lambda *dy: (dy[0] * 2, dy[0] * X), (X, 2 + 0 * X)),
    "a dict of outputs": (lambda x: {"a": x**2, "b": x}, lambda dy: dy["a"] * 2 * X + dy["b"], (X,)),
    "a list of outputs": (lambda x: [x**2, x], lambda dy, dz: dy * 2 * X + dz, (X,)),
    "an integer output": (lambda x: (x**2, np.argmax(x, axis=1)), lambda dy, _: dy * 2 * X, (X,)),
    "gradients as a list": (lambda a, b: a @ b, lambda dy: [dy @ W.T, X.T @ dy], (X, W)),
    "a numpy function": (np.sin, lambda dy: dy * np.cos(X), (X,)),
    "a gradient of numbers": (lambda x: (x**2).sum(), lambda dy: [2 * dy, 4 * dy], (np.array([1.0, 2.0]),)),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_calls(form):
    forward, backward, inputs = FORMS[form]
    report = check_backward(forward, backward, *inputs)
    assert (report.method, len(report.tensors)) == ("complex", len(inputs))

    @wraps(backward)
    def worse(*arguments):
        found = backward(*arguments)
        return [1.001 * np.asarray(g) for g in found] if isinstance(found, tuple | list) else 1.001 * found

    wrong = check_backward(forward, worse, *inputs, cache="cache" in form, raise_on_failure=False)
    assert len(wrong.wrong) == len(inputs)


def test_methods_of_an_object():
    class Square:
        def forward(self, x):
            self.x = x
            return x * x

        def backward(self, dy):
            return 2 * dy * self.x

    layer = Square()
    assert check_backward(layer.forward, layer.backward, X).title == "Square.forward"


def test_the_cache_can_be_given():
    # by the names alone, both results could be outputs
    report = check_backward(lambda x: (x**2, 3 * x), lambda dy, dz: dy * dz * 2 / 3, X, cache=True)
    assert report.passed
    assert not check_backward(lambda x: (x**2, 3 * x), lambda dy, dz: dy * dz * 2 / 3, X, raise_on_failure=False).passed


# ---- inputs of any structure


def test_dicts_and_tuples_of_arrays():
    params = {"W": W, "nested": [np.ones(2), {"b": np.zeros(2)}], "activation": "linear", "layers": 1}

    def forward(params, x):
        return (x @ params["W"] + params["nested"][0] + params["nested"][1]["b"]) * params["layers"]

    def backward(dy):
        total = dy.sum(axis=0)
        return {"W": X.T @ dy, "nested": [total, {"b": total}]}, dy @ W.T

    report = check_backward(forward, backward, params, X)
    assert list(report.tensors) == ["params/W", "params/nested/0", "params/nested/1/b", "x"]


def test_gradients_by_name():
    params = {"W1": W, "b1": np.ones(2)}

    def loss(params):
        return ((X @ params["W1"] + params["b1"]) ** 2).sum()

    def gradients(params):
        d = 2 * (X @ params["W1"] + params["b1"])
        return {"dA1": d, "dW1": X.T @ d, "db1": d.sum(axis=0)}

    assert list(check_gradient(loss, gradients, params).tensors) == ["W1", "b1"]


def test_integers_are_held_fixed():
    ids = np.array([0, 2, 2])
    gradient_of = lambda dy, ids, W: np.eye(3)[ids].T @ dy  # noqa: E731
    assert list(check_backward(lambda ids, W: W[ids], gradient_of, ids, W).tensors) == ["W"]
    with_none = lambda dy, ids, W: (None, np.eye(3)[ids].T @ dy)  # noqa: E731
    assert list(check_backward(lambda ids, W: W[ids], with_none, ids, W).tensors) == ["W"]


def test_an_input_without_a_gradient_is_held_fixed_and_noted():
    y = RNG.standard_normal((4, 3))
    loss = lambda x, y: ((x - y) ** 2).sum()  # noqa: E731
    for backward in (lambda dy: 2 * dy * (X - y), lambda dy: (2 * dy * (X - y), None)):
        report = check_backward(loss, backward, X, y)
        assert list(report.tensors) == ["x"]
        assert report.notes == ["backward returns no gradient of y: it is held fixed"]


def test_numbers_are_differentiated_if_they_have_a_gradient():
    forward = lambda x, scale: scale * x  # noqa: E731
    assert list(check_backward(forward, lambda dy: (0.5 * dy, (dy * X).sum()), X, 0.5).tensors) == ["x", "scale"]
    assert list(check_backward(forward, lambda dy: 0.5 * dy, X, 0.5).tensors) == ["x"]


def test_complex_numbers():
    z = X + 1j * RNG.standard_normal((4, 3))
    # the gradient of a + ib is dL/da + i dL/db
    assert check_backward(lambda z: z * z, lambda dy: dy * np.conj(2 * z), z).method == "central"
    assert not check_backward(lambda z: z * z, lambda dy: dy * 2 * z, z, raise_on_failure=False).passed
    assert check_backward(lambda z: (z * np.conj(z)).real, lambda dy: 2 * dy * z, z).passed


def test_shapes():
    b = np.ones(3)
    report = check_backward(lambda x, b: x + b, lambda dy: (dy, dy.sum(axis=0, keepdims=True)), X, b)
    assert report.notes == ["the gradient of b has shape (1, 3), b has (3,)"]
    wrong = check_backward(lambda x, b: x + b, lambda dy: (dy, dy), X, b, raise_on_failure=False)
    assert wrong.tensors["b"].cause == "dL/db has shape (4, 3), b (3,): sum it over axis 0"


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 1, 3, 1), (1, 1)])
def test_arrays_of_any_shape(shape):
    x = RNG.standard_normal(shape)
    if x.size:
        assert check_backward(np.exp, lambda dy: dy * np.exp(x), x).passed
        assert not check_backward(np.exp, lambda dy: dy * x, x, raise_on_failure=False).passed
    else:
        assert check_backward(lambda x: x.sum(axis=0), lambda dy: np.zeros(shape), x).passed


def test_outputs_that_are_not_finite_are_left_out():
    x = np.array([1.0, 0.0, 2.0])
    report = check_backward(lambda x: np.log(x), lambda dy: dy / np.array([1.0, 1.0, 2.0]), x)
    assert report.notes == ["1 of 3 outputs are not finite: they are left out"]


# ---- what functions do besides


def test_writes_spoil_no_figure_and_are_noted():
    def forward(x):
        x *= 2
        return x, x.copy()

    def backward(dout, cache):
        dout *= 2
        cache[:] = 0
        return dout

    x = X.copy()
    report = check_backward(forward, backward, x)
    assert np.array_equal(x, X)
    assert report.notes == ["forward writes into its argument x", "backward writes into its argument dy"]


def test_a_backward_that_spoils_its_cache_is_noted():
    def backward(dy, cache):
        dx = cache
        dx *= 2 * dy
        return dx

    (note,) = check_backward(lambda x: (x**2, x.copy()), backward, X).notes
    assert note.startswith("backward is not the same when it is called a second time")


def test_a_backward_that_works_once():
    store = {}

    def forward(x):
        store["x"] = x
        return x**2

    (note,) = check_backward(forward, lambda dy: 2 * dy * store.pop("x"), X).notes
    assert note == "backward fails when it is called a second time after one forward: KeyError('x')"


def test_random_numbers_are_drawn_again():
    own = np.random.default_rng(3)
    legacy = np.random.RandomState(3)

    def dropout(x):
        mask = (own.random(x.shape) < 0.5) * (legacy.rand(*x.shape) < 0.7) * (np.random.rand(*x.shape) < 0.9)  # noqa: NPY002
        return x * mask, mask

    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[2]  # noqa: NPY002
    assert check_backward(dropout, lambda dy, mask: dy * mask, X).passed
    assert np.random.get_state()[2] == before  # noqa: NPY002
    assert own.random() == np.random.default_rng(3).random()


def test_random_numbers_that_cannot_be_drawn_again():
    hidden = SimpleNamespace(box=[np.random.default_rng(3)])

    def noisy(x):
        return x * hidden.box[0].random(x.shape)

    report = check_backward(noisy, lambda dy: dy, X, raise_on_failure=False)
    assert "is not the same twice" in report.tensors["x"].cause


def test_forward_in_float32_is_noted():
    report = check_backward(lambda x: x.astype(np.float32), lambda dy: dy, X, tolerance=0.1, raise_on_failure=False)
    assert "forward returns float32 for float64: its derivatives have few digits" in report.notes


def test_every_random_output_counts():
    """The sum of a normalization is constant: a fixed dy of ones would hide every mistake in it."""

    def forward(x):
        z = x - x.mean(axis=0)
        return z / np.sqrt((z * z).mean(axis=0)), z

    assert not check_backward(forward, lambda dy, z: 0 * dy, X, raise_on_failure=False).passed


# ---- errors


@pytest.mark.parametrize(
    ("forward", "backward", "inputs", "error", "words"),
    [
        (np.sin, np.cos, (np.arange(3),), DataError, "no input is an array of floating-point numbers"),
        (lambda x: None, lambda dy: X, (X,), DataError, "returns no array of floating-point numbers"),
        (lambda x: x / 0, lambda dy: dy, (X,), DataError, "returns no finite floating-point number"),
        (np.sin, lambda a, b, c: a, (X,), SettingError, "backward takes 3 arguments; it must take dy"),
        (lambda a, b: a + b, lambda dy: (dy, dy, dy), (X, X), ShapeError, "backward returns 3 gradients; return one"),
        (lambda a: a["x"] + a["y"], lambda dy: (dy,), ({"x": X, "y": X},), ShapeError, "1 gradients for the 2 arrays"),
        (np.sin, lambda dy: "dx", (X,), DataError, "the gradient of x is of type ndarray|of type str"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_errors(forward, backward, inputs, error, words):
    with pytest.raises(error, match=words):
        check_backward(forward, backward, *inputs)


def test_options():
    report = check_backward(lambda x: np.sin(x), lambda dy: dy * np.cos(X), X, depth=5, method="central")
    assert (report.tensors["x"].checked, report.method) == (5, "central")
    with pytest.raises(SettingError, match="check_backward: depth"):
        check_backward(np.sin, lambda dy: dy, X, depth=0)


# ---- check_gradient with several inputs


def test_a_gradient_of_several_inputs():
    def loss(x, W, b):
        return (np.tanh(x @ W + b) ** 2).sum()

    def gradient(x, W, b):
        t = np.tanh(x @ W + b)
        d = 2 * t * (1 - t * t)
        return d @ W.T, x.T @ d, d.sum(axis=0)

    report = check_gradient(loss, gradient, X, W, np.ones(2))
    assert [tensor.checked for tensor in report.tensors.values()] == [12, 6, 2]
    wrong = check_gradient(loss, lambda *a: (*gradient(*a)[:2], gradient(*a)[2] / 4), X, W, np.ones(2),
                           raise_on_failure=False)  # fmt: skip
    assert "4 rows of x: a mean where a sum belongs" in wrong.tensors["b"].cause


def test_value_and_gradient_in_one_function():
    assert check_gradient(lambda x: ((x**3).sum(), 3 * x**2), True, X).passed
    assert not check_gradient(lambda x: ((x**3).sum(), 2 * x**2), True, X, raise_on_failure=False).passed


def test_jacobians():
    A = RNG.standard_normal((5, 3))
    assert check_gradient(lambda t: np.tanh(A @ t), lambda t: (1 - np.tanh(A @ t) ** 2)[:, None] * A, X[0]).passed
    with pytest.raises(GradientError):
        check_gradient(lambda t: np.tanh(A @ t), lambda t: A, X[0])
    B = RNG.standard_normal((2, 4, 3))
    assert check_gradient(lambda t: B @ t, B, X[0]).passed
    with pytest.raises(ShapeError, match=r"it has shape \(3, 5\), theta \(3,\); it must be \(5, 3\)"):
        check_gradient(lambda t: A @ t, A.T, X[0])


# ---- forms of losses and gradients


def square(t):
    return (t**2).sum()


LOSSES = {
    "a loss of shape (1, 1)": (lambda t: square(t).reshape(1, 1), lambda t: 2 * t),
    "a loss of shape (1,)": (lambda t: (t**2).sum().reshape(1), lambda t: 2 * t),
    "a Jacobian of a loss of shape (1, 1)": (lambda t: square(t).reshape(1, 1), lambda t: 2 * t[None, None]),
    "a gradient without an axis of 1": (square, lambda t: 2 * t[:, 0]),
    "(loss, gradient) from one function": (lambda t: (square(t), 2 * t), True),
    "(loss, gradient) beside a gradient": (lambda t: (square(t), None), lambda t: 2 * t),
    "(loss, gradient) in the place of a gradient": (square, lambda t: (square(t), 2 * t)),
}


@pytest.mark.parametrize("form", LOSSES)
def test_forms_of_losses(form):
    f, gradient = LOSSES[form]
    t = RNG.standard_normal((4, 1))
    assert check_gradient(f, gradient, t).passed
    if callable(gradient):
        found = gradient(t)
        wrong = 1.01 * (found[1] if isinstance(found, tuple) else found)
        assert not check_gradient(f, wrong, t, raise_on_failure=False).passed


def test_a_dict_of_parameters_and_a_function_of_loss_and_gradient():
    params = {"W": W, "b": np.ones(2)}

    def loss(params):
        d = 2 * (X @ params["W"] + params["b"])
        return (d**2).sum() / 4, {"W": X.T @ d, "b": d.sum(axis=0)}

    assert list(check_gradient(loss, True, params).tensors) == ["W", "b"]


@pytest.mark.parametrize("gradient", [None, lambda t: None])
def test_a_gradient_of_none_stands_for_zeros(gradient):
    report = check_gradient(square, gradient, X, raise_on_failure=False)
    assert "backward returns None for theta" in report.tensors["theta"].cause
    assert check_gradient(lambda t: 3.0 + 0 * t.sum(), gradient, X).passed
    assert not check_backward(np.sin, lambda dy: None, X, raise_on_failure=False).passed
