"""Differentiate and train random networks of (Linear, ReLU or Sigmoid)*, Linear, Sigmoid with PyTorch in float64.

python -m tests.oracles.make_torch_networks      writes a few small ones to tests/oracles/torch_networks.npz
"""

import itertools
import json
from pathlib import Path

import numpy as np

ROWS, STEPS, LEARNING_RATE = 12, 100, 0.1
UPDATES = {
    "sgd": {"momentum": 0.0, "nesterov": False},
    "momentum": {"momentum": 0.9, "nesterov": False},
    "nesterov": {"momentum": 0.9, "nesterov": True},
}
STORED = range(1000, 1005)
PATH = Path(__file__).with_name("torch_networks.npz")


def drawn(seed, widest=40):
    """Return the settings of a network (widths, activations, lambda of L2), x, y and the initial weights."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 5))
    widths = [int(n) for n in rng.integers(1, widest + 1, depth + 1)]  # features, then hidden layers
    widths.append(1)
    settings = {
        "widths": widths,
        "activations": [str(rng.choice(["ReLU", "Sigmoid"])) for _ in range(depth)],
        "lambd": float(rng.choice([0, rng.uniform(0.01, 1)])),
    }
    x, y = rng.normal(size=(ROWS, widths[0])), rng.integers(0, 2, (ROWS, 1)).astype(float)
    weights = []
    for n, units in itertools.pairwise(widths):
        weights += [rng.normal(0, np.sqrt(2 / n), (n, units)), rng.normal(0, 0.1, units)]
    return settings, x, y, weights


def by_torch(settings, x, y, weights, steps=STEPS):
    """Return outputs, loss, gradients, and the weights after training with each of UPDATES, by name."""
    import torch

    torch.set_num_threads(1)  # for small matrices a second thread costs more time than it saves
    x, y = torch.tensor(x), torch.tensor(y)
    functions = {"ReLU": torch.relu, "Sigmoid": torch.sigmoid}

    def forward(parameters):
        a = x
        for i, name in enumerate(settings["activations"]):
            a = functions[name](a @ parameters[2 * i] + parameters[2 * i + 1])
        return a @ parameters[-2] + parameters[-1]

    def cost(parameters):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(forward(parameters), y)
        return loss + settings["lambd"] / (2 * len(x)) * sum((kernel**2).sum() for kernel in parameters[::2])

    def fresh():
        return [torch.tensor(w, requires_grad=True) for w in weights]

    parameters = fresh()
    loss = cost(parameters)
    loss.backward()
    found = {
        "outputs": torch.sigmoid(forward(parameters)).detach().numpy(),
        "loss": loss.item(),
        "gradients": [p.grad.numpy() for p in parameters],
    }
    for name, options in UPDATES.items():
        parameters = fresh()
        optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE, **options)
        for _ in range(steps):
            optimizer.zero_grad()
            cost(parameters).backward()
            optimizer.step()
        found[name] = [p.detach().numpy() for p in parameters]
    return found


def main():
    import torch

    stored = {"torch_version": np.array(torch.__version__)}
    for number, seed in enumerate(STORED):
        settings, x, y, weights = drawn(seed, widest=6)
        found = by_torch(settings, x, y, weights)
        stored |= {f"{number}/settings": np.array(json.dumps(settings)), f"{number}/x": x, f"{number}/y": y}
        stored |= {f"{number}/outputs": found["outputs"], f"{number}/loss": found["loss"]}
        for key in ("gradients", *UPDATES):
            stored |= {f"{number}/{key}/{i}": array for i, array in enumerate(found[key])}
        stored |= {f"{number}/weights/{i}": array for i, array in enumerate(weights)}
    np.savez_compressed(PATH, **stored)


if __name__ == "__main__":
    main()
