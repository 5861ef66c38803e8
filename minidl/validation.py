"""Input validation of settings: intervals, checks of single values, and dataclass fields that declare their domain."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Mapping
from dataclasses import MISSING, FrozenInstanceError, field, fields, is_dataclass
from functools import partial
from inspect import CO_VARKEYWORDS, currentframe
from types import FrameType
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from .errors import DataError, SettingError, UnknownAttributeError

T = TypeVar("T")
Check = Callable[[str, str, Any], Any]  # (class name, field name, value) -> the value to keep


class Interval:
    """An interval of real numbers, written as in mathematics: Interval("[0, 1)") holds 0 but not 1."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.low, self.high = (float(end) for end in text[1:-1].split(","))
        self.holds_low, self.holds_high = text[0] == "[", text[-1] == "]"

    def __contains__(self, value: float) -> bool:
        above = value > self.low or (value == self.low and self.holds_low)
        below = value < self.high or (value == self.high and self.holds_high)
        return math.isfinite(value) and above and below

    def within(self, other: Interval) -> bool:
        """Return True if every number of this interval lies in the other one."""
        above = (self.low, not self.holds_low) >= (other.low, not other.holds_low)
        return above and (self.high, self.holds_high) <= (other.high, other.holds_high)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Interval({self.text!r})"


REAL_LINE = Interval("(-inf, inf)")


def check_ids(who: str, name: str, x: np.ndarray, size: int, start: int = 0) -> np.ndarray:
    """Return x as integers. Raise DataError that names the first entry that is not one of 0, ..., size - 1.

    start  the number of its first row, for the message
    """
    with np.errstate(invalid="ignore"):  # NaN is no id, which the error says
        ids = x if x.dtype.kind in "iu" else x.real.astype(np.intp)
    if not x.size or (ids.min() >= 0 and ids.max() < size and (ids is x or (ids == x).all())):
        return ids
    place = [int(i) for i in np.argwhere((ids < 0) | (ids >= size) | (ids != x))[0]]
    value = x[tuple(place)].item()
    place[0] += start
    wanted = f"ids must be integers in 0, ..., {size - 1}, since the Embedding has input_dim={size}"
    raise DataError(f"{who}: {name}{place} is {value}; {wanted}")


# ---- checks of single values: each returns the value to keep or raises SettingError


def check_real(who: str, name: str, value: Any, interval: Interval | str = REAL_LINE) -> float:
    """Return the value as a Python float in the interval. A NumPy float would turn float32 arrays into float64."""
    domain = Interval(interval) if isinstance(interval, str) else interval
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or _as_float(value) not in domain:
        raise SettingError(f"{who}: {name} must be in {domain}, got {value!r}")
    return float(value)


def _as_float(value: numbers.Real) -> float:
    try:
        return float(value)
    except OverflowError:  # an int larger than every float
        return math.inf


def check_integer(who: str, name: str, value: Any, low: int) -> int:
    """Return the value as an int of at least `low`. True and 2.0 are rejected."""
    try:
        whole = low - 1 if isinstance(value, bool | np.bool) else operator.index(value)
    except TypeError:
        whole = low - 1
    if whole < low:
        raise SettingError(f"{who}: {name} must be an integer of at least {low}, got {value!r}")
    return whole


def check_boolean(who: str, name: str, value: Any) -> bool:
    """Return the value, which must be True or False."""
    if value is not True and value is not False:
        raise SettingError(f"{who}: {name} must be True or False, got {value!r}")
    return value


