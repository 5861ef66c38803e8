"""minidl: a small, readable deep-learning framework on NumPy."""

from typing import TYPE_CHECKING

from .later import names_from

if TYPE_CHECKING:  # with `as`, or a type checker takes the names for private (PEP 484)
    from . import callbacks as callbacks
    from . import datasets as datasets
    from . import distributed as distributed
    from . import estimators as estimators
    from . import files as files
    from . import initializers as initializers
    from . import layers as layers
    from . import losses as losses
    from . import metrics as metrics
    from . import optimizers as optimizers
    from . import plots as plots
    from . import regularizers as regularizers
    from . import schedules as schedules
    from .comparison import Comparison as Comparison
    from .comparison import compare as compare
    from .diagnostics import Diagnosis as Diagnosis
    from .diagnostics import Finding as Finding
    from .diagnostics import diagnose as diagnose
    from .errors import DataError as DataError
    from .errors import GradientError as GradientError
    from .errors import ModelFileError as ModelFileError
    from .errors import NonFiniteError as NonFiniteError
    from .errors import NotBuiltError as NotBuiltError
    from .errors import SettingError as SettingError
    from .errors import ShapeError as ShapeError
    from .files import load_model as load_model
    from .gradcheck import GradientChecker as GradientChecker
    from .gradcheck import Report as Report
    from .gradcheck import check_gradient as check_gradient
    from .gradcheck import check_layer as check_layer
    from .gradcheck import check_loss as check_loss
    from .gradcheck import check_model as check_model
    from .gradcheck import numerical_gradient as numerical_gradient
    from .gradcheck import relative_difference as relative_difference
    from .hdf5 import HDF5Data as HDF5Data
    from .layers import Layer as Layer
    from .layers import Parameter as Parameter
    from .model import Model as Model
    from .sequential import Sequential as Sequential

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
