"""What a model computes: layers, the vector of their parameters, the objective and its gradient."""

from __future__ import annotations

import copy
import html
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np

from . import data, losses, naming, optimizers, validation
from ._summary import summary_html, summary_table
from .data import Examples
from .errors import NotBuiltError, SettingError, ShapeError
from .layers import Chain, Layer, build_layer
from .losses import Loss, PenalizedLoss
from .metrics import Metric
from .metrics import named as named_metrics
from .naming import join_path
from .optimizers import SGD, Optimizer
from .parameters import Parameter, Parameters, Penalty

State = list[tuple[Layer, str, np.ndarray]]


class Network:
    """A layer with its parameters in one vector, an objective, and the gradient of one along the other."""

    optimizer: Optimizer
    chosen_objective: PenalizedLoss | None  # as compile got it
    objective: PenalizedLoss
    metrics: dict[str, Metric]
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...]
    penalties: list[tuple[slice, Penalty]]  # each with the part of theta it sees
    batch: Examples | None = None  # what the current step works on

    def __init__(self, layer: Layer, *, seed: int | None = None, dtype: Any = "float32", name: str | None = None):
        if not isinstance(layer, Layer):
            raise SettingError(f"Model takes a layer, got {layer!r}; for several write Sequential([...])")
        self.layer = layer
        self.seed = None if seed is None else validation.check_integer("Model", "seed", seed, 0)
        self.dtype = _dtype(dtype)
        self.name = name or naming.snake_case(type(self).__name__)
        self.rng = np.random.default_rng(self.seed)
        self.compiled = False
        self.settled = False  # whether the loss fits the targets that were seen
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
        self.allocate(shape, lambda params: params.initialize(self.rng))

    def allocate(self, shape: tuple[int, ...], fill: Callable[[Parameters], None]) -> None:
        """Build, with `fill` to give the parameters, all 0, their values."""
        self.output_shape = self._shaped(shape)
        params = Parameters(self.layer.named_parameters(), self.dtype)
        fill(params)
        for _, layer in self.layer.walk():
            layer.rng = self.rng
        self._refuse_broken_promises(shape)
        self._params, self.input_shape, self._optimizer_ready = params, shape, False
        self._link()

    def _shaped(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The output shape for rows of this shape: the layers make their Parameters, which get no storage yet."""
        self._refuse_shared()
        output_shape = build_layer(self.layer, input_shape)
        self._refuse_shared()
        return output_shape

    def _refuse_broken_promises(self, shape: tuple[int, ...]) -> None:
        """Send two rows of zeros through: a layer whose output has not the shape it promised is told so here."""
        kept = [(layer, dict(vars(layer))) for _, layer in self.layer.walk()]
        drawn = self.rng.bit_generator.state
        try:
            with np.errstate(all="ignore"):
                self._compare_shapes(np.zeros((2, *shape), self.dtype))
        finally:  # as if nothing had gone through
            for layer, attributes in kept:
                vars(layer).clear()
                vars(layer).update(attributes)
            self.rng.bit_generator.state = drawn

    def _compare_shapes(self, y: np.ndarray) -> None:
        chain = self.layer if type(self.layer) is Chain else None
        layers, promises = (chain.layers, chain.shapes) if chain else ([self.layer], [self.output_shape])
        for layer, promised in zip(layers, promises, strict=True):
            y = layer.forward(y)
            if np.shape(y) != (2, *promised):
                got = "None" if y is None else f"an array of shape {np.shape(y)}"
                message = f"forward makes {got} of 2 rows, but its build promised rows of shape {promised}"
                raise ShapeError(f"{type(layer).__name__}: {message}")

    def _refuse_shared(self) -> None:
        seen: dict[int, str] = {}
        for path, layer in self.layer.walk():
            own = {join_path(path, name): parameter for name, parameter in layer.parameters.items()}
            for name, thing in {path: layer, **own}.items():
                if id(thing) in seen:
                    kind = "parameter" if isinstance(thing, Parameter) else "layer"
                    place = f"{name} is the same object as {seen[id(thing)]}"
                    raise SettingError(f"the {kind} {place}; a {kind} has one place{_ALONE[kind]}")
                seen[id(thing)] = name
            if getattr(layer, "_rng", self.rng) is not self.rng:
                who = path or type(layer).__name__
                raise SettingError(f"the layer {who} already belongs to another model; put layer.clone() here")

    def compile(
        self,
        optimizer: Optimizer | str | None = None,
        loss: Loss | PenalizedLoss | str | None = None,
        metrics: Any = None,
    ) -> None:
        """Choose how to train. Defaults: SGD(0.01), and the loss that belongs to the last layer.

        loss     a Loss, a sum such as BinaryCrossentropy() + L2(0.7), or a Keras string
        metrics  Metric objects or Keras strings, one or a list; their names are History's keys
        """
        optimizer = SGD(0.01) if optimizer is None else optimizers.get("compile: optimizer", optimizer)
        objective = None if loss is None else losses.get("compile: loss", loss)  # None: what belongs to the layers
        measured = named_metrics("compile: metrics", metrics)
        if not (self.compiled and optimizer is self.optimizer):
            _refuse_taken("compile", optimizer)
            self.optimizer, self._optimizer_ready = optimizer, False
        self.chosen_objective, self.metrics, self.compiled, self.settled = objective, measured, True, False
        self._settle_objective()

    def _settle_objective(self, y: np.ndarray | None = None) -> None:
        """The objective that was chosen, else the loss that belongs to the last layer, and to the targets y."""
        last = (_leaves(self.layer) or [self.layer])[-1]
        self.objective = self.chosen_objective or PenalizedLoss(losses.belonging_to(last, y))
        self._link()

    def _link(self) -> None:
        """The canonical link: where the last layer is the loss's own activation, the loss works on its input.

        `body` are the layers that training runs, without that activation; `body_loss` is the loss of what they put out.
        """
        leaves = _leaves(self.layer)
        self._activation: Layer | None = None
        if self.compiled:
            self.body_loss = self.objective.loss
            link = None if getattr(self.body_loss, "from_logits", False) else self.body_loss.link
            if link is not None and leaves and isinstance(leaves[-1], link):
                self.body_loss, self._activation = self.body_loss.on_logits(), leaves.pop()
        self.body = Chain(*leaves)
        self._stateful = [(layer, name) for _, layer in self.layer.walk() for name in layer.state_names]
        if self.built:
            self.body.mark_first()
            self.penalties = list(self._terms())

    def _terms(self) -> Iterator[tuple[slice, Penalty]]:
        """Every penalty with the part of theta it sees: those added to the loss, then those of single parameters."""
        for term in self.objective.penalties if self.compiled else ():
            yield self.params.kernels, term
        for path, parameter in self.params.items():
            if parameter.regularizer is not None:
                yield self.params.slices[path], parameter.regularizer

    def _prepare(self, input_shape: tuple[int, ...]) -> None:
        self.build(input_shape)
        self.prepare_optimizer()

    def prepare_optimizer(self) -> None:
        """Let the optimiser begin, if it has not."""
        if not self._optimizer_ready:
            _refuse_taken("fit", self.optimizer)
            self.optimizer.build(self.params)
            self._optimizer_ready = True

    # ---- one step

    def state(self) -> State:
        """What the layers keep beside their parameters, as (layer, name, array)."""
        return [(layer, name, getattr(layer, name)) for layer, name in self._stateful]

    def objective_and_gradient(self, batch: Examples) -> tuple[float, float, np.ndarray]:
        """Forward, loss, backward, penalties: fills params.grad, returns (data loss, penalty, what the loss saw)."""
        data_loss, z = self.data_gradient(batch)
        return data_loss, self.add_penalties(batch.mass), z

    def data_gradient(self, batch: Examples) -> tuple[float, np.ndarray]:
        """Forward, loss, backward: fills params.grad, returns (data loss, what the loss saw)."""
        z = self.body.forward(batch.x, training=True)
        data_loss, dz = self.body_loss.value_and_gradient(z, batch.y, batch.weight)
        self.body.backward(dz)
        return float(data_loss), z

    def add_penalties(self, rows: float) -> float:
        """The penalties for a batch of so many rows, their gradients added to params.grad."""
        if not self.penalties:
            return 0.0
        theta, grad = self.params.theta, self.params.grad
        for part, term in self.penalties:
            grad[part] += term.gradient(theta[part], rows)
        return self.penalty(rows)

    def penalty(self, rows: float) -> float:
        """The sum of the penalties for a batch of so many rows."""
        return sum((float(term.value(self.params.theta[part], rows)) for part, term in self.penalties), 0.0)

    def measure(self, batch: Examples, z: np.ndarray) -> None:
        """Feed the metrics with a batch, and what the loss saw of it."""
        outputs = self._outputs(z)
        for metric in self.metrics.values():
            metric.update(batch.y, outputs)

    def figures(self, data_loss: float, penalty: float, *, running: bool = False) -> dict[str, Any]:
        """Metrics, then loss, as Keras orders them; with a penalty the loss's two parts too.

        running: in the middle of an epoch, where metrics that need all its rows say nothing.
        """
        logs: dict[str, Any] = {
            name: metric.result() for name, metric in self.metrics.items() if metric.runs or not running
        }
        logs["loss"] = data_loss + penalty
        if self.penalties:
            logs["data_loss"], logs["penalty"] = data_loss, penalty
        return logs

    def _outputs(self, z: np.ndarray) -> np.ndarray:
        """What the model puts out, from what the loss saw."""
        return z if self._activation is None else self._activation.forward(z)

    # ---- weights and words

    def twin(self) -> Self:
        """A model like this one, sharing nothing that a pass changes: same weights, masks to come, and statistics."""
        twin = copy.copy(self)
        moving = (self.layer, self._params, self.body, self._activation, self.rng)
        twin.layer, twin._params, twin.body, twin._activation, twin.rng = copy.deepcopy(moving)
        return twin

    def _weights(self) -> dict[str, tuple[Parameter | Layer, str]]:
        """Where each weight lies, as (object, attribute), by path: layer by layer its parameters, then its state."""
        found: dict[str, tuple[Parameter | Layer, str]] = {}
        for path, layer in self.layer.walk():
            found |= {join_path(path, name): (parameter, "value") for name, parameter in layer.parameters.items()}
            found |= {join_path(path, name): (layer, name) for name in layer.state_names}
        return found

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, layer by layer: kernel, bias, kernel, bias, ..., and what layers keep as state."""
        self.params  # noqa: B018  an unbuilt model says so here
        return [getattr(holder, name).copy() for holder, name in self._weights().values()]

    def set_weights(self, weights: Iterable[Any]) -> None:
        """Set all weights from arrays in the order of `get_weights`. All are checked before the first is set."""
        self.params  # noqa: B018
        if not isinstance(weights, Iterable):
            raise SettingError(f"set_weights takes a list of arrays, as get_weights returns it, got {weights!r}")
        given, places = list(weights), self._weights()
        if len(given) != len(places):
            message = f"set_weights: got {len(given)} arrays, {self.name} has {len(places)}: {', '.join(places)}"
            raise ShapeError(message)
        checked = []
        for (path, (holder, name)), weight in zip(places.items(), given, strict=True):
            array, shape = data.numeric("set_weights", path, weight), getattr(holder, name).shape
            if array.shape != shape:
                raise ShapeError(f"set_weights: {path} has shape {shape}, got {array.shape}")
            checked.append(data.finite("set_weights", path, array, self.dtype))
        for (holder, name), array in zip(places.values(), checked, strict=True):
            setattr(holder, name, array if isinstance(holder, Parameter) else array.copy())

    def count_params(self) -> int:
        """The number of weights, trained or not."""
        self.params  # noqa: B018
        return sum(int(getattr(holder, name).size) for holder, name in self._weights().values())

    def summary(self, *, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers with their output shapes and parameters, as Keras does."""
        params = self.params  # first: an unbuilt model says so here
        print_fn(summary_table(self.name, self.layer, self.output_shape, params, self._optimizer_numbers()))

    def _optimizer_numbers(self) -> int:
        """How many numbers the optimiser remembers, its learning rate among them; 0 before it has begun."""
        return self.optimizer.count_state() + 1 if self._optimizer_ready else 0

    def _repr_html_(self) -> str:
        if not self.built:
            return f"<pre>{html.escape(repr(self))}</pre>"
        return summary_html(self.name, self.layer, self.output_shape, self.params, self._optimizer_numbers())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.layer!r})"


_ALONE = {"parameter": ": weights cannot be shared", "layer": ": use clone()"}


def _dtype(given: Any) -> np.dtype:
    for name in ("float32", "float64"):
        if given in (name, getattr(np, name)) or (isinstance(given, np.dtype) and given.name == name):
            return np.dtype(name)
    raise SettingError(f"Model: dtype must be float32 or float64, got {given!r}")


def _refuse_taken(who: str, optimizer: Optimizer) -> None:
    if optimizer.built:
        raise SettingError(f"{who}: {optimizer!r} already trains a model, and remembers its steps; give each its own")


def _row_shape(input_shape: Any) -> tuple[int, ...]:
    shape = tuple(input_shape) if isinstance(input_shape, tuple | list) else (input_shape,)
    shape = shape[1:] if shape and shape[0] is None else shape
    if not shape:
        raise SettingError(f"build: input_shape must name the features of a row, as in (2,), got {input_shape!r}")
    return tuple(validation.check_integer("build", "input_shape", n, 1) for n in shape)


def _leaves(layer: Layer) -> list[Layer]:
    """The layers that run one after the other: the chain's, with nested chains written out."""
    if type(layer) is not Chain:
        return [layer]
    return [leaf for inner in layer.layers for leaf in _leaves(inner)]
