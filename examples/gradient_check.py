"""Check gradients of a function, of a layer, and of a whole model with dropout on."""

from minidl import Sequential, check_gradient, check_layer, check_model
from minidl.datasets import circles
from minidl.layers import Dense, Dropout, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.regularizers import L2

# J(theta) = theta x at x = 2, theta = 4: the gradient is x.
x = 2.0
print(check_gradient(lambda theta: theta * x, lambda theta: x, 4.0), end="\n\n")

# A layer alone, with random input, random parameters and a random gradient of its output.
print(check_layer(Dense(3), input_shape=(4,)), end="\n\n")

# The objective of a model. Every evaluation uses the same dropout masks, so dropout stays on.
x, y = circles(300, noise=0.05, seed=0)
model = Sequential([Dense(10), ReLU(), Dropout(0.4), Dense(5), ReLU(), Dense(1), Sigmoid()], seed=0)
model.compile(loss=BinaryCrossentropy() + L2(0.7))
model.fit(x, y, batch_size=300, epochs=100)
print(check_model(model, x, y, depth="all"))
