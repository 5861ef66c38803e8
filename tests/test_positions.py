"""Outputs (m, ..., k): a prediction at every pixel or step, against Keras 3.15 and PyTorch 2.13, and rows by hand."""

import re

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import DataError, Model, Sequential, ShapeError, check_model, compare, diagnose
from minidl.callbacks import GradientChecker, Monitor
from minidl.data import HDF5Data
from minidl.gradcheck import check_loss
from minidl.layers import (
    Chain,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    MaxPooling2D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    UpSampling2D,
)
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    FunctionLoss,
    MeanSquaredError,
    NoLoss,
    OnlyMeasured,
    OutputLosses,
    Pinball,
    SparseCategoricalCrossentropy,
)
from minidl.metrics import Accuracy, MeanAbsoluteError
from minidl.optimizers import LBFGS, SGD
from minidl.regularizers import L2
from tests.gradcheck.test_table import LOSSES as TABLE
from tests.keras.peer import assert_same, both, peer

rng = np.random.default_rng(0)
M, STEPS, K = 12, 5, 3
X = rng.normal(size=(M, STEPS, 2))
CLASSES = rng.integers(0, K, (M, STEPS))
ONE_HOT = np.eye(K)[CLASSES]
BY_STEP, BY_ROW = rng.uniform(0.2, 2, (M, STEPS)), rng.uniform(0.2, 2, M)
IMAGES = rng.uniform(0, 1, (M, 4, 4, 1))
LOSSES = [(getattr(loss, "loss", loss), k) for loss, k in TABLE if not isinstance(loss, OutputLosses)]
# not in Keras; and one that Keras 3.15 computes for rows alone
ELSEWHERE = (FunctionLoss, NoLoss, OnlyMeasured, CategoricalGeneralizedCrossEntropy, Pinball)


def drawn(interval, shape):
    """Return numbers inside the interval."""
    if np.isfinite(interval.low) and np.isfinite(interval.high):
        return rng.uniform(interval.low + 0.1, interval.high - 0.1, shape)
    return rng.uniform(0.1, 3, shape) if np.isfinite(interval.low) else rng.normal(size=shape)


def arrays(loss, shape):
    """Return outputs (*shape, k) and targets for the loss."""
    p = drawn(loss.outputs if not loss.from_logits else MeanSquaredError.outputs, shape)
    y = rng.integers(0, shape[-1], (*shape[:-1], 1)).astype(float) if loss.sparse else drawn(loss.labels, shape)
    return p, y


def classifier(loss=None, optimizer=None, metrics=None, weighted=None):
    model = Sequential([Dense(4), Tanh(), Dense(K), Softmax()], seed=0, dtype="float64")
    model.compile(optimizer or SGD(0.3), loss, metrics, weighted)
    return model


def autoencoder(loss=None, optimizer=None):
    layers = [Conv2D(3, 3, padding="same"), ReLU(), MaxPooling2D(2), UpSampling2D(2), Conv2D(1, 3, padding="same")]
    model = Sequential([*layers, Sigmoid()], seed=0, dtype="float64")
    model.compile(optimizer or SGD(0.3), loss)
    return model


# ---- losses


@pytest.mark.parametrize(("loss", "k"), LOSSES, ids=repr)
def test_a_loss_of_positions_is_that_of_as_many_rows(loss, k):
    p, y = arrays(loss, (2, 3, 4, k))
    rows = p.reshape(-1, k), y.reshape(24, -1)
    by_row, by_position = np.array([0.5, 3.0]), rng.uniform(0, 2, (2, 3, 4))
    for given_, repeated in ((None, None), (by_row, np.repeat(by_row, 12)), (by_position, by_position.ravel())):
        value, slope = loss.value_and_gradient(p, y, given_)
        wanted, slopes = loss.value_and_gradient(*rows, repeated)
        assert value == pytest.approx(wanted, rel=1e-13)
        assert slope.shape == p.shape
        assert slope.reshape(24, k) == pytest.approx(slopes, rel=1e-12, abs=1e-300)
        assert loss.weighted_terms(*loss.by_position(p, y, given_)).mean() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.peers
