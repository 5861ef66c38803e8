"""Compute recurrent layers with Keras 3.15 on PyTorch 2.13 in float64: outputs, states, and all gradients.

python -m tests.oracles.make_recurrent      writes tests/oracles/recurrent.npz
"""

from pathlib import Path

import numpy as np

from minidl.layers import GRU, LSTM, SimpleRNN

PATH = Path(__file__).with_name("recurrent.npz")
OPTIONS = [
    {},
    {"return_sequences": True, "return_state": True},
    {"return_sequences": True, "go_backwards": True, "use_bias": False},
    {"activation": "relu", "return_sequences": True, "zero_output_for_mask": True},
]
OF_GATES = [{"recurrent_activation": "elu", "activation": "softsign"}]
LAYERS = [
    *(kind(3, **options) for kind in (SimpleRNN, GRU, LSTM) for options in OPTIONS),
    *(kind(3, **options) for kind in (GRU, LSTM) for options in OF_GATES),
    *(GRU(3, reset_after=False, **options) for options in OPTIONS + OF_GATES),
]
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]], bool)


def drawn(layer):
    """Return the weights, x, initial states, mask and dL/d(outputs) of a case."""
    rng = np.random.default_rng(LAYERS.index(layer))
    x = rng.normal(size=(5, 4, 2))
    weights = [rng.normal(size=shape) for shape in shapes(layer, x)]
    states = [rng.normal(size=(5, 3)) for _ in range(layer.state_count)]
    y = (5, 4, 3) if layer.return_sequences else (5, 3)
    dys = [
        rng.normal(size=y),
        *(rng.normal(size=(5, 3)) for _ in range(layer.state_count if layer.return_state else 0)),
    ]
    return weights, x, states, MASK, dys


def shapes(layer, x):
    layer = layer.clone()
    layer.build(x.shape[1:])
    return [parameter.shape for parameter in layer.parameters.values()]


def main():
    import keras
    import torch

    from tests.helpers.recurrent_peers import built, keras_in_float64, of_keras

    stored = {"keras": np.array(keras.__version__), "torch": np.array(torch.__version__)}
    with keras_in_float64():
        for number, layer in enumerate(LAYERS):
            weights, *given = drawn(layer)
            clone = built(layer.clone(), given[0].shape[1:], np.random.default_rng(0), "float64")
            for parameter, value in zip(clone.parameters.values(), weights, strict=True):
                parameter.value = value
            stored |= {f"{number}/{i}": array for i, array in enumerate(of_keras(clone, *given))}
    np.savez_compressed(PATH, **stored)


if __name__ == "__main__":
    main()
