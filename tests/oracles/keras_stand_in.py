"""Modules `keras` and `keras.src...` whose names are those of minidl.keras, and what Keras's tests are written with.

`install(checkout)` puts them in the place of Keras. `keras_own_tests.py` runs Keras's tests on them.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import shutil
import sys
import tempfile
import types
import unittest
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from absl.testing import parameterized

import minidl.keras as ours
from minidl.errors import SettingError
from minidl.keras._absent import _title
from minidl.keras._former import NAMES
from minidl.keras._variables import Assignable, as_tensor, mask_of
from minidl.parameters import Parameter, Parameters

UNKNOWN, PUBLIC = "unknown name", "a public name"


class NotThere(unittest.SkipTest):
    """A test has used a name that is not public in Keras."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{UNKNOWN}: {path}")


class Absent:
    """A name that minidl.keras does not have: importing it does nothing, using it ends the test."""

    def __init__(self, path: str) -> None:
        self.__dict__["path"] = path

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        raise NotThere(self.path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.path}.{name}")

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        path = self.path

        class Missing:
            def __init__(self, *arguments: Any, **settings: Any) -> None:
                raise NotThere(path)

        return (Missing,)


# ---- modules


class Module(types.ModuleType):
    """A module of Keras with the names of minidl.keras."""

    checkout: ClassVar[Path]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        path = f"{self.__name__}.{name}"
        special = SPECIAL.get(path.removeprefix("keras.").removeprefix("src."))
        if special is not None:
            return special
        for place in self.places():
            if isinstance(place, types.ModuleType):
                try:
                    found = getattr(place, name)
                except AttributeError:
                    continue
                except ImportError as error:
                    if self._is_module(path):
                        break
                    known = name not in NAMES.get(_title(place.__name__), {})  # in Keras 3
                    return Absent(f"{PUBLIC}: {error}" if known else path)
                return found
        return importlib.import_module(path) if self._is_module(path) else Absent(path)

    def _is_module(self, path: str) -> bool:
        file = self.checkout.joinpath(*path.split("."))
        return file.is_dir() or file.with_suffix(".py").is_file()

    def places(self) -> Iterator[Any]:
        """Yield the modules of minidl.keras that may have the names of this one, nearest first."""
        part = self.__name__.removeprefix("keras").removeprefix(".src").strip(".").split(".")
        if part[:2] == ["optimizers", "schedules"]:
            yield ours.optimizers.schedules
        if part[0] in ours.__all__:
            yield getattr(ours, part[0])
        yield ours
        if part[0] == "ops":
            yield np


