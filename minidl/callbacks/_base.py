"""What can be watched while a model trains."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import NonFiniteError, SettingError

if TYPE_CHECKING:
    from ..model import Model

Logs = dict[str, Any]


class Callback:
    """Keras's hooks, and three more. A subclass writes those it needs; the others are never called and cost nothing.

    `self.model` is the model, `self.params` {"verbose", "epochs", "steps"}; setting `self.model.stop_training = True`
    ends the training. `logs` holds the running figures under History's names; what a callback puts into the logs of
    on_epoch_end, History records. Callbacks read; what changes the gradient wraps the optimiser instead.
    """

    model: Model
    params: dict[str, Any]

    # What a resumed training needs of this callback: attributes that are numbers, strings, arrays, lists or dicts.
    state_names: ClassVar[tuple[str, ...]] = ()

    # Who saves the training must see what all others have done with the same batch or epoch.
    runs_last: ClassVar[bool] = False

    # Who prints or writes files: of several processes that train together only the first one calls it.
    writes: ClassVar[bool] = False

    def set_model(self, model: Model) -> None:
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
        """Between backward and update: `self.model.params.grad` is fresh, `self.model.batch` what it was made from."""

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
        """Called last, however the training ended: the place to let go of files and bars."""


HOOKS = [name for name in vars(Callback) if name.startswith("on_") or name == "close"]
ALIASES = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}


class CallbackList:
    """For each hook, under its name, the methods to call, in the callbacks' order: only those that are overridden."""

    def __init__(self, callbacks: Iterable[Callback], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = sorted(callbacks, key=lambda callback: callback.runs_last)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self._gather(self.callbacks)

    def _gather(self, callbacks: Iterable[Callback]) -> None:
        for name in HOOKS:
            setattr(self, name, [])
        for callback in callbacks:
            for name in HOOKS:
                method = getattr(callback, name)
                if getattr(method, "__func__", method) is not getattr(Callback, name):
                    getattr(self, ALIASES.get(name, name)).append(method)

    if TYPE_CHECKING:  # the names are said once, in Callback

        def __getattr__(self, hook: str) -> list[Callable[..., None]]: ...

    def without_writing(self) -> CallbackList:
        """The same, but those that print or write files are not called."""
        quiet = copy.copy(self)
        quiet._gather(callback for callback in self.callbacks if not callback.writes)
        return quiet

    def close_all(self) -> None:
        """Let every callback close, whatever happens in one of them."""
        with ExitStack() as stack:
            for close in reversed(self.close):
                stack.callback(close)


NO_CALLBACKS = CallbackList((), None, {})


def as_list(who: str, callbacks: Any) -> list[Callback]:
    """The callbacks as a list: of one, of several, of none."""
    given = [callbacks] if isinstance(callbacks, Callback) else callbacks
    if given is not None and not isinstance(given, Iterable):
        raise SettingError(f"{who}: callbacks must be a list of Callback objects, got {callbacks!r}{_hint(callbacks)}")
    for callback in (found := list(given or [])):
        if not isinstance(callback, Callback):
            raise SettingError(f"{who}: callbacks must be Callback objects, got {callback!r}{_hint(callback)}")
    return found


def _hint(given: Any) -> str:
    return f"; write {given.__name__}()" if isinstance(given, type) else ""


def call(methods: list[Callable[..., None]], *arguments: Any) -> None:
    """Call each of them with the arguments."""
    for method in methods:
        method(*arguments)