@pytest.mark.parametrize(("loss", "k"), [case for case in LOSSES if type(case[0]) not in ELSEWHERE], ids=repr)
def test_a_loss_of_positions_is_keras_s(loss, k):
    keras, settings_ = peer(), {name: getattr(loss, name) for name in getattr(loss, "__dataclass_fields__", ())}
    theirs = getattr(keras.losses, type(loss).__name__)(**settings_, dtype="float64")
    p, y = arrays(loss, (2, 3, 4, k))
    if type(loss).__name__ == "CosineSimilarity" and k == 1:
        p = np.abs(p) * np.sign(y)
    for weights in (None, rng.uniform(0, 2, (2, 3, 4))):
        wanted = float(theirs(y, p, weights))  # divided by the number of positions, not by the sum of their weights
        assert loss(y, p, weights) == pytest.approx(wanted, rel=1e-6, abs=1e-7)


def whole_images(y, p):
    """The contrast of whole images: not a mean over positions."""
    return np.square(np.mean(np.square(p - y), axis=(1, 2, 3))) + np.mean(np.abs(p), axis=(1, 2, 3))


def test_a_function_gets_whole_images_and_returns_one_number_for_each():
    loss, p, w = FunctionLoss(whole_images), rng.normal(size=(M, 4, 4, 1)), rng.uniform(size=M)
    value, slope = loss.value_and_gradient(p, IMAGES, w)
    assert value == pytest.approx((w * whole_images(IMAGES, p)).mean())
    step = 1e-6 * rng.normal(size=p.shape)
    difference = (loss.value(p + step, IMAGES, w) - loss.value(p - step, IMAGES, w)) / 2
    assert (slope * step).sum() == pytest.approx(difference, rel=1e-5)
    with pytest.raises(ShapeError, match=r"whole_images returns the shape \(12,\), weights are \(12, 4, 4\)"):
        loss.value(p, IMAGES, np.ones((M, 4, 4)))


@pytest.mark.parametrize(
    "function",
    [lambda y, p: np.square(p - y), lambda y, p: np.mean(np.square(p - y), axis=-1)],
    ids=["of entries", "of positions"],
)
def test_a_function_of_entries_or_positions_takes_weights_of_positions(function):
    p, y = rng.normal(size=(2, M, STEPS, K))
    ours, slope = FunctionLoss(function).value_and_gradient(p, y, BY_STEP)
    wanted, slopes = MeanSquaredError().value_and_gradient(p, y, BY_STEP)
    assert ours == pytest.approx(wanted)
    assert slope == pytest.approx(slopes)


# ---- training


@settings(max_examples=25, deadline=None)
@given(
    m=st.integers(1, 5),
    positions=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    k=st.integers(2, 4),
    kind=st.sampled_from([SparseCategoricalCrossentropy, CategoricalCrossentropy]),
    weighted=st.sampled_from(["no", "position", "class", "both"]),
)
def test_positions_reshaped_into_rows_change_nothing(m, positions, k, kind, weighted):
    draw, n = np.random.default_rng(m), m * int(np.prod(positions))
    x, labels = draw.normal(size=(m, *positions, 2)), draw.integers(0, k, (m, *positions))
    y = labels if kind is SparseCategoricalCrossentropy else np.eye(k)[labels]
    by_class = {0: 2.0, 1: 0.5} if weighted in ("class", "both") else None
    by_position = draw.uniform(0.1, 2, (m, *positions)) if weighted in ("position", "both") else None
    models = []
    for rows in (False, True):
        model = Sequential([Dense(3), Tanh(), Dense(k), Softmax()], seed=1, dtype="float64")
        model.compile(SGD(0.3), kind(), ["accuracy", MeanAbsoluteError()], [Accuracy()])
        data = (x.reshape(n, 2), y.reshape(n, *y.shape[1 + len(positions) :])) if rows else (x, y)
        own = by_position.ravel() if rows and by_position is not None else by_position
        model.fit(*data, n, 3, class_weight=by_class, sample_weight=own, verbose=0)
        models.append(model)
    assert models[0].params.theta == pytest.approx(models[1].params.theta, rel=1e-10, abs=1e-13)
    assert list(models[0].history.history) == list(models[1].history.history)
    for name, values in models[0].history.history.items():
        assert values == pytest.approx(models[1].history.history[name], rel=1e-10)
    assert models[0].predict(x).shape == (m, *positions, k)


