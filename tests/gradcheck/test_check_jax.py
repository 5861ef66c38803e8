"""The check of jax.custom_vjp, jax.custom_jvp and any function of pytrees; no setting of JAX is changed."""

import numpy as np
import pytest

from minidl import DataError
from minidl.gradcheck import check_jax

jax = pytest.importorskip("jax")
jnp = jax.numpy
pytestmark = pytest.mark.peers

X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
W = np.random.default_rng(1).standard_normal((3, 3)).astype(np.float32)


def with_vjp(forward, backward):
    """A custom_vjp whose backward gets dy and the inputs."""
    function = jax.custom_vjp(forward)
    function.defvjp(lambda *inputs: (forward(*inputs), inputs), lambda inputs, dy: backward(dy, *inputs))
    return function


def with_jvp(forward, forward_mode):
    function = jax.custom_jvp(forward)
    function.defjvp(lambda x, dx: (forward(*x), forward_mode(*x, *dx)))
    return function


def affine(dy, params, x):
    return {"b": dy.sum(0), "w": x.T @ dy}, dy @ params["w"].T


def softplus(x):
    return jnp.log1p(jnp.exp(x))


PARAMS = {"w": W, "b": np.zeros(3, np.float32)}
FORWARD = {
    "affine": (lambda params, x: x @ params["w"] + params["b"], affine, (PARAMS, X)),
    "tanh": (lambda x: jnp.tanh(x), lambda dy, x: (dy * (1 - jnp.tanh(x) ** 2),), (X,)),
    "softplus": (softplus, lambda dy, x: (dy * jax.nn.sigmoid(x),), (X,)),
    "log sum exp": (lambda x: jax.nn.logsumexp(x, 1), lambda dy, x: (dy[:, None] * jax.nn.softmax(x, 1),), (X,)),
    "clip": (lambda x: jnp.clip(x, -1, 1), lambda dy, x: (dy * (abs(x) < 1),), (X,)),
    "power": (lambda x: x**3, lambda dy, x: (3 * x**2 * dy,), (X,)),
}
WRONG = {
    "mean": ("affine", lambda dy, p, x: ({"b": dy.mean(0), "w": x.T @ dy}, dy @ p["w"].T), "params/b", "4 rows"),
    "not transposed": ("affine", lambda dy, p, x: (affine(dy, p, x)[0], dy @ p["w"]), "x", "its transpose"),
    "transposed": (
        "affine",
        lambda dy, p, x: ({"b": dy.sum(0), "w": dy.T @ x}, dy @ p["w"].T),
        "params/w",
        "transpose",
    ),
    "slope": ("tanh", lambda dy, x: (dy * (1 - jnp.tanh(x)),), "x", "not the derivative of forward"),
    "dy": ("tanh", lambda dy, x: (1 - jnp.tanh(x) ** 2,), "x", "forgets dy"),
    "sign": ("softplus", lambda dy, x: (-dy * jax.nn.sigmoid(x),), "x", "the sign is flipped"),
    "forward again": ("softplus", lambda dy, x: (dy * softplus(x),), "x", None),
    "uniform": ("log sum exp", lambda dy, x: (dy[:, None] * jnp.ones(3) / 3,), "x", None),
    "mask": ("clip", lambda dy, x: (dy,), "x", "the whole gradient passes"),
    "factor": ("power", lambda dy, x: (x**2 * dy,), "x", "everywhere"),
    "none": ("power", lambda dy, x: (None,), "x", "= 0 everywhere"),
    "square": ("power", lambda dy, x: (3 * x**2 * dy**2,), "x", "not linear in dy"),
}


@pytest.mark.parametrize("name", FORWARD)
def test_right_functions_pass(name):
    forward, backward, inputs = FORWARD[name]
    assert check_jax(with_vjp(forward, backward), *inputs).difference < 1e-7


@pytest.mark.parametrize("name", WRONG)
def test_planted_mistakes_are_found_and_named(name):
    of, backward, path, says = WRONG[name]
    forward, _, inputs = FORWARD[of]
    report = check_jax(with_vjp(forward, backward), *inputs, raise_on_failure=False)
    assert list(report.wrong) == [path]
    assert says is None or says in report.tensors[path].cause


def test_custom_jvp():
    assert check_jax(with_jvp(lambda x: jnp.sin(x), lambda x, dx: jnp.cos(x) * dx), X).passed
    report = check_jax(with_jvp(lambda x: jnp.sin(x), lambda x, dx: -jnp.cos(x) * dx), X, raise_on_failure=False)
    assert report.tensors["x"].cause == "dL/dx = -derivative everywhere: the sign is flipped"


FUNCTIONS = {
    "sorting": (lambda x: jnp.sort(x, axis=0), (X,)),
    "a loop": (lambda x: jax.lax.fori_loop(0, 3, lambda _, h: jnp.tanh(h @ W), x), (X,)),
    "a scan": (lambda x: jax.lax.scan(lambda h, a: (jnp.tanh(h + a), h * a), x[0], x), (X,)),
    "jit": (jax.jit(lambda x: {"a": jnp.max(x, axis=0), "b": (x.sum(), x.argmax())}), (X,)),
    "complex numbers": (jnp.fft.fft, (jnp.arange(4) + 1j,)),
    "a dropout": (lambda key, x: x * jax.random.bernoulli(key, shape=x.shape), (jax.random.key(0), X)),
    "numbers": (lambda a, b: a**b, (2.0, 3.0)),
    "ids": (lambda table, ids: table[ids], (X, np.array([0, 2, 2]))),
    "a static argument": (lambda x, how: getattr(jnp, how)(x), (X, "cos")),
    "bfloat16": (jnp.square, (jnp.ones(3, jnp.bfloat16),)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_jax_are_right(name):
    function, inputs = FUNCTIONS[name]
    assert check_jax(function, *inputs).difference < 1e-7
    assert jnp.ones(1).dtype == jnp.float32


def test_argnums_hold_the_others_fixed():
    loss = with_vjp(lambda p, y: ((p - y) ** 2).sum(), lambda dy, p, y: (2 * dy * (p - y), None))
    assert list(check_jax(loss, X, X + 1, argnums=0).tensors) == ["p"]
    assert not check_jax(loss, X, X + 1, raise_on_failure=False).passed


def test_it_says_the_same_as_jax():
    from jax.test_util import check_grads

    right, wrong = FORWARD["power"][:2], (FORWARD["power"][0], WRONG["factor"][1])
    check_grads(with_vjp(*right), (X,), order=1, modes="rev")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_grads(with_vjp(*wrong), (X,), order=1, modes="rev")


def test_nothing_to_differentiate():
    with pytest.raises(DataError, match="no input has an array of floating-point numbers"):
        check_jax(jnp.sum, np.arange(3))
