"""Check the gradient where inputs are equal, as the zeros in a picture are: equal maxima must share one dy.

There the derivative by one of the equal inputs depends on the side, but the derivative by all of them together exists:
max(x + t, x + t) = max(x, x) + t. A layer that gives each of two equal maxima the whole dy claims twice that.
"""

from __future__ import annotations

import numpy as np

from ..layers import Graph, Layer
from ._chain_subject import INPUT
from ._compare import TOLERANCE
from ._differentiation import choose_method
from ._layer_subject import LayerSubject, layer_subject

VALUES = 3  # different numbers in x: few, so that many are equal
ROWS = 4


def check_ties(layer: Layer, shape: tuple[int, ...], seed: int) -> str | None:
    """The cause, if dx is wrong along equal inputs that move together. Layers right elsewhere are checked."""
    if layer.vocabulary_size is not None or (isinstance(layer, Graph) and any(layer.vocabularies.values())):  # of ids
        return None
    rng = np.random.default_rng(seed)
    x = rng.choice(rng.standard_normal(VALUES), (ROWS, *shape))
    tied, apart = (layer_subject(layer, shape, ROWS, True, seed, rows) for rows in (x, x + _small(x, rng)))
    with np.errstate(all="ignore"):
        if not np.isfinite(tied.outputs(tied.point)).all() or not tied.is_repeatable:
            return None
        groups = [x == value for value in np.unique(x)]
        pairs = [(_ratio(tied, group), _ratio(apart, group)) for group in groups]
    wrong = [ratio for ratio, without_ties in pairs if not _is_right(ratio) and _is_right(without_ties)]
    if not wrong:
        return None
    found = f"{wrong[0]:.4g} x derivative"
    why = "equal maxima or minima must share one dy"
    return f"dL/dx is wrong where inputs are equal ({found} along them together): {why}"


def _small(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 1e-3 * rng.standard_normal(x.shape)


def _is_right(ratio: float) -> bool:
    return abs(ratio - 1) <= 1e3 * TOLERANCE


def _ratio(subject: LayerSubject, group: np.ndarray) -> float:
    """The claimed derivative along some inputs together, relative to the right one; 1 if that is small."""
    method = choose_method("check_ties", "auto", lambda: subject.supports_complex)
    claimed = subject.parts[INPUT].of(subject.gradient(subject.point))[group]
    right = subject.tensor_derivative(subject.point, INPUT, group.ravel().astype(float), method)
    return float(claimed.sum()) / right if abs(right) > 1e-3 * np.abs(claimed).sum() else 1.0
