"""The base class of all four estimators: parameters, input validation, fit and predict."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import data, losses, optimizers
from ..callbacks import Callback, as_list
from ..errors import DataError
from ..evaluation import PREDICT_ROWS
from ..layers import Layer
from ..losses import LOSSES, PenalizedLoss
from ..optimizers import OPTIMIZERS, Optimizer
from ..sequential import Sequential
from ..validation import check_fields
from ._nested_params import descendants, replaced
from ._sklearn_data import SklearnExamples
from ._target_encoder import ClassEncoder, TargetEncoder

STRINGS: dict[str, Any] = {"optimizer": OPTIMIZERS, "loss": LOSSES}  # arguments that may be Keras's strings


@dataclass(eq=False, repr=False)
class BaseNetworkEstimator(ABC, BaseEstimator):
    """A scikit-learn estimator that trains a minidl Sequential, `model_`.

    fit encodes the targets with a TargetEncoder, builds a network of `_layers`, and trains it with `_train`.

    The arguments are stored as they are and never changed; training works on copies. get_params and set_params reach
    into them: `optimizer__learning_rate`, `layers__0__units`. A sparse X stays sparse; each batch of it is converted
    to a dense array. dtype is "float32" or "float64"; None: float32 if X is float32, else float64, as in scikit-learn.
    """

    _: KW_ONLY
    optimizer: Any = None
    loss: Any = None
    shuffle: bool = True
    callbacks: Any = None
    warm_start: bool = False
    random_state: Any = None
    dtype: Any = None

    encoder_type: ClassVar[type[TargetEncoder]] = TargetEncoder

    # ---- parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments by name. deep: also the parameters inside them, with double underscores."""
        params: dict[str, Any] = super().get_params(deep=deep)
        if deep:
            for name, value in list(params.items()):
                params.update(descendants(name, _from_string(name, value)))
        return params

    def set_params(self, **params: Any) -> Self:
        """Set arguments, and parameters inside copies of them: an object that you passed in does not change."""
        names = self._get_param_names()
        inside = {name: value for name, value in params.items() if "__" in name and name.split("__")[0] in names}
        super().set_params(**{name: value for name, value in params.items() if name not in inside})
        for name, value in inside.items():
            argument, _, rest = name.partition("__")
            setattr(self, argument, replaced(_from_string(argument, getattr(self, argument)), rest, value))
        return self

    # ---- from arguments to objects

    @abstractmethod
    def _layers(self, outputs: int) -> list[Layer]:
        """Return the layers of a new network with so many outputs."""

    @abstractmethod
    def _train(self, examples: SklearnExamples, epochs: int | None) -> None:
        """Train for so many epochs; None: as the arguments say."""

    def _new_optimizer(self) -> Optimizer:
        return optimizers.get(f"{type(self).__name__}: optimizer", copy.deepcopy(self.optimizer))

    def _new_loss(self) -> PenalizedLoss | None:
        """Return the loss with its penalties, or None for the loss that fits the last layer."""
        return None if self.loss is None else losses.get(f"{type(self).__name__}: loss", self.loss)

    def _callbacks(self) -> list[Callback]:
        """Return copies of the callbacks, whose state belongs to one training."""
        return copy.deepcopy(as_list(type(self).__name__, self.callbacks))

    # ---- fit

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new model, or with warm_start continue to train the model of the last fit.

        X (m, features), dense or sparse; y (m,) or (m, outputs). sample_weight (m,), at least 0: a row of weight 2
        counts as two rows, a row of weight 0 is left out.
        """
        return self._fit(X, y, sample_weight, new=not (self.warm_start and hasattr(self, "model_")))

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *, new: bool, classes: Any = None, epochs: int | None = None
    ) -> Self:
        check_fields(self)  # here and not in __init__, as scikit-learn demands
        X, y = self._validated(X, y, new)
        if new:
            self._encoder = self.encoder_type(y, classes)
        encoded, weight = self._encoder.encode(y, same_classes=self.warm_start), self._row_weights(sample_weight, y)
        examples = SklearnExamples(X, encoded, weight, check_random_state(self.random_state))
        if weight is not None:
            if not weight.any():
                raise DataError("fit: all sample weights are zero; at least one row must count")
            examples = examples.select(np.flatnonzero(weight))
        if new:
            self._begin(examples)
        if new or epochs is None:
            self.model_.compile(self._new_optimizer(), self._new_loss())
        self._train(examples, epochs)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        return self._fit(X, y, sample_weight, new=not hasattr(self, "model_"), classes=classes, epochs=1)

    def _validated(self, X: Any, y: Any, new: bool) -> tuple[Any, np.ndarray]:
        dtype = (self.dtype or (np.float64, np.float32)) if new else self.model_.dtype
        options = {"accept_sparse": "csr", "dtype": dtype, "multi_output": True, "reset": new}
        X, y = validate_data(self, X, y, y_numeric=self.encoder_type.numeric, **options)
        return X, column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y

    def _row_weights(self, sample_weight: Any, y: np.ndarray) -> np.ndarray | None:
        return data.row_weights("fit", sample_weight, None, np.empty((len(y), 1)))

    def _begin(self, examples: SklearnExamples) -> None:
        """Build `model_`. Its generator is seeded from random_state, which stays where it is."""
        model = Sequential(self._layers(examples.y.shape[1]), dtype=self.dtype or examples.x.dtype)
        model.rng = np.random.default_rng(copy.deepcopy(examples.random_state).randint(2**31, size=4))
        model.build(examples.row_shape)
        self.model_ = model

    def _source(self, examples: SklearnExamples) -> SklearnExamples:
        """Return the examples for Model.fit: the targets as the loss takes them, the weights in the model's dtype."""
        weight = None if examples.weight is None else examples.weight.astype(self.model_.dtype)
        return replace(examples, y=self._loss_targets(examples.y), weight=weight)

    def _loss_targets(self, y: np.ndarray) -> np.ndarray:
        loss, shape = self.model_.objective.terms.loss, self.model_.output_shape
        y = self._encoder.widen(y, shape[0])
        if loss.sparse and y.shape[1] > 1:
            y = y.argmax(axis=1)[:, None]
        data.check_width("fit", y, shape, loss.sparse)
        return data.targets("fit", y, loss.labels, self.model_.dtype)

    # ---- predict

    def predict(self, X: Any) -> np.ndarray:
        """Return the predictions, in the form of the y of fit: (m,) or (m, outputs).

        Of classes the most probable one; of several labels at once those whose probability is above 1/2.
        """
        outputs = self._outputs(X)
        return self._encoder.decode(outputs)

    def _outputs(self, X: Any) -> np.ndarray:
        """Validate X and return the model's outputs, (m, outputs)."""
        check_is_fitted(self)
        return self._forward(validate_data(self, X, accept_sparse="csr", dtype=self.model_.dtype, reset=False))

    def _forward(self, X: Any) -> np.ndarray:
        outputs: np.ndarray = self.model_.predict(X if isinstance(X, np.ndarray) else _dense_batches(X))
        return outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = isinstance(self, RegressorMixin)
        return tags


