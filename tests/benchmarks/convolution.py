"""Time Conv2D alone, forward and backward with the gradient of its input, for seven shapes in float32."""

import importlib.util

import numpy as np

from minidl.layers import Conv2D
from minidl.parameters import Parameters
from tests.benchmarks.race import race, table

CASES = [  # x, and the number of filters 3 x 3
    ((32, 28, 28, 1), 32),
    ((32, 13, 13, 32), 64),
    ((32, 8, 8, 64), 64),
    ((32, 64, 64, 3), 16),
    ((32, 31, 31, 16), 32),
    ((32, 32, 32, 3), 32),
    ((32, 26, 26, 32), 64),
]


def arrays(shape, filters):
    """Return x (m, height, width, c), the kernel (3, 3, c, filters) and dy (m, height - 2, width - 2, filters)."""
    rng = np.random.default_rng(0)
    m, height, width, c = shape
    shapes = shape, (3, 3, c, filters), (m, height - 2, width - 2, filters)
    return [rng.standard_normal(s, np.float32) for s in shapes]


def minidl(x, kernel, dy):
    """Return a function that computes (y, dL/dx, dL/dW)."""
    layer = Conv2D(kernel.shape[-1], 3)
    layer.build(x.shape[1:])
    Parameters(layer.named_parameters(), np.dtype("float32"))
    layer.kernel.value = kernel

    def run():
        y = layer.forward(x, training=True)
        return y, layer.backward(dy), layer.kernel.grad

    return run


def torch(x, kernel, dy, channels_last=False):
    """Return a function that computes (y, dL/dx, dL/dW) with PyTorch, in its usual memory order or channels last."""
    import torch

    order = torch.channels_last if channels_last else torch.contiguous_format
    x, dy = (torch.tensor(a).permute(0, 3, 1, 2).contiguous(memory_format=order) for a in (x, dy))
    kernel = torch.tensor(kernel).permute(3, 2, 0, 1).contiguous(memory_format=order).requires_grad_()
    bias = torch.zeros(len(kernel), requires_grad=True)
    x.requires_grad_()

    def run():
        y = torch.nn.functional.conv2d(x, kernel, bias)
        dx, dw, _ = torch.autograd.grad(y, (x, kernel, bias), dy)
        return y.permute(0, 2, 3, 1), dx.permute(0, 2, 3, 1), dw.permute(2, 3, 1, 0)

    return run


def contenders(shape, filters):
    """Return {name: function that computes (y, dL/dx, dL/dW) of the same numbers}."""
    given = arrays(shape, filters)
    runs = {"minidl": minidl(*given)}
    if importlib.util.find_spec("torch"):
        runs["PyTorch"] = torch(*given)
        runs["PyTorch, channels last"] = torch(*given, channels_last=True)
    return runs


def main(rounds=7, repeats=10, cases=CASES):
    for shape, filters in cases:
        runs = {
            name: lambda run=run: [run() for _ in range(repeats)] for name, run in contenders(shape, filters).items()
        }
        title = f"(l) Conv2D forward and backward, {' x '.join(map(str, shape))}, {filters} filters 3 x 3"
        print(table(title, race(runs, rounds), repeats), flush=True)
