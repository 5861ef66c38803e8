"""Random networks that are right: none gives an alarm, however hard their kinks, scales and states are."""

from functools import cache

import numpy as np
import pytest

from minidl import Sequential, check_model
from minidl.layers import Dense, Dropout, ReLU, Residual, Sigmoid
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.regularizers import L2
from tests.helpers.networks import random_network
from tests.helpers.planted_own import (
    Attention,
    BatchNorm,
    Branches,
    Huber,
    LargestFeature,
    LayerNorm,
    Modulus,
    Noise,
    Skip,
    Swish,
)
from tests.helpers.right_layers import CastsReal, Counter, Median, RunningScale

KINDS = [
    *(Attention, BatchNorm, Branches, LargestFeature, LayerNorm, Modulus, Noise, Skip, Swish),
    *(CastsReal, Counter, Median, RunningScale, ReLU, Sigmoid),
    *(lambda: Dropout(0.5), lambda: Residual(Noise(), Attention())),
]
SCALES = {"zero": 0.0, "huge": 1e8, "tiny": 1e-8, "large": 30.0}


def no_alarm(seed):
    model, x, y = random_network(seed)
    depth = ("auto", "all", "directions", 3)[seed % 4]
    report = check_model(model, x, y, depth=depth)
    assert report.method == "complex"
    assert report.difference < 1e-12


@pytest.mark.parametrize("part", range(10))
def test_three_hundred_random_networks(part):
    for seed in range(part, 300, 10):
        no_alarm(seed)


def test_derivatives_of_1e_minus_312_which_the_complex_step_does_not_show():
    no_alarm(2720)


@pytest.mark.slow
def test_two_thousand_random_networks():
    for seed in range(1000, 3000):
        no_alarm(seed)


def hard_network(seed):
    """A network of users' layers, one to twelve of them, with data and parameters on purpose extreme; (model, x, y)."""
    rng = np.random.default_rng(seed)
    m, features, outputs = int(rng.choice([1, 2, 6, 9])), int(rng.choice([1, 2, 4, 7])), int(rng.integers(1, 4))
    layers = []
    for _ in range(int(rng.choice([1, 2, 3, 12], p=[0.3, 0.3, 0.3, 0.1]))):
        layers += [Dense(int(rng.choice([1, 3, 5])), use_bias=bool(rng.random() < 0.8)), rng.choice(KINDS)()]
    binary = rng.random() < 0.3
    layers += [Dense(outputs), Sigmoid()] if binary else [Dense(outputs)]
    loss = BinaryCrossentropy() if binary else rng.choice([Huber(), MeanSquaredError()])
    model = Sequential(layers, seed=seed, dtype=str(rng.choice(["float32", "float64"])))
    model.compile(loss=loss + L2(0.7) if rng.random() < 0.3 else loss)
    model.build((features,))
    x, y = rng.standard_normal((m, features)), rng.integers(0, 2, (m, outputs))
    kind = str(rng.choice(["as is", "integers", "duplicates", *SCALES]))
    x = {"integers": np.round(2 * x), "duplicates": np.repeat(x[:1], m, axis=0)}.get(kind, x * SCALES.get(kind, 1.0))
    theta = model.params.theta
    kind = str(rng.choice(["as is", "integers", *SCALES]))
    theta[:] = np.round(2 * rng.standard_normal(theta.size)) if kind == "integers" else theta * SCALES.get(kind, 1.0)
    return model, x, y


@cache
def hard_report(seed):
    """The report on a hard network; None if twelve layers of 1e8 leave nothing to check."""
    model, x, y = hard_network(seed)
    with np.errstate(all="ignore"):
        if not np.isfinite(model.predict(x)).all():
            return None
    return check_model(model, x, y, depth=("auto", "all", 3)[seed % 3])


@pytest.mark.parametrize("part", range(10))
def test_three_hundred_networks_of_users_layers(part):
    for seed in range(part, 300, 10):
        report = hard_report(seed)
        assert report is None or report.difference < (1e-11 if report.method == "complex" else 1e-7)


def test_networks_of_users_layers_have_kinks_and_need_both_methods():
    reports = [report for seed in range(300) if (report := hard_report(seed))]
    assert sum(report.kinks for report in reports) > 50
    assert {report.method for report in reports} == {"complex", "central"}
