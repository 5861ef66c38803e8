"""Losses under Keras's names: numbers of Keras 3.15 on PyTorch, and what compile gets of them."""

import warnings

import numpy as np
import pytest

from minidl import SettingError, ShapeError, check_loss
from minidl import losses as core
from minidl.keras import losses, ops
from minidl.naming import snake_case
from tests.keras.peer import CLASSES, QUIET, X, assert_same, both, peer

rng = np.random.default_rng(0)
Z = rng.normal(size=(6, 4)).astype("float32")
P = rng.uniform(0.01, 0.99, (6, 4)).astype("float32")
Y = rng.uniform(0, 1, (6, 4)).astype("float32")
LABELS = rng.integers(0, 4, 6)
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
SHARES = P / P.sum(axis=1, keepdims=True)
WEIGHTS = rng.uniform(0.5, 2, 6).astype("float32")
FOCAL = {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "label_smoothing": 0.1}

CASES = [  # class, settings, targets, outputs
    ("MeanSquaredError", {}, Y, Z),
    ("MeanAbsoluteError", {}, Y, Z),
    ("MeanAbsolutePercentageError", {}, Y + 0.1, Z),
    ("MeanSquaredLogarithmicError", {}, Y, P),
    ("LogCosh", {}, Y, Z),
    ("Huber", {}, Y, Z),
    ("Huber", {"delta": 0.3}, Y, Z),
    ("CosineSimilarity", {}, Y, Z),
    ("Hinge", {}, ONE_HOT, Z),
    ("SquaredHinge", {}, 2 * ONE_HOT - 1, Z),
    ("CategoricalHinge", {}, ONE_HOT, Z),
    ("Poisson", {}, Y, P),
    ("KLDivergence", {}, Y, P),
    ("BinaryCrossentropy", {}, Y, P),
    ("BinaryCrossentropy", {}, np.round(Y), np.round(P)),  # 0 and 1, where the logarithm is clipped
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, Y, Z),
    ("BinaryFocalCrossentropy", {}, Y, P),
    ("BinaryFocalCrossentropy", FOCAL, Y, P),
    ("BinaryFocalCrossentropy", {"from_logits": True}, Y, Z),
    ("CategoricalCrossentropy", {}, ONE_HOT, SHARES),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, P),
    ("CategoricalCrossentropy", {"from_logits": True}, ONE_HOT, Z),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT, P),
    ("CategoricalFocalCrossentropy", {"alpha": 0.7, "gamma": 1.5, "label_smoothing": 0.1}, ONE_HOT, P),
    ("CategoricalFocalCrossentropy", {"from_logits": True}, ONE_HOT, Z),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.5}, LABELS, SHARES),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.9}, LABELS, P),
    ("SparseCategoricalCrossentropy", {}, LABELS, SHARES),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABELS[:, None], Z),
]
IDS = [f"{name} {settings or ''}" for name, settings, *_ in CASES]


def close(ours, theirs, keras):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = keras.ops.convert_to_numpy(theirs)
    assert np.shape(ours) == wanted.shape
    np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize(("name", "settings", "y", "p"), CASES, ids=IDS)
def test_objects_return_the_numbers_of_keras(name, settings, y, p):
    keras = peer()
    for reduction in ("sum_over_batch_size", "sum", None, "mean", "mean_with_sample_weight"):
        ours, theirs = (getattr(k.losses, name)(**settings, reduction=reduction) for k in (_ours(), keras))
        close(ours(y, p), theirs(y, p), keras)
        close(ours(y, p, WEIGHTS), theirs(y, p, sample_weight=WEIGHTS), keras)
        assert ours.name == theirs.name


@pytest.mark.peers
@pytest.mark.parametrize(("name", "settings", "y", "p"), CASES, ids=IDS)
def test_functions_return_the_rows_of_keras(name, settings, y, p):
    keras = peer()
    function = "kl_divergence" if name == "KLDivergence" else snake_case(name)
    theirs = getattr(keras.losses, function)(keras.ops.array(y), keras.ops.array(p), **settings)
    close(getattr(losses, function)(y, p, **settings), theirs, keras)


