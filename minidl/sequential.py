"""Sequential: a model of layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import SettingError
from .layers import Chain, Layer, check_layers
from .model import Model


class Sequential(Model):
    """Layers one after the other: Sequential([Dense(10), ReLU(), Dense(1), Sigmoid()], seed=0).

    A Sequential among the layers contributes its layers, as a Chain.
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
        super().__init__(Chain(*(_as_layer(layer) for layer in layers or [])), seed=seed, dtype=dtype, name=name)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.layer.layers

    def add(self, layer: Any) -> None:
        """Append a layer. The model must not be built."""
        self._change((*self.layers, _as_layer(layer)))

    def pop(self) -> Layer:
        """Remove the last layer and return it. The model must not be built."""
        if not self.layers:
            raise SettingError("pop: there is no layer to remove")
        last = self.layers[-1]
        self._change(self.layers[:-1])
        return last

    def _change(self, layers: tuple[Layer, ...]) -> None:
        if self.built:
            raise SettingError(
                f"{self.name} is built, and its layers cannot change: put clones of them into a new Sequential"
            )
        self.layer = Chain(*layers)

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


def _as_layer(given: Any) -> Layer:
    layer = given.layer if isinstance(given, Model) else given
    check_layers("Sequential", [layer])
    return layer
