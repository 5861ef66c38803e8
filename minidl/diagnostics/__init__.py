"""Find out why a network does not learn: diagnose it before training, monitor it while it trains."""

from ._baselines import class_labels
from ._diagnose import diagnose
from ._distributions import Distributions
from ._findings import Diagnosis, Finding
from ._monitor import Monitor
from ._signals import Signals, collect_signals

__all__ = [
    "Diagnosis",
    "Distributions",
    "Finding",
    "Monitor",
    "Signals",
    "class_labels",
    "collect_signals",
    "diagnose",
]
