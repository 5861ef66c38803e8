"""A class that is written is exported: the registry and the tables of tests and files look at exported classes only."""

from importlib import import_module
from pathlib import Path

import pytest

from minidl.callbacks import Callback
from minidl.initializers import Initializer
from minidl.layers import Layer
from minidl.losses import Loss
from minidl.metrics import Metric
from minidl.optimizers import Optimizer
from minidl.schedules import Schedule

FAMILIES = {
    "callbacks": Callback,
    "initializers": Initializer,
    "layers": Layer,
    "losses": Loss,
    "metrics": Metric,
    "optimizers": Optimizer,
    "schedules": Schedule,
}
INTERNAL = {"EvaluationBar", "EvaluationLine"}  # evaluate and predict make them for themselves


def written(package, base):
    """Return the classes of a family that the modules of its package define."""
    names = [f"{package.__name__}.{path.stem}" for path in Path(package.__file__).parent.glob("_[a-z]*.py")]
    kinds = [kind for name in names for kind in vars(import_module(name)).values() if isinstance(kind, type)]
    return {kind for kind in kinds if issubclass(kind, base) and kind.__module__ in names}


@pytest.mark.parametrize(("family", "base"), FAMILIES.items(), ids=FAMILIES)
def test_every_class_of_a_family_is_exported(family, base):
    package = import_module(f"minidl.{family}")
    kinds = written(package, base)
    assert base in kinds
    shared = {parent for kind in kinds for parent in kind.__mro__[1:]}  # what several classes have in common
    missing = {kind.__name__ for kind in kinds - shared} - set(package.__all__) - INTERNAL
    assert not missing, f"add to minidl/{family}/__init__.pyi: {', '.join(sorted(missing))}"
