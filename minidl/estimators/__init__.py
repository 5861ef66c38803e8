"""minidl's networks as scikit-learn estimators. `import minidl` does not load this package, nor scikit-learn."""

from ._mlp import MLPClassifier, MLPRegressor
from ._sequential import SequentialClassifier, SequentialRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "SequentialClassifier", "SequentialRegressor"]
