"""
1. Initialization
=================

Training moves the weights downhill step by step, so their initial values matter. This chapter trains one network from
four initializations, and shows why two of them are bad.
"""

import matplotlib.pyplot as plt
import numpy as np

from minidl import Sequential, diagnose
from minidl.datasets import circles
from minidl.initializers import Constant, HeNormal, LecunNormal, RandomNormal, Zeros
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import SGD
from minidl.plots import cost_curves, decision_boundary

STARTS = {"zeros": Zeros(), "random * 10": RandomNormal(stddev=10.0), "1/sqrt(n)": LecunNormal(), "He": HeNormal()}

# %%
# The size of the signal
# ----------------------
# A thousand rows of random numbers pass through ten untrained layers of 100 units. We measure the size of the signal
# after each layer, as the root of the mean square.

rows = np.random.default_rng(0).standard_normal((1000, 100))
sizes = {}
for name, start in STARTS.items():
    model = Sequential([part for _ in range(10) for part in (Dense(100, kernel_initializer=start), ReLU())], seed=0)
    model.build((100,))
    signal, sizes[name] = rows, []
    for layer in model.layers:
        signal = layer.forward(signal)
        if isinstance(layer, ReLU):
            sizes[name].append(float(np.sqrt(np.mean(signal**2))))
    print(f"{name:12s} after layer 1: {sizes[name][0]:7.3g}   after layer 10: {sizes[name][-1]:7.3g}")

# %%
# A unit adds up n numbers, so the variance of its output is n times the variance of a weight. With variance 1 / n the
# sum has the same size as its terms, but ReLU then sets half of it to 0: the signal shrinks by sqrt(2) in every layer.
# With 2 / n, He's choice, it keeps its size. With weights of size 10 it grows seventyfold in every layer. The gradients
# pass back through the same weights, and shrink and grow in the same way.

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for (name, size), line in zip(list(sizes.items())[1:], ("--", "-.", "-"), strict=True):
    ax.plot(range(1, 11), size, line, marker="o", label=name)
ax.set(yscale="log", xlabel="layer", ylabel="size of the signal", title="Ten layers of 100 ReLUs, untrained")
ax.legend()

# %%
# Why equal weights are bad
# -------------------------
# With zeros the signal is 0. But every other number causes the same problem: units that start equal receive equal
# gradients and stay equal. Here all weights start at 0.1. After a thousand steps the ten units, one column of weights
# each, are still equal.

train, test = circles(300, noise=0.05, seed=0), circles(100, noise=0.05, seed=1)
equal = Constant(0.1)
model = Sequential([Dense(10, kernel_initializer=equal), ReLU(), Dense(1, kernel_initializer=equal), Sigmoid()])
model.compile(SGD(0.1))
model.fit(*train, batch_size=300, epochs=1000)
print(model.params["dense/kernel"].value.round(3))

# %%
# Such a network raises no error. ``diagnose`` looks for this problem and for some thirty others:

diagnose(model, *train)

# %%
# Training all four
# -----------------
# The task is to classify 300 points on two circles with a network of 10, 5 and 1 units. The training takes 15,000
# steps of full-batch gradient descent with learning rate 0.01.

models, histories = {}, {}
for name, start in STARTS.items():
    layers = [Dense(10, kernel_initializer=start), ReLU(), Dense(5, kernel_initializer=start), ReLU()]
    model = Sequential([*layers, Dense(1, kernel_initializer=start), Sigmoid()], seed=0)
    model.compile(SGD(0.01), metrics=["accuracy"])
    histories[name] = model.fit(*train, batch_size=300, epochs=15_000)
    models[name] = model
    cost, accuracies = histories[name].history["loss"][-1], [model.evaluate(*data)[1] for data in (train, test)]
    print(f"{name:12s} cost {cost:.4f}   accuracy: train {accuracies[0]:.3f}, test {accuracies[1]:.2f}")

# %%
# With zeros the cost stays at ln 2 = 0.6931, the cost of predicting 0.5 for every point. random * 10 starts with
# confident but wrong predictions, at a cost above a thousand; it learns in jumps and ends with a higher cost than the
# other two. These find the circle, He first.

# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplot_mosaic("aabc;aade", figsize=(11, 5), layout="constrained")
cost_curves(histories, ax=axes["a"]).set(title="[2, 10, 5, 1] on circles, SGD(0.01)", yscale="log")
for (name, model), panel in zip(models.items(), "bcde", strict=True):
    decision_boundary(model, *train, ax=axes[panel]).set_title(name)

# %%
# One seed proves little. :doc:`/notebook` repeats the experiment with twenty seeds, and explains why random * 10 stayed
# at accuracy 0.5 in the notebook from which minidl grew.
