"""scikit-learn's multi-layer perceptrons, with more to choose."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if

from .. import losses, optimizers, registry, validation
from ..errors import DataError, SettingError
from ..layers import BatchNormalization, Dense, Dropout, Layer, Sigmoid, Softmax
from ..losses import BinaryCrossentropy, CategoricalCrossentropy, PenalizedLoss
from ..optimizers import LBFGS, SGD, Adam, Optimizer
from ..parameters import Penalty
from ..regularizers import L2
from .base import Classifier, Estimator, Regressor, held_out
from .losses import Exponential, LogLoss, PoissonDeviance, SquaredError
from .rows import Rows
from .stopping import Record, StoppingRule

ROWS = 512  # that L-BFGS works on at a time: few enough for the cache

ACTIVATIONS: dict[str, type[Layer] | None] = {"identity": None, "logistic": Sigmoid} | {
    name: cls for name, cls in registry.ACTIVATIONS.items() if name not in ("sigmoid", "softmax")
}
OUTPUTS: dict[str, type[Layer] | None] = {
    "identity": None,
    "logistic": Sigmoid,
    "softmax": Softmax,
    "exp": Exponential,
}


class Arguments(Estimator):
    """The arguments that may be given by place, in an order of its own in each estimator."""

    hidden_layer_sizes: Any
    activation: Any
    loss: Any


@dataclass(eq=False, repr=False)
class MLP(Arguments):
    """The other arguments of scikit-learn's perceptrons, then those they have not; the network and its training."""

    _: KW_ONLY
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: Any = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: Any = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: Any = 10
    max_fun: int = 15000
    dropout: Any = 0.0
    batch_normalization: bool = False
    initializer: Any = None
    penalty: Penalty | None = None
    optimizer: Any = None
    callbacks: Any = None
    dtype: Any = None

    out_activation_: str = field(init=False)

    # ---- fitted attributes that are read off the model

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The kernels, (inputs, units) each: windows on the model's parameters."""
        return [layer.kernel.value for layer in self._dense()]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases, (units,) each: windows on the model's parameters."""
        return [layer.bias.value for layer in self._dense()]

    @property
    def n_layers_(self) -> int:
        """The number of layers as scikit-learn counts them, inputs and outputs included."""
        return len(self._dense()) + 1

    @property
    def n_outputs_(self) -> int:
        """How many numbers the network puts out for a row."""
        return self.model_.output_shape[0]

    def _dense(self) -> list[Dense]:
        return [layer for layer in self.model_.layers if isinstance(layer, Dense)]

    # ---- the network

    def _begin(self, rows: Rows) -> None:
        self.out_activation_ = self._out_activation()
        self.model_ = self._built([*self._hidden_layers(), *self._head(rows.y.shape[1])], rows)
        if self.initializer is None:
            self._draw(rows.random_state)
        self._forget()

    def _hidden_layers(self) -> list[Layer]:
        given = self.hidden_layer_sizes
        sizes = list(given) if hasattr(given, "__iter__") else [given]
        layers: list[Layer] = []
        chosen = zip(sizes, self._each("activation", sizes), self._each("dropout", sizes), strict=True)
        for size, activation, rate in chosen:
            validation.check_integer(type(self).__name__, "hidden_layer_sizes", size, 1)
            layers.append(self._affine(size))
            layers += [BatchNormalization()] if self.batch_normalization else []
            layers += self._activation(activation)
            layers += [Dropout(rate)] if rate else []
        return layers

    def _head(self, outputs: int) -> list[Layer]:
        activation = OUTPUTS[self.out_activation_]
        return [self._affine(outputs)] + ([activation()] if activation else [])

    def _affine(self, units: int) -> Dense:
        return Dense(units) if self.initializer is None else Dense(units, kernel_initializer=self.initializer)

    def _each(self, name: str, sizes: list[Any]) -> list[Any]:
        """A setting for each hidden layer: one for all, or a list with one for each."""
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
        validation.check_choice(type(self).__name__, "activation", given, tuple(ACTIVATIONS))
        activation = ACTIVATIONS[given]
        return [activation()] if activation else []

    def _draw(self, random_state: Any) -> None:
        """Kernels and biases ~ U[-a, a), a = sqrt(6 / (fan_in + fan_out)), drawn as scikit-learn draws them.

        For "logistic" 2 in place of 6. (Glorot & Bengio 2010)
        """
        dense = self._dense()
        activations = self._each("activation", dense[:-1]) or [self.activation]
        for layer, activation in zip(dense, [*activations, activations[-1]], strict=False):
            limit = math.sqrt((2 if activation == "logistic" else 6) / sum(layer.kernel.shape))
            layer.kernel.value = random_state.uniform(-limit, limit, layer.kernel.shape)
            layer.bias.value = random_state.uniform(-limit, limit, layer.bias.shape)

    def _out_activation(self) -> str:
        raise NotImplementedError

    # ---- how it is trained

    def _new_optimizer(self) -> Optimizer:
        if self.optimizer is not None:
            return optimizers.get(f"{type(self).__name__}: optimizer", copy.deepcopy(self.optimizer))
        if self.solver == "lbfgs":
            flat = 1e7 * float(np.finfo(float).eps)  # SciPy's ftol, which scikit-learn leaves as it is
            return LBFGS(tolerance=self.tol, max_evaluations=self.max_fun, min_decrease=flat)
        if self.solver == "sgd":
            return SGD(self.learning_rate_init, self.momentum, self.nesterovs_momentum)
        return Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)

    def _objective(self) -> PenalizedLoss:
        objective = self._data_objective()
        if self.penalty is not None:
            return objective + self.penalty
        return objective + L2(self.alpha) if self.alpha else objective

    def _data_objective(self) -> PenalizedLoss:
        raise NotImplementedError

    def _forget(self) -> None:
        """Start the records of a training."""
        self.t_, self.loss_curve_, self._no_improvement_count = 0, list[float](), 0
        self.best_loss_ = None if self.early_stopping else math.inf
        self.validation_scores_ = list[float]() if self.early_stopping else None
        self.best_validation_score_ = -math.inf if self.early_stopping else None

    def _train_all(self, rows: Rows) -> None:
        if self.early_stopping and not self._led_by_scipy():
            train, rest = held_out(rows, self.validation_fraction, stratify=self._strata(rows))
            if len(rest) < 2:
                raise DataError(f"fit: {len(rest)} rows to validate on are too few; increase validation_fraction")
            self._train(train, self.max_iter, partial(self._validation_score, rest))
        else:
            self._train(rows, self.max_iter)
        if self._converged() or self.model_.stop_training:
            return
        limits = f"max_iter={self.max_iter}{' or max_fun' if self._led_by_scipy() else ''}"
        message = f"{type(self).__name__}: {limits} reached before it converged"
        warnings.warn(message, ConvergenceWarning, stacklevel=5)

    def _train(self, rows: Rows, epochs: int, validate: Callable[[], float] | None = None) -> None:
        counted = self.n_outputs_ if isinstance(self.model_.objective.terms.loss, SquaredError) else 1
        if self._led_by_scipy():
            rule, size = Record(self, len(rows), counted), ROWS
        else:
            rule, size = StoppingRule(self, len(rows), counted, validate), self._rows_a_batch(len(rows))
        watching = [*self._watching(), rule]
        try:
            self._fit_model(rows, size, epochs, watching)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=6)

    def _rows_a_batch(self, rows: int) -> int:
        if self.batch_size == "auto":
            return min(200, rows)
        size = validation.check_integer(type(self).__name__, "batch_size", self.batch_size, 1)
        if size > rows:
            warnings.warn(f"batch_size={size} is larger than the {rows} rows there are: all are taken", stacklevel=7)
        return min(size, rows)

    def _led_by_scipy(self) -> bool:
        return isinstance(self.model_.optimizer, LBFGS)

    def _converged(self) -> bool:
        optimizer = self.model_.optimizer
        if isinstance(optimizer, LBFGS):
            return optimizer.message.startswith("CONVERGENCE")
        return self.n_iter_ < self.max_iter

    def _strata(self, rows: Rows) -> np.ndarray | None:
        """What the rows held out shall have the same shares of; None: nothing."""
        return None

    def _validation_score(self, rows: Rows) -> float:
        raise NotImplementedError

    def _check(self) -> None:
        who = type(self).__name__
        validation.check_choice(who, "solver", self.solver, ("lbfgs", "sgd", "adam"))
        validation.check_choice(who, "learning_rate", self.learning_rate, ("constant", "invscaling", "adaptive"))
        validation.check_integer(who, "max_iter", self.max_iter, 1)
        validation.check_real(who, "tol", self.tol, "[0, inf)")
        validation.check_real(who, "alpha", self.alpha, "[0, inf)")
        validation.check_real(who, "power_t", self.power_t, "[0, inf)")
        validation.check_real(who, "validation_fraction", self.validation_fraction, "[0, 1)")
        if self.n_iter_no_change != math.inf:
            validation.check_integer(who, "n_iter_no_change", self.n_iter_no_change, 1)
        if not (self.penalty is None or isinstance(self.penalty, Penalty)):
            raise SettingError(f"{who}: penalty must be a Penalty such as L1(0.1), or None, got {self.penalty!r}")

    def _refuse_early_stopping(self) -> None:
        if self.early_stopping:
            raise SettingError("partial_fit holds no rows out: it does not go with early_stopping=True")


