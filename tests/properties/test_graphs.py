"""Random graphs: PyTorch's gradients, the checker's verdict, and the wrong layer among right ones by its name.

Each for graphs in which a layer has one place, and for graphs in which layers have several.
"""

from dataclasses import dataclass, fields
from functools import reduce

import numpy as np
import pytest

from minidl import Model, check_layer, check_model
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
    Maximum,
    Multiply,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Subtract,
    Tanh,
)
from minidl.losses import MeanSquaredError, OutputLosses
from tests.helpers.random_graphs import TRAINED, random_wiring

GRAPHS, PLANTED = 200, 50


def model_of(wiring, layers=None, seed=0):
    """Return (model, x by input, y by output), the loss a weighted mean of squares of each output."""
    rng = np.random.default_rng(seed)
    model = Model(wiring.graph(layers), seed=seed, dtype="float64")
    model.build((sum(shape[0] for shape in wiring.inputs.values()),))
    model.params.theta[:] = 0.7 * rng.standard_normal(model.params.theta.size)
    x = {name: rng.standard_normal((7, *shape)) for name, shape in wiring.inputs.items()}
    shapes = zip(wiring.outputs, model.layer.output_shapes, strict=True)
    y = {name: rng.standard_normal((7, *shape)) for name, shape in shapes}
    weights = rng.uniform(0.3, 2, len(y))
    several = len(y) > 1
    model.compile("sgd", "mse", loss_weights=weights.tolist() if several else None)
    return model, x, y, weights if several else [1.0]


def given(values):
    """Return one array for one name, and the dict for several."""
    return values if len(values) > 1 else next(iter(values.values()))


# ---- PyTorch


def in_torch(torch, layer, parameters, x):
    """Return the value of a layer in PyTorch's own words."""
    f = torch.nn.functional
    if isinstance(layer, Chain):
        for name, inner in layer.children.items():
            own = {path.partition("/")[2]: p for path, p in parameters.items() if path.startswith(f"{name}/")}
            x = [in_torch(torch, inner, own, x)]
        return x[0]
    if isinstance(layer, Dense):
        z = x[0] @ parameters["kernel"]
        return z + parameters["bias"] if layer.use_bias else z
    if isinstance(layer, BatchNormalization):
        return f.batch_norm(x[0], None, None, parameters["gamma"], parameters["beta"], training=True, eps=1e-3)
    if isinstance(layer, Dot):
        unit = [v / v.norm(dim=1, keepdim=True) for v in x] if layer.normalize else x
        return (unit[0] * unit[1]).sum(dim=1, keepdim=True)
    several = {
        Add: lambda: sum(x[1:], x[0]),
        Subtract: lambda: x[0] - x[1],
        Multiply: lambda: reduce(torch.mul, x),
        Average: lambda: torch.stack(x).mean(dim=0),
        Maximum: lambda: first_largest(torch, x),
        Concatenate: lambda: torch.cat(x, dim=1),
        Softmax: lambda: torch.softmax(x[0], dim=1),
    }
    one = {Tanh: torch.tanh, Sigmoid: torch.sigmoid, Softplus: f.softplus, SiLU: f.silu, ELU: f.elu, GELU: f.gelu}
    return several[type(layer)]() if type(layer) in several else one[type(layer)](x[0])


def first_largest(torch, x):
    """torch.maximum halves the derivative between equal values; here the first has it."""
    winner = torch.stack(x).argmax(dim=0)
    return torch.gather(torch.stack(x), 0, winner[None])[0]


@pytest.mark.peers
@pytest.mark.parametrize("shared", [False, True])
def test_two_hundred_random_graphs_have_the_gradients_of_pytorch(shared):
    torch = pytest.importorskip("torch")
    worst, nodes, reused, ports, places = 0.0, 0, 0, 0, 0
    for seed in range(GRAPHS):
        wiring = random_wiring(seed, shared=shared)
        model, x, y, weights = model_of(wiring, seed=seed)
        loss = model.backpropagate(given(x), given(y))
        values = {name: torch.tensor(part, requires_grad=True) for name, part in x.items()}
        inputs = dict(values)
        parameters = {path: torch.tensor(p.value, requires_grad=True) for path, p in model.params.items()}
        for name, (layer, *sources) in wiring.layers.items():
            place = wiring.first(name)
            own = {path.partition("/")[2]: p for path, p in parameters.items() if path.startswith(f"{place}/")}
            values[name] = in_torch(torch, layer, own, [values[source] for source in sources])
        total = sum(
            w * ((values[name] - torch.tensor(y[name])) ** 2).mean()
            for w, name in zip(weights, wiring.outputs, strict=True)
        )
        total.backward()
        differences = [abs(loss - total.item()) / max(1, abs(total.item()))]
        pairs = [(model.params[path].grad, p.grad) for path, p in parameters.items()]
        pairs += zip(input_gradients(model, x, y), (part.grad for part in inputs.values()), strict=True)
        for ours, theirs in pairs:
            wanted = np.zeros(ours.shape) if theirs is None else theirs.numpy()
            differences.append(np.abs(ours - wanted).max() / max(1, np.abs(wanted).max()))
        worst = max(worst, *differences)
        assert worst < 1e-10, (seed, differences)
        every = [source for _, *sources in wiring.layers.values() for source in sources]
        nodes, reused = nodes + len(wiring.layers), reused + (len(every) > len(set(every)))
        places += any(name != wiring.first(name) for name in wiring.layers)
        ports += len(x) > 1 and len(y) > 1
    # the graphs are what they are meant to be
    assert nodes > 6 * GRAPHS
    assert reused > 0.8 * GRAPHS
    assert ports > 0.4 * GRAPHS
    assert places > 0.5 * GRAPHS if shared else places == 0


