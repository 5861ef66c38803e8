"""The function that training minimises, f(theta) = loss(layers(x), y) + penalties(theta), and its gradient."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .constraints import Constraint
from .data import Examples
from .errors import DataError
from .layers import Chain, Graph, Layer, fit_to
from .losses import Loss, OutputLosses, PenalizedLoss
from .parameters import Changes, Parameter, Parameters, Penalty
from .seeding import Streams

Region = slice | np.ndarray  # of theta: a slice, or an array of indices
State = list[tuple[Layer, str, Any]]


class Outputs(NamedTuple):
    """The outputs that the loss is computed from, logits if it takes logits.

    mask  True at the steps that count, None if all count; of several outputs a tuple of masks
    """

    values: np.ndarray
    mask: Any = None

    def weight(self, rows: float) -> float:
        """Return the weight of their loss in a mean over several batches: the number of steps that count, or of rows.

        rows  of the batch
        """
        if self.mask is None or isinstance(self.mask, tuple):
            return rows
        return float(np.count_nonzero(self.mask))


class Evaluation(NamedTuple):
    """f at one batch: the data loss, the penalty, and what the loss was computed from (logits if it takes logits)."""

    data_loss: float  # with the penalties on activities, which depend on the data too
    penalty: float  # on weights
    outputs: np.ndarray


@dataclass(frozen=True, eq=False)
class Objective:
    """f(theta) = loss(layers(x), y) + penalties. Made by `link` and never changed; another objective is a new object.

    network     the model's layer, with its containers: paths such as "residual/dense_1" begin here
    terms       the loss and the penalties as `compile` received them
    layers      the layers that run one after the other in training, without the output activation if `loss` contains it
    activation  that output activation, or None: predictions are activation(layers(x))
    loss        the loss as a function of what `layers` returns
    penalties   each with the region of theta that it applies to
    params      theta and its gradient
    streams     the random numbers: the layers draw from `masks`, the trainer from `order`
    rows        m in the penalties: the rows of the training, one number for every batch, validation and evaluation;
                None before the first training: then m is the number of rows that are evaluated
    frozen      the indices in theta that training leaves as they are; empty if every layer is trainable
    trainable   the layers of the network, each with its flag at the time of `link`
    stateful    the layers' learned state other than parameters, as (layer, name of the attribute)
    carrying    what layers leave from one batch to the next, in the same form
    limits      the trainable parameters that have a constraint, each with it
    penalizing  True if layers add penalties on what passes through them
    masking     True if layers make masks
    """

    network: Layer
    terms: PenalizedLoss
    layers: Chain
    activation: Layer | None
    loss: Loss
    penalties: tuple[tuple[Region, Penalty], ...]
    params: Parameters
    streams: Streams
    rows: float | None
    frozen: np.ndarray
    trainable: tuple[tuple[Layer, bool], ...]
    stateful: tuple[tuple[Layer, str], ...]
    carrying: tuple[tuple[Layer, str], ...]
    limits: tuple[tuple[Parameter, Constraint], ...]
    penalizing: bool
    masking: bool

    @classmethod
    def link(
        cls, network: Layer, terms: PenalizedLoss, params: Parameters, streams: Streams, rows: float | None = None
    ) -> Objective:
        """Join layers and loss. If the last layer is the activation that belongs to the loss (`Loss.link`), the loss is
        computed from that layer's input, the logits: no clip, no overflow, no gradient lost in a saturated output.
        """
        leaves, loss, activation = _without_activation(network, terms.loss)
        frozen = _frozen(network, params)
        trainable = tuple((layer, layer.trainable) for _, layer in network.walk())
        penalties = tuple(_regions(terms, params, frozen))
        stateful = tuple((layer, name) for layer, _ in trainable for name in layer.state_names)
        carrying = tuple((layer, name) for layer, _ in trainable for name in layer.carried_names)
        layers = Chain(*leaves)
        settings = (network, terms, layers, activation, loss, penalties, params, streams, rows)
        penalizing = any(layer.adds_penalty for layer, _ in trainable)
        linked = cls(
            *settings, frozen, trainable, stateful, carrying, tuple(_limits(network)), penalizing, layers.makes_mask
        )
        linked.mark_first()
        return linked

    @property
    def is_current(self) -> bool:
        """True until a layer of the network is frozen or unfrozen."""
        return all(layer.trainable is flag for layer, flag in self.trainable)

    def mark_first(self) -> None:
        """Tell the layers which of them receives the data."""
        for layer, _ in self.trainable:
            layer.unmark_first()
        self.layers.mark_first()

    def claim(self) -> None:
        """Take back the layers that another model has used since, with the weights that they have now."""
        if self.params.seen == Changes.count:
            return
        masks = self.streams.masks
        if not (self.params.is_open and all(layer.rng is masks for layer, _ in self.trainable)):
            self.params.claim()
            self.mark_first()
            for layer, _ in self.trainable:
                layer.rng = masks
        self.params.seen = Changes.count

    @property
    def state(self) -> State:
        """The layers' learned state other than parameters, as (layer, name, array)."""
        return [(layer, name, getattr(layer, name)) for layer, name in self.stateful]

    @property
    def carried(self) -> State:
        """The values that layers carry from one batch to the next, as (layer, name, value)."""
        return [(layer, name, getattr(layer, name)) for layer, name in self.carrying]

    # ---- value and gradient

    def gradient(self, batch: Examples) -> Evaluation:
        """Evaluate f on the batch in training mode and leave its gradient in `params.grad`.

        Theta does not change, but moving averages of BatchNormalization are updated, and dropout draws from `rng`.
        """
        data_loss, outputs = self.data_gradient(batch)
        return Evaluation(data_loss, self.add_penalty_gradient(batch.total_weight), outputs.values)

    def forward(self, x: np.ndarray, training: bool = False) -> Outputs:
        """Return what the loss is computed from."""
        if self.network.flexible:
            fit_to(self.network, x.shape[1:])
        if self.masking:
            return Outputs(*self.layers.masked_forward(x, None, training))
        return Outputs(self.layers.forward(x, training))

    def data_gradient(self, batch: Examples) -> tuple[float, Outputs]:
        """Run forward, loss and backward, without penalties. Return the data loss and what it was computed from."""
        outputs = self.forward(batch.x, training=True)
        data_loss, dy = self.loss.value_and_gradient(outputs.values, batch.y, self.weights(outputs, batch.weight))
        added = self.activity_penalty()
        self.layers.backward(dy)
        return float(data_loss) + added, outputs

    def data_loss(self, outputs: Outputs, batch: Examples) -> float:
        """Return the loss of the outputs, which forward has just returned, and what layers add to it."""
        weights = self.weights(outputs, batch.weight)
        return float(self.loss.value(outputs.values, batch.y, weights)) + self.activity_penalty()

    def weights(self, outputs: Outputs, weights: np.ndarray | None) -> np.ndarray | None:
        """Return the weights of rows or positions, 0 at steps that are masked."""
        return weights if outputs.mask is None else self.loss.masked_weights(outputs.values, weights, outputs.mask)

    def activity_penalty(self) -> float:
        """Return the penalties that the layers add for the rows of the last forward."""
        return float(self.layers.activity_penalty()) if self.penalizing else 0.0

    def input_gradient(self, batch: Examples) -> np.ndarray:
        """Return dL/dx (m, ...) of the data loss in inference. A copy computes it: training leaves dL/dx out."""
        whole = self.copy()
        for _, layer in whole.layers.walk():
            layer.unmark_first()
        outputs = whole.forward(batch.x)
        weights = whole.weights(outputs, batch.weight)
        dx = whole.layers.backward(whole.loss.value_and_gradient(outputs.values, batch.y, weights)[1])
        if np.shape(dx) != batch.x.shape:
            raise DataError(f"the loss has no derivative along x: backward returns {type(dx).__name__}, not dL/dx")
        gradient: np.ndarray = dx
        return gradient

    def add_penalty_gradient(self, rows: float) -> float:
        """Add the penalties' gradient to `params.grad`. Return their value. rows: m, if no training has settled it."""
        if not self.penalties:
            return 0.0
        self.add_penalty_slopes(rows)
        return self.penalty(rows)

    def add_penalty_slopes(self, rows: float) -> None:
        """Add the penalties' gradient to `params.grad`, which may be complex."""
        theta, grad = self.params.theta, self.params.grad
        for region, term in self.penalties:
            grad[region] += term.gradient(theta[region], self._m(term, rows))

    def value(self, batch: Examples, *, training: bool = False) -> Evaluation:
        """Evaluate f on the batch, without a gradient."""
        outputs = self.forward(batch.x, training)
        return Evaluation(self.data_loss(outputs, batch), self.penalty(batch.total_weight), outputs.values)

    def penalty(self, rows: float) -> float:
        """Return the sum of the penalties. rows: m, if no training has settled it."""
        theta = self.params.theta
        return sum((float(term.value(theta[region], self._m(term, rows))) for region, term in self.penalties), 0.0)

    def _m(self, term: Penalty, rows: float) -> float:
        return rows if term.per_batch or self.rows is None else self.rows

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs, given what the loss is computed from."""
        return outputs if self.activation is None else self.activation.forward(outputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the model's outputs for the rows x."""
        if self.network.flexible:
            fit_to(self.network, x.shape[1:])
        return self.network.forward(x)

    # ---- others like this one

    def copy(self) -> Objective:
        """Return an independent objective with the same weights, and the same state of layers and generator."""
        return copy.deepcopy(self)

    @property
    def needs_rows(self) -> bool:
        """True if a penalty depends on the number of rows."""
        return any(term.m is None and not term.per_batch for _, term in self.penalties)

    def with_rows(self, rows: float | None) -> Objective:
        """The same objective with penalties for so many rows."""
        return replace(self, rows=rows)

    def without_penalties(self) -> Objective:
        """Return the objective without its penalties, on the same layers and parameters."""
        return replace(self, penalties=())


