"""Configs of models: their layers and wires as Keras writes them, and models made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .._lazy import extension
from ..errors import SettingError
from ..naming import snake_case
from ._calculations import Calculation, read
from ._encoding import Config, node, policy
from ._operation import Operation, classes
from ._own_masks import without_own_mask
from ._registry import custom_object_scope
from ._tensors import KerasTensor, Node, leaves

TENSOR = "__keras_tensor__"  # what a config calls a symbolic tensor
MODELS = ("Functional", "Sequential", "Model")


def layer_config(layer: Operation) -> Config:
    """Return the config of a layer or a model, from which `layer_from` makes a new one."""
    kind = layer.kind_of_name()
    if isinstance(layer, Calculation):
        return node(layer.module, layer.class_name, layer.get_config(), layer.class_name)
    module = "keras" if kind == "Sequential" else "keras.src.models.functional" if kind in MODELS else "keras.layers"
    return node(module, kind, layer.get_config())


def layer_from(config: Config, custom_objects: Any = None) -> Any:
    """Return a layer or model of its config, with new weights."""
    name, settings = config.get("class_name"), config.get("config")
    public = extension("Keras layers").__all__
    known = classes | dict(custom_objects or {})
    if name not in known or not isinstance(settings, dict):
        there = ", ".join(sorted(n for n in known if n in (*public, *MODELS, *(custom_objects or {}))))
        raise SettingError(f"there is no layer {name!r} in minidl.keras; there are {there}")
    return known[name].from_config(settings, custom_objects)


# ---- to a config


def sequential_config(model: Any) -> Config:
    """Return the config of a Sequential."""
    first = [layer_config(x.node.operation) for x in model.inputs]
    config = _general(model) | {"layers": [*first, *map(layer_config, model.layers)]}
    return config | ({"build_input_shape": model.inputs[0].shape} if model.inputs else {})


def functional_config(model: Any) -> Config:
    """Return the config of a model of inputs and outputs."""
    inner = {id(node) for node in model.inner_nodes}
    layers = []
    for layer in model.operations:
        calls = [node for node in layer.nodes if id(node) in inner and node.inputs]
        inbound = [_written(model, call) for call in calls]
        layers.append(layer_config(layer) | {"name": layer.name, "inbound_nodes": inbound})
    ends = {"input_layers": [_history(model, x) for x in model.inputs]}
    outputs = [_history(model, x) for x in model.outputs]
    if len(outputs) > 1 or model.has_named_outputs:
        outputs = model.formed(outputs)
    return _general(model) | {"layers": layers} | ends | {"output_layers": outputs}


def _general(model: Any) -> Config:
    return {"name": model.name, "trainable": model.trainable, "dtype": policy(model.dtype)}


def _written(model: Any, node: Node) -> Config:
    """Return the arguments of a call, with the place of each tensor in the model."""
    written = node.operation.call_in_config() if isinstance(node.operation, Calculation) else node.call
    call = written.mapped(
        lambda x: {
            "class_name": TENSOR,
            "config": {"shape": x.shape, "dtype": x.dtype, "keras_history": _history(model, x)},
        }
    )
    return {"args": call.args, "kwargs": call.kwargs}


def _history(model: Any, x: KerasTensor) -> list[Any]:
    """Return [name of the layer, number of its call in this model, number of the output]."""
    inner = {id(node) for node in model.inner_nodes}
    calls = [node for node in x.node.operation.nodes if id(node) in inner]
    return [x.node.operation.name, calls.index(x.node), x.node.outputs.index(x)]


# ---- from a config


def model_from(cls: Any, config: Config, custom_objects: Any = None) -> Any:
    """Return a model of the config of a Sequential, or of inputs and outputs."""
    make = _functional_from if "input_layers" in config else _sequential_from
    with custom_object_scope(custom_objects or {}):
        model = make(cls, config, custom_objects)
    if config.get("trainable") is False:
        model.trainable = False
    return model


def _sequential_from(cls: Any, config: Config, custom_objects: Any) -> Any:
    model = cls(name=config.get("name"))
    for layer in config["layers"]:
        model.add(layer_from(layer, custom_objects))
    if (shape := config.get("build_input_shape")) and model.layers:
        model.build(shape)
    return model


def _functional_from(cls: Any, config: Config, custom_objects: Any) -> Any:
    entries = {entry["name"]: entry for entry in config["layers"]}
    layers = {name: layer_from(entry, custom_objects) for name, entry in entries.items() if not is_calculation(entry)}
    tensors: dict[tuple[str, int, int], KerasTensor] = {}
    for name, layer in layers.items():
        if layer.kind_of_name() == "InputLayer":
            tensors[name, 0, 0] = layer.nodes[0].outputs[0]
    calls = [(entry["name"], number, call) for entry in config["layers"] for number, call in _numbered(entry)]
    while calls:
        ready = [call for call in calls if all(place in tensors for place in _places(call[2]))]
        if not ready:
            raise SettingError("from_config: the layers of the config do not follow from its inputs")
        for name, number, call in ready:
            args, kwargs = (_read(call.get(part), tensors) for part in ("args", "kwargs"))
            if name in layers:
                layers[name](*args, **without_own_mask(args, kwargs or {}))
                outputs = layers[name].nodes[-1].outputs
            else:
                outputs = _calculated(entries[name], args, kwargs or {})
            tensors |= {(name, number, index): tensor for index, tensor in enumerate(outputs)}
        calls = [call for call in calls if call not in ready]
    inputs, outputs = (_ends(config[key], tensors) for key in ("input_layers", "output_layers"))
    return cls(inputs=inputs, outputs=outputs, name=config.get("name"))


def is_calculation(entry: Config) -> bool:
    """Return True if the entry of a config is an operation between tensors, such as Add of x + y.

    An .h5 of Keras names no modules; an operation has fewer settings than a layer there.
    """
    if "module" in entry:
        return str(entry["module"]).startswith("keras.src.ops")
    is_layer = entry["class_name"] in classes and {"trainable", "dtype", "layers"} & {*entry["config"]}
    return not is_layer and snake_case(entry["class_name"]) in extension("Keras functions").__all__


def _calculated(entry: Config, args: Any, kwargs: Any) -> tuple[KerasTensor, ...]:
    """Return the outputs of an operation between tensors, with its name in the config."""
    settings = {name: _read(value, {}) for name, value in entry["config"].items() if name != "name"}
    kind = snake_case(entry["class_name"])
    function = KerasTensor.get if kind == "get_item" else getattr(extension("Keras functions"), kind)
    outputs = tuple(leaves(function(*args, **kwargs, **settings)))
    outputs[0].node.operation.name = entry["name"]
    return outputs


def _numbered(entry: Config) -> Iterator[tuple[int, Config]]:
    return enumerate(entry["inbound_nodes"])


def _places(call: Config) -> list[tuple[str, int, int]]:
    if not isinstance(call, dict):
        remedy = "load the model with Keras 3 and save it again"
        raise SettingError(f"from_config: the calls of layers are written as in Keras 2, {call!r}: {remedy}")
    return [place for part in ("args", "kwargs") for place in _inside(call.get(part))]


def _inside(given: Any) -> Iterator[tuple[str, int, int]]:
    """Yield the places of the tensors in arguments of a call."""
    if isinstance(given, dict) and given.get("class_name") == TENSOR:
        yield tuple(given["config"]["keras_history"])
    elif isinstance(given, dict | list | tuple):
        for part in given.values() if isinstance(given, dict) else given:
            yield from _inside(part)


def _read(given: Any, tensors: dict[tuple[str, int, int], KerasTensor]) -> Any:
    """Return arguments of a call with the tensors at their places."""
    if isinstance(given, dict) and given.get("class_name") == TENSOR:
        return tensors[tuple(given["config"]["keras_history"])]
    if isinstance(given, dict) and "class_name" in given:
        return read(given)
    if isinstance(given, dict):
        return {name: _read(part, tensors) for name, part in given.items()}
    if isinstance(given, list | tuple):
        return [_read(part, tensors) for part in given]
    return given


def _ends(places: Any, tensors: dict[tuple[str, int, int], KerasTensor]) -> Any:
    if isinstance(places, dict):
        return {name: _ends(place, tensors) for name, place in places.items()}
    if isinstance(places[0], str):
        return tensors[tuple(places)]
    found = [tensors[tuple(place)] for place in places]
    if len(found) == 1:
        return found[0]
    return tuple(found) if isinstance(places, tuple) else found


# ---- as text


def to_json(model: Any) -> str:
    """Return the node of a model as JSON."""
    return json.dumps(layer_config(model), default=_refuse)


def _refuse(value: Any) -> Any:
    name = getattr(value, "__name__", repr(value))
    raise SettingError(f"{name} is a Python function, which files do not hold; save the weights alone")


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """Return a model of what `to_json` or Keras's `to_json` returned, with new weights."""
    return layer_from(json.loads(json_string), custom_objects)
