"""minidl's model file: one HDF5 file with everything. Its first bytes hold the length and SHA-256 of the rest.

512 bytes   magic, format version, length and SHA-256 of the rest, zeros
HDF5        /layers/...         the weights, in the layout of Keras 3: see _keras_layout.py
            /minidl/config      architecture and compile settings, JSON
            /minidl/state       generator, optimizer, and the place in the training, JSON
            /minidl/arrays/<n>  arrays that the JSON refers to
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields
from typing import Any

import numpy as np

from ..errors import ModelFileError, SettingError
from ..layers import Chain, Layer
from ..losses import Loss, PenalizedLoss
from ..metrics import Metric
from ..model import Model
from ..optimizers import Optimizer
from ..parameters import Penalty
from ..ports import Ports
from ..seeding import Streams
from ..sequential import Sequential
from ..trainer import TrainingState
from . import _strict_json
from ._hdf5_reader import HDF5Reader, open_hdf5, to_hdf5
from ._json_codec import Customs, Decoder, Encoder, Json
from ._keras_layout import allocate, check_names, check_size, finite_arrays, read_weights, weights_by_path
from ._untrusted import abbreviate, describe_error

MAGIC = b"\x93minidl\n"
VERSION = 1
HEADER = struct.Struct("<8sIQ32s")
USER_BLOCK = 512
CONFIG_BYTES, STATE_BYTES = 2**17, 2**20  # at most, of JSON
MODELS: dict[str, type[Model]] = {"Model": Model, "Sequential": Sequential}
POSITION = tuple(field.name for field in fields(TrainingState))
WEIGHTS_ONLY = "save_weights saves the weights"

# ---- the seal


def seal(arrays: Mapping[str, np.ndarray]) -> bytearray:
    """Make the bytes of a file that holds the arrays."""
    raw = to_hdf5(arrays, USER_BLOCK)
    body = memoryview(raw)[USER_BLOCK:]
    HEADER.pack_into(raw, 0, MAGIC, VERSION, len(body), hashlib.sha256(body).digest())
    return raw


def is_sealed(raw: bytes) -> bool:
    """Return True if the bytes begin as a model file of minidl does."""
    return raw.startswith(MAGIC)


def checked_digest(raw: bytes) -> bytes:
    """Return the SHA-256 of the contents. Raises ModelFileError for a file that is damaged or of another kind."""
    if not is_sealed(raw) or len(raw) <= USER_BLOCK:
        remedy = "if it holds weights alone, build the model and call load_weights, which reads Keras's .h5 too"
        raise ModelFileError(f"not a minidl model file; {remedy}")
    _, version, length, written = HEADER.unpack_from(raw)
    if version != VERSION:
        raise ModelFileError(f"its format is version {version}, this minidl reads version {VERSION}")
    body = memoryview(raw)[USER_BLOCK:]
    if length != len(body):
        raise ModelFileError(f"damaged (it has {len(body)} bytes of contents, and was written with {length})")
    if any(raw[HEADER.size : USER_BLOCK]) or hashlib.sha256(body).digest() != written:
        raise ModelFileError("damaged (SHA-256 of its contents does not match)")
    return bytes(written)


# ---- save


def encode_model(model: Model) -> bytearray:
    """Make the bytes of the model's file: the same model gives the same bytes."""
    encoder = Encoder()
    arrays = {} if model.input_shape is None else finite_arrays(weights_by_path(model.layer))
    arrays["/minidl/config"] = _json_array("architecture", configuration(model, encoder), CONFIG_BYTES)
    arrays["/minidl/state"] = _json_array("state", _state(model, encoder), STATE_BYTES)
    return seal(arrays | {f"/minidl/arrays/{number}": array for number, array in enumerate(encoder.arrays)})


