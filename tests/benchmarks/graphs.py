"""Time a Graph that is a line against the same Chain: circles, [2, 10, 5, 1], 300 rows, full batch.

python -m tests.benchmarks.graphs        ratios of minima in one interleaved run; the same for a graph that is no line
"""

import time

from minidl import Model, Sequential
from minidl.datasets import circles
from minidl.layers import Add, Dense, Graph, ReLU, Residual, Sigmoid
from minidl.optimizers import SGD

EPOCHS, ROUNDS = 50, 300  # many short turns: the least disturbed one of each counts


def pairs():
    """Return {title: (the model without a Graph, the same as a Graph)}."""
    layers = [Dense(10), ReLU(), Dense(5), ReLU(), Dense(1), Sigmoid()]
    wired = {f"l{i}": (layer.clone(), f"l{i - 1}" if i else "x") for i, layer in enumerate(layers)}
    block = {"d": (Dense(10), "x"), "f": (Dense(10), "d"), "r": (ReLU(), "f"), "s": (Add(), "r", "d")}
    block |= {"o": (Dense(1), "s"), "y": (Sigmoid(), "o")}
    residual = Sequential([Dense(10), Residual(Dense(10), ReLU()), Dense(1), Sigmoid()], seed=0)
    return {
        "a line against a Chain": (Sequential(layers, seed=0), Model(Graph("x", wired, "l5"), seed=0)),
        "a sum against Residual": (residual, Model(Graph("x", block, "y"), seed=0)),
    }


def main():
    x, y = circles(300, noise=0.05, seed=0)
    for title, models in pairs().items():
        for model in models:
            model.compile(SGD(0.01))
            model.build((2,))
        work = {
            "an epoch": lambda model: model.fit(x, y, batch_size=300, epochs=EPOCHS, verbose=0),
            "predict": lambda model: [model.predict(x) for _ in range(EPOCHS)],
        }
        for what, run in work.items():
            best = [float("inf")] * 2
            for turn in range(2 * ROUNDS):
                number = (turn + turn // 2) % 2  # 0 1 1 0: neither is always the first
                start = time.perf_counter()
                run(models[number])
                best[number] = min(best[number], (time.perf_counter() - start) / EPOCHS * 1e6)
            print(f"{title}, {what}: {best[0]:.2f} and {best[1]:.2f} us, ratio {best[1] / best[0]:.3f}", flush=True)


if __name__ == "__main__":
    main()
