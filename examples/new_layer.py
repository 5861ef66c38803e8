"""Write a new layer: its equation, its derivative, a gradient check in one line, and a training with it."""

from dataclasses import dataclass

from minidl import Sequential, check_layer
from minidl.datasets import moons
from minidl.initializers import Ones
from minidl.layers import Dense, Layer, Parameter, Sigmoid, sigmoid
from minidl.optimizers import SGD


@dataclass(eq=False)
class Swish(Layer):
    """y = x sigmoid(beta x), beta is learned.   x (m, n) -> y (m, n);  beta (1,). (Ramachandran et al. 2017)"""

    def build(self, input_shape):
        self.beta = Parameter((1,), Ones())
        return input_shape

    def forward(self, x, training=False):
        s = sigmoid(self.beta.value * x)
        self.x, self.s = x, s
        return x * s

    def backward(self, dy):
        ds = self.s * (1 - self.s)  # the derivative of the sigmoid
        self.beta.grad = (dy * self.x * self.x * ds).sum()
        return dy * (self.s + self.beta.value * self.x * ds)


print(check_layer(Swish(), input_shape=(4,)))

x, y = moons(300, noise=0.1, seed=0)
model = Sequential([Dense(10), Swish(), Dense(1), Sigmoid()], seed=0)
model.compile(SGD(0.5), metrics=["accuracy"])
model.fit(x, y, batch_size=300, epochs=2000)
beta = model.params["swish/beta"].value[0]
print(f"\naccuracy {model.evaluate(x, y)[1]:.2f}, and beta went from 1 to {beta:.2f}")
