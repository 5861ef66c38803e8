"""Operations between symbolic tensors, such as x + y, x[:, -1] and keras.ops.mean(x, axis=1)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import layers as core
from . import _names
from ._array_functions import get_item
from ._compositions import COMPOSITIONS
from ._encoding import Config
from ._functions import FunctionLayer, known_rows
from ._layer import Layer
from ._tensors import Call, KerasTensor, Shape, mapped, over_lengths

# of two tensors of one shape: layers of the core
MERGING: dict[str, type[core.Layer]] = {"add": core.Add, "subtract": core.Subtract, "multiply": core.Multiply}

# parameters that Keras's operations get in the call; the others are their settings
IN_CALL = {"x", "x1", "x2", "xs", "y", "a", "b", "condition", "indices", "arrays", "operands", "inputs", "key"}

SLICE, ELLIPSIS, ARRAY = "__slice__", "__ellipsis__", "__numpy__"  # what a config calls these

# modules of Keras's operations, where it is not "numpy"
_MODULES = {
    "core": "cast convert_to_tensor saturate_cast stop_gradient slice slice_update scatter unstack",
    "math": "erf erfc erfinv in_top_k logdet logsumexp rsqrt segment_sum top_k",
    "linalg": "cholesky det eig eigh inv lstsq matrix_rank norm pinv qr solve",
    "nn": """
        binary_crossentropy categorical_crossentropy elu gelu leaky_relu log_softmax moments multi_hot normalize
        one_hot relu sigmoid silu softmax softplus sparse_categorical_crossentropy""",
}
MODULES = {name: module for module, names in _MODULES.items() for name in names.split()}
MODULES |= dict.fromkeys(COMPOSITIONS, "nn")


class Calculation(Layer):
    """function(*args, **kwargs) of symbolic tensors. Masks end here, as in Keras."""

    takes_several = True
    takes_ids = True

    def __init__(
        self, function: Callable[..., Any], call: Call, name: str, layers: Iterable[core.Layer] | None = None
    ) -> None:
        self.function, self.made_of, self.kind, self.layers = function, call, name, layers
        self.tensors = tuple({id(x): x for x in call.tensors}.values())
        super().__init__(name=_names.numbered(name))

    def make(self) -> Iterable[core.Layer]:
        both = self.made_of.tensors
        if not any(x.masked for x in both):
            if self.layers is not None:
                return self.layers
            if self.kind in MERGING and len(both) == 2 and both[0].shape == both[1].shape:
                self.tensors = both  # x * x too
                return [MERGING[self.kind]()]
        integers = tuple(np.dtype(x.dtype).kind in "iu" for x in self.tensors)
        return [FunctionLayer(self._of_arrays(), integers)]

    def _of_arrays(self) -> Callable[[Any], Any]:
        """Return the function of one array, or of the list of several, in the place of the tensors."""

        def computed(x: Any) -> Any:
            given = x if len(self.tensors) > 1 else [x]
            values = {id(tensor): value for tensor, value in zip(self.tensors, given, strict=True)}
            call = self.made_of.mapped(lambda tensor: values[id(tensor)])
            return self.function(*call.args, **call.kwargs)

        computed.__name__ = self.kind
        return computed

    def again(self, call: Call) -> Any:
        """Return the symbolic output of the same function of other tensors. The operation has the same name."""
        made = Calculation(self.function, call, self.kind, self.layers)
        made.name = self.name
        return made.symbolic(call)

    def given(self, call: Call) -> dict[str, Any]:
        return {"inputs": list(self.tensors)}

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        rows = tuple(shape[1:] for shape in shapes)
        build: Any = self.core[0].build
        return ((None, *over_lengths(lambda rows: known_rows(self.name, build, rows), rows)),)

    @property
    def built(self) -> bool:
        return bool(self.nodes)

    def dtype_of_output(self, x: KerasTensor) -> str:
        return str(getattr(self.core[0], "result_dtype", self.dtype))

    # ---- config

    @property
    def module(self) -> str:
        """The module of Keras's class."""
        return f"keras.src.ops.{MODULES.get(self.kind, 'numpy')}"

    @property
    def class_name(self) -> str:
        """The name of Keras's class: NotEqual."""
        return "".join(part.capitalize() for part in self.kind.split("_"))

    def get_config(self) -> Config:
        """Return the settings, without what is in the call."""
        return {"name": self.name} | {name: _written(value) for name, value in self._settings().items()}

    def _settings(self) -> dict[str, Any]:
        bound = self._bound()
        return {name: value for name, value in bound.items() if not _is_in_call(name, value)}

    def call_in_config(self) -> Call:
        """Return the call as Keras writes it, without the settings."""
        bound = self._bound()
        args = [_written(value) for name, value in bound.items() if _is_in_call(name, value)]
        return Call(tuple(args))

    def _bound(self) -> dict[str, Any]:
        try:
            signature = inspect.signature(self.function)
        except ValueError:  # a function of NumPy in C
            names = [f"x{number}" for number in range(1, len(self.made_of.args) + 1)]
            return dict(zip(names, self.made_of.args, strict=True)) | self.made_of.kwargs
        found = dict(signature.bind(*self.made_of.args, **self.made_of.kwargs).arguments)
        return found | found.pop("settings", {})


def _is_in_call(name: str, value: Any) -> bool:
    return name in IN_CALL or bool(Call((value,)).tensors)


def _written(value: Any) -> Any:
    """Return arguments with slices, arrays and dtypes as a config holds them."""

    def leaf(part: Any) -> Any:
        if part is Ellipsis:
            return {"class_name": ELLIPSIS, "config": {}}
        if isinstance(part, slice):
            return {"class_name": SLICE, "config": {"start": part.start, "stop": part.stop, "step": part.step}}
        if isinstance(part, np.ndarray):
            return {"class_name": ARRAY, "config": {"value": part.tolist(), "dtype": part.dtype.name}}
        return part.item() if isinstance(part, np.generic) else part

    return mapped(leaf, value)


def read(value: Any) -> Any:
    """Return what `_written` wrote."""
    if isinstance(value, dict) and value.get("class_name") == SLICE:
        parts = value["config"]
        return slice(parts["start"], parts["stop"], parts["step"])
    if isinstance(value, dict) and value.get("class_name") == ELLIPSIS:
        return Ellipsis
    if isinstance(value, dict) and value.get("class_name") in (ARRAY, "__tensor__"):
        return np.array(value["config"]["value"], value["config"]["dtype"])
    return value


def apply(function: Callable[..., Any], call: Call, name: str) -> Any:
    """Return the symbolic tensor of function(*call.args, **call.kwargs)."""
    return Calculation(function, call, name).symbolic(call)


def get(x: Any, index: Any) -> Any:
    """Return the symbolic tensor of x[index]. A list that is not of integers is what a file has made of a tuple."""
    if isinstance(index, list) and not all(isinstance(part, int) for part in index):
        index = tuple(index)
    return apply(get_item, Call((x, index)), "get_item")


KerasTensor.apply = staticmethod(apply)
KerasTensor.get = staticmethod(get)
