"""Check gradients against derivatives of values alone: is backward right, and if not, where and why is it wrong?"""

from ._callback import GradientChecker
from ._check import check_gradient, check_layer, check_loss, check_model, numerical_gradient
from ._differentiation import relative_difference
from ._report import Report, Tensor

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
