"""The functions of gates: numbers of Keras 3.15, their derivatives as functions of their values."""

import numpy as np
import pytest

from minidl.layers._elementwise import FUNCTIONS, Gates

Z = np.array([-30.0, -4.0, -2.9, -1.3, -0.2, 0.1, 0.7, 1.4, 2.8, 3.3, 7.0, 30.0])
TYPES = [np.float32, np.float64, np.complex64, np.complex128]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_slope_is_the_derivative_as_a_function_of_the_value(name):
    function, h = FUNCTIONS[name], 1e-20
    y = function.value(Z + h * 1j)
    slope = function.slope(y.real.copy())
    np.testing.assert_allclose(slope, y.imag / h, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_have_the_dtype_of_the_argument_and_may_take_its_place(name, dtype):
    function, z = FUNCTIONS[name], Z[:-1].astype(dtype)
    y, kept = function.value(z), z.copy()
    np.testing.assert_array_equal(z, kept)
    assert y.dtype == function.slope(y).dtype == dtype
    assert function.value(z, out=z) is z
    np.testing.assert_array_equal(z, y)
    slope = function.slope(y)
    out = np.empty_like(y)
    function.slope(y, out=out)
    np.testing.assert_array_equal(out, slope)


@pytest.mark.parametrize("names", [("sigmoid", "sigmoid", "tanh", "sigmoid"), ("tanh",), ("relu", "sigmoid"), ()])
@pytest.mark.parametrize("dtype", TYPES)
def test_gates_are_functions_side_by_side(names, dtype):
    gates = Gates(names, 3, 4, np.dtype(dtype))
    z = np.resize(Z, (len(names), 3, 4)).astype(dtype)
    expected = [FUNCTIONS[name].value(part) for name, part in zip(names, z, strict=True)]
    y = z * np.array(gates.scale, dtype).reshape(-1, 1, 1)
    gates(y)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, np.array(expected).reshape(y.shape), rtol=1e-5, atol=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_those_of_keras(name):
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    y = keras.activations.get(name)(torch.tensor(Z)).numpy()
    tolerance = 1e-7 if name == "hard_sigmoid" else 1e-12  # PyTorch rounds 1 / 6 to float32
    np.testing.assert_allclose(FUNCTIONS[name].value(Z), y, rtol=tolerance, atol=tolerance)
