"""minidl's own model file: one HDF5 file with everything, sealed by its length and SHA-256.

512 bytes   magic, format version, length and SHA-256 of the rest, zeros
HDF5        /layers/...         the weights, as Keras 3 lays them out: see layout.py
            /minidl/config      architecture and compile settings, JSON
            /minidl/state       generator, optimiser, and where the training is, JSON
            /minidl/arrays/<n>  the arrays that the state names
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ..errors import ModelFileError, SettingError
from ..layers import Chain, Layer
from ..losses import Loss, PenalizedLoss
from ..metrics import Metric
from ..model import Model
from ..optimizers import Optimizer, Wrapper
from ..parameters import Penalty
from ..sequential import Sequential
from ..trainer import TrainingState as Position
from . import strict_json
from .layout import allocate, finite_arrays, read_weights, refuse_names, weights
from .tree import Tree, image, open_tree, said, shown
from .values import Decoder, Encoder, Objects

MAGIC = b"\x93minidl\n"
VERSION = 1
HEADER = struct.Struct("<8sIQ32s")
USER_BLOCK = 512
CONFIG_BYTES, STATE_BYTES = 2**17, 2**20  # at most, of JSON
MODELS: dict[str, type[Model]] = {"Model": Model, "Sequential": Sequential}

# ---- save


def content(model: Model) -> bytearray:
    """The bytes of the model's file: the same model, the same bytes."""
    return sealed(_contents(model))


def sealed(arrays: Mapping[str, np.ndarray]) -> bytearray:
    """The file's bytes."""
    raw = image(arrays, USER_BLOCK)
    body = memoryview(raw)[USER_BLOCK:]
    HEADER.pack_into(raw, 0, MAGIC, VERSION, len(body), hashlib.sha256(body).digest())
    return raw


def _contents(model: Model) -> dict[str, np.ndarray]:
    encoder = Encoder()
    arrays = {} if model.input_shape is None else finite_arrays(weights(model.layer))
    arrays["/minidl/config"] = _json("architecture", config(model, encoder), CONFIG_BYTES)
    arrays["/minidl/state"] = _json("state", _state(model, encoder), STATE_BYTES)
    return arrays | {f"/minidl/arrays/{number}": array for number, array in enumerate(encoder.arrays)}


def _json(what: str, value: Any, limit: int) -> np.ndarray:
    try:
        raw = strict_json.dump(value)
        if len(raw) > limit:
            raise ValueError(f"it takes {len(raw)} bytes, and files hold {limit}")
        strict_json.parse("it", raw)  # what could not be read is not written
    except ValueError as error:
        remedy = "save_weights saves the weights"
        raise SettingError(f"save: no file can hold the {what} ({said(error)}); {remedy}") from None
    return np.frombuffer(raw, np.uint8)


def config(model: Model, encoder: Encoder) -> dict[str, Any]:
    """Architecture and compile settings."""
    kind = next((name for name, cls in MODELS.items() if type(model) is cls), None)
    if kind is None:
        remedy = "save_weights saves the weights"
        raise SettingError(
            f"save: {type(model).__name__} is a class of its own, files hold {' and '.join(MODELS)}; {remedy}"
        )
    refuse_names(model.name, model.layer)
    return {
        "model": kind,
        "name": model.name,
        "seed": model.seed,
        "dtype": model.dtype.name,
        "input_shape": None if model.input_shape is None else list(model.input_shape),
        "layer": encoder.value("the model", model.layer),
        "compile": _compile_settings(model, encoder) ,
    }


def _compile_settings(model: Model, encoder: Encoder) -> dict[str, Any]:
    return {
        "optimizer": encoder.value("the optimiser", model.optimizer.serializable),
        "loss": encoder.value("the loss", model.loss),
        "metrics": [[name, encoder.value(f"the metric {name}", metric)] for name, metric in model.metrics.items()],
    }


def _state(model: Model, encoder: Encoder) -> dict[str, Any]:
    position = model.trainer.snapshot() if model.trainer else model.position
    begun = model.optimizer.built
    return {
        "numpy": np.__version__,
        "generator": _generator(model.rng),
        "optimizer": [
            {name: encoder.value(f"the optimiser's {name}", getattr(optimizer, name)) for name in optimizer.state_names}
            for optimizer in (_nested(model.optimizer.serializable) if begun else [])
        ],
        "position": None
        if position is None
        else {
            field.name: encoder.value(f"the training's {field.name}", getattr(position, field.name))
            for field in fields(Position)
        },
    }


