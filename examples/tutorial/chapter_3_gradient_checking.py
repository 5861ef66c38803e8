"""
3. Gradient checking
====================

A backward pass that is almost right trains almost well, so nobody notices. But the derivative of the cost can also be
computed from the cost alone, without a backward pass. If the two disagree, the backward pass is wrong.
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
# A derivative without calculus
# -----------------------------
# The derivative of f at t is about (f(t + h) - f(t - h)) / 2h. A large h is inexact, and so is a small one, because the
# difference of two almost equal numbers has few correct digits. Complex numbers avoid the difference: f(t + ih) = f(t)
# + ih f'(t) + ..., so the imaginary part divided by h is the derivative, and h can be as small as we like.


def f(t):
    return np.exp(t) / (1 + t * t)


t, steps = 1.5, 10.0 ** -np.arange(1, 21)
derivative = np.exp(t) * (1 - t) ** 2 / (1 + t * t) ** 2
central = [abs((f(t + h) - f(t - h)) / (2 * h) / derivative - 1) for h in steps]
complex_step = [abs(f(t + 1j * h).imag / h / derivative - 1) for h in steps]

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.loglog(steps, central, "o-", label="central differences")
ax.loglog(steps, np.maximum(complex_step, 1e-17), "s--", label="complex step")
ax.set(xlabel="step h", ylabel="relative error of the derivative", title="f(t) = exp(t) / (1 + t^2) at t = 1.5")
ax.legend()

# %%
# So minidl uses the complex step if a layer accepts complex numbers, as every layer of minidl does.
#
# From a function to a model
# --------------------------
# A function of one number, the notebook's J = theta x at x = 2 and theta = 4:

x = 2.0
print(check_gradient(lambda theta: theta * x, lambda theta: x, 4.0))

# %%
# A layer, with random input and a random gradient of its output:

check_layer(Dense(3), input_shape=(4,))

# %%
# A whole model, with its penalty and its dropout. Every evaluation uses the same masks, so dropout stays on. A callback
# also checks during training:

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
# The backward pass of this ReLU ignores which inputs were negative. The model trains, somewhat worse, and raises no
# error.


class ForgetfulReLU(ReLU):
    """y = max(x, 0), with a wrong derivative."""

    def backward(self, dy):
        return dy


broken = Sequential([Dense(10), ReLU(), Dense(5), ForgetfulReLU(), Dense(1), Sigmoid()], seed=0)
broken.build((2,))
report = check_model(broken, *data, raise_on_failure=False)
print(report)

# %%
# All gradients below the broken layer are wrong, because they are computed from its wrong result. To find the guilty
# layer, the checker tests the layers one by one, from the loss backwards; the first that is wrong by itself is guilty.

ax = report.plot(plt.subplots(figsize=(8, 3), layout="constrained")[1])
ax.set_title("hatched: wrong")

# %%
# Check your own layers before you train with them. :doc:`/gradient-checking` shows twelve more mistakes and the reports
# on them.
