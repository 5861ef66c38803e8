"""Predictions at every step of padded sequences: forms of targets, weights and data, and input that cannot be used."""

import re

import h5py
import numpy as np
import pandas as pd
import pytest

from minidl import Model, Sequential
from minidl.data import HDF5Data
from minidl.errors import DataError, ShapeError
from minidl.estimators import SequentialClassifier
from minidl.layers import LSTM, Dense, Embedding, Graph, Masking, Sigmoid, Softmax
from minidl.losses import FunctionLoss
from minidl.optimizers import SGD

M, STEPS, CLASSES = 12, 6, 5
rng = np.random.default_rng(0)
IDS = rng.integers(1, 9, (M, STEPS))
IDS[:5, 3:] = 0
COUNTS = IDS != 0
LABELS = rng.integers(0, CLASSES, (M, STEPS))
NUMBERS = rng.normal(size=(M, STEPS))
WEIGHTS = rng.uniform(0.5, 2, (M, STEPS))
SPARSE = "sparse_categorical_crossentropy"


def network(*end, return_sequences=True, loss=None, **options):
    first = [Embedding(9, 4, mask_zero=True), LSTM(5, return_sequences=return_sequences)]
    model = Sequential([*first, *(end or [Dense(CLASSES), Softmax()])], seed=0)
    model.compile(SGD(0.5), loss, **options)
    return model


def one_output(**options):
    return network(Dense(1), **options)


def in_order(model, *data, **options):
    return model.fit(*data, batch_size=4, epochs=2, shuffle=False, verbose=0, **options).history


def losses_of(model):
    """Return -log p of the labels, (M, STEPS)."""
    return -np.log(np.take_along_axis(model.predict(IDS), LABELS[..., None], axis=-1)[..., 0])


