"""The base class of schedules."""

from ..validation import Configured, Validated


class Schedule(Configured, Validated):
    """A formula step -> learning rate. A subclass writes __call__(step) -> float; with settings it is a dataclass."""

    def __call__(self, step: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} must write __call__(step)")
