"""The derivative of every function that losses may call: complex step, and PyTorch."""

import numpy as np
import pytest
import scipy.special

from minidl import _traced
from minidl._traced import SLOPES, SPECIAL, Traced, backpropagate
from minidl.gradcheck import numerical_gradient, relative_difference
from minidl.losses import FunctionLoss

rng = np.random.default_rng(0)
A = rng.uniform(0.3, 1.4, (3, 4))
B = rng.uniform(0.3, 1.4, (3, 4))

SHAPES = {  # functions of one array that end in any shape
    "sum": lambda a: np.sum(a),
    "sum axis": lambda a: np.sum(a, axis=0),
    "sum axes": lambda a: np.sum(a[None], axis=(0, 2), keepdims=True),
    "mean": lambda a: np.mean(a, axis=1),
    "var": lambda a: np.var(a, axis=0),
    "var ddof": lambda a: np.var(a, axis=1, ddof=1),
    "std": lambda a: np.std(a),
    "norm": lambda a: np.linalg.norm(a, axis=1),
    "max": lambda a: np.max(a, axis=1),
    "max of all": lambda a: np.max(a, keepdims=True),
    "min": lambda a: np.min(a, axis=0, keepdims=True),
    "reshape": lambda a: np.reshape(a, (2, 6)) * np.arange(6),
    "ravel": lambda a: np.ravel(a) * np.arange(12),
    "transpose": lambda a: np.transpose(a) * np.arange(3),
    "transpose axes": lambda a: np.transpose(a[None], (2, 0, 1)) * np.arange(3),
    "expand": lambda a: np.expand_dims(a, (0, 2)) * np.arange(4),
    "squeeze": lambda a: np.squeeze(a[None], 0) * np.arange(4),
    "broadcast": lambda a: np.broadcast_to(a, (2, 3, 4)) * np.arange(24).reshape(2, 3, 4),
    "clip": lambda a: np.clip(a, 0.5, 1.1),
    "clip below": lambda a: np.clip(a, 0.5, None),
    "where": lambda a: np.where(a > 0.8, a**3, 2.0),
    "concatenate": lambda a: np.concatenate([a, 2 * a, B], axis=1) ** 2,
    "stack": lambda a: np.stack([a, B, a * a], axis=-1),
    "dot": lambda a: np.dot(a, B.T) ** 2,
    "matmul": lambda a: (B.T @ a) @ a.T,
    "item": lambda a: a[1, 2] * a[0],
    "places": lambda a: a[[0, 0, 2]] ** 2,
    "mask": lambda a: a[B > 0.8] ** 2,
    "rows": lambda a: sum(row**k for k, row in enumerate(a, 1)),
    "methods": lambda a: a.sum(0).mean() + a.max(1).min() + (a.T.reshape(2, 6) ** 2).min(axis=0).sum(),
    "repeated use": lambda a: (b := a * a) + b * a - b / a,
    "sigmoid": _traced.sigmoid,
    "softplus": _traced.softplus,
    "logsumexp": lambda a: _traced.logsumexp(a, axis=1),
    "log_softmax": lambda a: _traced.log_softmax(a) * B,
    "hstack": lambda a: np.hstack([a, 2 * a]) ** 2,
    "hstack of vectors": lambda a: np.hstack([a[0], a[1, 0], B[0]]) ** 2,
    "vstack": lambda a: np.vstack([a, a[0], B]) ** 2,
    "append": lambda a: np.append(a, B * a, axis=0) ** 2,
    "append all": lambda a: np.append(a, B[0]) ** 2,
    "dot of vectors": lambda a: np.dot(a[0], a[1]) * np.dot(a, B[0]) * np.dot(a, 2.0)[:, 1],
    "stacks of matrices": lambda a: (a[:, None] @ B[None].swapaxes(1, 2)) @ np.stack([B, B * 2, B + 1]),
    "vectors": lambda a: (B @ a[0]) * (a[1] @ B.T),
    "inner": lambda a: np.inner(a, B) * np.inner(a[0], a[1]),
    "outer": lambda a: np.outer(a, a[0] * B[0]),
    "vdot": lambda a: np.vdot(a, a * B),
    "prod": lambda a: np.prod(a, axis=1, keepdims=True) + np.prod(a) + np.prod(a[:1], keepdims=True),
    "prod with 0": lambda a: np.prod(a - A[:, :1], axis=1),
    "prod with several 0": lambda a: np.prod(a - np.where(B > 0.8, A, 0), axis=0),
    "cumsum": lambda a: np.cumsum(a, axis=1) ** 2 * np.cumsum(a * a).reshape(3, 4),
    "average": lambda a: np.average(a, axis=1, weights=[1, 2, 3, 4]) + np.average(a) + np.average(a, weights=B),
    "median": lambda a: np.median(a, axis=0) + np.median(a) + np.median(a[:, :3], axis=1, keepdims=True),
    "ptp": lambda a: np.ptp(a, axis=1) ** 2,
    "diff": lambda a: np.diff(a) ** 2 * np.diff(a, n=2, axis=0)[:, 1:],
    "sort": lambda a: np.sort(a, axis=0) ** 2 * np.sort(a, axis=None).reshape(3, 4),
    "pad": lambda a: np.pad(a, ((1, 0), (0, 2)), constant_values=2.0) ** 2,
    "pad reflect": lambda a: np.pad(a, 1, mode="reflect") ** 2,
    "tril": lambda a: np.tril(a) ** 2 + np.triu(a, 1) ** 3,
    "diag": lambda a: np.diag(a) ** 2 + np.diag(a[0], 1)[1:4, 2:4].sum() ** 2,
    "trace": lambda a: np.trace(a, offset=1) ** 2,
    "flip": lambda a: np.flip(a, 1) ** 2 * np.fliplr(a) * np.flipud(a),
    "roll": lambda a: np.roll(a, 1, axis=1) ** 2 * np.roll(a, 2),
    "rot90": lambda a: np.rot90(a) ** 2,
    "swapaxes": lambda a: np.swapaxes(a, 0, 1) * np.moveaxis(a, 0, 1) ** 2,
    "tile": lambda a: np.tile(a, (2, 1)) ** 2,
    "repeat": lambda a: np.repeat(a, 2, axis=1) ** 2,
    "take": lambda a: np.take(a, [0, 0, 2], axis=1) ** 2,
    "take along": lambda a: np.take_along_axis(a, np.argsort(B, axis=1), axis=1) ** 2,
    "diagonal": lambda a: np.diagonal(a, 1) ** 2,
    "split": lambda a: np.split(a, 2, axis=1)[1] ** 2 * np.array_split(a, 3, axis=1)[0] + np.vsplit(a, 3)[1][:, 2:],
    "no derivative": lambda a: a * _traced.constant(a) + np.sign(a) + np.floor(a) + np.argmax(a, axis=1)[:, None],
    "like": lambda a: a * np.ones_like(a) + np.zeros_like(a),
}


