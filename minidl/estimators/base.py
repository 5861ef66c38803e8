"""What all four estimators share: settings, checked data, one model underneath, and how it predicts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import data
from ..callbacks import Callback, as_list
from ..errors import DataError
from ..losses import LOSSES, PenalizedLoss
from ..optimizers import OPTIMIZERS, Optimizer
from ..sequential import Sequential
from ..training import PREDICT_ROWS
from .nested import changed, walk
from .rows import Rows

STRINGS: dict[str, Any] = {"optimizer": OPTIMIZERS, "loss": LOSSES}  # arguments that may be Keras's strings


class Estimator(BaseEstimator):
    """A minidl Sequential, `model_`, as a scikit-learn estimator.

    The arguments are kept as they are given and never changed: what is trained are copies. get_params and set_params
    reach into them: `optimizer__learning_rate`, `layers__0__units`. Sparse x stays sparse; each batch of it is made
    dense. dtype "float32" or "float64"; None: as in scikit-learn float64, but float32 for x in float32.
    """

    dtype: Any
    random_state: Any
    warm_start: bool
    shuffle: bool
    callbacks: Any

    model_: Sequential

    # ---- settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments by name, and with `deep` the settings inside them, with double underscores."""
        params = super().get_params(deep=deep)
        if deep:
            for name, value in list(params.items()):
                params.update(walk(name, _object(name, value)))
        return params

    def set_params(self, **params: Any) -> Self:
        """Set arguments, and settings inside them, in copies: an object that was handed in stays as it is."""
        names = self._get_param_names()
        inside = {name: value for name, value in params.items() if "__" in name and name.split("__")[0] in names}
        super().set_params(**{name: value for name, value in params.items() if name not in inside})
        for name, value in inside.items():
            argument, _, rest = name.partition("__")
            setattr(self, argument, changed(_object(argument, getattr(self, argument)), rest, value))
        return self

    # ---- fit

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train anew, or with warm_start go on.

        X (m, features), dense or sparse; y (m,) or (m, outputs). sample_weight (m,), at least 0: a row of weight 2
        counts like two rows, one of weight 0 is left out.
        """
        return self._fit(X, y, sample_weight, begin=not (self.warm_start and hasattr(self, "model_")))

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, begin: bool, once: bool = False) -> Self:
        self._check()
        X, y = self._checked(X, y, begin)
        encoded, weight = self._encoded(y, learn=begin and not once), self._weights(sample_weight, y)
        rows = Rows(X, encoded, random_state=check_random_state(self.random_state))
        if weight is not None:
            if not weight.any():
                raise DataError("fit: all sample weights are zero; at least one row must count")
            rows.weight = weight
            rows = rows.part(np.flatnonzero(weight))
        if begin:
            self._begin(rows)
        if begin or not once:
            self.model_.compile(self._new_optimizer(), self._objective())
        if once:
            self._train(rows, epochs=1)
        else:
            self._train_all(rows)
        return self

    def _check(self) -> None:
        """Check the settings that no object of minidl's will check."""

    def _checked(self, X: Any, y: Any, begin: bool) -> tuple[Any, np.ndarray]:
        dtype = (self.dtype or (np.float64, np.float32)) if begin else self.model_.dtype
        wanted = {"accept_sparse": "csr", "dtype": dtype, "multi_output": True, "reset": begin}
        X, y = validate_data(self, X, y, y_numeric=isinstance(self, RegressorMixin), **wanted)
        return X, column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y

    def _weights(self, sample_weight: Any, y: np.ndarray) -> np.ndarray | None:
        return data.row_weights("fit", sample_weight, None, np.empty((len(y), 1)))

    def _fit_model(
        self,
        rows: Rows,
        batch_size: int,
        epochs: int,
        callbacks: list[Callback],
        validation: Rows | None = None,
        verbose: Any = 0,
    ) -> None:
        """Model.fit, on targets that are checked and as the loss wants them."""
        weight = None if rows.weight is None else rows.weight.astype(self.model_.dtype)
        rows = replace(rows, y=self._targets(rows.y), weight=weight)
        self.model_.fit(
            rows, None, batch_size, epochs, verbose, callbacks, validation_data=validation, shuffle=self.shuffle
        )

    def _targets(self, y: np.ndarray) -> np.ndarray:
        """What the loss is given, checked: (m, outputs), or the class alone."""
        loss = self.model_.objective.loss
        if loss.sparse and y.shape[1] > 1:
            y = y.argmax(axis=1)[:, None]
        data.check_width("fit", y, self.model_.output_shape, loss.sparse)
        return data.targets("fit", y, loss.labels, self.model_.dtype)

    def _train_all(self, rows: Rows) -> None:
        """Train as long as the settings say."""
        raise NotImplementedError

    def _train(self, rows: Rows, epochs: int) -> None:
        """Train so many epochs."""
        raise NotImplementedError

    def _begin(self, rows: Rows) -> None:
        """Make `model_`, built, for these rows and their targets."""
        raise NotImplementedError

    def _new_optimizer(self) -> Optimizer:
        raise NotImplementedError

    def _objective(self) -> PenalizedLoss | None:
        """What is made small; None: the loss that belongs to the last layer."""
        raise NotImplementedError

    def _encoded(self, y: np.ndarray, *, learn: bool) -> np.ndarray:
        """The targets as numbers, (m, outputs); learn: what classes there are is learnt from them."""
        raise NotImplementedError

    def _built(self, layers: Iterable[Any], rows: Rows) -> Sequential:
        """A model of these layers, its generator drawn from random_state without moving that one on."""
        model = Sequential(layers, dtype=self.dtype or rows.x.dtype)
        model.rng = np.random.default_rng(copy.deepcopy(rows.random_state).randint(2**31, size=4))
        model.build(rows.row_shape)
        return model

    def _watching(self) -> list[Callback]:
        """Copies of the callbacks: they remember what they have seen."""
        return copy.deepcopy(as_list(type(self).__name__, self.callbacks))

    # ---- predict

    def _outputs(self, X: Any) -> np.ndarray:
        """What the model puts out, (m, outputs)."""
        check_is_fitted(self)
        return self._forward(validate_data(self, X, accept_sparse="csr", dtype=self.model_.dtype, reset=False))

    def _forward(self, X: Any) -> np.ndarray:
        return self.model_.predict(X if isinstance(X, np.ndarray) else _dense(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _object(name: str, value: Any) -> Any:
    """What a Keras string stands for; all else as it is."""
    is_known = isinstance(value, str) and value in STRINGS.get(name, {})
    return STRINGS[name][value]() if is_known else value


def _dense(X: Any) -> Iterator[np.ndarray]:
    for start in range(0, X.shape[0], PREDICT_ROWS):
        yield X[start : start + PREDICT_ROWS].toarray()


class Classifier(ClassifierMixin, Estimator):
    """Labels of any kind: two classes, several, or several at once (y an indicator matrix of 0 and 1)."""

    class_weight: Any

    def _weights(self, sample_weight: Any, y: np.ndarray) -> np.ndarray | None:
        weight = super()._weights(sample_weight, y)
        if self.class_weight is None:
            return weight
        of_classes = compute_sample_weight(self.class_weight, y)
        return of_classes if weight is None else weight * of_classes

    def _encoded(self, y: np.ndarray, *, learn: bool) -> np.ndarray:
        check_classification_targets(y)
        if learn:
            self._learn_classes(y)
        found = unique_labels(y)
        missing = self.warm_start and len(found) < len(self.classes_)
        if missing or np.setdiff1d(found, self.classes_).size:
            same = "warm_start goes on with the same classes; " if self.warm_start else ""
            raise DataError(f"fit: {same}y has the classes {found}, this estimator was made for {self.classes_}")
        return self._binarizer.transform(y).astype(float)

    def _learn_classes(self, y: Any) -> None:
        self._binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._binarizer.classes_

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Self:
        begin = not hasattr(self, "model_")
        if begin and classes is None:
            raise DataError("partial_fit: pass classes, all that there will ever be, in the first call")
        if begin:
            self._learn_classes(y if type_of_target(y).startswith("multilabel") else classes)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise DataError(f"partial_fit: classes={classes} are not those of the first call, {self.classes_}")
        return self._fit(X, y, sample_weight, begin=begin, once=True)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row, (m,); for several labels at once those above 1/2, (m, labels)."""
        return self._labels(self._outputs(X))

    def _labels(self, p: np.ndarray) -> np.ndarray:
        return self._binarizer.inverse_transform(p[:, -1] if self._binarizer.y_type_ == "binary" else p)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (m, classes), in the order of `classes_`."""
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """log predict_proba(X); -inf where that is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(RegressorMixin, Estimator):
    """One number a row, or several."""

    def _encoded(self, y: np.ndarray, *, learn: bool) -> np.ndarray:
        return y.reshape(len(y), -1)

    def predict(self, X: Any) -> np.ndarray:
        """The predicted numbers, (m,); (m, outputs) if there are several."""
        y = self._outputs(X)
        return y[:, 0] if y.shape[1] == 1 else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def held_out(rows: Rows, fraction: float, stratify: np.ndarray | None = None) -> tuple[Rows, Rows]:
    """(rows to train on, rows held out for validation), drawn as scikit-learn draws them."""
    places, random_state = np.arange(len(rows)), rows.random_state
    train, rest = train_test_split(places, random_state=random_state, test_size=fraction, stratify=stratify)
    return rows.part(train), rows.part(rest)
