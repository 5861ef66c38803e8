"""The base class of optimizers with Keras's arguments: each builds one of the core, wrapped as the arguments say."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from ... import optimizers as core
from ...errors import SettingError
from ...naming import snake_case
from ...schedules import InverseTimeDecay, Schedule
from ...validation import instance
from .._former import check_arguments
from .._lookup import Configured, settings_of
from .schedules import deserialize, serialize

OUTSIDE_OF_CONFIG = ("learning_rate", "lr", "decay", "jit_compile")
REFUSED = {
    "loss_scale_factor": "it is for half precision",
}


class Rate(float):
    """A learning rate, with the methods that scripts call on Keras's variable."""

    optimizer: Optimizer

    def numpy(self) -> float:
        """Return the rate as a number."""
        return float(self)

    @property
    def value(self) -> float:
        """The rate as a number."""
        return float(self)

    def assign(self, rate: Any) -> None:
        """Set the optimizer's learning rate."""
        self.optimizer.learning_rate = rate


@dataclass(frozen=True)
class Called(Schedule):
    """A Python function without arguments as a learning rate: it is asked before every update."""

    function: Callable[[], Any] = instance(object)

    def __call__(self, step: int) -> float:
        return float(self.function())


@dataclass(eq=False, repr=False, kw_only=True)
class Optimizer(Configured):
    """A rule of updates with Keras's arguments.

    weight_decay               every weight is multiplied by 1 - learning rate * weight_decay before its update
    clipnorm                   the largest length of the gradient of one weight
    clipvalue                  the largest entry of a gradient
    global_clipnorm            the largest length of the whole gradient
    use_ema, ema_momentum      end fit with a moving average of the weights
    ema_overwrite_frequency    the average also replaces the weights after every so many updates
    gradient_accumulation_steps  one update with the mean gradient of so many batches; schedules count the updates
    lr, decay                  Keras 2: the learning rate, and lr / (1 + decay step)

    core                       the optimizer of minidl
    """

    learning_rate: Any = None
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    loss_scale_factor: float | None = None
    gradient_accumulation_steps: int | None = None
    name: str | None = None
    jit_compile: Any = None
    lr: Any = None
    decay: float | None = None

    def __post_init__(self) -> None:
        who = type(self).__name__
        for setting, reason in REFUSED.items():
            if getattr(self, setting) is not None:
                raise SettingError(f"{who}: {setting} is not in minidl.keras: {reason}")
        clips = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(clips) > 1:
            raise SettingError(f"{who}: only one of clipnorm, clipvalue and global_clipnorm can be set, got {clips}")
        self.name = self.name or snake_case(who)
        rate = self._first_rate()
        self.core = self._wrapped(self.rule(1.0 if rate == 0 else rate))
        if rate == 0:  # the core begins with a rate above 0, and takes any later
            self.set_rate(rate)

    def _first_rate(self) -> Any:
        given, short = vars(self).pop("learning_rate"), vars(self).pop("lr")
        rate = given if short is None else short
        if isinstance(rate, dict):
            rate = deserialize(rate)
        if callable(rate) and not isinstance(rate, Schedule):
            rate = Called(rate)
        return InverseTimeDecay(rate, 1, self.decay) if self.decay else rate

    def rule(self, rate: Any) -> core.Optimizer:
        """Return the core's optimizer without wrappers. Written by a subclass."""
        remedy = "derive from minidl.optimizers.Optimizer and write update(theta, grad); compile takes it as it is"
        raise NotImplementedError(f"{type(self).__name__}: {remedy}")

    def _wrapped(self, optimizer: core.Optimizer) -> core.Optimizer:
        limits = {"norm": self.clipnorm, "value": self.clipvalue, "global_norm": self.global_clipnorm}
        if any(limit is not None for limit in limits.values()):
            optimizer = core.Clip(optimizer, **limits)
        if self.weight_decay:
            optimizer = core.WeightDecay(optimizer, weight_decay=self.weight_decay)
        if self.use_ema:
            every = self.ema_overwrite_frequency
            optimizer = core.MovingAverage(optimizer, momentum=self.ema_momentum, overwrite_every=every)
        if self.gradient_accumulation_steps is None:
            return optimizer
        return core.Accumulate(optimizer, steps=self.gradient_accumulation_steps)

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Iterable[str] | None = None) -> None:
        """Let these weights, or those whose path contains one of the names, not decay: var_names=["bias"]."""
        if self.built:
            raise SettingError(f"{type(self).__name__}: exclude_from_weight_decay must be called before fit")
        paths = [f"(^|/){re.escape('/'.join(weight.path.split('/')[-2:]))}$" for weight in var_list or ()]
        for optimizer in self.core.walk():
            if isinstance(optimizer, core.WeightDecay):
                optimizer.exclude = (*optimizer.exclude, *paths, *(var_names or ()))

    # ---- while it is used

    @property
    def iterations(self) -> int:
        """The number of updates so far."""
        return self.core.iterations if self.core.built else 0

    @property
    def built(self) -> bool:
        """True once a model trains with the optimizer."""
        return self.core.built

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return self.core.rate if self.built or not callable(self.core.learning_rate) else self.core.learning_rate(0)

    @property
    def variables(self) -> list[Any]:
        """The state: the number of updates, the learning rate, then arrays over all weights."""
        state = [getattr(inner, name) for inner in self.core.walk() for name in inner.state_names if self.built]
        return [self.iterations, self.rate, *(value for value in state[1:] if value is not None)]

    def set_rate(self, rate: Any) -> None:
        """Set the learning rate of the next updates: a number, or another schedule for a schedule."""
        if isinstance(self.core.learning_rate, Schedule) and not isinstance(rate, Schedule):
            message = "its learning rate is a schedule, which a number cannot replace"
            raise TypeError(f"{type(self).__name__}: {message}; make the optimizer with a number")
        self.core.learning_rate = rate if isinstance(rate, Schedule) else float(rate)

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        rate = self.core.learning_rate
        settings = {"learning_rate": serialize(rate) if isinstance(rate, Schedule) else rate}
        return settings | {name: value for name, value in settings_of(self).items() if name not in OUTSIDE_OF_CONFIG}

    def __getattr__(self, name: str) -> Any:
        if name in ("apply", "apply_gradients", "minimize", "update_step", "get_gradients"):
            remedy = "model.train_on_batch(x, y) makes one update, and model.core.backpropagate computes a gradient"
            raise AttributeError(f"{type(self).__name__} has no {name}: minidl has no gradient tape; {remedy}")
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


