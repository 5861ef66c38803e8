"""Losses against closed forms, mpmath and PyTorch; sums with penalties; weights."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import DataError, Sequential, SettingError, ShapeError, losses, naming
from minidl.layers import Chain, Dense, ReLU, Residual, Sigmoid
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Hinge,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    PenalizedLoss,
    Poisson,
)
from minidl.regularizers import L1, L2, Penalty
from tests.oracles import make_keras_numbers

LOGITS = BinaryCrossentropy(from_logits=True)

# logit z, loss for y = 0, loss for y = 1, sigmoid(z): mpmath 1.3.0 with mp.dps = 1000, rounded to float64:
# p = 1 / (1 + exp(-mpf(z))); -log(1 - p), -log(p), p
EXACT = [
    (-1000, 0.0, 1000.0, 0.0),
    (-700, 9.85967654375977e-305, 700.0, 9.85967654375977e-305),
    (-100, 3.720075976020836e-44, 100.0, 3.720075976020836e-44),
    (-36.5, 1.4068617124461467e-16, 36.5, 1.4068617124461467e-16),
    (-20, 2.061153620314381e-09, 20.000000002061153, 2.0611536181902037e-09),
    (-3, 0.04858735157374206, 3.048587351573742, 0.04742587317756678),
    (-0.5, 0.4740769841801067, 0.9740769841801067, 0.37754066879814546),
    (-1e-09, 0.6931471800599454, 0.6931471810599453, 0.49999999975),
    (0, 0.6931471805599453, 0.6931471805599453, 0.5),
    (1e-09, 0.6931471810599453, 0.6931471800599454, 0.50000000025),
    (0.5, 0.9740769841801067, 0.4740769841801067, 0.6224593312018546),
    (3, 3.048587351573742, 0.04858735157374206, 0.9525741268224333),
    (20, 20.000000002061153, 2.061153620314381e-09, 0.9999999979388464),
    (36.5, 36.5, 1.4068617124461467e-16, 0.9999999999999999),
    (100, 100.0, 3.720075976020836e-44, 1.0),
    (700, 700.0, 9.85967654375977e-305, 1.0),
    (1000, 1000.0, 0.0, 1.0),
]


def column(*values, dtype=np.float64):
    return np.array(values, dtype)[:, None]


# ---- binary cross-entropy from logits


@pytest.mark.parametrize(("z", "loss0", "loss1", "p"), EXACT)
def test_cross_entropy_from_logits_equals_mpmath(z, loss0, loss1, p):
    for y, loss in ((0.0, loss0), (1.0, loss1)):
        value, slope = LOGITS.terms(column(z), column(y))
        # where y = 1 and z is large, max(z, 0) - y z is 0 exactly and the tail alone is left
        assert value[0] == pytest.approx(loss, rel=4e-16, abs=1e-307)
        assert slope[0, 0] == pytest.approx(p - y, rel=4e-16, abs=2e-16 if y else 1e-307)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_is_finite_for_every_finite_logit(dtype):
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp, info.maxexp, 1 if dtype is np.float32 else 8)
    sizes = [*np.ldexp(dtype(1), exponents), info.max, info.tiny, info.smallest_subnormal, dtype(0)]
    for z in [*sizes, *(-size for size in sizes)]:
        for y in (0, 0.25, 1):
            value, slope = LOGITS.terms(column(z, dtype=dtype), column(y, dtype=dtype))
            assert value.dtype == slope.dtype == dtype
            assert np.isfinite(value).all()
            assert -1 <= slope[0, 0] <= 1
            assert value[0] >= 0
            if (z > 0) != (y == 1) and y in (0, 1):
                assert value[0] >= abs(z)  # on the wrong side the loss is never less than the logit


@given(st.floats(-1e300, 1e300))
def test_swapping_the_classes_and_the_sign_changes_nothing(z):
    one, slope_one = LOGITS.terms(column(z), column(1.0))
    zero, slope_zero = LOGITS.terms(column(-z), column(0.0))
    assert one[0] == pytest.approx(zero[0], rel=1e-15, abs=1e-300)
    assert slope_one[0, 0] == pytest.approx(-slope_zero[0, 0], abs=3e-16)


def test_soft_labels():
    # -0.25 log(p) - 0.75 log(1 - p) at p = sigmoid(log 3) = 3/4
    value, slope = LOGITS.terms(column(math.log(3)), column(0.25))
    assert value[0] == pytest.approx(-0.25 * math.log(0.75) - 0.75 * math.log(0.25), rel=1e-15)
    assert slope[0, 0] == pytest.approx(0.5, rel=1e-15)


# ---- binary cross-entropy of probabilities


def test_cross_entropy_of_probabilities_by_hand():
    value, slope = BinaryCrossentropy().value_and_gradient(column(0.8, 0.25), column(1.0, 0.0))
    assert value == pytest.approx((-math.log(0.8) - math.log(0.75)) / 2, rel=1e-15)
    assert np.allclose(slope, column(-1 / 0.8 / 2, 1 / 0.75 / 2), rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_probabilities_are_clipped_by_the_rounding_unit_of_their_dtype(dtype, y):
    eps = {np.float32: 2.0**-23, np.float64: 2.0**-52}[dtype]  # IEEE 754
    wrong = column(1 - y, dtype=dtype)
    value, slope = BinaryCrossentropy().terms(wrong, column(y, dtype=dtype))
    assert value[0] == pytest.approx(-math.log(eps), rel=1e-6)
    assert slope[0, 0] == 0  # constant outside the clip
    right = BinaryCrossentropy().terms(column(y, dtype=dtype), column(y, dtype=dtype))[0]
    assert 0 <= right[0] <= 1.1 * eps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_two_forms_agree_between_the_clips(dtype):
    z = np.linspace(-10, 10, 201, dtype=dtype)[:, None]
    p, y = 1 / (1 + np.exp(-z)), np.random.default_rng(0).integers(0, 2, z.shape).astype(dtype)
    from_logits, slope = LOGITS.terms(z, y)
    from_probabilities, slope_p = BinaryCrossentropy().terms(p, y)
    tolerance = 1e5 * np.finfo(dtype).eps  # 1 - p loses exp(10) units
    assert np.allclose(from_logits, from_probabilities, rtol=tolerance, atol=tolerance)
    assert np.allclose(slope, slope_p * p * (1 - p), rtol=tolerance, atol=tolerance)


def test_smoothed_labels_by_hand():
    # 1 becomes 0.9, 0 becomes 0.1
    loss = BinaryCrossentropy(label_smoothing=0.2)
    value, slope = loss.terms(column(0.8, 0.25), column(1.0, 0.0))
    expected = [-0.9 * math.log(p) - 0.1 * math.log(1 - p) for p in (0.8, 0.75)]
    assert np.allclose(value, expected, rtol=1e-15)
    assert np.allclose(loss.on_logits().terms(column(math.log(4)), column(1.0))[1], 0.8 - 0.9, rtol=1e-14)
    assert slope[0, 0] == pytest.approx((0.8 - 0.9) / (0.8 * 0.2), rel=1e-14)


# ---- other losses, several outputs, weights


def test_mean_absolute_error_by_hand():
    value, slope = MeanAbsoluteError().value_and_gradient(np.array([[1.0, 2], [3, 5]]), np.array([[0.0, 4], [3, 4]]))
    assert value == (1 + 2 + 0 + 1) / 4
    assert np.array_equal(slope, np.array([[1, -1], [0, 1]]) / 4)


def test_huber_is_a_parabola_within_delta_and_lines_beyond():
    p = column(-3, -1, -0.5, 0.25, 1, 2.5)
    value, slope = Huber().terms(p, 0 * p)
    assert np.array_equal(value, [2.5, 0.5, 0.125, 0.03125, 0.5, 2])
    assert np.array_equal(slope, column(-1, -1, -0.5, 0.25, 1, 1))
    assert Huber(2.0).terms(column(3.0), column(0.0))[0] == 2 * 3 - 2


@pytest.mark.parametrize("labels", [[0, 1, 0, 1], [-1, 1, -1, 1]])
def test_hinge_takes_labels_0_and_1_for_minus_1_and_1(labels):
    value, slope = Hinge().terms(column(0.5, 0.5, -2, 1), column(*labels))
    assert np.array_equal(value, [1.5, 0.5, 0, 0])
    assert np.array_equal(slope, column(1, -1, 0, 0))


def test_poisson_by_hand_and_its_least_value_is_at_the_count():
    value, slope = Poisson().terms(column(2.0, 3, 4), column(3.0, 3, 3))
    assert np.allclose(
        value, [2 - 3 * math.log(2), 3 - 3 * math.log(3), 4 - 3 * math.log(4)], atol=1e-6
    )  # log(p + 1e-7)
    assert np.allclose(slope, column(-0.5, 0, 0.25), atol=1e-6)
    assert Poisson().terms(column(0.0), column(0.0))[0] == 0


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
]


@pytest.mark.parametrize("loss", SCALARS, ids=repr)
def test_settings_that_are_numpys_numbers_leave_the_dtype(loss):
    value, slope = loss.value_and_gradient(np.ones((3, 2), np.float32), np.ones((3, 2), np.float32))
    assert value.dtype == slope.dtype == np.float32


@pytest.mark.parametrize(("loss", "y"), [(BinaryCrossentropy(), 1.5), (Hinge(), -2.0), (Poisson(), -1.0)])
def test_labels_that_the_loss_has_no_meaning_for_are_refused(loss, y):
    model = Sequential([Dense(1)])
    model.compile(loss=loss)
    with pytest.raises(DataError, match="labels for this loss must be in"):
        model.fit([[0.0]], [y])


def test_mean_squared_error_by_hand():
    p, y = np.array([[1.0, 2], [3, 5]]), np.array([[0.0, 4], [3, 4]])
    value, slope = MeanSquaredError().value_and_gradient(p, y)
    assert value == (1 + 4 + 0 + 1) / 4
    assert np.array_equal(slope, np.array([[1, -2], [0, 1]]) / 2)


def test_several_outputs_are_averaged():
    z, y = np.array([[0.0, 3.0]]), np.array([[1.0, 0.0]])
    # the rows of 0 and 3 in EXACT
    assert LOGITS.value(z, y) == pytest.approx((0.6931471805599453 + 3.048587351573742) / 2, rel=1e-15)
    assert np.allclose(LOGITS.terms(z, y)[1], [[-0.25, 0.9525741268224333 / 2]], rtol=1e-15)


def test_weights_are_keras_weights():
    # Keras 3.15.1, reduction "sum_over_batch_size": sum of w l, divided by the number of rows
    p, y, w = column(1.0, 2, 3), column(0.0, 0, 0), np.array([2.0, 0, 1])
    value, slope = MeanSquaredError().value_and_gradient(p, y, w)
    assert value == (2 * 1 + 0 * 4 + 1 * 9) / 3
    assert np.array_equal(slope, column(2 * 2 * 1 / 3, 0, 2 * 3 / 3))


@pytest.mark.parametrize("loss", [LOGITS, BinaryCrossentropy(), MeanSquaredError(), Huber(0.3), Hinge(), Poisson()])
def test_weights_of_one_change_nothing_and_weights_act_as_repetition(loss):
    rng = np.random.default_rng(0)
    p, y = rng.uniform(0.1, 0.9, (4, 2)), rng.integers(0, 2, (4, 2)).astype(float)
    plain, weighted = loss.value_and_gradient(p, y), loss.value_and_gradient(p, y, np.ones(4))
    assert weighted[0] == pytest.approx(plain[0], rel=1e-15)
    assert np.allclose(weighted[1], plain[1], rtol=1e-15)
    counts = np.array([1, 3, 0, 2])
    repeated = loss.value(np.repeat(p, counts, axis=0), np.repeat(y, counts, axis=0))
    assert loss.value(p, y, counts.astype(float)) * 4 / 6 == pytest.approx(repeated, rel=1e-14)


def test_class_weights_are_keras_class_weights():
    x, y = np.array([[0.0], [1], [2], [3]]), np.array([0, 1, 1, 0])
    model = Sequential([Dense(1, kernel_initializer="zeros"), Sigmoid()], dtype="float64")
    history = model.fit(x, y, batch_size=4, class_weight={0: 1.0, 1: 5.0}).history
    # all logits are 0, so each l is log 2: sum of w l, divided by the 4 rows
    assert history["loss"][0] == pytest.approx((1 + 5 + 5 + 1) * math.log(2) / 4, rel=1e-15)
    # d/db of the same: (0.5 - y) w summed over the rows / 4, times the learning rate 0.01
    assert model.get_weights()[1][0] == pytest.approx(-0.01 * (0.5 - 2.5 - 2.5 + 0.5) / 4, rel=1e-15)


def test_classes_left_out_weigh_one_and_sample_weights_multiply():
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
        (np.zeros(3), np.zeros((3, 1)), None, r"y_true has shape \(3,\), y_pred \(3, 1\); wanted one shape"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), None, r"y_true has shape \(2, 2, 2\)"),
        ([], [], None, r"y_true has shape \(0,\)"),
        ([1, 0], [1, 0], 2.0, r"sample_weight has shape \(\), wanted one weight a row: \(2,\)"),
        ([1, 0], [1, 0], [[1], [1]], r"sample_weight has shape \(2, 1\)"),
        ([1, 0], [1, 0], [1], r"sample_weight has shape \(1,\)"),
    ],
)
def test_a_loss_never_broadcasts(y, p, weight, message):
    with pytest.raises(ShapeError, match="MeanSquaredError: " + message):
        MeanSquaredError()(y, p, sample_weight=weight)


@pytest.mark.parametrize(("y", "p"), [(["cat"], [1.0]), ([1.0], [1j]), ([None], [1.0])])
def test_a_loss_is_of_real_numbers(y, p):
    with pytest.raises(DataError, match=r"MeanSquaredError: y_true has dtype .*; they must hold real numbers"):
        MeanSquaredError()(y, p)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_called_it_computes_in_the_dtype_it_is_given(dtype):
    # the clip tells: eps of IEEE 754
    expected = -math.log({np.float32: 2.0**-23, np.float64: 2.0**-52}[dtype])
    assert BinaryCrossentropy()(np.ones(1, dtype), np.zeros(1, dtype)) == pytest.approx(expected, rel=1e-6)


# ---- Keras


KERAS = make_keras_numbers.LOSSES


@pytest.mark.parametrize("number", range(len(KERAS)), ids=[f"{name} {options} {y}" for name, options, y, _ in KERAS])
def test_losses_are_those_of_keras(number):
    name, options, y, p = KERAS[number]
    loss = getattr(losses, name)(**options)
    with np.load(make_keras_numbers.PATH) as stored:
        assert str(stored["keras_version"]) == "3.15.1"
        expected, y, p, weights = stored["losses"][number], stored[y], stored[p], stored["weights"]
    assert p.dtype == np.float32
    assert [loss(y, p), loss(y, p, sample_weight=weights)] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_strings_are_understood(name):
    loss = losses.get("here", name).loss
    assert name.lower() in {naming.snake_case(type(loss).__name__), "bce", "mse", "mae"}


# ---- sums


def test_terms_add_in_any_order():
    expected = PenalizedLoss(BinaryCrossentropy(), (L2(0.7), L1(0.1)))
    assert BinaryCrossentropy() + L2(0.7) + L1(0.1) == expected
    assert L2(0.7) + BinaryCrossentropy() + L1(0.1) == expected
    assert losses.get("here", "bce") == losses.get("here", PenalizedLoss(BinaryCrossentropy()))


@pytest.mark.parametrize("second", [MeanSquaredError(), PenalizedLoss(MeanSquaredError())])
def test_a_model_has_one_loss(second):
    with pytest.raises(SettingError, match="a model has one loss; add penalties to it"):
        BinaryCrossentropy() + second


def test_only_penalties_can_be_added():
    with pytest.raises(TypeError, match="unsupported operand"):
        BinaryCrossentropy() + 3


def test_own_terms_say_what_they_must_write():
    class Mine(Loss):
        link = Sigmoid

    class Weight(Penalty):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine must write terms\(p, y\)"):
        Mine().terms(column(1.0), column(1.0))
    with pytest.raises(NotImplementedError, match=r"Mine names a link, so it must write on_logits\(\)"):
        Mine().on_logits()
    with pytest.raises(NotImplementedError, match=r"Weight must write value\(w, m\)"):
        Weight().value(np.ones(1), 1)
    with pytest.raises(NotImplementedError, match=r"Weight must write gradient\(w, m\)"):
        Weight().gradient(np.ones(1), 1)


# ---- the canonical link


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ([Dense(1), Sigmoid()], BinaryCrossentropy()),
        ([Dense(2), Chain(Dense(1), Sigmoid())], BinaryCrossentropy()),
        ([Dense(1)], MeanSquaredError()),
        ([Dense(1), ReLU()], MeanSquaredError()),
    ],
)
def test_the_loss_that_belongs_to_the_last_layer_is_the_default(layers, loss):
    model = Sequential(layers)
    model.build((2,))
    assert model.objective.terms == PenalizedLoss(loss)


@pytest.mark.parametrize("last", [lambda: [Sigmoid()], lambda: [Chain(Chain(Sigmoid()))]])
def test_after_a_sigmoid_the_loss_is_taken_from_the_logits(last):
    model = Sequential([Dense(1, kernel_initializer="ones"), *last()])
    model.build((1,))
    # a logit of 1,000 in float32: clipped probabilities would say 15.9
    assert model.evaluate([[1000.0]], [0]) == 1000
    model.backpropagate([[1000.0]], [0])
    assert model.params["dense/bias"].grad[0] == 1


def test_a_sigmoid_inside_a_residual_is_no_link():
    model = Sequential([Dense(1), Residual(Sigmoid())], dtype="float64")
    model.compile(loss="bce")
    model.build((1,))
    model.set_weights([[[0.0]], [0.1]])
    p = 0.1 + 1 / (1 + math.exp(-0.1))
    assert model.evaluate([[1.0]], [1]) == pytest.approx(-math.log(p), rel=1e-14)


@pytest.mark.parametrize("loss", ["mse", BinaryCrossentropy(), "bce"])
def test_with_and_without_the_link_the_gradients_are_the_same(loss):
    x, y = np.random.default_rng(0).normal(size=(9, 2)), np.arange(9) % 2
    linked = Sequential([Dense(3), ReLU(), Dense(1), Sigmoid()], seed=0, dtype="float64")
    hidden = Sequential([Dense(3), ReLU(), Dense(1), Hidden()], seed=0, dtype="float64")
    for model in (linked, hidden):
        model.compile(loss=loss)
        model.build((2,))
        model.backpropagate(x, y)
    assert np.allclose(linked.params.grad, hidden.params.grad, rtol=1e-12, atol=1e-15)
    assert linked.evaluate(x, y) == pytest.approx(hidden.evaluate(x, y), rel=1e-12)


class Hidden(Chain):
    """A Chain in all but name, so the model does not look inside it."""

    def __init__(self):
        super().__init__(Sigmoid())


# ---- PyTorch


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
        value, slope = ours.value_and_gradient(p, y, w)
        assert value == pytest.approx(expected.item(), rel=1e-13)
        assert np.allclose(slope, tensor.grad.numpy(), rtol=1e-12, atol=1e-15)
