"""Model: what lies between symbolic inputs and outputs, as a layer that is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from .._lazy import extension
from ..errors import SettingError
from ..layers import Layer as CoreLayer
from ..layers import fits
from ..losses import OutputLosses
from ..model import Model as CoreModel
from ..naming import unique
from . import _config, _data
from ._answers import FORMER, WRITE_A_MODEL
from ._calculations import Calculation
from ._compiling import Compiled, optimizer_of
from ._former import answers_arguments
from ._operation import Masks, Operation, numbered_by_kind
from ._owners import own
from ._summary import print_summary
from ._tensors import KerasTensor, Shape, as_tensors, by_depth, operations_of, search
from ._variables import Variable
from ._wiring import core_model

BATCH_SIZE = 32  # what scripts count on: hooks see every batch, and metrics of Python functions are means over batches


class Model(Operation):
    """Model(inputs, outputs): the layers between symbolic tensors. `core` is minidl's model, which has the numbers.

    Several inputs and outputs are lists, or dicts by name.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "call" in vars(cls) or "train_step" in vars(cls):
            raise SettingError(f"{cls.__name__}: {WRITE_A_MODEL}")

    @answers_arguments
    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, trainable: bool = True
    ) -> None:
        if inputs is None or outputs is None:
            raise SettingError(f"{type(self).__name__} takes inputs and outputs; {WRITE_A_MODEL}")
        super().__init__(name)
        self._form = outputs
        self.keys = sorted(inputs) if isinstance(inputs, dict) else []
        self._connect(as_tensors("Model: inputs", inputs), as_tensors("Model: outputs", outputs))
        if not trainable:
            self.trainable = False

    @classmethod
    def kind_of_name(cls) -> str:
        return "Functional" if cls.__name__ == "Model" else cls.__name__

    # ---- structure

    _core: CoreModel | None = None
    compiled_settings: Compiled | None = None
    inputs: list[KerasTensor]
    outputs: list[KerasTensor]

    def _connect(self, inputs: tuple[KerasTensor, ...], outputs: tuple[KerasTensor, ...]) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.inner_nodes = search(self.inputs, self.outputs)
        used = {id(node) for node in self.inner_nodes}
        unused = [x.node for x in self.inputs if not x.node.inputs and id(x.node) not in used]
        self.inner_nodes = unused + self.inner_nodes
        _check_names(self.name, self.operations)
        self._core = None

    @property
    def core(self) -> CoreModel:
        """minidl's model. The gradient checker, the diagnosis, the plots and the files take it."""
        if self._core is None:
            self._core = core_model(self.name, self.dtype, self.inputs, self.outputs, self.output_names)
            own(self._core, self)
            if self.compiled_settings:
                self.compiled_settings.apply(self._core, self.output_names)
        return self._core

    @property
    def built(self) -> bool:
        return bool(self.outputs)

    def build(self, input_shape: Any = None) -> None:
        """Do nothing: a functional model is built."""

    @property
    def layers(self) -> list[Any]:
        """The layers and models inside, as Keras lists them: those farthest from the outputs first."""
        return [part for part in self.operations if not isinstance(part, Calculation)]

    @property
    def operations(self) -> list[Any]:
        """The layers and models inside, and operations between tensors such as x + y."""
        return operations_of(self.inner_nodes, self.outputs)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return the layer with this name or at this index."""
        if (name is None) == (index is None):
            raise SettingError('get_layer takes a name or an index: get_layer("dense"), get_layer(index=0)')
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise SettingError(f"get_layer: there is no layer with index {index}; there are {len(layers)} layers")
            return layers[index]
        found = [layer for layer in layers if layer.name == name]
        if not found:
            existing = [layer.name for layer in layers]
            raise SettingError(f"get_layer: No such layer: {name}. Existing layers are: {existing}")
        return found[0]

    @property
    def input(self) -> Any:
        """The symbolic input, or their list."""
        if not self.inputs:
            raise self._uncalled("input")
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        """The symbolic output, or all in the form in which the model was given them: a list, a tuple or a dict."""
        if not self.outputs:
            raise self._uncalled("output")
        return self.formed(self.outputs)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [x.name for x in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: sorted keys of a dict of outputs, else the names of their layers.

        A name that repeats, because a layer has several outputs, is numbered.
        """
        if isinstance(self._form, dict):
            return sorted(self._form)
        names: list[str] = []
        for x in self.outputs:
            names.append(unique(x.name if x in self.inputs else x.node.operation.name, names))
        return names

    @property
    def has_named_outputs(self) -> bool:
        """True if the outputs were given as a dict."""
        return isinstance(self._form, dict)

    _form: Any = None

    # ---- as a layer

    @property
    def core_layers(self) -> tuple[CoreLayer, ...]:
        return tuple(part for layer in self.layers for part in layer.core_layers)

    @property
    def parts(self) -> list[Any]:
        return self.layers

    takes_several = True

    def ordered(self, inputs: Any) -> Any:
        if isinstance(inputs, dict):
            named = self.by_input(inputs)
            return [named[name] for name in self.input_names]
        return inputs

    keys: Sequence[str] = ()  # of the dict of inputs that the model was made of

    def by_input(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return values by the keys of the dict of inputs as values by the names of the inputs."""
        if not self.keys or not set(self.keys) <= set(given):
            return given
        return {name: given[key] for name, key in zip(self.input_names, self.keys, strict=True)}

    def names_of_outputs(self, count: int) -> list[str]:
        return self.output_names if count > 1 else [self.name]

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        wanted = tuple((None, *x.shape[1:]) for x in self.inputs)
        if not fits(shapes, wanted):
            raise SettingError(f"{self.name} takes {_listed(wanted)}, got {_listed(shapes)}")
        return tuple((None, *x.shape[1:]) for x in self.outputs)

    def formed(self, outputs: list[Any]) -> Any:
        """Return several outputs as the model was given its own: a list, a tuple or a dict."""
        if isinstance(self._form, dict):
            return dict(zip(self.output_names, outputs, strict=True))
        if len(outputs) == 1:
            return outputs[0]
        return tuple(outputs) if isinstance(self._form, tuple) else outputs

    def place(self, plan: Any, sources: list[str]) -> list[str]:
        before, plan.prefix = plan.prefix, f"{plan.prefix}{self.name}_"
        made: list[str] = plan.run(self.inputs, sources, self.outputs)
        plan.prefix = before
        return made

    def compute(self, arrays: list[np.ndarray], masks: Masks, training: bool | None) -> tuple[list[np.ndarray], Masks]:
        values = {id(x): (array, mask) for x, array, mask in zip(self.inputs, arrays, masks, strict=True)}
        for node in by_depth(self.inner_nodes):
            if node.inputs:
                taken = [values[id(x)][0] for x in node.taken]
                own = [values[id(x)][1] for x in node.taken]
                given = [values[id(mask)][0] != 0 if id(mask) in values else mask for mask in node.masks]
                made = node.operation.compute_call(taken, own, given, node.kept, training)
                values |= {id(x): (array, mask) for x, array, mask in zip(node.outputs, *made, strict=True)}
        outputs, left = zip(*(values[id(x)] for x in self.outputs), strict=True)
        return list(outputs), list(left)

    def variables_inside(self, prefix: str = "") -> Iterator[Variable]:
        for layer in self.layers:
            yield from layer.variables_inside(f"{prefix}/{self.name}" if prefix else self.name)

    def stored(self) -> Iterator[tuple[str, Variable]]:
        for key, layer in numbered_by_kind(self.layers):
            yield from ((f"layers/{key}/{path}", weight) for path, weight in layer.stored())

    # ---- compile

    @answers_arguments
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how to train. The last four arguments change nothing: minidl runs each step as it stands."""
        settings = Compiled(optimizer_of(optimizer), loss, loss_weights, metrics, weighted_metrics)
        self.compiled_settings = None
        if self.built:
            settings.apply(self.core, self.output_names)
        self.compiled_settings = settings

    @property
    def compiled(self) -> bool:
        """True after `compile`."""
        return self.compiled_settings is not None

    def _settings(self, who: str) -> Compiled:
        if self.compiled_settings is None:
            raise SettingError(f"{who}: You must call `compile()` before using the model.")
        return self.compiled_settings

    @property
    def optimizer(self) -> Any:
        """The optimizer that `compile` received or made; None before."""
        return self.compiled_settings and self.compiled_settings.optimizer

    @property
    def loss(self) -> Any:
        """The loss that `compile` received; None before."""
        return self.compiled_settings and self.compiled_settings.loss

    @property
    def metrics(self) -> list[Any]:
        """The core's metrics, in the order of `metrics_names`."""
        return [self.core.metrics[name] for name in self.metrics_names if name in self.core.metrics]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns: the losses, then the metrics, of several outputs by their names."""
        by_loss = self.has_named_outputs and isinstance(self.loss, dict)
        return _data.names_of_figures(self.core.metrics_names, list(self.loss) if by_loss else self.output_names)

    @property
    def trained_outputs(self) -> list[str]:
        """The names of the outputs that have a loss."""
        loss = self.core.loss and self.core.loss.loss
        return list(loss.trained_names) if isinstance(loss, OutputLosses) else self.output_names

    def reset_metrics(self) -> None:
        """Forget what the metrics have seen."""
        for metric in self.metrics:
            metric.reset()

    # ---- fit, evaluate, predict

    def _trained(self, who: str, x: Any, y: Any) -> CoreModel:
        """Return the core's model, which has a loss; x decides on the shape of its rows if nothing else did."""
        settings = self._settings(who)
        settings.check(who)
        settings.labels.flat = _data.are_flat(self, y)
        return self._for_data(who, x)

    def _for_data(self, who: str, x: Any) -> CoreModel:
        return self.core

    @answers_arguments
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> Any:
        """Train, and return the History. The arguments are Keras's, and those of minidl's `Model.fit`."""
        core = self._trained("fit", x, y)
        history = core.fit(
            _data.inputs(self, x),
            _data.targets(self, y),
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            _data.validation(self, validation_data),
            shuffle,
            class_weight,
            sample_weight,
            initial_epoch,
            steps_per_epoch,
            validation_steps,
            validation_batch_size or batch_size or BATCH_SIZE,
            validation_freq,
        )
        history.history = _data.in_order(history.history, core.metrics_names)
        return history

    @property
    def history(self) -> Any:
        """The History of the last `fit`."""
        return self.core.history

    @answers_arguments
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics: [loss, metric, ...], the loss alone, or a dict."""
        core = self._trained("evaluate", x, y)
        rows = _data.inputs(self, x), _data.targets(self, y)
        figures = core.evaluate(*rows, batch_size or BATCH_SIZE, verbose, sample_weight, steps, callbacks, True)
        return _data.figures(self, figures, return_dict)

    @answers_arguments
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs as arrays: one, a list, or a dict if the outputs are one."""
        core = self._for_data("predict", x)
        if callbacks:  # which see the batches
            batch_size = batch_size or BATCH_SIZE
        return _data.outputs(self, core.predict(_data.inputs(self, x), batch_size, verbose, steps, callbacks))

    @answers_arguments
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Make one update on these rows. Return loss and metrics from before it."""
        core, rows = self._trained("train_on_batch", x, y), (_data.inputs(self, x), _data.targets(self, y))
        return _data.figures(self, core.train_on_batch(*rows, sample_weight, class_weight, True), return_dict)

    @answers_arguments
    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return loss and metrics on these rows."""
        core, rows = self._trained("test_on_batch", x, y), (_data.inputs(self, x), _data.targets(self, y))
        return _data.figures(self, core.test_on_batch(*rows, sample_weight, True), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for these rows."""
        return self.predict(x, verbose=0)

    @property
    def stop_training(self) -> bool:
        """True if a callback has stopped the training; callbacks set it."""
        return self.core.stop_training

    @stop_training.setter
    def stop_training(self, stop: bool) -> None:
        self.core.stop_training = stop

    def __getattr__(self, name: str) -> Any:
        if name in FORMER:
            raise AttributeError(f"{type(self).__name__}.{name} is gone from Keras: {FORMER[name]}")
        raise AttributeError(f"{type(self).__name__} {self.__dict__.get('name', '')!r} has no attribute {name!r}")

    # ---- tables and files

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers with the shapes of their outputs and their numbers of weights, as Keras does."""
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def get_config(self) -> dict[str, Any]:
        """Return the layers and their wires, from which `from_config` makes a model like this one."""
        return _config.functional_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Return a new model from its config, with new weights."""
        model: Self = _config.model_from(cls, config, custom_objects)
        return model

    def to_json(self) -> str:
        """Return the config as text, which `keras.models.model_from_json` reads."""
        return _config.to_json(self)

    def save(self, filepath: Any, overwrite: bool = True, zipped: Any = None) -> None:
        """Write the whole model to a name in .keras."""
        extension("Keras files").save_model(self, filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: Any = None) -> None:
        """Write the weights to a name in .weights.h5."""
        extension("Keras files").save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False) -> None:
        """Read the weights that `save_weights` or Keras wrote."""
        extension("Keras files").load_weights(self, filepath, skip_mismatch)


def _check_names(who: str, layers: list[Any]) -> None:
    names = [layer.name for layer in layers]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(f"{who}: the name {name!r} is used {names.count(name)} times; layers need unique names")


def _listed(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(str, shapes))
