"""Keras 3's .keras archives. Layers and weights are exchanged; initializers, penalties and compile settings are not.

A layer or a setting that the other side lacks raises an error that names it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from ..errors import ModelFileError, NotBuiltError, SettingError
from ..layers import Bidirectional, Chain, Layer, LeakyReLU, SiLU, Softmax
from ..model import Model
from ..registry import ACTIVATION, ACTIVATIONS, LAYERS, KerasLayer, Unsupported, entry_of, reason
from ..sequential import Sequential
from . import _strict_json
from ._hdf5_reader import to_hdf5
from ._json_codec import Json
from ._keras_layout import allocate, check_names, finite_arrays, weights_by_path
from ._untrusted import abbreviate, describe_error
from ._weights_file import set_weights

CONFIG_BYTES = 2**20
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
Settings = dict[str, Json]

# Settings that do not change what a layer computes when it predicts
IGNORED = ("name", "seed", "build_config", "_initializer", "_regularizer", "_constraint", "renorm_momentum")

# ---- to Keras


def encode_model(model: Model) -> bytes:
    """Make the bytes of an archive that keras.models.load_model reads."""
    if type(model.layer) is not Chain:
        raise SettingError(f"save: .keras holds a Sequential, got {model!r}")
    if model.input_shape is None:
        raise NotBuiltError(f"save: {model.name} is not built yet; call fit or build first")
    check_names(model.name, model.layer)
    kind = model.dtype.name if model.layer.vocabulary_size is None else "int32"
    first = _input_node(model.name, model.input_shape, kind)
    config = _sequential_node(model.layer, model.name, model.dtype.name, first)
    return pack(config, bytes(to_hdf5(finite_arrays(weights_by_path(model.layer)))))


def pack(config: Json, weights: bytes) -> bytes:
    """Make the bytes of an archive of a model's config and of its weights in HDF5."""
    metadata, described = _strict_json.dump({"keras_version": "3.0.0"}), _strict_json.dump(config)
    parts = {METADATA: metadata, CONFIG: described, WEIGHTS: weights}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as file:
        for name, part in parts.items():
            file.writestr(zipfile.ZipInfo(name), part)  # ZipInfo's date is always the same
    return content.getvalue()


def _sequential_node(chain: Chain, name: str, dtype: str, *first: Json) -> Json:
    nodes = [*first, *(_any_node(layer, child, dtype) for child, layer in chain.children.items())]
    if not nodes:  # Keras's Sequential must have a layer
        nodes = [_node("Activation", {"name": "linear", "dtype": dtype, "activation": "linear"})]
    return _node("Sequential", {"name": name, "layers": nodes} | _trainable_setting(chain), module="keras")


def _any_node(layer: Layer, name: str, dtype: str) -> Json:
    return _sequential_node(layer, name, dtype) if type(layer) is Chain else _layer_node(layer, name, dtype)


def _input_node(name: str, shape: tuple[int | None, ...], dtype: str) -> Json:
    return _node("InputLayer", {"name": f"{name}_input", "batch_shape": [None, *shape], "dtype": dtype})


def _layer_node(layer: Layer, name: str, dtype: str) -> Json:
    keras = _counterpart(layer)
    config: Settings = {"name": name, "dtype": dtype} | (_trainable_setting(layer) if keras.can_freeze else {})
    config |= {setting: getattr(layer, setting) for setting in keras.settings} | dict(keras.constants)
    config |= {setting: _any_node(layer.children[child], child, dtype) for setting, child in keras.layers.items()}
    if keras is ACTIVATION:
        config["activation"] = entry_of(layer).activation
    return _node(keras.class_name or type(layer).__name__, config)


def _trainable_setting(layer: Layer) -> Settings:
    """Keras's setting of a frozen layer. In Keras all layers of a frozen container are frozen."""
    return {} if any(inner.trainable for _, inner in layer.walk()) else {"trainable": False}


def _counterpart(layer: Layer) -> KerasLayer:
    """Return the layer in Keras. Raises SettingError if there is none that computes the same."""
    keras = entry_of(layer).keras
    if isinstance(keras, KerasLayer):
        lost = _lost_settings(layer, keras)
        known = [keras.only_read[name] for name in lost if name in keras.only_read]
        if isinstance(layer, Bidirectional) and len({inner.units for inner in layer.both}) > 1:
            known.append("its two layers must have as many units")
        if not (lost or known):
            return keras
        why: object = Unsupported(known[0]) if known else None
    else:
        why = keras
    raise SettingError(f"save: {layer!r} has no counterpart in Keras{reason(why)}; save to a name in .h5 instead")