def copy_state(saved: Model, model: Model) -> None:
    """Weights, optimiser, learning rate and generator of one model into another one of the same kinds."""
    for theirs, ours in zip(weights(saved.layer).values(), weights(model.layer).values(), strict=True):
        ours.set(theirs.array)
    model.rng.bit_generator.state = saved.rng.bit_generator.state
    for one, other in zip(_nested(saved.optimizer), _nested(model.optimizer.serializable), strict=True):
        for name in one.state_names:
            setattr(other, name, getattr(one, name))
    model.optimizer.learning_rate = saved.optimizer.learning_rate


def _generator(rng: np.random.Generator) -> list[int]:
    state: Any = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise SettingError(f"save: the model's generator must be NumPy's PCG64, got {state['bit_generator']}")
    return [state["state"]["state"], state["state"]["inc"], state["has_uint32"], state["uinteger"]]


def _nested(optimizer: Optimizer) -> list[Optimizer]:
    """The optimiser, and those it wraps."""
    return [optimizer, *(_nested(optimizer.optimizer) if isinstance(optimizer, Wrapper) else [])]


# ---- load


def from_content(raw: bytes, customs: Objects, sha256: str | None) -> Model:
    """The model in the bytes of a file."""
    with open_tree(unsealed(raw, sha256)) as tree:
        return _model(tree, customs)


def unsealed(raw: bytes, sha256: str | None = None) -> bytes:
    """The file's bytes, if they are whole."""
    found = digest(raw).hex()
    if sha256 is not None and str(sha256).lower() != found:
        raise ModelFileError(f"its SHA-256 is {found}, wanted {shown(sha256)}")
    return raw


def is_sealed(raw: bytes) -> bool:
    """Whether the bytes begin as a model file of minidl does."""
    return raw.startswith(MAGIC)


def digest(raw: bytes) -> bytes:
    """The SHA-256 of the contents of a file that is whole."""
    if not is_sealed(raw) or len(raw) <= USER_BLOCK:
        remedy = "if it holds weights alone, build the model and call load_weights"
        raise ModelFileError(f"it is no model file of minidl; {remedy}")
    _, version, length, written = HEADER.unpack_from(raw)
    if version != VERSION:
        raise ModelFileError(f"its format is version {version}, this minidl reads version {VERSION}")
    body = memoryview(raw)[USER_BLOCK:]
    if length != len(body):
        raise ModelFileError(f"damaged (it has {len(body)} bytes of contents, and was written with {length})")
    if any(raw[HEADER.size : USER_BLOCK]) or hashlib.sha256(body).digest() != written:
        raise ModelFileError("damaged (SHA-256 of its contents does not match)")
    return written


def _model(tree: Tree, customs: Objects) -> Model:
    decoder = Decoder(customs, lambda number, dtype, shape: tree.array(f"/minidl/arrays/{number}", (dtype,), shape))
    chosen = _read_json(tree, "/minidl/config", CONFIG_BYTES, _CONFIG_KEYS)
    state = _read_json(tree, "/minidl/state", STATE_BYTES, _STATE_KEYS)
    model = _bare(chosen, decoder)
    paths = {"/minidl/config", "/minidl/state"}
    if chosen["input_shape"] is not None:
        shape = chosen["input_shape"]
        if (
            not isinstance(shape, list)
            or not shape
            or any(type(n) is not int or not 1 <= n <= tree.size for n in shape)
        ):
            raise ModelFileError(f"its input_shape is {shown(shape)}")
        allocate(model, tuple(shape), tree.size)
        found = weights(model.layer)
        read_weights(tree, found, (model.dtype.name,))()
        paths |= set(found)
        _restore_optimizer(model, state["optimizer"], decoder)
    elif state["optimizer"]:
        raise ModelFileError("its optimiser has a state, but its model has no weights")
    model.rng.bit_generator.state = _generator_state(state["generator"])
    model.position = None if state["position"] is None else _position(state["position"], state["numpy"], decoder)
    tree.refuse_others(paths | {f"/minidl/arrays/{number}" for number in decoder.known})
    return model


_CONFIG_KEYS = {"model", "name", "seed", "dtype", "input_shape", "layer", "compile"}
_COMPILE_KEYS = {"optimizer", "loss", "metrics"}
_STATE_KEYS = {"numpy", "generator", "optimizer", "position"}


def _read_json(tree: Tree, path: str, limit: int, keys: set[str]) -> dict[str, Any]:
    if (length := tree.length(path)) > limit:
        raise ModelFileError(f"{path} has {length} bytes, more than {limit}")
    return _keyed(path, strict_json.parse(path, tree.array(path, ("uint8",), (length,)).tobytes()), keys)


