"""Random networks of the layers that minidl and Keras share, and their optimizers."""

import numpy as np

from minidl import Sequential, registry
from minidl.errors import ShapeError
from minidl.layers import (
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Chain,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    LayerNormalization,
    MaxPooling1D,
    MaxPooling2D,
    SeparableConv2D,
    SpatialDropout1D,
    SpatialDropout2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
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


def image_architecture(seed):
    """(model, x): random convolutional networks on images or sequences, with random weights and moving averages."""
    rng = np.random.default_rng(seed)
    dimensions = 1 if rng.random() < 0.3 else 2
    shape = (*(int(n) for n in rng.integers(6, 13, dimensions)), 2 * int(rng.integers(1, 3)))
    while True:
        layers = [layer for _ in range(rng.integers(1, 4)) for layer in image_block(rng, dimensions)]
        if rng.random() < 0.5:
            layers[1:] = [Chain(*layers[1:])]
        model = Sequential([*layers, HEADS[dimensions][rng.integers(3)](), Dense(2)], seed=seed)
        try:
            model.build(shape)
        except ShapeError:  # the image became too small
            continue
        randomize(model, rng)
        return model, rng.normal(size=(5, *shape))


HEADS = {
    1: (Flatten, GlobalMaxPooling1D, GlobalAveragePooling1D),
    2: (Flatten, GlobalMaxPooling2D, GlobalAveragePooling2D),
}


def image_block(rng, dimensions):
    """A convolution, often with normalization, always with an activation, then a layer that resizes or drops."""
    activation = ACTIVATIONS[rng.integers(len(ACTIVATIONS))]()
    norm = [BatchNormalization(epsilon=0.01, momentum=0.9)] if rng.random() < 0.4 else []
    return [convolution(rng, dimensions), *norm, activation, *resizing(rng, dimensions)]


def convolution(rng, dimensions):
    filters, size = 2 * int(rng.integers(1, 4)), int(rng.integers(1, 4))
    padding, use_bias = str(rng.choice(["valid", "same"])), bool(rng.random() < 0.7)
    stepped = bool(rng.random() < 0.4)  # Keras has strides or dilation, not both
    strides, dilation = (int(rng.integers(1, 3)), 1) if stepped else (1, int(rng.integers(1, 3)))
    groups = int(rng.integers(1, 3))  # the numbers of channels are even
    if dimensions == 1:
        padding = "causal" if rng.random() < 0.3 else padding
        return Conv1D(filters, size, strides, padding, dilation_rate=dilation, groups=groups, use_bias=use_bias)
    kernel = (size, int(rng.integers(1, 4)))
    kind = rng.choice([Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D], p=[0.4, 0.2, 0.2, 0.2])
    settings = {"strides": strides, "padding": padding, "dilation_rate": dilation, "use_bias": use_bias}
    if kind is DepthwiseConv2D:
        return kind(kernel, depth_multiplier=groups, **settings)
    own = {Conv2D: {"groups": groups}, SeparableConv2D: {"depth_multiplier": groups}, Conv2DTranspose: {}}[kind]
    return kind(filters, kernel, **own, **settings)


def resizing(rng, dimensions):
    pooled, padding = int(rng.integers(1, 4)), str(rng.choice(["valid", "same"]))
    maximum, mean, dropout, larger, zeros = (
        (MaxPooling1D, AveragePooling1D, SpatialDropout1D, UpSampling1D, ZeroPadding1D)
        if dimensions == 1
        else (MaxPooling2D, AveragePooling2D, SpatialDropout2D, UpSampling2D, ZeroPadding2D)
    )
    choices = [
        [],
        [maximum(pooled, padding=padding)],
        [mean(pooled)],  # Keras 3.15 on PyTorch puts the odd zero of "same" on the other side
        [dropout(0.3)],
        [larger(2)],
        [zeros(1)],
    ]
    return choices[rng.choice(6, p=[0.2, 0.3, 0.2, 0.1, 0.1, 0.1])]


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