@pytest.mark.peers
@pytest.mark.parametrize("weights", [None, BY_STEP, BY_ROW[:, None]], ids=["plain", "by step", "by row"])
def test_a_prediction_at_every_step_trains_as_in_keras(weights):
    def program(keras, shared):
        layers = [keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(K, activation="softmax")]
        model = keras.Sequential([keras.Input((STEPS, 2)), *layers])
        shared(model)
        measured = ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)]
        optimizer, loss = keras.optimizers.SGD(0.3), "sparse_categorical_crossentropy"
        model.compile(optimizer=optimizer, loss=loss, metrics=measured, weighted_metrics=["acc"])
        data = X.astype("float32"), CLASSES
        history = model.fit(
            *data, batch_size=5, epochs=3, sample_weight=weights, shuffle=False, validation_data=data, verbose=0
        )
        returned = model.evaluate(*data, sample_weight=weights, verbose=0)
        return history.history, returned, model.predict(X.astype("float32"), verbose=0)

    assert_same(*both(program), tolerance=1e-4)


@pytest.mark.peers
def test_functions_of_a_script_get_whole_sequences_and_images():
    seen = {"keras": [], "minidl.keras": []}

    def program(keras, shared):
        def dice(y_true, y_pred):
            seen["minidl.keras" if keras.__name__.startswith("minidl") else "keras"].append(len(y_pred.shape))
            both_ = keras.ops.sum(y_true * y_pred, axis=(1, 2, 3))
            return 1 - 2 * both_ / (keras.ops.sum(y_true, axis=(1, 2, 3)) + keras.ops.sum(y_pred, axis=(1, 2, 3)))

        model = keras.Sequential(
            [keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")]
        )
        shared(model)
        model.compile(keras.optimizers.SGD(0.3), dice, metrics=[dice, "mse"])
        images = IMAGES.astype("float32")
        return model.fit(images, images, batch_size=4, epochs=2, shuffle=False, verbose=0).history

    assert_same(*both(program), tolerance=1e-4)
    assert set(seen["keras"]) == set(seen["minidl.keras"]) == {4}


@pytest.mark.peers
def test_a_convolutional_autoencoder_trains_as_in_pytorch():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    ours = autoencoder(BinaryCrossentropy())
    ours.build((4, 4, 1))
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2),
        nn.Conv2d(3, 1, 3, padding="same"),
    ).double()  # fmt: skip
    for theirs, weight in zip(net.parameters(), ours.get_weights(), strict=True):
        theirs.data = torch.tensor(np.ascontiguousarray(weight.transpose(3, 2, 0, 1)) if weight.ndim == 4 else weight)
    images, optimizer = (
        torch.tensor(np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))),
        torch.optim.SGD(net.parameters(), 0.3),
    )
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(images), images)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    ours.fit(IMAGES, IMAGES, batch_size=M, epochs=8, verbose=0)
    assert ours.history.history["loss"] == pytest.approx(losses, rel=1e-12)
    wanted = torch.sigmoid(net(images)).detach().numpy().transpose(0, 2, 3, 1)
    assert ours.predict(IMAGES) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.peers
def test_crossentropies_at_every_step_with_weights_are_pytorch_s():
    torch = pytest.importorskip("torch")
    model = classifier(SparseCategoricalCrossentropy())
    model.build((STEPS, 2))
    loss = model.backpropagate(X, CLASSES, BY_STEP)
    first, a, second, b = (torch.tensor(w, requires_grad=True) for w in model.get_weights())
    z = torch.tanh(torch.tensor(X) @ first + a) @ second + b
    each = torch.nn.functional.cross_entropy(z.movedim(-1, 1), torch.tensor(CLASSES), reduction="none")
    wanted = (each * torch.tensor(BY_STEP)).mean()
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), rel=1e-13)
    for parameter, theirs in zip(model.params.values(), _by_path(model, (first, a, second, b)), strict=True):
        assert parameter.grad == pytest.approx(theirs.grad.numpy(), rel=1e-10)


