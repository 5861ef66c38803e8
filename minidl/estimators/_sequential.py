"""Estimators that train any network, as Model.fit does."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

from ..callbacks import Callback
from ..errors import SettingError
from ..layers import Dense, Layer, Sigmoid, Softmax
from ..sequential import Sequential
from ..validation import real
from ._base import BaseNetworkEstimator, NetworkClassifierMixin, NetworkRegressorMixin
from ._sklearn_data import SklearnExamples
from ._targets import output_layers


@dataclass(eq=False, repr=False)
class SequentialEstimator(BaseNetworkEstimator):
    """The arguments of both estimators, and their training."""

    layers: Any = None

    _: KW_ONLY
    optimizer: Any = "adam"
    epochs: int = 100
    batch_size: int = 32
    validation_split: float = real("[0, 1)", default=0.0)
    verbose: Any = 0

    def _layers(self, outputs: int) -> list[Layer]:
        given = self.layers(outputs) if callable(self.layers) else self.layers
        if given is None:
            given = [Dense(outputs), *output_layers(self._encoder.activation)]
        network = given if isinstance(given, Sequential) else Sequential(given)
        return [layer.clone() for layer in network.layers]

    def _train(self, examples: SklearnExamples, epochs: int | None, callbacks: list[Callback]) -> None:
        validation = None
        if self.validation_split:
            examples, rest = examples.split(self.validation_split)
            validation = self._source(rest)
        history = self.model_.fit(
            self._source(examples),
            batch_size=self.batch_size,
            epochs=epochs or self.epochs,
            verbose=self.verbose,
            callbacks=callbacks,
            validation_data=validation,
            shuffle=self.shuffle,
        )
        self.history_, self.n_iter_ = history.history, len(history.epoch)


@dataclass(eq=False, repr=False)
class SequentialClassifier(NetworkClassifierMixin, SequentialEstimator):
    """A classifier with a network of your own, trained as `Model.fit` trains.

    The last layer is a Softmax over the classes, or a Sigmoid: of one output for two classes, of one for each label.

    layers            the whole network with its output layer, a list of layers or a Sequential; or a function
                      layers(outputs) that returns one; None: the output layer alone
    validation_split  the fraction of the rows, drawn at random, to validate on: callbacks and `history_` get val_loss
    warm_start        True: fit continues with the model of the last fit
    random_state      an int makes every random number reproducible
    dtype             "float32" or "float64"; None: as X, as in scikit-learn
    class_weight      "balanced", or a dict {class: weight}

    The others are those of `Model.compile` and `Model.fit`. Callbacks are copied for each fit.

    After fit, `model_` is the Sequential, `history_` its figures by epoch, `n_iter_` the number of epochs.
    """

    def _layers(self, outputs: int) -> list[Layer]:
        layers = super()._layers(outputs)
        if not (layers and isinstance(layers[-1], Sigmoid | Softmax)):
            ends = f"ends in {layers[-1]!r}" if layers else "has no layers"
            raise SettingError(f"{type(self).__name__}: the network must end in a Sigmoid or a Softmax, but {ends}")
        return layers


@dataclass(eq=False, repr=False)
class SequentialRegressor(NetworkRegressorMixin, SequentialEstimator):
    """A regressor with a network of your own, one output for each number.

    Its arguments and attributes are those of `SequentialClassifier` except class_weight.
    """
