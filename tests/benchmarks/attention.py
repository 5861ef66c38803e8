"""Time attention alone, forward and backward with all gradients, in float32."""

import importlib.util

import numpy as np

from minidl.layers import Attention, MultiHeadAttention
from minidl.parameters import Parameters
from tests.benchmarks.race import race, table

CASES = [(16, 64, 64, 4), (1, 64, 64, 4), (16, 10, 32, 2), (16, 128, 128, 8)]  # rows, steps, features, heads


def arrays(m, steps, n):
    """Return x and dy (m, steps, n)."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((m, steps, n), np.float32) for _ in range(2)]


def apart(array, heads):
    """Return the array (m heads, steps, n / heads)."""
    m, steps = array.shape[:2]
    return np.ascontiguousarray(array.reshape(m, steps, heads, -1).swapaxes(1, 2)).reshape(m * heads, steps, -1)


def minidl(m, steps, n, heads, causal):
    """Return a function that computes y and all gradients of self-attention with its projections."""
    x, dy = arrays(m, steps, n)
    layer = MultiHeadAttention(heads, n // heads, use_causal_mask=causal)
    layer.build((steps, n))
    Parameters(layer.named_parameters(), np.dtype("float32")).initialize(np.random.default_rng(0))

    def run():
        y = layer.forward(x, training=True)
        return y, layer.backward(dy)

    return run


def minidl_core(m, steps, n, heads, causal):
    """Return a function that computes y and all gradients of attention without projections."""
    x, dy = (apart(array, heads) for array in arrays(m, steps, n))
    layer = Attention(use_causal_mask=causal)
    layer.build((x.shape[1:],) * 3)

    def run():
        y = layer.forward((x, x, x), training=True)
        return y, layer.backward(dy)

    return run


def torch(m, steps, n, heads, causal):
    """Return the same as `minidl` of PyTorch's layer."""
    import torch

    x, dy = map(torch.tensor, arrays(m, steps, n))
    layer = torch.nn.MultiheadAttention(n, heads, batch_first=True)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(steps) if causal else None
    leaves = [x.requires_grad_(), *layer.parameters()]

    def run():
        y, _ = layer(x, x, x, need_weights=False, attn_mask=mask, is_causal=causal)
        return y, *torch.autograd.grad(y, leaves, dy)

    return run


def torch_core(m, steps, n, heads, causal):
    """Return the same as `minidl_core` of PyTorch's function."""
    import torch

    x, dy = (torch.tensor(apart(array, heads)).unflatten(0, (m, heads)) for array in arrays(m, steps, n))
    leaves = query, value, key = [x.clone().requires_grad_() for _ in range(3)]

    def run():
        y = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=causal, scale=1.0)
        return y, *torch.autograd.grad(y, leaves, dy)

    return run


def contenders(case, causal=False):
    """Return two dicts {name: function}: of attention with its projections, and without them."""
    layers, cores = {"minidl": minidl(*case, causal)}, {"minidl": minidl_core(*case, causal)}
    if importlib.util.find_spec("torch"):
        layers["nn.MultiheadAttention"] = torch(*case, causal)
        cores["scaled_dot_product_attention"] = torch_core(*case, causal)
    return layers, cores


def main(rounds=7, repeats=10, cases=CASES):
    for case in cases:
        m, steps, n, heads = case
        for causal in (False, True):
            layers, cores = contenders(case, causal)
            title = f"forward and backward, {m} x {steps} x {n}, {heads} heads{', causal' if causal else ''}"
            for kind, runs in ("attention with projections", layers), ("without", cores):
                timed = {name: lambda run=run: [run() for _ in range(repeats)] for name, run in runs.items()}
                print(table(f"(p) {kind}, {title}", race(timed, rounds), repeats), flush=True)
