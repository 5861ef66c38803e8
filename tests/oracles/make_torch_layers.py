"""Compute layers with PyTorch in float64: outputs for x, and gradients for a given dL/dy.

python -m tests.oracles.make_torch_layers      writes tests/oracles/torch_layers.npz
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("torch_layers.npz")
GAMMA, BETA = [0.5, 1, 2, -1], [0, 1, -1, 3]

# class, settings, and the same layer in PyTorch: f is torch.nn.functional, g and b are gamma and beta
LAYERS = [
    ("Tanh", {}, lambda f, x, g, b: f.tanh(x)),
    ("Sigmoid", {}, lambda f, x, g, b: f.sigmoid(x)),
    ("Softmax", {}, lambda f, x, g, b: f.softmax(x, -1)),
    ("LeakyReLU", {}, lambda f, x, g, b: f.leaky_relu(x, 0.3)),
    ("LeakyReLU", {"negative_slope": 0.01}, lambda f, x, g, b: f.leaky_relu(x, 0.01)),
    ("ELU", {}, lambda f, x, g, b: f.elu(x)),
    ("ELU", {"alpha": 0.7}, lambda f, x, g, b: f.elu(x, 0.7)),
    ("GELU", {}, lambda f, x, g, b: f.gelu(x)),
    ("GELU", {"approximate": True}, lambda f, x, g, b: f.gelu(x, approximate="tanh")),
    ("SiLU", {}, lambda f, x, g, b: f.silu(x)),
    ("Softplus", {}, lambda f, x, g, b: f.softplus(x, threshold=1e3)),
    ("LayerNormalization", {}, lambda f, x, g, b: f.layer_norm(x, (4,), g, b, 1e-3)),
    ("LayerNormalization", {"epsilon": 1e-5}, lambda f, x, g, b: f.layer_norm(x, (4,), g, b, 1e-5)),
    ("BatchNormalization", {}, lambda f, x, g, b: f.batch_norm(x, None, None, g, b, True, 0.0, 1e-3)),
    ("BatchNormalization", {"epsilon": 0.1}, lambda f, x, g, b: f.batch_norm(x, None, None, g, b, True, 0.0, 0.1)),
]


def drawn():
    """Return x (12, 4), of sizes up to 30, and dL/dy."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 4)) * [0.1, 1, 3, 10]
    return {"x": x, "dy": rng.normal(size=x.shape)}


def by_torch(function, x, dy):
    """Return y, dL/dx, dL/dgamma and dL/dbeta; the last two are None if the function does not use them."""
    import torch

    x, gamma, beta = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (x, GAMMA, BETA))
    y = function(torch.nn.functional, x, gamma, beta)
    y.backward(torch.tensor(dy))
    return [y.detach().numpy(), *(None if p.grad is None else p.grad.numpy() for p in (x, gamma, beta))]


def main():
    import torch

    stored = {"torch_version": np.array(torch.__version__), **drawn()}
    for number, (_, _, function) in enumerate(LAYERS):
        for name, array in zip(("y", "dx", "gamma", "beta"), by_torch(function, **drawn()), strict=True):
            if array is not None:
                stored[f"{number}/{name}"] = array
    np.savez_compressed(PATH, **stored)


if __name__ == "__main__":
    main()
