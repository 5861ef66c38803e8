"""The model of this package that a model of the core belongs to: callbacks receive the one and show the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from ..model import Model

_owners: WeakKeyDictionary[Model, Any] = WeakKeyDictionary()


def own(core: Model, model: Any) -> None:
    """Note that the core's model is what `model` trains."""
    _owners[core] = model


def owner_of(core: Any) -> Any:
    """Return the model of this package that has this `core`; a model of the core that none has is returned as it is."""
    return _owners.get(core, core)
