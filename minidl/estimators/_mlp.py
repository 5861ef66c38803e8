"""scikit-learn's multi-layer perceptrons, with more options."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .. import losses, registry
from ..callbacks import Callback
from ..errors import DataError, NonFiniteError, SettingError, ShapeError
from ..initializers import GlorotUniform
from ..layers import BatchNormalization, Dense, Dropout, Layer, Sigmoid
from ..losses import Loss, PenalizedLoss
from ..model import Model
from ..optimizers import LBFGS, SGD, Adam, Optimizer
from ..parameters import Parameter, Penalty
from ..regularizers import BatchL2, check_penalty
from ..validation import check_choice, check_integer, choice, integer, real, setting
from ._base import BaseNetworkEstimator, NetworkClassifierMixin, NetworkRegressorMixin
from ._sklearn_data import SklearnExamples, predict
from ._stopping import StoppingRule, TrainingRecord
from ._targets import PoissonDeviance, SquaredError, TargetEncoder, output_layers

OVERFLOW = (  # scikit-learn's words
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)
LBFGS_ROWS = 512  # L-BFGS works on so many rows at a time: few enough for the cache

ACTIVATIONS: dict[str, type[Layer] | None] = {"identity": None, "logistic": Sigmoid} | {
    name: layer for name, layer in registry.ACTIVATIONS.items() if name not in ("sigmoid", "softmax")
}


class ParameterList(list[np.ndarray]):
    """Views of parameters in a list. Assigning an item sets the parameter, where a list would lose its view."""

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.parameters = list(parameters)
        super().__init__(parameter.value for parameter in self.parameters)

    def __setitem__(self, place: Any, given: Any) -> None:
        parts = self.parameters[place]
        parts, given = (parts, list(given)) if isinstance(place, slice) else ([parts], [given])
        if len(given) != len(parts):
            raise ShapeError(f"got {len(given)} arrays for {len(parts)} layers")
        for parameter, value in zip(parts, given, strict=True):
            if np.shape(value) != parameter.shape:
                raise ShapeError(f"the weights of this layer have shape {parameter.shape}, got {np.shape(value)}")
        for parameter, value in zip(parts, given, strict=True):
            parameter.value = value

    def __reduce__(self) -> Any:
        return list, ([array.copy() for array in self],)  # a copy is arrays alone


def _check_patience(who: str, name: str, value: Any) -> Any:
    return value if value == math.inf else check_integer(who, name, value, 1)


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
    penalty: Penalty | None = setting(check_penalty, default=None, optional=True)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The kernels, (inputs, units) each: views of the model's parameters. Assigning one or all sets them."""
        return ParameterList(layer.kernel for layer in self._dense())

    @coefs_.setter
    def coefs_(self, values: Iterable[Any]) -> None:
        self.coefs_[:] = values

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases, (units,) each: views of the model's parameters. Assigning one or all sets them."""
        return ParameterList(layer.bias for layer in self._dense())

    @intercepts_.setter
    def intercepts_(self, values: Iterable[Any]) -> None:
        self.intercepts_[:] = values

    def _dense(self) -> list[Dense]:
        return [layer for layer in self.model_.layers if isinstance(layer, Dense)]

    @abstractmethod
    def _output(self) -> tuple[str, Loss | None]:
        """Return the output activation, and scikit-learn's loss or None for another one."""

    def _layers(self, outputs: int) -> list[Layer]:
        who, sizes = type(self).__name__, self._sizes()
        initializer = GlorotUniform() if self.initializer is None else self.initializer
        layers: list[Layer] = []
        activations, rates = (
            _per_layer(who, name, getattr(self, name), len(sizes)) for name in ("activation", "dropout")
        )
        for units, activation, rate in zip(sizes, activations, rates, strict=True):
            layers.append(Dense(units, kernel_initializer=initializer))
            layers += [BatchNormalization()] if self.batch_normalization else []
            layers += _activation_layers(who, activation)
            layers += [Dropout(rate)] if rate else []
        return [*layers, Dense(outputs, kernel_initializer=initializer), *output_layers(self._output()[0])]

    def _sizes(self) -> list[int]:
        who, given = type(self).__name__, self.hidden_layer_sizes
        sizes = given if hasattr(given, "__iter__") else [given]
        return [check_integer(who, "hidden_layer_sizes", size, 1) for size in sizes]

    def _description(self, outputs: int) -> dict[str, Any]:
        names = ("activation", "dropout", "batch_normalization")
        given = {name: getattr(self, name) for name in names}
        return given | {"hidden_layer_sizes": self._sizes(), "output activation": self._output()[0]}

    def _begin(self, examples: SklearnExamples) -> None:
        super()._begin(examples)
        self.n_layers_, self.n_outputs_ = len(self._dense()) + 1, examples.y.shape[1]
        self.out_activation_, _ = self._output()
        if self.initializer is None:
            self._draw_weights(examples.random_state)
        self._record = TrainingRecord()

    def _draw_weights(self, random_state: Any) -> None:
        """Kernels and biases ~ U[-a, a), a = sqrt(6 / (fan_in + fan_out)), drawn as scikit-learn draws them.

        For "logistic" 2 instead of 6. (Glorot & Bengio 2010)
        """
        dense = self._dense()
        hidden = _per_layer(type(self).__name__, "activation", self.activation, len(dense) - 1) or [self.activation]
        for layer, activation in zip(dense, [*hidden, hidden[-1]], strict=False):
            limit = math.sqrt((2 if activation == "logistic" else 6) / sum(layer.kernel.shape))
            for parameter in (layer.kernel, layer.bias):
                parameter.value = random_state.uniform(-limit, limit, parameter.shape)

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
        loss = losses.get(f"{type(self).__name__}: loss", self._output()[1] or self.loss)
        penalty = BatchL2(self.alpha) if self.penalty is None and self.alpha else self.penalty
        return loss if penalty is None else loss + penalty

    def _train(self, examples: SklearnExamples, epochs: int | None, callbacks: list[Callback]) -> None:
        who, model, validate = type(self).__name__, self.model_, None
        takes_steps = model.optimizer.takes_steps
        if self.early_stopping and takes_steps:
            examples, rest = self._split(examples)
            validate = partial(_score, model, self._encoder, rest)
        size = _rows_per_batch(who, self.batch_size, len(examples)) if takes_steps else LBFGS_ROWS
        watching = [*callbacks, self._stopping_rule(len(examples), validate)]
        try:
            model.fit(self._source(examples), None, size, epochs or self.max_iter, 0, watching, shuffle=self.shuffle)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        except NonFiniteError as error:
            raise NonFiniteError(f"{OVERFLOW} {error}") from error
        finally:
            self._read_record()
        if epochs is None:
            self._warn()

    def _split(self, examples: SklearnExamples) -> tuple[SklearnExamples, SklearnExamples]:
        train, rest = examples.split(self.validation_fraction, self._encoder.strata(examples.y))
        if len(rest) < 2:
            remedy = "Increase 'validation_fraction' or the size of your dataset"
            raise DataError(f"fit: The validation set is too small, {len(rest)} of {len(examples)} rows. {remedy}")
        return train, rest

    def _warn(self) -> None:
        """Warn of a training that ended before it converged."""
        optimizer, overflow = self.model_.optimizer, self._record.overflow
        converged = optimizer.message.startswith("CONVERGENCE") if optimizer.message else self.n_iter_ < self.max_iter
        if not (converged or self.model_.stop_training):
            reason = (
                f"max_iter={self.max_iter}{'' if optimizer.takes_steps else ' or max_fun'} reached before it converged"
            )
        elif overflow:
            reason = f"{overflow}; the weights are those of the best validation score"
        else:
            return
        warnings.warn(f"{type(self).__name__}: {reason}", ConvergenceWarning, stacklevel=5)

    def _stopping_rule(self, rows: int, validate: Callable[[], float] | None) -> StoppingRule:
        own_rate = self.solver == "sgd" and self.optimizer is None
        return StoppingRule(
            self._record,
            rows=rows,
            outputs=self.n_outputs_ if isinstance(self.model_.objective.loss, SquaredError) else 1,
            verbose=bool(self.verbose),
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

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        if self.early_stopping:
            raise SettingError("partial_fit does not support early_stopping=True: set it to False")
        return super()._partial_fit(X, y, sample_weight, classes)


def _per_layer(who: str, name: str, given: Any, count: int) -> list[Any]:
    """Return an argument's value for each hidden layer: the same for all, or those of a list."""
    if not isinstance(given, list | tuple):
        return [given] * count
    if len(given) != count:
        raise SettingError(f"{who}: {name} lists {len(given)} for {count} hidden layers; pass one for each")
    return list(given)


def _activation_layers(who: str, given: Any) -> list[Layer]:
    if isinstance(given, Layer):
        return [given.clone()]
    activation = ACTIVATIONS[check_choice(who, "activation", given, tuple(ACTIVATIONS))]
    return [activation()] if activation else []


def _rows_per_batch(who: str, given: Any, rows: int) -> int:
    if given == "auto":
        return min(200, rows)
    size = check_integer(who, "batch_size", given, 1)
    if size > rows:
        warnings.warn(f"batch_size={size} is larger than the number of rows, {rows}; using {rows}", stacklevel=5)
    return min(size, rows)


def _score(model: Model, encoder: TargetEncoder, rows: SklearnExamples) -> float:
    return encoder.score(rows.y, predict(model, rows.x), rows.weight)


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
    penalty              replaces BatchL2(alpha), which is scikit-learn's penalty
    optimizer            a minidl optimizer or a Keras string, replaces solver and learning_rate_init
    callbacks            minidl's callbacks, copied for each fit
    dtype                "float32" or "float64"; None: as X, as in scikit-learn

    After fit, `model_` is the Sequential.
    """

    def _output(self) -> tuple[str, Loss | None]:
        return self._encoder.activation, self._encoder.loss if self.loss is None else None


@dataclass(eq=False, repr=False)
class MLPRegressor(NetworkRegressorMixin, MLPEstimator):
    """A drop-in for scikit-learn's MLPRegressor: its arguments, defaults and attributes.

    With the same random_state and arguments it ends at scikit-learn's weights, up to rounding. More arguments:

    loss  "squared_error" (half of it, as in scikit-learn), "poisson", a minidl loss, or another Keras string

    and those of `MLPClassifier` except class_weight. `loss_` is the mean over the outputs, as in scikit-learn.
    """

    loss: Any = "squared_error"

    def _output(self) -> tuple[str, Loss | None]:
        if self.loss == "poisson":
            return "exp", PoissonDeviance()
        return "identity", SquaredError() if self.loss == "squared_error" else None
