"""The check of layers and models of Keras 3, on the backend that it runs on. Keras is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import SettingError
from ..seeding import new_sequence
from ..validation import check_integer
from ._arguments import positional_parameters
from ._check_function import compare_function
from ._compare import TOLERANCE, Settings, finish
from ._functions import AnyFunction, Arrays
from ._jax import double_precision
from ._replay import Replay
from ._report import Report
from ._torch_module import generators
from ._trees import leaves


def check_keras(
    layer: Any,
    inputs: Any,
    *,
    training: bool | None = None,
    rows: int = 5,
    depth: str | int = "auto",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    raise_on_failure: bool = True,
) -> Report:
    """Check the gradients that Keras's backend gives of sum(dy * layer(x)), by x and the trainable variables.

    layer     a keras.layers.Layer or a keras.Model, built or not
    inputs    the shape of a row, such as (28, 28, 1), for which x is drawn; or x itself, an array, where integers are
              held fixed; or a list of one of these for each input
    training  is handed to the layer; None: the layer's default
    rows      of an x that is drawn
    depth, tolerance  see `check_model`

    Everything runs in float64. The layer's variables, seed generators among them, are as before after each call.
    Returns the Report; raises GradientError with it if a gradient is wrong.
    """
    settings = Settings(depth, "central", tolerance, seed).check("check_keras")
    rng = np.random.default_rng(new_sequence(seed))
    rows = check_integer("check_keras", "rows", rows, 1)
    arrays = [_array(given, rows, rng) for given in (inputs if _is_list(inputs) else [inputs])]
    return finish(compare_function(KerasFunction(layer, arrays, training), settings), raise_on_failure)


def _is_list(inputs: Any) -> bool:
    """True if there is a shape or an array for each of several inputs."""
    return isinstance(inputs, list | tuple) and not all(isinstance(n, int | np.integer) for n in inputs)


def _array(given: Any, rows: int, rng: np.random.Generator) -> np.ndarray:
    """The array that is given, or one with rows of the shape that is given."""
    if isinstance(given, int | np.integer | list | tuple):
        return rng.standard_normal((rows, *np.atleast_1d(np.array(given, int)).tolist()))
    return np.asarray(given)


class KerasFunction(AnyFunction):
    """A layer as a function of x and its trainable variables, with the gradients that the backend gives."""

    def __init__(self, layer: Any, arrays: list[np.ndarray], training: bool | None) -> None:
        import keras

        if not isinstance(layer, keras.layers.Layer):
            raise SettingError(f"check_keras: layer must be a layer or a model of Keras, got {layer!r}")
        self.keras, self.layer, self.title = keras, layer, type(layer).__name__
        self.options = {} if training is None else {"training": training}
        self.backend = _BACKENDS[keras.backend.backend()]
        is_fixed = [a.dtype.kind != "f" for a in arrays]
        self.x = [a if fixed else a.astype(np.float64) for a, fixed in zip(arrays, is_fixed, strict=True)]
        self.free = [k for k, fixed in enumerate(is_fixed) if not fixed]
        if not layer.built:
            layer(*self._grouped([keras.ops.convert_to_tensor(a) for a in self.x]), **self.options)
        names = ["input"] if len(self.x) == 1 else [f"input_{k}" for k in range(len(self.x))]
        self.inputs = {names[k]: self.x[k] for k in self.free}
        for variable in layer.trainable_variables:
            value = np.array(keras.ops.convert_to_numpy(variable.value), np.float64)
            self.inputs[variable.path.removeprefix(f"{layer.name}/")] = value
        # not the values themselves: PyTorch's are written into
        self.others = [np.array(keras.ops.convert_to_numpy(v.value)) for v in layer.non_trainable_variables]
        self.numbers = {name: value for name, value in vars(layer).items() if isinstance(value, float)}
        # on PyTorch dropout draws from the global generator, whatever its seed is
        self.randomness = Replay([layer.call], generators() if keras.backend.backend() == "torch" else [])
        with self._in_float64():
            results = self._run(list(map(keras.ops.convert_to_tensor, self.inputs.values())))
        self.output_names = list(results)
        self.randomness.forget_unused()

    def _grouped(self, tensors: list[Any]) -> list[Any]:
        """The arguments of `call`: one list of all, if it takes one argument."""
        needed = [p for p in positional_parameters(self.layer.call) if p.default is p.empty]
        return [tensors] if len(tensors) > len(needed) else tensors

    @contextmanager
    def _in_float64(self) -> Iterator[None]:
        """Inside, all layers compute in float64."""
        config = self.keras.config
        kept, floatx = [(inner, inner._dtype_policy) for inner in self.layer._flatten_layers()], config.floatx()
        policy = self.keras.dtype_policies.DTypePolicy("float64")
        models = [getattr(inner, "_functional", None) or inner for inner, _ in kept]
        typed = [*self.layer.variables, *(t for model in models for t in getattr(model, "_inputs", ()))]
        typed = [(t, t._dtype) for t in typed if self.keras.backend.is_float_dtype(t.dtype)]
        narrowed = importlib.import_module("keras.src.backend.common.dtypes").BIT64_TO_BIT32_DTYPE
        before = dict(narrowed)
        config.set_floatx("float64")
        narrowed.pop("float64", None)  # Keras gives float32 for products of float64, whatever floatx is
        for inner, _ in kept:
            inner._dtype_policy = policy
        for t, _ in typed:  # a layer's variables and a model's inputs are cast to their dtype
            t._dtype = "float64"
        try:
            if self.keras.backend.backend() == "jax":
                with double_precision():
                    yield
            else:
                yield
        finally:
            config.set_floatx(floatx)
            narrowed.update(before)
            for inner, own in kept:
                inner._dtype_policy = own
            for t, dtype in typed:
                t._dtype = dtype

    def _run(self, tensors: Sequence[Any]) -> dict[str, Any]:
        """The outputs that have a derivative, by path. The layer's other variables keep their values."""
        self.randomness.restore()
        x: list[Any] = list(self.x)
        for k, tensor in zip(self.free, tensors, strict=False):
            x[k] = tensor
        x = [self.keras.ops.convert_to_tensor(a) for a in x]
        others = [self.keras.ops.convert_to_tensor(a.copy()) for a in self.others]
        found, _ = self.layer.stateless_call(tensors[len(self.free) :], others, *self._grouped(x), **self.options)
        is_float = self.keras.backend.is_float_dtype
        return {path: y for path, y in leaves(found) if is_float(self.keras.backend.standardize_dtype(y.dtype))}

    def outputs(self, inputs: Arrays) -> list[np.ndarray]:
        ops = self.keras.ops
        with self._in_float64():
            results = self._run([ops.convert_to_tensor(a) for a in inputs])
            return [np.array(ops.convert_to_numpy(y)) for y in results.values()]

    def gradients(self, inputs: Arrays, cotangents: Arrays) -> tuple[list[np.ndarray], list[Any]]:
        with self._in_float64():
            return self.backend(lambda tensors: list(self._run(tensors).values()), inputs, cotangents)

    def close(self) -> None:
        self.randomness.restore()


