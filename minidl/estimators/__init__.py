"""minidl's networks as scikit-learn's estimators.

The one room that imports scikit-learn at once: `import minidl` leaves it out, `from minidl.estimators import ...` asks
for it.
"""

from .mlp import MLPClassifier, MLPRegressor
from .sequential import SequentialClassifier, SequentialRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "SequentialClassifier", "SequentialRegressor"]
