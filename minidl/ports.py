"""Several inputs and outputs of a model: inside they stand side by side, so that all else works on one array.

A row of x holds the numbers of all inputs, a row of y those of all targets, a row of predictions those of all outputs.
`Ports` packs what users pass by name or in order, and unpacks what `predict` returns.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import losses, metrics  # metrics: its classes are loaded when a model has some
from .data import DiskData, Joined, Source, is_indexed, numeric, target_rows, unpack_batch, yields_batches
from .errors import DataError, SettingError, ShapeError
from .layers import Graph, Layer, apart, fit_to, fits, has_any_length, side_by_side
from .losses import Loss, NoLoss, OutputLosses, PenalizedLoss
from .metrics import Metric
from .objective import sequence
from .validation import check_ids, check_real

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Ports:
    """The inputs and outputs of a layer; empty where there is only one.

    inputs        {name: shape of a row}
    outputs       names
    vocabularies  {name: n, or None} of inputs that hold ids 0, ..., n - 1
    graph         the layer, if it is a Graph
    """

    inputs: Mapping[str, Shape]
    outputs: tuple[str, ...]
    vocabularies: Mapping[str, int | None] = field(default_factory=dict)
    graph: Graph | None = None

    @classmethod
    def of(cls, layer: Layer) -> Ports:
        if not isinstance(layer, Graph):
            return cls({}, ())
        inputs = {name: shape for name, shape in layer.input_shapes.items() if shape is not None}
        outputs = layer.output_names if len(layer.output_names) > 1 else ()
        return cls(inputs if layer.several_inputs else {}, outputs, layer.vocabularies, layer)

    @property
    def row_shape(self) -> Any:
        """The shape of a packed row of x, or the shapes of the inputs if they take any length; None for one input."""
        if self.any_length:
            return tuple(self.inputs.values())
        return (sum(map(math.prod, self.inputs.values())),) if self.inputs else None

    @property
    def any_length(self) -> bool:
        """True if one of several inputs takes rows of any length."""
        return has_any_length(tuple(self.inputs.values()))

    # ---- data

    def pack(self, who: str, x: Any, y: Any = None, weight: Any = None) -> tuple[Any, Any, Any]:
        """Return x, y and sample_weight, packed. Batches are packed when they are read."""
        if not (self.inputs or self.outputs):
            return x, y, weight
        if y is None and yields_batches(x):
            return self.pack_batches(who, x), y, weight
        return self.pack_x(who, x), self._y(who, y), self._weight(who, weight)

    def pack_x(self, who: str, x: Any) -> Any:
        """Return the inputs side by side, or the batches of them."""
        if not self.inputs or isinstance(x, np.ndarray | DiskData | Source):  # which have them side by side
            return x
        if yields_batches(x):
            return self.pack_batches(who, x)
        parts = _in_order(who, "x", "inputs", tuple(self.inputs), x)
        sizes = self.vocabularies
        arrays = [_input(who, name, part, self.inputs[name], sizes.get(name)) for name, part in parts.items()]
        _check_lengths(f"{who}: the inputs", dict(zip(parts, arrays, strict=True)))
        if self.graph is not None and self.any_length:
            fit_to(self.graph, tuple(array.shape[1:] for array in arrays))
        return side_by_side(arrays)

    def _y(self, who: str, y: Any) -> Any:
        if not self.outputs or y is None or isinstance(y, np.ndarray):
            return y
        parts = _given(_in_order(who, "y", "outputs", self.outputs, y, partly=True))
        if not parts:
            raise DataError(f"{who}: y is missing; it must have targets of the outputs {', '.join(self.outputs)}")
        given = {name: _target(f"{who}: output {name}", part) for name, part in parts.items()}
        _check_lengths(f"{who}: the targets", given)
        none = np.empty((len(next(iter(given.values()))), 0))  # an output without a loss needs no targets
        return _joined([given.get(name, none) for name in self.outputs])

    def _weight(self, who: str, weight: Any) -> Any:
        """The weights of rows: (m,) for all outputs, or weights by output side by side."""
        if not self.outputs or weight is None or (not isinstance(weight, Mapping | tuple | list)):
            return weight
        if not isinstance(weight, Mapping) and not all(part is None or hasattr(part, "__len__") for part in weight):
            return weight
        given = _given(_in_order(who, "sample_weight", "outputs", self.outputs, weight, partly=True))
        arrays = {name: np.atleast_1d(numeric(who, f"sample_weight[{name!r}]", part)) for name, part in given.items()}
        _check_lengths(f"{who}: the weights", arrays)
        ones = np.ones(len(next(iter(arrays.values()), ())))
        return _joined([arrays.get(name, ones) for name in self.outputs]) if arrays else None

    def pack_batches(self, who: str, batches: Any) -> Any:
        """Return batches that are packed when they are read."""
        if isinstance(batches, DiskData):  # whose rows have inputs and targets side by side
            return batches
        if is_indexed(batches):
            return IndexedBatches(self, who, batches)
        if isinstance(batches, Iterator):
            return (self._batch(who, batch) for batch in batches)
        return SizedBatches(self, who, batches) if hasattr(batches, "__len__") else PackedBatches(self, who, batches)

    def _batch(self, who: str, batch: Any) -> Any:
        if who == "predict":
            return self.pack_x(who, batch[0] if self._has_targets(batch) else batch)
        x, y, weight = unpack_batch(who, batch)
        return self.pack_x(who, x), self._y(who, y), self._weight(who, weight)

    def _has_targets(self, batch: Any) -> bool:
        """True for a batch (x, y): its first part has all inputs."""
        if not (isinstance(batch, tuple) and len(batch) in (1, 2, 3)):
            return False
        return isinstance(batch[0], Mapping | tuple | list) or np.shape(batch[0])[1:] == self.row_shape

    def check_class_weight(self, who: str, class_weight: Any) -> None:
        """Raise SettingError if weights of classes are given for several outputs."""
        if self.outputs and class_weight is not None:
            raise SettingError(f"{who}: class_weight is for one output; pass sample_weight by output")

    def pack_validation(self, given: Any) -> Any:
        """Return validation_data with its arrays or batches packed."""
        if not (self.inputs or self.outputs):
            return given
        if yields_batches(given):
            return self.pack_batches("fit (validation_data)", given)
        return self._batch("fit (validation_data)", given)

    def unpack(self, outputs: Any, layer: Layer) -> Any:
        """Return the outputs as a tuple; a single one as it is."""
        return tuple(apart(outputs, layer.output_shapes)) if self.outputs and isinstance(layer, Graph) else outputs

    def shapes(self, layer: Layer) -> dict[str, Shape]:
        """Return the shapes of the rows of several outputs; {} for a single one."""
        if not (self.outputs and isinstance(layer, Graph)):
            return {}
        return dict(zip(self.outputs, layer.output_shapes, strict=True))

    # ---- loss and metrics

    def loss(self, what: str, given: Any, weights: Any = None) -> PenalizedLoss:
        """Return the loss: one for all outputs, one for each in order, or by name; with penalties of any of them.

        An output for which None is given, or that a dict leaves out, is not trained.
        """
        if not self.outputs:
            if isinstance(given, Mapping | tuple | list) or weights is not None:
                raise SettingError(f"{what}: the model has one output, so it takes one loss, without loss_weights")
            return losses.get(what, given)
        whole = PenalizedLoss(given) if isinstance(given, OutputLosses) else given
        if isinstance(whole, PenalizedLoss) and isinstance(whole.loss, OutputLosses):
            if whole.loss.names != self.outputs:
                names, outputs = ", ".join(whole.loss.names), ", ".join(self.outputs)
                raise SettingError(f"{what}: the losses are those of {names}, the outputs of the model are {outputs}")
            return whole
        each = given if isinstance(given, Mapping | tuple | list) else dict.fromkeys(self.outputs, given)
        by_name = _given(_in_order(what, "loss", "outputs", self.outputs, each, partly=True))
        if not by_name:
            raise SettingError(f"{what}: one of the outputs {', '.join(self.outputs)} at least needs a loss")
        each = {name: by_name.get(name, losses.NoLoss()) for name in self.outputs}
        terms = [losses.get(f"{what} of {name}", part) for name, part in each.items()]
        shares = dict.fromkeys(self.outputs, 1.0)
        if weights is not None:
            shares |= _given(_in_order(what, "loss_weights", "outputs", self.outputs, weights, partly=True))
        penalties = tuple(dict.fromkeys(penalty for term in terms for penalty in term.penalties))
        parts = tuple(term.loss for term in terms)
        checked = tuple(check_real(what, f"the weight of {name}", shares[name]) for name in self.outputs)
        return PenalizedLoss(OutputLosses(self.outputs, parts, checked), penalties)

    def metrics(self, what: str, given: Any) -> dict[str, Metric]:
        """Return the metrics, of each output under names such as "price_mae"."""
        if not self.outputs:
            return metrics.named(what, given)
        return {
            f"{name}_{own}": metrics.OutputMetric(metric, place)
            for name, own, metric, place in self._metrics(what, given)
        }

    def _metrics(self, what: str, given: Any) -> Iterator[tuple[str, str, Metric, int]]:
        """Yield the name of the output, the metric's own name, the metric, and the number of the output."""
        one = not isinstance(given, Mapping | tuple | list)  # for every output, which has a metric of its own
        each = {name: copy.deepcopy(given) for name in self.outputs} if one else given
        for name, items in _in_order(what, "metrics", "outputs", self.outputs, each, partly=True).items():
            for own, metric in metrics.named(f"{what} of {name}", items).items():
                yield name, own, metric, self.outputs.index(name)

    def weighted_metrics(self, what: str, given: Any, taken: Mapping[str, Metric]) -> dict[str, Metric]:
        """Return the same with metrics that use the weights of the rows."""
        if not self.outputs:
            return metrics.weighted(what, given, taken)
        found = dict[str, Metric]()
        for name, own, metric, place in self._metrics(what, given):
            free = f"{name}_weighted_{own}" if f"{name}_{own}" in taken else f"{name}_{own}"
            found[free] = metrics.OutputMetric(metrics.Weighted(metric), place)
        return found

    def default_loss(
        self, layer: Layer, targets: Any, shapes: tuple[Shape, ...] = (), output_shape: Shape = ()
    ) -> PenalizedLoss:
        """Return the loss that fits the last layer, or those of the last layers of the outputs.

        shapes        of the rows of each output in the targets, if they were passed by output
        output_shape  of a row of a single output
        """
        if not (self.outputs and isinstance(layer, Graph)):
            return PenalizedLoss(losses.default_for(_last(layer), targets, output_shape))
        nodes = {node.name: node.layer for node in layer.nodes}
        parts = [None] * len(self.outputs) if not shapes else [np.empty((0, *shape)) for shape in shapes]
        terms = [
            losses.default_for(_last(nodes.get(name, layer)), part, shape)
            for name, part, shape in zip(self.outputs, parts, layer.output_shapes, strict=True)
        ]
        return PenalizedLoss(OutputLosses(self.outputs, tuple(terms), (1.0,) * len(terms)))

    def place(self, measured: Mapping[str, Metric], loss: Loss) -> None:
        """Tell the metrics of single outputs where they are."""
        if isinstance(loss, OutputLosses):
            parts = list(loss.parts())
            for metric in measured.values():
                if isinstance(metric, metrics.OutputMetric):
                    metric.part = parts[metric.place]

    def loss_metrics(self, loss: Loss) -> dict[str, Metric]:
        """Return the loss of each output as a metric, if there are several, as Keras reports them."""
        if not isinstance(loss, OutputLosses):
            return {}
        found: dict[str, Metric] = {
            f"{name}_loss": metrics.OutputMetric(metrics.OutputLoss(part), place)
            for place, (name, part) in enumerate(zip(loss.names, loss.losses, strict=True))
            if not isinstance(part, NoLoss)
        }
        return found if len(found) > 1 else {}

    def with_targets(self, terms: PenalizedLoss, measured: Mapping[str, Metric]) -> PenalizedLoss:
        """Return the terms where outputs that have metrics, but no loss, have targets."""
        if not isinstance(terms.loss, OutputLosses):
            return terms
        places = {metric.place for metric in measured.values() if isinstance(metric, metrics.OutputMetric)}
        return replace(terms, loss=terms.loss.measured(places))

    def sized(self, terms: PenalizedLoss, layer: Layer) -> PenalizedLoss:
        """Return the terms with the sizes of the outputs, which the built layer knows."""
        if not isinstance(terms.loss, OutputLosses) or not isinstance(layer, Graph):
            return terms
        sizes = tuple(shape[0] if len(shape) == 1 else shape for shape in layer.output_shapes)
        return replace(terms, loss=terms.loss.of_sizes(sizes))


