"""Time one product of the Hessian with a vector, in float64, beside the double backward of PyTorch and of JAX.

python -m tests.benchmarks.curvature
"""

import importlib.util
import math

import numpy as np

from minidl import Sequential, curvature
from minidl.layers import Dense, ReLU, Softmax, Tanh
from minidl.losses import CategoricalCrossentropy
from tests.benchmarks.race import race, table

CASES = [(300, (2, 10, 5, 2)), (128, (30, 64, 32, 2)), (256, (64, 128, 64, 10)), (128, (784, 256, 128, 10))]


def problem(m, sizes, activation=ReLU):
    """Return (model, x, y, v): hidden layers with an activation, softmax and cross-entropy."""
    rng, layers = np.random.default_rng(0), []
    for width in sizes[1:-1]:
        layers += [Dense(width), activation()]
    model = Sequential([*layers, Dense(sizes[-1]), Softmax()], seed=0, dtype="float64")
    model.compile(loss=CategoricalCrossentropy())
    model.build(sizes[:1])
    model.params.theta += 0.1 * rng.standard_normal(model.params.theta.size)
    y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], m)]
    return model, rng.standard_normal((m, sizes[0])), y, rng.standard_normal(model.params.theta.size)


def affine_maps(model, theta):
    """Return the kernels and biases in a vector of any library."""
    params = [(model.params.slices[path], parameter.shape) for path, parameter in model.params.items()]
    arrays = [theta[part].reshape(shape) for part, shape in params]
    return zip(arrays[::2], arrays[1::2], strict=True)


def torch(model, x, y, v):
    """Return the product by double backward, with the graph of the gradient built each time, as a training would."""
    import torch

    x, labels, v = torch.tensor(x), torch.tensor(y.argmax(axis=1)), torch.tensor(v)
    theta = torch.tensor(model.params.theta, requires_grad=True)
    hidden = torch.tanh if any(isinstance(layer, Tanh) for layer in model.layers) else torch.relu

    def run():
        z = x
        for k, (kernel, bias) in enumerate(affine_maps(model, theta)):
            z = (hidden(z) if k else z) @ kernel + bias
        loss = torch.nn.functional.cross_entropy(z, labels)
        (slope,) = torch.autograd.grad(loss, theta, create_graph=True)
        return torch.autograd.grad(slope @ v, theta)[0].numpy()

    return run


def jax(model, x, y, v):
    """Return the product by forward over reverse mode, compiled."""
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        theta, x, y, v = map(jnp.asarray, (model.params.theta, x, y, v))
    hidden = jnp.tanh if any(isinstance(layer, Tanh) for layer in model.layers) else jax.nn.relu

    def loss(theta):
        z = x
        for k, (kernel, bias) in enumerate(affine_maps(model, theta)):
            z = (hidden(z) if k else z) @ kernel + bias
        return -(y * jax.nn.log_softmax(z)).sum(axis=1).mean()

    product = jax.jit(lambda theta, v: jax.jvp(jax.grad(loss), (theta,), (v,))[1])

    def run():
        with jax.enable_x64(True):
            return np.asarray(product(theta, v).block_until_ready())

    return run


def contenders(m, sizes, activation=ReLU):
    """Return {name: function that computes one product}."""
    model, x, y, v = problem(m, sizes, activation)
    products = curvature.products(model, x, y)
    runs = {"minidl": lambda: products.hessian(v)}
    for make in (torch, jax):
        if importlib.util.find_spec(make.__name__):
            runs[{"torch": "PyTorch", "jax": "JAX, compiled"}[make.__name__]] = make(model, x, y, v)
    return runs


def main(rounds=7, cases=CASES):
    for m, sizes in cases:
        runs = contenders(m, sizes)
        repeats = max(1, round(1e7 / (m * math.prod(sizes[:2]) + 1e4)))
        timed = {name: lambda run=run, n=repeats: [run() for _ in range(n)] for name, run in runs.items()}
        print(table(f"(r) a Hessian product, {list(sizes)}, {m} rows", race(timed, rounds), repeats), flush=True)


if __name__ == "__main__":
    main()
