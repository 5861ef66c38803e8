"""Estimators that train any network, as Model.fit does."""

from __future__ import annotations

import copy
import inspect
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ..callbacks import Callback
from ..errors import DataError, SettingError, ShapeError
from ..layers import Dense, Layer, Sigmoid, Softmax
from ..losses import PenalizedLoss
from ..optimizers import Adam, Optimizer
from ..sequential import Sequential
from ..validation import real
from ._base import BaseNetworkEstimator, NetworkClassifierMixin, NetworkRegressorMixin, children, descendants, differ
from ._functions import call, defaults, takes_more, unknown_argument
from ._sklearn_data import SklearnExamples, row_weights
from ._targets import output_layers


@dataclass(eq=False, repr=False)
class SequentialEstimator(BaseNetworkEstimator):
    """The arguments of both estimators, and their training.

    The arguments of a function that describes the network are attributes beside those of the dataclass.
    """

    layers: Any = None

    _: KW_ONLY
    metrics: Any = None
    epochs: int = 100
    batch_size: int = 32
    validation_split: float = real("[0, 1)", default=0.0)
    verbose: Any = 0

    _from_data: ClassVar[tuple[str, ...]] = ("outputs", "n_features")  # parameters of a function that fit gives it

    # ---- the arguments of the function

    def _taken(self) -> dict[str, Any]:
        """Return the parameters of the function that are arguments of this estimator, with their defaults."""
        function = None if isinstance(self.layers, Sequential) else self.layers
        own = (*self._from_data, *self._get_param_names())
        return {name: default for name, default in defaults(function).items() if name not in own}

    def _check_name(self, name: str) -> None:
        who, taken, own = type(self).__name__, self._taken(), self._get_param_names()
        if name not in taken and name not in own:
            raise unknown_argument(who, name, own, self.layers, taken)
        if name in taken and hasattr(type(self), name):
            raise SettingError(f"{who} has a method or attribute {name!r}; rename this parameter of the function")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments by name, those of the function too. deep: also the parameters inside, and defaults."""
        params, taken = super().get_params(deep=deep), self._taken()
        given = {name: vars(self)[name] for name in taken if name in vars(self)}
        if not deep:
            return params | given
        for name, value in given.items():
            params.update(descendants(name, value))
        return params | {name: value for name, value in taken.items() if value is not inspect.Parameter.empty} | given

    def set_params(self, **params: Any) -> Self:
        """Set arguments, also those of the function, and parameters inside copies of them.

        A new function drops the arguments of the old one that it does not have.
        """
        if "layers" in params:
            self.layers = params.pop("layers")
        for name in params:
            self._check_name(name.partition("__")[0])
        taken = self._taken()
        for name in taken.keys() & params.keys():
            setattr(self, name, params[name])
        return super().set_params(**{name: value for name, value in params.items() if name not in taken})

    def _resolved(self, name: str) -> Any:
        value = super()._resolved(name)
        return _default_optimizer(self.layers) if name == "optimizer" and value is None else value

    # ---- the network

    def _layers(self, outputs: int) -> list[Layer]:
        given = self.layers
        if callable(given) and not isinstance(given, Sequential):
            given = call(type(self).__name__, given, self._values(outputs), outputs)
        elif given is None:
            given = [Dense(outputs), *output_layers(self._encoder.activation)]
        self._network = given if isinstance(given, Sequential) else Sequential(given)
        return [layer.clone() for layer in self._network.layers]

    def _values(self, outputs: int) -> dict[str, Any]:
        """Return all that a function can have parameters for, without arguments of the estimator that are not set."""
        params, own = self.get_params(deep=False), self._get_param_names()
        values = {name: value for name, value in params.items() if name not in own or value is not None}
        del values["layers"]
        return values | {"outputs": outputs, "n_features": self.n_features_in_}

    def _description(self, outputs: int) -> dict[str, Any]:
        given = self.get_params(deep=False)
        return {name: value for name, value in given.items() if name == "layers" or name in self._taken()}

    def _begin(self, examples: SklearnExamples) -> None:
        super()._begin(examples)
        network, shape = self._network, examples.row_shape
        if not network.built:
            return
        if network.input_shape != shape:
            who = type(self).__name__
            raise ShapeError(f"{who}: the network is built for rows of shape {network.input_shape}, X has {shape}")
        self.model_.set_weights(network.get_weights())

    # ---- training

    def _compile(self) -> None:
        network, self._compiled = self._network, self._compile_arguments()
        self.model_.compile(self._new_optimizer(), self._new_loss(), copy.deepcopy(self.metrics))
        if self.metrics is None:
            self.model_.metrics = copy.deepcopy(network.metrics)

    def _compile_arguments(self) -> tuple[Any, ...]:
        return self.optimizer, self.loss, self.metrics

    def _compile_again(self) -> bool:
        return any(differ(*pair) for pair in zip(self._compiled, self._compile_arguments(), strict=True))

    def _new_optimizer(self) -> Optimizer:
        return _unused(_default_optimizer(self._network)) if self.optimizer is None else super()._new_optimizer()

    def _new_loss(self) -> PenalizedLoss | None:
        return self._network.loss if self.loss is None else super()._new_loss()

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train a new model, or with warm_start continue to train the model of the last fit.

        X (m, features), dense or sparse; y (m,) or (m, outputs). sample_weight (m,), at least 0: a row of weight 2
        counts as two rows, a row of weight 0 is left out. X_val, y_val, sample_weight_val: rows to validate on, which
        replace validation_split; the names are those of scikit-learn's HistGradientBoostingClassifier.
        """
        if (X_val is None) != (y_val is None):
            raise DataError("fit: pass X_val and y_val together")
        train = None if X_val is None else partial(self._train, validation=(X_val, y_val, sample_weight_val))
        return self._fit(X, y, sample_weight, new=self._is_new(), train=train)

    def _train(
        self, examples: SklearnExamples, epochs: int | None, callbacks: list[Callback], validation: Any = None
    ) -> None:
        held_out = None
        if validation is not None:
            held_out = self._source(self._validation_rows(*validation))
        elif self.validation_split:
            examples, rest = examples.split(self.validation_split)
            held_out = self._source(rest)
        history = self.model_.fit(
            self._source(examples),
            batch_size=self.batch_size,
            epochs=epochs or self.epochs,
            verbose=self.verbose,
            callbacks=callbacks,
            validation_data=held_out,
            shuffle=self.shuffle,
        )
        self.history_, self.n_iter_ = history.history, len(history.epoch)

    def _validation_rows(self, X: Any, y: Any, sample_weight: Any) -> SklearnExamples:
        X, y = self._validated(X, y, new=False)
        weight = row_weights(sample_weight, None, y)
        rows = SklearnExamples(X, self._encoder.encode(y, same_classes=False), weight)
        return rows if weight is None else rows.select(np.flatnonzero(weight))


