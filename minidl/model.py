"""A model: layers, the vector of their parameters, and the loop that trains them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from . import data, losses, optimizers, settings
from .callbacks.base import Callback, Hooks, call
from .callbacks.history import History
from .callbacks.progress import progress
from .data import Examples
from .errors import DataError, NonFiniteError, NotBuiltError, SettingError, ShapeError
from .layers.base import Layer
from .layers.containers import Chain
from .losses import Loss, Objective
from .metrics import Metric
from .metrics import named as named_metrics
from .optimizers import SGD, Optimizer
from .parameters import Parameters
from .summary import summary_table

PREDICT_ROWS = 1024  # rows a batch in predict: enough for the matrix product, few enough for the cache


@dataclass
class Training:
    """What one `fit` works on."""

    examples: Examples
    validation: Examples | None
    batch_size: int
    epochs: int
    shuffle: bool
    hooks: Hooks = field(repr=False)


class Model:
    """A layer that is trained: build, compile, fit, evaluate, predict.

    seed   one number reproduces everything drawn: the first weights, the batches' order, the dropout masks
    dtype  "float32" or "float64", of all parameters, gradients and data inside
    """

    optimizer: Optimizer
    objective: Objective
    metrics: dict[str, Metric]
    history: History
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...]
    stop_training = False
    batch: Examples | None = None  # what the current step works on

    def __init__(self, layer: Layer, *, seed: int | None = None, dtype: Any = "float32", name: str | None = None):
        if not isinstance(layer, Layer):
            raise SettingError(f"Model takes a layer, got {layer!r}; for several write Sequential([...])")
        self.layer = layer
        self.seed = None if seed is None else settings.integer("Model", "seed", seed, 0)
        self.dtype = np.dtype(settings.choice("Model", "dtype", str(np.dtype(dtype)), ("float32", "float64")))
        self.name = name or settings.snake_case(type(self).__name__)
        self.rng = np.random.default_rng(self.seed)
        self.compiled = False
        self._params: Parameters | None = None
        self._optimizer_ready = False

    # ---- build and compile

    @property
    def built(self) -> bool:
        return self._params is not None

    @property
    def params(self) -> Parameters:
        """The parameters by path, and in one vector: `params.theta`, `params.grad`."""
        if self._params is None:
            raise NotBuiltError(f"{self.name} has no parameters yet: call build((features,)) or fit(x, y) first")
        return self._params

    def build(self, input_shape: Any) -> None:
        """Allocate and draw the parameters for rows of this shape: (features,), or (None, features) as in Keras."""
        shape = _row_shape(input_shape)
        if self.built:
            if shape != self.input_shape:
                raise ShapeError(f"{self.name} is already built for rows of shape {self.input_shape}, not {shape}")
            return
        self.output_shape = self._shaped(shape)
        params = Parameters(self.layer.named_parameters(), self.dtype)
        params.initialize(self.rng)
        for _, layer in self.layer.walk():
            layer.rng = self.rng
        self._params, self.input_shape, self._optimizer_ready = params, shape, False
        self._link()

    def _shaped(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The output shape for rows of this shape: the layers make their Parameters, which get no storage yet."""
        self._refuse_shared_layers()
        return self.layer.build(input_shape)

    def _refuse_shared_layers(self) -> None:
        seen: dict[int, str] = {}
        for path, layer in self.layer.walk():
            if id(layer) in seen:
                message = (
                    f"the layer {path} is the same object as {seen[id(layer)]}; a layer has one place: use clone()"
                )
                raise SettingError(message)
            if getattr(layer, "_rng", self.rng) is not self.rng:
                raise SettingError(f"the layer {path} already belongs to another model; put layer.clone() here")
            seen[id(layer)] = path

    def compile(
        self,
        optimizer: Optimizer | str | None = None,
        loss: Loss | Objective | str | None = None,
        metrics: Any = None,
    ) -> None:
        """Choose how to train. Defaults: SGD(0.01), and the loss that belongs to the last layer.

        loss     a Loss, a sum such as BinaryCrossentropy() + L2(0.7), or a Keras string
        metrics  Metric objects or Keras strings, one or a list; their names are History's keys
        """
        optimizer = SGD(0.01) if optimizer is None else optimizers.get("compile: optimizer", optimizer)
        objective = losses.get("compile: loss", losses.belonging_to(_last(self.layer)) if loss is None else loss)
        measured = named_metrics("compile: metrics", metrics)
        if not (self.compiled and optimizer is self.optimizer):
            _refuse_taken("compile", optimizer)
            self.optimizer, self._optimizer_ready = optimizer, False
        self.objective, self.metrics, self.compiled = objective, measured, True
        self._link()

    def _link(self) -> None:
        """The canonical link: where the last layer is the loss's own activation, the loss works on its input.

        `body` are the layers that training runs, without that activation; `body_loss` is the loss of what they put out.
        """
        leaves = _leaves(self.layer)
        self._activation: Layer | None = None
        if self.compiled:
            self.body_loss = self.objective.loss
            if self.body_loss.link is not None and leaves and isinstance(leaves[-1], self.body_loss.link):
                self.body_loss, self._activation = self.body_loss.on_logits(), leaves.pop()
        self.body = Chain(*leaves)
        if self.built:
            self.body.mark_first()

    def _prepare(self, input_shape: tuple[int, ...]) -> None:
        self.build(input_shape)
        if not self._optimizer_ready:
            _refuse_taken("fit", self.optimizer)
            self.optimizer.build(self.params.theta)
            self._optimizer_ready = True

    # ---- one step

    def backpropagate(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """The objective on these rows, its gradient left in `params.grad`; the weights stay as they are."""
        examples = self.examples("backpropagate", x, y, sample_weight)
        data_loss, penalty, _ = self.objective_and_gradient(examples)
        return data_loss + penalty

    def objective_and_gradient(self, batch: Examples) -> tuple[float, float, np.ndarray]:
        """Forward, loss, backward, penalties: fills params.grad, returns (data loss, penalty, what the loss saw)."""
        z = self.body.forward(batch.x, training=True)
        data_loss, dz = self.body_loss.value_and_gradient(z, batch.y, batch.weight)
        self.body.backward(dz)
        penalty = 0.0
        if self.objective.penalties:
            params, m = self.params, len(batch)
            w, dw = params.theta[params.kernels], params.grad[params.kernels]
            penalty = float(self.objective.penalty(w, m))
            for term in self.objective.penalties:
                dw += term.gradient(w, m)
        return float(data_loss), penalty, z

    def _outputs(self, z: np.ndarray) -> np.ndarray:
        """What the model puts out, from what the loss saw."""
        return z if self._activation is None else self._activation.forward(z)

    # ---- fit

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = 32,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
    ) -> History:
        """Train: for each epoch, for each batch, forward, loss, backward, update. Returns the History.

        x (m, features ...), y (m, outputs) or (m,); arguments mean what they mean in Keras. A batch_size of m or more
        takes the whole at once. verbose: 0 silent, 1 a bar, 2 two lines an epoch, "auto" a bar where one can be seen.

        Raises NonFiniteError before an update that would spoil the weights, DataError or SettingError for what cannot
        be used. After any exception the model is usable, with the weights of the step before.
        """
        size = 32 if batch_size is None else settings.integer("fit", "batch_size", batch_size, 1)
        epochs = settings.integer("fit", "epochs", epochs, 0)
        initial_epoch = settings.integer("fit", "initial_epoch", initial_epoch, 0)
        validation_split = settings.number("fit", "validation_split", validation_split, "[0, 1)")
        if verbose not in ("auto", 0, 1, 2):
            raise SettingError(f"fit: verbose must be 0, 1, 2 or 'auto', got {verbose!r}")
        shuffle = settings.boolean("fit", "shuffle", shuffle)
        examples = self._checked("fit", x, y, sample_weight, class_weight)
        validation, row_shape = None, examples.x.shape[1:]
        if validation_data is not None:
            validation = self._validation(validation_data, row_shape)
        elif validation_split:
            examples, validation = examples.split("fit", validation_split)
        self.history = History()
        watching = [*(callbacks or []), *progress(verbose), self.history]
        params = {"verbose": verbose, "epochs": epochs, "steps": data.steps(len(examples), size)}
        hooks = Hooks(watching, self, params)
        self._prepare(row_shape)
        return self._train(Training(examples, validation, size, epochs, shuffle, hooks), initial_epoch)

    def examples(self, who: str, x: Any, y: Any, sample_weight: Any = None) -> Examples:
        """Checked examples, and a model that is built and compiled for them."""
        examples = self._checked(who, x, y, sample_weight)
        self._prepare(examples.x.shape[1:])
        return examples

    def _checked(
        self,
        who: str,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        row_shape: tuple[int, ...] | None = None,
    ) -> Examples:
        """Checked examples. All that can be wrong is found before the first build: a mistake settles no shape."""
        if not self.compiled:
            self.compile()
        x = data.inputs(who, x, self.dtype, row_shape or self.input_shape)
        y = data.targets(who, y, x, self.objective.loss.labels, self.dtype)
        weight = data.weights(who, sample_weight, class_weight, y)
        data.same_width(who, y, self.output_shape if self.built else self._shaped(x.shape[1:]))
        return Examples(x, y, weight)

    def _validation(self, given: Any, row_shape: tuple[int, ...]) -> Examples:
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise DataError("fit: validation_data must be (x, y) or (x, y, sample_weight)")
        x, y, weight = (*given, None)[:3]
        return self._checked("fit (validation_data)", x, y, weight, row_shape=row_shape)

    def _train(self, training: Training, initial_epoch: int) -> History:
        hooks = training.hooks
        self.stop_training = False
        try:
            # a value that overflows ends in NonFiniteError, which says more than NumPy's warnings
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                call(hooks.on_train_begin, {})
                logs: dict[str, Any] = {}
                for epoch in range(initial_epoch, training.epochs):
                    for hook in hooks.on_epoch_begin:
                        hook(epoch, {})
                    logs = self._epoch(epoch, training)
                    if training.validation is not None:
                        logs |= self._validate(training.validation, training)
                    for hook in hooks.on_epoch_end:
                        hook(epoch, logs)
                    if self.stop_training:
                        break
                call(hooks.on_train_end, logs)
        finally:
            self.batch = None
            call(hooks.close)
        return self.history

    def _epoch(self, epoch: int, training: Training) -> dict[str, Any]:
        hooks, theta, grad = training.hooks, self.params.theta, self.params.grad
        rows, data_sum, penalty_sum = 0, 0.0, 0.0  # over the rows of the epoch so far
        for metric in self.metrics.values():
            metric.reset()
        order = self.rng if training.shuffle else None
        for number, batch in enumerate(training.examples.batches(training.batch_size, order)):
            for hook in hooks.on_train_batch_begin:
                hook(number, {})
            self.batch = batch
            data_loss, penalty, z = self.objective_and_gradient(batch)
            # a finite square says that the whole gradient is finite
            if not (math.isfinite(data_loss + penalty) and math.isfinite(grad.dot(grad))):
                self._refuse_not_finite(data_loss + penalty, epoch, number)
            m = len(batch.x)
            rows, data_sum, penalty_sum = rows + m, data_sum + m * data_loss, penalty_sum + m * penalty
            if self.metrics:
                self._measure(batch, z)
            for hook in hooks.on_gradients:
                hook(number, self._logs(data_sum / rows, penalty_sum / rows))
            self.optimizer.update(theta, grad)
            for hook in hooks.on_train_batch_end:
                hook(number, self._logs(data_sum / rows, penalty_sum / rows))
            if self.stop_training:
                break
        return self._logs(data_sum / rows, penalty_sum / rows)

    def _measure(self, batch: Examples, z: np.ndarray) -> None:
        outputs = self._outputs(z)
        for metric in self.metrics.values():
            metric.update(batch.y, outputs)

    def _logs(self, data_loss: float, penalty: float) -> dict[str, Any]:
        """Metrics, then loss, as Keras orders them; with a penalty the loss's two parts too."""
        logs: dict[str, Any] = {name: metric.result() for name, metric in self.metrics.items()}
        logs["loss"] = data_loss + penalty
        if self.objective.penalties:
            logs["data_loss"], logs["penalty"] = data_loss, penalty
        return logs

    def _refuse_not_finite(self, loss: float, epoch: int, batch: int) -> None:
        path = self.params.first_not_finite()
        if math.isfinite(loss) and path is None:
            return  # only the square was too large
        what = "the gradient" if math.isfinite(loss) else "the loss"
        first = f"; the first gradient that is not finite is {path}" if path else ""
        message = f"fit: {what} is not finite in epoch {epoch + 1}, batch {batch + 1}{first}."
        remedy = f"Try a smaller learning rate (now {self.optimizer.learning_rate:g})"
        raise NonFiniteError(f"{message} The weights are those of the step before. {remedy}")

    # ---- evaluate and predict

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        callbacks: Iterable[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on these rows, without dropout: [loss, metric, ...], the loss alone, or a dict.

        The loss holds the penalty of a training batch of batch_size rows (None: all rows).
        """
        if not self.built:
            raise NotBuiltError(f"evaluate: {self.name} is not built yet; call fit or build first")
        examples = self._checked("evaluate", x, y, sample_weight)
        rows = len(examples)
        size = rows if batch_size is None else settings.integer("evaluate", "batch_size", batch_size, 1)
        hooks = Hooks(callbacks or [], self, {"verbose": verbose, "steps": data.steps(rows, PREDICT_ROWS)})
        logs = self._evaluate(examples, min(size, rows), hooks)
        if return_dict:
            return logs
        values = [logs["loss"], *(logs[name] for name in self.metrics)]
        return values if self.metrics else values[0]

    def _evaluate(self, examples: Examples, penalty_rows: int, hooks: Hooks) -> dict[str, Any]:
        """The figures over all examples; the penalty as in a training batch of penalty_rows."""
        call(hooks.on_test_begin, {})
        for metric in self.metrics.values():
            metric.reset()
        rows, data_sum, kernels = 0, 0.0, self.params.theta[self.params.kernels]
        penalty = float(self.objective.penalty(kernels, penalty_rows))
        for number, batch in enumerate(examples.batches(PREDICT_ROWS)):
            call(hooks.on_test_batch_begin, number, {})
            z = self.body.forward(batch.x)
            rows += len(batch)
            data_sum += len(batch) * float(self.body_loss.value(z, batch.y, batch.weight))
            self._measure(batch, z)
            for hook in hooks.on_test_batch_end:
                hook(number, self._logs(data_sum / rows, penalty))
        logs = self._logs(data_sum / rows, penalty)
        call(hooks.on_test_end, logs)
        return logs

    def _validate(self, examples: Examples, training: Training) -> dict[str, Any]:
        logs = self._evaluate(examples, min(training.batch_size, len(training.examples)), training.hooks)
        return {f"val_{name}": value for name, value in logs.items()}

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", callbacks: Iterable[Callback] | None = None
    ) -> np.ndarray:
        """The outputs (m, outputs), without dropout. x (m, features ...). Safe in several threads at once."""
        if not self.built:
            raise NotBuiltError(f"predict: {self.name} is not built yet; call fit or build first")
        size = PREDICT_ROWS if batch_size is None else settings.integer("predict", "batch_size", batch_size, 1)
        x = data.rows("predict", x, self.input_shape)
        hooks = Hooks(callbacks or [], self, {"verbose": verbose, "steps": data.steps(len(x), size)})
        y = np.empty((len(x), *self.output_shape), self.dtype)
        call(hooks.on_predict_begin, {})
        for number, start in enumerate(range(0, len(x), size)):
            call(hooks.on_predict_batch_begin, number, {})
            batch = data.finite("predict", "x", x[start : start + size], self.dtype, start)
            y[start : start + size] = self.layer.forward(batch)
            call(hooks.on_predict_batch_end, number, {})
        call(hooks.on_predict_end, {})
        return y

    # ---- weights and words

    def twin(self) -> Self:
        """A model like this one, sharing nothing that a pass changes: same weights, masks to come, and statistics."""
        twin = copy.copy(self)
        moving = (self.layer, self._params, self.body, self._activation, self.rng)
        twin.layer, twin._params, twin.body, twin._activation, twin.rng = copy.deepcopy(moving)
        return twin

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all parameters, layer by layer: kernel, bias, kernel, bias, ..."""
        return [parameter.value.copy() for parameter in self.params.values()]

    def set_weights(self, weights: Iterable[Any]) -> None:
        """Set all parameters from arrays in the order of `get_weights`. All are checked before the first is set."""
        given, params = list(weights), self.params
        if len(given) != len(params):
            raise ShapeError(
                f"set_weights: got {len(given)} arrays, {self.name} has {len(params)}: {', '.join(params)}"
            )
        checked = []
        for (path, parameter), weight in zip(params.items(), given, strict=True):
            array = data.numeric("set_weights", path, weight)
            if array.shape != parameter.shape:
                raise ShapeError(f"set_weights: {path} has shape {parameter.shape}, got {array.shape}")
            checked.append(data.finite("set_weights", path, array, self.dtype))
        for parameter, array in zip(params.values(), checked, strict=True):
            parameter.value = array

    def count_params(self) -> int:
        """The number of entries of theta."""
        return int(self.params.theta.size)

    def summary(self, *, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers with their output shapes and parameters, as Keras does."""
        params = self.params  # first: an unbuilt model says so here
        print_fn(summary_table(self.name, self.layer, self.output_shape, params))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.layer!r})"


def _refuse_taken(who: str, optimizer: Optimizer) -> None:
    if optimizer.built:
        raise SettingError(f"{who}: {optimizer!r} already trains a model, and remembers its steps; give each its own")


def _row_shape(input_shape: Any) -> tuple[int, ...]:
    shape = tuple(input_shape) if isinstance(input_shape, tuple | list) else (input_shape,)
    shape = shape[1:] if shape[:1] == (None,) else shape
    if not shape:
        raise SettingError(f"build: input_shape must name the features of a row, as in (2,), got {input_shape!r}")
    return tuple(settings.integer("build", "input_shape", n, 1) for n in shape)


def _leaves(layer: Layer) -> list[Layer]:
    """The layers that run one after the other: the chain's, with nested chains written out."""
    if type(layer) is not Chain:
        return [layer]
    return [leaf for inner in layer.layers for leaf in _leaves(inner)]


def _last(layer: Layer) -> Layer:
    return (_leaves(layer) or [layer])[-1]
