"""The base class of layers and models: a name, calls on symbolic tensors and on arrays, weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ..errors import SettingError, ShapeError
from ..layers import Layer as CoreLayer
from ..naming import snake_case, unique
from . import _names, config
from ._tensors import NO_MASK, Call, KerasTensor, Node, Shape, as_tensors
from ._variables import Variable, as_tensor, mask_of

if TYPE_CHECKING:
    from ._wiring import Plan


Masks = list[Any]  # an array (m, steps) for each value, or None

classes: dict[str, type[Operation]] = {}  # by the names that configs use


def numbered_by_kind(operations: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield layers and models with their names in a file of Keras: dense, dense_1, ..., whatever they are called."""
    taken: set[str] = set()
    for operation in operations:
        key = unique(snake_case(operation.kind_of_name()), taken)
        taken.add(key)
        yield key, operation


class Operation:
    """A layer or a model: something that is called, has a name and may have weights.

    A subclass writes

    core_layers             the core's layers that it consists of, in their order
    compute_shapes(shapes)  (None, ...) of its inputs -> of its outputs; it makes the weights, if they are not made yet
    place(plan, sources)    puts its layers into a plan of a model: names of the values it takes -> of those it makes
    compute(arrays, masks, training)  the same on arrays, each with its mask or None -> outputs and their masks;
                            training None: as each layer behaves where the call does not say

    call_arguments  the names of the arguments of a call, in Keras's order, besides training and mask
    """

    call_arguments: ClassVar[tuple[str, ...]] = ("inputs",)

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

    def compute(self, arrays: list[np.ndarray], masks: Masks, training: bool | None) -> tuple[list[np.ndarray], Masks]:
        raise NotImplementedError

    # ---- calls

    def __call__(self, *args: Any, training: bool | None = None, mask: Any = None, **options: Any) -> Any:
        """Return a symbolic tensor for symbolic tensors, numbers for arrays."""
        call = Call(args, options if mask is None else {**options, "mask": mask})
        return self.symbolic(call) if call.tensors else self.on_arrays(self.given(call), training)

    def given(self, call: Call) -> dict[str, Any]:
        """Return the arguments of a call by name."""
        if len(call.args) > len(self.call_arguments):
            raise self._too_many(len(call.args))
        found = {**dict(zip(self.call_arguments, call.args, strict=False)), **call.kwargs}
        if unknown := [name for name in found if name not in (*self.call_arguments, "mask")]:
            has = ", ".join((*self.call_arguments, "training", "mask"))
            raise SettingError(f"{self.name}: a call has no argument {unknown[0]!r}; it has {has}")
        if self.call_arguments[0] not in found:
            raise SettingError(f"{self.name}: the call has no {self.call_arguments[0]}")
        return found

    def _too_many(self, count: int) -> SettingError:
        if self.call_arguments == ("inputs",):
            return SettingError(f"{self.name} takes its inputs as one list: {self.name}([a, b])")
        return SettingError(f"{self.name} takes {', '.join(self.call_arguments)}, got {count} arguments")

    def taken(self, given: dict[str, Any]) -> list[Any]:
        """Return what the core's layers take of the arguments, in their order."""
        inputs = self.ordered(given["inputs"])
        several = isinstance(inputs, list | tuple) and (self.takes_several or bool(Call((inputs,)).tensors))
        return list(inputs) if several else [inputs]

    def masks(self, given: dict[str, Any], count: int) -> list[Any]:
        """Return the masks that the arguments give to what is taken: see `Node`."""
        mask = given.get("mask")
        masks = [NO_MASK if one is None else one for one in mask] if isinstance(mask, list | tuple) else [mask]
        return [*masks, *[None] * count][:count]

    def kept(self, given: dict[str, Any]) -> int:
        """Return the number of outputs that get the first value's own mask, whatever the arguments give to it."""
        return 0

    def symbolic(self, call: Call) -> Any:
        """Return the symbolic outputs: one, or several."""
        given = self.given(call)
        taken = as_tensors(self.name, self.taken(given))
        masks = self.masks(given, len(taken))
        as_tensors(f"{self.name}: mask", [mask for mask in masks if mask is not None and mask is not NO_MASK])
        shapes = self.shapes_of_batches(tuple(x.shape for x in taken))
        kept = self.kept(given) if taken[0].masked else 0
        node = Node(self, call.tensors, call, taken, tuple(masks), kept)
        masked = self.makes_mask or any(x.masked for x in taken) or any(mask is not None for mask in masks)
        node.outputs = tuple(
            KerasTensor(shape, node, name, self.dtype_of_output(taken[0]), masked)
            for shape, name in zip(shapes, self.names_of_outputs(len(shapes)), strict=True)
        )
        self.nodes.append(node)
        return self.formed(list(node.outputs))

    def formed(self, outputs: list[Any]) -> Any:
        """Return the outputs as a call does: one, or several in a list."""
        return outputs[0] if len(outputs) == 1 else outputs

    def dtype_of_output(self, x: KerasTensor) -> str:
        """Return the dtype of symbolic outputs."""
        return self.dtype

    @property
    def makes_mask(self) -> bool:
        """True if a layer inside makes masks."""
        return any(layer.makes_mask for layer in self.core_layers)

    def shapes_of_batches(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shapes of the outputs for inputs with any number of rows, which the outputs have too."""
        rows = next((shape[0] for shape in shapes if shape and shape[0] is not None), None)
        return tuple((rows, *shape[1:]) for shape in self.compute_shapes(tuple((None, *s[1:]) for s in shapes)))

    def ordered(self, inputs: Any) -> Any:
        """Return the inputs in the order of the operation's own."""
        return inputs

    def names_of_outputs(self, count: int) -> list[str]:
        return [self.name] * count

    def on_arrays(self, given: dict[str, Any], training: bool | None) -> Any:
        """Return the outputs for arrays: one, or several. An output remembers its mask, and a further call uses it."""
        taken = self.taken(given)
        arrays = [self._as_array(x) for x in taken]
        own = [mask_of(x) for x in taken]
        masks = [
            mask if mask is None or mask is NO_MASK else self._as_mask(mask, array)
            for array, mask in zip(arrays, self.masks(given, len(taken)), strict=True)
        ]
        kept = 0 if own[0] is None else self.kept(given)
        self.compute_shapes(tuple((None, *x.shape[1:]) for x in arrays))
        outputs, masks = self.compute_call(arrays, own, masks, kept, training)
        return self.formed([as_tensor(y, mask) for y, mask in zip(outputs, masks, strict=True)])

    def compute_call(
        self, arrays: list[np.ndarray], own: Masks, masks: Masks, kept: int, training: bool | None
    ) -> tuple[list[np.ndarray], Masks]:
        """Return outputs and their masks, for arrays with own masks and those that a call gives them: see `Node`."""
        pairs = zip(own, masks, strict=True)
        used = [before if mask is None else None if mask is NO_MASK else mask for before, mask in pairs]
        outputs, made = self.compute(arrays, used, training)
        return outputs, [own[0]] * kept + made[kept:]

    def _as_mask(self, given: Any, x: np.ndarray) -> np.ndarray:
        mask = np.asarray(given, bool)
        if mask.shape[:2] != x.shape[: mask.ndim][:2] or not mask.ndim:
            raise ShapeError(f"{self.name}: the mask has shape {mask.shape}, its input {x.shape}; wanted {x.shape[:2]}")
        return mask

    def _as_array(self, x: Any) -> np.ndarray:
        """Return x as an array: integers, such as ids, as they are, other numbers in the dtype of the layer."""
        array = np.asarray(x)
        return array if array.dtype.kind in "iub" else array.astype(self.dtype, copy=False)

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
        return self.formed(list(shapes))

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

    def stored(self) -> Iterator[tuple[str, Variable]]:
        """Yield the weights with their paths in a file of Keras 3: vars/0, vars/1, ..."""
        yield from ((f"vars/{number}", weight) for number, weight in enumerate(self.weights))

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
