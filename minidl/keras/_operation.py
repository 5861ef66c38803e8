"""The base class of layers and models: a name, calls on symbolic tensors and on arrays, weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..errors import SettingError, ShapeError
from ..layers import Layer as CoreLayer
from . import _names, config
from ._tensors import KerasTensor, Node, Shape, as_tensors, has_tensors
from ._variables import Variable, as_tensor

if TYPE_CHECKING:
    from ._wiring import Plan


classes: dict[str, type[Operation]] = {}  # by the names that configs use


class Operation:
    """A layer or a model: something that is called, has a name and may have weights.

    A subclass writes

    core_layers             the core's layers that it consists of, in their order
    compute_shapes(shapes)  (None, ...) of its inputs -> of its outputs; it makes the weights, if they are not made yet
    place(plan, sources)    puts its layers into a plan of a model: names of the values it takes -> of those it makes
    compute(arrays, training)  the same on arrays; training None: as each layer behaves where the call does not say
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        classes[cls.kind_of_name()] = cls

    def __init__(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise SettingError(f"{type(self).__name__}: name must be a string, got {name!r}")
        self.name = name or _names.automatic(self.kind_of_name())
        self.dtype = config.floatx()
        self.nodes: list[Node] = []

    @classmethod
    def kind_of_name(cls) -> str:
        """Return the class name that automatic names are made of."""
        return cls.__name__

    # ---- what a subclass writes

    @property
    def core_layers(self) -> tuple[CoreLayer, ...]:
        raise NotImplementedError

    def compute_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        raise NotImplementedError

    def place(self, plan: Plan, sources: list[str]) -> list[str]:
        raise NotImplementedError

    def compute(self, arrays: list[np.ndarray], training: bool | None) -> list[np.ndarray]:
        raise NotImplementedError

    # ---- calls

    def __call__(self, inputs: Any, *others: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return a symbolic tensor for symbolic tensors, numbers for arrays."""
        if others:
            raise SettingError(f"{self.name} takes its inputs as one list: {self.name}([a, b])")
        if has_tensors(inputs):
            return self.symbolic(inputs)
        return self.on_arrays(inputs, training)

    def symbolic(self, inputs: Any) -> Any:
        """Return the symbolic outputs: one, or a list."""
        tensors = as_tensors(self.name, self.ordered(inputs))
        shapes = self.shapes_of_batches(tuple(x.shape for x in tensors))
        node = Node(self, tensors, joined=isinstance(inputs, list | tuple))
        node.outputs = tuple(
            KerasTensor(shape, node, name, tensors[0].dtype)
            for shape, name in zip(shapes, self.names_of_outputs(len(shapes)), strict=True)
        )
        self.nodes.append(node)
        return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)

    def shapes_of_batches(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shapes of the outputs for inputs with any number of rows, which the outputs have too."""
        rows = next((shape[0] for shape in shapes if shape and shape[0] is not None), None)
        return tuple((rows, *shape[1:]) for shape in self.compute_shapes(tuple((None, *s[1:]) for s in shapes)))

    def ordered(self, inputs: Any) -> Any:
        """Return the inputs in the order of the operation's own."""
        return inputs

    def names_of_outputs(self, count: int) -> list[str]:
        return [self.name] * count

    def on_arrays(self, inputs: Any, training: bool | None) -> Any:
        """Return the outputs for arrays: one, or a list."""
        ordered = self.ordered(inputs)
        several = isinstance(ordered, list | tuple) and self.takes_several
        arrays = [np.asarray(x, self.dtype) for x in (ordered if several else [ordered])]
        self.compute_shapes(tuple((None, *x.shape[1:]) for x in arrays))
        outputs = [as_tensor(y) for y in self.compute(arrays, training)]
        return outputs[0] if len(outputs) == 1 else outputs

    takes_several = False

    # ---- the first call

    def _first_node(self, attribute: str) -> Node:
        if not self.nodes:
            raise self._uncalled(attribute)
        return self.nodes[0]

    def _uncalled(self, attribute: str) -> AttributeError:
        """Return the error for an attribute of the first call, which hasattr understands."""
        return AttributeError(f"{self.name} has no {attribute}: it has not been called on a symbolic tensor yet")

    @property
    def input(self) -> Any:
        """The symbolic tensor that it was called on first, or their list."""
        node = self._first_node("input")
        return list(node.inputs) if len(node.inputs) > 1 else node.inputs[0]

    @property
    def output(self) -> Any:
        """The symbolic tensor that the first call returned, or their list."""
        outputs = self._first_node("output").outputs
        return list(outputs) if len(outputs) > 1 else outputs[0]

    @property
    def input_shape(self) -> Any:
        """(None, ...) of its input, or a list."""
        given = self.input
        return [x.shape for x in given] if isinstance(given, list) else given.shape

    @property
    def output_shape(self) -> Any:
        """(None, ...) of its output, or a list; of outputs by name the list in the order of the names."""
        given = self.output
        if isinstance(given, dict):
            return [given[name].shape for name in sorted(given)]
        return [x.shape for x in given] if isinstance(given, list | tuple) else given.shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output, (None, ...), for that of the input, or for a list of them."""
        several = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        shapes = self.shapes_of_batches(tuple(map(tuple, input_shape)) if several else (tuple(input_shape),))
        return shapes[0] if len(shapes) == 1 else list(shapes)

    # ---- weights

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        raise NotImplementedError

    def variables_inside(self, prefix: str = "") -> Iterator[Variable]:
        raise NotImplementedError

    @property
    def weights(self) -> list[Variable]:
        """All weights: of each layer kernel, bias, ..., then moving averages."""
        return list(self.variables_inside())

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [weight for weight in self.weights if weight.trainable]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The others: moving averages, and weights of frozen layers."""
        return [weight for weight in self.weights if not weight.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def losses(self) -> list[Any]:
        """The penalties on trained weights, one number for each weight that has a regularizer."""
        return [weight.penalty for weight in self.trainable_weights if weight.penalty is not None]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights, in the order of `weights`."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Iterable[Any]) -> None:
        """Set the weights from arrays in the order of `weights`. All shapes are checked before the first is set."""
        arrays, own = [np.asarray(array) for array in weights], self.weights
        if len(arrays) != len(own):
            names = ", ".join(weight.path for weight in own) or "none: build it, or call it, first"
            raise ShapeError(f"set_weights: {self.name} has {len(own)} weights, got {len(arrays)} arrays ({names})")
        for weight, array in zip(own, arrays, strict=True):
            if array.shape != weight.shape:
                raise ShapeError(f"set_weights: {weight.path} has shape {weight.shape}, got {array.shape}")
        for weight, array in zip(own, arrays, strict=True):
            weight.assign(array)

    def count_params(self) -> int:
        """Return the number of weights, trainable or not."""
        return sum(math.prod(weight.shape) for weight in self.weights)

    @property
    def trainable(self) -> bool:
        """False: training does not change the weights. Setting it sets it on all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._trainable = bool(trainable)
        for part in self.parts:
            part.trainable = self._trainable

    @property
    def parts(self) -> Iterable[Any]:
        """The layers directly inside: of a layer those of the core, of a model its layers."""
        return self.core_layers

    _trainable = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    @property
    def built(self) -> bool:
        """True once the weights are made."""
        raise NotImplementedError
