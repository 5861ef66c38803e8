"""Keras 3's .keras archives: what predicts is exchanged, layers and weights; how to train is not.

Initialisers, penalties, constraints and compile settings stay behind. A layer, or a setting of one, that the other side
has not is refused by name.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

from ..errors import ModelFileError, NotBuiltError, SettingError
from ..layers import Chain, Layer, LeakyReLU, SiLU
from ..model import Model
from ..registry import ACTIVATION, ACTIVATIONS, LAYERS, KerasLayer, entry_of
from ..sequential import Sequential
from . import strict_json
from .layout import allocate, finite_arrays, refuse_names, weights
from .tree import image, said, shown
from .weights_file import set_weights

CONFIG_BYTES = 2**20
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"

# ---- to Keras


def archive(model: Model) -> bytes:
    """The bytes of an archive that keras.models.load_model reads."""
    if type(model.layer) is not Chain:
        raise SettingError(f"save: .keras holds a Sequential, got {model!r}")
    if model.input_shape is None:
        raise NotBuiltError(f"save: {model.name} is not built yet; call fit or build first")
    refuse_names(model.name, model.layer)
    parts = {
        METADATA: strict_json.dump({"keras_version": "3.0.0"}),
        CONFIG: strict_json.dump(_sequential(model.layer, model.name, model.input_shape, model.dtype.name)),
        WEIGHTS: bytes(image(finite_arrays(weights(model.layer)))),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as file:
        for name, part in parts.items():
            file.writestr(zipfile.ZipInfo(name), part)  # ZipInfo's date is always the same
    return content.getvalue()


def _sequential(chain: Chain, name: str, shape: tuple[int, ...], dtype: str) -> dict[str, Any]:
    inputs = {"name": f"{name}_input", "batch_shape": [None, *shape], "dtype": dtype}
    nodes = [_node("InputLayer", inputs)]
    for (child, layer), output_shape in zip(chain.children.items(), chain.shapes, strict=True):
        if type(layer) is Chain:
            nodes.append(_sequential(layer, child, shape, dtype))
        else:
            class_name, config = _to_keras(layer)
            nodes.append(_node(class_name, {"name": child, "dtype": dtype, **config}))
        shape = output_shape
    return _node("Sequential", {"name": name, "layers": nodes}, module="keras")


def _node(class_name: str, config: dict[str, Any], module: str = "keras.layers") -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _to_keras(layer: Layer) -> tuple[str, dict[str, Any]]:
    entry = entry_of(layer)
    keras = entry.keras
    if not isinstance(keras, KerasLayer) or _lost_settings(layer, keras):
        raise SettingError(f"save: {layer!r} has no counterpart in Keras; save to a name in .h5 instead")
    config = {name: getattr(layer, name) for name in keras.settings} | dict(keras.constants)
    if keras is ACTIVATION:
        config["activation"] = entry.activation
    return keras.class_name or type(layer).__name__, config


def _lost_settings(layer: Layer, keras: KerasLayer) -> list[str]:
    """The settings that change what the layer computes and that Keras's layer lacks."""
    kept = [field for field in fields(layer) if field.name not in keras.settings and not field.name.endswith(LEFT_OUT)]
    return [field.name for field in kept if getattr(layer, field.name) != field.default]


# ---- from Keras


def from_archive(content: bytes) -> Sequential:
    """The model in an archive, not compiled."""
    parts = _parts(content)
    if len(parts[CONFIG]) > CONFIG_BYTES:
        raise ModelFileError(f"{CONFIG} has {len(parts[CONFIG])} bytes, more than {CONFIG_BYTES}")
    class_name, config = _opened(strict_json.parse(CONFIG, parts[CONFIG]))
    if class_name != "Sequential":
        raise ModelFileError(f"it holds a {shown(class_name)}; minidl reads Keras's Sequential")
    try:
        chain, shape = _chain(config)
        name, dtype = config.get("name", "sequential"), _dtype(config.get("dtype"))
        refuse_names(name, chain)
        model = Sequential(chain.layers, dtype=dtype, name=name)
        if shape is None:
            raise ModelFileError("its model is not built: call it once, or begin it with keras.Input, before saving")
        allocate(model, shape, len(content))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ModelFileError(str(error)) from None
    set_weights(model, parts[WEIGHTS])
    return model


def _parts(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = {member.filename: member for member in file.infolist()}
            if set(members) != {METADATA, CONFIG, WEIGHTS} or len(file.infolist()) != 3:
                raise ModelFileError(
                    f"it holds {shown(sorted(members)[:4])}, wanted {METADATA}, {CONFIG} and {WEIGHTS}"
                )
            sizes = [(member.compress_type, member.file_size - member.compress_size) for member in members.values()]
            if set(sizes) != {(zipfile.ZIP_STORED, 0)} or sum(m.file_size for m in members.values()) > len(content):
                raise ModelFileError("its parts are compressed; Keras stores them as they are")
            return {name: file.read(member) for name, member in members.items()}
    except ModelFileError:
        raise
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError) as error:  # the last for places before 0
        raise ModelFileError(f"it is no whole archive ({said(error)})") from None