def _json_array(what: str, value: Json, limit: int) -> np.ndarray:
    try:
        raw = _strict_json.dump(value)
        if len(raw) > limit:
            raise ValueError(f"it takes {len(raw)} bytes, the limit is {limit}")
        _strict_json.parse("it", raw)  # a file that cannot be read must not be written
    except ValueError as error:
        raise SettingError(f"save: the {what} cannot be saved ({describe_error(error)}); {WEIGHTS_ONLY}") from None
    return np.frombuffer(raw, np.uint8)


def configuration(model: Model, encoder: Encoder) -> dict[str, Json]:
    """Encode architecture and compile settings."""
    kind = next((name for name, cls in MODELS.items() if type(model) is cls), None)
    if kind is None:
        name, known = type(model).__name__, " and ".join(MODELS)
        raise SettingError(f"save: {name} is a subclass; files hold {known} themselves; {WEIGHTS_ONLY}")
    check_names(model.name, model.layer)
    frozen = [path for path, layer in model.layer.walk() if not layer.trainable]
    config = {
        "model": kind,
        "name": model.name,
        "seed": model.seed,
        "dtype": model.dtype.name,
        "input_shape": None if model.input_shape is None else list(model.input_shape),
        "layer": encoder.encode("the model", model.layer),
        "compile": _compile_settings(model, encoder),
    }
    return config | ({"frozen": frozen} if frozen else {})


def _compile_settings(model: Model, encoder: Encoder) -> dict[str, Json]:
    return {
        "optimizer": encoder.encode("the optimizer", model.optimizer.serializable),
        "loss": encoder.encode("the loss", model.loss),
        "metrics": [[name, encoder.encode(f"the metric {name}", metric)] for name, metric in model.metrics.items()],
    }


def _state(model: Model, encoder: Encoder) -> dict[str, Json]:
    optimizers = model.optimizer.serializable.walk() if model.optimizer.built else ()
    position = model.trainer.snapshot() if model.trainer else model.position
    return {
        "numpy": np.__version__,
        "generator": _encode_streams(model.streams),
        "optimizer": [_encode_fields(optimizer, optimizer.state_names, encoder) for optimizer in optimizers],
        "training_rows": encoder.encode("training_rows", model.training_rows),
        "position": None if position is None else _encode_fields(position, POSITION, encoder),
    }


def _encode_fields(holder: Optimizer | TrainingState, names: Iterable[str], encoder: Encoder) -> dict[str, Json]:
    who = type(holder).__name__
    return {name: encoder.encode(f"{who}.{name}", getattr(holder, name)) for name in names}


def _encode_streams(streams: Streams) -> Json:
    """The state of each stream; of one that serves for all, as in models of minidl 0.1, once."""
    states = [_generator(rng) for rng in streams]
    return states[0] if streams.weights is streams.masks is streams.order else states


def _generator(rng: np.random.Generator) -> list[int]:
    state: Mapping[str, Any] = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise SettingError(f"save: the model's generator must be NumPy's PCG64, got {state['bit_generator']}")
    return [state["state"]["state"], state["state"]["inc"], state["has_uint32"], state["uinteger"]]


# ---- load


def decode_model(raw: bytes, customs: Customs, sha256: str | None = None) -> Model:
    """Make the model in the bytes of a file."""
    digest = checked_digest(raw).hex()
    if sha256 is not None and str(sha256).lower() != digest:
        raise ModelFileError(f"its SHA-256 is {digest}, wanted {abbreviate(sha256)}")
    with open_hdf5(raw) as file:
        return _read_model(file, customs)


