"""Symbolic tensors of the functional API, and the order of the layers between inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import SettingError, ShapeError
from ..layers import EXAMPLES, common, has_any_length, with_lengths

if TYPE_CHECKING:
    from ._operation import Operation

Shape = tuple[int | None, ...]  # with the batch axis, which is None

NO_MASK: Any = object()  # a call gives a value this in the place of a mask: all of its steps count


@dataclass(eq=False)
class Node:
    """One call of a layer or a model on symbolic tensors.

    inputs  all tensors in the call
    call    the call as it was written
    taken   what the core's layers take of it, in their order
    masks   that the call gives to what is taken: a tensor, NO_MASK, or None where a value keeps its own
    kept    the number of outputs, from the first, that get the first value's own mask, whatever the call gives to it
    """

    operation: Operation
    inputs: tuple[KerasTensor, ...]
    call: Call = field(default_factory=lambda: Call(()))
    taken: tuple[KerasTensor, ...] = ()
    masks: tuple[Any, ...] = ()
    kept: int = 0
    outputs: tuple[KerasTensor, ...] = ()


@dataclass(eq=False, repr=False)
class KerasTensor:
    """A value that a functional model will compute. It has a shape, and no numbers.

    masked  True if it may have a mask: a layer before it makes one
    """

    shape: Shape
    node: Node
    name: str
    dtype: str = field(default="float32")
    masked: bool = False

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    # ---- arithmetic: a layer for each operation

    apply: ClassVar[Callable[..., Any]]  # (function, Call, name): set by the module of these layers
    get: ClassVar[Callable[..., Any]]  # (tensor, index)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise SettingError(f"np.{ufunc.__name__} takes symbolic tensors without further arguments")
        return self.apply(ufunc, Call(inputs), "true_divide" if ufunc is np.divide else ufunc.__name__)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self.apply(function, Call(args, options), function.__name__)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise SettingError(f"{self!r} has no numbers: use a layer, or a function of keras.ops")

    def __iter__(self) -> Iterator[Any]:
        raise SettingError(f"{self!r} cannot be unpacked: it has no numbers; several inputs go into a list")

    def __getitem__(self, index: Any) -> Any:
        return self.get(self, index)

    def __add__(self, other: Any) -> Any:
        return np.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return np.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return np.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return np.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return np.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return np.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return np.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return np.divide(other, self)

    def __pow__(self, other: Any) -> Any:
        return np.power(self, other)

    def __neg__(self) -> Any:
        return np.negative(self)

    def __matmul__(self, other: Any) -> Any:
        return np.matmul(self, other)

    def __ne__(self, other: Any) -> Any:
        return np.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return np.less(self, other)

    def __le__(self, other: Any) -> Any:
        return np.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return np.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return np.greater_equal(self, other)


@dataclass(frozen=True)
class Call:
    """layer(*args, **kwargs), as it was written: tensors or arrays, alone or in lists and dicts, and options."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def tensors(self) -> tuple[KerasTensor, ...]:
        """The symbolic tensors among the arguments, in their order."""
        return tuple(leaf for leaf in leaves((self.args, self.kwargs)) if isinstance(leaf, KerasTensor))

    def mapped(self, function: Callable[[KerasTensor], Any]) -> Call:
        """Return the call with function(tensor) in the place of each symbolic tensor."""

        def replaced(value: Any) -> Any:
            return function(value) if isinstance(value, KerasTensor) else value

        return Call(mapped(replaced, self.args), mapped(replaced, self.kwargs))


def leaves(given: Any) -> list[Any]:
    """Return what is in nested lists, tuples and dicts; values of dicts in the order of their keys."""
    if isinstance(given, dict):
        return [leaf for key in sorted(given) for leaf in leaves(given[key])]
    if isinstance(given, list | tuple):
        return [leaf for part in given for leaf in leaves(part)]
    return [given]


