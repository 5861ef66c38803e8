"""The exceptions of minidl. Each is also a builtin one, so `except ValueError` still catches it."""


class SettingError(ValueError, TypeError):
    """A setting has a wrong type or lies outside its range (both at once, as scikit-learn's InvalidParameterError)."""


class UnknownAttributeError(SettingError, AttributeError):
    """An attribute is set that the object does not have."""


class ShapeError(ValueError):
    """The shape of an array does not fit the layer or the model that receives it."""


class DataError(ValueError):
    """Data cannot be used: they are not numbers, not finite, or of different lengths."""


class ModelFileError(ValueError):
    """A model file is damaged, not a minidl file, or has contents that are not allowed. Nothing was loaded."""


class NotBuiltError(RuntimeError):
    """The model has no parameters yet: call `build` or `fit` first."""


class NonFiniteError(FloatingPointError, ValueError):
    """Loss or gradient is NaN or infinite. Raised before the weights are touched. (scikit-learn: a ValueError)"""


class GradientError(AssertionError):
    """A gradient is wrong. The report that shows where is in the message and in `.report`."""

    def __init__(self, report: object) -> None:
        super().__init__(str(report))
        self.report = report


class ProcessError(RuntimeError):
    """One of several processes that train together has failed, or their settings differ."""
