"""Predictions of several networks, or of one network under several dropout masks, as one with an uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from .. import validation
from ..errors import SettingError
from ..layers import Layer, Sigmoid, Softmax
from ..model import Model
from ._predictive import Moments, Predictive, check_squared, link_of
from ._rows import RowDerivatives


@dataclass(frozen=True, eq=False)
class Samples(Predictive):
    """Mean and variance of sampled outputs; of classes the mean of their probabilities.

    draw  (x) -> z (samples, m, k)
    """

    _: KW_ONLY
    draw: Callable[[Any], np.ndarray]

    def moments(self, x: Any) -> Moments:
        z = self.draw(x)
        return Moments(z.mean(axis=0), z.var(axis=0))

    def _log_probabilities(self, x: Any) -> np.ndarray:
        link = link_of(self.model) or Softmax
        p = np.mean([link().forward(z) for z in self.draw(x)], axis=0)
        p = np.clip(p, np.finfo(float).tiny, 1 - np.finfo(float).epsneg)
        logits: np.ndarray = np.log(p) - np.log1p(-p) if link is Sigmoid else np.log(p)
        return logits


def ensemble(models: Sequence[Model], x: Any = None, y: Any = None) -> Samples:
    """Return the ensemble of trained models, the same network from several seeds. (Lakshminarayanan et al. 2017)

    Models of a `Comparison` are [run.model for run in comparison.runs[name]].

    models  at least 2, with the same loss
    x, y    rows to measure the noise of numbers on, best rows that training has not seen; not needed for classes
    """
    if len(models) < 2:
        raise SettingError(f"ensemble: at least 2 models were expected, got {len(models)}")
    for model in models:
        validation.check_instance("ensemble", "models", model, Model)
    if len({type(model.objective.loss) for model in models}) > 1:
        raise SettingError("ensemble: the models have different losses; train them with the same one")
    rows = [RowDerivatives("ensemble", model) for model in models]

    def draw(x: Any) -> np.ndarray:
        return np.array([one.outputs(one.inputs(x)) for one in rows])

    return _with_noise("ensemble", models[0], draw, x, y)


def dropout(model: Model, x: Any = None, y: Any = None, *, samples: int = 50, seed: int = 0) -> Samples:
    """Return the predictions of a model with dropout under random masks. (Gal & Ghahramani 2016)

    Other layers, such as BatchNormalization, work as in prediction. Every prediction draws the same masks again.

    x, y     rows to measure the noise of numbers on, best rows that training has not seen; not needed for classes
    samples  at least 2
    """
    validation.check_instance("dropout", "model", model, Model)
    samples = validation.check_integer("dropout", "samples", samples, 2)
    seed = validation.check_integer("dropout", "seed", seed, 0)
    rows = RowDerivatives("dropout", model)
    drawing = [layer for _, layer in rows.objective.network.walk() if _drops(layer)]
    if not drawing:
        raise SettingError("dropout: no layer of the model drops anything; add Dropout layers")
    for layer in drawing:
        _always_train(layer)

    def draw(x: Any) -> np.ndarray:
        rng, x = np.random.default_rng(seed), rows.inputs(x)
        for layer in drawing:
            layer.rng = rng
        return np.array([rows.outputs(x) for _ in range(samples)])

    return _with_noise("dropout", model, draw, x, y)


def _drops(layer: Layer) -> bool:
    """Return True for dropout layers, and for recurrent layers and attention with dropout."""
    return any(getattr(layer, name, 0) for name in ("rate", "dropout", "recurrent_dropout"))


def _always_train(layer: Layer) -> None:
    """Let the layer of a private copy draw its masks in prediction too."""
    forward, masked_forward = layer.forward, layer.masked_forward
    vars(layer).update(
        forward=lambda x, training=False: forward(x, True),
        masked_forward=lambda x, mask, training=False: masked_forward(x, mask, True),
    )


def _with_noise(who: str, model: Model, draw: Callable[[Any], np.ndarray], x: Any, y: Any) -> Samples:
    """Return the Samples; of numbers with the noise of the largest likelihood of the rows, N(mean, variance + noise^2).

    The likelihood is found on a logarithmic scale, between 1e-6 and 2 times the root mean square of the residuals.
    """
    if link_of(model) is not None:
        return Samples(model, draw=draw)
    if x is None or y is None:
        raise SettingError(f"{who}: the model predicts numbers; pass rows x, y to measure their noise on")
    from scipy.optimize import minimize_scalar

    targets = model.examples(who, x, y).y
    check_squared(who, model.objective.loss, targets)
    z = draw(x)
    squares, spread = (targets - z.mean(axis=0)) ** 2, z.var(axis=0)
    scale = math.sqrt(max(float(squares.mean()), 1e-20))

    def surprise(log_noise: float) -> float:
        variance = spread + (scale * math.exp(log_noise)) ** 2
        return float((np.log(variance) + squares / variance).sum())

    found = minimize_scalar(surprise, bounds=(math.log(1e-6), math.log(2)), method="bounded")
    return Samples(model, noise=scale * math.exp(float(found.x)), draw=draw)
