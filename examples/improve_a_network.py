"""Three ways to improve a deep network, each in an experiment: initial weights, regularization, and gradient checking.
Two more experiments compare a dense network with a convolutional one, on photographs and on digits.

python examples/improve_a_network.py [--out DIR] [--cats DIR] [--quick]

The figures are saved in --out (default: figures), and a table is printed at the end. One to two minutes on two cores.
"""

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from minidl import Sequential, check_gradient, check_model
from minidl.datasets import circles, load_cats, spiral, write_photographs
from minidl.initializers import HeNormal, LecunNormal, RandomNormal, Zeros
from minidl.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    RandomFlip,
    RandomTranslation,
    ReLU,
    Sigmoid,
    Softmax,
)
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD, Adam
from minidl.plots import confusion_matrix, cost_curves, decision_boundary
from minidl.regularizers import L2
from minidl.schedules import CosineDecay

mpl.use("Agg")  # the figures go to files


class Result(NamedTuple):
    """One line of the table at the end. None stands for a value that the run does not have."""

    part: str
    run: str
    cost: float | None = None
    train: float | None = None
    test: float | None = None
    difference: float | None = None  # of a gradient check


def announce(part, run):
    """Print what is trained next, without delay even into a pipe."""
    print(f"{part}: {run}", flush=True)


def network(widths, start, rates=None, seed=0):
    """Return the notebook's network: (Dense, ReLU, Dropout) for each hidden width, then Dense(1), Sigmoid."""
    layers = []
    for units, rate in zip(widths, rates or [0.0] * len(widths), strict=True):
        layers += [Dense(units, kernel_initializer=start), ReLU(), Dropout(rate)]
    return Sequential([*layers, Dense(1, kernel_initializer=start), Sigmoid()], seed=seed)


# ---- 1. Initialization
#
# Gradient descent needs initial weights. If they are zeros, all units of a layer compute the same thing, receive the
# same gradient and stay equal; here the output of every ReLU is 0. If they are too large, the first predictions are
# confident but wrong. Between these extremes are weights that keep the size of the signal from layer to layer: their
# variance is 1/n, with n the number of inputs, or 2/n before ReLU, which sets half of the signal to 0.

STARTS = {"zeros": Zeros(), "random * 10": RandomNormal(stddev=10.0), "1/sqrt(n)": LecunNormal(), "He": HeNormal()}


