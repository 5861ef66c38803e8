"""minidl: a small, readable deep-learning framework on NumPy."""

from typing import TYPE_CHECKING

from .later import names_from

if TYPE_CHECKING:
    from . import callbacks, datasets, files, initializers, layers, losses, metrics, optimizers, plots, regularizers
    from . import schedules as schedules
    from .comparison import Comparison, compare
    from .diagnostics import Diagnosis, Finding, diagnose
    from .errors import (
        DataError,
        GradientError,
        ModelFileError,
        NonFiniteError,
        NotBuiltError,
        SettingError,
        ShapeError,
    )
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

# The names in each room; a room is imported when it, or a name from it, is first asked for.
_NAMES = {
    "comparison": ["Comparison", "compare"],
    "diagnostics": ["Diagnosis", "Finding", "diagnose"],
    "errors": [
        "DataError",
        "GradientError",
        "ModelFileError",
        "NonFiniteError",
        "NotBuiltError",
        "SettingError",
        "ShapeError",
    ],
    "files": ["load_model"],
    "gradcheck": ["GradientChecker", "Report", "check_gradient", "check_layer", "check_loss", "check_model"]
    + ["numerical_gradient", "relative_difference"],
    "hdf5": ["HDF5Data"],
    "layers": ["Layer", "Parameter"],
    "model": ["Model"],
    "sequential": ["Sequential"],
}
_ROOMS = "callbacks datasets distributed estimators initializers losses metrics optimizers plots regularizers schedules"
_PLACES = {room: room for room in [*_NAMES, *_ROOMS.split()]}
_PLACES |= {name: room for room, names in _NAMES.items() for name in names}

__getattr__ = names_from(__name__, _PLACES)
__all__ = [*_PLACES]


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
