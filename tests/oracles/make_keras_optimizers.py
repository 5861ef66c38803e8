"""Train a small network with the optimizers of Keras and PyTorch, and store the weights: tests/oracles/optimizers.npz.

KERAS_BACKEND=torch python -m tests.oracles.make_keras_optimizers        (Keras 3.15.1, PyTorch 2.13.0)

The network is 6-5-ReLU-3-linear with the mean squared error, trained for 200 full-batch steps on 40 rows. Keras uses
float32. PyTorch uses float64, and an epsilon so small that its place in the formula makes no difference.
"""

from pathlib import Path

import numpy as np

STEPS = 200
TINY = 1e-30

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 6)), rng.normal(size=(40, 3))
WEIGHTS = [rng.normal(size=(6, 5)) / 2, np.zeros(5), rng.normal(size=(5, 3)) / 2, np.zeros(3)]


def keras_optimizers():
    """Return {name in the test's table: Keras optimizer with the same settings}."""
    from keras import optimizers as k
    from keras.optimizers import schedules as s

    return {
        "sgd": k.SGD(0.05),
        "momentum": k.SGD(0.05, momentum=0.9),
        "nesterov": k.SGD(0.05, momentum=0.9, nesterov=True),
        "rmsprop": k.RMSprop(0.01),
        "rmsprop momentum": k.RMSprop(0.001, rho=0.8, momentum=0.5),
        "rmsprop centered": k.RMSprop(0.005, centered=True),
        "rmsprop centered momentum": k.RMSprop(0.002, momentum=0.7, centered=True, epsilon=1e-3),
        "adagrad": k.Adagrad(0.1),
        "adagrad accumulator": k.Adagrad(0.05, initial_accumulator_value=0.5, epsilon=1e-5),
        "adam": k.Adam(0.01),
        "adam betas": k.Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
        "amsgrad": k.Adam(0.01, amsgrad=True),
        "adamw": k.AdamW(0.01),
        "adamw decay": k.AdamW(0.01, weight_decay=0.1),
        "nadam": k.Nadam(0.01),
        "nadam betas": k.Nadam(0.01, beta_1=0.7, beta_2=0.99),
        "adamax": k.Adamax(0.01),
        "adamax betas": k.Adamax(0.01, beta_1=0.7, beta_2=0.99, epsilon=1e-4),
        "adadelta": k.Adadelta(1.0),
        "adadelta rho": k.Adadelta(0.5, rho=0.8, epsilon=1e-4),
        "lion": k.Lion(0.001),
        "lion betas": k.Lion(0.001, beta_1=0.7, beta_2=0.9),
        "weight decay": k.SGD(0.05, momentum=0.9, weight_decay=0.1),
        "clip value": k.SGD(0.05, momentum=0.9, clipvalue=0.02),
        "clip norm": k.SGD(0.05, momentum=0.9, clipnorm=0.1),
        "clip global norm": k.Adam(0.01, global_clipnorm=0.1),
        "moving average": k.SGD(0.05, use_ema=True, ema_momentum=0.9),
        "exponential decay": k.SGD(s.ExponentialDecay(0.1, 50, 0.5)),
        "cosine decay": k.Adam(s.CosineDecay(0.001, 150, warmup_target=0.02, warmup_steps=20)),
    }


def torch_optimizers(parameters):
    """Return the same for PyTorch, for the rules that are equal."""
    from torch import optim as o

    return {
        "sgd": o.SGD(parameters, 0.05),
        "momentum": o.SGD(parameters, 0.05, momentum=0.9),
        "nesterov": o.SGD(parameters, 0.05, momentum=0.9, nesterov=True),
        "rmsprop": o.RMSprop(parameters, 0.01, alpha=0.9, eps=TINY),
        "rmsprop centered": o.RMSprop(parameters, 0.005, alpha=0.9, eps=TINY, centered=True),
        "adagrad": o.Adagrad(parameters, 0.1, initial_accumulator_value=0.1, eps=TINY),
        "adam": o.Adam(parameters, 0.01, eps=TINY),
        "amsgrad": None,  # PyTorch takes the maximum of the bias-corrected averages
        "adamw": o.AdamW(parameters, 0.01, weight_decay=0.1, eps=TINY),
        "adamax": o.Adamax(parameters, 0.01, eps=TINY),
        "adadelta": o.Adadelta(parameters, 1.0, rho=0.95, eps=1e-7),
        "nadam": o.NAdam(parameters, 0.01, momentum_decay=1.0, eps=TINY),
    }


def run_keras():
    import keras

    results = {}
    for name, optimizer in keras_optimizers().items():
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3)])
        model.set_weights(WEIGHTS)
        model.compile(optimizer, "mse")
        model.fit(X.astype("float32"), Y.astype("float32"), batch_size=40, epochs=STEPS, verbose=0)
        results[f"keras/{name}"] = np.concatenate([w.ravel() for w in model.get_weights()])
    return results


def run_torch():
    import torch

    results = {}
    for name in torch_optimizers([torch.zeros(1, requires_grad=True)]):
        W1, b1, W2, b2 = parameters = [torch.tensor(w, requires_grad=True) for w in WEIGHTS]
        optimizer = torch_optimizers(parameters)[name]
        if optimizer is None:
            continue
        x, y = torch.tensor(X), torch.tensor(Y)
        for _ in range(STEPS):
            optimizer.zero_grad()
            (((torch.relu(x @ W1 + b1) @ W2 + b2 - y) ** 2).mean()).backward()
            optimizer.step()
        results[f"torch/{name}"] = np.concatenate([p.detach().numpy().ravel() for p in parameters])
    return results


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("optimizers.npz"), **run_keras(), **run_torch())