def _lost_settings(layer: Layer, keras: KerasLayer) -> list[str]:
    """The settings that change what the layer computes, and that Keras's layer lacks."""
    others = [field for field in fields(layer) if field.name not in (*keras.settings, *keras.layers)]
    changed = [field.name for field in others if getattr(layer, field.name) != field.default]
    return [name for name in changed if not name.endswith(IGNORED)]


def _node(class_name: str, config: Settings, module: str = "keras.layers") -> Json:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


# ---- from Keras


def decode_model(content: bytes) -> Sequential:
    """Make the model in an archive, without compile settings."""
    described, weights = unpack(content)
    class_name, config = _checked_node(described)
    if class_name != "Sequential":
        raise ModelFileError(f"it holds a {abbreviate(class_name)}; minidl reads Keras's Sequential")
    try:
        chain, shape = _chain(config)
        name, dtype = config.get("name", "sequential"), _dtype(config.get("dtype"))
        check_names(name, chain)
        model = Sequential(chain.layers, dtype=dtype, name=name)
        if shape is None:
            raise ModelFileError("its model is not built: call it once, or begin it with keras.Input, before saving")
        allocate(model, shape, len(content))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ModelFileError(str(error)) from None
    set_weights(model, weights, optimizer=False)
    return model


def unpack(content: bytes) -> tuple[Json, bytes]:
    """Return the config of the model in an archive, and its weights in HDF5."""
    parts = _read_parts(content)
    if len(parts[CONFIG]) > CONFIG_BYTES:
        raise ModelFileError(f"{CONFIG} has {len(parts[CONFIG])} bytes, more than {CONFIG_BYTES}")
    return _strict_json.parse(CONFIG, parts[CONFIG]), parts[WEIGHTS]


def _read_parts(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            _check_members(file.infolist(), len(content))
            return {name: file.read(name) for name in (METADATA, CONFIG, WEIGHTS)}
    except ModelFileError:
        raise
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError) as error:  # ValueError: an offset below 0
        raise ModelFileError(f"it is not a whole archive ({describe_error(error)})") from None


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    names = sorted(member.filename for member in members)
    if names != sorted((METADATA, CONFIG, WEIGHTS)):
        raise ModelFileError(f"it holds {abbreviate(names[:4])}, wanted {METADATA}, {CONFIG} and {WEIGHTS}")
    plain = all(m.compress_type == zipfile.ZIP_STORED and m.file_size == m.compress_size for m in members)
    if not plain or sum(member.file_size for member in members) > size:
        raise ModelFileError("its parts are compressed; Keras stores them as they are")


def _checked_node(node: Json) -> tuple[str, Settings]:
    """Return class name and settings of a layer. Raises ModelFileError for other values and for custom classes."""
    keys = ("class_name", "config", "registered_name")
    name, config, registered = (node.get(key) if isinstance(node, dict) else None for key in keys)
    if not isinstance(name, str) or not isinstance(config, dict):
        raise ModelFileError(f"{CONFIG} holds {abbreviate(node)}, wanted a layer")
    if registered not in (None, name):
        raise ModelFileError(f"{abbreviate(registered)} is a custom class; minidl reads Keras's own")
    return name, config


def _dtype(policy: Json) -> str:
    if isinstance(policy, dict):
        policy = policy.get("config", {}).get("name") if isinstance(policy.get("config"), dict) else None
    if policy not in (None, "float32", "float64"):
        raise ModelFileError(f"its dtype is {abbreviate(policy)}, wanted float32 or float64")
    return policy or "float32"


def _chain(config: Settings) -> tuple[Chain, tuple[int, ...] | None]:
    """Make the layers of a Sequential. Also return the shape of a row, None if the file does not hold it."""
    nodes = config.get("layers")
    if not isinstance(nodes, list):
        raise ModelFileError(f"{CONFIG} holds {abbreviate(nodes)}, wanted a list of layers")
    layers: list[Layer] = []
    batch_shape = config.get("build_input_shape")
    for class_name, settings in map(_checked_node, nodes):
        if class_name == "InputLayer":
            batch_shape = settings.get("batch_shape")
        else:
            layers += _layers(class_name, dict(settings))
    chain = Chain(*layers)
    _freeze(config, [chain])
    return chain, None if batch_shape is None else _row_shape(batch_shape)


