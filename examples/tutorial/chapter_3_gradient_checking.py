"""
3. Gradient checking
====================

A backward pass is easy to get almost right, and an almost right one trains almost well. But the slope of the cost can
be had from the cost alone, without any backward pass, and where the two disagree the backward pass is wrong.
"""

import matplotlib.pyplot as plt
import numpy as np

from minidl import Sequential, check_gradient, check_layer, check_model
from minidl.callbacks import GradientChecker
from minidl.datasets import circles
from minidl.initializers import HeNormal
from minidl.layers import Dense, Dropout, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.regularizers import L2

# %%
# A slope without calculus
# ------------------------
# The slope of f at t is about (f(t + h) - f(t - h)) / 2h. A large h is inexact, and so is a small one, because the
# difference of two almost equal numbers has few digits left. With complex numbers there is nothing to subtract: f(t +
# ih) = f(t) + ih f'(t) + ..., so the imaginary part divided by h is the slope, and h may be as small as we like.


def f(t):
    return np.exp(t) / (1 + t * t)


t, steps = 1.5, 10.0 ** -np.arange(1, 21)
slope = np.exp(t) * (1 - t) ** 2 / (1 + t * t) ** 2
central = [abs((f(t + h) - f(t - h)) / (2 * h) / slope - 1) for h in steps]
complex_step = [abs(f(t + 1j * h).imag / h / slope - 1) for h in steps]

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.loglog(steps, central, "o-", label="central differences")
ax.loglog(steps, np.maximum(complex_step, 1e-17), "s--", label="complex step")
ax.set(xlabel="step h", ylabel="relative error of the slope", title="f(t) = exp(t) / (1 + t^2) at t = 1.5")
ax.legend()

# %%
# So minidl takes the complex step wherever a layer can be run with complex numbers, and every layer that comes with
# it can.
#
# Three sizes of the same question
# --------------------------------
# A function of one number, the notebook's J = theta x at x = 2 and theta = 4:

x = 2.0
print(check_gradient(lambda theta: theta * x, lambda theta: x, 4.0))

# %%
# A layer, with random input and a random slope handed back to it:

check_layer(Dense(3), input_shape=(4,))

# %%
# And a whole model, with its penalty and its dropout. Each evaluation sees the same masks, so nothing has to be
# switched off. While it trains, a callback checks too:

data = circles(300, noise=0.05, seed=0)
model = Sequential(
    [
        Dense(10, kernel_initializer=HeNormal()),
        ReLU(),
        Dropout(0.4),
        Dense(5, kernel_initializer=HeNormal()),
        ReLU(),
        Dropout(0.2),
        Dense(1, kernel_initializer=HeNormal()),
        Sigmoid(),
    ],
    seed=0,
)
model.compile(SGD(0.1), BinaryCrossentropy() + L2(0.7))
history = model.fit(*data, batch_size=300, epochs=1500, callbacks=[GradientChecker(every=500)])
check_model(model, *data, depth="all")

# %%
# A mistake
# ---------
# This ReLU forgets on the way back which inputs were negative. Its model trains, somewhat worse; nothing crashes.


class ForgetfulReLU(ReLU):
    """y = max(x, 0), with a wrong derivative."""

    def backward(self, dy):
        return dy


broken = Sequential([Dense(10), ReLU(), Dense(5), ForgetfulReLU(), Dense(1), Sigmoid()], seed=0)
broken.build((2,))
report = check_model(broken, *data, raise_on_failure=False)
print(report)

# %%
# Everything below the broken layer is wrong, because the slope that reaches it is. The checker also runs the layers
# one by one, from the loss backwards, and the first that is wrong by itself is the guilty one.

ax = report.plot(plt.subplots(figsize=(8, 3), layout="constrained")[1])
ax.set_title("hatched: wrong")

# %%
# Ask it about a layer of your own before you train with it. :doc:`/gradient-checking` shows twelve more mistakes and
# what is said of them.