def _without_activation(network: Layer, loss: Loss) -> tuple[list[Layer], Loss, Layer | None]:
    """Leave out the output activations that belong to the loss: the other layers, the loss on logits, and they."""
    leaves = sequence(network)
    if leaves and isinstance(leaves[-1], Graph):
        body, opened, activation = _open_outputs(leaves[-1], loss)
        return leaves[:-1] + body, opened, activation
    if leaves and _contains(loss, leaves[-1]):
        return leaves[:-1], loss.on_logits(), leaves[-1]
    return leaves, loss, None


def _contains(loss: Loss, layer: Layer) -> bool:
    """True if the loss can be computed from the input of this output activation."""
    return loss.link is not None and not loss.from_logits and isinstance(layer, loss.link)


def _open_outputs(graph: Graph, loss: Loss) -> tuple[list[Layer], Loss, Layer | None]:
    """The same for each output of a graph whose activation nothing else uses."""
    losses = loss.losses if isinstance(loss, OutputLosses) else (loss,)
    if len(losses) != len(graph.output_names):  # outputs side by side, with one loss
        return [graph], loss, None
    nodes = {node.name: node for node in graph.nodes}
    used = [source for node in graph.nodes for source in node.sources]
    outputs, activations, linked = list(graph.output_names), dict[str, tuple[Layer, str]](), list(losses)
    for place, (name, part) in enumerate(zip(graph.output_names, losses, strict=True)):
        node = nodes.get(name)
        if node and _contains(part, node.layer) and name not in used and node.sources[0] not in outputs:
            outputs[place], linked[place] = node.sources[0], part.on_logits()
            activations[name] = (node.layer, node.sources[0])
    if not activations:
        return [graph], loss, None
    body = graph.ending_in(tuple(outputs))
    if not isinstance(loss, OutputLosses):
        return [body], linked[0], nodes[graph.output_names[0]].layer
    ends = Graph({name: graph.shapes[name] for name in outputs}, activations, graph.output_names)
    ends.shapes = {name: graph.shapes[name] for name in (*outputs, *graph.output_names)}
    return [body], replace(loss, losses=tuple(linked)), ends