def check_choice(who: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return the value, which must be one of the strings."""
    if not (isinstance(value, str) and value in choices):
        raise SettingError(f"{who}: {name} must be one of {', '.join(choices)}, got {value!r}")
    return value


def check_instance(who: str, name: str, value: Any, kind: type[T]) -> T:
    """Return the value, which must be an object of the class."""
    if not isinstance(value, kind):
        raise SettingError(f"{who}: {name} must be {_object_of(kind)}, got {value!r}{hint(value, kind)}")
    return value


def resolve(what: str, given: Any, kind: type[T], table: Mapping[str, Callable[[], T]]) -> T:
    """Return the given object of the class, or make the one that a string names, as in Keras.

    The string is one of `table`, such as "he_normal", or the name of a class in it, "HeNormal".
    """
    if isinstance(given, kind):
        return given
    if not isinstance(given, str):
        raise SettingError(f"{what} must be {_object_of(kind)} or a string, got {given!r}{hint(given, kind)}")
    classes = {make.__name__: make for make in table.values() if isinstance(make, type)}
    make = table.get(given) or classes.get(given)
    if make is None:
        choices = f"{', '.join(table)}{_nearest(given, [*classes, *table])}"
        raise SettingError(f"{what}: unknown {kind.__name__.lower()} {given!r}; choose from {choices}")
    return make()


def _nearest(given: str, names: list[str]) -> str:
    from difflib import get_close_matches  # only an error needs it

    lower = {name.lower(): name for name in names}
    found = get_close_matches(given.lower(), lower, n=1)
    return f"; did you mean {lower[found[0]]!r}?" if found else ""


def _object_of(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__} object"


def hint(given: Any, kind: type) -> str:
    """A remedy for a class or a function that was given instead of an object of the class; "" for other values."""
    if isinstance(given, type):
        return f"; write {given.__name__}({'...' if _needs_settings(given) else ''})" if issubclass(given, kind) else ""
    return f"; {EXAMPLES[kind.__name__]}" if callable(given) and kind.__name__ in EXAMPLES else ""


def _needs_settings(cls: type) -> bool:
    settings = getattr(cls, "__dataclass_fields__", {}).values()
    return any(s.init and s.default is MISSING and s.default_factory is MISSING for s in settings)


# How an object of each kind is written, for those who give a function
EXAMPLES = {
    "Loss": """a loss is a class that returns the loss of each row, and its derivative along the outputs:

    class MyLoss(Loss):
        def terms(self, p, y):  # outputs and targets, both (rows, outputs)
            return ((p - y) ** 2).sum(axis=1), 2 * (p - y)""",
    "Optimizer": """an optimizer is a class that changes the parameters in place:

    class MyOptimizer(Optimizer):
        def update(self, theta, grad):  # all parameters, and their gradient
            theta -= self.rate * grad""",
    "Schedule": """a schedule is a class:

    class MySchedule(Schedule):
        def __call__(self, step):
            return 0.1 / (1 + step)""",
    "Initializer": """an initializer is a class:

    class MyInitializer(Initializer):
        def __call__(self, shape, rng):  # draw from rng alone
            return 0.1 * rng.standard_normal(shape)""",
    "Penalty": """a penalty is a class that returns a number and its derivative:

    class MyPenalty(Penalty):
        def value(self, w, m):  # the weights in one vector, and the rows of the training
            return (w**4).sum() / m

        def gradient(self, w, m):
            return 4 * w**3 / m""",
    "Constraint": """a constraint is a class that returns the weights to keep:

    class MyConstraint(Constraint):
        def __call__(self, w):  # a parameter after an update; do not write into w
            return np.clip(w, -1, 1)""",
    "Layer": """a layer is a class with an equation and its derivative:

    class MyLayer(Layer):
        def forward(self, x, training=False):
            self.x = x
            return x**2

        def backward(self, dy):  # the derivative of the loss along y
            return 2 * self.x * dy""",
    "Callback": "LambdaCallback(on_epoch_end=function) makes one of function(epoch, logs)",
}


# ---- dataclass fields that declare their domain


def setting(check: Check, *, default: Any = MISSING, optional: bool = False, kw_only: Any = MISSING) -> Any:
    """Declare a field whose value is `check(class name, field name, value)`. optional: None is accepted too."""
    declared = partial(_unless_none, check) if optional else check
    if default is MISSING:
        return field(kw_only=kw_only, metadata={"check": declared})
    return field(default=default, kw_only=kw_only, metadata={"check": declared})


def _unless_none(check: Check, who: str, name: str, value: Any) -> Any:
    return None if value is None else check(who, name, value)


def real(
    interval: str = "(-inf, inf)", *, default: Any = MISSING, optional: bool = False, kw_only: Any = MISSING
) -> Any:
    """Declare a float in the interval: `rate: float = real("[0, 1)")`."""
    check = partial(check_real, interval=Interval(interval))
    return setting(check, default=default, optional=optional, kw_only=kw_only)


def integer(low: int, *, default: Any = MISSING, optional: bool = False, kw_only: Any = MISSING) -> Any:
    """Declare an int of at least `low`: `units: int = integer(1)`."""
    return setting(partial(check_integer, low=low), default=default, optional=optional, kw_only=kw_only)


def boolean(*, default: Any = MISSING, kw_only: Any = MISSING) -> Any:
    """Declare a field that holds True or False."""
    return setting(check_boolean, default=default, kw_only=kw_only)


def choice(*choices: str, default: Any = MISSING, optional: bool = False, kw_only: Any = MISSING) -> Any:
    """Declare a field that holds one of the strings."""
    return setting(partial(check_choice, choices=choices), default=default, optional=optional, kw_only=kw_only)


def instance(kind: type, *, kw_only: Any = MISSING) -> Any:
    """Declare a field that holds an object of the class: `schedule: Schedule = instance(Schedule)`."""
    return setting(partial(check_instance, kind=kind), kw_only=kw_only)


class OwnAttributes:
    """Base class of objects that refuse attributes which they do not have: a misspelt setting would change nothing.

    Methods of the object, whose first argument is called self, add attributes, and so do functions without self that
    these call. All others may only set attributes that exist.
    """

    _known: ClassVar[set[str]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._known = set()

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if name in attributes:  # the fast way: layers keep arrays on self in every step
            attributes[name] = value
        elif name in self._known:
            object.__setattr__(self, name, value)
        else:
            self._admit(name, currentframe())
            object.__setattr__(self, name, value)

    def _admit(self, name: str, frame: FrameType | None) -> None:
        """Let objects of this class have the attribute from now on, or raise UnknownAttributeError.

        frame  that of __setattr__
        """
        own = frame is not None and _is_own_code(self, frame.f_back)
        declared = (*getattr(self, "__dataclass_fields__", ()), *getattr(self, "state_names", ()))
        if not (own or hasattr(type(self), name) or name in declared):
            raise UnknownAttributeError(f"{type(self).__name__} has no attribute {name!r}; {_hint(self, name)}")
        self._known.add(name)


def _is_own_code(holder: object, frame: FrameType | None) -> bool:
    """Return True in a method of the object, and in functions without self that it calls: comprehensions, helpers."""
    while frame is not None:
        first = frame.f_code.co_varnames[:1]
        # the __setattr__ of a subclass calls this one for others
        if first in (("self",), ("cls",)) and frame.f_code.co_name != "__setattr__":
            given = frame.f_locals.get(first[0])
            return given is holder or given is type(holder)
        frame = frame.f_back
    return False


def _refuse_change(holder: Any, name: str, value: Any) -> None:
    """__setattr__ of frozen dataclasses: `dataclass` writes one that does not say what the object has.

    A plain subclass of one may keep attributes beside the settings.
    """
    who = type(holder).__name__
    if name not in holder.__dataclass_fields__ and "__dataclass_params__" not in vars(type(holder)):
        OwnAttributes.__setattr__(holder, name, value)
    elif name in vars(holder) or hasattr(type(holder), name):
        raise FrozenInstanceError(f"{who} does not change: make another one, {who}({name}=...)")
    else:
        raise UnknownAttributeError(f"{who} has no attribute {name!r}; {_hint(holder, name)}")


def _hint(holder: object, name: str) -> str:
    """The attribute that is most like the name, or the settings that there are."""
    import difflib  # only here: a tenth of the time to import minidl

    public = [known for known in (*vars(holder), *dir(type(holder))) if not known.startswith("_")]
    initials = [known for known in public if "".join(word[0] for word in known.split("_")) == name]
    if similar := initials or difflib.get_close_matches(name, public, n=1, cutoff=0.6):
        return f"did you mean {similar[0]!r}?"
    settings = [field.name for field in fields(holder)] if is_dataclass(holder) else []
    has = f"it has {', '.join(settings)}" if settings else "it has no settings"
    return f"{has}; other attributes are added in its own methods, as self.{name} = ..."


class Configured:
    """Base class of dataclasses whose settings scripts ask for by Keras's methods."""

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return settings_of(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return an object with these settings."""
        return cls(**config)


def settings_of(item: Any) -> dict[str, Any]:
    """Return the arguments of the constructor of a dataclass by name."""
    return {field.name: getattr(item, field.name) for field in fields(item) if field.init} if is_dataclass(item) else {}


class Validated(OwnAttributes):
    """Base class of dataclasses whose fields declare their domain. Making an object checks every value."""

    def __new__(cls, *arguments: Any, **settings: Any) -> Self:
        if settings:
            _check_settings(cls, settings)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        params = getattr(self, "__dataclass_params__", None)
        if params is not None and params.frozen:
            for kind in type(self).__mro__:
                if "__dataclass_params__" in vars(kind):  # a subclass may have written its own
                    kind.__setattr__ = _refuse_change  # type: ignore[method-assign, assignment]
        for name, value in check_fields(self).items():
            object.__setattr__(self, name, value)  # also if the dataclass is frozen


def _check_settings(cls: type, given: Mapping[str, Any]) -> None:
    """Raise SettingError for a setting that the class does not take: what it is here, or the nearest that it takes."""
    code = getattr(vars(cls).get("__init__") or cls.__init__, "__code__", None)  # type: ignore[misc]
    if code is not None and code.co_flags & CO_VARKEYWORDS:
        return
    taken = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount] if code else ()
    for name in given:
        if name not in taken:
            hint = ELSEWHERE.get(name) or _nearest(name, list(taken)).removeprefix("; ")
            has = f"it takes {', '.join(taken)}" if taken else "it takes none"
            raise SettingError(f"{cls.__name__} has no setting {name!r}: {hint or has}")


# Where Keras's arguments are in minidl, which has other classes for them
_SHAPE = "write Input((8,)) before the first layer, or nothing: fit reads the shape from x"
_KERAS = "or use minidl.keras"
ELSEWHERE = {
    "activation": f"an activation is a layer of its own: write Dense(64), ReLU(), {_KERAS}",
    "input_shape": _SHAPE,
    "input_dim": _SHAPE,
    "batch_input_shape": _SHAPE,
    "batch_size": f"fit takes it; {_SHAPE}",
    "kernel_constraint": "Dense takes it",
    "bias_constraint": "Dense takes it",
    "activity_regularizer": "a layer after it has it: ActivityRegularization(L1.keras(0.01))",
    "trainable": "set it afterwards: layer.trainable = False",
    "dtype": "the model has one for all its layers: Sequential([...], dtype='float64')",
    "seed": "the model has one for all its layers: Sequential([...], seed=0)",
    "lr": "the name is learning_rate",
    "decay": "pass a schedule: Adam(ExponentialDecay(0.01, 1000, 0.9))",
    "clipnorm": "wrap the optimizer: Clip(Adam(), norm=1.0)",
    "clipvalue": "wrap the optimizer: Clip(Adam(), value=0.5)",
    "global_clipnorm": "wrap the optimizer: Clip(Adam(), global_norm=1.0)",
    "use_ema": "wrap the optimizer: MovingAverage(Adam())",
    "ema_momentum": "wrap the optimizer: MovingAverage(Adam(), 0.99)",
    "amsgrad": "write AMSGrad()",
    "weight_decay": "write AdamW(), or add a penalty to the loss: BinaryCrossentropy() + L2.pytorch(0.01)",
    "reduction": "a loss is the mean over the rows",
    "axis": "the last axis is meant",
    "max_value": f"ReLU has no limit, {_KERAS}",
}


def check_fields(holder: Any) -> dict[str, Any]:
    """Check the fields of a dataclass object that declare their domain. Return the values to keep by field name."""
    who, declared = type(holder).__name__, getattr(holder, "__dataclass_fields__", {})
    checks = {name: field.metadata["check"] for name, field in declared.items() if "check" in field.metadata}
    return {name: check(who, name, getattr(holder, name)) for name, check in checks.items()}
