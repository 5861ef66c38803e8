"""A model: a layer that is trained, with `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from . import data, lbfgs_trainer, losses, optimizers  # noqa: F401  lbfgs_trainer registers its trainer
from ._building import (
    ANY_LENGTH,
    check_dtype,
    check_row_shape,
    check_shapes,
    fitting_shapes,
    flat_shape,
    infer_any_length,
    infer_output_shape,
    make_spec,
    shapes_inside,
)
from ._lazy import extension
from ._summary import summary_html, summary_table
from ._weights import set_weights, weights_of
from .callbacks import (
    NO_CALLBACKS,
    Callback,
    CallbackList,
    History,
    as_list,
    check_verbose,
    evaluation_progress,
    progress,
)
from .data import Adapter, Examples, Source
from .errors import DataError, NotBuiltError, SettingError, ShapeError
from .evaluation import Figures, check_out, evaluate, predict, rows_at_once
from .layers import Layer, apart, fit_to, fits, has_any_length, with_lengths
from .losses import Loss, PenalizedLoss
from .metrics import Metric
from .naming import snake_case
from .objective import Objective
from .optimizers import SGD, Optimizer
from .parameters import Changes, Parameters
from .ports import Ports
from .seeding import Streams
from .trainer import FitOptions, Trainer, TrainingState, trainer_for
from .validation import OwnAttributes, check_integer, check_real

Callbacks: TypeAlias = Callback | Iterable[Callback] | None


class Model(OwnAttributes):
    """A layer that is trained: build, compile, fit, evaluate, predict.

    seed   determines everything that is drawn: first weights, order of batches, dropout masks
    dtype  "float32" or "float64", of parameters, gradients and data
    """

    compiled = False  # True after `compile`

    def __init__(
        self, layer: Layer, *, seed: int | None = None, dtype: Any = "float32", name: str | None = None
    ) -> None:
        if not isinstance(layer, Layer):
            raise SettingError(f"Model takes a layer, got {layer!r}; for several write Sequential([...])")
        self.layer = layer
        self.seed = None if seed is None else check_integer("Model", "seed", seed, 0)
        self.dtype = check_dtype(dtype)
        self.ports = Ports.of(layer)
        self.name = name or snake_case(type(self).__name__)
        self.streams = Streams.split(self.seed)
        self.optimizer: Optimizer = SGD(0.01)
        self.loss: PenalizedLoss | None = None  # None: the loss that fits the last layer and the targets
        self.metrics: dict[str, Metric] = {}
        self.history = History()
        self.trainer: Trainer | None = None  # of the fit that is running
        self.position: TrainingState | None = None  # of a loaded model: the place of its training, for `initial_epoch`
        self.training_rows: float | None = None  # m in the penalties, settled by `fit`
        self.input_shape: tuple[int, ...] | None = None
        self.output_shape: tuple[int, ...] = ()
        self._shapes_inside: Any = ()  # of the values in the layer
        self._params: Parameters | None = None
        self._loss_in_use: PenalizedLoss | None = None  # self.loss, or the one that the first targets decided on
        self._objective: Objective | None = None
        self._linked_at = -1  # Changes.count when the objective was last known to be current
        self._prepared: Optimizer | None = None  # the optimizer that was built for these parameters
        self._own: Optimizer | None = None  # the same, also after the layers have changed: it starts again
        self._stopped = False
        if self.ports.row_shape is not None:
            self._build(self.ports.row_shape, initialize=True)

    # ---- build and compile

    @property
    def built(self) -> bool:
        return self._params is not None

    @property
    def params(self) -> Parameters:
        """The parameters by path, and in one vector: `params.theta`, `params.grad`."""
        if self._params is None:
            raise NotBuiltError(f"{self.name} has no parameters yet: call build((features,)) or fit(x, y) first")
        if not self._params.is_open:
            self._params.claim()
        return self._params

    @property
    def trainable(self) -> bool:
        """False: training does not change the weights. Setting it sets it on all layers."""
        return self.layer.trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self.layer.trainable = trainable

    @property
    def objective(self) -> Objective:
        """The function of the parameters that training minimises. Freezing a layer or compiling makes a new one."""
        linked, terms = self._objective, self._loss_in_use
        if linked and terms is linked.terms and self._linked_at == Changes.count and linked.rows == self.training_rows:
            return linked
        terms = self.ports.sized(terms or self._default_loss(None), self.layer)
        if linked is None or linked.terms != terms or not linked.is_current:
            linked = Objective.link(self.layer, terms, self.params, self.streams, self.training_rows)
        elif linked.rows != self.training_rows:
            linked = linked.with_rows(self.training_rows)
        self._objective = linked
        self.ports.place(self.metrics, terms.loss)
        linked.claim()
        self._linked_at = Changes.count
        return linked

    def build(self, input_shape: Any) -> None:
        """Allocate and draw the parameters for rows of this shape: (features,), or (None, features) as in Keras.

        A None that is not the first stands for any length: (None, None, 8) are sequences of 8 features. From then on
        all rows of one call must have one length; the batches of a generator may differ. Threads that share the model
        must not mix lengths.
        """
        shape = check_row_shape(input_shape)
        if not self.built:
            self._build(shape, initialize=True)
        elif not fits(shape, self.input_shape):
            raise ShapeError(f"{self.name} is already built for rows of shape {self.input_shape}, not {shape}")

    def allocate(self, row_shape: tuple[int, ...]) -> None:
        """Allocate the parameters for rows of this shape, all 0; nothing is drawn."""
        self._build(row_shape, initialize=False)

    def _build(self, row_shape: tuple[int, ...], *, initialize: bool) -> None:
        any_length = has_any_length(row_shape)
        if any_length:
            concrete, output_shape, self._shapes_inside = infer_any_length(self.layer, row_shape)
            if self.ports.inputs:  # side by side
                concrete, row_shape = flat_shape(concrete), ANY_LENGTH
        else:
            concrete, output_shape = row_shape, infer_output_shape(self.layer, row_shape)
            self._shapes_inside = shapes_inside(self.layer)
        self.layer.flexible = any_length and not self.ports.inputs
        params = Parameters(self.layer.named_parameters(), self.dtype)
        if initialize:
            params.initialize(self.streams.weights)
        for _, layer in self.layer.walk():
            layer.rng = self.streams.masks
        check_shapes(self.layer, concrete, output_shape, self.dtype)
        for _, layer in self.layer.walk():
            layer.built = True
        self._params, self.input_shape, self.output_shape = params, row_shape, output_shape
        self._prepared = self._objective = None

    def unbuild(self) -> None:
        """Forget parameters and shapes, because the layers change. Layers that are built keep their weights."""
        self._params = self._objective = self._prepared = self.input_shape = None
        self._loss_in_use, self.output_shape = self.loss, ()

    def take_streams(self, streams: Streams) -> None:
        """Go on with these random numbers."""
        self.streams, self._objective = streams, None
        for _, layer in self.layer.walk():
            layer.rng = streams.masks

    def compile(
        self,
        optimizer: Optimizer | str | None = None,
        loss: Loss | PenalizedLoss | str | None = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        loss_weights: Any = None,
    ) -> None:
        """Choose how to train. Defaults: SGD(0.01), and the loss that fits the last layer.

        loss              a Loss, a sum such as BinaryCrossentropy() + L2(0.7), or a Keras string
        metrics           Metric or Loss objects, functions such as scikit-learn's, or Keras strings, one or a list;
                          their names are History's keys
        weighted_metrics  the same; these use the weights of rows and classes
        loss_weights      of the outputs, if there are several; 1 if not given

        If the model has several outputs, each of these is a dict by output, or a list in the order of the outputs. An
        output without a loss, None in a list, is not trained and needs no targets; with metrics it needs them.
        """
        optimizer = SGD(0.01) if optimizer is None else optimizers.get("compile: optimizer", optimizer)
        terms = None if loss is None else self.ports.loss("compile: loss", loss, loss_weights)
        measured = {} if terms is None else self.ports.loss_metrics(terms.loss)
        measured |= self.ports.metrics("compile: metrics", metrics)
        measured |= self.ports.weighted_metrics("compile: weighted_metrics", weighted_metrics, measured)
        terms = terms and self.ports.with_targets(terms, measured)
        if optimizer is not self.optimizer:
            _check_unused("compile", optimizer)
        self.optimizer, self.loss, self.metrics, self._loss_in_use = optimizer, terms, measured, terms
        self.compiled = True

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns: "loss", then the metrics."""
        return ["loss", *self.metrics]

    def _default_loss(self, targets: np.ndarray | None, *shapes: Any) -> PenalizedLoss:
        return self.ports.default_loss(self.layer, targets, *shapes)

    def prepare_optimizer(self, who: str = "fit") -> None:
        """Build the optimizer for the model's parameters, if it is new."""
        if self._prepared is not self.optimizer:
            if self._own is not self.optimizer:
                _check_unused(who, self.optimizer)
            self.optimizer.build(self.params)
            self._prepared = self._own = self.optimizer

    # ---- fit

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int | TrainingState = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train: for each epoch, for each batch, forward, loss, backward, update. Return the History.

        x, y                   (m, features ...), (m, ..., outputs) or (m, ...); or x alone, yielding batches (x, y[,
                               weight]): an iterable, an object with __len__ and __getitem__, or a Source, which is not
                               checked
        batch_size             rows in a batch, None: 32; m or more: all rows
        epochs, initial_epoch  the epochs to end and to begin with; `position` of a loaded model resumes to the bit
        verbose                0 silent, 1 a bar, 2 two lines an epoch, "auto" a bar if one can be seen
        callbacks              one callback, or several in the order of their calls
        validation_split       the fraction of the rows, from the end, to validate on; unused with validation_data
        validation_data        (x, y), (x, y, sample_weight), or an object that yields such batches
        shuffle                draw a new order of the rows, or of batches with a number, in every epoch
        class_weight           {class number: weight in the loss}, at every position of outputs (m, ..., k)
        sample_weight          (m,), or one for every position, (m, ...); the loss is divided by the number of positions
        steps_per_epoch        batches in an epoch if x yields batches, None: all; validation_steps in a validation
        validation_batch_size  rows in a batch of the validation, None: 1,024, fewer of images
        validation_freq        validate after every so many epochs

        Freezing a layer while fit runs takes effect in the next fit. Raises NonFiniteError before an update that would
        spoil the weights, DataError or SettingError for arguments that cannot be used. After any exception the model is
        usable, with the weights of the step before.
        """
        size = 32 if batch_size is None else batch_size
        options = FitOptions(size, epochs, shuffle, validation_batch_size, validation_freq)
        validation_split = check_real("fit", "validation_split", validation_split, "[0, 1)")
        check_verbose("fit", verbose)
        state, watching = TrainingState.starting_at(initial_epoch), as_list("fit", callbacks)
        split = validation_split if validation_data is None else 0.0
        self.ports.check_class_weight("fit", class_weight)
        adapter = self._adapt("fit", x, y, sample_weight, None if split else class_weight, steps_per_epoch)
        train, held_out = self._sources(adapter, self.loss, validation_data, validation_steps)
        if split:
            train, held_out = data.split("fit", train, split, class_weight)
        history = self.history = History()
        self.position = None
        params = {"verbose": verbose, "epochs": epochs, "steps": train.steps(size)}
        callback_list = CallbackList([*watching, *progress(verbose), history], self, params)
        self.build(train.row_shape)
        if not isinstance(initial_epoch, TrainingState):
            self._settle_rows(train)
        return self._run(self._new_trainer(train, options, held_out, state, callback_list), history)

    def _run(self, trainer: Trainer, history: History) -> History:
        outer, self.trainer = self.trainer, trainer  # outer: of the fit whose callback has called this one
        try:
            trainer.run()
        finally:
            self.trainer, self._stopped, self.history = outer, trainer.stopped, history
        return history

    def _new_trainer(self, train: Source, options: FitOptions, *others: Any) -> Trainer:
        self.prepare_optimizer()
        kind = trainer_for(self.optimizer)
        return kind(self.objective, self.optimizer, self._free_metrics(), train, options, *others)

    def _free_metrics(self) -> dict[str, Metric]:
        """Return the metrics; while a training measures with them, copies, for a callback that evaluates."""
        return self.metrics if self.trainer is None else copy.deepcopy(self.metrics)

    def _settle_rows(self, train: Source) -> None:
        """Let the data that training begins with decide on m in the penalties."""
        rows = trainer_for(self.optimizer).count_rows(self.optimizer, train)
        if rows is None and self.objective.needs_rows:
            remedy = "pass steps_per_epoch, or a penalty that is not divided by them, such as L2.keras(0.01)"
            raise SettingError(f"fit: the penalty is divided by the rows of an epoch, which are unknown; {remedy}")
        self.training_rows = rows

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Make one update on these rows. Return the loss before it, and the metrics, as `evaluate` does."""
        self.ports.check_class_weight("train_on_batch", class_weight)
        source = self._source(self._adapt("train_on_batch", x, y, sample_weight, class_weight))
        self.build(source.row_shape)
        self.prepare_optimizer("train_on_batch")
        if self.training_rows is None:
            self._settle_rows(source)
        options = FitOptions(source.batch_rows(2**62), shuffle=False)
        return self._returned(self._new_trainer(source, options).run_one_step("train_on_batch"), return_dict)

    def backpropagate(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the objective on these rows and leave its gradient in `params.grad`. The parameters do not change.

        The rows pass the layers in training mode: moving averages of BatchNormalization are updated, and dropout draws
        from the model's generator.
        """
        examples = self.examples("backpropagate", x, y, sample_weight)
        evaluation = self.objective.gradient(examples)
        return evaluation.data_loss + evaluation.penalty

    def input_gradient(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        """Return dL/dx, in the shape of x, of the data loss on these rows; a tuple if there are several inputs.

        L is the mean loss of the rows, computed as by `evaluate`: without dropout and noise, BatchNormalization with
        its moving averages. The model does not change. (Simonyan et al. 2014 draw |dL/dx|: `plots.saliency`)
        """
        examples = self.examples("input_gradient", x, y, sample_weight)
        dx = self.objective.input_gradient(examples)
        return tuple(apart(dx, list(self.ports.inputs.values()))) if self.ports.inputs else dx

    # ---- the training that runs

    @property
    def batch(self) -> Examples | None:
        """The batch of the current step, for callbacks."""
        return None if self.trainer is None else self.trainer.batch

    @property
    def stop_training(self) -> bool:
        """True if a callback has stopped the training; callbacks set it."""
        return self._stopped if self.trainer is None else self.trainer.stopped

    @stop_training.setter
    def stop_training(self, stop: bool) -> None:
        self._stopped = bool(stop)
        if self.trainer is not None:
            self.trainer.stopped = bool(stop)

    # ---- data

    @property
    def _rows_wanted(self) -> dict[str, Any]:
        """The dtype, the shape and the vocabulary that rows of x must have."""
        return {"dtype": self.dtype, "row_shape": self.input_shape, "vocabulary": self.layer.vocabulary_size}

    def _adapt(
        self,
        who: str,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        steps: int | None = None,
    ) -> Adapter:
        x, y, sample_weight = self.ports.pack(who, x, y, sample_weight)
        arrays = (x, y, sample_weight, class_weight, steps)
        return data.adapt(who, *arrays, **self._rows_wanted)

    def _source(self, adapter: Adapter) -> Source:
        """Return the source of checked batches."""
        return self._sources(adapter, self._loss_in_use)[0]

    def _sources(
        self, adapter: Adapter, chosen: PenalizedLoss | None, validation_data: Any = None, steps: int | None = None
    ) -> tuple[Source, Source | None]:
        """Check the data and return the sources of training and validation.

        The targets decide on the loss if none is chosen. Data that cannot be used decide nothing.
        """
        if self.input_shape is None:
            shapes = fitting_shapes(self.layer, adapter.row_shape, adapter.stored, adapter.targets)
        else:
            shapes = self.input_shape, self.output_shape
            if self.layer.flexible and self.ports.outputs:  # their shapes are those for rows of this length
                fit_to(self.layer, adapter.row_shape)
        terms = chosen or self._default_loss(adapter.targets, adapter.shapes, shapes[1])
        loss, spec = terms.loss, make_spec(self.layer, terms.loss, self.dtype, *shapes)
        train, held_out = adapter.source(spec), None
        if validation_data is not None:
            validation_data = self.ports.pack_validation(validation_data)
            held_out = data.adapt_validation(validation_data, steps, spec).source(spec)
        self._loss_in_use = chosen if adapter.targets is None else terms
        if chosen is None and self.ports.outputs:
            measured = self.ports.loss_metrics(loss)
            self.metrics = measured | {name: metric for name, metric in self.metrics.items() if name not in measured}
        return train, held_out

    def examples(self, who: str, x: Any, y: Any, sample_weight: Any = None) -> Examples:
        """Check the rows, build the model for them if needed, and return them as Examples."""
        source = self._source(self._adapt(who, x, y, sample_weight))
        if not isinstance(source, Examples):
            raise DataError(f"{who} takes arrays x and y, got {type(x).__name__}")
        self.build(source.row_shape)
        if self.layer.flexible:
            fit_to(self.layer, source.row_shape)
        return source.in_dtype()

    # ---- evaluate and predict

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics on these rows, without dropout: [loss, metric, ...], the loss alone, or a dict.

        The loss includes the penalties as `fit` reports them; before the first fit they are divided by these rows.
        batch_size: rows at a time, 1,024 if not given, fewer of images; it changes no figure. verbose: 1 shows a bar, 2
        a line. A model that is not built is built for these rows.
        """
        check_verbose("evaluate", verbose)
        size = None if batch_size is None else check_integer("evaluate", "batch_size", batch_size, 1)
        watching = [*as_list("evaluate", callbacks), *evaluation_progress(verbose)]
        source = self._source(self._adapt("evaluate", x, y, sample_weight, steps=steps))
        self.build(source.row_shape)
        size = size or rows_at_once(source.row_shape)
        callback_list = self._callback_list(watching, verbose, source.steps(size))
        try:
            logs = evaluate(self.objective, self._free_metrics(), source, callback_list, size)
        finally:
            callback_list.close_all()
        return self._returned(logs, return_dict)

    def _callback_list(self, callbacks: list[Callback], verbose: Any, steps: int | None) -> CallbackList:
        return CallbackList(callbacks, self, {"verbose": verbose, "steps": steps})

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return `evaluate` on these rows."""
        return self.evaluate(x, y, sample_weight=sample_weight, return_dict=return_dict)

    def _returned(self, logs: Figures, return_dict: bool) -> Any:
        if return_dict:
            return logs
        return [logs["loss"], *(logs[name] for name in self.metrics)] if self.metrics else logs["loss"]

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
        *,
        out: Any = None,
    ) -> Any:
        """Return the outputs (m, ..., k), without dropout, for x (m, features ...) or batches. Threads may share it.

        A model that is not built is built for these rows.

        out  an array or an HDF5 dataset of that shape to write them into; it is returned then
        """
        check_verbose("predict", verbose)
        size = None if batch_size is None else check_integer("predict", "batch_size", batch_size, 1)
        watching = [*as_list("predict", callbacks), *evaluation_progress(verbose)]
        x = self.ports.pack_x("predict", x)
        if not self.built:
            x = self._build_for_inputs(x)
        size = size or rows_at_once(with_lengths(self.input_shape, 1))
        source = data.adapt_inputs("predict", x, steps, **self._rows_wanted)
        callback_list = self._callback_list(watching, verbose, source.steps(size)) if watching else NO_CALLBACKS
        if out is not None:
            check_out(out, source.rows, self.output_shape, self.dtype)
        elif source.rows is not None and not has_any_length(self.output_shape):
            out = np.empty((source.rows, *self.output_shape), self.dtype)
        unpack = partial(self.ports.unpack, layer=self.layer)
        try:
            return unpack(predict(self.layer, source, size, out, callback_list, unpack))
        finally:
            callback_list.close_all()

    def _build_for_inputs(self, x: Any) -> Any:
        """Build the model for the rows in x. Return x whole: reading its first batch may have taken it away."""
        x, row_shape, stored = data.peek("predict", x, self.dtype)
        row_shape, _ = fitting_shapes(self.layer, row_shape, stored)
        self.build(row_shape)
        return x

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Return `predict` on these rows."""
        outputs: np.ndarray = self.predict(x)
        return outputs

    # ---- weights

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights, layer by layer: kernel, bias, ..., then the state of the layer."""
        self.params  # noqa: B018  raises NotBuiltError
        return [weight.array.copy() for weight in weights_of(self.layer).values()]

    def set_weights(self, weights: Iterable[Any]) -> None:
        """Set all weights from arrays in the order of `get_weights`. All are checked before the first is set."""
        self.params  # noqa: B018  raises NotBuiltError
        if not isinstance(weights, Iterable):
            raise SettingError(f"set_weights takes a list of arrays, as get_weights returns it, got {weights!r}")
        set_weights(self.layer, list(weights))

    def count_params(self) -> int:
        """Return the number of weights, trainable or not."""
        self.params  # noqa: B018  raises NotBuiltError
        return sum(int(weight.array.size) for weight in weights_of(self.layer).values())

    def copy(self) -> Self:
        """Return a model with the same weights, state and random numbers to come, that shares nothing with this one."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        # a copy made during a training is a model, not a second training
        return vars(self) | {"trainer": None, "_linked_at": -1}

    # ---- files and tables

    def save(self, path: str | Path) -> None:
        """Write the whole model, its optimizer and the place in its training into one file."""
        extension("model files").save(self, path)

    def save_weights(self, path: str | Path) -> None:
        """Write the weights alone: "name.weights.h5" as Keras does, or "name.safetensors"."""
        extension("model files").save_weights(self, path)

    def load_weights(self, path: str | Path, *, max_bytes: int = 2**31) -> None:
        """Read weights that `save_weights`, Keras or safetensors wrote; files larger than max_bytes are refused."""
        extension("model files").load_weights(self, path, max_bytes=max_bytes)

    def restore_training(self, path: str | Path) -> None:
        """Continue, in the running `fit`, the training that was saved at the path."""
        extension("model files").restore_training(self, path)

    def summary(self, *, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers with their output shapes and parameters, as Keras does; "?" where they are not built."""
        print_fn(summary_table(*self._summarized()))

    def _summarized(self) -> tuple[Any, ...]:
        shapes = (self.output_shape, self._shapes_inside) if self.built else None
        return self.name, self.layer, shapes, self.dtype.itemsize, self._optimizer_numbers()

    def _optimizer_numbers(self) -> int:
        """The numbers in the optimizer's state, its learning rate included; 0 before it is built."""
        return self.optimizer.count_state() + 1 if self._prepared is self.optimizer else 0

    def _repr_html_(self) -> str:
        return summary_html(*self._summarized())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.layer!r})"


def _check_unused(who: str, optimizer: Optimizer) -> None:
    if optimizer.built:
        raise SettingError(f"{who}: {optimizer!r} is already in use by another model; create a new one")
