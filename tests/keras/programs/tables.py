"""Tables that tutorials train on, from scikit-learn: shuffled once, numbers standardised, in float32."""

import numpy as np
from sklearn import datasets


def _shuffled(x, y, rows):
    order = np.random.default_rng(0).permutation(len(x))[:rows]
    return x[order], y[order]


def _standardised(loaded, rows):
    x, y = _shuffled(loaded.data, loaded.target, rows)
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32"), y


FLOWERS, SPECIES = _standardised(datasets.load_iris(), 150)  # (150, 4), three species
PATIENTS, PROGRESSION = _standardised(datasets.load_diabetes(), 240)  # (240, 10), a measure of disease
PROGRESSION = (PROGRESSION / 100).astype("float32")
TUMOURS, BENIGN = _standardised(datasets.load_breast_cancer(), 240)  # (240, 30), 1 for benign
WINES, CULTIVARS = _standardised(datasets.load_wine(), 178)  # (178, 13), three cultivars
IMAGES, DIGITS = _shuffled(datasets.load_digits().images, datasets.load_digits().target, 240)  # (240, 8, 8), 0 to 16
