"""Sequential: a model of layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ._building import check_row_shape
from .errors import SettingError
from .layers import Chain, Layer, check_layers
from .model import Model


class Sequential(Model):
    """Layers one after the other: Sequential([Dense(10), ReLU(), Dense(1), Sigmoid()], seed=0).

    A model among the layers contributes its layer: `Sequential([trained, Softmax()])`. Layers that are built keep their
    weights, and all models that contain them share these: the encoder `Sequential(autoencoder.layers[:2])` learns what
    the autoencoder learns. Fitting any of the models trains the shared layers, unless they are frozen.

    An Input in the first place, or a first layer that is built, builds the model at once; otherwise the first data do.
    """

    layer: Chain

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        *,
        seed: int | None = None,
        dtype: Any = "float32",
        name: str | None = None,
    ):
        if not isinstance(layers, Iterable | None):
            raise SettingError(f"Sequential takes a list of layers, as in Sequential([Dense(1)]), got {layers!r}")
        given = list(layers or [])
        first = given.pop(0) if given and isinstance(given[0], Input) else None
        super().__init__(Chain(*(_as_layer(layer) for layer in given)), seed=seed, dtype=dtype, name=name)
        self._expected = None if first is None else first.shape  # of a row
        self._build_early()

    def _build_early(self) -> None:
        """Build the model if the shape of its rows is known."""
        shape = self._expected or (self.layers[0].row_shape if self.layers and self.layers[0].built else None)
        if shape is not None and self.layers:
            self.build((None, *shape))

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.layer.layers

    def add(self, layer: Any) -> None:
        """Append a layer, or the layer of a model. Layers that are built keep their weights."""
        if isinstance(layer, Input):
            if self.layers or self._expected:
                raise SettingError("add: an Input must be the first thing in a Sequential")
            self._expected = layer.shape
        else:
            self._change((*self.layers, _as_layer(layer)))

    def pop(self) -> Layer:
        """Remove the last layer and return it. The other layers keep their weights."""
        if not self.layers:
            raise SettingError("pop: there is no layer to remove")
        last = self.layers[-1]
        self._change(self.layers[:-1])
        return last

    def _change(self, layers: tuple[Layer, ...]) -> None:
        if self.trainer is not None:
            raise SettingError(f"{self.name} is being trained: its layers can change before or after fit")
        before = dict(vars(self))
        try:
            self._expected = self.input_shape or self._expected
            self.layer = Chain(*layers)
            self.unbuild()
            self._build_early()
        except ValueError:  # the new layer does not fit
            vars(self).update(before)
            raise

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return the layer with this name ("dense_1") or at this index."""
        if (name is None) == (index is None):
            raise SettingError('get_layer takes a name or an index: get_layer("dense"), get_layer(index=0)')
        if index is not None:
            if not isinstance(index, int) or not -len(self.layers) <= index < len(self.layers):
                raise SettingError(
                    f"get_layer: there is no layer with index {index!r}; there are {len(self.layers)} layers"
                )
            return self.layers[index]
        children = self.layer.children
        if name not in children:
            raise SettingError(f"get_layer: there is no layer {name!r}; choose from {', '.join(children)}")
        return children[name]

    def __repr__(self) -> str:
        return f"{type(self).__name__}([{', '.join(repr(layer) for layer in self.layers)}])"


@dataclass(frozen=True)
class Input:
    """The shape of a row, in the first place of a Sequential: Sequential([Input((2,)), Dense(1)]) is built at once."""

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_row_shape(self.shape, "Input", with_batch=False))


def _as_layer(given: Any) -> Layer:
    layer = given.layer if isinstance(given, Model) else given
    check_layers("Sequential", [layer])
    return layer