def _read_model(file: HDF5Reader, customs: Customs) -> Model:
    decoder = Decoder(customs, lambda number, dtype, shape: file.array(f"/minidl/arrays/{number}", (dtype,), shape))
    config = _read_json(file, "/minidl/config", CONFIG_BYTES, _CONFIG_KEYS, {"frozen"})
    state = _read_json(file, "/minidl/state", STATE_BYTES, _STATE_KEYS, {"training_rows"})
    model = _unbuilt_model(config, decoder, file.size)
    paths = {"/minidl/config", "/minidl/state"}
    if config["input_shape"] is not None:
        row_shape = _row_shape(config["input_shape"], file.size)
        allocate(model, model.ports.row_shape if model.ports.any_length else row_shape, file.size)
        weights = weights_by_path(model.layer)
        read_weights(file, weights, (model.dtype.name,))()
        paths |= set(weights)
    if "frozen" in config:
        _freeze(model.layer, config["frozen"])
    if state["optimizer"] != []:
        if config["input_shape"] is None or config["compile"] is None:
            raise ModelFileError("its optimizer has a state, but its model is not built and compiled")
        _restore_optimizer(model, state["optimizer"], decoder)
    model.training_rows = _training_rows(state.get("training_rows"))
    model.take_streams(_decode_streams(state["generator"]))
    model.position = None if state["position"] is None else _position(state["position"], state["numpy"], decoder)
    file.check_only(paths | {f"/minidl/arrays/{number}" for number in decoder.numbers})
    return model


_CONFIG_KEYS = {"model", "name", "seed", "dtype", "input_shape", "layer", "compile"}
_COMPILE_KEYS = {"optimizer", "loss", "metrics"}
_STATE_KEYS = {"numpy", "generator", "optimizer", "position"}


def _read_json(
    file: HDF5Reader, path: str, limit: int, keys: set[str], optional: Set[str] = frozenset()
) -> dict[str, Json]:
    return _checked_keys(path, _strict_json.parse(path, file.bytes(path, limit)), keys, optional)


def _checked_keys(what: str, given: Json, keys: set[str], optional: Set[str] = frozenset()) -> dict[str, Json]:
    if not isinstance(given, dict) or set(given) - optional != keys:
        raise ModelFileError(f"{what} holds {abbreviate(given)}, wanted the keys {', '.join(sorted(keys))}")
    return given


def _row_shape(given: Json, largest: int) -> tuple[int, ...]:
    lengths = given if isinstance(given, list) else []  # null: rows of any length
    if not lengths or any(n is not None and (type(n) is not int or not 1 <= n <= largest) for n in lengths):
        raise ModelFileError(f"its input_shape is {abbreviate(given)}")
    return tuple(lengths)


def _unbuilt_model(config: dict[str, Json], decoder: Decoder, size: int) -> Model:
    """Make the model, compiled if it was, without its weights. Those of a file of `size` bytes must fit in it."""
    kind, layer = config["model"], decoder.decode_as(Layer, config["layer"])
    if kind not in list(MODELS):
        raise ModelFileError(f"it holds a {abbreviate(kind)}, wanted {' or '.join(MODELS)}")
    check_names(config["name"], layer)
    if (row_shape := Ports.of(layer).row_shape) is not None:  # a model of several inputs builds itself
        check_size(layer, row_shape, size)
    content: Any = layer.layers if kind == "Sequential" and type(layer) is Chain else layer
    model = MODELS[kind](content, seed=config["seed"], dtype=config["dtype"], name=config["name"])
    if config["compile"] is not None:
        _compile(model, _checked_keys("compile", config["compile"], _COMPILE_KEYS), decoder)
    return model


def _compile(model: Model, settings: dict[str, Json], decoder: Decoder) -> None:
    metrics = [
        (decoder.decode_as(str, name), decoder.decode_as(Metric, metric)) for name, metric in settings["metrics"]
    ]
    loss = None if settings["loss"] is None else decoder.decode_as(PenalizedLoss, settings["loss"])
    if loss is not None:
        parts = [(loss.loss, Loss), *((term, Penalty) for term in loss.penalties)]
        if not all(isinstance(part, kind) for part, kind in parts):
            raise ModelFileError("its loss must be a loss with penalties")
    model.compile(decoder.decode_as(Optimizer, settings["optimizer"]), loss)
    model.metrics = dict(metrics)


