"""Functions for torch.autograd with backward passes written by hand: right ones, and the usual mistakes in them.

RIGHT has (forward, backward, inputs), PLANTS (name, of, backward, the wrong inputs, words of the cause or None).
"""

import inspect

import torch

torch.manual_seed(0)
RIGHT, PLANTS = {}, []


def function(forward, backward):
    """A torch.autograd.Function whose backward gets dy and the inputs."""

    def forward_of(ctx, *inputs):
        ctx.save_for_backward(*(x for x in inputs if isinstance(x, torch.Tensor)))
        ctx.others = [None if isinstance(x, torch.Tensor) else x for x in inputs]
        return forward(*inputs)

    def backward_of(ctx, dy):
        saved = iter(ctx.saved_tensors)
        return backward(dy, *(next(saved) if x is None else x for x in ctx.others))

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_ONLY)
    if names := list(inspect.signature(forward).parameters.values()):
        forward_of.__signature__ = inspect.Signature([context, *(p.replace(default=p.empty) for p in names)])
    own = {"forward": staticmethod(forward_of), "backward": staticmethod(backward_of)}
    return type("Custom", (torch.autograd.Function,), own)


def right(name, forward, backward, *inputs):
    RIGHT[name] = (forward, backward, inputs)


def plant(name, of, backward, wrong, says):
    PLANTS.append((name, of, backward, wrong, says))


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def linear(dy, x, w, b):
    return dy @ w.T, x.T @ dy, dy.sum(0)


right("linear", lambda x, w, b: x @ w + b, linear, normal(4, 3), normal(3, 2), normal(2))
plant("mean", "linear", lambda dy, x, w, b: (dy @ w.T, x.T @ dy, dy.mean(0)), (2,), "a mean where a sum belongs")
plant("rows", "linear", lambda dy, x, w, b: (dy @ w.T, x.T @ dy / len(x), dy.sum(0)), (1,), "4 rows")
plant("sign", "linear", lambda dy, x, w, b: (-(dy @ w.T), x.T @ dy, dy.sum(0)), (0,), "the sign is flipped")
plant("zeros", "linear", lambda dy, x, w, b: (dy @ w.T, x.T @ dy * 0, dy.sum(0)), (1,), "= 0 everywhere")
plant(
    "decay", "linear", lambda dy, x, w, b: (dy @ w.T, x.T @ dy + 0.1 * w, dy.sum(0)), (1,), "a penalty inside backward"
)

square = normal(3, 3)
right("matmul", lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, x.T @ dy), normal(4, 3), square)
plant("w not transposed", "matmul", lambda dy, x, w: (dy @ w, x.T @ dy), (0,), "its transpose belongs there")
plant("dw transposed", "matmul", lambda dy, x, w: (dy @ w.T, dy.T @ x), (1,), "is the transpose of the derivative")

right("tanh", lambda x: x.tanh(), lambda dy, x: dy * (1 - torch.tanh(x) ** 2), normal(5, 4))
plant("slope without square", "tanh", lambda dy, x: dy * (1 - torch.tanh(x)), (0,), "not the derivative of forward")
plant(
    "sigmoid's slope",
    "tanh",
    lambda dy, x: dy * torch.tanh(x) * (1 - torch.tanh(x)),
    (0,),
    "not the derivative of forward",
)
plant("dy forgotten", "tanh", lambda dy, x: 1 - torch.tanh(x) ** 2, (0,), "backward forgets dy")
plant("straight through", "tanh", lambda dy, x: dy, (0,), "the derivative of forward is forgotten")

right("relu", lambda x: x.clamp(min=0), lambda dy, x: dy * (x > 0), normal(5, 4))
plant("mask forgotten", "relu", lambda dy, x: dy, (0,), "the whole gradient passes")
plant("mask reversed", "relu", lambda dy, x: dy * (x < 0), (0,), "the mask is the wrong way round")