class Finder:
    """Finds each module `keras...` as a `Module`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "keras" and not name.startswith("keras."):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Module:
        return Module(spec.name)

    def exec_module(self, module: Any) -> None:
        module.__path__ = []


# ---- what the tests prepare their data with


class Variable(Assignable):
    """A weight that belongs to no layer."""

    def __init__(self, initializer: Any, shape: Any = None, dtype: Any = None, trainable: bool = True, **rest: Any):
        value = initializer(shape, dtype=dtype) if callable(initializer) else initializer
        self.value = np.array(value, dtype or "float32")
        self.trainable, self.name = trainable, rest.get("name") or "variable"
        self.path, self.constraint = f"{self.name}_{id(self)}/value", None

    def assign(self, value: Any) -> None:
        self.value[...] = value


def tensor(shape: Any = None, dtype: Any = "float32", name: Any = None, **rest: Any) -> Any:
    """Return a symbolic tensor."""
    if rest.get("sparse") or rest.get("ragged"):
        raise NotThere("sparse or ragged")
    return ours.Input(batch_shape=tuple(shape), dtype=dtype, name=name)


def convert(x: Any, dtype: Any = None, sparse: Any = None) -> Any:
    """Return an array, of float32 for floats."""
    return as_tensor(ours.ops.convert_to_tensor(x.value if isinstance(x, Variable) else x, dtype))


BACKEND = types.SimpleNamespace(
    Variable=Variable,
    KerasTensor=tensor,
    convert_to_tensor=convert,
    convert_to_numpy=np.asarray,
    backend=lambda: "numpy",
    is_tensor=lambda x: isinstance(x, np.ndarray),
    shape=np.shape,
    cast=ours.ops.cast,
    standardize_dtype=lambda dtype: np.dtype(dtype or "float32").name,
    numpy=np,
    epsilon=ours.config.epsilon,
    floatx=ours.config.floatx,
    set_floatx=ours.config.set_floatx,
    clear_session=ours.backend.clear_session,
    image_data_format=ours.config.image_data_format,
    config=ours.config,
    standardize_shape=tuple,
    SUPPORTS_SPARSE_TENSORS=False,
    SUPPORTS_RAGGED_TENSORS=False,
    random=Absent("random"),
    set_keras_mask=lambda x, mask: setattr(x, "_keras_mask", mask),
    get_keras_mask=mask_of,
    name_scope=Absent("name_scope"),
    compute_output_spec=Absent("compute_output_spec"),
    StatelessScope=Absent("StatelessScope"),
    AutocastScope=Absent("AutocastScope"),
    common=Absent("backend.common"),
    device=Absent("backend.device"),
)


class TestCase(parameterized.TestCase):
    """Keras's assertions, and its test of a layer as far as it is public."""

    def setUp(self) -> None:
        ours.backend.clear_session()

    def get_temp_dir(self) -> str:
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        return directory

    def convert_to_numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x)

    def assertAllClose(self, x1: Any, x2: Any, atol: float = 1e-6, rtol: float = 1e-6, msg: str = "", **_: Any) -> None:
        np.testing.assert_allclose(np.asarray(x1), np.asarray(x2), rtol, atol, err_msg=msg or "")

    def assertNotAllClose(self, x1: Any, x2: Any, atol: float = 1e-6, rtol: float = 1e-6, msg: Any = None) -> None:
        self.assertFalse(np.allclose(np.asarray(x1), np.asarray(x2), rtol, atol), msg)

    def assertAlmostEqual(self, x1: Any, x2: Any, decimal: int = 3, msg: str = "", **_: Any) -> None:
        np.testing.assert_almost_equal(np.asarray(x1), np.asarray(x2), decimal, err_msg=msg or "")

    def assertAllEqual(self, x1: Any, x2: Any, msg: str = "") -> None:
        np.testing.assert_array_equal(np.asarray(x1), np.asarray(x2), err_msg=msg or "")

    def assertLen(self, container: Any, expected_len: int, msg: Any = None) -> None:
        self.assertEqual(len(container), expected_len, msg)

    def assertDType(self, x: Any, dtype: Any, msg: Any = None) -> None:
        self.assertEqual(np.dtype(x.dtype if hasattr(x, "dtype") else type(x)).name, np.dtype(dtype).name, msg)

    def assertFileExists(self, path: Any) -> None:
        self.assertTrue(Path(path).is_file())

    def assertSparse(self, x: Any, sparse: bool = True) -> None:
        self.assertFalse(sparse)

    assertRagged = assertSparse

    def assertRaisesRegex(self, expected_exception: Any, expected_regex: Any, *args: Any, **kwargs: Any) -> Any:
        return self.assertRaises(expected_exception, *args, **kwargs)

    def run_class_serialization_test(self, instance: Any, custom_objects: Any = None) -> Any:
        config = instance.get_config()
        with ours.utils.custom_object_scope(custom_objects or {}):
            revived = type(instance).from_config(config)
        self.assertEqual(repr(config), repr(revived.get_config()))
        return revived

    def run_layer_test(self, layer_cls: Any, init_kwargs: Any, **wanted: Any) -> None:
        if wanted.get("input_sparse") or wanted.get("input_ragged"):
            raise NotThere("sparse or ragged")
        self.run_class_serialization_test(layer_cls(**init_kwargs), wanted.get("custom_objects"))
        data = wanted.get("input_data")
        shape = wanted.get("input_shape")
        if isinstance(shape, dict):  # {"query_shape": ...}: arguments of the call
            arrays = {name.removesuffix("_shape"): np.ones(part, "float32") for name, part in shape.items()}
            self._counts(layer := layer_cls(**init_kwargs), layer(**arrays), wanted)
            return
        if data is None:
            several = isinstance(shape, list) or isinstance(shape[0], tuple)
            data = [np.ones(s, "float32") for s in shape] if several else np.ones(shape, "float32")
        self._calls(layer_cls(**init_kwargs), data, wanted)

    def _counts(self, layer: Any, output: Any, wanted: dict[str, Any]) -> None:
        if (shape := wanted.get("expected_output_shape")) is not None:
            self.assertEqual(tuple(output.shape), tuple(shape))
        if (expected := wanted.get("expected_output")) is not None:
            self.assertAllClose(expected, output)
        for kind in ("trainable_weights", "non_trainable_weights"):
            if (count := wanted.get(f"expected_num_{kind}")) is not None:
                self.assertLen(getattr(layer, kind), count)
        if wanted.get("expected_num_losses"):
            self.assertLen(layer.losses, wanted["expected_num_losses"])

    def _calls(self, layer: Any, data: Any, wanted: dict[str, Any]) -> None:
        shape = wanted.get("expected_output_shape")
        output = layer(data, **(wanted.get("call_kwargs") or {}))
        self._counts(layer, output, wanted)
        several = isinstance(data, list | tuple)
        inputs = [ours.Input(np.shape(x)[1:]) for x in (data if several else [data])]
        y = type(layer).from_config(layer.get_config())(inputs if several else inputs[0])
        if shape is not None:
            self.assertEqual(tuple(y.shape)[1:], tuple(shape)[1:])
        if wanted.get("run_training_check", True):
            model = ours.Model(inputs, y)
            model.compile("sgd", "mse")
            model.fit(data, np.asarray(output), epochs=1, verbose=0)