def _row_shape(batch_shape: Json) -> tuple[int, ...]:
    shape = batch_shape[1:] if isinstance(batch_shape, list) else []  # null: rows of any length
    if not shape or any(n is not None and (type(n) is not int or n < 1) for n in shape):
        raise ModelFileError(f"its input shape is {abbreviate(batch_shape)}")
    return tuple(shape)


# Keras's classes that become one layer of minidl
CLASSES: dict[str, tuple[type[Layer], KerasLayer]] = {
    cls.__name__: (cls, entry.keras)
    for cls, entry in LAYERS.items()
    if isinstance(entry.keras, KerasLayer) and entry.keras.class_name is None
} | {"Softmax": (Softmax, KerasLayer())}

FUNCTIONS: dict[str, Callable[[], Layer]] = {
    **ACTIVATIONS,
    "leaky_relu": lambda: LeakyReLU(0.2),  # the default of Keras's function, not that of its layer
    "swish": SiLU,
}

# Settings that must be absent or have one of these values: only then do both layers compute the same
FIXED: Mapping[str, tuple[Any, ...]] = {
    "trainable": (True, False),
    "axis": (-1, [-1]),
    "activation": ("linear",),
    "max_value": (None,),
    "threshold": (0.0,),
    "negative_slope": (0.0,),
    "synchronized": (False,),
    "renorm": (False,),
    "rms_scaling": (False,),
    "data_format": ("channels_last",),
    "unroll": (True, False),
}


def _layers(class_name: str, config: Settings) -> list[Layer]:
    """Make the layers of minidl that compute what a layer of Keras does."""
    if class_name == "Sequential":
        return [_chain(config)[0]]
    _dtype(config.pop("dtype", None))  # half precision computes other numbers; float32 or float64 is the model's choice
    may_activate = class_name == "Activation" or (
        class_name in CLASSES and "activation" in CLASSES[class_name][1].constants
    )
    activation = _activation(class_name, config.pop("activation", "linear")) if may_activate else []
    layers = activation if class_name == "Activation" else [*_layer(class_name, config), *activation]
    _check_rest(class_name, config)
    _freeze(config, layers)
    return layers


def _layer(class_name: str, config: Settings) -> list[Layer]:
    """Make one layer, and take its settings out of the dict. Activations of a layer inside stand behind it."""
    if class_name not in CLASSES:
        raise ModelFileError(f"Keras's {abbreviate(class_name)} has no counterpart in minidl")
    cls, keras = CLASSES[class_name]
    taken = (*keras.settings, *keras.only_read)
    settings: dict[str, Any] = {setting: config.pop(setting) for setting in taken if setting in config}
    behind: list[Layer] = []
    for setting in keras.layers:
        if config.get(setting) is not None:
            inner, inner_config = _checked_node(config.pop(setting))
            settings[setting], *behind = _layers(inner, dict(inner_config))
    name = config.get("name")
    return [cls(**settings, name=name if isinstance(name, str) else None), *behind]


def _freeze(config: Settings, layers: Iterable[Layer]) -> None:
    trainable = config.get("trainable", True)
    if not isinstance(trainable, bool):
        raise ModelFileError(f"a layer's trainable is {abbreviate(trainable)}, wanted true or false")
    for layer in () if trainable else layers:
        layer.trainable = False


def _activation(class_name: str, function: Json) -> list[Layer]:
    if function == "linear":
        return []
    if not isinstance(function, str) or function not in FUNCTIONS:
        raise ModelFileError(f"{class_name}'s activation {abbreviate(function)} has no counterpart in minidl")
    return [FUNCTIONS[function]()]


def _check_rest(class_name: str, config: Settings) -> None:
    """Raise ModelFileError for a setting that changes what the layer computes."""
    for setting, value in config.items():
        if setting.endswith(IGNORED) or value is None or value in FIXED.get(setting, ()):
            continue
        raise ModelFileError(f"{class_name}'s {abbreviate(setting)}={abbreviate(value)} has no counterpart in minidl")