def _freeze(layer: Layer, paths: Json) -> None:
    layers = dict(layer.walk())
    frozen = {path for path in paths if isinstance(path, str)} if isinstance(paths, list) else set()
    if not frozen or len(frozen) != len(paths) or not frozen <= set(layers):
        raise ModelFileError(f"its frozen layers are {abbreviate(paths)}, wanted paths of layers")
    for path, inner in layers.items():  # containers first, since they set the flag of all layers inside
        inner.trainable = path not in frozen


def _restore_optimizer(model: Model, states: Json, decoder: Decoder) -> None:
    model.prepare_optimizer()
    optimizers = list(model.optimizer.walk())
    if not isinstance(states, list) or len(states) != len(optimizers):
        raise ModelFileError("its optimizer's state is that of another optimizer")
    for optimizer, given in zip(optimizers, states, strict=True):
        kind = type(optimizer).__name__
        _checked_keys(f"the state of {kind}", given, set(optimizer.state_names))
        for name in optimizer.state_names:
            value = decoder.decode(given[name])
            _check_like(f"{kind}'s {name}", value, getattr(optimizer, name))
            setattr(optimizer, name, value)


def _check_like(what: str, value: object, initial: object) -> None:
    """Raise ModelFileError unless the value has the type, and an array the shape, of the optimizer's initial one."""
    same = type(value) is type(initial)
    if isinstance(value, np.ndarray) and isinstance(initial, np.ndarray):
        same = value.dtype == initial.dtype and value.shape == initial.shape
    if not same or (type(value) is int and value < 0):
        raise ModelFileError(f"{what} is {abbreviate(value)}, which does not fit the optimizer")


def _training_rows(given: Json) -> float | None:
    """m in the penalties. Files of 0.1 have none: their penalties go on with the rows of each batch."""
    if given is not None and not (type(given) in (int, float) and given > 0):
        raise ModelFileError(f"its training_rows are {abbreviate(given)}, wanted a number above 0")
    return given


def _decode_streams(given: Json) -> Streams:
    if not isinstance(given, list) or not given or not isinstance(given[0], list):
        return Streams.single(_decode_generator(given))
    if len(given) != 3:
        raise ModelFileError(f"it has {len(given)} generators, wanted 3")
    return Streams(*(_decode_generator(state) for state in given))


def _decode_generator(given: Json) -> np.random.Generator:
    rng = np.random.Generator(np.random.PCG64(0))
    rng.bit_generator.state = _generator_state(given)
    return rng


def _generator_state(given: Json) -> dict[str, Any]:
    limits = (2**128, 2**128, 2, 2**32)
    if not isinstance(given, list) or [type(n) for n in given] != [int] * 4:
        raise ModelFileError(f"its generator is {abbreviate(given)}, wanted four integers")
    if not all(0 <= n < limit for n, limit in zip(given, limits, strict=True)):
        raise ModelFileError("the numbers of its generator are out of range")
    state = {"state": given[0], "inc": given[1]}
    return {"bit_generator": "PCG64", "state": state, "has_uint32": given[2], "uinteger": given[3]}


def _position(given: Json, numpy_version: Json, decoder: Decoder) -> TrainingState:
    kinds = {"epoch": int, "batch": int, "rows": float, "data_sum": float, "penalty_sum": float, "stopped": bool}
    _checked_keys("position", given, set(POSITION))
    values: dict[str, Any] = {name: decoder.decode_as(kind, given[name]) for name, kind in kinds.items()}
    if min(values["epoch"], values["batch"], values["rows"]) < 0:
        raise ModelFileError("its position holds a negative number")
    order = None if given["order"] is None else decoder.decode_as(np.ndarray, given["order"])
    states = decoder.decode_as(dict, given["states"])
    if not all(isinstance(state, dict) and isinstance(who, str) for who, state in states.items()):
        raise ModelFileError("the states in its position must be dicts with names")
    if numpy_version != np.__version__:
        versions = f"NumPy {abbreviate(numpy_version)}, this is {np.__version__}"
        warnings.warn(f"the training was saved with {versions}: it resumes, but not to the bit", stacklevel=5)
    return TrainingState(**values, order=order, states=states)