def sequence(network: Layer) -> list[Layer]:
    """Return the layers that run one after the other: those of a Chain, and of the Chains inside it."""
    if type(network) is Graph and network.line is not None:
        return [leaf for inner in network.line for leaf in sequence(inner)]
    if type(network) is not Chain:
        return [network]
    return [leaf for inner in network.layers for leaf in sequence(inner)]


def _frozen(network: Layer, params: Parameters) -> np.ndarray:
    """Return the indices in theta of the parameters whose layer is not trainable."""
    slices = {id(parameter): params.slices[path] for path, parameter in params.items()}
    parts = [
        np.arange(slices[id(parameter)].start, slices[id(parameter)].stop)
        for _, layer in network.walk()
        if not layer.trainable
        for parameter in layer.parameters.values()
    ]
    return np.concatenate(parts) if parts else np.empty(0, int)


def _limits(network: Layer) -> Iterator[tuple[Parameter, Constraint]]:
    """Yield the parameters with a constraint, each with it, without those of layers that are not trainable."""
    for _, layer in network.walk():
        if layer.trainable:
            yield from ((p, p.constraint) for p in layer.parameters.values() if p.constraint is not None)


def _regions(terms: PenalizedLoss, params: Parameters, frozen: np.ndarray) -> Iterator[tuple[Region, Penalty]]:
    """Yield every penalty with its region of theta: first those added to the loss, then those of single parameters.

    Frozen entries are in no region. A penalty that sees weights in their shape is one of single parameters.
    """
    seen = [(params.kernels, term) for term in terms.penalties if not term.shaped]
    for path, parameter in params.items():
        own = [term for term in terms.penalties if term.shaped and parameter.penalized]
        own += [parameter.regularizer] if parameter.regularizer is not None else []
        seen += [(params.slices[path], term.of_vector(parameter.shape)) for term in own]
    for region, term in seen:
        entries = np.setdiff1d(np.arange(region.start, region.stop), frozen) if len(frozen) else None
        if entries is None or len(entries) == region.stop - region.start:
            yield region, term
        elif len(entries):
            yield entries, term