TESTING = types.SimpleNamespace(
    TestCase=TestCase,
    tensorflow_uses_gpu=lambda: False,
    jax_uses_gpu=lambda: False,
    jax_uses_tpu=lambda: False,
    torch_uses_gpu=lambda: False,
    uses_gpu=lambda: False,
    uses_tpu=lambda: False,
    test_case=types.SimpleNamespace(TestCase=TestCase),
    test_utils=types.SimpleNamespace(),
)


def named_product(*arguments: Any, **lists: Any) -> Any:
    """Return the cases of all combinations, each with a name."""
    if arguments:
        lists = {"testcase": arguments[0], **lists}
    cases = []
    for values in product(*lists.values()):
        case: dict[str, Any] = {}
        for name, value in zip(lists, values, strict=True):
            case |= value if isinstance(value, dict) and name == "testcase" else {name: value}
        label = case.pop("testcase_name", "")
        cases.append({"testcase_name": "_".join([label, *map(str, values)])} | case)
    return parameterized.named_parameters(*cases) and cases


def examples(train_samples: int, test_samples: int, input_shape: Any, num_classes: int, random_seed: Any = None) -> Any:
    """Return rows around the centre of their class, and labels: for training, and for tests."""
    rng = np.random.default_rng(random_seed)
    labels = rng.integers(num_classes, size=train_samples + test_samples)
    centres = rng.normal(size=(num_classes, *input_shape)) * 2
    x = (centres[labels] + rng.normal(size=(len(labels), *input_shape))).astype("float32")
    return (x[:train_samples], labels[:train_samples]), (x[train_samples:], labels[train_samples:])


