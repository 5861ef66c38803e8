"""A model, and what one does with it: fit, evaluate, predict."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import data, validation
from ._lazy import extension
from .callbacks import (
    NO_CALLBACKS,
    Callback,
    CallbackList,
    History,
    as_list,
    call,
    check_verbose,
    evaluation_progress,
    progress,
)
from .data import Examples, Source, Stored
from .errors import DataError, NotBuiltError, SettingError, ShapeError
from .network import Network
from .training import PREDICT_ROWS, Position, Training, evaluate, kind_of


class Model(Network):
    """A layer that is trained: build, compile, fit, evaluate, predict.

    seed   one number reproduces everything drawn: the first weights, the batches' order, the dropout masks
    dtype  "float32" or "float64", of all parameters, gradients and data inside
    """

    history: History
    stop_training = False
    training: Training | None = None  # the fit that is running
    position: Position | None = None  # in a model loaded from a file: where its training was

    def save(self, path: str | Path) -> None:
        """Write the whole model, its optimizer and the place in its training into one file: see `minidl.files`."""
        extension("model files").save(self, path)

    def save_weights(self, path: str | Path) -> None:
        """Write the weights alone, as HDF5 in Keras's layout or as safetensors: see `minidl.files`."""
        extension("model files").save_weights(self, path)

    def load_weights(self, path: str | Path, *, max_bytes: int = 2**31) -> None:
        """Read weights that `save_weights`, Keras or safetensors wrote."""
        extension("model files").load_weights(self, path, max_bytes=max_bytes)

    def restore_training(self, path: str | Path) -> None:
        """Go on, in the running `fit`, from where the training that was saved at the path stood."""
        extension("model files").restore_training(self, path)

    def __getstate__(self) -> dict[str, Any]:
        # a copy made in the middle of a training is a model, not a second training
        return {key: value for key, value in vars(self).items() if key != "training"}

    # ---- fit

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int | Position = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train: for each epoch, for each batch, forward, loss, backward, update. Returns the History.

        x (m, features ...), y (m, outputs) or (m,); or x alone, which yields batches (x, y) or (x, y, weight): a
        generator, an object with __len__ and __getitem__, or a Source, whose batches are taken as they are. Arguments
        mean what they mean in Keras. A batch_size (32 if not given) of m or more takes the whole at once. verbose:
        0 silent, 1 a bar, 2 two lines an epoch, "auto" a bar where one can be seen. initial_epoch: where to begin;
        `model.position` of a loaded model goes on, to the bit, where that training was saved.

        Raises NonFiniteError before an update that would spoil the weights, DataError or SettingError for what cannot
        be used. After any exception the model is usable, with the weights of the step before.
        """
        size = 32 if batch_size is None else validation.check_integer("fit", "batch_size", batch_size, 1)
        epochs = validation.check_integer("fit", "epochs", epochs, 0)
        validation_split = validation.check_real("fit", "validation_split", validation_split, "[0, 1)")
        check_verbose("fit", verbose)
        validation.check_boolean("fit", "shuffle", shuffle)
        if validation_batch_size is not None:
            validation.check_integer("fit", "validation_batch_size", validation_batch_size, 1)
        validation.check_integer("fit", "validation_freq", validation_freq, 1)
        position = _position(initial_epoch)
        watching = as_list("fit", callbacks)
        self.settled = False  # a loss that nobody chose is chosen by the targets of the training, and by no others
        given = (x, y, sample_weight, class_weight, steps_per_epoch)
        source, held_out = self._sources(given, validation_split, validation_data, validation_steps)
        self.history = History()
        watching = [*watching, *progress(verbose), self.history]
        hooks = CallbackList(watching, self, {"verbose": verbose, "epochs": epochs, "steps": source.steps(size)})
        self._prepare(source.row_shape)
        kind, often = kind_of(self.optimizer), (validation_batch_size, validation_freq)
        return kind(self, source, held_out, size, epochs, position, hooks, shuffle, *often).run()

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One update on these rows. Returns the loss before it, and the metrics, as `evaluate` does."""
        examples = self._checked("train_on_batch", x, y, sample_weight, class_weight)
        self._prepare(examples.row_shape)
        kind, hooks = kind_of(self.optimizer), CallbackList([], self, {})
        training = kind(self, examples, None, len(examples), 1, Position(), hooks, shuffle=False)
        return self._returned(training.one_step("train_on_batch"), return_dict)

    def backpropagate(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """The objective on these rows, its gradient left in `params.grad`; the weights stay as they are."""
        examples = self.examples("backpropagate", x, y, sample_weight)
        data_loss, penalty, _ = self.objective_and_gradient(examples)
        return data_loss + penalty

    def examples(self, who: str, x: Any, y: Any, sample_weight: Any = None) -> Examples:
        """Checked examples, and a model that is built and compiled for them."""
        examples = self._checked(who, x, y, sample_weight)
        self.build(examples.row_shape)
        return examples

    def _sources(
        self, given: tuple[Any, ...], validation_split: float, validation_data: Any, validation_steps: int | None
    ) -> tuple[Source, Source | None]:
        """Where the batches of `fit` come from, to train on and to validate with; given is what `_source` takes."""
        if validation_split and validation_data is None:
            x, y, sample_weight, class_weight, steps = given
            return data.split(
                "fit", self._source("fit", x, y, sample_weight, steps=steps), validation_split, class_weight
            )
        source = self._source("fit", *given)
        if validation_data is None:
            return source, None
        return source, self._validation(validation_data, source.row_shape, validation_steps)

    def _source(
        self,
        who: str,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        steps: int | None = None,
        row_shape: tuple[int, ...] | None = None,
    ) -> Source:
        """Where the batches come from: checked arrays, or something that yields batches, each checked as it comes."""
        steps = None if steps is None else validation.check_integer(who, "the number of steps", steps, 1)
        if not (isinstance(x, Source) or data.makes_batches(x)):
            if steps is not None:
                raise SettingError(f"{who}: a number of steps is for x that yields batches; arrays have batch_size")
            return self._checked(who, x, y, sample_weight, class_weight, row_shape)
        if y is not None or sample_weight is not None:
            raise DataError(f"{who}: x yields batches, so y and sample_weight come with them: (x, y) or (x, y, weight)")
        if isinstance(x, Source):
            if class_weight is not None or steps is not None:
                raise SettingError(f"{who}: {type(x).__name__} brings weights and batches of its own: pass x alone")
            if not self.compiled:
                self.compile()
            return x
        if isinstance(x, Stored):
            row_shape = self.input_shape or row_shape or self._wanted_shape(x.row_shape)

        def check(batch: Any) -> Examples:
            return self._checked(who, *data.triple(who, batch), class_weight, row_shape)

        if isinstance(x, Stored):
            _refuse_steps(who, x, steps)
            return x.source(who, row_shape or (), check)
        return data.Batches(who, x, check, steps)

    def _wanted_shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of rows as they are stored, or in one line if the layers take them so alone."""
        try:
            self._shaped(stored)
        except ShapeError:
            return (math.prod(stored),)
        return stored

    def _checked(
        self,
        who: str,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        row_shape: tuple[int, ...] | None = None,
    ) -> Examples:
        """Checked examples. All that can be wrong is found before the first build: a mistake settles nothing."""
        if not self.compiled:
            self.compile()
        x = data.inputs(who, x, self.dtype, self.input_shape or row_shape)
        y = data.target_rows(who, y, x)
        if not self.settled:
            self._settle_objective(y)
        output_shape = self.output_shape if self.built else self._shaped(x.shape[1:])
        data.same_width(who, y, output_shape, self.objective.loss.sparse)
        y = data.targets(who, y, self.objective.loss.labels, self.dtype)
        examples = Examples(x, y, data.weights(who, sample_weight, class_weight, y))
        self.settled = True
        return examples

    def _validation(self, given: Any, row_shape: tuple[int, ...], steps: int | None) -> Source:
        who = "fit (validation_data)"
        if data.makes_batches(given):
            return self._source(who, given, None, steps=steps, row_shape=row_shape)
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise DataError("fit: validation_data must be (x, y) or (x, y, sample_weight), or yield such batches")
        return self._source(who, *data.triple(who, given), steps=steps, row_shape=row_shape)

    # ---- evaluate and predict

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on these rows, without dropout: [loss, metric, ...], the loss alone, or a dict.

        The loss holds the penalty of a training batch of batch_size rows (None: all rows). verbose=1 shows a bar.
        """
        check_verbose("evaluate", verbose)
        self._refuse_unbuilt("evaluate")
        size = None if batch_size is None else validation.check_integer("evaluate", "batch_size", batch_size, 1)
        watching = [*as_list("evaluate", callbacks), *evaluation_progress(verbose)]
        source = self._source("evaluate", x, y, sample_weight, steps=steps)
        hooks = CallbackList(watching, self, {"verbose": verbose, "steps": source.steps(PREDICT_ROWS)})
        rows = source.batch_rows(len(source) if isinstance(source, Examples) and size is None else size or PREDICT_ROWS)
        try:
            return self._returned(evaluate(self, source, rows, hooks), return_dict)
        finally:
            hooks.close_all()

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """`evaluate` on these rows."""
        return self.evaluate(x, y, sample_weight=sample_weight, return_dict=return_dict)

    def _returned(self, logs: dict[str, Any], return_dict: bool) -> Any:
        if return_dict:
            return logs
        return [logs["loss"], *(logs[name] for name in self.metrics)] if self.metrics else logs["loss"]

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """The outputs (m, outputs), without dropout. x (m, features ...), or batches. Safe in several threads at once.

        out  an array, or an HDF5 dataset, of that shape to write them into; it is what is returned then
        """
        check_verbose("predict", verbose)
        self._refuse_unbuilt("predict")
        size = PREDICT_ROWS if batch_size is None else validation.check_integer("predict", "batch_size", batch_size, 1)
        watching = [*as_list("predict", callbacks), *evaluation_progress(verbose)]
        if isinstance(x, Stored):
            _refuse_steps("predict", x, steps)
            source = x.inputs("predict", self.input_shape or (), self.dtype)
        else:
            source = data.Inputs("predict", x, self.input_shape, self.dtype, steps)
        hooks = (
            CallbackList(watching, self, {"verbose": verbose, "steps": source.steps(size)})
            if watching
            else NO_CALLBACKS
        )
        self._refuse_unfit(out, source.rows)
        try:
            call(hooks.on_predict_begin, {})
            y = self._predicted(source, size, hooks, out)
            call(hooks.on_predict_end, {})
        finally:
            hooks.close_all()
        return y

    def _predicted(self, source: data.Inputs, size: int, hooks: CallbackList, out: Any) -> Any:
        """All outputs: in out if there is one, else in an array; put together where nobody knew how many would come."""
        y, done, blocks = out, 0, list[np.ndarray]()
        if out is None and source.rows is not None:
            y = np.empty((source.rows, *self.output_shape), self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for number, batch in enumerate(source.batches(size)):
                for hook in hooks.on_predict_batch_begin:
                    hook(number, {})
                block = self.layer.forward(batch)
                start, done = done, done + len(block)
                if y is None:
                    blocks.append(block)
                elif done > len(y):
                    break
                else:
                    y[start:done] = block
                for hook in hooks.on_predict_batch_end:
                    hook(number, {})
        if not done or (y is not None and done != len(y)):
            raise DataError(f"predict: x yielded {done} rows{'' if y is None else f', out has {len(y)}'}")
        return np.concatenate(blocks) if y is None else y

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """`predict` on these rows."""
        return self.predict(x)

    def _refuse_unbuilt(self, who: str) -> None:
        if not self.built:
            raise NotBuiltError(f"{who}: {self.name} is not built yet; call fit or build first")

    def _refuse_unfit(self, out: Any, rows: int | None) -> None:
        """Refuse an `out` that has not the shape of what predict will write into it, or would cut it to integers."""
        if out is None:
            return
        if not (hasattr(out, "shape") and hasattr(out, "dtype")):
            raise DataError(f"predict: out must be an array or an HDF5 dataset, got {type(out).__name__}")
        if out.shape[1:] != self.output_shape or (rows is not None and out.shape[:1] != (rows,)):
            wanted = ", ".join(str(n) for n in ("rows" if rows is None else rows, *self.output_shape))
            raise ShapeError(f"predict: out has shape {out.shape}, wanted ({wanted})")
        if not np.can_cast(self.dtype, out.dtype, "same_kind"):
            raise DataError(f"predict: out has dtype {out.dtype}, which cannot hold what comes out, {self.dtype}")


def _refuse_steps(who: str, x: Stored, steps: int | None) -> None:
    if steps is not None:
        raise SettingError(f"{who}: a number of steps is for x without an end; {type(x).__name__} has batch_size")


def _position(initial_epoch: Any) -> Position:
    if isinstance(initial_epoch, Position):
        return copy.deepcopy(initial_epoch)
    return Position(validation.check_integer("fit", "initial_epoch", initial_epoch, 0))