def _by_path(model, tensors):
    """Return the tensors in the order of params. They differ in their shapes."""
    named = {tuple(tensor.shape): tensor for tensor in tensors}
    return [named[parameter.shape] for parameter in model.params.values()]


def test_uneven_batches_make_the_loss_of_all_rows():
    model = classifier(SparseCategoricalCrossentropy() + L2(0.7), metrics=["accuracy"])
    whole = model.evaluate(X, CLASSES, sample_weight=BY_STEP)
    assert model.evaluate(X, CLASSES, sample_weight=BY_STEP, batch_size=5) == pytest.approx(whole)
    assert model.evaluate(X, CLASSES[..., None], sample_weight=BY_STEP[..., None]) == pytest.approx(whole)
    kernels = sum((layer.kernel.value**2).sum() for layer in model.layers if isinstance(layer, Dense))
    penalty = model.evaluate(X, CLASSES, return_dict=True)["penalty"]
    assert penalty == pytest.approx(0.7 / (2 * M) * kernels)  # m counts rows, not positions


def test_every_way_to_the_data_is_the_same(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"], file["w"], file["y"] = X, BY_STEP, CLASSES
    stored = HDF5Data(tmp_path / "rows.h5", "x", "y", sample_weight="w")
    batches = [(X[i : i + 5], CLASSES[i : i + 5], BY_STEP[i : i + 5]) for i in (0, 5, 10)]
    runs = []
    for data in ((X, CLASSES), (stored,), (batches.__iter__(),)):
        model = classifier(SparseCategoricalCrossentropy(), metrics=["accuracy"])
        own = {"sample_weight": BY_STEP} if len(data) == 2 else {}
        model.fit(*data, batch_size=5, shuffle=False, verbose=0, **own)
        runs.append([*model.params.theta, *model.history.history["loss"], *model.history.history["accuracy"]])
    by_hand = classifier(SparseCategoricalCrossentropy())
    for batch in batches:
        by_hand.train_on_batch(*batch)
    assert runs[1] == runs[0]
    assert runs[2] == runs[0]
    assert by_hand.params.theta.tolist() == runs[0][: len(by_hand.params.theta)]


def test_stored_images_are_targets_of_a_network_of_convolutions(tmp_path):
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["x"], file["label"] = IMAGES, CLASSES[:, 0] > 0
    model = autoencoder(MeanSquaredError())
    model.fit(HDF5Data(tmp_path / "images.h5", "x", "x"), epochs=2, verbose=0)
    assert model.predict(HDF5Data(tmp_path / "images.h5", "x")).shape == IMAGES.shape
    unbuilt = autoencoder(MeanSquaredError())
    assert unbuilt.predict(HDF5Data(tmp_path / "images.h5", "x")).shape == IMAGES.shape
    rows = Sequential([Dense(1), Sigmoid()], seed=0)  # for one label a row its images are flat
    rows.fit(HDF5Data(tmp_path / "images.h5", "x", "label"), verbose=0)
    assert rows.input_shape == (16,)


def test_lbfgs_and_validation_take_images():
    model = autoencoder(MeanSquaredError(), LBFGS())
    logs = model.fit(IMAGES, IMAGES, epochs=5, validation_split=0.25, verbose=0).history
    assert logs["loss"][-1] < logs["loss"][0]
    out = np.empty(IMAGES.shape)
    assert model.predict(IMAGES, out=out) is out
    assert logs["val_loss"][-1] == pytest.approx(np.mean((out[9:] - IMAGES[9:]) ** 2))


# ---- several outputs


def two_heads(losses=None):
    nodes = {
        "image": (Chain(Conv2D(2, 3, padding="same"), Conv2D(1, 1), Sigmoid()), "x"),
        "steps": (Chain(Conv2D(K, 1), Softmax()), "x"),
        "label": (Chain(Flatten(), Dense(1), Sigmoid()), "x"),
    }
    model = Model(Graph({"x": (4, 4, 1)}, nodes, ("image", "steps", "label")), seed=0, dtype="float64")
    model.compile(SGD(0.3), losses, {"image": "mae", "steps": "accuracy"}, {"steps": "accuracy"})
    return model


TARGETS = {"image": IMAGES, "steps": rng.integers(0, K, (M, 4, 4)), "label": rng.integers(0, 2, M)}


@pytest.mark.parametrize("losses", [None, ["mse", "sparse_categorical_crossentropy", "bce"]], ids=["default", "given"])
@pytest.mark.parametrize("weights", [None, {"steps": rng.uniform(0, 2, (M, 4, 4)), "label": BY_ROW}, BY_ROW], ids=str)
def test_outputs_with_positions_beside_those_without(losses, weights):
    model = two_heads(losses)
    figures = model.evaluate(IMAGES, TARGETS, sample_weight=weights, return_dict=True)
    image, steps, label = model.predict(IMAGES)
    assert [part.shape for part in (image, steps, label)] == [(M, 4, 4, 1), (M, 4, 4, K), (M, 1)]
    own = weights if isinstance(weights, dict) else dict.fromkeys(TARGETS, weights)
    first = BinaryCrossentropy() if losses is None else MeanSquaredError()
    wanted = {
        "image_loss": first(IMAGES, image, own.get("image")),
        "steps_loss": SparseCategoricalCrossentropy()(TARGETS["steps"], steps, own.get("steps")),
        "label_loss": BinaryCrossentropy()(TARGETS["label"][:, None], label, own.get("label")),
        "image_mae": np.abs(image - IMAGES).mean(),
        "steps_accuracy": (steps.argmax(axis=-1) == TARGETS["steps"]).mean(),
    }
    assert figures["loss"] == pytest.approx(sum(wanted[f"{name}_loss"] for name in TARGETS))
    for name, value in wanted.items():
        assert figures[name] == pytest.approx(value), name
    model.fit(IMAGES, TARGETS, 5, 2, sample_weight=weights, verbose=0)
    assert check_model(model, IMAGES, TARGETS, sample_weight=weights, depth=5).difference < 1e-9


def test_an_output_of_images_without_a_loss_needs_no_targets():
    model = two_heads()
    model.compile(SGD(0.3), {"label": "bce"}, {"steps": "accuracy"})  # steps: measured, not trained
    given = {"steps": TARGETS["steps"], "label": TARGETS["label"]}
    figures = model.evaluate(IMAGES, given, return_dict=True)
    _, steps, label = model.predict(IMAGES)
    assert figures["steps_accuracy"] == pytest.approx((steps.argmax(axis=-1) == TARGETS["steps"]).mean())
    assert figures["loss"] == pytest.approx(BinaryCrossentropy()(TARGETS["label"][:, None], label))
    model.fit(IMAGES, given, 5, verbose=0)
    assert check_model(model, IMAGES, given, depth=5).difference < 1e-9


def test_targets_of_one_of_several_outputs_are_checked_in_their_own_shape():
    with pytest.raises(ShapeError, match=r"output image: y has rows of shape \(1, 4, 4\).* pass y.transpose"):
        two_heads(["mse", "mse", "mse"]).fit(IMAGES, TARGETS | {"image": IMAGES.transpose(0, 3, 1, 2)}, verbose=0)


# ---- gradients, diagnosis, comparison


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_model(autoencoder(BinaryCrossentropy() + L2(0.1)), IMAGES, IMAGES, depth="all"),
        lambda: check_model(autoencoder(FunctionLoss(whole_images)), IMAGES, IMAGES, depth="all"),
        lambda: check_model(classifier(), X, CLASSES, sample_weight=BY_STEP, depth="all"),
        lambda: check_model(classifier(), X, ONE_HOT, sample_weight=BY_ROW, depth="all"),
        lambda: check_model(classifier(), X, CLASSES, method="central"),
    ],
    ids=["autoencoder", "function", "class numbers", "one-hot", "central"],
)
def test_gradients_are_right(check):
    report = check()
    assert report.passed
    assert report.difference < 1e-6


