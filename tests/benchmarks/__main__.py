"""Compare minidl's speed with that of installed libraries: python -m tests.benchmarks [a c d ...] [--rounds 7]

Workloads: a circles, b cats, c and d networks for digits (d with SGD and with Adam), e many small batches, f predict,
h new process to trained model, i memory, j scaling, k threads; l convolution alone, m to o a convolutional
network: a step, an epoch of 60,000 images, memory; p attention; q recurrent layers; r a model of characters;
s an Embedding of large vocabularies; t fit on sequences, beside Keras.
g, the gradient check, is in tests.benchmarks.gradcheck.
Contenders: scikit-learn, PyTorch, JAX, Keras, if installed (extra `bench`); the bare matrix products; the leanest loop
and the notebook's. They run in turns. Prints medians, and medians of the ratios within a round, as Markdown.
"""

import argparse
import os
import platform

from tests.benchmarks import (
    attention,
    characters,
    convolution,
    fitting,
    fresh,
    image_memory,
    images,
    memory,
    predicting,
    recurrent,
    scaling,
    threads,
    vocabularies,
)
from tests.benchmarks.contenders import Workload, present
from tests.benchmarks.race import race, table

TRAINING = {
    "a": [Workload("(a) circles, [2, 10, 5, 1], 300 rows, full batch", (2, 10, 5, 1), 300, 300, 1000)],
    "b": [Workload("(b) cats, [12288, 20, 7, 5, 1], 209 rows, full batch", (12288, 20, 7, 5, 1), 209, 209, 30)],
    "c": [Workload("(c) 784-128-128-10, batch 32", (784, 128, 128, 10), 3200, 32, 100)],
    "d": [
        Workload("(d) 784-512-512-10, batch 128, SGD", (784, 512, 512, 10), 2560, 128, 20),
        Workload("(d) 784-512-512-10, batch 128, Adam", (784, 512, 512, 10), 2560, 128, 20, "adam", 0.001),
    ],
    "e": [Workload("(e) 100-50-1, batch 64, 100,000 rows", (100, 50, 1), 100_000, 64, 1563)],
}
OTHERS = {
    "f": predicting.main,
    "h": fresh.main,
    "i": memory.main,
    "j": scaling.main,
    "k": threads.main,
    "l": convolution.main,
    "m": images.steps,
    "n": images.epoch,
    "o": image_memory.main,
    "p": attention.main,
    "q": recurrent.main,
    "r": characters.main,
    "s": vocabularies.main,
    "t": fitting.main,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=[*TRAINING, *OTHERS], help="letters")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    for letter in arguments.workloads:
        if letter in OTHERS:
            OTHERS[letter](arguments.rounds)
        for workload in TRAINING.get(letter, []):
            print(table(workload.title, race(present(workload), arguments.rounds), workload.steps), flush=True)


if __name__ == "__main__":
    main()
