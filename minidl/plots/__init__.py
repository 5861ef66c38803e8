"""Plots of trainings, classifiers, networks and gradient checks.

Each function draws on the Axes given as `ax`, or on new ones, and returns them. It takes the objects that a user holds,
alone or several by name: a History or its dict, a model or an estimator, a Comparison, a Report. Any other object
raises SettingError, which names the function that draws it. The names stand in `__init__.pyi`.
"""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
