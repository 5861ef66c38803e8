"""The few exceptions of minidl. Each is also a builtin one, so `except ValueError` goes on catching it."""


class SettingError(ValueError, TypeError):
    """A setting has a wrong type or lies outside its range (both at once, as scikit-learn's InvalidParameterError)."""


class ShapeError(ValueError):
    """Shapes do not fit: of a layer to its input, or of an array to the model."""


class DataError(ValueError):
    """Data handed in cannot be used: not numbers, not finite, lengths that differ."""


class ModelFileError(ValueError):
    """A model file is damaged, not one of minidl's, or holds what a model file may not hold. Nothing was loaded."""


class NotBuiltError(RuntimeError):
    """There are no parameters yet: the model needs `build` or `fit` first."""


class NonFiniteError(FloatingPointError):
    """Loss or gradient is NaN or infinite. Raised before the weights are touched."""


class GradientError(AssertionError):
    """A gradient is wrong. The report that shows where is in the message and in `.report`."""

    def __init__(self, report: object) -> None:
        super().__init__(str(report))
        self.report = report


class ProcessError(RuntimeError):
    """Of several processes that train together one has failed, or they do not fit to each other."""
