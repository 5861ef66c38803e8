"""Cut windows out of time series with Keras: tests/oracles/keras_windows.json.

KERAS_BACKEND=tensorflow python -m tests.oracles.make_keras_windows        (Keras 3.15.1, TensorFlow 2.21.0)
"""

import json
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("keras_windows.json")
CASES = 150


def drawn(number):
    """Return random arguments: (steps of the data, steps of the targets or None, the other arguments)."""
    rng = np.random.default_rng(number)
    steps = int(rng.integers(8, 40))
    settings = {"sequence_length": int(rng.integers(1, 6)), "sequence_stride": int(rng.integers(1, 5))}
    settings |= {"sampling_rate": int(rng.integers(1, 4)), "batch_size": int(rng.integers(1, 9))}
    if rng.random() < 0.5:
        settings["start_index"] = int(rng.integers(0, 4))
    if rng.random() < 0.5:
        settings["end_index"] = steps - int(rng.integers(1, 4))
    targets = None if rng.random() < 0.3 else steps - int(rng.integers(0, 6))
    return steps, targets, settings


def arrays(steps, targets):
    """Return series in which each step has its own number."""
    data = np.arange(2 * steps).reshape(steps, 2) if steps % 2 else np.arange(steps)
    return data, None if targets is None else 1000 + np.arange(targets)


def main():
    from keras.utils import timeseries_dataset_from_array

    found = []
    for number in range(CASES):
        steps, targets, settings = drawn(number)
        try:
            batches = list(timeseries_dataset_from_array(*arrays(steps, targets), **settings))
        except Exception:  # a target that Keras looks for is not there
            continue
        batches = [batch if targets is not None else (batch,) for batch in batches]
        found.append([number, [[part.numpy().tolist() for part in batch] for batch in batches]])
    PATH.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{PATH}: {len(found)} series")


if __name__ == "__main__":
    main()