def _default_optimizer(network: Any) -> Optimizer:
    return network.optimizer if isinstance(network, Sequential) and network.compiled else Adam()


def _unused(optimizer: Optimizer) -> Optimizer:
    """Return a copy of the optimizer with the same settings that no model uses yet."""
    if not optimizer.built:
        return copy.deepcopy(optimizer)
    inner = {name: _unused(value) for name, value in children(optimizer).items() if isinstance(value, Optimizer)}
    return replace(optimizer, **inner)  # type: ignore[type-var]  # an optimizer with settings is a dataclass


@takes_more
@dataclass(eq=False, repr=False)
class SequentialClassifier(NetworkClassifierMixin, SequentialEstimator):
    """A classifier with a network of your own, trained as `Model.fit` trains.

    The last layer is a Softmax over the classes, or a Sigmoid: of one output for two classes, of one for each label.

    layers            the whole network with its output layer, a list of layers or a Sequential; or a function that
                      returns one; None: the output layer alone
    optimizer         None: that of a compiled Sequential, else Adam(); if you set another one,
                      partial_fit begins with it
    loss, metrics     None: those of a compiled Sequential, else the loss that fits the last layer, and no metrics
    validation_split  the fraction of the rows, drawn at random, to validate on: callbacks and `history_` get val_loss
    warm_start        True: fit continues with the model of the last fit
    random_state      an int makes every random number reproducible
    dtype             "float32" or "float64"; None: as X, as in scikit-learn
    class_weight      "balanced", or a dict {class: weight}

    The others are those of `Model.compile` and `Model.fit`. Callbacks and metrics are copied for each fit.

    The parameters of a function are arguments of the estimator too: SequentialClassifier(network, hidden=32). From the
    data come `outputs`, `n_features` and `n_classes`, if the function has parameters with these names. A parameter with
    the name of another argument, such as `optimizer`, receives that argument if you set it.

    Every fit begins with the weights of a Sequential that is built, such as a trained one, and leaves it as it is.
    Layers in a list begin with new weights.

    After fit, `model_` is the Sequential, `history_` its figures by epoch, `n_iter_` the number of epochs.
    """

    _from_data: ClassVar[tuple[str, ...]] = (*SequentialEstimator._from_data, "n_classes")

    if TYPE_CHECKING:

        def __init__(self, layers: Any = None, **arguments: Any) -> None: ...

    def _values(self, outputs: int) -> dict[str, Any]:
        return super()._values(outputs) | {"n_classes": len(self.classes_)}

    def _layers(self, outputs: int) -> list[Layer]:
        layers = super()._layers(outputs)
        if not (layers and isinstance(layers[-1], Sigmoid | Softmax)):
            ends = f"ends in {layers[-1]!r}" if layers else "has no layers"
            raise SettingError(f"{type(self).__name__}: the network must end in a Sigmoid or a Softmax, but {ends}")
        return layers


@takes_more
@dataclass(eq=False, repr=False)
class SequentialRegressor(NetworkRegressorMixin, SequentialEstimator):
    """A regressor with a network of your own, one output for each number.

    Its arguments and attributes are those of `SequentialClassifier` except class_weight.
    """

    if TYPE_CHECKING:

        def __init__(self, layers: Any = None, **arguments: Any) -> None: ...
