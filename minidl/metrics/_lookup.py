"""Metrics by their Keras strings, and the names that metrics have in History."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from .. import validation
from ..errors import SettingError
from ..losses import LOSSES, Loss
from ..naming import snake_case, unique
from ._base import Metric
from ._counts import FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from ._curves import AUC
from ._fscores import F1Score, FBetaScore
from ._means import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    CosineSimilarity,
    LogCoshError,
    LossMetric,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Perplexity,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
)
from ._overlaps import BinaryIoU
from ._ranking import SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy
from ._sums import R2Score, Scorer
from ._weighted import Weighted

CLASSES: tuple[type[Metric], ...] = (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    Precision,
    Recall,
    F1Score,
    FBetaScore,
    TruePositives,
    TrueNegatives,
    FalsePositives,
    FalseNegatives,
    AUC,
    BinaryIoU,
    Perplexity,
    MeanSquaredError,
    RootMeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    LogCoshError,
    CosineSimilarity,
    R2Score,
)

SHORT: dict[str, type[Metric]] = {
    "acc": Accuracy,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
}


def _of_loss(kind: Callable[[], Loss]) -> Metric:
    return LossMetric(kind())


# snake case, short names, and the strings and class names of losses
METRICS: dict[str, Callable[[], Metric]] = {**{snake_case(kind.__name__): kind for kind in CLASSES}, **SHORT}
_NAMED_LOSSES = LOSSES | {kind.__name__: kind for kind in LOSSES.values() if isinstance(kind, type)}
_CLASS_NAMES = {kind.__name__ for kind in CLASSES}
METRICS |= {
    name: partial(_of_loss, kind) for name, kind in _NAMED_LOSSES.items() if name not in {*METRICS, *_CLASS_NAMES}
}


def named(what: str, given: object) -> dict[str, Metric]:
    """Return metrics by the names they have in History: a string as typed, an object's `name`.

    A Loss becomes a LossMetric, a function a Scorer. Names that repeat are numbered: precision, precision_1.
    """
    found: dict[str, Metric] = {}
    for name, metric in _entries(what, given):
        found[unique(name, found)] = metric
    return found


def weighted(what: str, given: object, taken: Iterable[str]) -> dict[str, Metric]:
    """Return metrics that use the weights of the rows, by name; as in Keras, a name that is taken gets `weighted_`."""
    names, found = set(taken), dict[str, Metric]()
    for name, metric in _entries(what, given):
        free = unique(f"weighted_{name}", names) if name in names else name
        names.add(free)
        found[free] = Weighted(metric)
    return found


def _entries(what: str, given: object) -> Iterator[tuple[str, Metric]]:
    for item in [] if given is None else list(given) if isinstance(given, list | tuple) else [given]:
        metric = _metric(what, item)
        name = item if isinstance(item, str) else metric.name or metric.default_name()
        if name in ("loss", "data_loss", "penalty"):
            raise SettingError(f"{what}: History already has an entry {name}; rename the metric")
        yield name, metric


def _metric(what: str, item: Any) -> Metric:
    if isinstance(item, Loss):
        return LossMetric(item)
    if callable(item) and not isinstance(item, type | Metric):
        return Scorer(item)
    return validation.resolve(what, item, Metric, METRICS)
