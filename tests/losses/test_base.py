"""What holds for every loss: weights, calls as in Keras, numbers of Keras and PyTorch, sums with penalties."""

import math

import numpy as np
import pytest

from minidl import DataError, Sequential, SettingError, ShapeError, losses, naming
from minidl.layers import Dense, Sigmoid
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Hinge,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    PenalizedLoss,
    Pinball,
    Poisson,
)
from minidl.regularizers import L1, L2, Penalty
from tests.oracles import make_keras_numbers

LOGITS = BinaryCrossentropy(from_logits=True)


def column(*values, dtype=np.float64):
    return np.array(values, dtype)[:, None]


KERAS = make_keras_numbers.LOSSES


@pytest.mark.parametrize("number", range(len(KERAS)), ids=[f"{name} {options} {y}" for name, options, y, _ in KERAS])
def test_losses_equal_keras(number):
    name, options, y, p = KERAS[number]
    loss = getattr(losses, name)(**options)
    with np.load(make_keras_numbers.PATH) as stored:
        assert str(stored["keras_version"]) == "3.15.1"
        expected, y, p, weights = stored["losses"][number], stored[y], stored[p], stored["weights"]
    assert p.dtype == np.float32
    assert [loss(y, p), loss(y, p, sample_weight=weights)] == pytest.approx(expected, rel=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_equal_pytorch(outputs, weighted):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    rng = np.random.default_rng(outputs)
    z, y = rng.normal(0, 20, (50, outputs)), rng.random((50, outputs))
    w = rng.random(50) if weighted else None
    pairs = [
        (LOGITS, functional.binary_cross_entropy_with_logits, z),
        (BinaryCrossentropy(), functional.binary_cross_entropy, rng.uniform(0.01, 0.99, z.shape)),
        (MeanSquaredError(), functional.mse_loss, z),
        (MeanAbsoluteError(), functional.l1_loss, z),
        (Huber(3.0), lambda *given, **options: functional.huber_loss(*given, delta=3.0, **options), z),
    ]
    for ours, theirs, p in pairs:
        tensor = torch.tensor(p, requires_grad=True)
        rows = theirs(tensor, torch.tensor(y), reduction="none").mean(dim=1)
        expected = (rows if w is None else rows * torch.tensor(w)).sum() / 50
        expected.backward()
        value, derivative = ours.value_and_gradient(p, y, w)
        assert value == pytest.approx(expected.item(), rel=1e-13)
        assert np.allclose(derivative, tensor.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_string_names_its_loss(name):
    loss = losses.get("here", name).loss
    short = {"bce": "BinaryCrossentropy", "mse": "MeanSquaredError", "mae": "MeanAbsoluteError", "logcosh": "LogCosh"}
    short |= {"mape": "MeanAbsolutePercentageError", "msle": "MeanSquaredLogarithmicError", "kld": "KLDivergence"}
    assert type(loss).__name__ == short.get(name.lower()) or name == naming.snake_case(type(loss).__name__)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(0), r"Huber: delta must be in \(0, inf\), got 0"),
        (lambda: BinaryCrossentropy(0.1), "BinaryCrossentropy: from_logits must be True or False, got 0.1"),
        (lambda: BinaryCrossentropy(label_smoothing=2), r"BinaryCrossentropy: label_smoothing must be in \[0, 1\]"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(SettingError, match=message):
        make()


SCALARS = [
    Huber(np.float64(1)),
    BinaryCrossentropy(True, np.float64(0.1)),
    CategoricalCrossentropy(True, np.float64(0.1)),
    Pinball(np.float64(0.3)),
    Pinball((np.float64(0.3), 0.7)),
]


@pytest.mark.parametrize("loss", SCALARS, ids=repr)
def test_numpy_scalars_as_settings_do_not_change_the_dtype(loss):
    value, derivative = loss.value_and_gradient(np.ones((3, 2), np.float32), np.ones((3, 2), np.float32))
    assert value.dtype == derivative.dtype == np.float32


@pytest.mark.parametrize(("loss", "y"), [(BinaryCrossentropy(), 1.5), (Hinge(), -2.0), (Poisson(), -1.0)])
def test_labels_outside_the_interval_of_the_loss_raise_an_error(loss, y):
    model = Sequential([Dense(1)])
    model.compile(loss=loss)
    with pytest.raises(DataError, match="labels for this loss must be in"):
        model.fit([[0.0]], [y])


# ---- weights


def test_sample_weights_are_those_of_keras():
    # Keras 3.15.1, reduction "sum_over_batch_size": sum of w l, divided by the number of rows
    p, y, w = column(1.0, 2, 3), column(0.0, 0, 0), np.array([2.0, 0, 1])
    value, derivative = MeanSquaredError().value_and_gradient(p, y, w)
    assert value == (2 * 1 + 0 * 4 + 1 * 9) / 3
    assert np.array_equal(derivative, column(2 * 2 * 1 / 3, 0, 2 * 3 / 3))


@pytest.mark.parametrize("loss", [LOGITS, BinaryCrossentropy(), MeanSquaredError(), Huber(0.3), Hinge(), Poisson()])
def test_weights_of_1_change_nothing_and_whole_weights_repeat_rows(loss):
    rng = np.random.default_rng(0)
    p, y = rng.uniform(0.1, 0.9, (4, 2)), rng.integers(0, 2, (4, 2)).astype(float)
    plain, weighted = loss.value_and_gradient(p, y), loss.value_and_gradient(p, y, np.ones(4))
    assert weighted[0] == pytest.approx(plain[0], rel=1e-15)
    assert np.allclose(weighted[1], plain[1], rtol=1e-15)
    counts = np.array([1, 3, 0, 2])
    repeated = loss.value(np.repeat(p, counts, axis=0), np.repeat(y, counts, axis=0))
    assert loss.value(p, y, counts.astype(float)) * 4 / 6 == pytest.approx(repeated, rel=1e-14)


def test_class_weights_are_those_of_keras():
    x, y = np.array([[0.0], [1], [2], [3]]), np.array([0, 1, 1, 0])
    model = Sequential([Dense(1, kernel_initializer="zeros"), Sigmoid()], dtype="float64")
    history = model.fit(x, y, batch_size=4, class_weight={0: 1.0, 1: 5.0}).history
    # all logits are 0, so each l is log 2: sum of w l, divided by the 4 rows
    assert history["loss"][0] == pytest.approx((1 + 5 + 5 + 1) * math.log(2) / 4, rel=1e-15)
    # d/db of the same: (0.5 - y) w summed over the rows / 4, times the learning rate 0.01
    assert model.get_weights()[1][0] == pytest.approx(-0.01 * (0.5 - 2.5 - 2.5 + 0.5) / 4, rel=1e-15)


def test_classes_without_a_weight_have_weight_1_and_sample_weights_multiply():
    x, y = np.zeros((2, 1)), np.array([0, 1])
    model = Sequential([Dense(1), Sigmoid()], dtype="float64")
    history = model.fit(x, y, class_weight={1: 3}, sample_weight=[1, 10]).history
    assert history["loss"][0] == pytest.approx((1 + 30) * math.log(2) / 2, rel=1e-15)


# ---- called as in Keras


def test_a_loss_is_called_with_y_true_first():
    assert MeanSquaredError()([0, 0], [1, 3]) == 5
    assert MeanSquaredError()([[0], [0]], [[1], [3]], sample_weight=[1, 0]) == 0.5
    assert BinaryCrossentropy()([1], [0.5]) == pytest.approx(math.log(2), rel=1e-7)
    assert isinstance(MeanSquaredError()(np.float32(1), np.float32(3)), float)


@pytest.mark.parametrize(
    ("y", "p", "weight", "message"),
    [
        (np.zeros(3), np.zeros((3, 1)), None, r"y_true has shape \(3,\), y_pred \(3, 1\); both must have"),
        (np.zeros((2, 2)), np.zeros((2, 2, 1)), None, r"y_true has shape \(2, 2\), y_pred \(2, 2, 1\)"),
        (np.zeros((2, 3, 1)), np.zeros((2, 3, 1)), np.ones(3), r"sample_weight .* or one per position: \(2, 3\)"),
        ([], [], None, r"y_true has shape \(0,\)"),
        ([1, 0], [1, 0], 2.0, r"sample_weight has shape \(\); one weight per row was expected: \(2,\)"),
        ([1, 0], [1, 0], [[1], [1]], r"sample_weight has shape \(2, 1\)"),
        ([1, 0], [1, 0], [1], r"sample_weight has shape \(1,\)"),
    ],
)
def test_a_loss_never_broadcasts(y, p, weight, message):
    with pytest.raises(ShapeError, match="MeanSquaredError: " + message):
        MeanSquaredError()(y, p, sample_weight=weight)


@pytest.mark.parametrize(("y", "p"), [(["cat"], [1.0]), ([1.0], [1j]), ([None], [1.0])])
def test_a_loss_accepts_only_real_numbers(y, p):
    with pytest.raises(DataError, match=r"MeanSquaredError: y_true has dtype .*; they must hold real numbers"):
        MeanSquaredError()(y, p)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_called_loss_computes_in_the_dtype_of_its_arguments(dtype):
    # the clip tells: eps of IEEE 754
    expected = -math.log({np.float32: 2.0**-23, np.float64: 2.0**-52}[dtype])
    assert BinaryCrossentropy()(np.ones(1, dtype), np.zeros(1, dtype)) == pytest.approx(expected, rel=1e-6)


# ---- sums


def test_terms_add_in_any_order():
    expected = PenalizedLoss(BinaryCrossentropy(), (L2(0.7), L1(0.1)))
    assert BinaryCrossentropy() + L2(0.7) + L1(0.1) == expected
    assert L2(0.7) + BinaryCrossentropy() + L1(0.1) == expected
    assert L1(0.1) + (BinaryCrossentropy() + L2(0.7)) == expected
    assert losses.get("here", "bce") == losses.get("here", PenalizedLoss(BinaryCrossentropy()))


@pytest.mark.parametrize("second", [MeanSquaredError(), PenalizedLoss(MeanSquaredError())])
def test_a_model_has_one_loss(second):
    with pytest.raises(SettingError, match="a model has one loss; add penalties to it"):
        BinaryCrossentropy() + second


def test_only_penalties_can_be_added():
    with pytest.raises(TypeError, match="unsupported operand"):
        BinaryCrossentropy() + 3


def test_a_custom_loss_or_penalty_without_its_methods_raises_an_error():
    class Mine(Loss):
        link = Sigmoid

    class Weight(Penalty):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine must write terms\(p, y\)"):
        Mine().terms(column(1.0), column(1.0))
    with pytest.raises(NotImplementedError, match=r"Mine has a link, so it must write on_logits\(\)"):
        Mine().on_logits()
    with pytest.raises(NotImplementedError, match=r"Weight must write value\(w, m\)"):
        Weight().value(np.ones(1), 1)
    with pytest.raises(NotImplementedError, match=r"Weight must write gradient\(w, m\)"):
        Weight().gradient(np.ones(1), 1)
