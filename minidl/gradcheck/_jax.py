"""The check of JAX's functions. JAX is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..errors import DataError
from ._arguments import argument_names, name_of
from ._check_function import compare_function
from ._compare import TOLERANCE, Settings, finish
from ._functions import AnyFunction, Arrays
from ._report import Report


def check_jax(
    function: Callable[..., Any],
    *inputs: Any,
    argnums: int | Sequence[int] | None = None,
    depth: str | int = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Check the gradients that jax.vjp gives of sum(dy * function(*inputs)), for random dy.

    function  a jax.custom_vjp, a jax.custom_jvp, or any other function of arrays
    inputs    pytrees. Gradients are checked of the arrays of floating-point numbers in them, of Python's floats if
              there are none; all else is held fixed
    argnums   the numbers of the inputs whose gradients are checked; None: of all
    depth, tolerance  see `check_model`

    Everything runs in float64, without a change of JAX's settings.
    Returns the Report; raises GradientError with it if a gradient is wrong.
    """
    settings = Settings(depth, "central", tolerance, seed).check("check_jax")
    return finish(compare_function(JaxFunction(function, inputs, argnums), settings), raise_on_failure)


class JaxFunction(AnyFunction):
    """A function of pytrees, with the gradients that jax.vjp gives."""

    def __init__(self, function: Any, inputs: tuple[Any, ...], argnums: int | Sequence[int] | None = None) -> None:
        import jax

        self.jax, self.function, self.title = jax, function, name_of(getattr(function, "__wrapped__", function))
        wanted = range(len(inputs)) if argnums is None else [argnums] if isinstance(argnums, int) else argnums
        names, paths, values, are_asked = argument_names(function, len(inputs)), [], [], []
        for number, (name, value) in enumerate(zip(names, inputs, strict=True)):
            # a lone dict gives its own keys as names
            name = "" if len(inputs) == 1 and isinstance(value, dict) else name
            for path, leaf in jax.tree_util.tree_flatten_with_path(value)[0]:
                paths.append("/".join(filter(None, [name, *map(_key, path)])) or "input")
                values.append(leaf)
                are_asked.append(number in wanted)
        self.structure = jax.tree_util.tree_structure(inputs)
        self.values = values
        self.chosen = [k for k, leaf in enumerate(values) if are_asked[k] and _is_array(leaf)]
        self.chosen = self.chosen or [k for k, leaf in enumerate(values) if are_asked[k] and isinstance(leaf, float)]
        if not self.chosen:
            raise DataError("check_jax: no input has an array of floating-point numbers, which a gradient needs")
        self.inputs = {paths[k]: _as_double(values[k]) for k in self.chosen}
        fixed = [k for k in range(len(values)) if k not in self.chosen]
        self.numbers = {paths[k].rpartition("/")[2]: float(v) for k in fixed if isinstance(v := values[k], int | float)}
        with double_precision():
            found = self._results(self._outputs_of(list(self.inputs.values())))
        self.output_names = list(found)

    def _outputs_of(self, arrays: Sequence[Any]) -> Any:
        """The outputs for other arrays in the places of those that have a gradient."""
        values = [_as_double(v) if _is_array(v) else v for v in self.values]
        for k, array in zip(self.chosen, arrays, strict=True):
            values[k] = array
        values = [self.jax.numpy.asarray(v) if isinstance(v, np.ndarray) else v for v in values]
        return self.function(*self.jax.tree_util.tree_unflatten(self.structure, values))

    def _results(self, outputs: Any) -> dict[str, Any]:
        """The outputs that have a derivative, by path."""
        flat = self.jax.tree_util.tree_flatten_with_path(outputs)[0]
        return {"/".join(map(_key, path)): y for path, y in flat if _is_array(y) or isinstance(y, float)}

    def outputs(self, inputs: Arrays) -> list[np.ndarray]:
        with double_precision():
            return [np.array(y) for y in self._results(self._outputs_of(inputs)).values()]

    def gradients(self, inputs: Arrays, cotangents: Arrays) -> tuple[list[np.ndarray], list[Any]]:
        def function(*arrays: Any) -> list[Any]:
            return list(self._results(self._outputs_of(arrays)).values())

        with double_precision():
            arrays = [self.jax.numpy.asarray(a) for a in inputs]
            outputs, vjp = self.jax.vjp(function, *arrays)
            # JAX's gradient of a complex number is the conjugate of that of its two parts
            dys = [self.jax.numpy.asarray(np.conj(dy), y.dtype) for dy, y in zip(cotangents, outputs, strict=True)]
            return [np.array(y) for y in outputs], [np.conj(np.array(g)) for g in vjp(dys)]


def double_precision() -> AbstractContextManager[Any]:
    """A with block in which JAX computes in float64."""
    import jax

    if hasattr(jax, "enable_x64"):
        found: AbstractContextManager[Any] = jax.enable_x64(True)
        return found
    from jax.experimental import enable_x64  # until JAX 0.8

    return enable_x64()


def _key(part: Any) -> str:
    """A key of a pytree as a part of a path: of a dict, a sequence or an object."""
    return str(next((getattr(part, name) for name in ("key", "idx", "name") if hasattr(part, name)), part))


def _is_array(value: Any) -> bool:
    """True for an array of floating-point numbers, of NumPy or JAX; also in such a format as bfloat16."""
    import jax

    dtype = getattr(value, "dtype", None)
    is_array = dtype is not None and hasattr(value, "shape")
    return is_array and bool(jax.numpy.issubdtype(dtype, jax.numpy.inexact))


def _as_double(value: Any) -> np.ndarray:
    return np.asarray(value, np.complex128 if np.iscomplexobj(value) else np.float64)
