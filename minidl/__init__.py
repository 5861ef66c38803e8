"""minidl: a small, readable deep-learning framework on NumPy."""

from . import callbacks, datasets, files, initializers, layers, losses, metrics, optimizers, plots, regularizers
from .errors import DataError, GradientError, ModelFileError, NonFiniteError, NotBuiltError, SettingError, ShapeError
from .files import load_model
from .gradcheck import (
    GradientChecker,
    Report,
    check_gradient,
    check_layer,
    check_loss,
    check_model,
    numerical_gradient,
    relative_difference,
)
from .hdf5 import HDF5Data
from .layers import Layer, Parameter
from .model import Model
from .sequential import Sequential

__version__ = "0.1.0"

# Users look for these in rooms further in, which may not import the rooms that make them.
callbacks.GradientChecker = GradientChecker  # type: ignore[misc]
Model.save = files.save
Model.save_weights = files.save_weights
Model.load_weights = files.load_weights
Model.restore_training = files.restore_training
Report.plot = plots.gradient_report  # type: ignore[method-assign, assignment]
