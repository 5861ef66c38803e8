"""Keras's `keras.config`: settings of the package."""

from __future__ import annotations

from typing import Any

from ..errors import SettingError
from ._absent import absent

__all__ = [
    "backend",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_interactive_logging",
]

_settings: dict[str, Any] = {"floatx": "float32", "interactive": True, "filtering": True}


def backend() -> str:
    """Return the name of the library that computes."""
    return "numpy"


def floatx() -> str:
    """Return the dtype of new models: "float32" or "float64"."""
    return str(_settings["floatx"])


def set_floatx(value: str) -> None:
    """Set the dtype of new models."""
    if value not in ("float32", "float64"):
        raise SettingError(f"set_floatx: minidl computes in float32 or float64, got {value!r}")
    _settings["floatx"] = value


def dtype_policy() -> str:
    """Return the dtype of new models."""
    return floatx()


def set_dtype_policy(policy: Any) -> None:
    """Set the dtype of new models; policies of mixed precision are not here."""
    set_floatx(getattr(policy, "name", policy))


def epsilon() -> float:
    """Return the small number that losses and metrics use."""
    return 1e-7


def set_epsilon(value: float) -> None:
    """Accept 1e-7 alone: the small numbers of minidl's losses are part of their formulas."""
    if value != epsilon():
        raise SettingError(f"set_epsilon: minidl has 1e-7, got {value!r}")


def image_data_format() -> str:
    """Return "channels_last": images are (height, width, channels)."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accept "channels_last" alone."""
    if data_format != "channels_last":
        raise SettingError(f"set_image_data_format: minidl has images (height, width, channels), got {data_format!r}")


def set_interactive_logging(enabled: bool) -> None:
    """Choose if verbose="auto" shows a bar."""
    _settings["interactive"] = enabled


def enable_interactive_logging() -> None:
    """Let verbose="auto" show a bar."""
    set_interactive_logging(True)


def disable_interactive_logging() -> None:
    """Let verbose="auto" print lines."""
    set_interactive_logging(False)


def is_interactive_logging_enabled() -> bool:
    """Return True if verbose="auto" shows a bar."""
    return bool(_settings["interactive"])


def enable_traceback_filtering() -> None:
    """Do nothing: minidl's tracebacks are short."""
    _settings["filtering"] = True


def disable_traceback_filtering() -> None:
    """Do nothing: minidl's tracebacks are whole."""
    _settings["filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Return what was set last."""
    return bool(_settings["filtering"])


_ONE = "minidl computes with NumPy alone"
__getattr__ = absent(
    __name__,
    {
        "set_backend": _ONE,
        "enable_flash_attention": _ONE,
        "disable_flash_attention": _ONE,
        "is_flash_attention_enabled": _ONE,
        "is_nnx_enabled": _ONE,
        "enable_unsafe_deserialization": "files never run code here",
        "set_max_epochs": "pass epochs to fit",
        "max_epochs": "pass epochs to fit",
        "set_max_steps_per_epoch": "pass steps_per_epoch to fit",
        "max_steps_per_epoch": "pass steps_per_epoch to fit",
    },
)
