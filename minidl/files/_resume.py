"""Resuming a saved training in the model that is being trained."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelFileError, SettingError
from ..model import Model
from ._json_codec import Encoder, Json
from ._keras_layout import weights_by_path
from ._minidl_format import configuration, decode_model
from ._other_formats import reject_others
from ._untrusted import errors_name, read_bytes


def restore_training(model: Model, path: str | Path) -> None:
    """Continue the running fit from the place that the training in the file had reached.

    Weights, optimizer, learning rate, generator and position become those of the file, which may have any size. Raises
    SettingError if layers, loss, metrics or optimizer differ, or if no fit is running; ModelFileError for a file that
    is damaged, or that was saved outside a fit.
    """
    if model.trainer is None:
        remedy = "use model = load_model(path), then fit(initial_epoch=model.position)"
        raise SettingError(f"restore_training: {model.name} is not being trained; {remedy}")
    encoder = Encoder()
    wanted = _comparable(configuration(model, encoder))
    with errors_name("restore_training", path):
        content = read_bytes(path)
        reject_others(path, content)
        saved = decode_model(content, encoder.customs)
        if saved.position is None:
            raise ModelFileError("it was saved outside a fit; there is no training to resume")
    _check_same(path, wanted, _comparable(configuration(saved, Encoder())))
    _copy_state(saved, model)
    model.trainer.objective, model.trainer.state = model.objective, saved.position


def _comparable(config: dict[str, Json]) -> dict[str, Json]:
    """The settings that must be the same. A learning rate that is a number may have been changed during training."""
    compiled: dict[str, Json] = config["compile"]
    optimizer = compiled["optimizer"]
    while "optimizer" in optimizer:
        optimizer = optimizer["optimizer"]
    if not isinstance(optimizer.get("learning_rate"), dict):
        optimizer.pop("learning_rate", None)
    return {key: config.get(key) for key in ("layer", "frozen", "dtype", "input_shape")} | compiled


def _check_same(path: str | Path, wanted: dict[str, Json], found: dict[str, Json]) -> None:
    for part, setting in wanted.items():
        if found[part] != setting:
            remedy = "remove the file to start again"
            raise SettingError(f"restore_training: {path} belongs to another training: its {part} differs; {remedy}")


def _copy_state(saved: Model, model: Model) -> None:
    """Copy weights, optimizer state, learning rate and generators to a model with the same settings."""
    for source, target in zip(
        weights_by_path(saved.layer).values(), weights_by_path(model.layer).values(), strict=True
    ):
        target.set(source.array)
    model.training_rows = saved.training_rows
    model.take_streams(saved.streams)
    for one, other in zip(saved.optimizer.walk(), model.optimizer.serializable.walk(), strict=True):
        for name in one.state_names:
            setattr(other, name, getattr(one, name))
    model.optimizer.learning_rate = saved.optimizer.learning_rate
