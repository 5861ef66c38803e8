"""The time of check_torch and check_jax beside torch.autograd.gradcheck and jax.test_util.check_grads.

OMP_NUM_THREADS=1 python -m tests.benchmarks.gradcheck_elsewhere

Each prints medians, and medians of the ratios within a round, for functions on float64; they run in turns.
"""

import statistics
import time

import numpy as np

from minidl import check_jax, check_torch

ROUNDS = 7


def ratios(runs, base):
    """Median milliseconds of each run, and its median ratio to the base within a round."""
    times = {name: [] for name in runs}
    for number in range(ROUNDS + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number:  # the first round warms up
                times[name].append(1e3 * (time.perf_counter() - start))
    found = {}
    for name, own in times.items():
        parts = [a / b for a, b in zip(own, times[base], strict=True)]
        found[name] = (statistics.median(own), statistics.median(parts))
    return found


def row(name, found):
    return f"| {name} | " + " | ".join(f"{ms:.1f} ms ({ratio:.2f})" for ms, ratio in found.values()) + " |"


def of_torch():
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    torch.manual_seed(0)

    class Tanh(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.tanh()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, dy):
            (y,) = ctx.saved_tensors
            return dy * (1 - y * y)

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    gru = torch.nn.GRU(4, 5, batch_first=True).double()
    return {
        "tanh, a custom Function": (Tanh.apply, (normal(8, 5),)),
        "linear": (F.linear, (normal(8, 5), normal(6, 5), normal(6))),
        "softmax": (lambda x: x.softmax(1), (normal(8, 5),)),
        "layer norm": (lambda x, w, b: F.layer_norm(x, (5,), w, b), (normal(8, 5), normal(5), normal(5))),
        "conv2d": (F.conv2d, (normal(2, 3, 8, 8), normal(4, 3, 3, 3))),
        "max_pool2d": (lambda x: F.max_pool2d(x, 2), (normal(2, 3, 8, 8),)),
        "attention": (F.scaled_dot_product_attention, (normal(2, 6, 4), normal(2, 6, 4), normal(2, 6, 4))),
        "matrix inverse": (torch.linalg.inv, (normal(6, 6),)),
        "GRU": (lambda x: gru(x)[0], (normal(3, 8, 4),)),
        "cross entropy": (lambda z: F.cross_entropy(z, torch.arange(16) % 10), (normal(16, 10),)),
    }


def of_jax():
    import jax
    from jax import numpy as jnp

    rng = np.random.default_rng(0)

    def normal(*shape):
        return jnp.asarray(rng.standard_normal(shape))

    @jax.custom_vjp
    def tanh(x):
        return jnp.tanh(x)

    tanh.defvjp(lambda x: (jnp.tanh(x),) * 2, lambda y, dy: (dy * (1 - y * y),))

    def norm(x, w, b):
        return (x - x.mean(1, keepdims=True)) / jnp.sqrt(x.var(1, keepdims=True) + 1e-5) * w + b

    def attention(q, k, v):
        return jax.nn.softmax(q @ k.swapaxes(1, 2) / 2) @ v

    def recurrent(x, w):
        return jax.lax.scan(lambda h, a: (jnp.tanh(h @ w + a),) * 2, x[0], x)[1]

    return {
        "tanh, a custom_vjp": (tanh, (normal(8, 5),)),
        "linear": (lambda x, w, b: x @ w + b, (normal(8, 5), normal(5, 6), normal(6))),
        "softmax": (lambda x: jax.nn.softmax(x), (normal(8, 5),)),
        "layer norm": (norm, (normal(8, 5), normal(5), normal(5))),
        "conv2d": (lambda x, w: jax.lax.conv(x, w, (1, 1), "VALID"), (normal(2, 3, 8, 8), normal(4, 3, 3, 3))),
        "max pooling": (lambda x: x.reshape(2, 3, 4, 2, 4, 2).max((3, 5)), (normal(2, 3, 8, 8),)),
        "attention": (attention, (normal(2, 6, 4), normal(2, 6, 4), normal(2, 6, 4))),
        "matrix inverse": (jnp.linalg.inv, (normal(6, 6),)),
        "recurrent": (recurrent, (normal(8, 3, 5), normal(5, 5))),
        "log-sum-exp": (lambda z: jax.nn.logsumexp(z, 1).mean(), (normal(16, 10),)),
    }


def main():
    from torch.autograd import gradcheck

    print("| PyTorch | check_torch | gradcheck, fast | gradcheck, slow |\n|---|---|---|---|")
    for name, (f, inputs) in of_torch().items():
        runs = {
            "minidl": lambda f=f, inputs=inputs: check_torch(f, *inputs),
            "fast": lambda f=f, inputs=inputs: gradcheck(f, inputs, fast_mode=True),
            "slow": lambda f=f, inputs=inputs: gradcheck(f, inputs),
        }
        print(row(name, ratios(runs, "fast")), flush=True)
    import jax
    from jax.test_util import check_grads

    print("\n| JAX | check_jax | check_grads |\n|---|---|---|")
    with jax.enable_x64(True):
        for name, (f, inputs) in of_jax().items():
            runs = {
                "minidl": lambda f=f, inputs=inputs: check_jax(f, *inputs),
                "jax": lambda f=f, inputs=inputs: check_grads(f, inputs, order=1, modes="rev", eps=1e-6),
            }
            print(row(name, ratios(runs, "jax")), flush=True)


if __name__ == "__main__":
    main()
