"""A metric around another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..validation import instance
from ._base import Figure, Metric


@dataclass(eq=False)
class MetricWrapper(Metric):
    """Passes rows on to `metric`, whose name, state and result are its own. A subclass writes update and measure."""

    metric: Metric = instance(Metric)

    state_names = ("state",)

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self).update(direction=self.metric.direction, runs=self.metric.runs)

    def default_name(self) -> str:
        return self.metric.name or self.metric.default_name()

    @property
    def state(self) -> dict[str, Any]:
        """The metric's state, by its state_names."""
        return {name: getattr(self.metric, name) for name in self.metric.state_names}

    @state.setter
    def state(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self.metric, name, value)

    def reset(self) -> None:
        self.metric.reset()

    def result(self) -> Figure:
        return self.metric.result()
