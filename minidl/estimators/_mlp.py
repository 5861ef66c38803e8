"""scikit-learn's multi-layer perceptrons, with more options."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if

from .. import losses, registry
from ..errors import DataError, SettingError
from ..layers import BatchNormalization, Dense, Dropout, Layer, Sigmoid
from ..losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, PenalizedLoss
from ..optimizers import LBFGS, SGD, Adam, Optimizer
from ..parameters import Penalty
from ..regularizers import L2
from ..validation import check_choice, check_integer, choice, integer, real, setting
from ._base import BaseNetworkEstimator, NetworkClassifierMixin
from ._losses import LogLoss, PoissonDeviance, SquaredError
from ._sklearn_data import SklearnExamples
from ._stopping import Recorder, StoppingRule, TrainingRecord
from ._target_encoder import OUTPUT_ACTIVATIONS, output_layers

LBFGS_ROWS = 512  # L-BFGS works on so many rows at a time: few enough for the cache

ACTIVATIONS: dict[str, type[Layer] | None] = {"identity": None, "logistic": Sigmoid} | {
    name: layer for name, layer in registry.ACTIVATIONS.items() if name not in ("sigmoid", "softmax")
}


def _check_patience(who: str, name: str, value: Any) -> Any:
    return value if value == math.inf else check_integer(who, name, value, 1)


def _check_penalty(who: str, name: str, value: Any) -> Penalty:
    if not isinstance(value, Penalty):
        raise SettingError(f"{who}: penalty must be a Penalty such as L1(0.1), or None, got {value!r}")
    return value


@dataclass(eq=False, repr=False)
class MLPEstimator(BaseNetworkEstimator):
    """The arguments of both perceptrons, the network that they describe, and its training."""

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"

    _: KW_ONLY
    solver: str = choice("lbfgs", "sgd", "adam", default="adam")
    alpha: float = real("[0, inf)", default=0.0001)
    batch_size: Any = "auto"
    learning_rate: str = choice("constant", "invscaling", "adaptive", default="constant")
    learning_rate_init: float = 0.001
    power_t: float = real("[0, inf)", default=0.5)
    max_iter: int = integer(1, default=200)
    tol: float = real("[0, inf)", default=1e-4)
    verbose: Any = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = real("[0, 1)", default=0.1)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: Any = setting(_check_patience, default=10)
    max_fun: int = 15000
    dropout: Any = 0.0
    batch_normalization: bool = False
    initializer: Any = None
    penalty: Penalty | None = setting(_check_penalty, default=None, optional=True)

    # ---- fitted attributes that are read from the model

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The kernels, (inputs, units) each: views of the model's parameters."""
        return [layer.kernel.value for layer in self._dense()]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases, (units,) each: views of the model's parameters."""
        return [layer.bias.value for layer in self._dense()]

    @property
    def n_layers_(self) -> int:
        """The number of layers as scikit-learn counts them, inputs and outputs included."""
        return len(self._dense()) + 1

    @property
    def n_outputs_(self) -> int:
        """The number of outputs of the network."""
        return self.model_.output_shape[0]

    @property
    def out_activation_(self) -> str:
        """scikit-learn's name of the output activation."""
        last = type(self.model_.layers[-1])
        return next((name for name, kind in OUTPUT_ACTIVATIONS.items() if kind is last), "identity")

    def _dense(self) -> list[Dense]:
        return [layer for layer in self.model_.layers if isinstance(layer, Dense)]

    # ---- the network

    def _layers(self, outputs: int) -> list[Layer]:
        given = self.hidden_layer_sizes
        sizes = list(given) if hasattr(given, "__iter__") else [given]
        layers: list[Layer] = []
        options = zip(sizes, self._per_layer("activation", sizes), self._per_layer("dropout", sizes), strict=True)
        for size, activation, rate in options:
            layers.append(self._affine(check_integer(type(self).__name__, "hidden_layer_sizes", size, 1)))
            layers += [BatchNormalization()] if self.batch_normalization else []
            layers += self._activation(activation)
            layers += [Dropout(rate)] if rate else []
        return [*layers, self._affine(outputs), *output_layers(self._output_activation())]

    def _affine(self, units: int) -> Dense:
        return Dense(units) if self.initializer is None else Dense(units, kernel_initializer=self.initializer)

    def _per_layer(self, name: str, sizes: list[Any]) -> list[Any]:
        """Return an argument's value for each hidden layer: the same for all, or those of a list."""
        given = getattr(self, name)
        if not isinstance(given, list | tuple):
            return [given] * len(sizes)
        if len(given) != len(sizes):
            who = type(self).__name__
            raise SettingError(f"{who}: {name} lists {len(given)} for {len(sizes)} hidden layers; pass one for each")
        return list(given)

    def _activation(self, given: Any) -> list[Layer]:
        if isinstance(given, Layer):
            return [given.clone()]
        activation = ACTIVATIONS[check_choice(type(self).__name__, "activation", given, tuple(ACTIVATIONS))]
        return [activation()] if activation else []

    def _output_activation(self) -> str:
        return self._encoder.activation

    def _begin(self, examples: SklearnExamples) -> None:
        super()._begin(examples)
        if self.initializer is None:
            self._draw_weights(examples.random_state)
        self._record = TrainingRecord()

    def _draw_weights(self, random_state: Any) -> None:
        """Kernels and biases ~ U[-a, a), a = sqrt(6 / (fan_in + fan_out)), drawn as scikit-learn draws them.

        For "logistic" 2 instead of 6. (Glorot & Bengio 2010)
        """
        dense = self._dense()
        activations = self._per_layer("activation", dense[:-1]) or [self.activation]
        for layer, activation in zip(dense, [*activations, activations[-1]], strict=False):
            limit = math.sqrt((2 if activation == "logistic" else 6) / sum(layer.kernel.shape))
            layer.kernel.value = random_state.uniform(-limit, limit, layer.kernel.shape)
            layer.bias.value = random_state.uniform(-limit, limit, layer.bias.shape)

    # ---- training

    def _new_optimizer(self) -> Optimizer:
        if self.optimizer is not None:
            return super()._new_optimizer()
        if self.solver == "lbfgs":
            flat = 1e7 * float(np.finfo(float).eps)  # SciPy's default ftol, which scikit-learn uses
            return LBFGS(tolerance=self.tol, max_evaluations=self.max_fun, min_decrease=flat)
        if self.solver == "sgd":
            return SGD(self.learning_rate_init, self.momentum, self.nesterovs_momentum)
        return Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)

    def _new_loss(self) -> PenalizedLoss:
        own = self._own_loss()
        loss = PenalizedLoss(own) if own else losses.get(f"{type(self).__name__}: loss", self.loss)
        penalty = L2(self.alpha) if self.penalty is None and self.alpha else self.penalty
        return loss if penalty is None else loss + penalty

    @abstractmethod
    def _own_loss(self) -> Loss | None:
        """Return scikit-learn's loss, or None if `loss` is one of minidl's or Keras's."""

    def _train(self, examples: SklearnExamples, epochs: int | None) -> None:
        validate, takes_steps = None, self.model_.optimizer.takes_steps
        if self.early_stopping and takes_steps:
            examples, rest = examples.split(self.validation_fraction, self._encoder.strata(examples.y))
            if len(rest) < 2:
                raise DataError(f"fit: {len(rest)} validation rows are too few; increase validation_fraction")
            validate = partial(self._validation_score, rest)
        size = self._rows_per_batch(len(examples)) if takes_steps else LBFGS_ROWS
        callbacks = [*self._callbacks(), self._recorder(len(examples), validate)]
        source, count = self._source(examples), epochs or self.max_iter
        try:
            self.model_.fit(source, None, size, count, 0, callbacks, shuffle=self.shuffle)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        finally:
            self._read_record()
        if epochs is None and not (self._converged() or self.model_.stop_training):
            limits = f"max_iter={self.max_iter}{'' if takes_steps else ' or max_fun'}"
            message = f"{type(self).__name__}: {limits} reached before it converged"
            warnings.warn(message, ConvergenceWarning, stacklevel=4)

    def _rows_per_batch(self, rows: int) -> int:
        if self.batch_size == "auto":
            return min(200, rows)
        size = check_integer(type(self).__name__, "batch_size", self.batch_size, 1)
        if size > rows:
            warnings.warn(f"batch_size={size} is larger than the number of rows, {rows}; using {rows}", stacklevel=5)
        return min(size, rows)

    def _recorder(self, rows: int, validate: Callable[[], float] | None) -> Recorder:
        outputs = self.n_outputs_ if isinstance(self.model_.objective.loss, SquaredError) else 1
        recorded = self._record, rows, outputs, bool(self.verbose)
        if not self.model_.optimizer.takes_steps:
            return Recorder(*recorded)
        own_rate = self.solver == "sgd" and self.optimizer is None
        return StoppingRule(
            *recorded,
            tol=self.tol,
            patience=self.n_iter_no_change,
            learning_rate=self.learning_rate if own_rate else "constant",
            learning_rate_init=self.learning_rate_init,
            power_t=self.power_t,
            validate=validate,
        )

    def _read_record(self) -> None:
        """Set scikit-learn's fitted attributes."""
        record, early = self._record, self.early_stopping
        self.n_iter_, self.t_, self.loss_, self.loss_curve_ = record.epochs, record.rows, record.loss, record.loss_curve
        self.best_loss_ = None if early else record.best_loss
        self.validation_scores_ = record.validation_scores if early else None
        self.best_validation_score_ = record.best_validation_score if early else None

    def _converged(self) -> bool:
        optimizer = self.model_.optimizer
        if isinstance(optimizer, LBFGS):
            return optimizer.message.startswith("CONVERGENCE")
        return self.n_iter_ < self.max_iter

    def _validation_score(self, examples: SklearnExamples) -> float:
        return self._encoder.score(examples.y, self._forward(examples.x), examples.weight)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        if self.early_stopping:
            raise SettingError("partial_fit cannot use validation rows: set early_stopping=False")
        return super()._partial_fit(X, y, sample_weight, classes)


