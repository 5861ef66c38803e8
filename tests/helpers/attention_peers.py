"""Attention against Keras 3.15 on PyTorch 2.13, and against PyTorch alone: outputs, scores and all gradients."""

import warnings
from unittest import mock

import numpy as np
import pytest

from minidl.layers import AdditiveAttention, Attention, MultiHeadAttention
from minidl.parameters import Parameters

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


class Case:
    """A layer with random weights, inputs, masks, and dL/dy, which is None for scores on which nothing depends."""

    def __init__(self, kind, rng, dtype="float64"):
        self.layer, shapes = drawn(kind, rng)
        self.several = isinstance(shapes[0], tuple)
        shapes = shapes if self.several else (shapes,)
        self.layer.build(shapes if self.several else shapes[0])
        parameters = Parameters(self.layer.named_parameters(), np.dtype(dtype))
        parameters.theta = rng.normal(0, 0.5, parameters.theta.size)
        m = int(rng.integers(1, 5))
        self.x = [rng.normal(size=(m, *shape)).astype(dtype) for shape in shapes]
        for pairs in self.x[3:]:
            pairs[...] = rng.random(pairs.shape) < 0.7
        self.masks = [None if rng.integers(2) else rng.random((m, shape[0])) < 0.7 for shape in shapes[:3]]
        self.masks += [None] * (len(self.x) - len(self.masks))
        if kind is not MultiHeadAttention:  # Keras reads no mask of the keys there
            self.masks[2:] = [None] * len(self.masks[2:])
        y, scores = self.run()
        self.dy = [rng.normal(size=y.shape).astype(dtype), None]
        if rng.integers(2):
            self.dy[1] = rng.normal(size=scores.shape).astype(dtype)

    def run(self):
        """Return y and the scores."""
        x, masks = (tuple(self.x), tuple(self.masks)) if self.several else (self.x[0], self.masks[0])
        (y, scores), (mask, no_mask) = self.layer.masked_forward(x, masks)
        assert mask is self.masks[0]
        assert no_mask is None
        return y, scores

    def found(self):
        """Return outputs, scores, gradients along the inputs and gradients of the parameters."""
        outputs = self.run()
        dx = self.layer.backward(tuple(self.dy))
        dx = dx if self.several else (dx,)
        assert all(slope is None for slope in dx[3:])
        return [*outputs, *dx[:3], *(p.grad.copy() for p in self.layer.parameters.values())]

    def allowed(self):
        """Return a tensor (m, T, S), True where a query may see a key."""
        import torch

        x, masks = (self.x, self.masks) if self.several else (self.x * 2, self.masks * 2)
        allowed = torch.ones(len(x[0]), x[0].shape[1], x[1].shape[1], dtype=bool)
        for mask, axis in zip(masks[:3], (2, 1, 1), strict=False):
            allowed = allowed if mask is None else allowed & torch.tensor(mask).unsqueeze(axis)
        if self.layer.use_causal_mask:
            allowed = allowed & torch.ones(allowed.shape[1:], dtype=bool).tril()
        return allowed & (torch.tensor(x[3]) != 0) if x[3:] else allowed

    def worst(self, wanted):
        """Return the largest difference to these, each relative to its largest number."""
        found = self.found()
        assert [array.shape for array in found] == [array.shape for array in wanted]
        assert {array.dtype for array in found} == {self.x[0].dtype}
        return max(_difference(*pair) for pair in zip(found, wanted, strict=True))


def _difference(ours, theirs):
    return np.abs(ours - theirs).max() / max(1, np.abs(theirs).max())


def drawn(kind, rng):
    """Return (layer, shapes of its inputs): one, or query and value, and perhaps key and attention_mask."""
    queries, keys, *features = (int(n) for n in rng.integers(1, 7, 5))
    dot = kind is not MultiHeadAttention
    count = int(rng.integers(1, 4 if dot else 5))
    settings = {"use_causal_mask": bool(rng.integers(2)), "return_attention_scores": True}
    if dot:
        settings["use_scale"] = bool(rng.integers(2))
        features = [features[0], features[0] if count == 2 else features[1], features[0]]
    if kind is Attention:
        settings["score_mode"] = str(rng.choice(["dot", "concat"]))
    if kind is MultiHeadAttention:
        heads, key_dim, value_dim = (int(n) for n in rng.integers(1, 5, 3))
        settings |= {"num_heads": heads, "key_dim": key_dim, "use_bias": bool(rng.integers(2))}
        settings["value_dim"] = value_dim if rng.integers(2) else None
        settings["output_shape"] = (None, 3, (2, 3))[rng.integers(3)]
    shapes = (queries, features[0]), (keys, features[1]), (keys, features[2]), (queries, keys)
    return kind(**settings), shapes[0] if count == 1 else shapes[:count]