right("square", lambda x: x**2, lambda dy, x: 2 * x * dy, normal(5, 4))
plant("2 forgotten", "square", lambda dy, x: x * dy, (0,), "a factor of 2 too little")
plant("not linear in dy", "square", lambda dy, x: 2 * x * dy**2, (0,), "backward is not linear in dy")

right("exp", lambda x: x.exp(), lambda dy, x: dy * x.exp(), normal(5, 4))
plant("log for exp", "exp", lambda dy, x: dy / x.exp(), (0,), "divided where a product belongs")


def softmax(dy, x):
    p = x.softmax(1)
    return p * (dy - (p * dy).sum(1, keepdim=True))


right("softmax", lambda x: x.softmax(1), softmax, normal(5, 4))
plant("row term forgotten", "softmax", lambda dy, x: x.softmax(1) * dy, (0,), "not the derivative of forward")
plant(
    "diagonal alone",
    "softmax",
    lambda dy, x: x.softmax(1) * (1 - x.softmax(1)) * dy,
    (0,),
    "not the derivative of forward",
)

scaled = lambda dy, x, scale: (dy * scale, None)  # noqa: E731
right("scale", lambda x, scale: x * scale, scaled, normal(5, 4), 0.3)
plant("scale forgotten", "scale", lambda dy, x, scale: (dy, None), (0,), "1 / scale")
plant("scale squared", "scale", lambda dy, x, scale: (dy * scale**2, None), (0,), "0.3 = scale")
plant("None", "scale", lambda dy, x, scale: (None, None), (0,), "autograd finds no way")

right(
    "mse",
    lambda p, y: ((p - y) ** 2).mean(),
    lambda dy, p, y: (dy * 2 * (p - y) / p.numel(), -dy * 2 * (p - y) / p.numel()),
    normal(5, 3),
    normal(5, 3),
)
plant("sum for mean", "mse", lambda dy, p, y: (dy * 2 * (p - y), -dy * 2 * (p - y) / p.numel()), (0,), "15")


def select(dy, x, ids):
    return torch.zeros_like(x).index_add(0, ids, dy), None


right("rows of a table", lambda x, ids: x[ids], select, normal(5, 3), torch.tensor([0, 2, 2, 4]))


def assigned(dy, x, ids):
    found = torch.zeros_like(x)
    found[ids] = dy
    return found, None


plant("repeated ids", "rows of a table", assigned, (0,), "wrong in rows 2 alone")


def layer_norm(x):
    c = x - x.mean(1, keepdim=True)
    return c / c.pow(2).mean(1, keepdim=True).sqrt()


def layer_norm_backward(dy, x):
    s = (x - x.mean(1, keepdim=True)).pow(2).mean(1, keepdim=True).sqrt()
    y = layer_norm(x)
    return (dy - dy.mean(1, keepdim=True) - y * (dy * y).mean(1, keepdim=True)) / s


right("layer norm", layer_norm, layer_norm_backward, normal(5, 6))
plant(
    "mean's way forgotten",
    "layer norm",
    lambda dy, x: (
        layer_norm_backward(dy, x)
        + dy.mean(1, keepdim=True) / (x - x.mean(1, keepdim=True)).pow(2).mean(1, keepdim=True).sqrt()
    ),
    (0,),
    "the path through their mean",
)

right("broadcast", lambda x, g: x * g, lambda dy, x, g: (dy * g, (dy * x).sum(0)), normal(5, 3), normal(3))
plant("g forgotten", "broadcast", lambda dy, x, g: (dy, (dy * x).sum(0)), (0,), None)
plant("mean of rows", "broadcast", lambda dy, x, g: (dy * g, (dy * x).mean(0)), (1,), "a mean where a sum belongs")
right("transpose", lambda x: x.T, lambda dy, x: dy.T, normal(4, 3))
right("l2 norm", lambda x: x.norm(), lambda dy, x: dy * x / x.norm(), normal(6))
plant("not normalised", "l2 norm", lambda dy, x: dy * x, (0,), "a constant factor")