@pytest.mark.peers
@pytest.mark.parametrize(("name", "settings", "y", "p"), CASES, ids=IDS)
def test_the_cores_loss_has_the_derivative_of_keras(name, settings, y, p):
    keras = peer()
    import torch

    outputs = torch.tensor(p, requires_grad=True)
    getattr(keras.losses, name)(**settings)(y, outputs, sample_weight=WEIGHTS).backward()
    loss = getattr(losses, name)(**settings).core
    found = loss.value_and_gradient(p, y.reshape(6, -1).astype("float32"), WEIGHTS)[1]
    inside = np.logical_and(p > 0, p < 1) if name == "BinaryCrossentropy" and not settings else np.full(p.shape, True)
    np.testing.assert_allclose(found[inside], outputs.grad.numpy()[inside], rtol=1e-4, atol=1e-6)


@pytest.mark.peers
def test_outputs_of_any_rank_are_rows():
    keras = peer()
    y, p = Y.reshape(3, 2, 4), Z.reshape(3, 2, 4)
    for name in ("MeanSquaredError", "CosineSimilarity", "Huber"):
        close(getattr(losses, name)()(y, p), getattr(keras.losses, name)()(y, p), keras)
        close(getattr(losses, name)()(Y[0], Z[0]), getattr(keras.losses, name)()(Y[0], Z[0]), keras)
    close(losses.mean_squared_error([[0, 1], [0, 0]], [[1, 1], [1, 0]]), keras.ops.array([0.5, 0.5]), keras)
    close(losses.MeanSquaredError()(Y[:, 0], Z[:, :1]), keras.losses.MeanSquaredError()(Y[:, 0], Z[:, :1]), keras)


# losses as scripts write them, with keras.ops
FUNCTIONS = {
    "squares": lambda o, y, p: o.mean(o.square(y - p), axis=-1),
    "one number": lambda o, y, p: o.mean(o.abs(y - p) ** 1.5),
    "quantile": lambda o, y, p: o.sum(o.maximum(0.9 * (y - p), -0.1 * (y - p)), axis=1),
    "log likelihood": lambda o, y, p: o.mean(o.log(o.exp(p) + 1) - y * p, axis=-1) + 0.1 * o.mean(o.square(p)),
    "softmax": lambda o, y, p: -o.sum(y * o.log_softmax(p), axis=-1),
    "where": lambda o, y, p: o.mean(o.where(o.abs(y - p) < 0.5, o.square(y - p), o.abs(y - p) - 0.25), axis=-1),
    "root": lambda o, y, p: o.sqrt(o.mean(o.square(p - y)) + 1e-3),
    "correlation": lambda o, y, p: 1 - o.sum((y - o.mean(y)) * (p - o.mean(p))) / (o.std(y) * o.std(p) * 24),
    "clip": lambda o, y, p: o.mean(o.clip(o.sigmoid(p), 0.2, 0.7) * y, axis=-1),
    "logsumexp": lambda o, y, p: o.logsumexp(p, axis=-1) - o.max(p * y, axis=1),
    "columns": lambda o, y, p: o.square(y[:, 0] - p[:, 0]) + o.sum(o.abs(p[:, 1:3]), axis=-1),
    "softplus": lambda o, y, p: o.mean(o.softplus(p) - y * p - o.log_sigmoid(p), axis=-1),
    "activations": lambda o, y, p: o.mean(o.softmax(p) * y + o.tanh(p) + o.silu(p) + o.relu(p), axis=-1),
    "quotients": lambda o, y, p: o.mean(o.rsqrt(1 + p * p) + o.divide_no_nan(y, p * p + 1) + 1 / (2 + p * p), axis=-1),
    "concatenate": lambda o, y, p: o.sum(o.concatenate([p, 2 * p], axis=1) ** 2, axis=1) + o.norm(p, axis=1),
    "products": lambda o, y, p: o.mean(o.matmul(p, o.transpose(p)), axis=-1),
    "moments": lambda o, y, p: o.moments(p, -1)[0] ** 2 + o.moments(p, -1)[1] + o.min(p, axis=-1),
    "shapes": lambda o, y, p: o.mean(o.reshape(o.expand_dims(p, 1), (-1, 4)) + o.squeeze(o.stack([p]), 0), axis=1),
    "power": lambda o, y, p: o.mean(o.power(o.abs(p) + 1, y), axis=-1),
    "stop": lambda o, y, p: o.mean(o.stop_gradient(o.square(p)) * p, axis=-1),
    "cast": lambda o, y, p: o.mean(o.cast(y > 0.5, "float32") * o.cast(p, "float32"), axis=-1),
    "one hot": lambda o, y, p: -o.sum(o.one_hot(o.argmax(y, axis=-1), 4) * p, axis=-1),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_a_loss_of_keras_ops_has_value_and_derivative_of_keras(name, weights):
    keras = peer()
    import torch

    function, outputs = FUNCTIONS[name], torch.tensor(Z, requires_grad=True)
    wrapped = keras.src.losses.losses.LossFunctionWrapper(lambda y, p: function(keras.ops, y, p))
    theirs = wrapped(Y, outputs, sample_weight=weights)
    theirs.backward()
    loss = losses.get(lambda y, p: function(ops, y, p)).core
    value, derivative = loss.value_and_gradient(Z, Y, weights)
    assert value == pytest.approx(theirs.item(), rel=1e-5)
    np.testing.assert_allclose(derivative, outputs.grad.numpy(), rtol=1e-4, atol=1e-6)
    assert value.dtype == derivative.dtype == np.float32


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "stop"])  # not what is differentiated
def test_the_gradient_checker_takes_losses_of_keras_ops(name):
    assert check_loss(losses.get(lambda y, p: FUNCTIONS[name](ops, y, p)).core, 4).difference < 1e-11