def example_model(units: int) -> Any:
    """Return a model of one layer of ones, in place of a class that is a trainer and a layer at once."""
    return ours.Sequential([ours.layers.Dense(units, use_bias=False, kernel_initializer="ones")])


SPECIAL: dict[str, Any] = {
    "testing.test_utils.get_test_data": examples,
    "testing.test_utils.to_categorical": ours.utils.to_categorical,
    "absent.ExampleModel": example_model,
    "models.Functional": ours.Model,
    "models.functional.Functional": ours.Model,
    "testing.TestCase": TestCase,
    "testing.test_case.TestCase": TestCase,
    "testing.test_utils.named_product": named_product,
    "backend.common.keras_tensor.KerasTensor": tensor,
    "testing": TESTING,
    "backend": BACKEND,
    "KerasTensor": tensor,
    "Variable": Variable,
    "absent.skip_if_backend": lambda *names: lambda function: function,
    "backend.config.disable_flash_attention": lambda: None,
    "backend.config.enable_flash_attention": lambda: None,
    "backend.config.is_flash_attention_enabled": lambda: False,
    "dtype_policies": types.SimpleNamespace(
        dtype_policy=types.SimpleNamespace(dtype_policy=lambda: "float32", set_dtype_policy=lambda policy: None),
        DTypePolicy=Absent("DTypePolicy"),
    ),
}
SPECIAL |= {f"backend.{name}": value for name, value in vars(BACKEND).items()}
vars(TESTING.test_utils).update(
    {name.split(".")[-1]: value for name, value in SPECIAL.items() if "test_utils." in name}
)
SPECIAL |= {f"testing.{name}": value for name, value in vars(TESTING).items() if name != "test_utils"}


# ---- single updates, which minidl makes in fit alone


def apply_gradients(self: Any, pairs: Any) -> None:
    """Make one update of variables, by the core's optimizer."""
    pairs = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
    if not pairs:
        raise ValueError("no gradients")
    variables = [variable for _, variable in pairs]
    build(self, variables)
    for gradient, variable in pairs:
        self.judged[variable.path].grad = gradient
    self.core.update(self.judged.theta, self.judged.grad)
    for parameter, variable in zip(self.judged.values(), variables, strict=True):
        limit = getattr(variable, "constraint", None)
        variable.value = parameter.value if limit is None else limit(parameter.value)


def build(self: Any, variables: Any) -> None:
    """Give the core's optimizer the variables."""
    if "judged" not in vars(self):
        named = {v.path: Parameter(v.value.shape, "zeros") for v in variables}
        vars(self)["judged"] = Parameters(named, np.dtype("float32"))
        self.core.build(self.judged)
    for parameter, variable in zip(self.judged.values(), variables, strict=True):
        parameter.value = variable.value


# ---- in the place of Keras


def install(checkout: str) -> None:
    """Let `import keras` and `from keras.src...` find the modules here from now on."""
    Module.checkout = Path(checkout)
    sys.meta_path.insert(0, Finder())  # type: ignore[arg-type]
    for name in [name for name in sys.modules if name == "keras" or name.startswith("keras.")]:
        del sys.modules[name]
    ours.optimizers.Optimizer.apply_gradients = apply_gradients  # type: ignore[attr-defined]
    ours.optimizers.Optimizer.build = build  # type: ignore[attr-defined]
    for kind in (ours.layers.Layer, ours.Model):
        _let_derive(kind)


def _let_derive(kind: Any) -> None:
    """Let files define classes that minidl refuses: the tests that make objects of them fail."""
    check = vars(kind)["__init_subclass__"].__func__

    def __init_subclass__(cls: Any, **options: Any) -> None:
        try:
            check(cls, **options)
        except SettingError as error:
            message = str(error)

            def refuse(self: Any, *arguments: Any, **settings: Any) -> None:
                raise ValueError(message)

            cls.__init__ = refuse

    kind.__init_subclass__ = classmethod(__init_subclass__)
