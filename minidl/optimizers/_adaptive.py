"""Optimizers that adapt the step size to each parameter. g is the gradient, t the number of the step, from 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..parameters import Parameters
from ..schedules import Schedule
from ..validation import boolean, real
from ._base import Optimizer


@dataclass(eq=False)
class RMSprop(Optimizer):
    """v <- rho v + (1 - rho) g^2,   theta <- theta - lr g / sqrt(v + epsilon).   (Tieleman & Hinton 2012)

    momentum  mu in [0, 1):  u <- mu u + lr g / sqrt(v + epsilon),  theta <- theta - u
    centered  True: v - a^2 instead of v, with a <- rho a + (1 - rho) g (Graves 2013)
    """

    learning_rate: float | Schedule = 0.001
    rho: float = real("[0, 1)", default=0.9)
    momentum: float = real("[0, 1)", default=0.0)
    epsilon: float = real("(0, inf)", default=1e-7)
    centered: bool = boolean(default=False)

    state_names = ("iterations", "v", "u", "a")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.v = np.zeros_like(params.theta)
        self.u = np.zeros_like(params.theta) if self.momentum else None
        self.a = np.zeros_like(params.theta) if self.centered else None

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        step = self.rate * grad
        self.iterations += 1
        self.v *= self.rho
        self.v += (1 - self.rho) * grad**2
        if self.a is None:
            step /= np.sqrt(self.v + self.epsilon)
        else:
            self.a *= self.rho
            self.a += (1 - self.rho) * grad
            variance = np.maximum(self.v - self.a**2, 0)  # rounding can make it negative if g hardly changes
            step /= np.sqrt(variance + self.epsilon)
        if self.u is None:
            theta -= step
            return
        self.u *= self.momentum
        self.u += step
        theta -= self.u


@dataclass(eq=False)
class Adagrad(Optimizer):
    """v <- v + g^2,   theta <- theta - lr g / sqrt(v + epsilon).   (Duchi, Hazan & Singer 2011)"""

    learning_rate: float | Schedule = 0.001
    initial_accumulator_value: float = real("[0, inf)", default=0.1)
    epsilon: float = real("(0, inf)", default=1e-7)

    state_names = ("iterations", "v")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.v = np.full_like(params.theta, self.initial_accumulator_value)

    @property
    def skips_zeros(self) -> bool:
        return type(self).update is Adagrad.update

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.v += grad**2
        theta -= self.rate * grad / np.sqrt(self.v + self.epsilon)
        self.iterations += 1


def bias_correction(beta: float, t: int, dtype: np.dtype) -> float:
    """1 - beta^t: the sum of the weights in a moving average that started from 0, after t steps.

    Computed in the dtype of the parameters, as in Keras: in float32 the first steps differ in the fifth digit.
    """
    return float(1 - dtype.type(beta) ** dtype.type(t))


@dataclass(eq=False)
class Adam(Optimizer):
    """m <- beta_1 m + (1 - beta_1) g,   v <- beta_2 v + (1 - beta_2) g^2,   (Kingma & Ba 2015, end of section 2)

    theta <- theta - lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    The arrays m and v are stored without the factors 1 - beta_1 and 1 - beta_2, which saves two passes over them; the
    scalars of the last line contain the factors instead.
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = real("[0, 1)", default=0.9)
    beta_2: float = real("[0, 1)", default=0.999)
    epsilon: float = real("(0, inf)", default=1e-7)

    state_names: ClassVar[tuple[str, ...]] = ("iterations", "m", "v")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.m, self.v = np.zeros_like(params.theta), np.zeros_like(params.theta)
        self.scratch = np.empty_like(params.theta)

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        rate, t = self.rate, self.iterations + 1
        self.iterations = t
        self._update_moments(grad)
        scale = math.sqrt(1 - self.beta_2)  # v is stored without the factor 1 - beta_2
        step = self._root()
        step += self.epsilon / scale
        np.divide(self.m, step, out=step)
        of_m, of_v = bias_correction(self.beta_1, t, theta.dtype), bias_correction(self.beta_2, t, theta.dtype)
        step *= rate * (1 - self.beta_1) / scale * (math.sqrt(of_v) / of_m)
        theta -= step

    def _update_moments(self, grad: np.ndarray) -> None:
        self.m *= self.beta_1
        self.m += grad
        self.v *= self.beta_2
        self.v += np.multiply(grad, grad, out=self.scratch)

    def _root(self) -> np.ndarray:
        return np.sqrt(self.v, out=self.scratch)


