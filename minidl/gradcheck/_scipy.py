"""The check of derivatives for scipy.optimize: jac, hess and hessp. SciPy itself is not needed for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import SettingError
from ._arguments import name_of
from ._check_function import compare_function
from ._compare import TOLERANCE, Settings, finish
from ._derivative_pair import DerivativePair
from ._pair import Pair
from ._report import Report


def check_scipy(
    fun: Callable[..., Any],
    jac: Any,
    x0: Any,
    args: Any = (),
    *,
    hess: Callable[..., Any] | None = None,
    hessp: Callable[..., Any] | None = None,
    method: str = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Check the derivatives that are handed to scipy.optimize: the arguments of minimize, least_squares and root.

    fun    fun(x, *args) -> number, or array of residuals
    jac    jac(x, *args) -> gradient (n,), or Jacobian (m, n), an array, a sparse matrix or a LinearOperator. True: fun
           returns (value, gradient)
    x0     the point, (n,) or a number
    hess   hess(x, *args) -> (n, n), checked as the derivative of jac
    hessp  hessp(x, p, *args) -> hess @ p, (n,), checked in the same way, for random p

    Returns the Report, with a line for each; raises GradientError with it if one is wrong.
    """
    settings = Settings("all", method, tolerance, seed).check("check_scipy")
    if not (jac is True or callable(jac)):
        raise SettingError(f"check_scipy: jac must be a function or True, got {jac!r}: SciPy itself makes the others")
    args = args if isinstance(args, tuple) else (args,)
    x = np.atleast_1d(np.asarray(x0, np.float64))

    def value(x: Any) -> Any:
        found = fun(x, *args)
        return _array(found[0] if jac is True else found)

    def gradient(x: Any) -> Any:
        found = fun(x, *args)[1] if jac is True else jac(x, *args)
        return _dense(found, x)

    report = Report(name_of(fun), "complex")
    _add(report, "jac", DerivativePair("check_scipy", value, _like(value, gradient), (x,), ["x"]), settings)
    if hess is not None:
        second = DerivativePair("check_scipy", gradient, lambda x: _dense(hess(x, *args), x), (x,), ["x"])
        _add(report, "hess", second, settings)
    if hessp is not None:
        # the Hessian is symmetric: H dy is also the vector-Jacobian product of the gradient
        product = Pair("check_scipy", gradient, lambda dy, x: hessp(x, dy, *args), (x,), cache=False)
        _add(report, "hessp", product, settings)
    return finish(report, raise_on_failure)


def _add(report: Report, name: str, function: Pair, settings: Settings) -> None:
    """Add the check of one derivative to the report."""
    function.title = name
    part = compare_function(function, settings, all_if_few=True)
    (report.tensors[name],) = part.tensors.values()
    report.include(part)
    report.notes += [note for note in part.notes if note not in report.notes]


def _like(value: Callable[..., Any], gradient: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient without an axis of length 1, if the value is a number: (1, n) for (n,)."""

    def found(x: Any) -> Any:
        g = gradient(x)
        return g[0] if np.ndim(value(x)) == 0 and np.shape(g) == (1, *x.shape) else g

    return found


def _dense(found: Any, x: np.ndarray) -> Any:
    """An array for a sparse matrix or a LinearOperator."""
    if hasattr(found, "toarray"):
        return found.toarray()
    return found.matmat(np.eye(x.size)) if hasattr(found, "matmat") else _array(found)


def _array(found: Any) -> Any:
    """An array for a list of numbers."""
    return np.asarray(found) if isinstance(found, list | tuple) else found
