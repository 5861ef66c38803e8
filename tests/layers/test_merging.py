"""Layers of several inputs: values and derivatives by hand, against PyTorch, and what they refuse."""

import numpy as np
import pytest

from minidl import Sequential, SettingError, ShapeError
from minidl.layers import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract

A, B, C = np.array([[1.0, 5.0]]), np.array([[3.0, -2.0]]), np.array([[2.0, 2.0]])
DY = np.array([[10.0, 100.0]])

# by hand: y of (A, B) or (A, B, C), and the derivatives by each for dL/dy = (10, 100)
BY_HAND = [
    (Add(), (A, B, C), [6, 5], [[10, 100], [10, 100], [10, 100]]),
    (Subtract(), (A, B), [-2, 7], [[10, 100], [-10, -100]]),
    (Multiply(), (A, B, C), [6, -20], [[60, -400], [20, 1000], [30, -1000]]),
    (Multiply(), (A, A), [1, 25], [[10, 500], [10, 500]]),
    (Average(), (A, B), [2, 1.5], [[5, 50], [5, 50]]),
    (Maximum(), (A, B, C), [3, 5], [[0, 100], [10, 0], [0, 0]]),
    (Minimum(), (A, B, C), [1, -2], [[10, 0], [0, 100], [0, 0]]),
    (Minimum(), (A, A), [1, 5], [[10, 100], [0, 0]]),
    (Maximum(), (A, A), [1, 5], [[10, 100], [0, 0]]),  # of equal ones the first
]


@pytest.mark.parametrize(("layer", "x", "y", "dx"), BY_HAND, ids=lambda value: repr(value)[:20])
def test_values_and_derivatives_by_hand(layer, x, y, dx):
    assert layer.build(tuple(part.shape[1:] for part in x)) == (2,)
    assert layer.forward(x).tolist() == [y]
    assert [part.tolist() for part in layer.backward(DY)] == [[row] for row in dx]


def test_concatenate_joins_and_its_derivative_comes_apart():
    layer = Concatenate()
    assert layer.build(((2,), (1,), (2,))) == (5,)
    assert layer.forward((A, C[:, :1], B)).tolist() == [[1, 5, 2, 3, -2]]
    assert [part.tolist() for part in layer.backward(np.arange(5.0)[None])] == [[[0, 1]], [[2]], [[3, 4]]]


@pytest.mark.parametrize(("axis", "shapes", "joined"), [(1, ((2, 3), (4, 3)), (6, 3)), (2, ((2, 3), (2, 1)), (2, 4))])
def test_concatenate_along_an_axis(axis, shapes, joined):
    layer, rng = Concatenate(axis=axis), np.random.default_rng(0)
    x = tuple(rng.normal(size=(5, *shape)) for shape in shapes)
    assert layer.build(shapes) == joined
    y = layer.forward(x)
    assert y.shape == (5, *joined)
    assert all(np.array_equal(part, given) for part, given in zip(layer.backward(y), x, strict=True))


def test_dot_by_hand():
    layer = Dot()
    assert layer.build(((2,), (2,))) == (1,)
    assert layer.forward((A, B)).tolist() == [[-7]]
    assert [part.tolist() for part in layer.backward(np.array([[2.0]]))] == [[[6, -4]], [[2, 10]]]


def test_the_normalized_dot_is_the_cosine():
    layer = Dot(normalize=True)
    layer.build(((2,), (2,)))
    a, b = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[2.0, 0.0], [1.0, 1.0]])
    assert layer.forward((a, b)).tolist() == [[0.6], [0.0]]  # 3 / 5; a row of zeros stays zero
    da, db = layer.backward(np.ones((2, 1)))
    # (b / |b| - cos a / |a|) / |a| = ((1, 0) - 0.6 (0.6, 0.8)) / 5, and the same for b with |b| = 2
    np.testing.assert_allclose(da[0], [0.128, -0.096], rtol=1e-12)
    np.testing.assert_allclose(db[0], [0.0, 0.4], rtol=1e-12, atol=1e-15)
    assert np.isfinite(da).all()
    assert np.isfinite(db).all()


