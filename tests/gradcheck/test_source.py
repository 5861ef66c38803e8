"""Operations are shown with their source."""

import numpy as np
import pytest

from minidl.gradcheck._probe import Tracer
from minidl.gradcheck._source import argument_of, place_of
from minidl.layers import Dense, Sigmoid, sigmoid


def helper(a):
    return np.exp(a)


class Holder:
    weight = np.ones((4, 2))

    def run(self, x):
        x = self.step(x, 3)
        x += 1
        return sigmoid(helper(x)) * np.maximum(
            x,
            0,
        )

    def step(self, x, times):
        return x @ self.weight * times


def operations(f, x):
    tracer = Tracer()
    tracer.record(lambda: tracer.run(f, x))
    return {operation.name: operation for operation in reversed(tracer.operations)}


def test_the_expression_of_an_operation_and_where_it_is():
    found = operations(Holder().run, np.ones((3, 4)))
    line = Holder.step.__code__.co_firstlineno + 1
    assert place_of(found["matmul"], Holder) == f'"x @ self.weight" in self.step(x, 3) (line {line})'
    assert place_of(found["exp"], Holder).startswith('"np.exp(a)" in helper(x) (line')
    assert place_of(found["negative"], Holder).startswith('"sigmoid(helper(x))" (line')
    assert place_of(found["maximum"], Holder).startswith('"np.maximum( x, 0, )" (line')
    assert place_of(found["add"], Holder).startswith('"x += 1" (line')
    assert place_of(found["matmul"], None) == f'"x @ self.weight" in self.step(x, 3) (line {line})'


def test_methods_of_minidls_own_layers_are_named():
    found = operations(Sigmoid().forward, np.ones((2, 3)))
    assert place_of(found["exp"], Sigmoid) == '"sigmoid(x)" in Sigmoid.forward'


@pytest.mark.parametrize(
    ("name", "place", "text"),
    [("matmul", 1, "self.weight"), ("exp", 0, "a"), ("add", 1, "1"), ("maximum", 1, "0"), ("matmul", 2, "")],
)
def test_the_source_of_an_argument(name, place, text):
    found = operations(Holder().run, np.ones((3, 4)))
    assert argument_of(found[name].site[0], place) == text


def test_code_without_source_has_its_name_alone():
    space = {"np": np}
    exec(compile("def f(x):\n    return np.cos(x)\n", "<nowhere>", "exec"), space)
    (operation,) = operations(space["f"], np.ones(3)).values()
    assert place_of(operation, Dense) == '"cos" (line 2)'
    assert argument_of(operation.site[0], 0) == ""
