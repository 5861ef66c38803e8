"""The base class of layers: an equation, its derivative, and parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self, cast

import numpy as np

from .._lazy import extension
from ..errors import NotBuiltError, SettingError, ShapeError
from ..naming import join_path, snake_case, unique
from ..parameters import Changes, Parameter
from ..validation import Validated, check_boolean


@dataclass(eq=False)
class Layer(Validated):
    """y = f(x; parameters).   Rows are examples: x (m, ...) -> y (m, ...).

    A subclass is a dataclass of its settings and writes up to three methods:

    build(input_shape)          makes its Parameters and returns its output shape (shapes leave out the batch axis)
    forward(x, training=False)  returns y and keeps on self what backward needs; it does not read what it just stored
    backward(dy)                sets the grad of every parameter and returns dL/dx

    No method writes into x, into dy or into an array that it returned before. Values must not go through abs, sign or a
    cast to float: the gradient checker calls forward with complex numbers.

    A sequence (m, steps, features) may have a mask (m, steps), False at steps that are padding. A layer that treats
    each step alone sets keeps_mask = True: y has the mask of x. For another mask of y, and to use it, it writes

    compute_mask(x, mask)                    returns the mask of y, None if all steps count
    masked_forward(x, mask, training=False)  returns y and its mask; forward is masked_forward(x, None, training)[0]

    and a layer that makes a mask where there was none sets makes_mask = True. A class that writes forward alone does
    not see masks, whatever its base class does with them. Where padded steps reach such a layer, building the model
    warns: see `uses_padding`.

    A layer may add a number to the objective, a penalty on what passes through it: it sets adds_penalty = True, writes
    activity_penalty() -> the number for the rows of the last forward, and its backward adds the derivative to dL/dx.

    State that is learned without gradients, such as moving averages, is named in `state_names`: attributes that hold
    arrays, made in `build` and replaced by `forward` in training only. Files and copies of a model contain them.

    What each batch leaves to the next one, such as the states of a stateful LSTM, is named in `carried_names`:
    attributes that hold tuples of arrays, or None. They are no weights; a saved training contains them.

    A layer object may have several places in a `Graph`, and may be in several models: they share its weights, and
    fitting any of them trains it, unless it is frozen. `clone()` makes another layer with the same settings and weights
    of its own.

    row_shape  of the rows that the layer is built for, None before
    flexible   True if a model may give it rows of any length, None in the model's input_shape
    built      True once a model that contains the layer has been built: its weights stay from then on
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    carried_names: ClassVar[tuple[str, ...]] = ()
    keeps_mask: ClassVar[bool] = False
    sees_masks: ClassVar[bool] = False  # True for a class that writes masked_forward; set when the class is made

    name: str | None = field(default=None, kw_only=True, repr=False)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "forward" in vars(cls) or "masked_forward" in vars(cls):
            cls.sees_masks = "masked_forward" in vars(cls)

    # True for the layer that receives the data: nothing needs its dL/dx, so its backward may return None
    is_first = False
    built = False
    flexible = False
    several_inputs = False  # True for layers whose forward takes a tuple of arrays
    several_outputs = False  # True for layers whose forward returns a tuple of arrays
    adds_penalty = False  # True for layers that write activity_penalty
    row_shape = cast("tuple[int, ...] | None", None)
    _trainable = True

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must write forward(x, training=False)")

    def masked_forward(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:
        """Return y and its mask, for x with this mask; of several inputs or outputs there are tuples of them."""
        return self.forward(x, training), self.compute_mask(x, mask)

    def compute_mask(self, x: Any, mask: Any) -> Any:
        """Return the mask of y for x with this mask."""
        return mask if self.keeps_mask else None

    def backward(self, dy: np.ndarray) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must write backward(dy)")

    @property
    def makes_mask(self) -> bool:
        """True if the layer, or one inside, makes a mask of its own."""
        return any(child.makes_mask for child in self.children.values())

    @property
    def uses_padding(self) -> bool:
        """True if steps that are masked enter y as the others do. By default: if the class knows nothing of masks."""
        return not (self.keeps_mask or self.sees_masks or type(self).compute_mask is not Layer.compute_mask)

    @property
    def vocabulary_size(self) -> int | None:
        """n if x holds integers 0, ..., n - 1, such as the ids of words: they have no derivative. Else None."""
        return None

    def activity_penalty(self) -> Any:
        """Return what the layers inside add to the objective for the rows of the last forward."""
        return sum(child.activity_penalty() for child in self.children.values())

    @property
    def trainable(self) -> bool:
        """False: training does not change the parameters, and penalties leave them out; gradients flow through.

        Setting it sets it on all layers inside, too.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        checked = check_boolean(type(self).__name__, "trainable", trainable)
        Changes.count += 1
        for _, layer in self.walk():
            layer._trainable = checked

    @property
    def rng(self) -> np.random.Generator:
        """The model's random generator, for layers that draw random numbers."""
        try:
            return self._rng
        except AttributeError:
            message = f"{type(self).__name__} draws random numbers: put it into a model, or set its rng"
            raise NotBuiltError(message) from None

    @rng.setter
    def rng(self, generator: np.random.Generator) -> None:
        Changes.count += 1
        self._rng = generator

    @property
    def has_rng(self) -> bool:
        """True if the layer belongs to a model, whose generator it uses."""
        return hasattr(self, "_rng")

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of this layer, without those of layers inside, by name, in the order they were made."""
        return {name: member for name, member in _members(self) if isinstance(member, Parameter)}

    @property
    def children(self) -> dict[str, Layer]:
        """The layers directly inside this one by name: Keras's names, numbered if they repeat."""
        found: dict[str, Layer] = {}
        for name, member in _members(self):
            if isinstance(member, Layer):
                found[unique(name, found)] = member
        return found

    def walk(self, path: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield this layer and all layers inside it, each with its path such as "residual/dense_1"."""
        yield path, self
        for name, child in self.children.items():
            yield from child.walk(join_path(path, name))

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters of this layer and all layers inside it by path, such as "dense_1/kernel"."""
        return {
            join_path(path, name): parameter
            for path, layer in self.walk()
            for name, parameter in layer.parameters.items()
        }

    def named_state(self) -> dict[str, np.ndarray]:
        """Return the state of this layer and all inside it by path, such as "batch_normalization/moving_mean"."""
        return {
            join_path(path, name): getattr(layer, name) for path, layer in self.walk() for name in layer.state_names
        }

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights: of this layer and of each inside it the parameters, then the state."""
        return [weight.array.copy() for weight in extension("weights").weights_of(self).values()]

    def set_weights(self, weights: Iterable[Any]) -> None:
        """Set the weights from arrays in the order of `get_weights`. All are checked before the first is set."""
        extension("weights").set_weights(self, list(weights))

    def mark_first(self) -> None:
        """Called by the model on the layer that receives the data."""
        self.is_first = True

    def unmark_first(self) -> None:
        """Called by the model on every layer before `mark_first`: in another model a layer may have been the first."""
        self.is_first = False

    def clone(self) -> Self:
        """Return a new layer with the same settings, not built and not part of a model."""
        for kind in type(self).__mro__[: type(self).__mro__.index(Layer)]:
            if "__init__" in vars(kind) and "__dataclass_params__" not in vars(kind):
                remedy = "make it a dataclass of its settings, without __init__"
                raise SettingError(f"{kind.__name__} cannot be cloned: {remedy}")
        new, clones = object.__new__(type(self)), dict[int, Layer]()
        for setting in fields(self):
            setattr(new, setting.name, _cloned(getattr(self, setting.name), clones))
        new._trainable = self._trainable
        new.__post_init__()
        return new


def run_masked(layer: Layer, x: Any, mask: Any, training: bool) -> tuple[Any, Any]:
    """Return y and its mask: from masked_forward, if the class of the layer wrote it, else from forward."""
    if layer.sees_masks:
        y, made = layer.masked_forward(x, mask, training)
    else:
        y, made = layer.forward(x, training), layer.compute_mask(x, mask)
    if isinstance(made, np.ndarray) and isinstance(y, np.ndarray) and made.shape != y.shape[: made.ndim]:
        method = "masked_forward" if layer.sees_masks else "compute_mask"
        wanted = f"wanted the first axes of its output, {y.shape[:2]} of {y.shape}, or None"
        raise ShapeError(f"{type(layer).__name__}.{method} returns a mask of shape {made.shape}; {wanted}")
    return y, made


def child_name(layer: Layer) -> str:
    """Return the name of a layer in its container before numbering: its own, or its class in snake case."""
    return layer.name or snake_case(re.sub(r"\W", "", type(layer).__name__))


def _members(layer: Layer) -> Iterator[tuple[str, Layer | Parameter]]:
    """Yield the layers and parameters in the attributes of a layer, or in lists, tuples and dicts there."""
    for attribute, value in list(vars(layer).items()):
        if isinstance(value, Layer | Parameter):
            yield attribute, value
        elif isinstance(value, list | tuple | dict):
            held = value.values() if isinstance(value, dict) else value
            for number, member in enumerate(held):
                if isinstance(member, Layer):
                    yield child_name(member), member
                elif isinstance(member, Parameter):
                    yield f"{attribute}_{number}", member


def _cloned(setting: Any, clones: dict[int, Layer]) -> Any:
    """Clone the layers in a setting, one that is there several times once. clones: those made so far."""
    if isinstance(setting, Layer):
        if id(setting) not in clones:
            clones[id(setting)] = setting.clone()
        return clones[id(setting)]
    if isinstance(setting, list | tuple):
        return type(setting)(_cloned(part, clones) for part in setting)
    if isinstance(setting, dict):
        return {key: _cloned(part, clones) for key, part in setting.items()}
    return setting