def input_gradients(model, x, y):
    """Return dL/dx of every input, from a graph that is not the first of a model."""
    objective = model.copy().objective
    graph = objective.layers.layers[0] if len(objective.layers.layers) == 1 else objective.layers
    for layer in (objective.layers, graph):
        layer.unmark_first()
    for _, layer in graph.walk():
        layer.unmark_first()
    rows = model.examples("test", given(x), given(y))
    outputs = graph.forward(rows.x, training=True)
    dx = graph.backward(objective.loss.value_and_gradient(outputs, rows.y)[1])
    return np.split(dx, np.cumsum([part.shape[1] for part in x.values()])[:-1], axis=1)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("seeds", [range(50), pytest.param(range(50, GRAPHS), marks=pytest.mark.slow)])
def test_two_hundred_random_graphs_pass_the_check_of_a_layer(seeds, shared):
    for seed in seeds:
        wiring = random_wiring(seed, shared=shared)
        report = check_layer(wiring.graph(), sum(shape[0] for shape in wiring.inputs.values()))
        assert report.difference < 1e-11, seed


# ---- planted mistakes


def worse(layer):
    """Return the layer with one per cent too much: of dL/dW if it has a kernel, of dL/dx else."""
    if isinstance(layer, Chain):
        return Chain(worse(layer.layers[0]), *layer.layers[1:])
    kind = type(layer)

    class Worse(kind):
        def backward(self, dy):
            dx = super().backward(dy)
            if isinstance(self, Dense):
                self.kernel.grad = 1.01 * self.kernel.grad
                return dx
            return tuple(1.01 * part for part in dx) if isinstance(dx, tuple) else 1.01 * dx

    Worse.__name__ = Worse.__qualname__ = f"Worse{kind.__name__}"
    return dataclass(eq=False)(Worse)(**{setting.name: getattr(layer, setting.name) for setting in fields(layer)})


def plantable(wiring):
    """The layers whose mistake reaches a gradient: with parameters, or behind a layer that has some."""
    needed = wiring.needed
    return [
        name
        for name, (layer, *sources) in wiring.layers.items()
        if isinstance(layer, TRAINED) or needed.intersection(sources)
    ]


@pytest.mark.parametrize("shared", [False, True])
def test_the_wrong_layer_is_named_in_fifty_of_fifty_random_graphs(shared):
    named, kinds, seed = [], set(), 1000
    while len(named) < PLANTED:
        seed += 1
        wiring = random_wiring(seed, shared=shared)
        names = plantable(wiring)
        if shared:
            names = [name for name in names if any(wiring.first(other) == name != other for other in wiring.layers)]
        if len(names) < 1 + (not shared):
            continue
        guilty = str(np.random.default_rng(seed).choice(names))
        right_layer = wiring.layers[guilty][0]
        wrong_layer = worse(right_layer)
        planted = {
            name: (wrong_layer if layer is right_layer else layer, *sources)
            for name, (layer, *sources) in wiring.layers.items()
        }
        model, x, y, _ = model_of(wiring, planted, seed)
        right = model_of(wiring, seed=seed)[0]
        for each in (model, right):
            each.backpropagate(given(x), given(y))
        if np.allclose(model.params.grad, right.params.grad, rtol=1e-6, atol=1e-9):
            continue  # one per cent of a gradient that is 0, such as that of the cosine of a value with itself
        report = check_model(model, given(x), given(y), raise_on_failure=False)
        named.append((seed, f"{guilty}/worse_dense" if isinstance(right_layer, Chain) else guilty, report.guilty))
        kinds.add(type(right_layer))
    assert [entry for entry in named if entry[1] != entry[2]] == []
    assert len(kinds) > (5 if shared else 7)


def test_the_loss_of_outputs_is_that_of_its_parts():
    wiring = next(w for w in map(random_wiring, range(50)) if len(w.outputs) == 3)
    model, x, y, weights = model_of(wiring)
    loss = model.objective.terms.loss
    assert isinstance(loss, OutputLosses)
    figures = model.evaluate(given(x), y, return_dict=True)
    parts = zip(model.predict(given(x)), y.values(), strict=True)
    wanted = [float(MeanSquaredError().value(p, t)) for p, t in parts]
    assert [figures[f"{name}_loss"] for name in wiring.outputs] == pytest.approx(wanted, rel=1e-12)
    assert figures["loss"] == pytest.approx(np.dot(weights, wanted), rel=1e-12)
