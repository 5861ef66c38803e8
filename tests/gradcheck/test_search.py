"""The mistake in the derivative of forward that gives a claimed gradient is found."""

from dataclasses import dataclass

import numpy as np
import pytest

from minidl import check_layer
from minidl.gradcheck import _search
from minidl.gradcheck._differentiation import COMPLEX
from minidl.gradcheck._layer_subject import layer_subject
from minidl.gradcheck._search import OPERATIONS, Search
from minidl.layers import Layer, Parameter


@dataclass(eq=False)
class Product(Layer):
    """y = (x A) * (x B) + x."""

    wrong: str = ""

    def build(self, input_shape):
        n = input_shape[-1]
        self.A, self.B = Parameter((n, n), "glorot_uniform"), Parameter((n, n), "glorot_uniform")
        return input_shape

    def forward(self, x, training=False):
        a, b = x @ self.A.value, x @ self.B.value
        self.x, self.a, self.b = x, a, b
        return a * b + x

    def backward(self, dy):
        da, db = dy * self.b, dy * self.a
        if self.wrong == "one of two ways":
            db = 0 * db
        if self.wrong == "two mistakes":
            self.A.grad, self.B.grad = self.x.T @ (dy * self.a), -self.x.T @ db
            return dy + da @ self.A.value.T + db @ self.B.value.T
        self.A.grad, self.B.grad = self.x.T @ da, self.x.T @ db
        return dy + da @ self.A.value.T + db @ self.B.value.T


def causes(layer, shape=(4,), **options):
    report = check_layer(layer, shape, raise_on_failure=False, **options)
    return {path: tensor.cause for path, tensor in report.wrong.items()}


def test_one_mistake_explains_all_gradients_that_it_makes_wrong():
    found = causes(Product("one of two ways"))
    assert list(found) == ["input", "B"]
    assert found["input"].startswith('dL/dx: the gradient of "x @ self.B.value" (line')
    assert found["B"] == "B" + found["input"].removeprefix("dL/dx")


def test_every_wrong_gradient_has_its_own_cause():
    found = causes(Product("two mistakes"))
    assert found["A"] == "A has the gradient of B"
    assert found["B"] == "B = -derivative everywhere: the sign is flipped"


def test_the_search_ends(monkeypatch):
    monkeypatch.setattr(_search, "MOST_EFFORT", 5)
    subject = layer_subject(Product("one of two ways"), (4,), 5, True, 0)
    search = Search(subject, COMPLEX)
    assert search.causes("input", OPERATIONS) == []
    assert search.spent <= 5 + 10 * len(search.tracer.operations)


def test_a_right_gradient_has_no_cause():
    search = Search(layer_subject(Product(), (4,), 5, True, 0), COMPLEX)
    assert search.causes("input", OPERATIONS) == search.causes("A", OPERATIONS) == []
    assert search.known_causes("input") == []


@pytest.mark.parametrize("trick", ["asks for the class", "other operations each time"])
def test_a_layer_that_cannot_be_watched_has_unknown_causes(trick):
    class Tricky(Layer):
        calls = 0

        def forward(self, x, training=False):
            if trick == "asks for the class" and type(x) is not np.ndarray:
                raise TypeError("no array")
            y = x * x
            for _ in range(self.calls if trick == "other operations each time" and type(x) is not np.ndarray else 0):
                y = y * 1.0
            type(self).calls += 1
            self.x = x
            return np.tanh(y)

        def backward(self, dy):
            return dy * np.cos(self.x)

    assert causes(Tricky(), (4,)) == {"input": None}


def test_the_layer_has_its_own_class_afterwards():
    subject = layer_subject(Product("one of two ways"), (4,), 5, True, 0)
    assert Search(subject, COMPLEX).causes("input", OPERATIONS)
    assert type(subject.layer) is Product
    assert type(subject.params["A"].value) is np.ndarray
