"""Random networks of minidl, and the same objectives as functions of theta in PyTorch."""

import numpy as np

from minidl import Sequential
from minidl.layers import (
    ELU,
    GELU,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    LayerNormalization,
    MaxPooling2D,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minidl.losses import BinaryCrossentropy, CategoricalCrossentropy, Huber, MeanAbsoluteError, MeanSquaredError
from minidl.regularizers import L1, L2

ACTIVATIONS = {
    ELU: "elu",
    GELU: "gelu",
    ReLU: "relu",
    Sigmoid: "sigmoid",
    SiLU: "silu",
    Softplus: "softplus",
    Tanh: "tanh",
}


def random_network(seed):
    """Return (model, x, y) in float64: dense, convolutional, normalized, with several losses and penalties."""
    rng = np.random.default_rng(seed)
    m, layers = int(rng.integers(4, 12)), []
    images = seed % 5 == 0
    shape = (6, 5, 2) if images else (int(rng.integers(1, 6)),)
    if images:
        layers += [Conv2D(3, 2), Tanh(), MaxPooling2D(), Flatten()]
    for _ in range(rng.integers(1, 4)):
        width = int(rng.integers(2, 7))
        layers += [Dense(width)]
        if rng.random() < 0.4:
            layers += [rng.choice([BatchNormalization, LayerNormalization])(epsilon=0.1)]
        layers += [rng.choice(list(ACTIVATIONS))()]
        if rng.random() < 0.2:
            layers += [Residual(Dense(width), Tanh())]
    outputs = int(rng.integers(2, 4))
    kind = [MeanSquaredError, MeanAbsoluteError, Huber, BinaryCrossentropy, CategoricalCrossentropy][seed % 5 - 1]
    y = rng.standard_normal((m, outputs))
    layers += [Dense(outputs)]
    if kind is BinaryCrossentropy:
        layers, y = [*layers, Sigmoid()], rng.integers(0, 2, (m, outputs)).astype(float)
    if kind is CategoricalCrossentropy:
        layers, y = [*layers, Softmax()], np.eye(outputs)[rng.integers(0, outputs, m)]
    loss = kind()
    loss = loss + L2(0.7) if seed % 2 else loss + L1(0.3)
    model = Sequential(layers, seed=seed, dtype="float64")
    model.compile(loss=loss)
    model.build(shape)
    model.params.theta += 0.3 * rng.standard_normal(model.params.theta.size)
    return model, rng.standard_normal((m, *shape)), y


def torch_objective(model, x, y, *, with_penalties=True):
    """Return f(theta) -> (objective, outputs) in PyTorch."""
    import torch
    from torch.nn import functional

    x, y = torch.tensor(x), torch.tensor(y)
    names = {id(parameter): path for path, parameter in model.params.items()}
    terms = model.objective.terms

    def run(layer, a, of):
        if type(layer) in ACTIVATIONS:
            return getattr(functional, ACTIVATIONS[type(layer)])(a)
        if isinstance(layer, Dense):
            return a @ of(layer.kernel) + of(layer.bias)
        if isinstance(layer, LayerNormalization):
            return functional.layer_norm(a, a.shape[1:], of(layer.gamma), of(layer.beta), layer.epsilon)
        if isinstance(layer, BatchNormalization):
            options = {"training": True, "eps": layer.epsilon}
            return functional.batch_norm(a, None, None, of(layer.gamma), of(layer.beta), **options)
        if isinstance(layer, Conv2D):
            kernel = of(layer.kernel).permute(3, 2, 0, 1)
            return functional.conv2d(a.permute(0, 3, 1, 2), kernel, of(layer.bias)).permute(0, 2, 3, 1)
        if isinstance(layer, MaxPooling2D):
            return functional.max_pool2d(a.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        if isinstance(layer, Flatten):
            return a.flatten(1)
        assert isinstance(layer, Residual), layer
        z = a
        for inner in layer.layers:
            z = run(inner, z, of)
        return a + z

    def data_loss(z):
        if isinstance(terms.loss, MeanSquaredError):
            return functional.mse_loss(z, y)
        if isinstance(terms.loss, MeanAbsoluteError):
            return functional.l1_loss(z, y)
        if isinstance(terms.loss, Huber):
            return functional.huber_loss(z, y)
        if isinstance(terms.loss, BinaryCrossentropy):
            return functional.binary_cross_entropy_with_logits(z, y)
        return functional.cross_entropy(z, y)

    def objective(theta):
        def of(parameter):
            return theta[model.params.slices[names[id(parameter)]]].reshape(parameter.shape)

        z = x
        for layer in model.objective.layers.layers:
            z = run(layer, z, of)
        value, kernels = data_loss(z), theta[model.params.kernels]
        for penalty in terms.penalties if with_penalties else ():
            size = kernels.abs().sum() if isinstance(penalty, L1) else (kernels**2).sum() / 2
            value = value + penalty.lambd / len(x) * size
        return value, z

    return objective, data_loss
