"""A recorded forward pass: the ways that numbers take through its operations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ._probe import Operation, Spot
from ._source import argument_of, is_library, place_of, text_of

Edge = tuple[int, int]  # the number of an operation, and that of one of its operands
MOVES = {"getitem", "transpose", "swapaxes"}  # operations whose result has the numbers of the operand


@dataclass(frozen=True)
class Way:
    """An operand of an operation, in all executions of its site: the edges in their order. j is -1 for all operands."""

    spot: Spot
    j: int
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Port:
    """The arrays that one operand or result is, execution by execution."""

    text: str
    arrays: tuple[np.ndarray, ...]


class Forward:
    """The operations of a forward pass, and the edges between them.

    active      the edges on which the tensor in question has an influence
    influenced  those on which any tensor has one
    parameters  the values of the parameters
    owner       the class of the layer, or None for a function
    steps       the length of axis 1 of x, if x is a sequence
    """

    def __init__(
        self,
        operations: list[Operation],
        active: set[Edge],
        influenced: set[Edge],
        parameters: list[np.ndarray],
        owner: type | None,
        steps: int | None,
    ) -> None:
        self.operations, self.active, self.influenced = operations, active, influenced
        self.owner, self.steps = owner, steps
        self._parameters = {parameter.tobytes() for parameter in parameters}
        self.of_library = owner is not None and owner.__module__.split(".")[0] == __name__.split(".")[0]
        self.by_spot = defaultdict[Spot, list[Operation]](list)
        for operation in operations:
            self.by_spot[operation.spot].append(operation)

    def is_shown(self, operation: Operation) -> bool:
        """True if the operation is in the source of the layer, not in a function of minidl that it calls."""
        return bool(operation.site) and (self.of_library or not is_library(operation.site[0]))

    # ---- ways

    @cached_property
    def every_way(self) -> list[Way]:
        """All operands that the tensor has an influence on, in the order of their first execution."""
        return list(self._grouped(self.active))

    @cached_property
    def ways(self) -> list[Way]:
        """Those in the source of the layer."""
        return [way for way in self.every_way if self.is_shown(self.first(way))]

    @cached_property
    def beginnings(self) -> list[Way]:
        """Those that do not just continue another: a cut there differs from a cut before."""
        return [way for way in self.ways if not all(map(self._continues, way.edges))]

    @cached_property
    def results(self) -> list[Way]:
        """The results in the source that the tensor and others have an influence on by several operands."""
        found = defaultdict[Spot, list[Edge]](list)
        for number, j in sorted(self.influenced):
            if self.is_shown(self.operations[number]):
                found[self.operations[number].spot].append((number, j))
        ways = [Way(spot, -1, tuple(edges)) for spot, edges in found.items()]
        return [way for way in ways if len({j for _, j in way.edges}) > 1 and not self.active.isdisjoint(way.edges)]

    def _grouped(self, edges: Iterable[Edge]) -> Iterator[Way]:
        found = defaultdict[tuple[Spot, int], list[Edge]](list)
        for number, j in sorted(edges):
            operation = self.operations[number]
            if not operation.name.endswith("[]") or operation.key == j:  # else it is another one of several results
                found[operation.spot, j].append((number, j))
        for (spot, j), grouped in found.items():
            yield Way(spot, j, tuple(grouped))

    def _continues(self, edge: Edge) -> bool:
        """True if what is read is read nowhere else, and depends on one operand alone."""
        maker = self.latest_makers.get(edge)
        if maker is None or not self.is_shown(maker) or len(self._readers[maker.number]) != 1:
            return False
        return sum((maker.number, j) in self.active for j in range(len(maker.operands))) == 1

    @cached_property
    def _readers(self) -> dict[int, list[Edge]]:
        found = defaultdict[int, list[Edge]](list)
        for edge, maker in self.latest_makers.items():
            found[maker.number].append(edge)
        return found

    @cached_property
    def latest_makers(self) -> dict[Edge, Operation]:
        """The operation whose result an operand is, found by its numbers, so that arrays may be stored in between."""
        return self._found_by_numbers(set())

    @cached_property
    def makers(self) -> dict[Edge, Operation]:
        """The same, but the operation that computed the numbers, not one that moved them."""
        return self._found_by_numbers(MOVES)

    def _found_by_numbers(self, left_out: set[str]) -> dict[Edge, Operation]:
        made, found = dict[bytes, Operation](), dict[Edge, Operation]()
        for operation in self.operations:
            for j, operand in enumerate(operation.operands):
                if (maker := made.get(operand.tobytes())) is not None:
                    found[operation.number, j] = maker
            result = operation.result
            if result.dtype.kind != "f" or result.size < 2 or np.ptp(result) == 0:
                continue
            if operation.name not in left_out or result.tobytes() not in made:
                made[result.tobytes()] = operation
        return found

    @cached_property
    def to_next_step(self) -> list[list[Way]]:
        """The ways from one execution to the next, those together that hand on the result of one site."""
        found = defaultdict[Spot, dict[Way, None]](dict)
        for way in self.every_way:
            if self.is_shown(self.first(way)) and self.first(way).name not in MOVES:
                for edge in way.edges:
                    before, after = self.makers.get(edge), self.operations[edge[0]]
                    several = before is not None and len(self.by_spot[before.spot]) > 1
                    if before is not None and several and before.execution + 1 == after.execution:
                        found[before.spot][way] = None
        return [list(ways) for ways in found.values()]

    @cached_property
    def forks(self) -> list[list[Way]]:
        """The ways that the same numbers take, where they take several."""
        found = defaultdict[bytes, list[Way]](list)
        for way in self.beginnings:
            number, j = way.edges[-1]
            found[self.operations[number].operands[j].tobytes()].append(way)
        return [ways for ways in found.values() if len(ways) > 1]

    def pairs(self, one: Way, two: Way) -> list[tuple[Operation, Operation]]:
        """The operations of two ways, execution by execution; none if they are not as many."""
        if len(one.edges) != len(two.edges):
            return []
        return [(self.operations[a], self.operations[b]) for (a, _), (b, _) in zip(one.edges, two.edges, strict=True)]

    def is_parameter(self, edge: Edge) -> bool:
        """True if what is read is a parameter as it is."""
        return self.operations[edge[0]].operands[edge[1]].tobytes() in self._parameters

    # ---- other arrays

    @cached_property
    def ports(self) -> list[Port]:
        """All arrays in the source that a product could take by mistake, those with a short text first."""
        found = dict[bytes, Port]()
        for operations in self.by_spot.values():
            for port in self._ports(operations) if self.is_shown(operations[0]) else ():
                if all(array.size < 2 or np.ptp(array) == 0 for array in port.arrays):
                    continue
                key = b"".join(array.tobytes() for array in port.arrays) + repr(port.arrays[0].shape).encode()
                known = found.get(key)
                if known is None or len(port.text) < len(known.text):
                    found[key] = port
        return sorted(found.values(), key=lambda port: len(port.text))

    @staticmethod
    def _ports(operations: list[Operation]) -> Iterator[Port]:
        first = operations[0]
        for j, place in enumerate(first.places):
            if (text := argument_of(first.site[0], place)) and first.operands[j].dtype.kind == "f":
                yield Port(text, tuple(operation.operands[j] for operation in operations))
        if first.result.dtype.kind == "f" and (text := text_of(first.site[0])):
            yield Port(text, tuple(operation.result for operation in operations))

    def instead_of(self, way: Way, operand: int | None) -> Iterator[tuple[str, dict[int, np.ndarray]]]:
        """Other arrays of the shape of an operand, or of the result: the text of each, and it by the operation."""
        operations = [self.operations[number] for number, _ in way.edges]
        wanted = [operation.result if operand is None else operation.operands[operand] for operation in operations]
        count = len(self.by_spot[way.spot])
        for port in self.ports:
            n = len(port.arrays)
            if n not in (1, count) or any(array.shape != np.shape(wanted[0]) for array in port.arrays):
                continue
            arrays = [port.arrays[operation.execution if n == count else 0] for operation in operations]
            if not all(map(np.array_equal, arrays, wanted)):
                yield port.text, {operation.number: a for operation, a in zip(operations, arrays, strict=True)}

    def of_other_step(self, way: Way, operand: int, by: int) -> dict[int, np.ndarray]:
        """The operand `by` executions later, at the ends that of the last or the first."""
        operations = self.by_spot[way.spot]
        last = len(operations) - 1
        return {
            number: operations[min(max(self.operations[number].execution + by, 0), last)].operands[operand]
            for number, _ in way.edges
        }

    # ---- functions

    def is_sigmoid(self, operation: Operation) -> bool:
        """True if the result is the sigmoid of an array that was read or made shortly before."""
        y = operation.result
        if y.dtype.kind != "f" or not ((y > 0) & (y < 1)).all():
            return False
        x = np.log(y / (1 - y))
        near = self.operations[max(operation.number - 12, 0) : operation.number + 1]
        before = (a for other in near for a in (*other.operands, other.result) if a.dtype.kind == "f")
        return any(a.shape == x.shape and np.allclose(a, x, rtol=1e-9, atol=1e-9) for a in before)

    def softmax_axis(self, operation: Operation) -> int | None:
        """The axis along which the operation divides positive numbers by their sum, or None."""
        y = operation.result
        if operation.name != "divide" or len(operation.operands) != 2 or y.ndim < 1 or not (y >= 0).all():
            return None
        axes = (axis for axis, n in enumerate(y.shape) if n > 1 and np.allclose(y.sum(axis=axis), 1, rtol=1e-12))
        return next(axes, None)

    # ---- words

    def first(self, way: Way) -> Operation:
        return self.operations[way.edges[0][0]]

    def place(self, way: Way) -> str:
        """The source of an operation, with its line."""
        return place_of(self.first(way), self.owner)

    def operand(self, way: Way) -> str:
        """The source of what is read on a way, in quotes."""
        return self.argument(way, self.first(way).places[way.j])

    def argument(self, way: Way, place: int) -> str:
        text = argument_of(self.first(way).site[0], place)
        return f'"{text}"' if text else "what it reads"

    def unit(self, way: Way) -> str:
        """The word for one execution of an operation."""
        return "step" if len(self.by_spot[way.spot]) == self.steps else "execution"

    def axis(self, way: Way, axis: int) -> str:
        """The word for one index along an axis of a result."""
        n = np.shape(self.first(way).result)[axis]
        return "row" if axis == 0 else "step" if (axis, n) == (1, self.steps) else f"entry along axis {axis}"