def test_a_wrong_loss_at_positions_is_found():
    class Doubled(MeanSquaredError):
        def terms(self, p, y):
            losses, slopes = super().terms(p, y)
            return losses, 2 * slopes

    report = check_model(autoencoder(Doubled()), IMAGES, IMAGES, raise_on_failure=False)
    assert not report.passed
    assert "the derivative of Doubled = 2 x derivative" in str(report)
    assert not check_loss(Doubled(), raise_on_failure=False).passed


def test_callbacks_watch_and_the_diagnosis_measures():
    monitor, model = Monitor(), autoencoder(MeanSquaredError())
    model.fit(IMAGES, IMAGES, epochs=3, callbacks=[GradientChecker(), monitor], verbose=0)
    assert not [finding for finding in monitor.diagnosis.findings if finding.severity == "error"]
    found = diagnose(autoencoder(MeanSquaredError()), IMAGES, IMAGES)
    assert not [finding for finding in found.findings if finding.severity == "error"]
    flat = np.full(IMAGES.shape, 0.5)
    assert "targets are the same" in str(diagnose(autoencoder(MeanSquaredError()), IMAGES, flat))
    assert diagnose(classifier(), X, CLASSES)
    table = compare({"one": lambda seed: classifier()}, X, CLASSES, epochs=1, seeds=1, verbose=0)
    assert table


