"""Signals, the evidence of most rules: one recorded pass through a copy of the model, and its data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._recording import LayerPass, record_passes
from ..data import Examples
from ..layers import Dropout, GaussianNoise, Layer
from ..losses import Loss, Poisson
from ..model import Model
from ..objective import Objective
from ..parameters import Parameter
from ._baselines import chance_loss, class_labels, constant_loss


@dataclass
class Signals:
    """Measurements of a model on some of the rows.

    model      a private copy, built, with the weights of the model
    all_rows   all examples; `rows` are those that went through the layers
    layers     the pass through each layer in the order in which they ran, dropout and noise switched off
    loss       the data loss
    penalty    the penalties for a batch of at most 32 rows
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
        return None if isinstance(self.loss_function, Poisson) else class_labels(self.all_rows.y)


def collect_signals(model: Model, x: Any, y: Any, rows: int = 300) -> Signals:
    """Copy the model and measure the copy on at most so many rows."""
    model = model.copy()
    examples = model.examples("diagnose", x, y)
    part = examples[sample_rows(len(examples), rows)]
    quiet = without_noise(model.objective)
    with np.errstate(all="ignore"):
        with record_passes(leaves(quiet.network)) as passes:
            loss = quiet.gradient(part).data_loss
        penalty = quiet.penalty(min(32, len(examples)))
        outputs = model.objective.copy().predict(part.x)
    return Signals(model, examples, part, passes, loss, penalty, outputs)


def sample_rows(m: int, count: int) -> np.ndarray:
    """Draw at most `count` of m row numbers without replacement, sorted; every call draws the same ones."""
    return np.arange(m) if m <= count else np.sort(np.random.default_rng(0).choice(m, count, replace=False))


def without_noise(objective: Objective) -> Objective:
    """Return a copy of the objective with dropout and noise switched off."""
    quiet = objective.copy()
    for _, layer in quiet.network.walk():
        if isinstance(layer, Dropout):
            layer.rate = 0.0
        if isinstance(layer, GaussianNoise):
            layer.stddev = 0.0
    return quiet


def sequence(objective: Objective) -> list[tuple[str, Layer]]:
    """The layers that the objective runs one after the other, with their paths."""
    paths = {id(layer): path for path, layer in objective.network.walk()}
    return [(paths[id(layer)], layer) for layer in objective.layers.layers]


def is_regularized(objective: Objective) -> bool:
    """True if the objective has a penalty or a Dropout layer."""
    return bool(objective.penalties) or any(isinstance(layer, Dropout) for _, layer in objective.network.walk())


def leaves(network: Layer) -> list[tuple[str, Layer]]:
    """The layers that contain no others, with their paths."""
    return [(path, layer) for path, layer in network.walk() if not layer.children]


def kernels(layer: Layer) -> dict[str, Parameter]:
    """The layer's matrices by name."""
    return {name: parameter for name, parameter in layer.parameters.items() if len(parameter.shape) > 1}


def flatten_rows(x: np.ndarray) -> np.ndarray:
    """Return x as a matrix with one row per example."""
    return x.reshape(len(x), -1)


def rms(values: np.ndarray) -> float:
    """The root of the mean square."""
    return math.sqrt(float(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0


def variation(values: np.ndarray) -> float:
    """The variation from row to row: the root mean square of the columns' standard deviations."""
    return rms(np.std(flatten_rows(values), axis=0, dtype=np.float64))
