"""
2. Regularization
=================

A large network memorizes its training data, including wrong labels. Two remedies make this harder: a penalty on large
weights, and dropout.
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
# Data with wrong labels
# ----------------------
# Three hundred points lie on the two arms of a spiral, and about 15 % of them have the wrong label. The 2,000 test
# points have correct labels, because the network should learn the spiral, not the mistakes.


def noisy_spiral(points, wrong_labels, seed):
    x, y = spiral(points, noise=0.2, seed=seed)
    wrong = np.random.default_rng(seed).random(points) < wrong_labels
    return x / 20, np.where(wrong, 1 - y, y)


def trained(lambd, rate, seed):
    """Return a trained [2, 100, 50, 1] with this L2 and dropout, its history, and its train and test accuracy."""
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
# ``BinaryCrossentropy() + L2(0.3)`` is the sum of two costs: the error on the data, and lambda / (2 m) times the sum of
# the squared weights. A sharp bend in the boundary needs large weights, so it must reduce the error enough. The history
# contains both parts.

settings = {"none": (0.0, 0.0), "L2(0.3)": (0.3, 0.0), "Dropout(0.1)": (0.0, 0.1)}
runs = {name: trained(*setting, seed=0) for name, setting in settings.items()}
history = runs["L2(0.3)"][1].history
for epoch in (0, 500, 1999):
    print(f"epoch {epoch:4d}: data_loss {history['data_loss'][epoch]:.3f} + penalty {history['penalty'][epoch]:.3f}")

# %%
# Its effect on the weights:

for name, (model, _, _) in runs.items():
    weights = model.params["dense_1/kernel"].value
    print(f"{name:13s} root of the mean square of the weights: {np.sqrt(np.mean(weights**2)):.3f}")

# %%
# Dropout
# -------
# In every step, ``Dropout(0.1)`` sets each unit to 0 with probability 0.1 and divides the others by 0.9, so that their
# sum stays the same on average. No unit can rely on another one. Prediction uses all units and needs no correction. In
# the figure, the random masks make the cost with dropout noisy from the start; the late jumps without a remedy are
# steps that overshoot.

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
cost_curves({name: history for name, (_, history, _) in runs.items()}, key="data_loss", ax=ax).set_ylabel("data loss")

# %%
# The result
# ----------
# Without a remedy the boundary bends around the wrong labels, with confident predictions. With a remedy it is smoother,
# and pale colors show uncertain predictions where labels contradict each other.

# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for (name, (model, _, accuracies)), ax in zip(runs.items(), axes, strict=True):
    decision_boundary(model, *noisy_spiral(300, 0.15, 0), ax=ax)
    ax.set_title(f"{name}: train {accuracies[0]:.2f}, test {accuracies[1]:.2f}")

# %%
# With one seed this may be luck, so here are the means over ten seeds of data and weights. Both remedies are worse on
# the training points and better on new ones, dropout more than L2.

print(f"{'':13s} train   test")
for name, setting in settings.items():
    train, test = np.mean([trained(*setting, seed)[2] for seed in range(10)], axis=0)
    print(f"{name:13s} {train:.3f}  {test:.3f}")