class PackedBatches:
    """An iterable of batches, packed as they are read."""

    def __init__(self, ports: Ports, who: str, batches: Iterable[Any]) -> None:
        self.pack: Callable[[Any], Any] = lambda batch: ports._batch(who, batch)
        self.batches: Any = batches

    def __iter__(self) -> Iterator[Any]:
        return map(self.pack, self.batches)

    def on_epoch_begin(self) -> None:
        getattr(self.batches, "on_epoch_begin", lambda: None)()

    def on_epoch_end(self) -> None:
        getattr(self.batches, "on_epoch_end", lambda: None)()


class SizedBatches(PackedBatches):
    """Batches of a known number, packed as they are read."""

    def __len__(self) -> int:
        return len(self.batches)


class IndexedBatches(SizedBatches):
    """Batches by number, packed as they are read."""

    def __getitem__(self, number: int) -> Any:
        return self.pack(self.batches[number])


def _check_lengths(what: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise DataError if the arrays have different numbers of rows."""
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name} has {len(array)}" for name, array in arrays.items())
        raise DataError(f"{what} have different numbers of examples: {lengths}")


def _in_order(
    who: str, what: str, kind: str, names: tuple[str, ...], given: Any, *, partly: bool = False
) -> dict[str, Any]:
    """Return what is given by name or in order, as a dict in the order of the names."""
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        missing = [] if partly else [name for name in names if name not in given]
        if unknown or missing:
            wrong = f"{unknown[0]!r} is not one of them" if unknown else f"{missing[0]!r} is missing"
            raise SettingError(f"{who}: {what} must have the {kind} {', '.join(names)}; {wrong}")
        return {name: given[name] for name in names if name in given}
    if not isinstance(given, tuple | list) or len(given) != len(names):
        got = f"{len(given)} of them" if isinstance(given, tuple | list) else f"one {type(given).__name__}"
        wanted = f"a dict or a tuple with {what} of each of the {kind} {', '.join(names)}"
        raise SettingError(f"{who}: {what} must be {wanted}, got {got}")
    return dict(zip(names, given, strict=True))


def _given(by_name: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries that are not None."""
    return {name: value for name, value in by_name.items() if value is not None}


def _last(layer: Layer) -> Layer:
    """Return the layer that runs last; of a graph with one output the layer of the output."""
    leaf = (sequence(layer) or [layer])[-1]
    if not (isinstance(leaf, Graph) and len(leaf.output_names) == 1):
        return leaf
    inner = next((node.layer for node in leaf.nodes if node.name == leaf.output_names[0]), None)
    return leaf if inner is None else _last(inner)


def _joined(arrays: list[np.ndarray]) -> Joined:
    """Return the arrays side by side, with the shapes of their rows."""
    joined = side_by_side(arrays).view(Joined)
    joined.shapes = tuple(array.shape[1:] for array in arrays)
    return joined


def _target(who: str, given: Any) -> np.ndarray:
    array = numeric(who, "y", given)
    if array.ndim == 0:
        raise DataError(f"{who}: got the number {array}; y of several outputs is a list with an array for each of them")
    return target_rows(who, array, array)


def _input(who: str, name: str, given: Any, shape: Shape, vocabulary: int | None) -> np.ndarray:
    array = numeric(who, f"x[{name!r}]", given)
    if array.ndim == 1 and shape == (1,):
        array = array[:, None]
    if not fits(array.shape[1:], shape):
        raise ShapeError(f"{who}: the input {name} has rows of shape {array.shape[1:]}, the model takes {shape}")
    return array if vocabulary is None else check_ids(who, f"x[{name!r}]", array, vocabulary)