# ---- targets and weights


@pytest.mark.parametrize(
    ("make", "y", "message"),
    [
        (lambda: classifier(SparseCategoricalCrossentropy()), CLASSES[:, 0], r"\(1,\).* one prediction a row.*Flatten"),
        (
            lambda: classifier(SparseCategoricalCrossentropy()),
            CLASSES[:, :4],
            r"\(4,\).*at each position, \(5,\) or \(5, 1\)",
        ),
        (lambda: classifier(SparseCategoricalCrossentropy()), ONE_HOT, r"use CategoricalCrossentropy.*axis=-1"),
        (lambda: classifier(CategoricalCrossentropy()), CLASSES, r"\(5,\).*SparseCategoricalCrossentropy takes them"),
        (
            lambda: classifier(CategoricalCrossentropy()),
            ONE_HOT[:, 0],
            r"\(3,\), .* of shape \(5, 3\).* one prediction a row",
        ),
        (lambda: classifier(MeanSquaredError()), rng.normal(size=(M, STEPS)), r"so it takes y of shape \(5, 3\)"),
        (lambda: autoencoder(MeanSquaredError()), IMAGES.reshape(M, 16), r"pass y.reshape\(-1, 4, 4, 1\)"),
        (lambda: autoencoder(MeanSquaredError()), IMAGES[:, 0, 0, 0], r"\(1,\).*Flatten"),
    ],
)
def test_targets_of_another_shape_are_refused(make, y, message):
    model = make()
    x = IMAGES if isinstance(model.layers[0], Conv2D) else X
    with pytest.raises(ShapeError, match=message):
        model.fit(x, y, verbose=0)


def test_one_number_at_each_position_needs_no_last_axis():
    model, without = autoencoder(MeanSquaredError()), IMAGES[..., 0]
    assert model.evaluate(IMAGES, without) == model.evaluate(IMAGES, IMAGES)
    by_function = autoencoder(FunctionLoss(lambda y, p: np.mean(np.square(p - y), axis=-1)))
    assert by_function.evaluate(IMAGES, without) == pytest.approx(model.evaluate(IMAGES, IMAGES))


def test_the_default_loss_fits_classes_at_every_position():
    model = classifier()
    model.fit(X, CLASSES, verbose=0)
    assert isinstance(model.objective.terms.loss, SparseCategoricalCrossentropy)
    other = classifier()
    other.fit(X, ONE_HOT, verbose=0)
    assert isinstance(other.objective.terms.loss, CategoricalCrossentropy)


def test_weights_of_rows_count_at_all_their_positions():
    model = classifier(SparseCategoricalCrossentropy(), weighted=["accuracy"])
    repeated = np.repeat(BY_ROW, STEPS).reshape(M, STEPS)
    for given_ in (BY_ROW, BY_ROW[:, None]):
        assert model.evaluate(X, CLASSES, sample_weight=given_) == pytest.approx(
            model.evaluate(X, CLASSES, sample_weight=repeated)
        )


