"""The table of the classes that files may name."""

import inspect

from minidl import (
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from minidl.files._classes import CLASSES

PUBLIC = {
    "constraints": (constraints, constraints.Constraint),
    "initializers": (initializers, initializers.Initializer),
    "layers": (layers, layers.Layer),
    "losses": (losses, losses.Loss | losses.PenalizedLoss),
    "metrics": (metrics, metrics.Metric),
    "optimizers": (optimizers, optimizers.Optimizer),
    "regularizers": (regularizers, regularizers.Penalty),
    "schedules": (schedules, schedules.Schedule),
}


ABSTRACT = {
    "Constraint",
    "Initializer",
    "Layer",
    "Loss",
    "Metric",
    "MeanMetric",
    "Counts",
    "Optimizer",
    "Wrapper",
    "Penalty",
    "Schedule",
}


def test_the_table_holds_every_public_class_and_nothing_else():
    public = {
        f"{family}.{name}": cls
        for family, (room, kind) in PUBLIC.items()
        for name, cls in inspect.getmembers(room, inspect.isclass)
        if issubclass(cls, kind) and cls.__module__.startswith(f"minidl.{family}") and name not in ABSTRACT
    }
    assert public == CLASSES