# ---- forms of targets, weights and data


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        (LABELS, SPARSE),
        (LABELS[..., None], SPARSE),
        (LABELS.tolist(), SPARSE),
        (pd.DataFrame(LABELS), SPARSE),
        (LABELS, None),
        (np.eye(CLASSES)[LABELS], "categorical_crossentropy"),
        (np.eye(CLASSES)[LABELS], None),
    ],
)
def test_labels_and_one_hot_rows_train_the_same(y, loss):
    model, other = network(loss=loss, metrics=["accuracy", "perplexity"]), network(metrics=["accuracy", "perplexity"])
    history, expected = in_order(model, IDS, y), in_order(other, IDS, LABELS)
    assert history == {name: pytest.approx(values, rel=1e-6) for name, values in expected.items()}
    np.testing.assert_allclose(model.params.theta, other.params.theta, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("end", [[Dense(1)], [Dense(1), Sigmoid()]], ids=repr)
def test_one_number_at_each_step_needs_no_axis(end):
    y = NUMBERS if len(end) == 1 else NUMBERS > 0
    histories = [in_order(network(*[layer.clone() for layer in end]), IDS, form) for form in (y, y[..., None])]
    assert histories[0] == histories[1]


class Batches:
    """Batches that are read by index."""

    def __len__(self):
        return 3

    def __getitem__(self, number):
        rows = slice(4 * number, 4 * number + 4)
        return IDS[rows], LABELS[rows], WEIGHTS[rows]


def test_arrays_batches_and_files_train_the_same(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"], file["y"], file["w"] = IDS.astype("u1"), LABELS, WEIGHTS
    stored = HDF5Data(tmp_path / "data.h5", "x", "y", sample_weight="w")
    expected = in_order(network(metrics=["accuracy"]), IDS, LABELS, sample_weight=WEIGHTS)
    for data in (stored, Batches()):
        model = network(metrics=["accuracy"])
        assert in_order(model, data) == expected
        assert model.evaluate(data, batch_size=4) == model.evaluate(IDS, LABELS, batch_size=4, sample_weight=WEIGHTS)
        assert len(model.predict(data)) == M
    generated = (Batches()[number % 3] for number in range(6))
    assert in_order(network(metrics=["accuracy"]), generated, steps_per_epoch=3) == expected


def test_the_loss_is_the_weighted_sum_divided_by_the_steps_that_count():
    model = network(metrics=["accuracy"], weighted_metrics=["accuracy"])
    model.build((STEPS,))
    losses, right = losses_of(model), model.predict(IDS).argmax(axis=-1) == LABELS
    figures = model.evaluate(IDS, LABELS, sample_weight=WEIGHTS, return_dict=True)
    assert figures["loss"] == pytest.approx((losses * WEIGHTS)[COUNTS].sum() / COUNTS.sum(), rel=1e-5)
    assert figures["accuracy"] == pytest.approx(right[COUNTS].mean())
    assert figures["weighted_accuracy"] == pytest.approx((right * WEIGHTS)[COUNTS].sum() / WEIGHTS[COUNTS].sum())
    of_rows = model.evaluate(IDS, LABELS, sample_weight=WEIGHTS[:, 0])[0]
    assert of_rows == pytest.approx((losses * WEIGHTS[:, :1])[COUNTS].sum() / COUNTS.sum(), rel=1e-5)


def test_class_weights_are_those_of_the_steps():
    weights = {0: 0.5, 3: 2.0}
    by_step = np.choose(LABELS, [0.5, 1, 1, 2, 1])
    both = in_order(network(), IDS, LABELS, class_weight=weights, sample_weight=WEIGHTS)
    assert both == in_order(network(), IDS, LABELS, sample_weight=WEIGHTS * by_step.astype("float32"))
    split = in_order(network(), IDS, LABELS, class_weight=weights, sample_weight=WEIGHTS, validation_split=0.25)
    model = network()
    in_order(model, IDS[:9], LABELS[:9], class_weight=weights, sample_weight=WEIGHTS[:9])
    assert split["val_loss"][-1] == pytest.approx(model.evaluate(IDS[9:], LABELS[9:], sample_weight=WEIGHTS[9:]))


def test_evaluate_weighs_batches_by_their_rows_as_keras_does():
    model = network()
    model.build((STEPS,))
    losses = losses_of(model)
    means = [losses[rows][COUNTS[rows]].mean() for rows in (slice(0, 5), slice(5, 10), slice(10, 12))]
    assert model.evaluate(IDS, LABELS, batch_size=5) == pytest.approx(np.average(means, weights=[5, 5, 2]), rel=1e-6)


def test_several_outputs_have_targets_and_weights_at_steps_and_at_rows():
    nodes = {
        "e": (Embedding(9, 4, mask_zero=True), "words"),
        "h": (LSTM(4, return_sequences=True), "e"),
        "z": (Dense(CLASSES), "h"),
        "tag": (Softmax(), "z"),
        "g": (LSTM(3), "e"),
        "price": (Dense(1), "g"),
    }

    def made():
        model = Model(Graph("words", nodes, ("tag", "price")).clone(), seed=0)
        losses = {"tag": SPARSE, "price": "mse"}
        model.compile(SGD(0.1), losses, {"tag": ["accuracy", "perplexity"]}, {"tag": "accuracy"})
        return model

    def batch(rows):
        return IDS[rows], {"tag": LABELS[rows], "price": NUMBERS[rows, 0]}, {"tag": WEIGHTS[rows]}

    model, x, y, weights = made(), *batch(slice(None))
    history = in_order(model, x, y, sample_weight=weights)
    assert in_order(made(), (batch(slice(n, n + 4)) for n in (0, 4, 8, 0, 4, 8)), steps_per_epoch=3) == history
    figures = model.evaluate(x, y, sample_weight=weights, return_dict=True)
    p, price = model.predict(IDS)
    losses = -np.log(np.take_along_axis(p, LABELS[..., None], axis=-1)[..., 0])
    assert figures["tag_loss"] == pytest.approx((losses * WEIGHTS)[COUNTS].sum() / COUNTS.sum(), rel=1e-5)
    assert figures["tag_perplexity"] == pytest.approx(np.exp(losses[COUNTS].mean()), rel=1e-5)
    assert figures["price_loss"] == pytest.approx(((price[:, 0] - NUMBERS[:, 0]) ** 2).mean(), rel=1e-5)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize(
    ("end", "loss", "metrics", "y"),
    [
        (Softmax, SPARSE, ["accuracy"], LABELS),
        (Softmax, "categorical_crossentropy", ["accuracy"], np.eye(CLASSES)[LABELS]),
        (None, "mse", ["mae"], NUMBERS[..., None]),
        (Sigmoid, "binary_crossentropy", ["accuracy"], 1.0 * (NUMBERS[..., None] > 0)),
    ],
)
def test_training_is_that_of_keras(end, loss, metrics, y, weights):
    keras = pytest.importorskip("keras")
    units, activation = CLASSES if end is Softmax else 1, end and end.__name__.lower()
    model = network(Dense(units), *([end()] if end else []), loss=loss, metrics=metrics)
    model.build((STEPS,))
    words, memory = keras.layers.Embedding(9, 4, mask_zero=True), keras.layers.LSTM(5, return_sequences=True)
    theirs = keras.Sequential([keras.Input((STEPS,)), words, memory, keras.layers.Dense(units, activation=activation)])
    theirs.set_weights(model.get_weights())
    theirs.compile(keras.optimizers.SGD(0.5), loss, metrics=metrics)
    options = {"batch_size": 5, "epochs": 3, "shuffle": False, "verbose": 0}
    # Keras 3.15 on PyTorch writes into the weights that it is given
    theirs_history = theirs.fit(IDS, y, sample_weight=None if weights is None else weights.copy(), **options).history
    history = model.fit(IDS, y, sample_weight=weights, **options).history
    assert history == {name: pytest.approx(values, rel=1e-5) for name, values in theirs_history.items()}
    np.testing.assert_allclose(model.predict(IDS), theirs.predict(IDS, verbose=0), rtol=1e-5, atol=1e-6)


# ---- estimators


def test_an_estimator_takes_ids():
    layers = [Embedding(9, 4, mask_zero=True), LSTM(5), Dense(2), Softmax()]
    classifier = SequentialClassifier(layers, epochs=2, random_state=0).fit(IDS, LABELS[:, 0] > 2)
    assert classifier.predict_proba(IDS).shape == (M, 2)
    wrong = IDS.copy()
    wrong[7, 2] = 9
    for call in (lambda: classifier.fit(wrong, LABELS[:, 0] > 2), lambda: classifier.predict(wrong)):
        with pytest.raises(DataError, match=r"\[7, 2\] is 9.0; ids must be integers in 0, ..., 8"):
            call()


# ---- input that cannot be used


def with_id(value):
    return np.where(np.arange(M * STEPS).reshape(M, STEPS) == 20, value, IDS)


RAGGED = [[1, 2], [3, 4, 5]]
UNUSABLE = {
    "an id that is too large": (network, with_id(9), LABELS, "x[3, 2] is 9; ids must be integers in 0, ..., 8"),
    "a negative id": (network, with_id(-1), LABELS, "x[3, 2] is -1; ids must be integers in 0, ..., 8"),
    "a fractional id": (network, with_id(2.5), LABELS, "x[3, 2] is 2.5; ids must be integers in 0, ..., 8"),
    "an id that is no number": (network, with_id(np.nan), LABELS, "x[3, 2] is nan; ids must be integers"),
    "ragged lists": (network, RAGGED, LABELS[:2], "pad_sequences makes one array of rows of several lengths"),
    "ragged objects": (
        network,
        np.array([np.array(row) for row in RAGGED], dtype=object),
        LABELS[:2],
        "x has dtype object; it must hold real numbers. Its entries are lists: pad_sequences makes one array",
    ),
    "a ragged column": (network, pd.Series(RAGGED), LABELS[:2], "pad_sequences makes one array of rows"),
    "ragged targets": (network, IDS[:2], RAGGED, "y is not a rectangular array of numbers"),
    "no steps": (network, IDS[:, :0], LABELS[:, :0], "x is empty, its shape is (12, 0); wanted at least one example"),
    "targets of rows": (network, IDS, LABELS[:, 0], "for one prediction a row, set return_sequences=False in the last"),
    "one-hot rows": (network, IDS, np.eye(CLASSES)[LABELS[:, 0]], "set return_sequences=False in the last recurrent"),
    "numbers of rows": (one_output, IDS, NUMBERS[:, 0], "for one prediction a row, set return_sequences=False"),
    "targets of fewer steps": (network, IDS, LABELS[:, :4], "y has rows of shape (4,), the model returns rows of "),
    "a label of padding": (network, IDS, np.where(COUNTS, LABELS, -1), "at padded steps, which do not count, put 0"),
    "steps that are all masked": (network, 0 * IDS, LABELS, "all steps of all rows of a batch are masked; leave out"),
    "a loss of whole sequences": (
        lambda: one_output(loss=FunctionLoss(lambda y, p: np.mean(np.square(y - p)))),
        IDS,
        NUMBERS,
        "returns the shape (12,), weights are (12, 6); let it return one loss for each position",
    ),
}


@pytest.mark.parametrize(("make", "x", "y", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_input_that_cannot_be_used_says_what_to_do(make, x, y, message):
    with pytest.raises((DataError, ShapeError), match=re.escape(message)):
        make().fit(x, y, verbose=0)


@pytest.mark.parametrize("any_length", [False, True])
@pytest.mark.parametrize("loss", [SPARSE, None])
@pytest.mark.parametrize("y", [LABELS, np.eye(CLASSES)[LABELS], LABELS[..., None]], ids=["labels", "one-hot", "column"])
def test_targets_of_steps_for_a_prediction_a_row_name_return_sequences(y, loss, any_length):
    model = network(return_sequences=False, loss=loss)
    if any_length:
        model.build((None, None))
    remedy = (
        r"fit: y has 6.* in a row, the model has 5 outputs; for a prediction at each step, set return_sequences=True"
    )
    with pytest.raises(ShapeError, match=remedy):
        model.fit(IDS, y, verbose=0)


def test_targets_of_rows_for_a_model_of_any_length_name_return_sequences():
    for loss, y in (("categorical_crossentropy", LABELS[:, 0]), (SPARSE, LABELS[:, 0]), (SPARSE, LABELS[:, :4])):
        model = network(loss=loss)
        model.build((None, None))
        with pytest.raises(ShapeError, match="return_sequences=False"):
            model.fit(IDS, y, verbose=0)


def test_sequences_of_numbers_have_steps_too():
    model = Sequential([Masking(), LSTM(3), Dense(2)], seed=0)
    x = np.ones((4, 3, 2))
    with pytest.raises(DataError, match=r"x is empty, its shape is \(4, 0, 2\)"):
        model.fit(x[:, :0], x)
    with pytest.raises(
        ShapeError, match=r"y has 3 x 2 numbers in a row, the model has 2 outputs; .*return_sequences=True"
    ):
        model.fit(x, x)
