"""The evidence that rules read: Signals, from one pass through a copy of the model, and the Record of a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._recording import LayerPass, record_passes
from ..data import Examples
from ..layers import AUGMENTATIONS, DROPOUTS, Conv2DTranspose, DepthwiseConv2D, GaussianNoise, Graph, Layer, Sigmoid
from ..losses import Loss, OutputLosses, Poisson
from ..model import Model
from ..objective import Objective
from ..parameters import Parameter

OWN_DROPOUT = "dropout", "recurrent_dropout"  # settings of layers that drop entries of what they compute inside
ROWS = 1000  # rows of batches that a Record keeps: enough for the loss of a constant prediction


@dataclass
class Signals:
    """Measurements of a model on some of the rows.

    model      a private copy, built, with the weights of the model
    all_rows   all examples; `rows` are those that went through the layers
    layers     the pass through each layer in the order in which they ran, dropout and noise switched off
    loss       the data loss
    penalty    the penalties of a training on all rows
    outputs    the model's outputs in inference
    """

    model: Model
    all_rows: Examples
    rows: Examples
    layers: list[LayerPass]
    loss: float
    penalty: float
    outputs: np.ndarray

    @property
    def objective(self) -> Objective:
        """The objective of the private copy. Rules that run it take a copy."""
        return self.model.objective

    @property
    def loss_function(self) -> Loss:
        """The loss as `compile` received it, a function of the model's outputs."""
        return self.objective.terms.loss

    @property
    def kernel_layers(self) -> list[LayerPass]:
        """The passes through layers that have kernels."""
        return [layer_pass for layer_pass in self.layers if kernels(layer_pass.layer)]

    @property
    def has_channels(self) -> bool:
        """True if the first kernel layer takes images or sequences: kernels see channels, not single pixels."""
        return any(one.x.ndim > 2 for one in self.kernel_layers[:1])

    @property
    def holds_ids(self) -> bool:
        """True if all of x are ids, such as words: they have no size and no order."""
        layer = self.model.layer
        sizes = layer.vocabularies.values() if isinstance(layer, Graph) else (layer.vocabulary_size,)
        return None not in sizes

    @property
    def sizes(self) -> dict[str, dict[str, float]]:
        """The root mean square of the output of every kernel layer, and of the gradient at that output."""
        return {
            one.path: {"activation": rms(one.y), "gradient": 0.0 if one.dy is None else rms(one.dy)}
            for one in self.kernel_layers
        }

    @property
    def last(self) -> Layer:
        """The layer whose output is the model's output."""
        return self.objective.activation or (self.objective.network, *self.objective.layers.layers)[-1]

    @cached_property
    def chance(self) -> float:
        """The loss of even odds, or of a constant prediction if the loss does not take probabilities."""
        return chance_loss(self.loss_function, self.rows.y, self.outputs.shape[1:])

    @cached_property
    def constant(self) -> float:
        """The loss of a constant prediction."""
        return constant_loss(self.loss_function, self.rows.y, self.outputs.shape[1:])

    @cached_property
    def classes(self) -> np.ndarray | None:
        """The class of each of all rows; None if the targets are not classes (Poisson's are counts)."""
        return None if isinstance(self.loss_function, Poisson | OutputLosses) else class_labels(self.all_rows.y)


def collect_signals(model: Model, x: Any, y: Any, rows: int = 300) -> Signals:
    """Copy the model and measure the copy on at most so many rows."""
    model = model.copy()
    examples = model.examples("diagnose", x, y)
    part = examples[sample_rows(len(examples), rows)]
    quiet = without_noise(model.objective)
    with np.errstate(all="ignore"):
        with record_passes(leaves(quiet.network)) as passes:
            loss = quiet.gradient(part).data_loss
        penalty = quiet.penalty(len(examples))
        outputs = model.objective.copy().predict(part.x)
    main = [_of_main_values(one) if kernels(one.layer) else one for one in passes]
    return Signals(model, examples, part, main, loss, penalty, outputs)


def _of_main_values(one: LayerPass) -> LayerPass:
    """Return the pass with the first of several inputs, and the first of several outputs that has a gradient."""
    given = (one.x, one.y, one.dy, one.dx, one.mask)
    x, y, dy, dx, mask = (value if isinstance(value, tuple) else (value,) for value in given)
    chosen = next((number for number, part in enumerate(dy) if part is not None), 0)
    return replace(one, x=x[0], y=y[chosen], dy=dy[chosen], dx=dx[0], mask=mask[0])


