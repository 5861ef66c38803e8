"""The check of any function whose gradient somebody has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ._compare import TOLERANCE, Settings, compare, finish
from ._derivative_pair import DerivativePair
from ._differentiation import choose_method
from ._function_causes import Causes, cause_of
from ._functions import AnyFunction, FunctionSubject
from ._pair import Pair
from ._report import Report

MOST_EXPLAINED = 20_000  # entries of a gradient whose cause is looked for


def numerical_gradient(f: Any, theta: Any, method: str = "auto") -> Any:
    """df/dtheta of a function f(theta) -> number, entry by entry. theta is an array or a number; so is the result.

    method  "complex", "central", or "auto": the complex step if f supports it
    """
    Settings(method=method).check("numerical_gradient")

    def value(theta: Any) -> Any:
        found = f(theta)
        if np.ndim(found) or found is None:
            got = "None" if found is None else f"an array of shape {np.shape(found)}"
            raise ShapeError(f"numerical_gradient: f(theta) must be a number, got {got}")
        return found

    subject = FunctionSubject(DerivativePair("numerical_gradient", value, lambda theta: 0 * theta, (theta,)), 0)
    chosen = choose_method("numerical_gradient: f", method, lambda: subject.supports_complex)
    gradient = subject.tensor_derivatives("theta", chosen)
    return gradient if gradient.ndim else float(gradient)


def check_gradient(
    f: Any,
    gradient: Any,
    *inputs: Any,
    method: str = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Check that `gradient` is the gradient of f at the inputs.   f(*inputs) -> number or array.

    gradient  gradient(*inputs) -> df/dx of each input; of a function f that returns an array the Jacobian, of shape
              (*shape of f, *shape of x). True: f returns (value, gradient). Its value at the inputs will do, but only
              with a function kinks can be recognized
    inputs    numbers, arrays, tuples and dicts of arrays, as in `check_backward`

    Returns the Report; raises GradientError with it if a gradient is wrong.
    """
    settings = Settings("all", method, tolerance, seed).check("check_gradient")
    function = DerivativePair("check_gradient", f, gradient, inputs)
    return finish(compare_function(function, settings, all_if_few=True), raise_on_failure)


def check_backward(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    *inputs: Any,
    cache: bool | None = None,
    depth: str | int = "auto",
    method: str = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Check that backward(dy) returns the gradients of sum(dy * forward(*inputs)), for random dy.

    forward, backward  y = forward(x, W) and dx, dW = backward(dy); or, as in CS231n, y, cache = forward(x, W) and
                       dx, dW = backward(dy, cache); or dx, dW = backward(dy, x, W); for a loss also backward(cache)
    inputs             arrays of any shapes, and tuples and dicts of them; integers, strings and None are held fixed
    cache              True if the last thing that forward returns is for backward, False if it is an output; by default
                       this is recognized
    depth, method, tolerance  see `check_model`

    forward returns an array, a number, or a tuple or dict of these, and backward gets one dy for each. It returns one
    gradient for each input that has arrays, in their order, None for one without; or a dict with the names of the
    inputs, also as dW. Both get copies. All random generators are put back before each call. If a function writes into
    its arguments, the report has a note.
    Returns the Report; raises GradientError with it if a gradient is wrong.
    """
    settings = Settings(depth, method, tolerance, seed).check("check_backward")
    function = Pair("check_backward", forward, backward, inputs, cache)
    return finish(compare_function(function, settings), raise_on_failure)


def compare_function(function: AnyFunction, settings: Settings, all_if_few: bool = False) -> Report:
    """The report on a function, with the causes of what is wrong.

    all_if_few  True: compare all entries unless they are many, whatever the depth is
    """
    try:
        subject = FunctionSubject(function, settings.seed)
        report = compare(function.title, subject, settings.for_subject(subject) if all_if_few else settings)
        _explain(report, subject)
        if subject.forwards_differ and subject.is_repeatable:
            report.broken.append("the forward pass that belongs to backward returns other outputs than forward alone")
    finally:
        function.close()
    report.broken += function.broken()
    report.notes += [*function.notes(), *_notes(subject, report)]
    return report


def _explain(report: Report, subject: FunctionSubject) -> None:
    """Add the causes to the report."""
    causes = Causes(subject, report.method)
    try:
        for path, tensor in report.wrong.items():
            if tensor.is_located:
                tensor.cause = f"{path} is wrong in a few entries alone, as in {list(tensor.worst or ())}"
            elif tensor.size <= MOST_EXPLAINED:
                tensor.cause = cause_of(causes, path)
    finally:
        causes.close()


def _notes(subject: FunctionSubject, report: Report) -> list[str]:
    found = []
    if subject.left_out:
        found.append(f"{subject.left_out} of {subject.flat_dy.size} outputs are not finite: they are left out")
    for path, g in subject.misshapen.items():
        if report.tensors[path].passed:
            found.append(f"the gradient of {path} has shape {g.shape}, {path} has {subject.parts[path].shape}")
    return found
