"""Find out why a network does not learn: diagnose it before training, monitor it while it trains."""

from ._callbacks import Distributions, Monitor
from ._diagnose import diagnose
from ._evidence import Signals, class_labels, collect_signals
from ._findings import Diagnosis, Finding

__all__ = ["Diagnosis", "Distributions", "Finding", "Monitor", "Signals", "class_labels", "collect_signals", "diagnose"]
