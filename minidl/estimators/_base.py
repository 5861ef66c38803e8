"""The base class and the mixins of all four estimators: parameters, input validation, fit and predict."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, Self, TypeAlias, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import data, losses, optimizers
from ..callbacks import Callback, as_list
from ..errors import DataError, SettingError
from ..layers import Layer
from ..losses import LOSSES, PenalizedLoss
from ..optimizers import OPTIMIZERS, Optimizer
from ..seeding import Streams
from ..sequential import Sequential
from ..validation import check_fields, check_ids
from ._sklearn_data import SklearnExamples, predict, row_weights
from ._targets import ClassEncoder, TargetEncoder

Train: TypeAlias = Callable[[SklearnExamples, int | None, list[Callback]], None]

STRINGS: dict[str, Any] = {"optimizer": OPTIMIZERS, "loss": LOSSES}  # arguments that may be Keras's strings


@dataclass(eq=False, repr=False)
class BaseNetworkEstimator(ABC, BaseEstimator):
    """A scikit-learn estimator that trains a minidl Sequential, `model_`.

    fit encodes the targets with a TargetEncoder, builds a network of `_layers`, and trains it with `_train`. The
    arguments are never changed: training works on copies. A sparse X stays sparse; each batch is made dense.
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

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments by name. deep: also the parameters inside them, with double underscores."""
        params: dict[str, Any] = super().get_params(deep=deep)
        if deep:
            for name in list(params):
                params.update(descendants(name, self._resolved(name)))
        return params

    def set_params(self, **params: Any) -> Self:
        """Set arguments, and parameters inside copies of them: an object that you passed in does not change."""
        names = self.get_params(deep=False)
        inside = {name: value for name, value in params.items() if "__" in name and name.split("__")[0] in names}
        super().set_params(**{name: value for name, value in params.items() if name not in inside})
        for name, value in inside.items():
            argument, _, rest = name.partition("__")
            setattr(self, argument, _replaced(self._resolved(argument), rest, value))
        return self

    def _resolved(self, name: str) -> Any:
        """Return the argument of this name, or the object that it stands for if it is a Keras string."""
        value, table = getattr(self, name), STRINGS.get(name, {})
        return table[value]() if isinstance(value, str) and value in table else value

    @abstractmethod
    def _layers(self, outputs: int) -> list[Layer]:
        """Return the layers of a new network with so many outputs."""

    @abstractmethod
    def _train(self, examples: SklearnExamples, epochs: int | None, callbacks: list[Callback]) -> None:
        """Train for so many epochs; None: as the arguments say."""

    def _new_optimizer(self) -> Optimizer:
        return optimizers.get(f"{type(self).__name__}: optimizer", copy.deepcopy(self.optimizer))

    def _new_loss(self) -> PenalizedLoss | None:
        """Return the loss with its penalties, or None for the loss that fits the last layer."""
        return None if self.loss is None else losses.get(f"{type(self).__name__}: loss", self.loss)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new model, or with warm_start continue to train the model of the last fit.

        X (m, features), dense or sparse; y (m,) or (m, outputs). sample_weight (m,), at least 0: a row of weight 2
        counts as two rows, a row of weight 0 is left out.
        """
        return self._fit(X, y, sample_weight, new=self._is_new())

    def _is_new(self) -> bool:
        return not (self.warm_start and hasattr(self, "model_"))

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        new: bool,
        classes: Any = None,
        epochs: int | None = None,
        train: Train | None = None,
    ) -> Self:
        check_fields(self)  # here and not in __init__, as scikit-learn demands
        X, y = self._validated(X, y, new)
        if new:
            self._encoder = self.encoder_type(y, classes)
        encoded = self._encoder.encode(y, same_classes=self.warm_start)
        weight = row_weights(sample_weight, getattr(self, "class_weight", None), y)
        examples = SklearnExamples(X, encoded, weight, check_random_state(self.random_state))
        if not new:
            self._check_network(examples.y.shape[1])
        if weight is not None:
            examples = examples.select(np.flatnonzero(weight))
        if new:
            self._begin(examples)
        if new or epochs is None or self._compile_again():
            self._compile()
        (train or self._train)(examples, epochs, copy.deepcopy(as_list(type(self).__name__, self.callbacks)))
        return self

    def _compile(self) -> None:
        self.model_.compile(self._new_optimizer(), self._new_loss())

    def _compile_again(self) -> bool:
        """Return True if partial_fit has to compile. False here: as in scikit-learn, it keeps the optimizer."""
        return False

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        return self._fit(X, y, sample_weight, new=not hasattr(self, "model_"), classes=classes, epochs=1)

    def _validated(self, X: Any, y: Any, new: bool) -> tuple[Any, np.ndarray]:
        dtype = (self.dtype or (np.float64, np.float32)) if new else self.model_.dtype
        options = {"accept_sparse": "csr", "dtype": dtype, "multi_output": True, "reset": new}
        X, y = validate_data(self, X, y, y_numeric=self.encoder_type.numeric, **options)
        return X, column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y

    def _begin(self, examples: SklearnExamples) -> None:
        """Build `model_`. Its random numbers come from random_state, which stays where it is."""
        model = Sequential(self._layers(examples.y.shape[1]), dtype=self.dtype or examples.x.dtype)
        model.streams = Streams.split(copy.deepcopy(examples.random_state).randint(2**31, size=4).tolist())
        model.build(examples.row_shape)
        self.model_, self._described = model, self._description(examples.y.shape[1])

    @abstractmethod
    def _description(self, outputs: int) -> dict[str, Any]:
        """Return the arguments, or what they stand for, that a network with so many outputs is made from."""

    def _check_network(self, outputs: int) -> None:
        """Raise SettingError if the arguments describe another network than the one that training continues with."""
        before, now = self._described, self._description(outputs)
        for name in before.keys() | now.keys():
            old, new = before.get(name), now.get(name)
            if differ(old, new):
                remedy = "Set it back, or train a new one: fit with warm_start=False"
                raise SettingError(f"fit continues with a network of {name}={old!r}, which is now {new!r}. {remedy}")

    def _source(self, examples: SklearnExamples) -> SklearnExamples:
        """Return the examples for Model.fit: the targets as the loss takes them, the weights in the model's dtype."""
        model, loss = self.model_, self.model_.objective.terms.loss
        vocabulary = model.layer.vocabulary_size
        if vocabulary is not None and isinstance(examples.x, np.ndarray):
            check_ids("fit", "X", examples.x, vocabulary)
        y = self._encoder.widen(examples.y, model.output_shape[0])
        if loss.sparse and y.shape[1] > 1:
            y = y.argmax(axis=1)[:, None]
        y = data.shaped_targets("fit", y, model.output_shape, loss.sparse)
        weight = None if examples.weight is None else examples.weight.astype(model.dtype)
        return replace(examples, y=data.targets("fit", y, loss.labels, model.dtype), weight=weight)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predictions, in the form of the y of fit: (m,) or (m, outputs).

        Of classes the most probable one; of several labels at once those whose probability is above 1/2.
        """
        outputs = self._outputs(X)
        return self._encoder.decode(outputs)

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=self.model_.dtype, reset=False)
        return predict(self.model_, X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = isinstance(self, RegressorMixin)
        return tags


def children(setting: Any) -> dict[str, Any]:
    """Return the fields of a minidl object by name or the items of a list by number; {} for any other value."""
    if isinstance(setting, list | tuple):
        return {str(number): item for number, item in enumerate(setting)}
    if is_dataclass(setting) and not isinstance(setting, type):
        return {field.name: getattr(setting, field.name) for field in fields(setting) if field.init}
    return {}


def descendants(name: str, setting: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name, with double underscores, and the value of every parameter inside this one, at any depth."""
    for child, value in children(setting).items():
        yield f"{name}__{child}", value
        yield from descendants(f"{name}__{child}", value)


