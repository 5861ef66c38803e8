"""The notebook's `parameters` dictionary: W1 (n1, n0), b1 (n1, 1), W2, b2, ...   Its columns are minidl's rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data import numeric
from ..errors import NotBuiltError, ShapeError
from ..layers import Dense, ReLU, Sigmoid
from ..model import Model
from ..sequential import Sequential


def to_notebook(model: Model) -> dict[str, np.ndarray]:
    """W1, b1, W2, b2, ...: kernel transposed and bias as a column, copies, of every Dense in its order."""
    if not model.built:
        raise NotBuiltError(f"to_notebook: {model.name} has no parameters yet: call build or fit first")
    found: dict[str, np.ndarray] = {}
    layers = [layer for _, layer in model.layer.walk() if isinstance(layer, Dense)]
    for number, layer in enumerate(layers, 1):
        found[f"W{number}"] = layer.kernel.value.T.copy()
        bias = layer.bias.value if layer.use_bias else np.zeros(layer.units, model.dtype)
        found[f"b{number}"] = bias[:, None].copy()
    return found


def from_notebook(parameters: Mapping[str, Any], *, seed: int | None = None, dtype: Any = "float64") -> Sequential:
    """The notebook's network with these parameters: (Dense, ReLU) as often as needed, then Dense, Sigmoid.

    Raises ShapeError where the matrices are none that follow each other.
    """
    depth = len(parameters) // 2
    wanted = [f"{letter}{number}" for number in range(1, depth + 1) for letter in "Wb"]
    if not depth or set(parameters) != set(wanted):
        raise ShapeError(
            f"from_notebook: parameters must be W1, b1, W2, b2, ..., got {', '.join(map(str, parameters))}"
        )
    kernels = [numeric("from_notebook", f"W{i}", parameters[f"W{i}"]).T for i in range(1, depth + 1)]
    biases = [numeric("from_notebook", f"b{i}", parameters[f"b{i}"]).reshape(-1) for i in range(1, depth + 1)]
    _refuse_loose(kernels, biases)
    layers = [layer for kernel in kernels for layer in (Dense(kernel.shape[1]), ReLU())]
    model = Sequential([*layers[:-1], Sigmoid()], seed=seed, dtype=dtype)
    model.build(kernels[0].shape[:1])
    model.set_weights([array for pair in zip(kernels, biases, strict=True) for array in pair])
    return model


def _refuse_loose(kernels: list[np.ndarray], biases: list[np.ndarray]) -> None:
    """Refuse matrices that are not (n_l, n_(l-1)), and biases that have not n_l numbers."""
    width = None
    for number, (kernel, bias) in enumerate(zip(kernels, biases, strict=True), 1):
        if kernel.ndim != 2 or width not in (None, kernel.shape[0]):
            before = "of two axes" if width is None else f"(n{number}, {width})"
            raise ShapeError(f"from_notebook: W{number} has shape {kernel.T.shape}, wanted {before}")
        width = kernel.shape[1]
        if bias.shape != (width,):
            raise ShapeError(f"from_notebook: b{number} has {bias.size} numbers, W{number} has {width} rows")
