"""Going on with a training in the model that is being trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ModelFileError, SettingError
from ..model import Model
from . import native
from .tree import named, read_bytes
from .values import Encoder


def restore_training(model: Model, path: str | Path) -> None:
    """Put the model, and the fit that runs, where the training in the file was.

    Weights, optimiser, learning rate, generator and position are the file's. Raises SettingError if layers, loss,
    metrics or optimiser are other ones, or no fit runs; ModelFileError for a file that is damaged, or was saved
    outside a fit.
    """
    if model.trainer is None:
        remedy = "model = load_model(path), then fit(initial_epoch=model.position), goes on in a new one"
        raise SettingError(f"restore_training: no fit of {model.name} is running; {remedy}")
    encoder = Encoder()
    wanted = _comparable(native.config(model, encoder))
    with named("restore_training", path):
        saved = native.from_content(read_bytes(path, 2**63), encoder.customs, None)
        if saved.position is None:
            raise ModelFileError("it was saved outside a fit, so there is none to go on with")
    _refuse_other(path, wanted, _comparable(native.config(saved, Encoder())))
    native.copy_state(saved, model)
    model.trainer.state = saved.position


def _comparable(config: dict[str, Any]) -> dict[str, Any]:
    """What must be the same; a learning rate that is a number may have been changed on the way."""
    optimizer = config["compile"]["optimizer"]
    while "optimizer" in optimizer:
        optimizer = optimizer["optimizer"]
    if not isinstance(optimizer.get("learning_rate"), dict):
        optimizer.pop("learning_rate", None)
    return {key: config[key] for key in ("layer", "dtype", "input_shape")} | config["compile"]


def _refuse_other(path: str | Path, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    for part, setting in wanted.items():
        if found[part] != setting:
            remedy = "remove the file to begin anew"
            raise SettingError(
                f"restore_training: {path} is the backup of another training: its {part} differs; {remedy}"
            )
