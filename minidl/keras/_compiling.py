"""The settings of `compile`, and what the core receives of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from .. import losses as core_losses
from ..errors import SettingError
from ..model import Model as CoreModel
from . import losses, metrics, optimizers
from ._metric import Metric
from ._rows import Labels
from ._translation import core_of


@dataclass
class Compiled:
    """The arguments of `compile`. `optimizer` is an object, made of a string if need be.

    labels  the form of class labels in the script's own losses and metrics
    """

    optimizer: Any
    loss: Any
    loss_weights: Any
    metrics: Any
    weighted_metrics: Any
    labels: Labels = field(default_factory=Labels)

    def apply(self, core: CoreModel, outputs: Sequence[str]) -> None:
        """Compile the core's model, whose outputs have these names."""
        loss, metrics, weighted = (_each(get, given) for get, given in self._given())
        loss = _without_lists(loss)
        weights = self.loss_weights
        if len(outputs) == 1:
            loss, metrics, weighted, weights = (
                _of_one_output(outputs[0], g) for g in (loss, metrics, weighted, weights)
            )
            if weights not in (None, 1):
                raise SettingError("compile: loss_weights weigh several outputs against each other; there is one")
            weights = None
        core.compile(core_of(self.optimizer), None if _is_empty(loss) else loss, metrics, weighted, weights)

    def _given(self) -> list[tuple[Any, Any]]:
        return [(self._loss, self.loss), (self._metric, self.metrics), (self._metric, self.weighted_metrics)]

    def _loss(self, given: Any) -> Any:
        loss = _loss(given)
        return _labelled(loss, self.labels) if isinstance(loss, core_losses.FunctionLoss) else loss

    def _metric(self, given: Any) -> Any:
        metric = _metric(given)
        if isinstance(metric, Metric):
            metric.labels = self.labels
        return metric

    def check(self, who: str) -> None:
        """Raise SettingError if there is nothing to minimise."""
        if _is_empty(self.loss):
            raise SettingError(f"{who}: there is no loss to compute; give one to compile, as in compile(loss='mse')")


def _without_lists(losses: Any) -> Any:
    """Return the losses by output, without a list around the only loss of one of them."""
    if isinstance(losses, dict):
        return {name: _first(loss) for name, loss in losses.items()}
    return [_first(loss) for loss in losses] if isinstance(losses, list) else losses


def _first(losses: Any) -> Any:
    return losses[0] if isinstance(losses, list) and len(losses) == 1 else losses


def _is_empty(losses: Any) -> bool:
    """Return True if no output has a loss."""
    each = list(losses.values()) if isinstance(losses, dict) else losses
    return all(loss is None for loss in each) if isinstance(each, list | tuple) else losses is None


def optimizer_of(given: Any) -> Any:
    """Return an optimizer for an object, a string or a config."""
    return optimizers.get(given)


def _each(get: Any, given: Any) -> Any:
    """Apply `get` to an object, or to each in a list or dict, at any depth."""
    if isinstance(given, dict) and "class_name" not in given:
        return {name: _each(get, value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [_each(get, value) for value in given]
    return None if given is None else get(given)


def _loss(given: Any) -> Any:
    """Return the core's loss of what `compile` received for one output."""
    get = getattr(losses, "get", lambda g: core_losses.get("compile: loss", g))
    return core_of(get(given))


def _labelled(loss: core_losses.FunctionLoss, labels: Labels) -> core_losses.FunctionLoss:
    """Return the loss for targets in the form that `fit` received."""
    function = loss.function

    @wraps(function)
    def labelled(y: Any, p: Any) -> Any:
        return function(labels.of(y, p), p)

    return replace(loss, function=labelled)


def _metric(given: Any) -> Any:
    if isinstance(given, str):
        return given  # the core keeps the string as the name in History
    get = getattr(metrics, "get", lambda g: g)
    return core_of(get(given))


def _of_one_output(name: str, given: Any) -> Any:
    """Return what belongs to the only output: of {name: it}, of [it], of [[it, ...]]."""
    if isinstance(given, dict):
        if set(given) - {name}:
            raise SettingError(f"compile: there is one output, {name!r}, got {', '.join(map(repr, given))}")
        given = given.get(name)
    while isinstance(given, list) and len(given) == 1:
        given = given[0]
    return given
