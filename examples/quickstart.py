"""Build, train and evaluate a network."""

from math import isnan

from minidl import Sequential
from minidl.callbacks import GradientChecker
from minidl.datasets import circles
from minidl.initializers import HeNormal
from minidl.layers import Dense, Dropout, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.regularizers import L2

x, y = circles(300, noise=0.05, seed=0)
x_test, y_test = circles(100, noise=0.05, seed=1)

model = Sequential(
    [
        Dense(40, kernel_initializer=HeNormal()),
        ReLU(),
        Dropout(0.2),
        Dense(20, kernel_initializer=HeNormal()),
        ReLU(),
        Dense(1),
        Sigmoid(),
    ],
    seed=0,
)
model.compile(SGD(0.5), BinaryCrossentropy() + L2(0.1), metrics=["accuracy"])
history = model.fit(x, y, batch_size=300, epochs=1500, callbacks=[GradientChecker(every=500)])

model.summary()
differences = [difference for difference in history.history["gradient_difference"] if not isnan(difference)]
print("gradient differences while training:", ", ".join(f"{difference:.1e}" for difference in differences))
loss, accuracy = model.evaluate(x_test, y_test)
print(f"test: loss {loss:.3f}, accuracy {accuracy:.2f}")
