"""Keras's `keras.losses`: classes, functions and strings. `loss.core` is minidl's."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .. import losses as core
from .._traced import Traced
from ..errors import SettingError
from ..naming import snake_case
from ._absent import absent
from ._lookup import Lookup, serialize
from ._loss import Loss, LossFunctionWrapper, Named
from ._rows import as_floats, same_rank

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]


@dataclass(eq=False, repr=False)
class Plain(Named):
    """A loss without settings of its own."""

    reduction: Any = "sum_over_batch_size"
    name: Any = None
    dtype: Any = None


class MeanSquaredError(Plain):
    """(p - y)^2, the mean over the outputs."""

    kind = core.MeanSquaredError


class MeanAbsoluteError(Plain):
    """|p - y|, the mean over the outputs."""

    kind = core.MeanAbsoluteError


class MeanAbsolutePercentageError(Plain):
    """100 |p - y| / |y|, the mean over the outputs."""

    kind = core.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(Plain):
    """(log(1 + p) - log(1 + y))^2, the mean over the outputs."""

    kind = core.MeanSquaredLogarithmicError


class LogCosh(Plain):
    """log cosh(p - y), the mean over the outputs."""

    kind = core.LogCosh


class Hinge(Plain):
    """max(1 - y p, 0), the mean over the outputs."""

    kind = core.Hinge


class SquaredHinge(Plain):
    """max(1 - y p, 0)^2, the mean over the outputs."""

    kind = core.SquaredHinge


class CategoricalHinge(Plain):
    """max(1 + the largest other output - that of the right class, 0)."""

    kind = core.CategoricalHinge


class Poisson(Plain):
    """p - y log p, the mean over the outputs."""

    kind = core.Poisson


class KLDivergence(Plain):
    """sum y log(y / p)."""

    kind = core.KLDivergence


@dataclass(eq=False, repr=False)
class Huber(Named):
    """d^2 / 2 up to delta, linear beyond, d = p - y."""

    delta: float = 1.0
    reduction: Any = "sum_over_batch_size"
    name: Any = None
    dtype: Any = None

    kind = core.Huber
    settings = ("delta",)
    title = "huber_loss"


@dataclass(eq=False, repr=False)
class CosineSimilarity(Named):
    """-y . p / (|y| |p|)."""

    axis: int = -1
    reduction: Any = "sum_over_batch_size"
    name: Any = None
    dtype: Any = None

    kind = core.CosineSimilarity
    settings = ()


@dataclass(eq=False, repr=False)
class BinaryCrossentropy(Named):
    """-y log p - (1 - y) log(1 - p), the mean over the outputs."""

    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: Any = "sum_over_batch_size"
    name: Any = None
    dtype: Any = None

    kind = core.BinaryCrossentropy
    settings = ("from_logits", "label_smoothing")


@dataclass(eq=False, repr=False)
class BinaryFocalCrossentropy(Named):
    """BinaryCrossentropy times (1 - p_t)^gamma, p_t the probability of the right class."""

    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: Any = "sum_over_batch_size"
    name: Any = None
    dtype: Any = None

    kind = core.BinaryFocalCrossentropy
    settings = ("apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing")


@dataclass(eq=False, repr=False)
class CategoricalCrossentropy(Named):
    """-sum y log p."""

    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: Any = "sum_over_batch_size"
    name: Any = None
    dtype: Any = None

    kind = core.CategoricalCrossentropy
    settings = ("from_logits", "label_smoothing")


@dataclass(eq=False, repr=False)
class CategoricalFocalCrossentropy(Named):
    """CategoricalCrossentropy times alpha (1 - p)^gamma for each class."""

    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: Any = "sum_over_batch_size"
    name: Any = None
    dtype: Any = None

    kind = core.CategoricalFocalCrossentropy
    settings = ("alpha", "gamma", "from_logits", "label_smoothing")


@dataclass(eq=False, repr=False)
class SparseCategoricalCrossentropy(Named):
    """-log p of the right class, y its number."""

    from_logits: bool = False
    ignore_class: int | None = None
    reduction: Any = "sum_over_batch_size"
    axis: int = -1
    name: Any = None
    dtype: Any = None

    kind = core.SparseCategoricalCrossentropy
    settings = ("from_logits",)

    @property
    def rows(self) -> core.Loss:
        return super().rows if self.ignore_class is None else core.FunctionLoss(self._shared_out)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if self.ignore_class is None:
            return super().call(y_true, y_pred)
        kept = np.reshape(self._kept(y_true), np.shape(y_pred)[:-1])
        return super().call(np.where(self._kept(y_true), y_true, 0), y_pred) * kept

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if self.ignore_class is not None and self.reduction in ("mean", "sum_over_batch_size"):
            shares = np.reshape(self._shares(y_true), np.shape(y_pred)[:-1])
            sample_weight = shares if sample_weight is None else shares * np.asarray(sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)

    def _kept(self, y: Any) -> np.ndarray:
        return np.asarray(y) != self.ignore_class

    def _shares(self, y: Any) -> np.ndarray:
        """Return weights with which the mean over all rows is that over those that are kept."""
        kept = self._kept(y).astype(np.float32)
        return kept * (kept.size / max(float(kept.sum()), 1.0))

    def _shared_out(self, y: Any, p: Any) -> Any:
        losses = self.call(y, p)
        return losses if self.reduction == "sum" else losses * np.reshape(self._shares(y), np.shape(p)[:-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | ({} if self.ignore_class is None else {"ignore_class": self.ignore_class})


@dataclass(eq=False, repr=False)
class CategoricalGeneralizedCrossEntropy(Named):
    """(1 - p^q) / q, p the probability of the right class, y its number."""

    q: float = 0.5
    reduction: Any = "sum_over_batch_size"
    name: Any = None
    dtype: Any = None

    kind = core.CategoricalGeneralizedCrossEntropy
    settings = ("q",)


# ---- functions: the loss of each row


def _function(kind: type[Named], *required: str) -> Any:
    """Return the function (y_true, y_pred, settings ...) -> the loss of each row. Its `core` is the core's loss.

    required  the settings without a default, as in Keras
    """
    every: Any = fields(kind)  # type: ignore[arg-type]  # each of them is a dataclass
    options = [part for part in every if part.name not in ("reduction", "name", "dtype")]
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter(name, positional) for name in ("y_true", "y_pred", *required)]
        + [inspect.Parameter(p.name, positional, default=p.default) for p in options if p.name not in required]
    )

    def function(*arguments: Any, **settings: Any) -> Any:
        given = signature.bind(*arguments, **settings).arguments
        y_true, y_pred = given.pop("y_true"), given.pop("y_pred")
        found = kind(**given).call(*same_rank(as_floats(y_true), as_floats(y_pred)))
        return found if isinstance(found, Traced) else np.asarray(found, as_floats(y_pred).dtype)

    function.__name__ = function.__qualname__ = snake_case(kind.__name__)
    function.__doc__ = f"Return the loss of each row. {kind.__doc__}"
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.core = kind().core  # type: ignore[attr-defined]
    return function


mean_squared_error = _function(MeanSquaredError)
mean_absolute_error = _function(MeanAbsoluteError)
mean_absolute_percentage_error = _function(MeanAbsolutePercentageError)
mean_squared_logarithmic_error = _function(MeanSquaredLogarithmicError)
log_cosh = _function(LogCosh)
hinge = _function(Hinge)
squared_hinge = _function(SquaredHinge)
categorical_hinge = _function(CategoricalHinge)
poisson = _function(Poisson)
kl_divergence = _function(KLDivergence)
huber = _function(Huber)
cosine_similarity = _function(CosineSimilarity)
binary_crossentropy = _function(BinaryCrossentropy)
binary_focal_crossentropy = _function(BinaryFocalCrossentropy)
categorical_crossentropy = _function(CategoricalCrossentropy)
categorical_focal_crossentropy = _function(CategoricalFocalCrossentropy)
categorical_generalized_cross_entropy = _function(CategoricalGeneralizedCrossEntropy, "q")
sparse_categorical_crossentropy = _function(SparseCategoricalCrossentropy)
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh, bce, BCE = log_cosh, binary_crossentropy, binary_crossentropy

_FUNCTIONS = {
    "binary_crossentropy": binary_crossentropy,
    "binary_focal_crossentropy": binary_focal_crossentropy,
    "categorical_crossentropy": categorical_crossentropy,
    "categorical_focal_crossentropy": categorical_focal_crossentropy,
    "categorical_generalized_cross_entropy": categorical_generalized_cross_entropy,
    "categorical_hinge": categorical_hinge,
    "cosine_similarity": cosine_similarity,
    "hinge": hinge,
    "huber": huber,
    "kl_divergence": kl_divergence,
    "log_cosh": log_cosh,
    "mean_absolute_error": mean_absolute_error,
    "mean_absolute_percentage_error": mean_absolute_percentage_error,
    "mean_squared_error": mean_squared_error,
    "mean_squared_logarithmic_error": mean_squared_logarithmic_error,
    "poisson": poisson,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
    "squared_hinge": squared_hinge,
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "MAPE": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
    "MSLE": mean_squared_logarithmic_error,
    "kld": kl_divergence,
    "KLD": kl_divergence,
    "kullback_leibler_divergence": kl_divergence,
    "logcosh": log_cosh,
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
}
_lookup = Lookup(
    "loss",
    (
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CategoricalCrossentropy,
        CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy,
        CategoricalHinge,
        CosineSimilarity,
        Hinge,
        Huber,
        KLDivergence,
        LogCosh,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        Poisson,
        SparseCategoricalCrossentropy,
        SquaredHinge,
    ),
)


def get(identifier: Any) -> Any:
    """Return the loss of a string, a config or a Python function; losses as they are. Each has a `core`, or is one."""
    if isinstance(identifier, str) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]
    if isinstance(identifier, str) and identifier not in _lookup.table:
        _lookup_all.find(identifier)  # raises SettingError with all names
    found = _lookup.get(identifier)
    known = found is None or isinstance(found, Loss | core.Loss | core.PenalizedLoss) or hasattr(found, "core")
    if not known and not callable(found):
        raise SettingError(
            f"a loss is an object, a string such as 'mse' or a function of (y_true, y_pred), got {found!r}"
        )
    return found if known else LossFunctionWrapper(found)


_lookup_all = Lookup("loss", (), **_lookup.table, **_FUNCTIONS)


def deserialize(name: Any, custom_objects: Any = None) -> Any:
    """Return the loss of a config or of a string."""
    return get(name) if isinstance(name, str) else _lookup.deserialize(name, custom_objects)


_MASKS = "it sums over all rows of a batch, a loss here over each row; write it with keras.ops"
__getattr__ = absent(
    __name__,
    {
        **dict.fromkeys(("Dice", "dice", "Tversky", "tversky"), _MASKS),
        **dict.fromkeys(("CTC", "ctc"), "it is for sequences"),
        **dict.fromkeys(("Circle", "circle"), "it is for embeddings; write it with keras.ops"),
    },
)