def _keyed(what: str, given: Any, keys: set[str]) -> dict[str, Any]:
    if not isinstance(given, dict) or set(given) != keys:
        raise ModelFileError(f"{what} holds {shown(given)}, wanted the keys {', '.join(sorted(keys))}")
    return given


def _bare(chosen: dict[str, Any], decoder: Decoder) -> Model:
    """The model, compiled if it was, without its weights."""
    kind, layer = chosen["model"], decoder.of_kind(Layer, chosen["layer"])
    if kind not in list(MODELS):
        raise ModelFileError(f"it holds a {shown(kind)}, wanted {' or '.join(MODELS)}")
    refuse_names(chosen["name"], layer)
    given: Any = layer.layers if kind == "Sequential" and type(layer) is Chain else layer
    model = MODELS[kind](given, seed=chosen["seed"], dtype=chosen["dtype"], name=chosen["name"])
    if chosen["compile"] is not None:
        _compile(model, _keyed("compile", chosen["compile"], _COMPILE_KEYS), decoder)
    return model


def _compile(model: Model, chosen: dict[str, Any], decoder: Decoder) -> None:
    metrics = [(decoder.of_kind(str, name), decoder.of_kind(Metric, metric)) for name, metric in chosen["metrics"]]
    objective = None if chosen["loss"] is None else decoder.of_kind(PenalizedLoss, chosen["loss"])
    if objective is not None:
        parts = [(objective.loss, Loss), *((term, Penalty) for term in objective.penalties)]
        if not all(isinstance(part, kind) for part, kind in parts):
            raise ModelFileError("its loss is no loss with penalties")
    model.compile(decoder.of_kind(Optimizer, chosen["optimizer"]), objective)
    model.metrics = dict(metrics)


def _restore_optimizer(model: Model, states: Any, decoder: Decoder) -> None:
    if states == []:
        return
    model.prepare_optimizer()
    optimizers = _nested(model.optimizer)
    if not isinstance(states, list) or len(states) != len(optimizers):
        raise ModelFileError("its optimiser's state is that of another optimiser")
    for optimizer, given in zip(optimizers, states, strict=True):
        _keyed(f"the state of {type(optimizer).__name__}", given, set(optimizer.state_names))
        for name in optimizer.state_names:
            value, fresh = decoder.value(given[name]), getattr(optimizer, name)
            _refuse_other_kind(f"{type(optimizer).__name__}'s {name}", value, fresh)
            setattr(optimizer, name, value)


def _refuse_other_kind(what: str, value: Any, fresh: Any) -> None:
    """Refuse a state that is not of the kind of the one the optimiser begins with."""
    same = type(value) is type(fresh)
    if same and isinstance(fresh, np.ndarray):
        same = value.dtype == fresh.dtype and value.shape == fresh.shape
    if not same or (type(value) is int and value < 0):
        raise ModelFileError(f"{what} is {shown(value)}, which is not of the optimiser's kind")


def _generator_state(given: Any) -> dict[str, Any]:
    limits = (2**128, 2**128, 2, 2**32)
    if not isinstance(given, list) or [type(n) for n in given] != [int] * 4:
        raise ModelFileError(f"its generator is {shown(given)}, wanted four integers")
    if not all(0 <= n < limit for n, limit in zip(given, limits, strict=True)):
        raise ModelFileError("its generator's numbers are out of range")
    state, increment, has_uint32, uinteger = given
    return {
        "bit_generator": "PCG64",
        "state": {"state": state, "inc": increment},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }


def _position(given: Any, numpy_version: Any, decoder: Decoder) -> Position:
    kinds = {"epoch": int, "batch": int, "rows": float, "data_sum": float, "penalty_sum": float, "stopped": bool}
    _keyed("position", given, {field.name for field in fields(Position)})
    values = {name: decoder.of_kind(kind, given[name]) for name, kind in kinds.items()}
    if min(values["epoch"], values["batch"], values["rows"]) < 0:
        raise ModelFileError("its position holds a negative number")
    order = None if given["order"] is None else decoder.of_kind(np.ndarray, given["order"])
    states = decoder.of_kind(dict, given["states"])
    if not all(isinstance(state, dict) and isinstance(who, str) for who, state in states.items()):
        raise ModelFileError("its position's states are no states")
    if numpy_version != np.__version__:
        versions = f"NumPy {shown(numpy_version)}, this is {np.__version__}"
        warnings.warn(f"the training was saved with {versions}: it goes on, but not to the bit", stacklevel=5)
    return Position(**values, order=order, states=states)
