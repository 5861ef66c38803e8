"""Why does a network not learn? minidl diagnoses faulty networks on the circles."""

from minidl import Sequential, compare, diagnose
from minidl.callbacks import Monitor
from minidl.datasets import circles
from minidl.initializers import HeNormal, RandomNormal, Zeros
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import SGD

x, y = circles(300, noise=0.05, seed=0)
x_test, y_test = circles(100, noise=0.05, seed=1)


def network(start, rate=0.1):
    layers = [Dense(10, kernel_initializer=start), ReLU(), Dense(5, kernel_initializer=start), ReLU()]
    model = Sequential([*layers, Dense(1, kernel_initializer=start), Sigmoid()], seed=0)
    model.compile(SGD(rate))
    return model


# Before training: diagnose passes the data through once, checks gradients, and trains copies for a few steps.
print(diagnose(network(Zeros()), x, y), end="\n\n")
print(diagnose(network(HeNormal()), 1000 * x, y), end="\n\n")

# During training: Monitor watches how far each step moves the weights, and the course of the loss.
model, monitor = network(HeNormal(), rate=1e-4), Monitor(every=10)
model.fit(x, y, epochs=20, callbacks=[monitor])
print(monitor.diagnosis, end="\n\n")

# Comparison: compare trains all variants on the same data with the same seeds.
starts = {"zeros": Zeros(), "random * 10": RandomNormal(stddev=10.0), "He": HeNormal()}
variants = {name: network(start) for name, start in starts.items()}
print(compare(variants, x, y, validation_data=(x_test, y_test), epochs=200, seeds=3))
