"""Keras's `keras.ops`: functions of arrays, most of them NumPy's.

In a loss, `y_pred` is an array that remembers how it was computed, and the same functions find the derivative. Of
symbolic tensors a function makes a layer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from .. import _traced
from . import _array_functions, _compositions
from ._absent import absent
from ._numpy_functions import numpy_functions
from ._tensors import Call, KerasTensor

_OF_THE_TRACER = "log_softmax logsumexp sigmoid softplus"
_COMPOSED = """
    celu glu hard_shrink hard_sigmoid hard_silu hard_tanh log_sigmoid relu6 selu soft_shrink softsign sparse_plus
    sparse_sigmoid sparsemax squareplus tanh_shrink threshold
"""
_OWN = """
    abs amax amin binary_crossentropy bincount cast categorical_crossentropy clip convert_to_numpy convert_to_tensor
    divide_no_nan dtype einsum elu empty erf erfc erfinv fabs full gelu get_item in_top_k is_tensor layer_normalization
    leaky_relu logdet lstsq meshgrid moments multi_hot ndim norm normalize one_hot ones relu rms_normalization rsqrt
    saturate_cast scatter segment_sum shape silu size slice slice_update softmax sparse_categorical_crossentropy
    stop_gradient top_k unique unstack where zeros
"""


def _layered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, which on symbolic tensors makes one layer."""

    @wraps(function)
    def called(*arguments: Any, **settings: Any) -> Any:
        call = Call(arguments, settings)
        if call.tensors:
            return KerasTensor.apply(function, call, function.__name__)
        return function(*arguments, **settings)

    called.__module__ = __name__
    called.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return called


_TABLE = {name: _layered(function) for name, function in numpy_functions().items()} | {
    name: _layered(getattr(module, name))
    for module, names in ((_traced, _OF_THE_TRACER), (_compositions, _COMPOSED), (_array_functions, _OWN))
    for name in names.split()
}
_TABLE |= {"swish": _TABLE["silu"], "hard_swish": _TABLE["hard_silu"]}
__all__ = sorted(_TABLE)
globals().update(_TABLE)

_REASONS = {
    "write Python's own loops and conditions": """
        associative_scan cond fori_loop map scan switch vectorize vectorized_map while_loop""",
    "use the layers of keras.layers": """
        adaptive_average_pool adaptive_max_pool average_pool batch_normalization conv conv_transpose depthwise_conv
        dot_product_attention max_pool separable_conv""",
    "it is for images": "depth_to_space fold image psnr space_to_depth unfold",
    "its functions are in keras.ops itself": "linalg nn numpy",
    "use numpy.fft or scipy.signal": "extract_sequences fft fft2 ifft2 irfft istft rfft stft",
    "it is for sequences": "ctc_decode ctc_loss",
    "use scipy.linalg": "cholesky_inverse lu_factor solve_triangular",
    "use scipy.spatial.distance.cdist": "cdist",
    "use NumPy's complex numbers": "polar view_as_complex view_as_real",
    "write a class with its derivative: minidl.layers.Layer or minidl.losses.Loss": "custom_gradient jvp",
    "use reshape and transpose": "rearrange",
    "use NumPy: np.maximum.at, np.minimum.at, np.multiply.at": "segment_max segment_min segment_prod",
    "copy the array and assign: y[i] = values": "scatter_update",
    "use cast": "view",
}
__getattr__ = absent(__name__, {name: why for why, names in _REASONS.items() for name in names.split()})


def __dir__() -> list[str]:
    return __all__
