"""Test accuracy on scikit-learn's digits, 8 x 8 pixels: a convolutional network and a dense one, five splits.

python -m tests.benchmarks.digits

Each split has 1,347 digits to train and 450 to test, each class with its share. The seed of a split is also the seed of
its networks. Widths, dropout and learning rate were chosen on parts of the training digits, before any test.
"""

import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from minidl import Sequential
from minidl.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, ReLU, Softmax
from minidl.optimizers import Adam

SEEDS, EPOCHS, BATCH = range(5), 40, 64


def split(seed):
    """Return train x, test x, train y, test y; x (m, 8, 8, 1) between 0 and 1."""
    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    return train_test_split(x, y, test_size=450, random_state=seed, stratify=y)


def convolutional():
    return [
        *[Conv2D(32, 3, padding="same"), ReLU()],
        *[Conv2D(32, 3, padding="same"), ReLU(), MaxPooling2D(), Dropout(0.25)],
        *[Conv2D(64, 3, padding="same"), ReLU(), MaxPooling2D(), Dropout(0.4)],
        *[Flatten(), Dense(10), Softmax()],
    ]


def dense():
    return [Flatten(), Dense(64), ReLU(), Dense(32), ReLU(), Dense(10), Softmax()]


NETWORKS = {"convolutional": convolutional, "dense": dense}


def accuracy(layers, seed, epochs=EPOCHS):
    """Train the layers on a split; return the accuracy on its test digits."""
    x, x_test, y, y_test = split(seed)
    model = Sequential(layers, seed=seed)
    model.compile(Adam(0.002), metrics=["accuracy"])
    model.fit(x, y, epochs=epochs, batch_size=BATCH)
    return model.evaluate(x_test, y_test)[1]


def main(seeds=SEEDS, epochs=EPOCHS):
    print("| | test accuracy of each split | mean | standard deviation | seconds of the processor a split |")
    print("|---|---|---:|---:|---:|")
    for name, layers in NETWORKS.items():
        start = time.process_time()
        found = [accuracy(layers(), seed, epochs) for seed in seeds]
        each, seconds = ", ".join(f"{value:.3f}" for value in found), (time.process_time() - start) / len(found)
        print(f"| {name} | {each} | {np.mean(found):.3f} | {np.std(found):.3f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
