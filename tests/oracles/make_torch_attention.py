"""Compute attention with PyTorch in float64: outputs, attention scores, and the gradients for a given dL/dy.

python -m tests.oracles.make_torch_attention      writes tests/oracles/torch_attention.npz
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("torch_attention.npz")
M, QUERIES, KEYS, HEADS, DIM = 2, 4, 5, 2, 3
N = HEADS * DIM  # nn.MultiheadAttention has as many features in all projections
PADDED = np.arange(KEYS) < np.array([[3], [4]])  # True where a key counts
CASES = {  # of nn.MultiheadAttention: number of inputs, features of value and key, causal, padded
    "self": (1, N, N, False, False),
    "causal": (1, N, N, True, False),
    "padded": (2, N, N, False, True),
    "cross": (3, 2, 7, False, False),
    "cross_padded": (3, 7, 2, False, True),
}


def drawn(name):
    """Return the inputs, dL/dy, and the weights by the names that Keras gives them."""
    count, n_value, n_key, *_ = CASES[name]
    rng = np.random.default_rng(0)
    shapes = [(M, QUERIES, N), (M, KEYS, n_value), (M, KEYS, n_key)][:count]
    weights = {}
    for part, n in ("query", N), ("key", n_key if count > 2 else N), ("value", n_value):
        weights |= {f"{part}/kernel": rng.normal(size=(n, HEADS, DIM)), f"{part}/bias": rng.normal(size=(HEADS, DIM))}
    weights |= {
        "attention_output/kernel": rng.normal(size=(HEADS, DIM, N)),
        "attention_output/bias": rng.normal(size=N),
    }
    return [rng.normal(size=shape) for shape in shapes], rng.normal(size=(M, QUERIES, N)), weights


def by_torch(name):
    """Return {what: array} of nn.MultiheadAttention, with the gradients in Keras's shapes."""
    import torch

    *_, causal, padded = CASES[name]
    inputs, dy, weights = drawn(name)
    x = [torch.tensor(array, requires_grad=True) for array in inputs]
    leaves = {path: torch.tensor(array, requires_grad=True) for path, array in weights.items()}
    rows = {path: leaf.reshape(-1, N).T for path, leaf in leaves.items() if path.endswith("kernel")}
    biases = [leaves[f"{part}/bias"].reshape(-1) for part in ("query", "key", "value")]
    query, value, key = (*x, *x[-1:] * 2)[:3]
    y, scores = torch.nn.functional.multi_head_attention_forward(
        query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1), N, HEADS, None, torch.cat(biases),
        None, None, False, 0.0, rows["attention_output/kernel"], leaves["attention_output/bias"],
        key_padding_mask=torch.tensor(~PADDED) if padded else None,
        attn_mask=torch.ones(QUERIES, QUERIES, dtype=bool).triu(1) if causal else None,
        average_attn_weights=False, use_separate_proj_weight=True,
        q_proj_weight=rows["query/kernel"], k_proj_weight=rows["key/kernel"], v_proj_weight=rows["value/kernel"],
    )  # fmt: skip
    y = y.transpose(0, 1)
    y.backward(torch.tensor(dy))
    found = {"y": y, "scores": scores} | {f"dx_{i}": part.grad for i, part in enumerate(x)}
    found |= {path: leaf.grad for path, leaf in leaves.items()}
    return {what: array.detach().numpy() for what, array in found.items()}


# class, settings, and the scores of query q and key k in PyTorch, with parameters p
SCORES = {
    "dot": ("Attention", {}, lambda q, k, p: q @ k.mT),
    "scaled": ("Attention", {"use_scale": True}, lambda q, k, p: p["scale"] * q @ k.mT),
    "concat": (
        "Attention",
        {"use_scale": True, "score_mode": "concat"},
        lambda q, k, p: p["concat_score_weight"] * (p["scale"] * sums(q, k)).tanh().sum(-1),
    ),
    "additive": ("AdditiveAttention", {}, lambda q, k, p: (p["scale"] * sums(q, k).tanh()).sum(-1)),
}
PARAMETERS = {"scale": 0.7, "concat_score_weight": 1.5}


def sums(q, k):
    """q_i + k_j (m, T, S, n)."""
    return q[:, :, None] + k[:, None]


def drawn_scores(name):
    """Return query, value and key, dL/dy, and the parameters."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=shape) for shape in ((M, QUERIES, DIM), (M, KEYS, 2), (M, KEYS, DIM))]
    scale = rng.normal(size=DIM) if name == "additive" else np.array(PARAMETERS["scale"])
    return x, rng.normal(size=(M, QUERIES, 2)), PARAMETERS | {"scale": scale}


def scores_by_torch(name):
    """Return {what: array} of attention with these scores; the last keys are masked as in PADDED."""
    import torch

    inputs, dy, parameters = drawn_scores(name)
    query, value, key = x = [torch.tensor(array, requires_grad=True) for array in inputs]
    leaves = {name: torch.tensor(np.asarray(array), requires_grad=True) for name, array in parameters.items()}
    scores = SCORES[name][2](query, key, leaves).masked_fill(torch.tensor(~PADDED)[:, None], -torch.inf).softmax(-1)
    y = scores @ value
    y.backward(torch.tensor(dy))
    found = {"y": y, "scores": scores} | {f"dx_{i}": part.grad for i, part in enumerate(x)}
    found |= {path: leaf.grad for path, leaf in leaves.items() if leaf.grad is not None}
    return {what: array.detach().numpy() for what, array in found.items()}


def main():
    import torch

    stored = {"torch_version": np.array(torch.__version__)}
    for name in CASES:
        stored |= {f"{name}/{what}": array for what, array in by_torch(name).items()}
    for name in SCORES:
        stored |= {f"{name}/{what}": array for what, array in scores_by_torch(name).items()}
    np.savez_compressed(PATH, **stored)


if __name__ == "__main__":
    main()
