"""minidl: a small, readable deep-learning framework on NumPy."""

from . import callbacks, datasets, initializers, layers, losses, metrics, optimizers, plots, regularizers
from .errors import DataError, GradientError, NonFiniteError, NotBuiltError, SettingError, ShapeError
from .layers import Layer, Parameter
from .model import Model
from .sequential import Sequential

__version__ = "0.1.0"
