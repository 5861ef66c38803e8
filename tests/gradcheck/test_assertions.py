"""assert_gradients for all kinds of objects, and inputs drawn by hypothesis."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import find, given, settings

from minidl import GradientError, Sequential, SettingError, assert_gradients
from minidl.gradcheck import layer_inputs
from minidl.layers import Dense, ReLU
from minidl.losses import MeanSquaredError
from minidl.regularizers import L2

X = np.random.default_rng(0).standard_normal((4, 3))


def test_objects_of_minidl():
    model = Sequential([Dense(2)], seed=0)
    model.compile(loss="mean_squared_error")
    checked = [
        assert_gradients(Dense(2), 3),
        assert_gradients(MeanSquaredError()),
        assert_gradients(L2(0.1)),
        assert_gradients(model, X, X[:, :2]),
        assert_gradients((lambda x: x**2, lambda dy: 2 * dy * X), X),
    ]
    assert all(report.passed for report in checked)


def test_a_failure_shows_the_table_alone(tmp_path):
    test = tmp_path / "test_square.py"
    test.write_text("""
import numpy as np
from minidl import assert_gradients

def test_square():
    assert_gradients((lambda x: x**2, lambda dy, x: dy * x), np.array([1.0, 2.0]))
""")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(test)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert "1 failed" in done.stdout
    assert "cause: dL/dx = 1/2 x derivative everywhere: a factor of 2 too little" in done.stdout
    assert "_assertions.py" not in done.stdout


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on PyTorch with NumPy 2
def test_objects_of_other_libraries():
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    keras = pytest.importorskip("keras")
    x = torch.tensor(X)
    for subject, argument in (
        (torch.nn.Linear(3, 2), x),
        (torch.sin, x),
        (jnp.sin, jnp.asarray(X)),
        (keras.layers.Dense(2), 3),
    ):
        assert assert_gradients(subject, argument).passed
    with pytest.raises(GradientError, match="1 of 1 gradients wrong"):
        assert_gradients(lambda x: x.detach(), x)


def test_it_says_what_it_takes():
    with pytest.raises(SettingError, match=r"hand over \(forward, backward\), an object of minidl"):
        assert_gradients(np.sin, X)


@settings(max_examples=60, deadline=None)
@given(x=layer_inputs(3))
def test_a_layer_runs_on_all_inputs(x):
    layer = ReLU()
    layer.build((3,))
    assert x.dtype == np.float64
    np.testing.assert_array_equal(layer.forward(x), np.maximum(x, 0))


@pytest.mark.parametrize("kind", [
    lambda x: len(x) == 1,
    lambda x: x.shape[1] == 6,
    lambda x: (x == 0).all(),
    lambda x: (x == 1).all(),
    lambda x: len(x) > 1 and (x == x[0]).all() and x.any(),
    lambda x: len(x) > 1 and not x[0].any() and x[1].any(),
    lambda x: abs(x).max() > 40,
    lambda x: 0 < abs(x).max() < 1e-4,
    lambda x: (x < 0).all(),
    lambda x: len(np.unique(x)) == 3 and x.size > 6,
])  # fmt: skip
def test_each_kind_of_input_is_drawn(kind):
    assert find(layer_inputs(None), kind) is not None
