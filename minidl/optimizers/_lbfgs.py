"""A quasi-Newton method for small problems, on all rows at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..validation import integer, real
from ._base import Optimizer


@dataclass(eq=False)
class LBFGS(Optimizer):
    """SciPy's L-BFGS-B on all rows: an epoch is one iteration, including its line search. (Byrd, Lu et al. 1995)

    memory            the number of past steps from which the curvature is estimated
    tolerance         training ends when no entry of the gradient is larger
    max_evaluations   the largest number of evaluations of the objective in one fit; None: no limit
    min_decrease      training ends after an iteration that lowers the objective f by less than min_decrease max(|f|, 1)

    The objective must be the same at every evaluation: no Dropout. No learning rate is needed. batch_size does not
    change the result; some hundreds of rows keep the work in the cache. After fit, `message` is SciPy's reason to end.
    """

    memory: int = integer(1, default=10)
    tolerance: float = real("[0, inf)", default=1e-5)
    max_evaluations: int | None = integer(1, default=None, optional=True)
    min_decrease: float = real("[0, inf)", default=64 * float(np.finfo(float).eps))

    learning_rate: Any = field(default=1.0, init=False, repr=False)

    takes_steps: ClassVar[bool] = False

    def minimize(
        self,
        objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
        theta: np.ndarray,
        iterations: int,
        after_iteration: Callable[[np.ndarray], bool],
    ) -> None:
        """Minimize objective(theta) -> (value, gradient), both float64, from the given theta.

        after_iteration(theta) is called with the point of every iteration; if it returns True, the run ends.
        """
        from scipy.optimize import minimize

        def callback(theta: np.ndarray) -> None:
            self.iterations += 1
            if after_iteration(theta):
                raise StopIteration

        options = {
            "maxcor": self.memory,
            "gtol": self.tolerance,
            "ftol": self.min_decrease,
            "maxiter": iterations,
            "maxfun": self.max_evaluations or 10**9,
        }
        found = minimize(
            objective, theta.astype(float), jac=True, method="L-BFGS-B", callback=callback, options=options
        )
        self.message = str(found.message)