# ---- vector-Jacobian products of the backends

TensorFunction = Callable[[Sequence[Any]], list[Any]]
Product = tuple[list[np.ndarray], list[Any]]  # the outputs, the gradients


def _by_torch(function: TensorFunction, inputs: Arrays, cotangents: Arrays) -> Product:
    import torch

    points = [torch.tensor(a, requires_grad=True) for a in inputs]
    results = function(points)
    dys = [torch.tensor(dy).to(y) for dy, y in zip(cotangents, results, strict=True)]
    found = torch.autograd.grad(results, points, dys, allow_unused=True)
    return [y.detach().cpu().numpy() for y in results], [None if g is None else g.cpu().numpy() for g in found]


def _by_jax(function: TensorFunction, inputs: Arrays, cotangents: Arrays) -> Product:
    import jax

    results, vjp = jax.vjp(lambda *tensors: function(tensors), *map(jax.numpy.asarray, inputs))
    dys = [jax.numpy.asarray(dy, y.dtype) for dy, y in zip(cotangents, results, strict=True)]
    return [np.array(y) for y in results], [np.array(g) for g in vjp(dys)]


def _by_tensorflow(function: TensorFunction, inputs: Arrays, cotangents: Arrays) -> Product:
    import tensorflow as tf

    points = [tf.constant(a) for a in inputs]
    with tf.GradientTape() as tape:
        tape.watch(points)
        results = function(points)
    dys = [tf.cast(dy, y.dtype) for dy, y in zip(cotangents, results, strict=True)]
    found = tape.gradient(results, points, dys)
    return [y.numpy() for y in results], [None if g is None else tf.convert_to_tensor(g).numpy() for g in found]


_BACKENDS = {"torch": _by_torch, "jax": _by_jax, "tensorflow": _by_tensorflow}