def _from_string(name: str, value: Any) -> Any:
    """Return the object that a Keras string stands for, and any other value as it is."""
    is_known = isinstance(value, str) and value in STRINGS.get(name, {})
    return STRINGS[name][value]() if is_known else value


def _dense_batches(X: Any) -> Iterator[np.ndarray]:
    for start in range(0, X.shape[0], PREDICT_ROWS):
        yield X[start : start + PREDICT_ROWS].toarray()


class NetworkClassifierMixin(ClassifierMixin):
    """The methods that classifiers have beside those of BaseNetworkEstimator."""

    encoder_type: ClassVar[type[TargetEncoder]] = ClassEncoder

    @property
    def classes_(self) -> np.ndarray:
        """The class labels; of several labels at once, their column numbers."""
        return cast(ClassEncoder, self._encoder).classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (m, classes), in the order of `classes_`."""
        p: np.ndarray = self._outputs(X)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return log predict_proba(X), which is -inf where the probability is 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def _row_weights(self, sample_weight: Any, y: np.ndarray) -> np.ndarray | None:
        weight: np.ndarray | None = super()._row_weights(sample_weight, y)
        if self.class_weight is None:
            return weight
        by_class: np.ndarray = compute_sample_weight(self.class_weight, y)
        return by_class if weight is None else weight * by_class

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        fitted = hasattr(self, "model_")
        if classes is None and not fitted:
            raise DataError("partial_fit: pass classes, the labels of all classes, in the first call")
        if classes is not None and fitted and not np.array_equal(self.classes_, unique_labels(classes)):
            raise DataError(f"partial_fit: classes={classes} differ from those of the first call, {self.classes_}")
        return cast(Self, super()._partial_fit(X, y, sample_weight, classes))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
