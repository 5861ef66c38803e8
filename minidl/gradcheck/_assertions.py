"""One assertion for tests, which checks the gradients of anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import GradientError, SettingError
from ..layers import Layer
from ..losses import Loss, PenalizedLoss
from ..model import Model
from ..parameters import Penalty
from ._check import check_layer, check_loss, check_model
from ._check_function import check_backward
from ._jax import check_jax
from ._keras import check_keras
from ._report import Report
from ._torch import check_torch
from ._trees import leaves


def assert_gradients(subject: Any, *arguments: Any, **options: Any) -> Report:
    """Check the gradients of a layer, a loss, a model or a function in a test; pytest shows the report's table.

    subject    what is checked, and with it the checker: a layer (`check_layer`), a loss or a penalty (`check_loss`), a
               model (`check_model`); of PyTorch a module, an autograd.Function or a function of tensors
               (`check_torch`); of JAX a function of its arrays (`check_jax`); of Keras a layer (`check_keras`); or a
               tuple of two NumPy functions, (forward, backward) (`check_backward`)
    arguments, options  of the checker

    Returns the Report; raises GradientError, which is an AssertionError, with it if a gradient is wrong.
    """
    __tracebackhide__ = True
    if isinstance(subject, tuple):
        arguments = (*subject[1:], *arguments)
        check, subject = check_backward, subject[0]
    else:
        check = _checker(subject, arguments)
    report: Report = check(subject, *arguments, raise_on_failure=False, **options)
    if not report.passed:
        raise GradientError(report)
    return report


def _checker(subject: Any, arguments: tuple[Any, ...]) -> Callable[..., Report]:
    """The checker of this kind of object. A function belongs to the library of its arguments."""
    own: dict[Callable[..., Report], tuple[type, ...]] = {
        check_layer: (Layer,),
        check_model: (Model,),
        check_loss: (Loss, Penalty, PenalizedLoss),
    }
    for check, kinds in own.items():
        if isinstance(subject, kinds):
            return check
    owner = getattr(subject, "__self__", subject)
    values = [owner, *(value for _, value in leaves(arguments))]
    libraries = {library for value in values for library in _libraries(value)}
    others: dict[str, Callable[..., Report]] = {"keras": check_keras, "torch": check_torch}
    others |= dict.fromkeys(("jax", "jaxlib"), check_jax)
    for library, check in others.items():
        if library in libraries:
            return check
    wanted = "(forward, backward), an object of minidl, or something of PyTorch, JAX or Keras"
    raise SettingError(f"assert_gradients: hand over {wanted}; got {subject!r}")


def _libraries(value: Any) -> set[str]:
    """The libraries that a class, or the class of an object, comes from."""
    kind = value if isinstance(value, type) else type(value)
    return {ancestor.__module__.partition(".")[0] for ancestor in kind.__mro__}