def mapped(function: Callable[[Any], Any], given: Any) -> Any:
    """Return nested lists, tuples and dicts with function(leaf) in the place of each leaf."""
    if isinstance(given, dict):
        return {key: mapped(function, part) for key, part in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(mapped(function, part) for part in given)
    return function(given)


def over_lengths(function: Callable[[Any], Any], rows: Any) -> Any:
    """Return function(rows), the shapes made of rows of these shapes. None in them stands for any length.

    None in the result: it depends on the length. Raises ShapeError if the function takes no such rows.
    """
    if not has_any_length(rows):
        return function(rows)
    messages = []
    for lengths in EXAMPLES:
        try:
            return common(*(function(with_lengths(rows, length)) for length in lengths))
        except ShapeError as error:  # windows may be longer
            messages.append(str(error))
    remedy = "give the length, or use layers that take any, such as LSTM or GlobalAveragePooling1D"
    raise ShapeError(f"{messages[0]}; None in {', '.join(map(str, rows))} stands for any length: {remedy}")


def as_tensors(who: str, given: Any) -> tuple[KerasTensor, ...]:
    """Return symbolic tensors from one, from a list or tuple, or from a dict of them, in the order of its keys."""
    values = [given[key] for key in sorted(given)] if isinstance(given, dict) else given
    values = values if isinstance(values, list | tuple) else [values]
    for value in values:
        if not isinstance(value, KerasTensor):
            raise SettingError(f"{who} takes symbolic tensors, as keras.Input(shape=(4,)) makes them, got {value!r}")
    return tuple(values)


def has_tensors(given: Any) -> bool:
    """Return True if a symbolic tensor is among the values."""
    values = given.values() if isinstance(given, dict) else given if isinstance(given, list | tuple) else [given]
    return any(isinstance(value, KerasTensor) for value in values)


def search(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> list[Node]:
    """Return the nodes that compute the outputs, those of the inputs among them, each after those that it needs.

    Raise SettingError if an output depends on an input that is not among `inputs`.
    """
    found: dict[int, Node] = {}
    for tensor in outputs:
        _visit(tensor, {id(x) for x in inputs}, found)
    for node in found.values():
        if not node.inputs and node.outputs[0] not in inputs:
            given = ", ".join(x.name for x in inputs)
            missing = node.outputs[0].name
            raise SettingError(f"Model: the outputs depend on the input {missing!r}, which is not in inputs: {given}")
    return list(found.values())


def _visit(tensor: KerasTensor, given: set[int], found: dict[int, Node]) -> None:
    node = tensor.node
    if id(node) in found or (node.inputs and id(tensor) in given):
        return
    for x in node.inputs:
        _visit(x, given, found)
    found[id(node)] = node


def by_depth(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes in the order in which Keras runs them, given each after those that it needs.

    Those farthest from the outputs come first; of those equally far, the one that an output leads to first.
    """
    depths = _depths(nodes)
    known = {id(node): node for node in nodes}
    return [known[key] for key in sorted(depths, key=lambda key: -depths[key])]


def _depths(nodes: Sequence[Node]) -> dict[int, int]:
    """Return the distance of each node from the outputs. A call is as far as any call of the same layer behind it."""
    known, depths, of_operation = {id(node) for node in nodes}, dict[int, int](), dict[int, int]()
    for node in reversed(nodes):
        depth = max(depths.get(id(node), 0), of_operation.get(id(node.operation), 0))
        depths[id(node)] = of_operation[id(node.operation)] = depth
        for x in node.inputs:
            if id(x.node) in known:
                depths[id(x.node)] = max(depths.get(id(x.node), 0), depth + 1)
    return depths


def operations_of(nodes: Sequence[Node], outputs: Sequence[KerasTensor]) -> list[Operation]:
    """Return the layers and models of the nodes as Keras lists them: those farthest from the outputs first.

    Of those equally far, the one comes first that a search from the outputs meets first.
    """
    depths, met, farthest = _depths(nodes), dict[int, int](), dict[int, int]()
    operations = {id(node.operation): node.operation for node in nodes}
    for node in nodes:
        farthest[id(node.operation)] = max(farthest.get(id(node.operation), 0), depths[id(node)])
    for tensor in outputs:
        _meet(tensor.node, set(depths), met)
    return [operations[key] for key in sorted(operations, key=lambda key: (-farthest[key], met.get(key, -1)))]


def _meet(node: Node, left: set[int], met: dict[int, int]) -> None:
    """Number the operations of the nodes that are left, in the order in which a search from this node meets them."""
    if id(node) in left:
        left.remove(id(node))
        met.setdefault(id(node.operation), len(met))
        for x in node.inputs:
            _meet(x.node, left, met)
