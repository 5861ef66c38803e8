"""NumPy's functions with Keras's arguments: their names, their order, their defaults."""

from __future__ import annotations

import inspect
from ast import literal_eval
from collections.abc import Callable
from typing import Any

import numpy as np

# {Keras's arguments: the functions that take them}; dtype is NumPy's where it is not given
TABLE = {
    "x": """
        absolute angle arccos arccosh arcsin arcsinh arctan arctanh bartlett bitwise_invert bitwise_not
        blackman cbrt ceil conj conjugate copy corrcoef cos cosh deg2rad det eig eigh exp exp2 expm1 fliplr
        flipud floor hamming hanning i0 imag inv isfinite isinf isnan isneginf isposinf isreal log log10 log1p
        log2 logical_not negative nonzero rad2deg ravel real reciprocal sign signbit sin sinc sinh slogdet
        sqrt square tan tanh trunc""",
    "x1 x2": """
        add arctan2 divide dot equal floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot
        inner kron lcm ldexp less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor matmul
        maximum minimum mod multiply nextafter not_equal outer power subtract true_divide vdot""",
    "x axis=None keepdims=False": """
        all any argmax argmin mean median nanargmax nanargmin nanmax nanmean nanmedian nanmin nanprod nanstd
        nansum nanvar ptp std sum var""",
    "x1 x2 rtol=1e-05 atol=1e-08 equal_nan=False": "allclose isclose",
    "x1 x2 axis=None": "append",
    "start stop=None step=None dtype=None": "arange",
    "x kth axis=-1": "argpartition",
    "x axis=-1": "argsort sort",
    "x dtype=None": "array empty_like ones_like zeros_like",
    "x indices_or_sections axis=0": "array_split split",
    "x axis=None weights=None": "average",
    "x y": "bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor left_shift right_shift",
    "x shape": "broadcast_to",
    "x upper=False": "cholesky",
    "xs axis=0": "concatenate",
    "x1 x2 mode='valid'": "correlate",
    "x axis=None": "count_nonzero flip squeeze",
    "x1 x2 axisa=-1 axisb=-1 axisc=-1 axis=None": "cross",
    "x axis=None dtype=None": "cumprod cumsum nancumprod nancumsum",
    "x k=0": "diag diagflat tril triu",
    "x offset=0 axis1=0 axis2=1": "diagonal trace",
    "a n=1 axis=-1": "diff",
    "x bins": "digitize",
    "x indices_or_sections": "dsplit hsplit vsplit",
    "xs": "dstack hstack vstack",
    "x axis": "expand_dims",
    "N M=None k=0 dtype=None": "eye tri",
    "x fill_value dtype=None": "full_like",
    "start stop num=50 endpoint=True dtype=None axis=0": "geomspace",
    "x bins=10 range=None": "histogram",
    "n dtype=None": "identity",
    "x1 x2 assume_unique=False invert=False": "isin",
    "x beta": "kaiser",
    "start stop num=50 endpoint=True retstep=False dtype=None axis=0": "linspace",
    "start stop num=50 endpoint=True base=10 dtype=None axis=0": "logspace",
    "x tol=None": "matrix_rank",
    "x axis=None keepdims=False initial=None": "max min",
    "x source destination": "moveaxis",
    "x nan=0.0 posinf=None neginf=None": "nan_to_num",
    "x q axis=None method='linear' keepdims=False": "nanpercentile nanquantile percentile quantile",
    "x pad_width mode='constant' constant_values=None": "pad",
    "x rcond=None": "pinv",
    "x axis=None keepdims=False dtype=None": "prod",
    "x mode='reduced'": "qr",
    "x repeats axis=None": "repeat",
    "x newshape": "reshape",
    "x shift axis=None": "roll",
    "array k=1 axes=(0, 1)": "rot90",
    "x decimals=0": "round",
    "sorted_sequence values side='left'": "searchsorted",
    "condlist choicelist default=0": "select",
    "a b": "solve",
    "x axis=0": "stack",
    "x full_matrices=True compute_uv=True": "svd",
    "x axis1 axis2": "swapaxes",
    "x indices axis=None": "take take_along_axis",
    "x1 x2 axes=2": "tensordot",
    "x repeats": "tile",
    "x axes=None": "transpose",
    "y x=None dx=1.0 axis=-1": "trapezoid",
    "indices shape": "unravel_index",
    "x N=None increasing=False": "vander",
}


def numpy_functions() -> dict[str, Callable[..., Any]]:
    """Return the functions of the table by name."""
    names = [(name, arguments) for arguments, names in TABLE.items() for name in names.split()]
    return {name: _function(name, _signature(arguments)) for name, arguments in names}


def _signature(arguments: str) -> inspect.Signature:
    """Return the signature that a row of the table writes."""
    parts = [part.partition("=") for part in arguments.replace(", ", ",").split()]
    kind, none = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    return inspect.Signature(
        [
            inspect.Parameter(name, kind, default=literal_eval(value) if equals else none)
            for name, equals, value in parts
        ]
    )


def _function(name: str, signature: inspect.Signature) -> Callable[..., Any]:
    """Return NumPy's function of the name for Keras's arguments."""
    wrapped = getattr(np, name, None) or getattr(np.linalg, name)
    required = [part.name for part in signature.parameters.values() if part.default is part.empty]
    plain = len(required) == len(signature.parameters)

    def function(*arguments: Any, **settings: Any) -> Any:
        if plain and len(arguments) == len(required) and not settings:
            return wrapped(*arguments)  # most calls: add(x1, x2)
        bound = signature.bind(*arguments, **settings)
        bound.apply_defaults()
        given = bound.arguments
        options = {key: given[key] for key in given if key not in required}
        # None is NumPy's default, except for an axis
        options = {key: value for key, value in options.items() if value is not None or key == "axis"}
        return wrapped(*(given[key] for key in required), **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"NumPy's {name}{signature}."
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function