@pytest.mark.peers
@pytest.mark.parametrize("name", FUNCTIONS)
def test_keras_ops_compute_on_arrays_too(name):
    keras = peer()
    close(FUNCTIONS[name](ops, Y, Z), FUNCTIONS[name](keras.ops, keras.ops.array(Y), keras.ops.array(Z)), keras)


# ---- names, settings, what compile gets


def _ours():
    import minidl.keras

    return minidl.keras


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("mse", core.MeanSquaredError()),
        ("MeanSquaredError", core.MeanSquaredError()),
        ("kld", core.KLDivergence()),
        (losses.binary_crossentropy, core.BinaryCrossentropy()),
        (losses.BinaryCrossentropy(label_smoothing=0.1), core.BinaryCrossentropy(label_smoothing=0.1)),
        ({"class_name": "Huber", "config": {"delta": 2.0}}, core.Huber(2.0)),
        (losses.Huber, core.Huber()),
    ],
)
def test_compile_gets_the_cores_losses(given, wanted):
    assert losses.get(given).core == wanted


def test_the_cores_losses_and_none_stay_as_they_are():
    loss = core.Huber(2.0)
    assert losses.get(loss) is loss
    assert losses.get(None) is None


def test_a_config_makes_the_same_loss():
    loss = losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2, name="own")
    again = losses.deserialize(losses.serialize(loss))
    assert again.core == loss.core
    assert again.name == "own"
    assert losses.deserialize("mse") is losses.mean_squared_error


class Scaled(losses.Loss):
    def __init__(self, factor=2.0, name="scaled", **settings):
        super().__init__(name=name, **settings)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * ops.mean(ops.square(y_true - y_pred), axis=-1)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "auto"])
def test_a_class_of_the_users_own_is_trained_as_it_is_called(reduction):
    loss = Scaled(reduction=reduction)
    value, derivative = loss.core.value_and_gradient(Z, Y)
    assert value == pytest.approx(float(loss(Y, Z)), rel=1e-6)
    scale = 6 if reduction == "sum" else 1
    np.testing.assert_allclose(derivative, scale * 2 * 2 * (Z - Y) / 24, rtol=1e-5)


