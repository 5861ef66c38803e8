"""Keras's names, arguments and functional API over minidl's objects: `import minidl.keras as keras`.

No mathematics is here: every name builds objects of the core, and `model.core` is a minidl model. The public names
stand in `__init__.pyi`; the modules have the names of Keras's.
"""

from typing import Any

from .._lazy import attach, register
from ._absent import TOP, absent

__version__ = "3.15.1"  # of Keras, whose names and defaults these are: scripts ask for it

register("Keras files", "minidl.keras._saving")
register("Keras layers", "minidl.keras.layers")  # which configs name
register("Keras functions", "minidl.keras.ops")
_public, __dir__, __all__ = attach(__name__, __file__)
_absent = absent(__name__, TOP)


def __getattr__(name: str) -> Any:
    return _public(name) if name in __all__ else _absent(name)
