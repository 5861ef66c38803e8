"""Functions of arrays are recorded, and evaluated with changes, whatever way their numbers take."""

import numpy as np
import pytest

from minidl.gradcheck import _probe
from minidl.gradcheck._probe import Probe, TraceError, Tracer
from minidl.ops import sigmoid

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))


def through_a_buffer(x):
    y = np.zeros(x.shape, x.dtype)
    for t in range(x.shape[1]):
        y[:, t] = np.tanh(x[:, t])
    return y.sum(axis=1)


def in_place(x):
    z = x * 2
    z += x
    z.sort(axis=1)
    return np.exp(z) / z.dot(np.ones((4, 1)))


FUNCTIONS = {
    "products": lambda x: np.einsum("ij,kj->ik", x, x) @ x + np.tensordot(x, np.ones(4), 1)[:, None],
    "shapes": lambda x: np.concatenate([x.T.reshape(2, 6), np.stack([x[0], x[1]]).swapaxes(0, 1)[:2]], axis=1),
    "several results": lambda x: np.split(x, 2, axis=1)[1] * np.where(x > 0, x, 0)[:, :2],
    "a buffer": through_a_buffer,
    "in place": in_place,
    "numbers": lambda x: x.mean() + x[0, 1] ** 2 + np.add.reduce(x, axis=None) + np.log1p(np.abs(x).max()),
    "minidl's functions": lambda x: sigmoid(x).cumsum(axis=0),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_watched_function_returns_what_it_returns_otherwise(f):
    tracer = Tracer()
    recorded = tracer.record(lambda: tracer.run(f, X.copy()))
    assert tracer.operations
    for found in (recorded, tracer.run(f, X.copy())):
        assert not isinstance(found, Probe)
        np.testing.assert_array_equal(found, f(X.copy()))


def recorded(f, x=X):
    tracer = Tracer()
    f = tracer.buffers.function(f)
    tracer.record(lambda: tracer.run(f, x))
    return tracer, f


def test_operations_have_names_operands_and_numbers_of_their_executions():
    tracer, _ = recorded(through_a_buffer)
    tanh = [operation for operation in tracer.operations if operation.name == "tanh"]
    assert [operation.execution for operation in tanh] == [0, 1, 2, 3]
    assert len({operation.spot for operation in tanh}) == 1
    np.testing.assert_array_equal(tanh[2].operands[0], X[:, 2])
    np.testing.assert_array_equal(tanh[2].result, np.tanh(X[:, 2]))


def test_an_edit_changes_what_one_operand_adds():
    def f(x):
        return x * x + np.sin(x)

    tracer, f = recorded(f)
    product = next(operation for operation in tracer.operations if operation.name == "multiply")
    tracer.plan = {product.number: {0: lambda operation, j, deviation, compute: (0 * deviation, None)}}
    h = 1e-20
    derivative = np.imag(tracer.run(f, X + 1j * h)) / h
    np.testing.assert_allclose(derivative, X + np.cos(X))  # one of the two ways through x * x


def test_an_edit_reaches_what_was_stored_in_a_buffer():
    tracer, f = recorded(through_a_buffer)
    plan = {
        o.number: {0: lambda operation, j, d, compute: (2 * d, None)} for o in tracer.operations if o.name == "tanh"
    }
    tracer.plan = plan
    h = 1e-20
    derivative = np.imag(tracer.run(f, X + 1j * h)) / h
    np.testing.assert_allclose(derivative, 2 * (1 - np.tanh(X) ** 2).sum(axis=1))


def test_other_operations_than_recorded_raise():
    tracer, _ = recorded(through_a_buffer)
    tracer.plan = {operation.number: {} for operation in tracer.operations}
    with pytest.raises(TraceError, match="cos was not recorded"):
        tracer.run(np.cos, X)
    tracer.plan = {}
    with pytest.raises(TraceError, match="more operations"):
        tracer.run(lambda x: sum(x for _ in range(100)), X)


def test_a_large_function_is_not_recorded(monkeypatch):
    monkeypatch.setattr(_probe, "MOST_NUMBERS", 50)
    tracer = Tracer()
    with pytest.raises(TraceError, match="more than 50 numbers"):
        tracer.record(lambda: tracer.run(in_place, X))


def test_functions_without_watched_arrays_are_done_as_they_stand():
    lost = X.view(Probe)  # belongs to no tracer
    np.testing.assert_array_equal(np.add(lost, 1), X + 1)
    np.testing.assert_array_equal(np.concatenate([lost, X]), np.concatenate([X, X]))
    sums = np.zeros(3)
    np.add.at(sums, [0, 0, 2], X[0, :3].view(Probe))
    np.testing.assert_allclose(sums, [X[0, 0] + X[0, 1], 0, X[0, 2]])
