"""A recurrent layer in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SettingError, ShapeError
from ..validation import check_choice, setting
from ._base import Layer
from ._containers import build_layer
from ._recurrent import Recurrent


def _check_layer(who: str, name: str, value: Any) -> Recurrent:
    if not isinstance(value, Recurrent):
        raise SettingError(f"{who}: {name} must be a recurrent layer such as LSTM(8), got {value!r}")
    return value


def _check_mode(who: str, name: str, value: Any) -> str:
    return check_choice(who, name, value, ("concat", "sum", "mul", "ave"))


@dataclass(eq=False)
class Bidirectional(Layer):
    """y = [f(x), g(x)],   g a layer like f with weights of its own, which begins with the last step.

    x (m, steps, n) -> y (m, 2 units), or (m, steps, 2 units) if f has return_sequences; g(x) is turned round then, so
    that both belong to the steps of x. (Schuster & Paliwal 1997)

    layer           f, a recurrent layer such as LSTM(8); return_sequences and return_state are its settings
    merge_mode      "concat": side by side; "sum": f(x) + g(x); "mul": f(x) g(x); "ave": (f(x) + g(x)) / 2; None: a
                    tuple of both
    backward_layer  g, with another go_backwards than f; None: made with the settings of f

    With return_state it returns (y, the states of f, those of g). Initial states are further inputs: those of f, then
    those of g. As in Keras, y of all steps is 0 at masked steps.
    """

    layer: Recurrent = setting(_check_layer)
    merge_mode: str | None = setting(_check_mode, default="concat", optional=True)
    backward_layer: Recurrent | None = setting(_check_layer, default=None, optional=True)

    several_inputs = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.both = self.layer, self.backward_layer or _turned(self.layer)
        for name in ("return_sequences", "return_state", "stateful"):
            values = [getattr(layer, name) for layer in self.both]
            if values[0] != values[1]:
                raise SettingError(f"Bidirectional: both layers must have the same {name}, got {values}")
        if self.both[0].go_backwards == self.both[1].go_backwards:
            remedy = "leave it out: Bidirectional makes the second layer"
            raise SettingError(f"Bidirectional: one of the layers must go_backwards, not both; {remedy}")

    @property
    def children(self) -> dict[str, Layer]:
        return dict(zip(("forward_layer", "backward_layer"), self.both, strict=True))

    @property
    def several_outputs(self) -> bool:  # type: ignore[override]
        return self.layer.return_state or self.merge_mode is None

    def build(self, input_shape: Any) -> Any:
        several = input_shape if isinstance(input_shape[0], tuple) else (input_shape,)
        shapes: Any = [build_layer(layer, taken) for layer, taken in self._each(several)]
        (y, *states), (other, *others) = shapes if self.layer.return_state else [(shape,) for shape in shapes]
        if self.merge_mode == "concat":
            merged = [(*y[:-1], y[-1] + other[-1])]
        elif self.merge_mode is None:
            merged = [y, other]
        elif y == other:
            merged = [y]
        else:
            raise ShapeError(f"Bidirectional: merge_mode {self.merge_mode!r} joins equal shapes, got {y} and {other}")
        return (*merged, *states, *others) if self.several_outputs else merged[0]

    def _each(self, x: tuple[Any, ...]) -> list[tuple[Recurrent, Any]]:
        """Return each layer with what it takes: the sequence, and its half of the states."""
        sequence, *states = x
        half = len(states) // 2
        parts = states[:half], states[half:]
        return [(layer, (sequence, *part) if part else sequence) for layer, part in zip(self.both, parts, strict=True)]

    def forward(self, x: Any, training: bool = False) -> Any:
        return self.masked_forward(x, None, training)[0]

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        of_sequence = mask[0] if isinstance(mask, tuple) else mask
        counts = of_sequence[..., None] if self.layer.return_sequences and of_sequence is not None else None
        taken = self._each(x if isinstance(x, tuple) else (x,))
        made = [layer.masked_forward(part, of_sequence, training)[0] for layer, part in taken]
        (y, *states), (other, *others) = made if self.layer.return_state else [(one,) for one in made]
        y, other = _counted(y, counts), _counted(self._turned_round(other), counts)
        self.merging = y, other, counts
        merged = self._merged(y, other)
        return (*merged, *states, *others) if self.several_outputs else merged[0], self.compute_mask(x, mask)

    def _turned_round(self, y: np.ndarray) -> np.ndarray:
        return y[:, ::-1] if self.layer.return_sequences else y

    def _merged(self, y: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, ...]:
        if self.merge_mode == "concat":
            return (np.concatenate([y, other], axis=-1),)
        if self.merge_mode == "mul":
            return (y * other,)
        if self.merge_mode is None:
            return y, other
        return (y + other if self.merge_mode == "sum" else (y + other) / 2,)

    def compute_mask(self, x: Any, mask: Any) -> Any:
        of_sequence = mask[0] if isinstance(mask, tuple) else mask
        of_y = of_sequence if self.layer.return_sequences else None
        if not self.several_outputs:
            return of_y
        states = sum(layer.state_count for layer in self.both) if self.layer.return_state else 0
        return (*[of_y] * (2 if self.merge_mode is None else 1), *[None] * states)

    def backward(self, dy: Any) -> Any:
        several = dy if self.several_outputs else (dy,)
        count = 2 if self.merge_mode is None else 1
        parts, states = self._parts(several[:count]), several[count:]
        halves = states[: len(states) // 2], states[len(states) // 2 :]
        dx = [
            layer.backward((part, *half) if layer.return_state else part)
            for layer, part, half in zip(self.both, parts, halves, strict=True)
        ]
        if self.is_first:
            return None
        if not isinstance(dx[0], tuple):
            return dx[0] + dx[1]
        return (dx[0][0] + dx[1][0], *dx[0][1:], *dx[1][1:])

    def _parts(self, dy: tuple[Any, ...]) -> tuple[Any, Any]:
        """Return dL/df(x) and dL/dg(x), each None if nothing depends on it."""
        y, other, counts = self.merging
        if self.merge_mode is None:
            part, of_other = dy
        elif dy[0] is None:
            part, of_other = None, None
        elif self.merge_mode == "concat":
            part, of_other = np.split(dy[0], [y.shape[-1]], axis=-1)
        elif self.merge_mode == "mul":
            part, of_other = dy[0] * other, dy[0] * y
        else:
            part = of_other = dy[0] if self.merge_mode == "sum" else dy[0] / 2
        part, of_other = _counted(part, counts), _counted(of_other, counts)
        return part, None if of_other is None else self._turned_round(of_other)

    def mark_first(self) -> None:
        self.is_first = True
        for layer in self.both:
            layer.mark_first()

    def reset_states(self) -> None:
        """Begin the next batch with states of zeros, if the layers are stateful."""
        for layer in self.both:
            layer.reset_states()


def _turned(layer: Recurrent) -> Recurrent:
    """Return a clone of the layer that goes backwards."""
    clone = layer.clone()
    clone.go_backwards = True
    clone.name = None if layer.name is None else f"backward_{layer.name}"
    return clone


def _counted(y: Any, counts: np.ndarray | None) -> Any:
    """Return y with 0 at the steps that do not count."""
    return y if y is None or counts is None else y * counts
