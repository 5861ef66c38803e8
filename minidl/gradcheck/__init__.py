"""Is the backward pass right, and if not, where and why?"""

from .callback import GradientChecker
from .check import check_gradient, check_layer, check_loss, check_model
from .numeric import numerical_gradient, relative_difference
from .report import Report, Tensor

__all__ = [
    "GradientChecker",
    "Report",
    "Tensor",
    "check_gradient",
    "check_layer",
    "check_loss",
    "check_model",
    "numerical_gradient",
    "relative_difference",
]
