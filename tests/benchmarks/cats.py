"""Cats or not, 64 x 64 pixels: a small convolutional network and the notebook's dense one on 209 photographs.

python -m tests.benchmarks.cats [--cats DIR] [--choose]

Two tables: the given 50 test photographs with seeds 0 to 4, and ten random splits of all 259, again 209 and 50. The
given test part has twice the share of cats of the training part; a random split has the same in both. --choose compares
recipes instead, by cross-validation on the 209 training photographs alone: this is how the convolutional one was found.
Without the course's files (--cats) the photographs are the temples and flowers of `write_photographs`.
"""

import argparse
import tempfile

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

from minidl import Sequential
from minidl.datasets import load_cats, write_photographs
from minidl.initializers import HeNormal, LecunNormal
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
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Sigmoid,
)
from minidl.optimizers import SGD, Adam
from minidl.schedules import CosineDecay

SEEDS, SPLITS, BATCH = range(5), range(10), 32


def dense(seed, rows, epochs=2500):
    """Return (the notebook's network, compiled, and the arguments of fit)."""
    start = LecunNormal()
    hidden = [layer for units in (20, 7, 5) for layer in (Dense(units, kernel_initializer=start), ReLU())]
    layers = [Flatten(), *hidden, Dense(1, kernel_initializer=start), Sigmoid()]
    model = Sequential(layers, seed=seed)
    model.compile(SGD(0.0075), metrics=["accuracy"])
    return model, {"batch_size": rows, "epochs": epochs}


SMALL = (RandomFlip("horizontal"), RandomTranslation(0.1, 0.1))
LARGE = (*SMALL, RandomRotation(0.05), RandomZoom(0.15))


def convolutional(seed, rows, epochs=90, augmentation=SMALL, pool=4, normalized=True):
    """Return (a network on photographs of 64 / pool pixels, compiled, and the arguments of fit)."""
    layers = [AveragePooling2D(pool), *(layer.clone() for layer in augmentation)]
    for filters in (16, 32, 64):
        layers += [Conv2D(filters, 3, padding="same", kernel_initializer=HeNormal())]
        layers += [BatchNormalization(momentum=0.9)] * normalized + [ReLU(), MaxPooling2D()]
    model = Sequential([*layers[:-1], GlobalAveragePooling2D(), Dropout(0.3), Dense(1), Sigmoid()], seed=seed)
    model.compile(Adam(CosineDecay(0.002, epochs * -(-rows // BATCH))), metrics=["accuracy"])
    return model, {"batch_size": BATCH, "epochs": epochs}


def small_dense(seed, rows, epochs=90):
    """Return a dense network with the images, augmentation and optimizer of the convolutional one."""
    hidden = [layer for units in (64, 32) for layer in (Dense(units), ReLU(), Dropout(0.3))]
    layers = [AveragePooling2D(4), *(layer.clone() for layer in SMALL), Flatten()]
    model = Sequential([*layers, *hidden, Dense(1), Sigmoid()], seed=seed)
    model.compile(Adam(CosineDecay(0.002, epochs * -(-rows // BATCH))), metrics=["accuracy"])
    return model, {"batch_size": BATCH, "epochs": epochs}


CANDIDATES = {
    "the notebook's dense": {"make": dense},
    "dense on 16 x 16, augmented": {"make": small_dense},
    "convolutional": {"make": convolutional},
    "without normalization": {"make": convolutional, "normalized": False},
    "without augmentation": {"make": convolutional, "augmentation": ()},
    "with rotation and zoom": {"make": convolutional, "augmentation": LARGE},
    "on 32 x 32 pixels": {"make": convolutional, "pool": 2},
}


def photographs(directory=None):
    """Return the course's photographs, or the substitute, with pixels between 0 and 1."""
    with tempfile.TemporaryDirectory() as substitute:
        if directory is None:
            write_photographs(substitute)
        photos = load_cats(directory or substitute)
    x_train, x_test = (x.astype(np.float32) / 255 for x in (photos.x_train, photos.x_test))
    return photos._replace(x_train=x_train, x_test=x_test)


def accuracy(x, y, x_test, y_test, seed, make=convolutional, **recipe):
    """Train a network on x, y; return its accuracy on the test photographs."""
    model, fit = make(seed, len(x), **recipe)
    model.fit(x, y, **fit)
    return model.evaluate(x_test, y_test)[1]


def cross_validated(x, y, folds=5, **candidate):
    """Return the accuracy on each fold, trained on the others."""
    parts = StratifiedKFold(folds, shuffle=True, random_state=0).split(x, y)
    return [accuracy(x[a], y[a], x[b], y[b], seed, **candidate) for seed, (a, b) in enumerate(parts)]


def on_the_given_split(photos, seeds=SEEDS, **candidate):
    """Return the test accuracy of each seed."""
    return [accuracy(*photos[:4], seed, **candidate) for seed in seeds]


def on_random_splits(photos, splits=SPLITS, **candidate):
    """Return the test accuracy of each split of all photographs, of the same sizes as the given one."""
    x, y = np.concatenate([photos.x_train, photos.x_test]), np.concatenate([photos.y_train, photos.y_test])
    found = []
    for seed in splits:
        parts = train_test_split(x, y, test_size=len(photos.y_test), random_state=seed, stratify=y)
        found.append(accuracy(parts[0], parts[2], parts[1], parts[3], seed, **candidate))
    return found


def standard_error(differences, share):
    """Return that of a mean over random splits whose parts overlap: share is test rows / training rows.

    sqrt((1 / splits + share) variance) (Nadeau & Bengio 2003)
    """
    return float(np.sqrt((1 / len(differences) + share) * np.var(differences, ddof=1)))


def print_table(title, found):
    print(f"### {title}\n\n| | each | mean | standard deviation |\n|---|---|---:|---:|")
    for name, values in found.items():
        each = ", ".join(f"{value:.2f}" for value in values)
        print(f"| {name} | {each} | {np.mean(values):.3f} | {np.std(values):.3f} |", flush=True)
    print()


def compare(photos, seeds=SEEDS, splits=SPLITS, **shorter):
    """Print the test accuracies of both networks, and the difference of their means."""
    both = {"dense": {"make": dense} | shorter, "convolutional": {"make": convolutional} | shorter}
    found = {name: on_the_given_split(photos, seeds, **candidate) for name, candidate in both.items()}
    print_table("the given 50 test photographs, by seed", found)
    found = {name: on_random_splits(photos, splits, **candidate) for name, candidate in both.items()}
    print_table("random splits of all photographs", found)
    differences = np.subtract(found["convolutional"], found["dense"])
    error = standard_error(differences, len(photos.y_test) / len(photos.y_train))
    print(f"convolutional - dense: {differences.mean():.3f}, standard error {error:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cats", metavar="DIR", help="the directory of the course's two HDF5 files")
    parser.add_argument("--choose", action="store_true", help="compare recipes on the training photographs")
    options = parser.parse_args()
    photos = photographs(options.cats)
    if options.choose:
        found = {name: cross_validated(photos.x_train, photos.y_train, **c) for name, c in CANDIDATES.items()}
        print_table("cross-validation on the training photographs, by fold", found)
    else:
        compare(photos)


if __name__ == "__main__":
    main()
