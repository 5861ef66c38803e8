"""Any network as an estimator."""

from __future__ import annotations

import copy
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import numpy as np

from .. import losses, optimizers, validation
from ..errors import SettingError
from ..layers import Dense, Layer, Sigmoid, Softmax
from ..losses import PenalizedLoss
from ..optimizers import Optimizer
from ..sequential import Sequential
from .base import Classifier, Estimator, Regressor, held_out
from .rows import Rows


@dataclass(eq=False, repr=False)
class SequentialEstimator(Estimator):
    """A network of one's own, trained as `Model.fit` trains.

    layers            the whole network, a list of layers or a Sequential, with its output layer; or a function
                      layers(outputs) that makes it for so many outputs; None: the output layer alone
    optimizer         a minidl optimiser or a Keras string
    loss              a loss, a sum such as MeanSquaredError() + L2(0.1), or a Keras string; None: the one that
                      belongs to the last layer
    epochs            how often each row is used
    batch_size        rows a step
    shuffle           whether each epoch has an order of its own
    callbacks         minidl's, copied for each fit
    validation_split  this share of the rows, drawn at random, is held out: callbacks and `history_` see its val_loss
    warm_start        fit goes on with the model that is there
    random_state      one number reproduces everything drawn
    dtype             "float32", "float64"; None: that of X as in scikit-learn
    verbose           0 silent, 1 a bar, 2 two lines an epoch

    Afterwards `model_` is the Sequential, `history_` its figures by epoch, `n_iter_` the epochs done.
    """

    layers: Any = None

    _: KW_ONLY
    optimizer: Any = "adam"
    loss: Any = None
    epochs: int = 100
    batch_size: int = 32
    shuffle: bool = True
    callbacks: Any = None
    validation_split: float = 0.0
    warm_start: bool = False
    random_state: Any = None
    dtype: Any = None
    verbose: Any = 0

    def _check(self) -> None:
        validation.check_real(type(self).__name__, "validation_split", self.validation_split, "[0, 1)")

    def _begin(self, rows: Rows) -> None:
        outputs = rows.y.shape[1]
        made = self.layers(outputs) if callable(self.layers) else self.layers
        if made is None:
            made = [Dense(outputs), *self._output_activation(outputs)]
        given = made if isinstance(made, Sequential) else Sequential(made)
        self.model_ = self._built([layer.clone() for layer in given.layers], rows)

    def _output_activation(self, outputs: int) -> list[Layer]:
        return []

    def _new_optimizer(self) -> Optimizer:
        return optimizers.get(f"{type(self).__name__}: optimizer", copy.deepcopy(self.optimizer))

    def _objective(self) -> PenalizedLoss | None:
        return None if self.loss is None else losses.get(f"{type(self).__name__}: loss", self.loss)

    def _train_all(self, rows: Rows) -> None:
        self._train(rows, self.epochs)

    def _train(self, rows: Rows, epochs: int) -> None:
        validation = None
        if self.validation_split:
            rows, rest = held_out(rows, self.validation_split)
            validation = replace(rest, y=self._targets(rest.y))
        self._fit_model(rows, self.batch_size, epochs, self._watching(), validation, self.verbose)
        self.history_ = self.model_.history.history
        self.n_iter_ = len(self.model_.history.epoch)


@dataclass(eq=False, repr=False)
class SequentialClassifier(Classifier, SequentialEstimator):
    """Tells classes apart with any network that puts out probabilities; arguments as in `SequentialEstimator`.

    Its last layer is a Softmax over the classes, or a Sigmoid of one number for two classes, of one for each label.

    class_weight  "balanced", or a dict {class: weight}
    """

    _: KW_ONLY
    class_weight: Any = None

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch on these rows, after all before. classes: all that there will ever be, wanted in the first call."""
        return self._partial_fit(X, y, sample_weight, classes)

    def _begin(self, rows: Rows) -> None:
        super()._begin(rows)
        last = self.model_.layers[-1:]
        if not (last and isinstance(last[0], Sigmoid | Softmax)):
            ends = f"ends in {last[0]!r}" if last else "has no layers"
            raise SettingError(f"{type(self).__name__}: the network must end in a Sigmoid or a Softmax, but {ends}")

    def _output_activation(self, outputs: int) -> list[Layer]:
        return [Softmax() if self._binarizer.y_type_ == "multiclass" else Sigmoid()]

    def _targets(self, y: np.ndarray) -> np.ndarray:
        one_for_two = y.shape[1] == 1 and self.model_.output_shape == (2,)
        return super()._targets(np.hstack([1 - y, y]) if one_for_two else y)


@dataclass(eq=False, repr=False)
class SequentialRegressor(Regressor, SequentialEstimator):
    """Predicts numbers with any network, as many as it puts out; arguments as in `SequentialEstimator`."""

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows, after all before."""
        return self._fit(X, y, sample_weight, begin=not hasattr(self, "model_"), once=True)
