"""Figures to watch. A metric is fed batch by batch and says its result over all rows since its last reset."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from . import naming, validation
from .errors import SettingError
from .naming import snake_case


class Metric:
    """A subclass writes reset(), update(y, p) on targets y and outputs p (m, k), and result() -> float.

    Of class labels y (m, 1) for k > 1 outputs the metrics here compare the one-hot rows, so nothing broadcasts.
    `state_names` are the attributes that reset() makes: what a training needs to go on in the middle of an epoch.
    `direction` is "up" where more is better, else "down"; `runs` says whether a result is of use, and cheap, in the
    middle of an epoch.
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    direction: ClassVar[str] = "up"
    runs: ClassVar[bool] = True

    def reset(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write reset()")

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write update(y, p)")

    def result(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} must write result()")


def one_hot(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Y as wide as p: class labels (m, 1) become rows with a 1 in the place of the class, all else stays."""
    return y if y.shape == p.shape else (y == np.arange(p.shape[1])).astype(p.dtype)


# ---- means of what each row or entry gives


class MeanMetric(Metric):
    """The mean of an array per batch. A subclass writes values(y, p), for y as wide as p."""

    state_names = ("total", "count")

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write values(y, p)")

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        values = self.values(one_hot(y, p), p)
        self.total += float(values.sum(dtype=np.float64))
        self.count += values.size

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0


@dataclass(eq=False)
class BinaryAccuracy(MeanMetric):
    """The share of entries where (p > threshold) == y."""

    threshold: float = 0.5

    def __post_init__(self) -> None:
        validation.check_real("BinaryAccuracy", "threshold", self.threshold)
        self.reset()

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (p > self.threshold) == y


@dataclass(eq=False)
class CategoricalAccuracy(MeanMetric):
    """The share of rows whose largest output stands where the largest entry of y stands."""

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return p.argmax(axis=1) == y.argmax(axis=1)


@dataclass(eq=False)
class SparseCategoricalAccuracy(CategoricalAccuracy):
    """The share of rows whose largest output stands in the place of the class.   y (m, 1), labels 0 to k - 1."""


@dataclass(eq=False)
class Accuracy(MeanMetric):
    """What Keras takes "accuracy" for: BinaryAccuracy for one output, CategoricalAccuracy for several.

    So several outputs count as classes that exclude each other. For labels that do not, as after Sigmoid, write
    BinaryAccuracy().
    """

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        kind = BinaryAccuracy() if p.shape[1] == 1 else CategoricalAccuracy()
        return kind.values(y, p)


@dataclass(eq=False)
class MeanSquaredError(MeanMetric):
    """The mean of (p - y)^2 over all entries."""

    direction = "down"

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return (p - y) ** 2


@dataclass(eq=False)
class MeanAbsoluteError(MeanMetric):
    """The mean of |p - y| over all entries."""

    direction = "down"

    def values(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return np.abs(p - y)


# ---- counts of right and wrong


class Counts(Metric):
    """True positives, false positives and false negatives, of entries p that say "positive" and y that are."""

    state_names = ("true_positives", "false_positives", "false_negatives")

    def reset(self) -> None:
        self.true_positives: Any = 0
        self.false_positives: Any = 0
        self.false_negatives: Any = 0

    def _count(self, positive: np.ndarray, said: np.ndarray, axis: int | None) -> None:
        self.true_positives = self.true_positives + np.count_nonzero(said & positive, axis=axis)
        self.false_positives = self.false_positives + np.count_nonzero(said & ~positive, axis=axis)
        self.false_negatives = self.false_negatives + np.count_nonzero(~said & positive, axis=axis)


@dataclass(eq=False)
class Precision(Counts):
    """True positives / all that were called positive (p > thresholds), over all entries; 0 if none were."""

    thresholds: float = 0.5

    def __post_init__(self) -> None:
        validation.check_real("Precision", "thresholds", self.thresholds, "[0, 1]")
        self.reset()

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        self._count(one_hot(y, p) != 0, p > self.thresholds, None)

    def result(self) -> float:
        return _ratio(self.true_positives, self.true_positives + self.false_positives)


@dataclass(eq=False)
class Recall(Counts):
    """True positives (p > thresholds) / all that are positive, over all entries; 0 if none are."""

    thresholds: float = 0.5

    def __post_init__(self) -> None:
        validation.check_real("Recall", "thresholds", self.thresholds, "[0, 1]")
        self.reset()

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        self._count(one_hot(y, p) != 0, p > self.thresholds, None)

    def result(self) -> float:
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)


@dataclass(eq=False)
class F1Score(Counts):
    """2 / (1 / precision + 1 / recall) of each output, then one number of them; 0 where both are 0.

    threshold  p > threshold says "positive"; None: the largest output of the row does (0.5 if there is only one)
    average    "macro": the mean over the outputs; "weighted": by their positives; "micro": of the counts of all
               outputs together
    """

    average: str = "macro"
    threshold: float | None = None

    def __post_init__(self) -> None:
        validation.check_choice("F1Score", "average", self.average, ("macro", "weighted", "micro"))
        if self.threshold is not None:
            validation.check_real("F1Score", "threshold", self.threshold, "[0, 1]")
        self.reset()

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        if self.threshold is None and p.shape[1] > 1:
            said = p == p.max(axis=1, keepdims=True)
        else:
            said = p > (0.5 if self.threshold is None else self.threshold)
        self._count(one_hot(y, p) != 0, said, 0)

    def result(self) -> float:
        right, false = np.atleast_1d(self.true_positives), np.atleast_1d(self.false_positives + self.false_negatives)
        if self.average == "micro":
            right, false = right.sum(keepdims=True), false.sum(keepdims=True)
        scores = 2 * right / np.maximum(2 * right + false, 1)
        if self.average == "weighted":
            positive = np.atleast_1d(self.true_positives + self.false_negatives)
            return _ratio(float(scores @ positive), int(positive.sum()))
        return float(scores.mean())


@dataclass(eq=False)
class AUC(Metric):
    """The area under the ROC curve, recall against the share of false alarms, over all entries.   p in [0, 1].

    The curve has num_thresholds points, at thresholds evenly spread over [0, 1], joined by lines, as in Keras; hand
    sklearn.metrics.roc_auc_score to compile for every point of it. 0 if all entries are of one class.
    """

    num_thresholds: int = 200

    state_names = ("positives", "negatives")

    def __post_init__(self) -> None:
        validation.check_integer("AUC", "num_thresholds", self.num_thresholds, 2)
        self.reset()

    def reset(self) -> None:
        self.positives = np.zeros(self.num_thresholds, np.int64)  # by the last threshold that they lie above
        self.negatives = np.zeros(self.num_thresholds, np.int64)

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        places = np.ceil(np.clip(p, 0, 1) * (self.num_thresholds - 1)) - 1
        places, positive = np.fmax(places, 0).astype(np.int64), one_hot(y, p) != 0  # NaN lies above none
        self.positives = self.positives + np.bincount(places[positive], minlength=self.num_thresholds)
        self.negatives = self.negatives + np.bincount(places[~positive], minlength=self.num_thresholds)

    def result(self) -> float:
        right, false = (np.cumsum(counts[::-1]) for counts in (self.positives, self.negatives))
        return _ratio(float(np.trapezoid(right, false)), int(right[-1]) * int(false[-1]))


@dataclass(eq=False)
class R2Score(Metric):
    """1 - sum (y - p)^2 / sum (y - mean y)^2 of each output, the mean over the outputs. At most 1.

    For an output whose targets are all the same it is 1 if all are met, else 0, as in scikit-learn.
    """

    state_names = ("rows", "shift", "sums", "squares", "residuals")

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.rows = 0
        self.shift: Any = 0.0  # the first row: sums of differences to it keep their digits however large y is
        self.sums: Any = 0.0
        self.squares: Any = 0.0
        self.residuals: Any = 0.0

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        y, p = one_hot(y, p).astype(np.float64), p.astype(np.float64)
        if not self.rows:
            self.shift = y[0]
        difference = y - self.shift
        self.rows += len(y)
        self.sums = self.sums + difference.sum(axis=0)
        self.squares = self.squares + (difference**2).sum(axis=0)
        self.residuals = self.residuals + ((y - p) ** 2).sum(axis=0)

    def result(self) -> float:
        if not self.rows:
            return 0.0
        total = self.squares - self.sums**2 / self.rows
        varied = total > 0
        scores = 1 - self.residuals / np.where(varied, total, 1)
        return float(np.where(varied, scores, self.residuals == 0).mean())


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


# ---- functions of others


@dataclass(eq=False)
class Scorer(Metric):
    """function(y, p) of all rows together, such as sklearn.metrics.roc_auc_score. One column is handed over flat.

    It is called at the end of each epoch: of a few rows it may not be defined, of ever more rows it would cost.
    """

    function: Callable[[Any, Any], Any]

    state_names = ("targets", "outputs")
    runs = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise SettingError(f"Scorer: function must be callable as function(y, p), got {self.function!r}")
        self.reset()

    def reset(self) -> None:
        self.targets: list[np.ndarray] = []
        self.outputs: list[np.ndarray] = []

    def update(self, y: np.ndarray, p: np.ndarray) -> None:
        self.targets.append(y)
        self.outputs.append(p)

    def result(self) -> float:
        if not self.targets:
            return 0.0
        arrays = (np.concatenate(parts) for parts in (self.targets, self.outputs))
        y, p = (array[:, 0] if array.shape[1] == 1 else array for array in arrays)
        return float(self.function(y, p))


# ---- names

METRICS: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "precision": Precision,
    "recall": Recall,
    "f1_score": F1Score,
    "auc": AUC,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "r2_score": R2Score,
}


def named(what: str, given: object) -> dict[str, Metric]:
    """Metrics by the names they have in History: a string as it was typed, an object as its class in snake case.

    A function is taken for a Scorer, and keeps its name. Names that repeat are numbered: precision, precision_1.
    """
    found: dict[str, Metric] = {}
    for item in [] if given is None else list(given) if isinstance(given, list | tuple) else [given]:
        name = _name(item)
        if name in ("loss", "data_loss", "penalty"):
            raise SettingError(f"{what}: {name} is the objective's own name in History; call the metric another")
        found[naming.unique(name, found)] = _metric(what, item)
    return found


def _name(item: Any) -> str:
    if isinstance(item, str):
        return item
    function = item.function if isinstance(item, Scorer) else item
    return str(getattr(function, "__name__", snake_case(type(function).__name__)))


def _metric(what: str, item: Any) -> Metric:
    is_function = callable(item) and not isinstance(item, type | Metric)
    return Scorer(item) if is_function else validation.resolve(what, item, Metric, METRICS)
