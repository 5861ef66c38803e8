"""Functions of arrays under Keras's names, against Keras."""

import numpy as np
import pytest
from scipy.optimize import minimize

import minidl
import minidl.keras as keras
from minidl.keras import activations, ops
from tests.keras.peer import peer

rng = np.random.default_rng(0)
X = rng.normal(0.0, 1.2, (4, 6)).astype("float32")
U = rng.uniform(0.1, 0.9, (4, 6)).astype("float32")
P = (U / U.sum(axis=1, keepdims=True)).astype("float32")
SQUARE = (X[:, :4] @ X[:, :4].T + np.eye(4)).astype("float32")
LABELS = np.array([0, 5, 2, 2])
NAN = np.where(X > 1, np.nan, X)
INTS = np.array([6, 4, 9])

# name: arguments, and their combinations with positional and keyword options
NAMES = [
    (
        (X,),
        """celu elu erf erfc gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid relu6 selu silu
        soft_shrink softplus softsign sparse_plus swish sparse_sigmoid squareplus tanh_shrink glu arcsinh sinc cbrt exp2
        i0""",
    ),
    ((U,), "arcsin arccos arctanh erfinv deg2rad rad2deg trunc fabs isposinf copy real"),
    ((NAN, 1), "nanargmax nanmax nanmean nanmin nanprod nanstd nansum nanvar nancumsum"),
    ((X, 1, True), "sum mean max min any all std var median argmax ptp logsumexp prod"),
    ((SQUARE,), "det inv cholesky logdet slogdet pinv trace diag diagonal matrix_rank"),
    ((X, X[::-1]), "fmax fmin hypot logaddexp2 heaviside nextafter allclose isclose inner"),
    ((INTS, INTS[::-1]), "gcd lcm bitwise_and bitwise_xor bitwise_or isin"),
]
CALLS = [
    *((name, arguments) for arguments, names in NAMES for name in names.split()),
    ("gelu", (X, False)),
    ("celu", (X, 0.5)),
    ("threshold", (X, 0.2, -3.0)),
    ("squareplus", (X, 2.0)),
    ("glu", (X, 0)),
    ("take_along_axis", (X, np.array([[0, 2]] * 4), 1)),
    ("take_along_axis", (X, np.array([7, 1]))),
    ("take", (X, np.array([0, 2]), 1)),
    ("unstack", (X,)),
    ("unstack", (X, None, 1)),
    ("top_k", (X, 2)),
    ("in_top_k", (LABELS, X, 2)),
    ("normalize", (X,)),
    ("normalize", (X, 0, 1)),
    ("get_item", (X, (slice(1, 3), 0))),
    ("slice", (X, (1, 2), (2, 3))),
    ("slice_update", (X, (1, 2), np.ones((2, 3), "float32"))),
    ("scatter", (np.array([[1], [3], [1]]), np.array([2.0, 3, 4], "float32"), (5,))),
    ("segment_sum", (X, np.array([0, 0, 2, 1]))),
    ("segment_sum", (X, np.array([0, 0, 2, 1]), 4)),
    ("layer_normalization", (X,)),
    ("layer_normalization", (X, U[0], U[1], -1, 1e-2)),
    ("rms_normalization", (X, U[0])),
    ("binary_crossentropy", (U, U[::-1])),
    ("binary_crossentropy", (U, X, True)),
    ("categorical_crossentropy", (P, P[::-1])),
    ("categorical_crossentropy", (P, X, True)),
    ("sparse_categorical_crossentropy", (LABELS, P)),
    ("sparse_categorical_crossentropy", (LABELS, X, True)),
    ("multi_hot", (np.array([[0, 2], [1, 1]]), 4)),
    ("bincount", (INTS,)),
    ("lstsq", (X[:, :2], X[:, 2:3])),
    ("solve", (SQUARE, X)),
    ("einsum", ("ij,kj->ik", X, U)),
    ("where", (X > 0, X, 0.0)),
    ("saturate_cast", (X * 300, "int8")),
    ("arange", (2, 10, 3)),
    ("linspace", (0.0, 1.0, 5)),
    ("pad", (X, ((1, 0), (0, 2)), "constant", 3.0)),
    ("percentile", (X, 30, 1)),
    ("quantile", (X, 0.3, 0, "linear", True)),
    ("argsort", (X, 0)),
    ("round", (X, 1)),
    ("tril", (X, 1)),
    ("average", (X, 1, U)),
    ("searchsorted", (np.array([1.0, 2, 3]), np.array([2.0, 2.5]), "right")),
    ("trapezoid", (X,)),
    ("rot90", (X,)),
    ("diff", (X, 2)),
    ("repeat", (X, 2, 1)),
    ("moments", (X, 0)),
]


