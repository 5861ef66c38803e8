"""The `parameters` dictionary of the course's notebook: W1 (n1, n0), b1 (n1, 1), W2, b2, ... (examples are columns)."""

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
    """Return W1, b1, W2, b2, ...: copies of the transposed kernel, and of the bias as a column, of every Dense."""
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
    """Make the notebook's network with these parameters: (Dense, ReLU) as often as needed, then Dense, Sigmoid.

    Raises ShapeError if the shapes do not fit together.
    """
    depth = len(parameters) // 2
    names = [f"{letter}{number}" for number in range(1, depth + 1) for letter in "Wb"]
    if not depth or set(parameters) != set(names):
        raise ShapeError(
            f"from_notebook: parameters must be W1, b1, W2, b2, ..., got {', '.join(map(str, parameters))}"
        )
    arrays = {name: numeric("from_notebook", name, parameters[name]) for name in names}
    kernels = [arrays[f"W{i}"].T for i in range(1, depth + 1)]
    biases = [arrays[f"b{i}"].reshape(-1) for i in range(1, depth + 1)]
    _check_shapes(kernels, biases)
    layers = [layer for kernel in kernels for layer in (Dense(kernel.shape[1]), ReLU())]
    model = Sequential([*layers[:-1], Sigmoid()], seed=seed, dtype=dtype)
    model.build(kernels[0].shape[:1])
    model.set_weights([array for pair in zip(kernels, biases, strict=True) for array in pair])
    return model


def _check_shapes(kernels: list[np.ndarray], biases: list[np.ndarray]) -> None:
    """Raise ShapeError unless each W has shape (n_l, n_(l-1)) and each b has n_l numbers."""
    width = None
    for number, (kernel, bias) in enumerate(zip(kernels, biases, strict=True), 1):
        if kernel.ndim != 2 or width not in (None, kernel.shape[0]):
            wanted = "two axes" if width is None else f"(n{number}, {width})"
            raise ShapeError(f"from_notebook: W{number} has shape {kernel.T.shape}, wanted {wanted}")
        width = kernel.shape[1]
        if bias.shape != (width,):
            raise ShapeError(f"from_notebook: b{number} has {bias.size} numbers, W{number} has {width} rows")