def _rate(argument: str) -> Any:
    """Return the property of the learning rate, which takes this argument of the constructor before."""

    def read(self: Optimizer) -> Rate:
        rate = Rate(self.rate)
        rate.optimizer = self
        return rate

    def write(self: Optimizer, rate: Any) -> None:
        if "core" in vars(self):
            self.set_rate(rate)
        else:
            vars(self)[argument] = rate

    return property(read, write, doc="The learning rate of the next update. It can be assigned.")


def _positional(plain: Any, names: list[str]) -> Any:
    """Return the constructor with all arguments in Keras's order: those of the rule, then those of every optimizer."""
    parts, kind = inspect.signature(plain).parameters, inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([parts[name].replace(kind=kind) for name in ["self", *dict.fromkeys(names)]])

    @wraps(plain)
    def __init__(*arguments: Any, **settings: Any) -> None:  # noqa: N807
        check_arguments(type(arguments[0]).__name__, settings, signature.parameters)
        plain(**signature.bind(*arguments, **settings).arguments)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


def keras_optimizer(kind: type) -> Any:
    """Make a class a dataclass whose learning rate can be read and assigned while a model trains."""
    made: Any = dataclass(eq=False, repr=False)(kind)
    made.__init__ = _positional(made.__init__, [*kind.__annotations__, *Optimizer.__annotations__])
    made.learning_rate, made.lr = _rate("learning_rate"), _rate("lr")
    return made
