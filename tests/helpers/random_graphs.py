"""Random graphs of up to 12 layers, with values used several times, several inputs and several outputs.

If asked for, layers have several places: any that has taken rows of the same width, containers among them.
"""

from dataclasses import dataclass

import numpy as np

from minidl.layers import (
    ELU,
    GELU,
    Add,
    Average,
    BatchNormalization,
    Chain,
    Concatenate,
    Dense,
    Dot,
    Graph,
    Maximum,
    Multiply,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Subtract,
    Tanh,
)

ACTIVATIONS = (Tanh, Sigmoid, Softplus, SiLU, ELU, GELU, Softmax)
OF_TWO = (Subtract, lambda: Dot(), lambda: Dot(normalize=True))
TRAINED = (Dense, BatchNormalization, Chain)
KINDS = ("dense", "dense", "activation", "two", "several", "join")
OF_SEVERAL = (Add, Multiply, Average, Maximum)


@dataclass
class Wiring:
    """A random graph: the names and shapes of its inputs, its layers, the names of its outputs."""

    inputs: dict
    layers: dict
    outputs: tuple

    def graph(self, layers=None):
        """Return the Graph of clones of the layers, or of others in their places."""
        wired = layers or self.layers
        clones = {id(layer): layer.clone() for layer, *_ in wired.values()}
        copies = {name: (clones[id(layer)], *sources) for name, (layer, *sources) in wired.items()}
        return Graph(dict(self.inputs), copies, self.outputs)

    def first(self, name):
        """Return the first place of the layer that has this place."""
        return next(other for other, (layer, *_) in self.layers.items() if layer is self.layers[name][0])

    @property
    def needed(self):
        """The layers that have parameters, or come behind such layers."""
        found = set()
        for name, (layer, *sources) in self.layers.items():
            if isinstance(layer, TRAINED) or found.intersection(sources):
                found.add(name)
        return found


def random_wiring(seed, *, shared=False):
    """Return the Wiring of this seed, with layers at several places if `shared`.

    Its outputs are the values that no layer uses, and now and then one more.
    """
    rng = np.random.default_rng(seed)
    inputs = {f"i{j}": (int(rng.integers(1, 5)),) for j in range(rng.integers(1, 4))}
    width, layers = {name: shape[0] for name, shape in inputs.items()}, {}

    def add(layer, *sources):
        name = f"n{len(layers)}"
        layers[name] = (layer, *sources)
        shapes = tuple((width[source],) for source in sources)
        width[name] = layer.clone().build(shapes if len(shapes) > 1 else shapes[0])[0]

    for _ in range(rng.integers(2, 11)):
        source = str(rng.choice(list(width)))
        same = [name for name in width if width[name] == width[source]]
        kind = rng.choice([*KINDS, "norm", "block", "again", "again", "again", "again"] if shared else KINDS)
        fitting = [
            layer for layer, *sources in layers.values() if len(sources) == 1 and width[sources[0]] == width[source]
        ]
        if kind == "again" and fitting:
            add(fitting[rng.integers(len(fitting))], source)
        elif kind == "norm":
            add(BatchNormalization(), source)
        elif kind in ("block", "again"):
            add(Chain(Dense(width[source]), Tanh(), Dense(int(rng.integers(1, 5)))), source)
        elif kind == "dense":
            add(Dense(int(rng.integers(1, 5)), use_bias=bool(rng.random() < 0.8)), source)
        elif kind == "activation":
            add(ACTIVATIONS[rng.integers(len(ACTIVATIONS))](), source)
        elif kind == "two":
            add(OF_TWO[rng.integers(3)](), source, str(rng.choice(same)))
        elif kind == "several":
            add(OF_SEVERAL[rng.integers(4)](), *(str(s) for s in rng.choice(same, rng.integers(2, 4))))
        else:
            add(Concatenate(), *(str(s) for s in rng.choice(list(width), rng.integers(2, 4))))
    used = {source for _, *sources in layers.values() for source in sources}
    if idle := [name for name in inputs if name not in used]:  # every input leads to an output
        add(Concatenate(), *idle, str(rng.choice(list(layers))))
        used |= set(layers[f"n{len(layers) - 1}"][1:])
    outputs = [name for name in layers if name not in used]
    inner = [name for name in (*layers, *inputs) if name in used]
    if inner and rng.random() < 0.5:
        outputs.append(str(rng.choice(inner)))
    return Wiring(inputs, layers, tuple(outputs))
