"""The names that metrics have in History."""

from typing import Any

from .. import metrics, validation
from ..errors import SettingError
from ..naming import snake_case, unique
from ._base import Metric


def named(what: str, given: object) -> dict[str, Metric]:
    """Return metrics by the names they have in History: a string as typed, an object as its class in snake case.

    A function becomes a Scorer and keeps its name. Names that repeat are numbered: precision, precision_1.
    """
    found: dict[str, Metric] = {}
    for item in [] if given is None else list(given) if isinstance(given, list | tuple) else [given]:
        name = _name(item)
        if name in ("loss", "data_loss", "penalty"):
            raise SettingError(f"{what}: History already has an entry {name}; rename the metric")
        found[unique(name, found)] = _metric(what, item)
    return found


def _name(item: Any) -> str:
    if isinstance(item, str):
        return item
    function = item.function if isinstance(item, metrics.Scorer) else item
    return str(getattr(function, "__name__", snake_case(type(function).__name__)))


def _metric(what: str, item: Any) -> Metric:
    if callable(item) and not isinstance(item, type | Metric):
        return metrics.Scorer(item)
    return validation.resolve(what, item, Metric, metrics.METRICS)
