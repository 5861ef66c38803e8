"""minidl: a small, readable deep-learning framework on NumPy. The public names stand in `__init__.pyi`."""

from . import _lazy

__version__ = "0.1.0"

# What inner packages offer of outer ones
_lazy.register("model files", "minidl.files")
_lazy.register("plots", "minidl.plots")
_lazy.register("weights", "minidl._weights")
_lazy.register("version", __name__)
_lazy.show(
    "minidl.callbacks",
    {
        "Curvature": "minidl.curvature",
        "Distributions": "minidl.diagnostics",
        "GradientChecker": "minidl.gradcheck",
        "Monitor": "minidl.diagnostics",
    },
)

__getattr__, __dir__, __all__ = _lazy.attach(__name__, __file__)
