"""The rules of updates under Keras's names."""

from __future__ import annotations

from typing import Any

from ... import optimizers as core
from ._base import Optimizer, keras_optimizer


@keras_optimizer
class SGD(Optimizer):
    """theta <- theta - lr g, with momentum if it is given."""

    learning_rate: Any = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def rule(self, rate: Any) -> core.Optimizer:
        return core.SGD(rate, self.momentum, self.nesterov)


@keras_optimizer
class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradients."""

    learning_rate: Any = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    def rule(self, rate: Any) -> core.Optimizer:
        return core.RMSprop(rate, self.rho, self.momentum, self.epsilon, self.centered)


@keras_optimizer
class Adam(Optimizer):
    """Adam; amsgrad: with the largest second moment so far."""

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    def rule(self, rate: Any) -> core.Optimizer:
        kind = core.AMSGrad if self.amsgrad else core.Adam
        return kind(rate, self.beta_1, self.beta_2, self.epsilon)


@keras_optimizer
class AdamW(Adam):
    """Adam with weight decay."""

    learning_rate: Any = 0.001
    weight_decay: float | None = 0.004
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False


@keras_optimizer
class Adamax(Optimizer):
    """Adam with the largest gradient instead of the second moment."""

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def rule(self, rate: Any) -> core.Optimizer:
        return core.Adamax(rate, self.beta_1, self.beta_2, self.epsilon)


@keras_optimizer
class Nadam(Optimizer):
    """Adam with Nesterov's momentum."""

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def rule(self, rate: Any) -> core.Optimizer:
        return core.Nadam(rate, self.beta_1, self.beta_2, self.epsilon)


@keras_optimizer
class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients."""

    learning_rate: Any = 0.001
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    def rule(self, rate: Any) -> core.Optimizer:
        return core.Adagrad(rate, self.initial_accumulator_value, self.epsilon)


@keras_optimizer
class Adadelta(Optimizer):
    """Steps as large as the last ones, in proportion to the gradient."""

    learning_rate: Any = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7

    def rule(self, rate: Any) -> core.Optimizer:
        return core.Adadelta(rate, self.rho, self.epsilon)


@keras_optimizer
class Lion(Optimizer):
    """Steps of one length, in the direction of a running mean of the gradients."""

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.99

    def rule(self, rate: Any) -> core.Optimizer:
        return core.Lion(rate, self.beta_1, self.beta_2)