def takes_steps(estimator: MLP) -> bool:
    """Whether there is a partial_fit; else the error that says why not."""
    if estimator.solver == "lbfgs" and estimator.optimizer is None:
        raise AttributeError("partial_fit goes step by step, and solver='lbfgs' does not: use 'adam' or 'sgd'")
    return True


@dataclass(eq=False, repr=False)
class MLPClassifier(Classifier, MLP):
    """A network that tells classes apart, a drop-in for scikit-learn's: its arguments, defaults and attributes.

    With the same random_state and arguments it ends at scikit-learn's weights, up to rounding. It is also given

    activation           one of ACTIVATIONS, a minidl layer, or a list with one for each hidden layer
    dropout              the rate in [0, 1) after each hidden layer, or a list
    batch_normalization  before each activation
    initializer          of the kernels, an Initializer or a Keras string, biases 0; None: scikit-learn's draw
    class_weight         "balanced", or a dict {class: weight}
    loss                 a minidl loss or a Keras string; None: the cross-entropy, summed over several labels
    penalty              in place of L2(alpha), which is scikit-learn's penalty
    optimizer            a minidl optimiser or a Keras string, in place of solver and learning_rate_init
    callbacks            minidl's, copied for each fit
    dtype                "float32", "float64"; None: that of X as in scikit-learn

    and puts the Sequential underneath into `model_`.
    """

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"

    _: KW_ONLY
    loss: Any = None
    class_weight: Any = None

    @available_if(takes_steps)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch on these rows, after all before. classes: all that there will ever be, wanted in the first call."""
        self._refuse_early_stopping()
        return self._partial_fit(X, y, sample_weight, classes)

    def _out_activation(self) -> str:
        return "softmax" if self._binarizer.y_type_ == "multiclass" else "logistic"

    def _data_objective(self) -> PenalizedLoss:
        if self.loss is not None:
            return losses.get(f"{type(self).__name__}: loss", self.loss)
        if self.out_activation_ == "softmax":
            return PenalizedLoss(CategoricalCrossentropy())
        return PenalizedLoss(BinaryCrossentropy() if self.n_outputs_ == 1 else LogLoss())

    def _strata(self, rows: Rows) -> np.ndarray | None:
        return rows.y[:, 0] if rows.y.shape[1] == 1 else None  # scikit-learn's choice: two classes only

    def _validation_score(self, rows: Rows) -> float:
        said = self._labels(self._forward(rows.x))
        return float(accuracy_score(self._labels(rows.y), said, sample_weight=rows.weight))


@dataclass(eq=False, repr=False)
class MLPRegressor(Regressor, MLP):
    """A network that predicts numbers, a drop-in for scikit-learn's: its arguments, defaults and attributes.

    With the same random_state and arguments it ends at scikit-learn's weights, up to rounding. It is also given

    loss  "squared_error" (half of it, as in scikit-learn), "poisson", or a minidl loss, or another Keras string

    and what `MLPClassifier` is given, but for class_weight. `loss_` is the mean over the outputs, as in scikit-learn.
    """

    loss: Any = "squared_error"
    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"

    @available_if(takes_steps)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows, after all before."""
        self._refuse_early_stopping()
        return self._fit(X, y, sample_weight, begin=not hasattr(self, "model_"), once=True)

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _data_objective(self) -> PenalizedLoss:
        if self.loss == "poisson":
            return PenalizedLoss(PoissonDeviance())
        if self.loss == "squared_error":
            return PenalizedLoss(SquaredError())
        return losses.get(f"{type(self).__name__}: loss", self.loss)

    def _validation_score(self, rows: Rows) -> float:
        p = self._forward(rows.x)
        return float(r2_score(rows.y, p, sample_weight=rows.weight)) if np.isfinite(p).all() else math.nan
