"""Learning rates that change with the step: SGD(ExponentialDecay(0.1, decay_steps=1000, decay_rate=0.5)).

A schedule is a formula: step -> learning rate, for step = 0, 1, 2, ... updates done before. Names and numbers are
Keras's; r is the initial learning rate, t the step, T the decay steps. The names stand in `__init__.pyi`.
"""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