def test_losses_can_be_parts_of_a_loss():
    def both(y_true, y_pred):
        return losses.mean_squared_error(y_true, y_pred) + 0.5 * losses.Huber()(y_true, y_pred)

    value, derivative = losses.get(both).core.value_and_gradient(Z, Y)
    parts = [loss.value_and_gradient(Z, Y) for loss in (core.MeanSquaredError(), core.Huber())]
    assert value == pytest.approx(parts[0][0] + 0.5 * parts[1][0], rel=1e-6)
    np.testing.assert_allclose(derivative, parts[0][1] + 0.5 * parts[1][1], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: losses.get("msee"), SettingError, "unknown loss 'msee'; choose from .*did you mean 'mse'"),
        (lambda: losses.get(3), SettingError, "a loss is an object, a string such as 'mse' or a function"),
        (lambda: losses.Huber(delta=0), SettingError, "Huber: delta must be in"),
        (lambda: losses.Huber(reduction="median"), SettingError, "Huber: reduction must be one of"),
        (lambda: losses.Huber(reduction=None).core, SettingError, "cannot be trained with reduction=None"),
        (lambda: losses.SparseCategoricalCrossentropy()([1, 2], P), ShapeError, "one class label per row"),
        (lambda: losses.mse(1.0, 2.0), ShapeError, "y_pred is a number"),
        (
            lambda: losses.Dice,
            ImportError,
            "Dice is not in minidl.keras: it sums over all rows of a batch",
        ),
        (lambda: losses.MSEE, AttributeError, "has no attribute 'MSEE'"),
        (lambda: losses.Loss()(Y, Z), NotImplementedError, r"Loss must write call\(y_true, y_pred\)"),
        (lambda: losses.deserialize({"name": 3}), SettingError, "keys class_name and config"),
    ],
)
def test_errors_say_what_there_is(make, error, message):
    with pytest.raises(error, match=message):
        make()


LOGITS = np.random.default_rng(3).normal(size=(6, 2, 4)).astype("float32")
SOME = np.random.default_rng(4).integers(-1, 4, (6, 2))


@pytest.mark.peers
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none"])
@pytest.mark.parametrize("weights", [None, np.arange(12.0, dtype="float32").reshape(6, 2)])
def test_an_ignored_class_counts_as_on_keras(reduction, weights):
    keras = peer()
    settings = {"from_logits": True, "ignore_class": -1, "reduction": reduction}
    found = losses.SparseCategoricalCrossentropy(**settings)(SOME, LOGITS, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = keras.losses.SparseCategoricalCrossentropy(**settings)(SOME, LOGITS, weights)
        wanted = keras.ops.convert_to_numpy(theirs)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert losses.SparseCategoricalCrossentropy(**settings).get_config()["ignore_class"] == -1


@pytest.mark.peers
def test_a_training_with_an_ignored_class_ends_where_keras_ends():
    labels = np.where(np.arange(90) % 3 == 0, -1, CLASSES)

    def program(keras, weights):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        weights(model)
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1))
        return model.fit(X, labels, epochs=3, batch_size=30, **QUIET).history, model.get_weights()

    assert_same(*both(program), tolerance=1e-4)


@pytest.mark.peers
@pytest.mark.parametrize("axis", [0, 1, 2, -2])
def test_a_cosine_along_any_axis_is_that_of_keras(axis):
    keras = peer()
    y = LOGITS[::-1] + 0.3
    found = losses.CosineSimilarity(axis=axis, reduction="none")(y, LOGITS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = keras.ops.convert_to_numpy(keras.losses.CosineSimilarity(axis=axis, reduction="none")(y, LOGITS))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert losses.CosineSimilarity(axis=axis).get_config()["axis"] == axis


def test_a_model_is_trained_along_the_last_axis():
    assert losses.CosineSimilarity(axis=1).core == losses.CosineSimilarity().core
    with pytest.raises(SettingError, match="CosineSimilarity: a model is trained with axis=-1, got 2"):
        losses.CosineSimilarity(axis=2).core  # noqa: B018


@pytest.mark.parametrize("name", ["BinaryCrossentropy", "CategoricalCrossentropy"])
def test_crossentropies_do_not_broadcast(name):
    with pytest.raises(ShapeError, match=rf"{name}: y_true has shape \(3, 1\), y_pred \(3, 3\); they must"):
        getattr(losses, name)()(np.ones((3, 1)), np.full((3, 3), 0.5))