def by_keras(case):
    """Compute what `Case.found` returns by Keras's layer with the same settings and weights."""
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    layer, kind = case.layer, type(case.layer)
    names = {MultiHeadAttention: ("num_heads", "key_dim", "value_dim", "use_bias", "output_shape")}
    names |= {Attention: ("use_scale", "score_mode"), AdditiveAttention: ("use_scale",)}
    theirs = getattr(keras.layers, kind.__name__)(
        **{n: getattr(layer, n) for n in names[kind]}, dtype=str(case.x[0].dtype)
    )
    x = [torch.tensor(array, requires_grad=True) for array in case.x]
    masks = [None if mask is None else torch.tensor(mask) for mask in case.masks]
    given = {"return_attention_scores": True, "use_causal_mask": layer.use_causal_mask}
    # Keras's own matmul rounds float64 to float32
    with warnings.catch_warnings(), mock.patch("keras.src.ops.matmul", torch.matmul):
        warnings.filterwarnings("ignore", "You are using a softmax over axis")
        if kind is MultiHeadAttention:
            query, value, key = (*x, *x[-1:] * 2)[:3]
            theirs.build(query.shape, value.shape, key.shape)
            _set(theirs, layer)
            keras.src.backend.set_keras_mask(query, masks[0])
            several = {
                "value_mask": masks[1] if case.several else masks[0],
                "key_mask": masks[2] if masks[2:] else None,
            }
            pairs = x[3].detach() != 0 if x[3:] else None
            y = theirs(query, value, x[2] if x[2:] else None, attention_mask=pairs, **several, **given)
        else:
            theirs.build([part.shape for part in (x if case.several else x * 2)])
            _set(theirs, layer)
            y = theirs(x if case.several else x * 2, mask=masks[:2] if case.several else masks * 2, **given)
            # there Keras has numbers, of padded keys or for padded queries, where minidl has zeros
            seeing = case.allowed().any(-1, keepdim=True)
            y = y[0] * seeing, y[1] * seeing
    return _with_gradients(y, case, [*x[:3], *(weight.value for weight in theirs.weights)])


def _set(theirs, layer):
    import torch

    for weight, (name, parameter) in zip(theirs.weights, layer.parameters.items(), strict=True):
        assert weight.path.endswith(name)
        weight.value.data = torch.tensor(parameter.value)


def by_torch(case):
    """Compute what `Case.found` returns of a MultiHeadAttention by PyTorch's scaled_dot_product_attention.

    It returns no scores. They are its output for values that are the rows of an identity matrix.
    """
    torch = pytest.importorskip("torch")
    layer, x = case.layer, [torch.tensor(array, requires_grad=True) for array in case.x]
    weights = {name: torch.tensor(p.value, requires_grad=True) for name, p in layer.parameters.items()}
    query, value, key = (*x, *x[-1:] * 2)[:3]

    def projected(name, array):
        bias = weights.get(f"{name}/bias")
        z = torch.einsum("mtn,nhd->mhtd", array, weights[f"{name}/kernel"])
        return z if bias is None else z + bias[:, None]

    q, k, v = projected("query", query), projected("key", key), projected("value", value)
    allowed = case.allowed()[:, None]
    attend = torch.nn.functional.scaled_dot_product_attention
    identity = torch.eye(k.shape[2], dtype=k.dtype).expand(*k.shape[:3], -1)
    scores = attend(q, k, identity, attn_mask=allowed)
    y = torch.tensordot(attend(q, k, v, attn_mask=allowed).transpose(1, 2), weights["attention_output/kernel"], dims=2)
    if layer.use_bias:
        y = y + weights["attention_output/bias"]
    return _with_gradients((y, scores), case, [*x[:3], *weights.values()])


def _with_gradients(y, case, leaves):
    import torch

    pairs = [(part, torch.tensor(dy)) for part, dy in zip(y, case.dy, strict=True) if dy is not None]
    slopes = torch.autograd.grad([part for part, _ in pairs], leaves, [dy for _, dy in pairs], materialize_grads=True)
    return [part.detach().numpy() for part in (*y, *slopes)]
