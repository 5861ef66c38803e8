"""Compare the notebook's four initializations on circles, and train its 1/sqrt(n) on photographs.

python -m tests.benchmarks.initialisation               circles, seeds 0 to 19
python -m tests.benchmarks.initialisation --cats DIR    also the course's cats, seeds 0 to 2

Circles: [2, 10, 5, 1], SGD(0.01), 15,000 epochs. Cats: [12288, 20, 7, 5, 1], SGD(0.0075), 2,500 epochs. At the
end: why the notebook's random * 10 got stuck, with the number of rows whose initial probability rounds to 1, and the
cost of the notebook's loop.
"""

import argparse

import numpy as np

from minidl import Sequential
from minidl.datasets import circles, load_cats
from minidl.initializers import HeNormal, LecunNormal, RandomNormal, Zeros
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import SGD
from tests.benchmarks.loops import notebook_loop

STARTS = {"zeros": Zeros(), "random * 10": RandomNormal(stddev=10.0), "1/sqrt(n)": LecunNormal(), "He": HeNormal()}


def network(start, hidden, seed, dtype="float32"):
    layers = [layer for n in hidden for layer in (Dense(n, kernel_initializer=start), ReLU())]
    return Sequential([*layers, Dense(1, kernel_initializer=start), Sigmoid()], seed=seed, dtype=dtype)


def trained(start, hidden, learning_rate, epochs, seed, train, test):
    """Train with full batches; return (final cost, train accuracy, test accuracy)."""
    model = network(start, hidden, seed)
    model.compile(SGD(learning_rate), metrics=["accuracy"])
    cost = model.fit(*train, batch_size=len(train[0]), epochs=epochs, verbose=0).history["loss"][-1]
    return cost, model.evaluate(*train)[1], model.evaluate(*test)[1]


def on_circles(seed):
    """Train with each of STARTS, on data and weights of this seed and test points of another."""
    train, test = circles(300, noise=0.05, seed=seed), circles(100, noise=0.05, seed=1000 + seed)
    return {name: trained(start, (10, 5), 0.01, 15_000, seed, train, test) for name, start in STARTS.items()}


def on_cats(directory, seed):
    cats = load_cats(directory)
    pixels = [x.reshape(len(x), -1).astype(np.float32) / 255 for x in (cats.x_train, cats.x_test)]
    train, test = (pixels[0], cats.y_train), (pixels[1], cats.y_test)
    return trained(LecunNormal(), (20, 7, 5), 0.0075, 2_500, seed, train, test)


def saturated(seed):
    """Return (share of rows with probability exactly 1 before training, the notebook's cost after one update)."""
    x, y = circles(300, noise=0.05, seed=seed)
    model = network(STARTS["random * 10"], (10, 5), seed, "float64")
    model.build((2,))
    kernels = [parameter.value for path, parameter in model.params.items() if path.endswith("kernel")]
    with np.errstate(all="ignore"):
        return np.mean(model.predict(x) == 1), notebook_loop(x, y, kernels, 0.01, epochs=2)[-1]


def table(rows):
    """Print a line per name: median (minimum .. maximum) over the seeds of cost, train and test accuracy."""
    print(f"{'':12s}  {'final cost':>24s}  {'train accuracy':>24s}  {'test accuracy':>24s}")
    for name, results in rows.items():
        columns = np.transpose(results)
        spans = [f"{np.median(c):.4f} ({c.min():.4f} .. {c.max():.4f})" for c in columns]
        print(f"{name:12s}  " + "  ".join(f"{span:>24s}" for span in spans))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=20, help="number of seeds for circles")
    options.add_argument("--cats", metavar="DIR", help="the directory of the course's two HDF5 files")
    given = options.parse_args()
    runs = [on_circles(seed) for seed in range(given.seeds)]
    table({name: [run[name] for run in runs] for name in STARTS})
    shares, costs = np.transpose([saturated(seed) for seed in range(given.seeds)])
    share = f"{np.median(shares):.2f} ({shares.min():.2f} .. {shares.max():.2f})"
    print(f"random * 10 before training: p rounds to 1 for {share} of the rows")
    print(f"the notebook's loop after one update: the cost is NaN for {np.isnan(costs).sum()} of {given.seeds} seeds")
    for seed in range(3) if given.cats else ():
        cost, train, test = on_cats(given.cats, seed)
        print(f"cats, seed {seed}: final cost {cost:.4f}, train accuracy {train:.3f}, test accuracy {test:.2f}")


if __name__ == "__main__":
    main()
