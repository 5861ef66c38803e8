"""Random networks of the layers that minidl and Keras share, and their optimizers."""

import numpy as np

from minidl import Sequential, registry
from minidl.layers import BatchNormalization, Chain, Dense, Dropout, Flatten, GaussianNoise, LayerNormalization
from minidl.registry import LAYERS, KerasLayer
from minidl.schedules import ExponentialDecay
from tests.helpers.every_layer import randomize

ACTIVATIONS = [kind for kind in registry.ACTIVATIONS.values() if isinstance(LAYERS[kind].keras, KerasLayer)]


def architecture(seed):
    """(model, x): random layers of every kind that Keras has too, with random weights and moving averages."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 6)),) if rng.random() < 0.8 else tuple(int(n) for n in rng.integers(1, 4, 2))
    layers = [Flatten()] if len(shape) > 1 else []
    for _ in range(rng.integers(1, 6)):
        layers += block(rng)
    if rng.random() < 0.5:
        layers.insert(rng.integers(len(shape) > 1, len(layers) + 1), Chain(*block(rng), *block(rng)))
    model = Sequential([*layers, Dense(2)], seed=seed)
    model.build(shape)
    randomize(model, rng)
    return model, rng.normal(size=(7, *shape))


def block(rng):
    units = int(rng.integers(2, 7))  # Keras warns of Softmax on one
    activation = ACTIVATIONS[rng.integers(len(ACTIVATIONS))]()
    kind = rng.choice(["plain", "batch", "layer", "dropout", "noise"])
    dense = Dense(units, use_bias=bool(rng.random() < 0.7))
    center, scale = (bool(rng.random() < 0.7) for _ in range(2))
    extra = {
        "plain": [],
        "batch": [BatchNormalization(epsilon=0.01, momentum=0.9, center=center, scale=scale)],
        "layer": [LayerNormalization(epsilon=0.02, center=center, scale=scale)],
        "dropout": [Dropout(0.3)],
        "noise": [GaussianNoise(0.3)],
    }[str(kind)]
    return [dense, *extra, activation]


KERAS_OPTIMIZERS = {
    "SGD": (lambda o: o.SGD(0.1), lambda k: k.optimizers.SGD(0.1)),
    "momentum": (lambda o: o.SGD(0.1, 0.9), lambda k: k.optimizers.SGD(0.1, momentum=0.9)),
    "Adam": (lambda o: o.Adam(0.02), lambda k: k.optimizers.Adam(0.02)),
    "AMSGrad": (lambda o: o.AMSGrad(0.02), lambda k: k.optimizers.Adam(0.02, amsgrad=True)),
    "AdamW": (lambda o: o.AdamW(0.02), lambda k: k.optimizers.AdamW(0.02)),
    "RMSprop": (lambda o: o.RMSprop(0.02), lambda k: k.optimizers.RMSprop(0.02)),
    "RMSprop all": (
        lambda o: o.RMSprop(0.02, momentum=0.5, centered=True),
        lambda k: k.optimizers.RMSprop(0.02, momentum=0.5, centered=True),
    ),
    "Adagrad": (lambda o: o.Adagrad(0.1), lambda k: k.optimizers.Adagrad(0.1)),
    "clipped": (lambda o: o.Clip(o.Adam(0.02), value=0.1), lambda k: k.optimizers.Adam(0.02, clipvalue=0.1)),
    "decayed": (
        lambda o: o.WeightDecay(o.SGD(0.1, 0.9), weight_decay=0.1),
        lambda k: k.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1),
    ),
    "schedule": (
        lambda o: o.Adam(ExponentialDecay(0.1, 3, 0.5)),
        lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)),
    ),
}