@pytest.mark.parametrize("shape", [(STEPS,), (M, STEPS + 1), (M, STEPS, K), (STEPS, M)])
def test_weights_of_another_shape_are_refused(shape):
    wanted = re.escape(f"has shape {shape}, wanted one weight for each row: (12,), or for each position: (12, 5)")
    with pytest.raises(DataError, match=wanted):
        classifier().fit(X, CLASSES, sample_weight=np.ones(shape), verbose=0)


def test_a_class_weight_at_a_position_without_one_class_is_refused():
    y = ONE_HOT.copy()
    y[1, 2] = 0
    with pytest.raises(DataError, match=re.escape("but y[1, 2] is [0.0, 0.0, 0.0]")):
        classifier(CategoricalCrossentropy()).fit(X, y, class_weight={0: 2.0}, verbose=0)


# ---- programs of Keras


def segmentation(keras, shared, loss, targets, metrics, activation="softmax", units=K, **options):
    """Train a network that tells the class of every pixel. Return the figures."""
    layers = [
        keras.layers.Dense(4, activation="tanh"),
        keras.layers.Dense(units, activation=activation),
    ]
    images = IMAGES.reshape(M, *(targets.shape[1:2] if targets.shape[1] == 16 else (4, 4)), 1).astype("float32")
    model = keras.Sequential([keras.Input(images.shape[1:]), *layers])
    shared(model)
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss=loss, metrics=metrics, weighted_metrics=[])
    history = model.fit(images, targets, batch_size=5, epochs=3, shuffle=False, verbose=0, **options)
    return history.history, model.evaluate(images, targets, verbose=0)


PIXELS = rng.integers(0, K, (M, 4, 4))
IN_A_ROW = PIXELS.reshape(M, 16)  # PyTorch 2.13 has no gradient of Keras's sparse loss of images: it is not contiguous
BINARY = (IMAGES > 0.5).astype("float32")


def per_image(keras):
    """Return the share of images in which most pixels are right, as a metric of a script."""

    class Mostly(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="mostly")
            self.right = self.add_weight(name="right", initializer="zeros")
            self.all = self.add_weight(name="all", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            error = keras.ops.mean(keras.ops.abs(y_true - keras.ops.round(y_pred)), axis=(1, 2, 3))
            self.right.assign_add(keras.ops.sum(keras.ops.cast(error < 0.5, "float32")))
            self.all.assign_add(keras.ops.shape(y_true)[0])

        def result(self):
            return self.right / self.all

    return Mostly()


@pytest.mark.peers
@pytest.mark.parametrize(
    "program",
    [
        lambda k, s: segmentation(
            k, s, "sparse_categorical_crossentropy", IN_A_ROW, ["accuracy", k.metrics.MeanIoU(K, sparse_y_pred=False)]
        ),
        lambda k, s: segmentation(
            k, s, k.losses.SparseCategoricalCrossentropy(ignore_class=0), IN_A_ROW, ["accuracy"]
        ),
        lambda k, s: segmentation(
            k, s, k.losses.CategoricalCrossentropy(label_smoothing=0.1), np.eye(K, dtype="float32")[PIXELS],
            [k.metrics.OneHotMeanIoU(K), "categorical_crossentropy"],
        ),
        lambda k, s: segmentation(
            k, s, "binary_crossentropy", BINARY,
            ["accuracy", k.metrics.Precision(), k.metrics.AUC(num_thresholds=50), k.metrics.BinaryIoU(), per_image(k)],
            "sigmoid", 1,
        ),
        lambda k, s: segmentation(k, s, "mse", BINARY[..., 0], ["mae"], "sigmoid", 1),
        lambda k, s: segmentation(
            k, s, k.losses.MeanSquaredError(reduction="sum"), BINARY * 0.1, [], "sigmoid", 1,
            sample_weight=BINARY[..., 0] * 0.01,
        ),
    ],
    ids=["class numbers", "ignored class", "one-hot", "two classes", "no last axis", "sum"],
)  # fmt: skip
def test_classes_of_pixels_are_learned_as_in_keras(program):
    assert_same(*both(program), tolerance=1e-3)
