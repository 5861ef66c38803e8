"""A quasi-Newton method for small problems, taken whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import validation
from ..errors import SettingError
from ._base import Optimizer


@dataclass(eq=False)
class LBFGS(Optimizer):
    """SciPy's L-BFGS-B on all rows: an epoch is an iteration with its line search. (Byrd, Lu et al. 1995)

    memory            how many steps back the curvature is estimated from
    tolerance         the training ends where no entry of the gradient is larger
    max_evaluations   of the objective in one fit; None: as many as it takes
    min_decrease      the training ends after an iteration that lowers the objective f by less than this times
                      max(|f|, 1)

    For objectives that are the same each time: not with Dropout. No learning rate is needed; a batch_size of some
    hundreds keeps the work in the cache, and changes nothing else. Afterwards `message` is SciPy's reason to end.
    """

    memory: int = 10
    tolerance: float = 1e-5
    max_evaluations: int | None = None
    min_decrease: float = 64 * float(np.finfo(float).eps)

    takes_steps = False
    learning_rate: Any = field(default=1.0, init=False, repr=False)

    def __post_init__(self) -> None:
        validation.check_integer("LBFGS", "memory", self.memory, 1)
        self._check("tolerance", "[0, inf)")
        if self.max_evaluations is not None:
            validation.check_integer("LBFGS", "max_evaluations", self.max_evaluations, 1)
        self._check("min_decrease", "[0, inf)")

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        raise SettingError("LBFGS has no single steps: call fit")

    def minimize(
        self,
        objective: Callable[[np.ndarray], tuple[float, np.ndarray]],
        theta: np.ndarray,
        iterations: int,
        after_iteration: Callable[[np.ndarray], bool],
    ) -> None:
        """Run from theta. objective(theta) -> (value, gradient), both float64.

        after_iteration(theta) is called with every new point, and ends it by returning True.
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
