"""Compare minidl's MLP with scikit-learn's, same arguments and epochs, in float64: time, and scores of ten seeds.

python -m tests.benchmarks.estimators

The two alternate, so that other work of the machine slows both; the medians are compared. Times are those of `fit`,
scores those of test rows. Diabetes is a regression, the other data sets are classifications.
"""

import time
import warnings

import numpy as np
from sklearn import neural_network
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from minidl import estimators

ROUNDS, SEEDS = 5, 10
SOLVERS = {"sgd": 20, "adam": 20, "lbfgs": 20}  # epochs of each


def data():
    """Return {name: (estimator, x, y)}, x standardized."""
    synthetic = make_classification(20_000, 50, n_informative=20, n_classes=4, random_state=0)
    found = {
        "digits": ("MLPClassifier", *load_digits(return_X_y=True)),
        "breast cancer": ("MLPClassifier", *load_breast_cancer(return_X_y=True)),
        "diabetes": ("MLPRegressor", *load_diabetes(return_X_y=True)),
        "20,000 x 50": ("MLPClassifier", *synthetic),
    }
    return {name: (kind, StandardScaler().fit_transform(x), y) for name, (kind, x, y) in found.items()}


def seconds(module, kind, x, y, **arguments):
    estimator = getattr(module, kind)(**arguments)
    start = time.perf_counter()
    estimator.fit(x, y)
    return time.perf_counter() - start


def times(kind, x, y, **arguments):
    """Return (minidl's median, scikit-learn's median) in seconds."""
    pairs = [
        [seconds(module, kind, x, y, random_state=0, **arguments) for module in (estimators, neural_network)]
        for _ in range(ROUNDS)
    ]
    return np.median(pairs, axis=0)


def scores(module, kind, x, y, **arguments):
    """Return the score on a quarter of the rows for each seed."""
    x, x_test, y, y_test = train_test_split(x, y, random_state=0)
    made = (getattr(module, kind)(random_state=seed, **arguments) for seed in range(SEEDS))
    return [estimator.fit(x, y).score(x_test, y_test) for estimator in made]


def main():
    warnings.simplefilter("ignore")
    print(f"{'data':<14}{'solver':<8}{'minidl ms':>10}{'sklearn ms':>11}{'ratio':>7}   score: ours, theirs (from - to)")
    for name, (kind, x, y) in data().items():
        for solver, epochs in SOLVERS.items():
            arguments = {"solver": solver, "max_iter": epochs, "tol": 0.0}
            ours, theirs = times(kind, x, y, **arguments)
            a, b = (np.array(scores(module, kind, x, y, **arguments)) for module in (estimators, neural_network))
            spread = f"{a.mean():.4f}, {b.mean():.4f} ({b.min():.4f} - {b.max():.4f})"
            print(f"{name:<14}{solver:<8}{ours * 1e3:>10.1f}{theirs * 1e3:>11.1f}{ours / theirs:>7.2f}   {spread}")


if __name__ == "__main__":
    main()
