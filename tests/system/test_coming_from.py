"""The statements of docs/coming-from.md about PyTorch and Keras hold for the versions of the extra `peers`."""

import inspect

import numpy as np
import pytest

from minidl import Sequential, optimizers
from minidl.initializers import HeNormal, VarianceScaling
from minidl.layers import BatchNormalization, Dense, LayerNormalization, LeakyReLU
from minidl.losses import MeanSquaredError
from minidl.optimizers import SGD
from minidl.regularizers import L2

pytestmark = pytest.mark.peers
M, LAMBD = 32, 0.7
KERNEL = np.random.default_rng(0).standard_normal((4, 3))


def default(function, argument):
    return inspect.signature(function).parameters[argument].default


def test_l2_of_keras_equals_l2_with_the_scaled_strength():
    keras = pytest.importorskip("keras")
    theirs = float(keras.regularizers.L2(LAMBD / (2 * M))(KERNEL.astype(np.float32)))
    assert theirs == pytest.approx(L2(LAMBD).value(KERNEL.ravel(), M), rel=1e-5)


def test_weight_decay_of_pytorch_equals_l2_with_the_scaled_strength():
    torch = pytest.importorskip("torch")
    x, y = np.random.default_rng(1).standard_normal((M, 4)), np.zeros((M, 3))
    model = Sequential([Dense(3, use_bias=False)], dtype="float64")
    model.compile(SGD(0.1), MeanSquaredError() + L2(LAMBD))
    model.build((4,))
    model.set_weights([KERNEL])
    model.fit(x, y, batch_size=M, epochs=5)

    weight = torch.tensor(KERNEL.T.copy(), requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1, weight_decay=LAMBD / M)
    for _ in range(5):
        optimizer.zero_grad()
        ((torch.tensor(x) @ weight.T) ** 2).mean().backward()
        optimizer.step()
    assert np.abs(model.get_weights()[0] - weight.detach().numpy().T).max() < 1e-12


def test_variance_scaling_gives_the_initial_weights_of_pytorch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.Linear(400, 300).weight.detach().numpy()
    ours = VarianceScaling(1 / 3, distribution="uniform")((400, 300), np.random.default_rng(0))
    assert np.abs(theirs).max() == pytest.approx(1 / 20, rel=1e-3)
    assert np.abs(ours).max() == pytest.approx(1 / 20, rel=1e-3)
    assert theirs.std() == pytest.approx(ours.std(), rel=0.01)


def test_variance_scaling_gives_the_truncated_normal_of_keras():
    keras = pytest.importorskip("keras")
    theirs = np.asarray(keras.initializers.HeNormal(seed=0)((400, 300)))
    cut, plain = (start((400, 300), np.random.default_rng(0)) for start in (VarianceScaling(2.0), HeNormal()))
    # A quantile, not the maximum: on PyTorch, Keras truncates all but about one weight in a hundred thousand.
    large = [float(np.quantile(np.abs(weights), 0.9999)) for weights in (theirs, cut, plain)]
    assert large[0] == pytest.approx(large[1], rel=0.01)
    assert large[2] > 1.5 * large[0]
    assert theirs.std() == pytest.approx(plain.std(), rel=0.01)


def test_defaults_are_those_of_keras_and_differ_from_pytorch():
    torch, keras = pytest.importorskip("torch"), pytest.importorskip("keras")
    ours = [optimizers.Adam().epsilon, optimizers.AdamW().weight_decay, optimizers.RMSprop().rho]
    ours += [LeakyReLU().negative_slope, LayerNormalization().epsilon, BatchNormalization().momentum]
    keras_defaults = [
        default(keras.optimizers.Adam, "epsilon"),
        default(keras.optimizers.AdamW, "weight_decay"),
        default(keras.optimizers.RMSprop, "rho"),
        default(keras.layers.LeakyReLU, "negative_slope"),
        default(keras.layers.LayerNormalization, "epsilon"),
        default(keras.layers.BatchNormalization, "momentum"),
    ]
    torch_defaults = [
        default(torch.optim.Adam, "eps"),
        default(torch.optim.AdamW, "weight_decay"),
        default(torch.optim.RMSprop, "alpha"),
        default(torch.nn.LeakyReLU, "negative_slope"),
        default(torch.nn.LayerNorm, "eps"),
        1 - default(torch.nn.BatchNorm1d, "momentum"),
    ]
    assert ours == keras_defaults == [1e-7, 0.004, 0.9, 0.3, 1e-3, 0.99]
    assert torch_defaults == [1e-8, 0.01, 0.99, 0.01, 1e-5, 0.9]