def _opened(node: Any) -> tuple[str, dict[str, Any]]:
    if (
        not isinstance(node, dict)
        or not isinstance(node.get("class_name"), str)
        or not isinstance(node.get("config"), dict)
    ):
        raise ModelFileError(f"{CONFIG} holds {shown(node)} where a layer belongs")
    if node.get("registered_name") is not None and node.get("registered_name") != node["class_name"]:
        raise ModelFileError(f"{shown(node['registered_name'])} is a class of somebody's own")
    return node["class_name"], node["config"]


def _dtype(policy: Any) -> str:
    if isinstance(policy, dict):
        policy = policy.get("config", {}).get("name") if isinstance(policy.get("config"), dict) else None
    if policy not in (None, "float32", "float64"):
        raise ModelFileError(f"its dtype is {shown(policy)}, wanted float32 or float64")
    return policy or "float32"


def _chain(config: dict[str, Any]) -> tuple[Chain, tuple[int, ...] | None]:
    """The layers of a Sequential, and the shape of a row where the file tells it."""
    nodes = config.get("layers")
    if not isinstance(nodes, list):
        raise ModelFileError(f"{CONFIG} holds {shown(nodes)} where a list of layers belongs")
    layers: list[Layer] = []
    batch_shape = config.get("build_input_shape")
    for class_name, settings in map(_opened, nodes):
        if class_name == "InputLayer":
            batch_shape = settings.get("batch_shape")
        elif class_name == "Sequential":
            layers.append(_chain(settings)[0])
        else:
            layers += _from_keras(class_name, dict(settings))
    if batch_shape is None:
        return Chain(*layers), None
    shape = batch_shape[1:] if isinstance(batch_shape, list) else []
    if not shape or any(type(n) is not int or n < 1 for n in shape):
        raise ModelFileError(f"its input shape is {shown(batch_shape)}")
    return Chain(*layers), tuple(shape)


def _activation(cls: type[Layer]) -> list[Layer]:
    return [cls()]


FUNCTIONS: dict[str, Callable[[], list[Layer]]] = {
    **{name: partial(_activation, cls) for name, cls in ACTIVATIONS.items()},
    "linear": list,
    "leaky_relu": lambda: [LeakyReLU(0.2)],  # Keras's function has another default than its layer
    "swish": lambda: [SiLU()],
}
KINDS: dict[str, tuple[type[Layer], KerasLayer]] = {
    cls.__name__: (cls, entry.keras)
    for cls, entry in LAYERS.items()
    if isinstance(entry.keras, KerasLayer) and entry.keras.class_name is None
}

# What says how a layer begins and is trained, or is a name.
LEFT_OUT = ("name", "seed", "build_config", "_initializer", "_regularizer", "_constraint", "renorm_momentum")

# What must be so, or not be there, for the layer to be minidl's.
FIXED: dict[str, tuple[Any, ...]] = {
    "trainable": (True,),
    "axis": (-1, [-1]),
    "activation": ("linear",),
    "max_value": (None,),
    "threshold": (0.0,),
    "negative_slope": (0.0,),
    "noise_shape": (None,),
    "synchronized": (False,),
    "renorm": (False,),
    "rms_scaling": (False,),
    "data_format": ("channels_last",),
}


def _from_keras(class_name: str, config: dict[str, Any]) -> list[Layer]:
    name = config.get("name")
    own = name if isinstance(name, str) else None
    _dtype(config.pop("dtype", None))  # half precision would predict something else; of the others the model's counts
    after: list[Layer] = []
    if class_name in ("Dense", "Activation"):
        function = config.pop("activation", "linear")
        if not isinstance(function, str) or function not in FUNCTIONS:
            raise ModelFileError(f"{class_name}'s activation {shown(function)} has no counterpart in minidl")
        after = FUNCTIONS[function]()
    if class_name == "Activation":
        _refuse_rest(class_name, config)
        return after
    if class_name not in KINDS:
        raise ModelFileError(f"Keras's {shown(class_name)} has no counterpart in minidl")
    cls, keras = KINDS[class_name]
    taken = {setting: config.pop(setting) for setting in keras.settings if setting in config}
    _refuse_rest(class_name, config)
    return [cls(**taken, name=own), *after]


def _refuse_rest(class_name: str, config: dict[str, Any]) -> None:
    for setting, value in config.items():
        if setting.endswith(LEFT_OUT) or value is None or value in FIXED.get(setting, ()):
            continue
        raise ModelFileError(f"{class_name}'s {shown(setting)}={shown(value)} has no counterpart in minidl")