def sample_rows(m: int, count: int) -> np.ndarray:
    """Draw at most `count` of m row numbers without replacement, sorted; every call draws the same ones."""
    return np.arange(m) if m <= count else np.sort(np.random.default_rng(0).choice(m, count, replace=False))


def without_noise(objective: Objective) -> Objective:
    """Return a copy of the objective with dropout, noise and augmentation switched off."""
    quiet = objective.copy()
    for _, layer in quiet.network.walk():
        if isinstance(layer, DROPOUTS):
            layer.rate = 0.0
        for name in _own_dropout(layer):
            setattr(layer, name, 0.0)
        if isinstance(layer, GaussianNoise):
            layer.stddev = 0.0
        if isinstance(layer, AUGMENTATIONS):
            layer.active = False
    return quiet


def sequence(objective: Objective) -> list[tuple[str, Layer]]:
    """The layers that the objective runs one after the other, with their paths."""
    paths = {id(layer): path for path, layer in objective.network.walk()}
    # the part of a graph without its output activations is not in the network itself
    return [(paths.get(id(layer), ""), layer) for layer in objective.layers.layers]


def is_regularized(objective: Objective) -> bool:
    """True if the objective has a penalty or dropout."""
    layers = [layer for _, layer in objective.network.walk()]
    return bool(objective.penalties) or any(isinstance(one, DROPOUTS) or _own_dropout(one) for one in layers)


def _own_dropout(layer: Layer) -> list[str]:
    """Return the settings of the layer that are rates of dropout above 0."""
    rates = {name: getattr(layer, name, None) for name in OWN_DROPOUT}
    return [name for name, rate in rates.items() if isinstance(rate, float) and rate > 0]


def leaves(network: Layer) -> list[tuple[str, Layer]]:
    """The layers that contain no others, with their paths."""
    return [(path, layer) for path, layer in network.walk() if not layer.children]


def kernels(layer: Layer) -> dict[str, Parameter]:
    """The layer's kernels by name: its matrices, without those that belong to single pixels, as PReLU's alpha."""
    return {name: p for name, p in layer.parameters.items() if is_kernel(p)}


def is_kernel(parameter: Parameter) -> bool:
    """True for a matrix that penalties apply to."""
    return parameter.penalized and len(parameter.shape) > 1


def by_unit(layer: Layer, kernel: np.ndarray) -> np.ndarray:
    """Return the kernel as a matrix with one column for each unit or filter."""
    if isinstance(layer, Conv2DTranspose):
        return np.moveaxis(kernel, -2, -1).reshape(-1, kernel.shape[-2])
    units = math.prod(kernel.shape[-2:]) if isinstance(layer, DepthwiseConv2D) else kernel.shape[-1]
    return kernel.reshape(-1, units)


def flatten_rows(x: np.ndarray) -> np.ndarray:
    """Return x as a matrix with one row per example."""
    return x.reshape(len(x), -1)


def by_channel(x: np.ndarray) -> np.ndarray:
    """Return x as a matrix with one column for each channel; x itself if its rows are vectors."""
    return x.reshape(-1, x.shape[-1])