def reduced(function):
    """Return a number of any result, in which every entry counts differently."""

    def number(a):
        result = function(a)
        return np.sum(result * np.cos(np.arange(result.size)).reshape(result.shape))

    return number


def gradient(function, a):
    source = Traced(a)
    return backpropagate(reduced(function)(source), source, np.ones(()))


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in ("no derivative",)])
def test_functions_of_one_array(name):
    wanted = numerical_gradient(reduced(SHAPES[name]), A, method="central")
    assert relative_difference(gradient(SHAPES[name], A), wanted) < 1e-8


def test_no_derivative_flows_through_constants():
    found = gradient(SHAPES["no derivative"], A)
    assert np.allclose(found, (A * np.cos(np.arange(12)).reshape(3, 4)), rtol=1e-12)


@pytest.mark.parametrize("ufunc", SLOPES, ids=lambda ufunc: ufunc.__name__)
def test_functions_of_entries(ufunc):
    pairs = [ufunc] if ufunc.nin == 1 else [lambda a: ufunc(a, B), lambda a: ufunc(B, a), lambda a: ufunc(a, a[:1])]
    at = A + 1 if ufunc is np.arccosh else A - 0.45 if ufunc in (np.arcsin, np.arccos, np.arctanh) else A
    for function in pairs:
        wanted = numerical_gradient(reduced(function), at, method="central")
        assert relative_difference(gradient(function, at), wanted) < 1e-8


@pytest.mark.parametrize("name", SPECIAL)
def test_functions_of_scipy(name):
    function, at = getattr(scipy.special, name), A - 0.45
    wanted = numerical_gradient(reduced(function), at, method="central")
    assert relative_difference(gradient(function, at), wanted) < 1e-8


def test_numbers_and_arrays_may_stand_on_both_sides():
    for function in (lambda a: 2 - a, lambda a: 2 / a, lambda a: 2**a, lambda a: B[:1] - a, lambda a: B[0] / a[:, :1]):
        wanted = numerical_gradient(reduced(function), A, method="central")
        assert relative_difference(gradient(function, A), wanted) < 1e-8


def test_the_dtype_stays():
    source = Traced(A.astype(np.float32))
    found = np.mean(np.log(1 + np.exp(-(source**2) * 0.5)) / 3)
    assert found.value.dtype == source.dtype == np.float32
    assert backpropagate(found, source, np.ones((), np.float32)).dtype == np.float32


def test_casts_keep_the_derivative_or_end_it():
    source = Traced(A)
    assert source.astype("float32") is source
    assert np.array_equal((source > 1).astype("int32"), (A > 1).astype("int32"))


def test_what_does_not_depend_on_the_source_has_no_derivative():
    source, other = Traced(A), Traced(B)
    assert np.array_equal(backpropagate(np.sum(other * 2), source, np.ones(())), 0 * A)


def test_a_traced_array_looks_like_an_array():
    a = Traced(A)
    assert (len(a), a.shape, a.ndim, a.size, np.shape(a), np.ndim(a), np.size(a)) == (3, (3, 4), 2, 12, (3, 4), 2, 12)
    assert repr(Traced(np.ones(1))) == "Traced(array([1.]))"


@pytest.mark.peers
def test_ties_of_maximum_and_minimum_are_split_as_in_pytorch():
    torch = pytest.importorskip("torch")
    a, b = np.array([[1.0, 2, 3]]), np.array([[1.0, 3, 2]])
    for ours, theirs in ((np.maximum, torch.maximum), (np.minimum, torch.minimum)):
        tensor = torch.tensor(a, requires_grad=True)
        theirs(tensor, torch.tensor(b)).sum().backward()
        found = FunctionLoss(lambda y, p, ours=ours: np.sum(ours(p, y), axis=1)).terms(a, b)[1]
        assert np.array_equal(found, tensor.grad.numpy())
