"""Copies of models: new layers with the same settings, wired as those of the model are."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..errors import SettingError
from . import optimizers
from ._calculations import Calculation
from ._sequential import Sequential
from ._shapes import InputLayer
from ._tensors import Call, KerasTensor, as_tensors, leaves


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
) -> Any:
    """Return a model of new layers with the same settings and new weights, compiled as the model is.

    input_tensors   symbolic tensors that the new model takes; None: new ones
    clone_function  layer -> the new layer, for all but inputs; None: one with the same settings
    call_function   (layer, arguments of the call) -> outputs; None: layer(...). A Sequential has no use for it
    """
    clone, call = (
        clone_function or _with_settings,
        call_function or (lambda layer, *args, **kwargs: layer(*args, **kwargs)),
    )
    given = None if input_tensors is None else as_tensors("clone_model: input_tensors", input_tensors)
    if given is not None and len(given) != len(model.inputs):
        raise SettingError(f"clone_model: the model has {len(model.inputs)} inputs, got {len(given)} input_tensors")
    inputs = given or tuple(map(_input, model.inputs))
    if isinstance(model, Sequential):
        made = type(model)([*inputs, *map(clone, model.layers)], name=model.name)
    else:
        made = type(model)(list(inputs), _wired(model, inputs, clone, call), name=model.name)
    if settings := model.compiled_settings:
        optimizer = optimizers.deserialize(optimizers.serialize(settings.optimizer))
        own = copy.deepcopy((settings.metrics, settings.weighted_metrics))
        made.compile(optimizer, settings.loss, settings.loss_weights, *own)
    return made


def _with_settings(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _input(x: KerasTensor) -> KerasTensor:
    layer: Any = x.node.operation
    return InputLayer(batch_shape=x.shape, name=layer.name, dtype=layer.input_dtype).nodes[0].outputs[0]


def _wired(model: Any, inputs: tuple[KerasTensor, ...], clone: Any, call: Any) -> Any:
    """Return the outputs of copies of the layers, which take what the layers of the model take."""
    values = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
    copies: dict[int, Any] = {}
    for node in model.inner_nodes:
        if not node.inputs:
            continue
        given = _with_values(node.call, values)
        if isinstance(node.operation, Calculation):
            made = node.operation.again(given)
        else:
            if id(node.operation) not in copies:
                copies[id(node.operation)] = clone(node.operation)
            made = call(copies[id(node.operation)], *given.args, **given.kwargs)
        outputs = leaves(made)
        values |= {id(old): new for old, new in zip(node.outputs, outputs, strict=True)}
    return model.formed([values[id(x)] for x in model.outputs])


def _with_values(call: Call, values: dict[int, KerasTensor]) -> Call:
    return call.mapped(lambda x: values[id(x)])


def _called(layer: Any, *args: Any, **kwargs: Any) -> Any:
    return layer(*args, **kwargs)
