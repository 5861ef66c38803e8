"""Compare test scores on real data with scikit-learn's MLP: equal architecture, optimizer and epochs.

python -m tests.benchmarks.real_data        five seeds each; accuracy, or R^2 for diabetes
"""

import warnings

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from minidl import Sequential
from minidl.layers import Dense, ReLU, Sigmoid, Softmax
from minidl.optimizers import Adam

NAMES, SEEDS, EPOCHS, WIDTHS = ("digits", "breast_cancer", "wine", "diabetes"), range(5), 50, (32, 16)


def split(name, seed):
    """Return train x, train y, test x, test y, with standardized inputs and regression targets."""
    data = getattr(datasets, f"load_{name}")()
    classes = None if name == "diabetes" else data.target
    x, test_x, y, test_y = train_test_split(data.data, data.target, random_state=seed, stratify=classes)
    scaler = StandardScaler().fit(x)
    if name == "diabetes":
        y, test_y = ((target - y.mean()) / y.std() for target in (y, test_y))
    return scaler.transform(x), y, scaler.transform(test_x), test_y


def ours(name, seed):
    x, y, test_x, test_y = split(name, seed)
    k = len(np.unique(y))
    output = [Dense(1)] if name == "diabetes" else [Dense(1), Sigmoid()] if k == 2 else [Dense(k), Softmax()]
    hidden = [layer for units in WIDTHS for layer in (Dense(units), ReLU())]
    model = Sequential([*hidden, *output], seed=seed)
    model.compile(Adam(0.001))
    model.fit(x, y, batch_size=32, epochs=EPOCHS)
    p = model.predict(test_x)
    if name == "diabetes":
        return r2_score(test_y, p)
    return accuracy_score(test_y, p.argmax(axis=1) if k > 2 else p[:, 0] > 0.5)


def theirs(name, seed):
    x, y, test_x, test_y = split(name, seed)
    kind = MLPRegressor if name == "diabetes" else MLPClassifier
    model = kind(hidden_layer_sizes=WIDTHS, batch_size=32, max_iter=EPOCHS, n_iter_no_change=EPOCHS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y).score(test_x, test_y)


def scores(name):
    """Return (minidl's scores, scikit-learn's scores), one per seed."""
    return [ours(name, seed) for seed in SEEDS], [theirs(name, seed) for seed in SEEDS]


if __name__ == "__main__":
    print("| | minidl | scikit-learn |\n|---|---|---|")
    for name in NAMES:
        words = [f"{np.mean(values):.3f} ± {np.std(values):.3f}" for values in scores(name)]
        print(f"| {name} | {words[0]} | {words[1]} |", flush=True)