@pytest.mark.peers
def test_the_cosine_and_its_derivatives_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a, b, dy = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), rng.normal(size=(6, 1))
    ta, tb = (torch.tensor(v, requires_grad=True) for v in (a, b))
    ty = torch.nn.functional.cosine_similarity(ta, tb, dim=1)[:, None]
    ty.backward(torch.tensor(dy))
    layer = Dot(normalize=True)
    layer.build(((4,), (4,)))
    np.testing.assert_allclose(layer.forward((a, b)), ty.detach().numpy(), rtol=1e-12)
    for own, theirs in zip(layer.backward(dy), (ta, tb), strict=True):
        np.testing.assert_allclose(own, theirs.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Add(), ((2,), (3,)), r"Add takes inputs of one shape, got \(2,\) and \(3,\)"),
        (Average(), ((2,), (2, 1)), "Average takes inputs of one shape"),
        (Maximum(), ((2,), (1,)), "Maximum takes inputs of one shape"),
        (Multiply(), (4,), r"Multiply takes two inputs or more, got one of shape \(4,\)"),
        (Multiply(), ((4,),), "Multiply takes two inputs or more, got one"),
        (Subtract(), ((2,), (2,), (2,)), "Subtract takes two inputs, got 3"),
        (Subtract(), ((2,), (3,)), "Subtract takes inputs of one shape"),
        (Concatenate(), ((2, 3), (3, 3)), r"Concatenate\(axis=-1\) joins shapes that differ along it"),
        (Concatenate(), ((2,), (2, 3)), r"Concatenate\(axis=-1\) joins shapes that differ along it"),
        (Concatenate(axis=1), ((2, 3), (2, 4)), r"Concatenate\(axis=1\) joins shapes that differ along it"),
        (Concatenate(axis=2), ((2,), (3,)), r"Concatenate\(axis=2\): there is no such axis in rows \(2,\) and \(3,\)"),
        (Dot(), ((2,), (3,)), r"Dot takes two inputs of one shape \(n,\), got \(2,\) and \(3,\)"),
        (Dot(), ((2, 3), (2, 3)), "Dot takes two inputs of one shape"),
        (Dot(), ((2,), (2,), (2,)), "Dot takes two inputs"),
    ],
    ids=repr,
)
def test_shapes_that_do_not_fit_are_refused(layer, shapes, message):
    with pytest.raises(ShapeError, match=message):
        layer.build(shapes)


def test_a_merging_layer_in_a_chain_is_refused():
    with pytest.raises(ShapeError, match="Add takes two inputs or more, got one of shape"):
        Sequential([Add()]).build((2,))


@pytest.mark.parametrize("axis", [0, -2, True, 1.0, "last"])
def test_an_axis_that_is_none_is_refused(axis):
    with pytest.raises(SettingError, match="Concatenate: axis, if not -1, must be an integer of at least 1"):
        Concatenate(axis=axis)


def test_normalize_is_true_or_false():
    with pytest.raises(SettingError, match="Dot: normalize must be True or False"):
        Dot(normalize="yes")


MASKS = np.array([[True, False]]), np.array([[False, False]])  # of one row of two steps


@pytest.mark.parametrize(
    ("layer", "y", "dx"),
    [
        (Multiply(), [2, 0], [[3, 0], [0, 0]]),
        (Maximum(), [2, 4], [[3, 5], [0, 0]]),
        (Minimum(), [2, 4], [[3, 5], [0, 0]]),
    ],
    ids=repr,
)
def test_masked_steps_are_left_out(layer, y, dx):
    x, dy = (np.array([[[2.0], [4.0]]]), np.array([[[-7.0], [9.0]]])), np.array([[[3.0], [5.0]]])
    layer.build(((2, 1), (2, 1)))
    made, mask = layer.masked_forward(x, MASKS)
    assert made.ravel().tolist() == y
    assert mask.tolist() == [[True, False]]
    assert [part.ravel().tolist() for part in layer.backward(dy)] == dx
    made, mask = layer.masked_forward(x, (MASKS[0], None))  # the second counts everywhere
    assert made.ravel().tolist() == [layer.forward(x)[0, 0, 0], 9]
    assert mask is None
    layer.masked_forward(x, (MASKS[0], None))
    assert [part.ravel()[1] for part in layer.backward(dy)] == [0, 5]
    np.testing.assert_array_equal(layer.masked_forward(x, (None, None))[0], layer.forward(x))
