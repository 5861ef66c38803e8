"""
2. Regularisation
=================

A network that is large enough learns its data by heart, with all the mistakes in them. Two remedies make that harder: a
price on large weights, and dropout.
"""

import matplotlib.pyplot as plt
import numpy as np

from minidl import Sequential
from minidl.datasets import spiral
from minidl.initializers import HeNormal
from minidl.layers import Dense, Dropout, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.plots import cost_curves, decision_boundary
from minidl.regularizers import L2

# %%
# Data with mistakes
# ------------------
# Three hundred points lie on the two arms of a spiral, and about 15 % of them have the wrong label. The 2,000 points
# to test on are labelled right: what is asked for is the spiral, not the mistakes.


def noisy_spiral(points, wrong_labels, seed):
    x, y = spiral(points, noise=0.2, seed=seed)
    wrong = np.random.default_rng(seed).random(points) < wrong_labels
    return x / 20, np.where(wrong, 1 - y, y)


def trained(lambd, rate, seed):
    """A [2, 100, 50, 1] with this L2 and this dropout; its history; train and test accuracy."""
    train, test = noisy_spiral(300, 0.15, seed), noisy_spiral(2000, 0.0, 1000 + seed)
    model = Sequential(
        [
            Dense(100, kernel_initializer=HeNormal()),
            ReLU(),
            Dropout(rate),
            Dense(50, kernel_initializer=HeNormal()),
            ReLU(),
            Dropout(rate),
            Dense(1, kernel_initializer=HeNormal()),
            Sigmoid(),
        ],
        seed=seed,
    )
    model.compile(SGD(0.05, momentum=0.9), BinaryCrossentropy() + L2(lambd), metrics=["accuracy"])
    history = model.fit(*train, batch_size=300, epochs=2000)
    return model, history, [model.evaluate(*data)[1] for data in (train, test)]


# %%
# L2
# --
# ``BinaryCrossentropy() + L2(0.3)`` is the sum of two costs: how wrong the network is, and lambda / (2 m) times the
# sum of its squared weights. A sharp bend in the boundary needs large weights, so it has to be worth its price. The
# history keeps the two apart.

settings = {"none": (0.0, 0.0), "L2(0.3)": (0.3, 0.0), "Dropout(0.1)": (0.0, 0.1)}
runs = {name: trained(*setting, seed=0) for name, setting in settings.items()}
history = runs["L2(0.3)"][1].history
for epoch in (0, 500, 1999):
    print(f"epoch {epoch:4d}: data_loss {history['data_loss'][epoch]:.3f} + penalty {history['penalty'][epoch]:.3f}")

# %%
# What it does to the weights:

for name, (model, _, _) in runs.items():
    weights = model.params["dense_1/kernel"].value
    print(f"{name:13s} root of the mean square of the weights: {np.sqrt(np.mean(weights**2)):.3f}")

# %%
# Dropout
# -------
# ``Dropout(0.1)`` sets each unit to 0 with probability 0.1, anew in every step, and divides the others by 0.9, so
# that the sum they send on is the same on average. No unit can rely on another one being there. When the model
# predicts, all units work and nothing has to be corrected. The masks make the cost jump
# about from the beginning; the late leaps of the network without a remedy are steps that overshoot.

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
cost_curves({name: history for name, (_, history, _) in runs.items()}, key="data_loss", ax=ax).set_ylabel("data loss")

# %%
# What came of it
# ---------------
# Without a remedy the boundary bends around the wrong labels, and the network is sure of it. With one it is smoother,
# and where labels contradict each other it says so in paler colours.

# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for (name, (model, _, accuracies)), ax in zip(runs.items(), axes, strict=True):
    decision_boundary(model, *noisy_spiral(300, 0.15, 0), ax=ax)
    ax.set_title(f"{name}: train {accuracies[0]:.2f}, test {accuracies[1]:.2f}")

# %%
# On one seed that may be luck, so here are five, of data and weights. Both remedies do worse on the points they learn
# from, and better on new ones.

print(f"{'':13s} train   test")
for name, setting in settings.items():
    train, test = np.mean([trained(*setting, seed)[2] for seed in range(5)], axis=0)
    print(f"{name:13s} {train:.3f}  {test:.3f}")