def initialisation(out, shorten):
    train, test = circles(300, noise=0.05, seed=0), circles(100, noise=0.05, seed=1)
    figure, axes = plt.subplot_mosaic("aabc;aade", figsize=(11, 5), layout="constrained")
    results, histories = [], {}
    for (name, start), panel in zip(STARTS.items(), "bcde", strict=True):
        announce("initialisation", name)
        model = network([10, 5], start)
        model.compile(SGD(0.01), metrics=["accuracy"])
        histories[name] = model.fit(*train, batch_size=300, epochs=15_000 // shorten)
        cost = histories[name].history["loss"][-1]
        results.append(Result("initialisation", name, cost, model.evaluate(*train)[1], model.evaluate(*test)[1]))
        decision_boundary(model, *train, ax=axes[panel]).set_title(name)
    # random * 10 starts at a cost above 1,000: a logarithmic axis shows it together with the others
    cost_curves(histories, ax=axes["a"]).set(title="[2, 10, 5, 1] on circles, SGD(0.01)", yscale="log")
    figure.savefig(out / "initialisation.png", dpi=80)
    return results


# ---- 2. Regularization
#
# Three hundred points lie on two spiral arms, and 15 % of them have the wrong label. A network of 150 units bends its
# boundary around the wrong labels too. L2 makes large weights, and so sharp bends, expensive; with dropout no unit can
# rely on the others. Both are worse on the training points and better on new ones (with correct labels). One run proves
# nothing, so the table shows the mean over ten seeds of data and weights.

REMEDIES = {"none": (0.0, [0.0, 0.0]), "L2": (0.3, [0.0, 0.0]), "dropout": (0.0, [0.1, 0.1])}


def noisy_spiral(points, wrong_labels, seed):
    """Return a spiral scaled to a few units; this share of its labels is flipped."""
    x, y = spiral(points, noise=0.2, seed=seed)
    wrong = np.random.default_rng(seed).random(points) < wrong_labels
    return x / 20, np.where(wrong, 1 - y, y)


def regularisation(out, shorten):
    figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
    results = []
    for (name, (lambd, rates)), ax in zip(REMEDIES.items(), axes, strict=True):
        figures = []
        for seed in range(10):
            announce("regularisation", f"{name}, seed {seed}")
            train, test = noisy_spiral(300, 0.15, seed), noisy_spiral(2000, 0.0, 1000 + seed)
            model = network([100, 50], HeNormal(), rates, seed)
            model.compile(SGD(0.05, momentum=0.9), BinaryCrossentropy() + L2(lambd), metrics=["accuracy"])
            history = model.fit(*train, batch_size=300, epochs=2_000 // shorten)
            figures.append([history.history["data_loss"][-1], model.evaluate(*train)[1], model.evaluate(*test)[1]])
            if seed == 0:
                decision_boundary(model, *train, ax=ax).set_title(f"{name}: test accuracy {figures[0][2]:.2f}")
        results.append(Result("regularisation", name, *np.mean(figures, axis=0)))
    figure.savefig(out / "regularisation.png", dpi=80)
    return results


# ---- 3. Gradient checking
#
# A backward pass that is almost right trains almost well. The derivative of the cost can also be
# computed from the cost alone; if the two disagree, the backward pass is wrong. The notebook switches dropout off for
# the check, because every evaluation would draw other masks. Here every evaluation uses the same masks, so dropout
# stays on.


class ForgetfulReLU(ReLU):
    """A ReLU with an intended mistake: backward ignores where x was negative."""

    def backward(self, dy):
        return dy


def gradient_checking(out, shorten):
    x = 2.0
    one = check_gradient(lambda theta: theta * x, lambda theta: x, 4.0)

    announce("gradient check", "L2 and dropout on")
    data = circles(300, noise=0.05, seed=0)
    model = network([10, 5], HeNormal(), [0.4, 0.2])
    model.compile(SGD(0.1), BinaryCrossentropy() + L2(0.7))
    model.fit(*data, batch_size=300, epochs=1_500 // shorten)
    many = check_model(model, *data, depth="all")

    broken = Sequential([Dense(10), ReLU(), Dense(5), ForgetfulReLU(), Dense(1), Sigmoid()], seed=0)
    broken.build((2,))
    wrong = check_model(broken, *data, raise_on_failure=False)

    print(f"{many}\n\n{wrong}\n")
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for report, ax, title in ((many, axes[0], "trained, with L2 and dropout on"), (wrong, axes[1], "ForgetfulReLU")):
        report.plot(ax).set_title(title)
    figure.savefig(out / "gradient_checking.png", dpi=80)
    return [
        Result("gradient check", "J = theta x", difference=one.difference),
        Result("gradient check", "L2 and dropout on", difference=many.difference),
        Result("gradient check", f"broken: {wrong.guilty}", difference=wrong.difference),
    ]


# ---- 4. Photographs
#
# A deeper network of the same kind, on 64 x 64 pixels in three colors: 12,288 inputs. It memorizes its 209 training
# photographs. A convolutional network has a tenth of its weights: it looks for the same patterns everywhere, in smaller
# photographs that are mirrored and moved a little in every epoch.


def photographs(directory):
    """Load the course's cats, or, without a directory, patches of scikit-learn's two photographs in the same format."""
    if directory:
        return load_cats(directory)
    with tempfile.TemporaryDirectory() as stand_in:
        write_photographs(stand_in)
        return load_cats(stand_in)


def dense_for_photographs(epochs):
    """Return (the notebook's network, the options of fit)."""
    inner = network([20, 7, 5], LecunNormal())
    model = Sequential([Flatten(), *inner.layers], seed=0)
    model.compile(SGD(0.0075), metrics=["accuracy"])
    return model, {"batch_size": 209, "epochs": epochs}


def convolutional_for_photographs(epochs):
    """Return (three convolutions on 16 x 16 pixels, the options of fit)."""
    layers = [AveragePooling2D(4), RandomFlip("horizontal"), RandomTranslation(0.1, 0.1)]
    for filters in (16, 32, 64):
        layers += [Conv2D(filters, 3, padding="same", kernel_initializer=HeNormal())]
        layers += [BatchNormalization(momentum=0.9), ReLU(), MaxPooling2D()]
    model = Sequential([*layers[:-1], GlobalAveragePooling2D(), Dropout(0.3), Dense(1), Sigmoid()], seed=0)
    model.compile(Adam(CosineDecay(0.002, 7 * epochs)), metrics=["accuracy"])  # an epoch has 7 batches
    return model, {"batch_size": 32, "epochs": epochs}


def images(out, shorten, directory):
    photos = photographs(directory)
    what = " / ".join(photos.classes)
    train, test = (photos.x_train / 255, photos.y_train), (photos.x_test / 255, photos.y_test)
    runs = {
        "dense": dense_for_photographs(2_500 // shorten),
        "convolutional": convolutional_for_photographs(90 // shorten),
    }
    figure, axes = plt.subplot_mosaic("aabcd;eefgh", figsize=(11, 4), layout="constrained")
    results = []
    for (name, (model, options)), panels in zip(runs.items(), ("abcd", "efgh"), strict=True):
        announce("images", f"{what}, {name}")
        history = model.fit(*train, **options)
        cost_curves(history, ax=axes[panels[0]]).set_title(name)
        said = (model.predict(test[0])[:, 0] > 0.5).astype(int)
        for number, panel in enumerate(panels[1:]):
            verdict = "right" if said[number] == photos.y_test[number] else "wrong"
            axes[panel].imshow(photos.x_test[number])
            axes[panel].set_axis_off()
            axes[panel].set_title(f"{photos.classes[said[number]]} ({verdict})")
        accuracies = model.evaluate(*train)[1], model.evaluate(*test)[1]
        results.append(Result("images", f"{what}, {name}", history.history["loss"][-1], *accuracies))
    figure.savefig(out / "images.png", dpi=80)
    return results


# ---- 5. Digits
#
# The same comparison on 1,797 handwritten digits of 8 x 8 pixels, a quarter of them for testing.

DIGITS = {
    "dense": [Flatten(), Dense(64), ReLU(), Dense(32), ReLU(), Dense(10), Softmax()],
    "convolutional": [
        *[Conv2D(32, 3, padding="same"), ReLU()],
        *[Conv2D(32, 3, padding="same"), ReLU(), MaxPooling2D(), Dropout(0.25)],
        *[Conv2D(64, 3, padding="same"), ReLU(), MaxPooling2D(), Dropout(0.4)],
        *[Flatten(), Dense(10), Softmax()],
    ],
}


def digits(out, shorten):
    pixels, labels = load_digits(return_X_y=True)
    parts = train_test_split(pixels.reshape(-1, 8, 8, 1) / 16, labels, test_size=450, random_state=0, stratify=labels)
    x, x_test, y, y_test = parts
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    results, histories = [], {}
    for name, layers in DIGITS.items():
        announce("digits", name)
        model = Sequential(layers, seed=0)
        model.compile(Adam(0.002), metrics=["accuracy"])
        histories[name] = model.fit(x, y, batch_size=64, epochs=40 // shorten)
        accuracies = model.evaluate(x, y)[1], model.evaluate(x_test, y_test)[1]
        results.append(Result("digits", name, histories[name].history["loss"][-1], *accuracies))
    cost_curves(histories, ax=axes[0], log=True).set_title("digits, Adam(0.002)")
    confusion_matrix(model, x_test, y_test, ax=axes[1]).set_title("convolutional, test digits")
    figure.savefig(out / "digits.png", dpi=80)
    return results


# ---- The whole script


def print_table(results):
    print(f"{'part':16s}{'run':30s}{'final cost':>12s}{'train acc.':>12s}{'test acc.':>12s}{'difference':>12s}")
    for part, run, cost, train, test, difference in results:
        cells = [
            "-" if value is None else f"{value:{form}}"
            for value, form in ((cost, ".4f"), (train, ".3f"), (test, ".3f"), (difference, ".1e"))
        ]
        print(f"{part:16s}{run:30s}" + "".join(f"{cell:>12s}" for cell in cells))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("figures"), metavar="DIR", help="directory for the figures")
    options.add_argument("--cats", type=Path, metavar="DIR", help="the directory of the course's two HDF5 files")
    options.add_argument("--quick", action="store_true", help="a tenth of the epochs, as a fast test")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    shorten = 10 if given.quick else 1
    results = [
        *initialisation(given.out, shorten),
        *regularisation(given.out, shorten),
        *gradient_checking(given.out, shorten),
        *images(given.out, shorten, given.cats),
        *digits(given.out, shorten),
    ]
    print_table(results)
    print(f"\nfigures: {', '.join(sorted(path.name for path in given.out.glob('*.png')))} in {given.out}")


if __name__ == "__main__":
    main()
