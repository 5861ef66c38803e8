"""What is wrong with this network, in words."""

from .distributions import Distributions
from .findings import Diagnosis, Finding
from .monitor import Monitor
from .rules import diagnose

__all__ = ["Diagnosis", "Distributions", "Finding", "Monitor", "diagnose"]