@dataclass(eq=False)
class AMSGrad(Adam):
    """Adam with the largest v so far instead of v. (Reddi, Kale & Kumar 2018)   Keras's Adam(amsgrad=True)."""

    state_names = ("iterations", "m", "v", "largest")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.largest = np.zeros_like(params.theta)

    def _root(self) -> np.ndarray:
        np.maximum(self.largest, self.v, out=self.largest)
        return np.sqrt(self.largest, out=self.scratch)


@dataclass(eq=False)
class AdamW(Adam):
    """theta <- theta - lr weight_decay theta, then Adam's step. (Loshchilov & Hutter 2019)

    All parameters decay, biases too, as in Keras and PyTorch. A penalty such as L2 changes the gradient instead.
    """

    weight_decay: float = real("[0, inf)", default=0.004, kw_only=True)

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        theta *= 1 - self.rate * self.weight_decay
        super().update(theta, grad)


@dataclass(eq=False)
class Nadam(Adam):
    """Adam with Nesterov's momentum (Dozat 2016):   theta <- theta - lr m^ / (sqrt(v / (1 - beta_2^t)) + epsilon),

    m^ = u_(t+1) m / (1 - u_1 ... u_(t+1)) + (1 - u_t) g / (1 - u_1 ... u_t),   u_t = beta_1 (1 - 0.96^t / 2)
    """

    state_names = ("iterations", "m", "v", "product")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.product = 1.0  # u_1 ... u_t

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        rate, t = self.rate, self.iterations + 1
        self.iterations = t
        self._update_moments(grad)
        u, u_next = (self.beta_1 * (1 - 0.96**k / 2) for k in (t, t + 1))
        self.product *= u
        scale = math.sqrt((1 - self.beta_2) / bias_correction(self.beta_2, t, theta.dtype))
        step = self._root()
        step += self.epsilon / scale
        ahead = u_next * (1 - self.beta_1) / (1 - self.product * u_next) * self.m
        ahead += (1 - u) / (1 - self.product) * grad
        np.divide(ahead, step, out=step)
        step *= rate / scale
        theta -= step


@dataclass(eq=False)
class Adamax(Optimizer):
    """m <- beta_1 m + (1 - beta_1) g,   u <- max(beta_2 u, |g|),   (Kingma & Ba 2015, section 7)

    theta <- theta - lr / (1 - beta_1^t) m / (u + epsilon)
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = real("[0, 1)", default=0.9)
    beta_2: float = real("[0, 1)", default=0.999)
    epsilon: float = real("(0, inf)", default=1e-7)

    state_names = ("iterations", "m", "u")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.m, self.u = np.zeros_like(params.theta), np.zeros_like(params.theta)

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        rate, t = self.rate, self.iterations + 1
        self.iterations = t
        self.m += (1 - self.beta_1) * (grad - self.m)
        self.u *= self.beta_2
        np.maximum(self.u, np.abs(grad), out=self.u)
        theta -= rate / bias_correction(self.beta_1, t, theta.dtype) * self.m / (self.u + self.epsilon)


@dataclass(eq=False)
class Adadelta(Optimizer):
    """v <- rho v + (1 - rho) g^2,   d = -g sqrt(u + epsilon) / sqrt(v + epsilon),   u <- rho u + (1 - rho) d^2,

    theta <- theta + lr d.   (Zeiler 2012, with lr = 1)
    """

    learning_rate: float | Schedule = 0.001
    rho: float = real("[0, 1)", default=0.95)
    epsilon: float = real("(0, inf)", default=1e-7)

    state_names = ("iterations", "v", "u")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.v, self.u = np.zeros_like(params.theta), np.zeros_like(params.theta)

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        rate = self.rate
        self.iterations += 1
        self.v += (1 - self.rho) * (grad**2 - self.v)
        step = grad * np.sqrt((self.u + self.epsilon) / (self.v + self.epsilon))
        self.u += (1 - self.rho) * (step**2 - self.u)
        theta -= rate * step


@dataclass(eq=False)
class Lion(Optimizer):
    """theta <- theta - lr sign(beta_1 m + (1 - beta_1) g),   then m <- beta_2 m + (1 - beta_2) g.   (Chen et al. 2023)

    Every entry moves by lr: it should be a third to a tenth of Adam's.
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = real("[0, 1)", default=0.9)
    beta_2: float = real("[0, 1)", default=0.99)

    state_names = ("iterations", "m")

    def build(self, params: Parameters) -> None:
        super().build(params)
        self.m = np.zeros_like(params.theta)

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        theta -= self.rate * np.sign(self.beta_1 * self.m + (1 - self.beta_1) * grad)
        self.iterations += 1
        self.m += (1 - self.beta_2) * (grad - self.m)