def has_partial_fit(estimator: MLPEstimator) -> bool:
    """Return True, or raise AttributeError if the optimizer cannot train step by step."""
    if estimator.solver == "lbfgs" and estimator.optimizer is None:
        raise AttributeError("partial_fit needs an optimizer that trains step by step: use solver='adam' or 'sgd'")
    return True


@dataclass(eq=False, repr=False)
class MLPClassifier(NetworkClassifierMixin, MLPEstimator):
    """A drop-in for scikit-learn's MLPClassifier: its arguments, defaults and attributes.

    With the same random_state and arguments it ends at scikit-learn's weights, up to rounding. More arguments:

    activation           "identity", "logistic", the Keras string of an activation, a minidl layer, or a list of these
                         with one for each hidden layer
    dropout              the rate in [0, 1) after each hidden layer, or a list of rates
    batch_normalization  True: normalize before each activation
    initializer          an Initializer of the kernels or a Keras string, biases are 0; None: scikit-learn's weights
    class_weight         "balanced", or a dict {class: weight}
    loss                 a minidl loss or a Keras string; None: the cross-entropy, summed over several labels
    penalty              replaces L2(alpha), which is scikit-learn's penalty
    optimizer            a minidl optimizer or a Keras string, replaces solver and learning_rate_init
    callbacks            minidl's callbacks, copied for each fit
    dtype                "float32" or "float64"; None: as X, as in scikit-learn

    After fit, `model_` is the Sequential.
    """

    _: KW_ONLY
    class_weight: Any = None

    @available_if(has_partial_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train one more epoch on these rows. classes: the labels of all classes, needed in the first call."""
        return self._partial_fit(X, y, sample_weight, classes)

    def _own_loss(self) -> Loss | None:
        if self.loss is not None:
            return None
        if self.out_activation_ == "softmax":
            return CategoricalCrossentropy()
        return BinaryCrossentropy() if self.n_outputs_ == 1 else LogLoss()


@dataclass(eq=False, repr=False)
class MLPRegressor(RegressorMixin, MLPEstimator):
    """A drop-in for scikit-learn's MLPRegressor: its arguments, defaults and attributes.

    With the same random_state and arguments it ends at scikit-learn's weights, up to rounding. More arguments:

    loss  "squared_error" (half of it, as in scikit-learn), "poisson", a minidl loss, or another Keras string

    and those of `MLPClassifier` except class_weight. `loss_` is the mean over the outputs, as in scikit-learn.
    """

    loss: Any = "squared_error"

    @available_if(has_partial_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one more epoch on these rows."""
        return self._partial_fit(X, y, sample_weight)

    def _output_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _own_loss(self) -> Loss | None:
        if self.loss == "poisson":
            return PoissonDeviance()
        return SquaredError() if self.loss == "squared_error" else None