def differ(before: Any, now: Any) -> bool:
    """Return True for two settings that are not the same, such as layers with other arguments."""
    return before is not now and repr(before) != repr(now)


def _replaced(setting: Any, name: str, value: Any) -> Any:
    """Return a copy of the setting in which the parameter `name`, such as "0__units", has this value."""
    first, _, rest = name.partition("__")
    known = children(setting)
    if first not in known:
        raise SettingError(f"set_params: {setting!r} has no setting {first!r}; it has {', '.join(known) or 'none'}")
    if rest:
        value = _replaced(known[first], rest, value)
    if isinstance(setting, list | tuple):
        return type(setting)((known | {first: value}).values())
    return replace(setting, **{first: value})


def has_partial_fit(estimator: Any) -> bool:
    """Return True, or raise AttributeError if the optimizer cannot train step by step."""
    if getattr(estimator, "solver", None) == "lbfgs" and estimator.optimizer is None:
        raise AttributeError("partial_fit needs an optimizer that trains step by step: use solver='adam' or 'sgd'")
    return True


class NetworkRegressorMixin(RegressorMixin):
    """The method that regressors have beside those of BaseNetworkEstimator."""

    @available_if(has_partial_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one more epoch on these rows."""
        return cast(Self, self._partial_fit(X, y, sample_weight))


@dataclass(eq=False, repr=False)
class NetworkClassifierMixin(ClassifierMixin):
    """The argument and the methods that classifiers have beside those of BaseNetworkEstimator."""

    _: KW_ONLY
    class_weight: Any = None

    encoder_type: ClassVar[type[TargetEncoder]] = ClassEncoder

    @property
    def classes_(self) -> np.ndarray:
        """The class labels; of several labels at once, their column numbers."""
        return cast(ClassEncoder, self._encoder).classes

    @available_if(has_partial_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train one more epoch on these rows. classes: the labels of all classes, needed in the first call."""
        fitted = hasattr(self, "model_")
        if classes is None and not fitted:
            raise DataError("partial_fit: pass classes, the labels of all classes, in the first call")
        if classes is not None and fitted and not np.array_equal(self.classes_, unique_labels(classes)):
            raise DataError(f"partial_fit: classes={classes} differ from those of the first call, {self.classes_}")
        return cast(Self, self._partial_fit(X, y, sample_weight, classes))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (m, classes), in the order of `classes_`."""
        p: np.ndarray = self._outputs(X)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return log predict_proba(X), which is -inf where the probability is 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