def rms(values: np.ndarray) -> float:
    """The root of the mean square."""
    return math.sqrt(float(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0


def variation(values: np.ndarray) -> float:
    """The variation from row to row: the root mean square of the columns' standard deviations."""
    return rms(np.std(flatten_rows(values), axis=0, dtype=np.float64))


@dataclass
class Record:
    """Measurements of a training.

    paths        the tensors; `kernels` is True for those that are matrices
    steps        the numbers of the measured steps, from 0
    squares      for each of these the squared lengths (3, tensors) of weights, step and gradient
    logs         the figures of every epoch
    batches      batches of the measured steps, up to 1,000 rows; `kept` is the number of their rows
    val_targets  the targets of the validation rows, or None
    normalized   the paths of the layers that take mean and variance of a batch
    failed       the message of the NonFiniteError that ended the training, or None
    """

    paths: list[str]
    kernels: np.ndarray
    loss: Loss
    output_shape: tuple[int, ...]
    rate: float
    is_regularized: bool
    val_targets: np.ndarray | None
    normalized: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    squares: list[np.ndarray] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    batches: list[Examples] = field(default_factory=list)
    kept: int = 0
    failed: str | None = None

    def keep(self, batch: Examples | None) -> None:
        """Keep the batch unless there are enough rows."""
        if batch is not None and self.kept < ROWS:
            self.batches.append(batch)
            self.kept += len(batch)

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """(x, y) of the batches kept."""
        return np.concatenate([b.x for b in self.batches]), np.concatenate([b.y for b in self.batches])

    @property
    def lengths(self) -> np.ndarray:
        """The lengths (3, steps, tensors) of weights, step and gradient."""
        lengths: np.ndarray = np.sqrt(np.array(self.squares).reshape(-1, 3, len(self.paths)).swapaxes(0, 1))
        return lengths

    @property
    def ratios(self) -> np.ndarray:
        """|step| / |w| (steps, tensors); 0 where w is 0."""
        return _ratio(self.lengths)

    @property
    def kernel_ratio(self) -> np.ndarray:
        """|step| / |w| of all kernels together, for every measured step."""
        return _ratio(np.linalg.norm(self.lengths[:, :, self.kernels], axis=2))

    def losses(self, prefix: str = "") -> np.ndarray:
        """The data loss of every epoch that has one; with "val_", that of the validation rows."""
        names = (f"{prefix}data_loss", f"{prefix}loss")
        return np.array([next(log[n] for n in names if n in log) for log in self.logs if names[1] in log])

    @property
    def constant(self) -> float:
        """The loss of a constant prediction; 0 if no batches were kept."""
        return constant_loss(self.loss, self.rows[1], self.output_shape) if self.batches else 0.0


def _ratio(lengths: np.ndarray) -> np.ndarray:
    """|step| / |w| from the lengths of weights, step and gradient."""
    weights, step, _ = lengths
    ratio: np.ndarray = step / np.where(weights > 0, weights, np.inf)
    return ratio


def class_labels(y: np.ndarray) -> np.ndarray | None:
    """Return the class of each row, or None if the targets are not classes.

    Classes are one-hot rows, or one column of the whole numbers 0, 1, ..., all of them present and at most 20.
    """
    if y.ndim != 2:
        return None
    if y.shape[1] > 1:
        one_hot = ((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()
        return y.argmax(axis=1) if one_hot else None
    column = y[:, 0]
    if not (column == np.floor(column)).all() or column.min() != 0 or not 1 <= column.max() < 20:
        return None
    return column.astype(int) if len(np.unique(column)) == column.max() + 1 else None


def chance_loss(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """The loss of even odds (ln 2, ln C) if the loss takes probabilities, else `constant_loss`."""
    if isinstance(loss, OutputLosses):
        return _summed(chance_loss, loss, y)
    if loss.link is None:
        return constant_loss(loss, y, shape)
    return float(loss.on_logits().value(np.zeros((len(y), *shape), y.dtype), y))


def constant_loss(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """The loss if every prediction is the mean target, or the shares of the classes.   shape: that of one output."""
    if isinstance(loss, OutputLosses):
        return _summed(constant_loss, loss, y)
    rows, k = y.reshape(-1, y.shape[-1]), shape[-1]  # each position is a row
    one_hot = rows if rows.shape[1] == k else (rows == np.arange(k)).astype(y.dtype)  # labels in one column
    return _loss_of(loss, one_hot.mean(axis=0, dtype=np.float64), y, shape)


def lowest_loss(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """The loss if the predictions are the targets: above 0 for probabilities between 0 and 1, as grey pixels."""
    if isinstance(loss, OutputLosses):
        return _summed(lowest_loss, loss, y)
    return 0.0 if loss.link is None or y.shape[1:] != shape else _loss_of(loss, y.astype(np.float64), y, shape)


def _loss_of(loss: Loss, p: np.ndarray, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """The loss of the predictions p, which are the same for all rows or one for each."""
    if loss.link is not None:
        p = np.clip(p, 1e-6, 1 - 1e-6)
        p = np.log(p / (1 - p)) if issubclass(loss.link, Sigmoid) else np.log(p)
        loss = loss.on_logits()
    return float(loss.value(np.broadcast_to(p, (len(y), *shape)).astype(y.dtype), y))


def _summed(of_one: Callable[..., float], loss: OutputLosses, y: np.ndarray) -> float:
    return sum(part.weight * of_one(part.loss, part.of_targets(y), part.shape) for part in loss.trained())
