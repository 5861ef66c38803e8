"""The hooks of a training, and the list of callbacks that are called at each of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from ..data import Examples, Source
from ..errors import NonFiniteError, SettingError
from ..metrics import Metric
from ..objective import Objective
from ..optimizers import Optimizer
from ..parameters import Parameters
from ..validation import Validated, hint

Logs = dict[str, Any]


def split_arrays(logs: Logs) -> Logs:
    """Return the logs with each array split into numbers: precision[0], precision[1], ..."""
    split: Logs = {}
    for name, value in logs.items():
        split |= {f"{name}[{i}]": number for i, number in enumerate(value)} if np.ndim(value) else {name: value}
    return split


class RunningTrainer(Protocol):
    """The part of a trainer that callbacks use."""

    validation: Source | None

    def figures(self, *, running: bool = False) -> Logs: ...


class TrainedModel(Protocol):
    """The part of a model that callbacks use."""

    name: str
    optimizer: Optimizer
    metrics: dict[str, Metric]
    stop_training: bool

    @property
    def trainer(self) -> RunningTrainer | None: ...
    @property
    def objective(self) -> Objective: ...
    @property
    def params(self) -> Parameters: ...
    @property
    def batch(self) -> Examples | None: ...
    def get_weights(self) -> list[np.ndarray]: ...
    def set_weights(self, weights: Iterable[Any]) -> None: ...
    def save(self, path: str | Path) -> None: ...
    def save_weights(self, path: str | Path) -> None: ...
    def restore_training(self, path: str | Path) -> None: ...


class Callback(Validated):
    """Keras's hooks, and two more. A subclass writes those it needs; the others are never called and cost nothing.

    `self.model` is the model, `self.params` {"verbose", "epochs", "steps"}; `self.model.stop_training = True` ends the
    training. `logs` has the figures so far under History's names; History also records what a callback adds to the logs
    of on_epoch_end. Callbacks read: code that changes the gradient belongs into a wrapper of the optimizer.
    """

    model: TrainedModel
    params: dict[str, Any]

    # Attributes that a resumed training needs: numbers, strings, arrays, lists or dicts.
    state_names: ClassVar[tuple[str, ...]] = ()

    # True for callbacks that save the training: the others have seen the batch or epoch before.
    runs_last: ClassVar[bool] = False

    # True for callbacks that print or write files: of several processes only the first calls them.
    writes: ClassVar[bool] = False

    def set_model(self, model: TrainedModel) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None: ...
    def on_train_end(self, logs: Logs | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_gradients(self, batch: int, logs: Logs | None = None) -> None:
        """Between backward and update: `self.model.params.grad` is the gradient on `self.model.batch`."""

    def on_not_finite(self, error: NonFiniteError) -> None:
        """The loss or a gradient is NaN or infinite: the error is raised unless a callback stops the training."""

    def on_test_begin(self, logs: Logs | None = None) -> None: ...
    def on_test_end(self, logs: Logs | None = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_begin(self, logs: Logs | None = None) -> None: ...
    def on_predict_end(self, logs: Logs | None = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Keras's other name of on_train_batch_begin."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Keras's other name of on_train_batch_end."""

    def close(self) -> None:
        """Called last, however the training ended: the place to close files and bars."""


HOOKS = [name for name in vars(Callback) if name.startswith("on_") or name == "close"]
ALIASES = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}


class CallbackList:
    """For each hook, under its name, the methods to call, in the order of the callbacks: only overridden ones."""

    def __init__(self, callbacks: Iterable[Callback], model: TrainedModel | None, params: dict[str, Any]) -> None:
        self.callbacks = sorted(callbacks, key=lambda callback: callback.runs_last)
        for callback in self.callbacks:
            if model is not None:
                callback.set_model(model)
            callback.set_params(params)
        self._collect(self.callbacks)

    def _collect(self, callbacks: Iterable[Callback]) -> None:
        for name in HOOKS:
            setattr(self, name, [])
        for callback in callbacks:
            for name in HOOKS:
                method = getattr(callback, name)
                if getattr(method, "__func__", method) is not getattr(Callback, name):
                    getattr(self, ALIASES.get(name, name)).append(method)

    if TYPE_CHECKING:  # the names of the hooks stand once, in Callback

        def __getattr__(self, hook: str) -> list[Callable[..., None]]: ...

    def without_writing(self) -> CallbackList:
        """Return the list without the callbacks that print or write files."""
        quiet = copy.copy(self)
        quiet._collect(callback for callback in self.callbacks if not callback.writes)
        return quiet

    def close_all(self) -> None:
        """Close every callback, also after one of them has raised."""
        if not self.close:
            return
        with ExitStack() as stack:
            for close in reversed(self.close):
                stack.callback(close)


NO_CALLBACKS = CallbackList((), None, {})


def as_list(who: str, callbacks: Callback | Iterable[Callback] | None) -> list[Callback]:
    """Return the callbacks as a list. Raise SettingError for anything else than Callback objects."""
    given = [callbacks] if isinstance(callbacks, Callback) else callbacks
    if given is not None and not isinstance(given, Iterable):
        raise SettingError(f"{who}: callbacks must be a list of Callback objects, got {callbacks!r}{_hint(callbacks)}")
    for callback in (found := list(given or [])):
        if not isinstance(callback, Callback):
            raise SettingError(f"{who}: callbacks must be Callback objects, got {callback!r}{_hint(callback)}")
    return found


def _hint(given: Any) -> str:
    return f"; write {given.__name__}()" if isinstance(given, type) else hint(given, Callback)


def call(methods: list[Callable[..., None]], *arguments: Any) -> None:
    """Call each of the methods with the arguments."""
    for method in methods:
        method(*arguments)
