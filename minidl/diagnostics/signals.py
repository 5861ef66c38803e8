"""What the rules read: one pass through a copy of the model, and a few quantities of the data."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import Examples
from ..layers import Chain, Dropout, GaussianNoise, Layer, Sigmoid
from ..losses import Loss, Poisson
from ..parameters import Parameter

if TYPE_CHECKING:
    from ..model import Model


@dataclass
class LayerSignal:
    """What went through one layer: x and y forward, dy = dL/dy backward (None where backward did not come)."""

    path: str
    layer: Layer
    x: np.ndarray
    y: np.ndarray
    dy: np.ndarray | None = None

    @property
    def kernels(self) -> dict[str, Parameter]:
        """The layer's matrices by path."""
        return {f"{self.path}/{name}": p for name, p in self.layer.parameters.items() if len(p.shape) > 1}


@dataclass
class Signals:
    """What was measured on some of the rows.

    model      a private copy, built and compiled, its weights those of the model
    all_rows   all examples; `rows` those that went through
    layers     what went through each layer, in the order they ran; dropout and noise were switched off
    loss       the data loss; `penalty` the penalties, for batches of up to 32 rows
    outputs    what the model puts out in inference
    """

    model: Model
    all_rows: Examples
    rows: Examples
    layers: list[LayerSignal]
    loss: float
    penalty: float
    outputs: np.ndarray

    @property
    def kernel_layers(self) -> list[LayerSignal]:
        return [signal for signal in self.layers if signal.kernels]

    @property
    def sizes(self) -> dict[str, dict[str, float]]:
        """The root mean square of what each kernel layer puts out, and of the gradient that comes back to it."""
        return {
            signal.path: {"activation": rms(signal.y), "gradient": 0.0 if signal.dy is None else rms(signal.dy)}
            for signal in self.kernel_layers
        }

    @property
    def last(self) -> Layer:
        """The layer that puts out."""
        return output_layer(self.model.layer)

    @cached_property
    def chance(self) -> float:
        """The loss of who knows nothing: ln 2, ln C; where the loss knows no chance, that of the best constant."""
        return chance(self.model.objective.loss, self.rows.y, self.outputs.shape[1:])

    @cached_property
    def constant(self) -> float:
        """The loss of always saying the mean target, or the shares of the classes."""
        return constant_loss(self.model.objective.loss, self.rows.y, self.outputs.shape[1:])

    @cached_property
    def classes(self) -> np.ndarray | None:
        """The class of each of all rows, None if the targets are not classes."""
        return None if isinstance(self.model.objective.loss, Poisson) else class_numbers(self.all_rows.y)  # counts


def collect(model: Model, x: Any, y: Any, count: int) -> Signals:
    """Signals of the model on at most `count` rows. The model is copied, and left as it is."""
    model = copy.deepcopy(model)
    everything = model.examples("diagnose", x, y)
    rows = everything[some(len(everything), count)]
    with np.errstate(all="ignore"):
        quiet = quietened(model.twin())
        layers = record(quiet)
        loss, _, _ = quiet.objective_and_gradient(rows)
        penalty = model.penalty(min(32, len(everything)))
        outputs = model.twin().predict(rows.x)
    return Signals(model, everything, rows, layers, loss, penalty, outputs)


def some(m: int, count: int) -> np.ndarray:
    """The numbers of at most `count` of m rows, always the same ones, drawn so that no order of the rows matters."""
    return np.arange(m) if m <= count else np.sort(np.random.default_rng(0).choice(m, count, replace=False))


def quietened(model: Model) -> Model:
    """The model itself, its dropout and noise switched off."""
    for _, layer in model.layer.walk():
        if isinstance(layer, Dropout):
            layer.rate = 0.0
        if isinstance(layer, GaussianNoise):
            layer.stddev = 0.0
    return model


def record(model: Model) -> list[LayerSignal]:
    """A list that fills, in the order they run, with what goes through each layer that holds no others."""
    seen: list[LayerSignal] = []
    for path, layer in list(model.layer.walk()):
        if not layer.children:
            _listen(path, layer, seen)
    return seen


def _listen(path: str, layer: Layer, seen: list[LayerSignal]) -> None:
    forward, backward = layer.forward, layer.backward

    def heard_forward(x: np.ndarray, training: bool = False) -> np.ndarray:
        y = forward(x, training)
        seen.append(LayerSignal(path, layer, x, y))
        return y

    def heard_backward(dy: np.ndarray) -> Any:
        next(signal for signal in seen if signal.layer is layer).dy = dy
        return backward(dy)

    # on this one object of a private copy, whatever container calls it
    layer.forward, layer.backward = heard_forward, heard_backward  # type: ignore[method-assign]


def output_layer(layer: Layer) -> Layer:
    """The layer whose output is the model's."""
    while type(layer) is Chain and layer.layers:
        layer = layer.layers[-1]
    return layer


# ---- targets


def class_numbers(y: np.ndarray) -> np.ndarray | None:
    """The class of each row: of one-hot rows, or of one column of the whole numbers 0, 1, ..., at most 20 of them."""
    if y.ndim != 2:
        return None
    if y.shape[1] > 1:
        one_hot = ((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()
        return y.argmax(axis=1) if one_hot else None
    column = y[:, 0]
    if not (column == np.floor(column)).all() or column.min() != 0 or not 1 <= column.max() < 20:
        return None
    present = np.unique(column)
    return column.astype(int) if len(present) == column.max() + 1 else None


def _wide(y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Targets as wide as the outputs: class labels in one column become one-hot rows."""
    return y if y.shape[1:] == shape else (y == np.arange(shape[0])).astype(y.dtype)


def chance(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """The loss of even odds, where the loss is one of probabilities; else `constant_loss`."""
    if loss.link is None:
        return constant_loss(loss, y, shape)
    return float(loss.on_logits().value(np.zeros((len(y), *shape), y.dtype), y))


def constant_loss(loss: Loss, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """The loss of saying for every row the mean of the targets."""
    mean = _wide(y, shape).mean(axis=0, dtype=np.float64)
    if loss.link is None:
        return float(loss.value(np.broadcast_to(mean, (len(y), *shape)).astype(y.dtype), y))
    p = np.clip(mean, 1e-6, 1 - 1e-6)
    z = np.log(p / (1 - p)) if issubclass(loss.link, Sigmoid) else np.log(p)
    return float(loss.on_logits().value(np.broadcast_to(z, (len(y), *shape)).astype(y.dtype), y))


def rms(values: np.ndarray) -> float:
    """The root of the mean square."""
    return math.sqrt(float(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0


def variation(values: np.ndarray) -> float:
    """How much the values vary from row to row: the root mean square of the units' standard deviations."""
    return rms(np.std(values, axis=0, dtype=np.float64))
