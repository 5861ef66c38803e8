"""Answers to the names of Keras that minidl.keras does not have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

from ._former import MODULES, NAMES

_NUMPY = "minidl computes with NumPy alone"
_TAPE = "minidl has no gradient tape and no graph of operations; model.core.backpropagate computes a gradient"

# names of the package itself
TOP = {
    **dict.fromkeys(
        ("distribution", "device", "StatelessScope", "SymbolicScope", "remat", "RematScope", "src"), _NUMPY
    ),
    **dict.fromkeys(("Function", "KerasTensor", "Operation", "Variable", "name_scope"), _TAPE),
    **dict.fromkeys(("DTypePolicy", "FloatDTypePolicy"), 'pass dtype="float32" or "float64", or use keras.config'),
    **dict.fromkeys(
        ("Quantizer", "quantizers", "dtype_policies", "mixed_precision"), "it has float32 and float64 alone"
    ),
    "InputSpec": "keras.Input gives the shape of the rows",
    "applications": "it has no networks for images and no trained weights",
    "datasets": "minidl downloads nothing; use sklearn.datasets, or read files with NumPy or pandas",
    "distillation": "train the second network on predict(x) of the first",
    "export": "use minidl.export_onnx",
    "legacy": "use the names without legacy",
    "random": "use numpy.random.default_rng(seed); keras.utils.set_random_seed sets the seed of models",
    "tree": "use Python's lists and dicts",
    "version": "keras.__version__ has it",
    "visualization": "use matplotlib; keras.utils.plot_model draws a model",
    "wrappers": "use minidl.estimators, which are estimators of scikit-learn",
    "np_utils": "use keras.utils.to_categorical",
    "engine": "use keras.layers and keras.models",
    "Graph": "use keras.Model(inputs, outputs)",
}


class AbsentNameError(ImportError):
    """A name of Keras is not in minidl.keras. `reason` says why, and what to write instead."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def absent(module: str, reasons: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module: {name of Keras: reason that it is not here}.

    A name of Keras raises AbsentNameError, an ImportError: `from keras.layers import LSTM` would hide the message of an
    AttributeError. Any other name raises AttributeError.
    """
    title = _title(module)
    reasons = {**NAMES.get(title, {}), **reasons}

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name == "__path__":  # lets the import of a module below this one reach AbsentModules
            return []
        there = ", ".join(public for public in sys.modules[module].__all__ if public != name)
        if name in reasons:
            reason = reasons[name]
            raise AbsentNameError(f"{title}.{name} is not in minidl.keras: {reason}; there are {there}", reason)
        raise AttributeError(f"module {module!r} has no attribute {name!r}; there are {there}")

    return __getattr__


def _title(module: str) -> str:
    """Return Keras's name of a module of this package."""
    return module.removeprefix(PACKAGE.removesuffix("keras"))


PACKAGE = __name__.rpartition(".")[0]


class AbsentModules(MetaPathFinder):
    """Raise AbsentNameError for modules of Keras that are not in this package: `from keras.datasets import mnist`.

    Python asks the finders in turn, and this one last: a module that exists has been found before.
    """

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if not fullname.startswith(f"{PACKAGE}."):
            return
        title = _title(fullname)
        parent, _, name = title.rpartition(".")
        reasons = {**MODULES, **TOP}
        if parent != "keras" and not name.startswith("_"):
            reasons = {name: f"Keras 3 has no such module; write from {parent} import ...", **MODULES}
        if name in reasons:
            raise AbsentNameError(f"{title} is not in minidl.keras: {reasons[name]}", reasons[name])


if not any(isinstance(finder, AbsentModules) for finder in sys.meta_path):
    sys.meta_path.append(AbsentModules())