def numbers(found):
    """Return a list of arrays of what a function of Keras or of minidl returns."""
    if isinstance(found, list | tuple):
        return [array for part in found for array in numbers(part)]
    return [np.asarray(found.detach().numpy() if hasattr(found, "detach") else found, float)]


@pytest.mark.peers
@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=[f"{name}-{place}" for place, (name, _) in enumerate(CALLS)])
def test_functions_return_what_those_of_keras_return(name, arguments):
    theirs = peer().ops
    tensors = [theirs.convert_to_tensor(part) if isinstance(part, np.ndarray) else part for part in arguments]
    wanted, found = numbers(getattr(theirs, name)(*tensors)), numbers(getattr(ops, name)(*arguments))
    assert [part.shape for part in found] == [part.shape for part in wanted]
    for ours, their in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, their, rtol=2e-5, atol=2e-5)


@pytest.mark.peers
@pytest.mark.parametrize(
    "dtypes", [("int8", "int32"), ("int32", "float32"), ("float64",), (), ("bool", "uint8"), (int,)]
)
def test_the_dtype_of_a_result_is_that_of_keras(dtypes):
    assert keras.backend.result_type(*dtypes) == peer().backend.result_type(*dtypes)
    for dtype in (*dtypes, "int", float):
        assert keras.backend.standardize_dtype(dtype) == peer().backend.standardize_dtype(dtype)


@pytest.mark.parametrize(
    "name", ["relu6", "sparsemax", "gelu", "log_softmax", "tanh_shrink", "normalize", "erf", "sort"]
)
def test_a_function_of_a_symbolic_tensor_is_a_layer_with_the_derivative(name):
    x = keras.Input((6,))
    model = keras.Model(x, keras.layers.Dense(2)(getattr(ops, name)(keras.layers.Dense(6)(x))))
    model.compile("sgd", "mse")
    assert minidl.check_model(model.core, X, U[:, :2]).passed


@pytest.mark.parametrize("axis", [0, -1])
def test_sparsemax_is_the_nearest_point_of_the_simplex(axis):
    found = np.moveaxis(ops.sparsemax(X, axis), axis, -1)
    assert found.dtype == np.float32
    for row, ours in zip(np.moveaxis(X, axis, -1).astype(float), found, strict=True):
        sums = {"type": "eq", "fun": lambda p: p.sum() - 1}
        start, bounds = np.full(row.size, 1 / row.size), [(0, 1)] * row.size
        best = minimize(lambda p, row=row: ((p - row) ** 2).sum(), start, bounds=bounds, constraints=[sums], tol=1e-14)
        np.testing.assert_allclose(ours, best.x, atol=1e-4)


def test_functions_are_activations_and_activations_functions():
    for name in ("celu", "squareplus", "sparse_plus"):
        layer = keras.layers.Dense(3, activation=name)
        assert layer.activation is getattr(activations, name)
    assert keras.layers.Dense(3, activation=ops.relu6).activation is activations.relu6
    assert activations.deserialize("mine", {"mine": np.cos}) is np.cos
    assert np.allclose(keras.layers.Activation(ops.gelu)(X), ops.gelu(X))  # approximate, as Keras's function of arrays


def test_wrong_arguments_name_the_right_ones():
    with pytest.raises(TypeError, match="missing a required argument: 'x2'"):
        ops.add(1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'axes'"):
        ops.sum(X, axes=1)
