"""Classes that take Keras's arguments in Keras's order, and whose objects are metrics of the core."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .. import losses as core_losses
from .. import metrics as core
from ..errors import SettingError
from ..naming import snake_case
from ._lookup import StandIn

# the dtype is that of the model, the number of labels that of its outputs
WITHOUT_EFFECT = ("dtype", "num_labels")

Translate = Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]


def named(kind: type[core.Metric], order: str, changed: Mapping[str, Any] | None = None, **fixed: Any) -> Any:
    """Return a class whose objects are those of `kind`, for Keras's arguments.

    order    the names of Keras's arguments, in their order
    changed  defaults of Keras that are not those of `kind`
    fixed    arguments that must have one value
    """
    translate = _translation(kind, kind.__name__, order, changed or {}, fixed)
    return _class(kind.__name__, kind, translate, lambda settings: kind(**settings))


def of_loss(kind: type[core_losses.Loss], order: str, **fixed: Any) -> Any:
    """Return a class whose objects measure the mean of a loss, for Keras's arguments."""
    translate = _translation(kind, kind.__name__, order, {"name": None}, fixed)

    def make(settings: dict[str, Any]) -> core.Metric:
        title = settings.pop("name", None) or snake_case(kind.__name__)
        return core.LossMetric(kind(**settings), name=title)

    return _class(kind.__name__, core.LossMetric, translate, make)


def _class(name: str, kind: type[core.Metric], translate: Translate, make: Callable[[dict[str, Any]], Any]) -> Any:
    """Return a class whose calls make objects of `kind`; classes derived from it make objects of their own."""

    def __new__(cls: type, *arguments: Any, **settings: Any) -> Any:  # noqa: N807
        return make(translate(arguments, settings)) if cls is made else object.__new__(cls)

    def __init__(self: Any, *arguments: Any, **settings: Any) -> None:  # noqa: N807  of derived classes
        kind.__init__(self, **translate(arguments, settings))

    def update_state(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p, weights = self.as_rows(y_true, y_pred, sample_weight)
        kind.update(self, y, p, *(() if weights is None else (weights,)))

    methods = {"__new__": __new__, "__init__": __init__, "update_state": update_state, "__doc__": kind.__doc__}
    methods["__signature__"] = translate.__signature__  # type: ignore[attr-defined]
    made: Any = StandIn(name, (kind,), methods)
    return made


def _translation(kind: type, who: str, order: str, defaults: Mapping[str, Any], fixed: Mapping[str, Any]) -> Translate:
    """Return the function from Keras's arguments to settings of the core."""
    theirs = inspect.signature(kind).parameters
    known = {name: part.default for name, part in theirs.items()} | dict(defaults) | dict(fixed)
    known |= dict.fromkeys(WITHOUT_EFFECT)
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(name, positional, default=known[name]) for name in order.split()])

    def translate(arguments: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
        try:
            bound = signature.bind(*arguments, **given)
        except TypeError as error:
            raise TypeError(f"{who}: {error}; it takes {', '.join(order.split())}") from None
        bound.apply_defaults()
        settings = {name: value for name, value in bound.arguments.items() if name not in WITHOUT_EFFECT}
        for name, value in fixed.items():
            if settings.pop(name) != value:
                raise SettingError(f"{who}: {name} must be {value!r} in minidl.keras, got {bound.arguments[name]!r}")
        return settings

    translate.__signature__ = signature  # type: ignore[attr-defined]
    return translate
