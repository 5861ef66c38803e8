"""Derivatives of the outputs of single rows with respect to the parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import data
from .._recording import record_passes
from ..errors import SettingError, ShapeError
from ..layers import Dense, Layer
from ..model import Model

BLOCK_NUMBERS = 2**22  # numbers in a block of derivatives: 32 MB
LAYERS = ("last", "all")


class RowDerivatives:
    """Outputs z (m, k) of a model, logits if the loss is computed from logits, and J = dz/dtheta of each row.

    A private float64 copy computes, in inference mode: later changes of the model do not count.

    layers   "last": the parameters of the last Dense layer, whose J is (x, 1) for each output; "all": those of all
             trainable layers, by one backward for each row and output
    entries  the indices in theta of these parameters (n,)
    theta    their values (n,)
    """

    def __init__(self, who: str, model: Model, layers: str = "all") -> None:
        self.who, self.layers = who, layers
        self.objective = model.objective.copy()
        self.objective.params.convert(np.float64)
        self._wanted = (np.dtype(np.float64), model.input_shape, model.layer.vocabulary_size)
        params, frozen = self.objective.params, self.objective.frozen
        self.entries = np.setdiff1d(np.arange(params.theta.size), frozen)
        if layers == "last":
            self._dense = self._last()
            self.entries = np.concatenate([np.arange(s.start, s.stop) for s in self._slices(self._dense)])
            if np.isin(self.entries, frozen).any():
                raise SettingError(f"{who}: the last layer is frozen; set trainable, or layers='all'")
        if not self.entries.size:
            raise SettingError(f"{who}: no parameter is trainable; uncertainty comes from trained parameters")
        self.theta = params.theta[self.entries].copy()

    def inputs(self, x: Any) -> np.ndarray:
        """Return the rows x, checked, in float64."""
        dtype, shape, vocabulary = self._wanted
        return data.inputs(self.who, x, dtype, shape, vocabulary)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Return z (m, k) of checked rows."""
        z = self.objective.forward(x).values
        if z.ndim != 2:
            raise ShapeError(f"{self.who}: the outputs of a row have shape {z.shape[1:]}; one vector is supported")
        return z

    def blocks(self, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield (rows, z (b, k), J (b, k, n)) for blocks of checked rows."""
        k = self.outputs(x[:1]).shape[1]
        size = max(1, BLOCK_NUMBERS // (k * self.entries.size))
        derivatives = self._of_last if self.layers == "last" else self._of_all
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            yield rows, *derivatives(x[rows])

    def gradients(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the derivative of the loss of each row, without penalties, (m, n)."""
        found = np.empty((len(x), self.entries.size))
        for rows, z, jacobian in self.blocks(x):
            slopes = self.objective.loss.terms(z, y[rows])[1]
            found[rows] = np.einsum("ij,ijn->in", slopes, jacobian)
        return found

    def _of_all(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        objective, outputs = self.objective, list[np.ndarray]()
        k = self.outputs(x[:1]).shape[1]
        jacobian, ones = np.empty((len(x), k, self.entries.size)), np.eye(k)
        for i in range(len(x)):
            for j in range(k):  # a forward before each backward, which may use up what forward left
                z = objective.forward(x[i : i + 1]).values
                objective.layers.backward(ones[j : j + 1].copy())
                jacobian[i, j] = objective.params.grad[self.entries]
            outputs.append(z)
        return np.concatenate(outputs), jacobian

    def _of_last(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with record_passes([("last", self._dense)]) as passes:
            z = self.outputs(x)
        features = passes[-1].x
        if self._dense.use_bias:
            features = np.hstack([features, np.ones((len(x), 1))])
        jacobian = features[:, None, :, None] * np.eye(z.shape[1])[:, None, :]  # (b, k, features, k)
        return z, jacobian.reshape(len(x), z.shape[1], -1)

    def _last(self) -> Dense:
        layer = self.objective.layers.layers[-1] if self.objective.layers.layers else None
        if not isinstance(layer, Dense):
            found = f"{layer!r} is last" if layer else "it has no layers"
            remedy = "use layers='all'"
            raise SettingError(f"{self.who}: layers='last' needs a Dense layer before the loss, but {found}; {remedy}")
        return layer

    def _slices(self, layer: Layer) -> Iterator[slice]:
        params = self.objective.params
        own = [id(parameter) for parameter in layer.parameters.values()]
        places = {id(parameter): params.slices[path] for path, parameter in params.items()}
        yield from (places[one] for one in own)
