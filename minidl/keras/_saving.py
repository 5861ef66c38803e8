"""Files of models: Keras's .keras, .h5 and .weights.h5, which Keras reads too."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from ..errors import SettingError
from ..files import StoredWeight, keras_parts
from . import _config, losses, metrics
from ._compiling import optimizer_of
from ._encoding import encoded
from ._registry import by_own_names, custom_object_scope
from ._variables import Variable

LEGACY = (".h5", ".hdf5")


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: Any = None) -> None:
    """Write a whole model: layers, weights, and what `compile` received. A name in .keras, or in .h5 as in Keras 2."""
    path = _target(filepath, overwrite)
    if path.endswith(".keras"):
        config = json.loads(_config.to_json(model)) | {"compile_config": _compile_config(model)}
        keras_parts.write_archive(path, config, _by_path(model), model.core)
    elif path.endswith(LEGACY) and not path.endswith(".weights.h5"):
        configs = {"model_config": json.loads(_config.to_json(model)), "training_config": _training_config(model)}
        kept = {name: config for name, config in configs.items() if config is not None}
        keras_parts.write_legacy(path, kept, _by_layer(model))
    else:
        raise SettingError(f"save: the name of a model ends in .keras, or in .h5 as in Keras 2, got {path!r}")


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """Read a model that `save` or Keras wrote.

    custom_objects  the script's own classes and functions by name, besides those that are registered
    """
    with custom_object_scope(custom_objects or {}):
        return _load(str(filepath), custom_objects, compile)


def _load(path: str, custom_objects: Any, compile: bool) -> Any:
    if path.endswith(LEGACY):
        configs, content = keras_parts.read_legacy(path)
        model = _config.layer_from(configs["model_config"], custom_objects)
        keras_parts.set_from_legacy(content, _by_layer(model))
        if compile:
            _compile(model, _modern(configs.get("training_config")), custom_objects)
        return model
    config, content = keras_parts.read_archive(path)
    model = _config.layer_from(config, custom_objects)
    if compile:
        _compile(model, config.get("compile_config"), custom_objects)
    keras_parts.set_from_weights(content, _by_path(model), model.core, optimizer=model.compiled)
    return model


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights, and the optimizer's state."""
    path = _target(filepath, overwrite)
    if not path.endswith(".weights.h5"):
        raise SettingError(f"save_weights: the name must end in .weights.h5, got {path!r}")
    keras_parts.write_weights(path, _by_path(model), model.core)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Read weights that `save_weights` or Keras wrote."""
    if skip_mismatch:
        raise SettingError("load_weights: skip_mismatch=True is not in minidl; the weights must fit")
    path = str(filepath)
    if path.endswith(".weights.h5"):
        keras_parts.read_weights_file(path, _by_path(model), model.core)
    elif path.endswith(".keras"):
        keras_parts.set_from_weights(keras_parts.read_archive(path)[1], _by_path(model), model.core, optimizer=False)
    else:
        model.core.load_weights(path)


def _target(filepath: Any, overwrite: bool) -> str:
    path = str(filepath)
    if not overwrite and Path(path).exists():
        raise SettingError(f"save: {path} exists; pass overwrite=True to replace it")
    return path


# ---- weights by their places in a file


def _by_path(model: Any) -> dict[str, StoredWeight]:
    """Return the weights by Keras's paths: /layers/dense_1/vars/0."""
    return {f"/{path}": _stored(weight) for path, weight in model.stored()}


def _by_layer(model: Any) -> dict[str, list[StoredWeight]]:
    """Return the weights of each layer in the order of an .h5: first those that are trained."""
    ordered = {layer.name: [*layer.trainable_weights, *layer.non_trainable_weights] for layer in model.layers}
    return {name: [_stored(weight) for weight in weights] for name, weights in ordered.items() if weights}


def _stored(weight: Variable) -> StoredWeight:
    return StoredWeight(weight.holder, weight.attribute, name=weight.path)


# ---- what `compile` received


def _compile_config(model: Any) -> Any:
    given = model.compiled_settings
    if given is None:
        return None
    parts = {"optimizer": given.optimizer, "loss": given.loss, "metrics": given.metrics}
    parts |= {"weighted_metrics": given.weighted_metrics, "loss_weights": given.loss_weights}
    return {name: _encoded(part) for name, part in parts.items()}


def _encoded(given: Any) -> Any:
    if isinstance(given, dict):
        return {name: _encoded(part) for name, part in given.items()}
    if isinstance(given, list | tuple):
        return [_encoded(part) for part in given]
    return encoded(given)


def _training_config(model: Any) -> Any:
    """Return what an .h5 holds in place of a compile_config."""
    config = _compile_config(model)
    return config and {"optimizer_config" if name == "optimizer" else name: part for name, part in config.items()}


def _modern(config: Any) -> Any:
    """Return a training_config of an .h5 as a compile_config."""
    if not config or "optimizer_config" not in config:
        return config
    return config | {"optimizer": config["optimizer_config"]}


def _compile(model: Any, config: Any, custom_objects: Any) -> None:
    """Compile as the config says. A loss or a metric that is not known leaves the model as it is, with a warning."""
    if not config:
        return
    try:
        model.compile(
            optimizer_of(config["optimizer"]),
            _decoded(config.get("loss"), losses, custom_objects),
            config.get("loss_weights"),
            _decoded(config.get("metrics"), metrics, custom_objects),
            _decoded(config.get("weighted_metrics"), metrics, custom_objects),
        )
        _ = model.core
    except (SettingError, KeyError) as error:
        model.compiled_settings = None
        warnings.warn(f"load_model: the model is not compiled: {error}", stacklevel=3)


def _decoded(given: Any, module: Any, custom_objects: Any) -> Any:
    if isinstance(given, dict) and "class_name" in given:
        return module.deserialize(given, custom_objects)
    if isinstance(given, dict):
        return {name: _decoded(part, module, custom_objects) for name, part in given.items()}
    if isinstance(given, list):
        return [_decoded(part, module, custom_objects) for part in given]
    return {**by_own_names(), **(custom_objects or {})}.get(given, given)


__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
