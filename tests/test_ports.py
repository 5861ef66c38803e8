"""Models with several inputs and outputs: every form of data, losses, metrics and weights by output, and Keras."""

import copy
import threading

import numpy as np
import pytest

from minidl import (
    DataError,
    Model,
    Sequential,
    SettingError,
    ShapeError,
    check_model,
    compare,
    diagnose,
    load_model,
)
from minidl.callbacks import Callback, EarlyStopping, ModelCheckpoint
from minidl.data import HDF5Data
from minidl.diagnostics import Monitor
from minidl.gradcheck import GradientChecker
from minidl.layers import Add, Chain, Concatenate, Conv2D, Dense, Dropout, Flatten, Graph, Sigmoid, Softmax, Tanh
from minidl.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Huber,
    MeanSquaredError,
    OutputLosses,
    SparseCategoricalCrossentropy,
)
from minidl.metrics import Accuracy, MeanAbsoluteError
from minidl.optimizers import LBFGS, SGD, Adam
from minidl.regularizers import L2

RNG = np.random.default_rng(0)
M = 60
A, B = RNG.normal(size=(M, 4)), RNG.normal(size=(M, 3))
PRICE = A[:, :1] * B[:, :1]
KIND = (A[:, 0] > 0).astype(int) + (B[:, 0] > 0)
ROWS, TARGETS = np.hstack([A, B]), np.hstack([PRICE, KIND[:, None]])
HALF = RNG.uniform(0.5, 2, M)


def graph(rate=0.0):
    """Two inputs, a (4,) and b (3,); two outputs, price (1,) and kind (3,), probabilities."""
    layers = {
        "h": (Dense(6), "a"),
        "t": (Tanh(), "h"),
        "both": (Concatenate(), "t", "b"),
        "d": (Dropout(rate), "both"),
        "u": (Dense(6), "d"),
        "s": (Add(), "u", "t"),
        "price": (Dense(1), "s"),
        "logits": (Dense(3), "s"),
        "kind": (Softmax(), "logits"),
    }
    return Graph({"a": (4,), "b": (3,)}, layers, ("price", "kind"))


LOSS = {"price": "mse", "kind": "sparse_categorical_crossentropy"}


def model(optimizer=None, loss=LOSS, *, rate=0.0, dtype="float64", **compiled):
    made = Model(graph(rate), seed=0, dtype=dtype)
    made.compile(optimizer or SGD(0.05), loss, **compiled)
    return made


def one_input():
    layers = {
        "h": (Dense(4), "x"),
        "t": (Tanh(), "h"),
        "y": (Dense(1), "t"),
        "z": (Dense(3), "t"),
        "s": (Softmax(), "z"),
    }
    return Model(Graph("x", layers, ("y", "s")), seed=0, dtype="float64")


class Batches:
    """Batches that are read by number."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        return self.batches[number]


class Again:
    """An iterable that starts again."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


class Told(Batches):
    """Batches that are told of epochs, as Keras's PyDataset is."""

    def __init__(self, batches):
        super().__init__(batches)
        self.log = []

    def on_epoch_begin(self):
        self.log.append("begin")

    def on_epoch_end(self):
        self.log.append("end")


class Sized(Again):
    """An iterable with a length."""

    def __len__(self):
        return len(self.batches)


def batches(x, y, size=20):
    return [(x(slice(i, i + size)), y(slice(i, i + size))) for i in range(0, M, size)]


# ---- forms of data

INPUTS = {
    "tuple": lambda part: (A[part], B[part]),
    "list": lambda part: [A[part], B[part]],
    "dict": lambda part: {"b": B[part], "a": A[part]},
    "side by side": lambda part: ROWS[part],
}
OUTPUTS = {
    "tuple": lambda part: (PRICE[part, 0], KIND[part]),
    "list": lambda part: [PRICE[part], KIND[part]],
    "dict": lambda part: {"kind": KIND[part], "price": PRICE[part]},
    "side by side": lambda part: TARGETS[part],
}
FORMS = [pytest.param(x, y, id=f"{i}, {o}") for i, x in INPUTS.items() for o, y in OUTPUTS.items()]
ALL = slice(None)


@pytest.fixture(scope="module")
def trained():
    """Weights and History of a training on arrays side by side, of which each form is another spelling."""
    made = model()
    history = made.fit(ROWS, TARGETS, batch_size=20, epochs=2, shuffle=False, verbose=0)
    return made.params.theta.copy(), history.history


@pytest.mark.parametrize(("x", "y"), FORMS)
@pytest.mark.parametrize("how", ["arrays", "generator", "indexed", "iterable"])
def test_every_form_of_data_trains_alike(trained, x, y, how):
    made, parts = model(), batches(x, y)
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    if how == "arrays":
        history = made.fit(x(ALL), y(ALL), batch_size=20, **options)
    elif how == "generator":
        history = made.fit((part for part in parts * 2), steps_per_epoch=3, **options)
    else:
        history = made.fit(Batches(parts) if how == "indexed" else Again(parts), **options)
    assert np.array_equal(made.params.theta, trained[0])
    assert history.history == trained[1]


@pytest.mark.parametrize(("x", "y"), FORMS)
def test_every_form_of_validation_data(x, y):
    wanted = model().fit(ROWS, TARGETS, validation_data=(ROWS[:20], TARGETS[:20]), verbose=0).history
    part = slice(0, 20)
    for given in ((x(part), y(part)), Batches([(x(part), y(part))]), Again([(x(part), y(part))])):
        got = model().fit(x(ALL), y(ALL), validation_data=given, verbose=0).history
        assert got.keys() == wanted.keys()
        assert all(np.allclose(got[name], wanted[name], rtol=1e-12) for name in wanted)


def test_batches_keep_their_length_and_are_told_of_epochs():
    parts = batches(INPUTS["tuple"], OUTPUTS["dict"])
    for kind in (Told, Sized):
        made = model()
        assert made.fit(kind(parts), epochs=2, verbose=0).params["steps"] == 3
    given = Told(parts)
    model().fit(given, epochs=2, verbose=0)
    assert given.log == ["begin", "end"] * 2


def test_validation_split_takes_the_last_rows():
    wanted = model().fit(ROWS[:45], TARGETS[:45], validation_data=(ROWS[45:], TARGETS[45:]), verbose=0).history
    assert model().fit((A, B), (PRICE, KIND), validation_split=0.25, verbose=0).history == wanted


@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
def test_predict_returns_a_tuple(x):
    made = model()
    price, kind = made.predict(x(ALL))
    assert price.shape == (M, 1)
    assert kind.shape == (M, 3)
    np.testing.assert_allclose(kind.sum(axis=1), 1, rtol=1e-12)
    parts = batches(x, OUTPUTS["tuple"])
    for given in (Batches(parts), Again(parts), iter(parts), Again([pair[0] for pair in parts])):
        for own, wanted in zip(made.predict(given), (price, kind), strict=True):
            np.testing.assert_allclose(own, wanted, rtol=1e-12)
    for own, wanted in zip(made.predict_on_batch(x(slice(7))), (price, kind), strict=True):
        np.testing.assert_allclose(own, wanted[:7], rtol=1e-12)
    for own, wanted in zip(made.predict(x(ALL), out=np.empty((M, 4))), (price, kind), strict=True):
        assert np.array_equal(own, wanted)


def test_rows_in_a_file_stand_side_by_side(tmp_path, trained):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"], file["y"] = ROWS, TARGETS
    rows = HDF5Data(tmp_path / "rows.h5", "x", "y")
    made = model()
    history = made.fit(rows, batch_size=20, epochs=2, shuffle=False, verbose=0).history
    assert np.allclose(made.params.theta, trained[0], rtol=1e-12)
    assert history.keys() == trained[1].keys()
    assert all(np.allclose(own, other) for own, other in zip(made.predict(rows), made.predict(ROWS), strict=True))
    assert np.isfinite(made.evaluate(rows)).all()
    assert np.isfinite(made.fit((A, B), (PRICE, KIND), validation_data=rows, verbose=0).history["val_loss"]).all()


def test_an_input_of_one_number_may_be_a_vector():
    wired = Graph({"a": (1,), "b": (3,)}, {"y": (Concatenate(), "a", "b")}, "y")
    y = Model(wired, dtype="float64").predict({"a": A[:, 0], "b": B})
    assert np.array_equal(y, np.hstack([A[:, :1], B]))


def test_images_among_the_inputs():
    layers = {"f": (Chain(Dense(2)), "b"), "y": (Dense(1), "f")}
    image = RNG.normal(size=(M, 2, 2))
    wired = Graph({"image": (2, 2), "b": (3,)}, layers | {"image_out": (Tanh(), "image")}, ("y", "image_out"))
    y, out = Model(wired, seed=0, dtype="float64").predict((image, B))
    assert y.shape == (M, 1)
    np.testing.assert_allclose(out, np.tanh(image), rtol=1e-14)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (A, TARGETS, ShapeError, "fit: x has 4 features a row, this model was built for 7"),
        (
            (A,),
            TARGETS,
            SettingError,
            "fit: x must be a dict or a tuple .* of each of the inputs a, b, got 1 of them",
        ),
        (
            "ab",
            TARGETS,
            SettingError,
            "fit: x must be a dict or a tuple .* of each of the inputs a, b, got one str",
        ),
        ({"a": A}, TARGETS, SettingError, "fit: x must have the inputs a, b; 'b' is missing"),
        ({"a": A, "c": B}, TARGETS, SettingError, "fit: x must have the inputs a, b; 'c' is not one of them"),
        ((B, A), TARGETS, ShapeError, r"fit: the input a has rows of shape \(3,\), the model takes \(4,\)"),
        ((A, B[:5]), TARGETS, DataError, "fit: the inputs have different numbers of examples: a has 60, b has 5"),
        ((A, np.where(B > 1, np.nan, B)), TARGETS, DataError, r"fit: x\[.* is nan"),
        ((A, [["x"] * 3] * M), TARGETS, DataError, r"fit: x\['b'\] has dtype"),
        ((A, B), None, DataError, r"fit: y is missing; call fit\(x, y\)"),
        (
            ROWS,
            (PRICE,),
            SettingError,
            "fit: y must be a dict or a tuple .* outputs price, kind, got 1",
        ),
        (ROWS, {"price": PRICE}, DataError, "fit: output kind: its targets are missing, which its loss or its metrics"),
        (ROWS, {}, DataError, "fit: y is missing; it must have targets of the outputs price, kind"),
        (ROWS, {"prize": PRICE}, SettingError, "fit: y must have the outputs price, kind; 'prize' is not one of them"),
        (
            ROWS,
            (PRICE, KIND[:5]),
            DataError,
            "different numbers of examples: price has 60, kind has 5",
        ),
        (ROWS[:5], (PRICE, KIND), DataError, "fit: x has 5 examples, y has 60"),
        (ROWS, (PRICE, 1.0), DataError, "fit: output kind: got the number 1.0; y of several outputs is a list with"),
        (ROWS, (TARGETS, KIND), ShapeError, "fit: output price: y has 2 numbers in a row, the model has 1 outputs"),
        (ROWS, (PRICE, np.eye(3)[KIND]), ShapeError, "fit: output kind: y has 3 numbers in a row, this loss takes one"),
        (ROWS, (PRICE, KIND + 1), DataError, "fit: output kind: y holds 3; the model has 3 classes, numbered 0 to 2"),
        (ROWS, (PRICE, ["a"] * M), DataError, "fit: output kind: y has dtype"),
        (ROWS, PRICE, ShapeError, r"fit: y has rows of shape \(1,\), the outputs take 2 numbers: price 1, kind 1"),
    ],
)
def test_data_that_is_refused(x, y, error, message):
    with pytest.raises(error, match=message):
        model().fit(x, y, verbose=0)


def test_widths_that_add_up_to_the_right_sum_are_refused():
    made = model(loss=[MeanSquaredError(), CategoricalCrossentropy()])  # 1 and 3 columns
    wrong = (np.eye(3)[KIND], PRICE)  # 3 and 1
    for x, y in ((ROWS, wrong), (Batches([(ROWS, wrong)]), None), (iter([(ROWS, wrong)]), None)):
        with pytest.raises(ShapeError, match="fit: output price: y has 3 numbers in a row, the model has 1 outputs"):
            made.fit(x, y, verbose=0)
    with pytest.raises(ShapeError, match=r"fit \(validation_data\): output price: y has 3 numbers"):
        made.fit(ROWS, (PRICE, np.eye(3)[KIND]), validation_data=(ROWS, wrong), verbose=0)


# ---- weights


def test_weights_by_output():
    made, w = model(), {"price": HALF, "kind": 3 * HALF}
    figures = made.evaluate((A, B), (PRICE, KIND), sample_weight=w, return_dict=True)
    price, kind = made.predict((A, B))
    wanted = np.mean(HALF * (price - PRICE)[:, 0] ** 2), np.mean(-3 * HALF * np.log(kind[np.arange(M), KIND]))
    assert figures == pytest.approx({"loss": sum(wanted), "price_loss": wanted[0], "kind_loss": wanted[1]}, rel=1e-10)
    for other in ((HALF, 3 * HALF), [HALF, 3 * HALF], np.stack([HALF, 3 * HALF], axis=1)):
        assert made.evaluate((A, B), (PRICE, KIND), sample_weight=other, return_dict=True) == figures
    given = Batches([((A, B), (PRICE, KIND), w)])
    assert made.evaluate(given, return_dict=True) == pytest.approx(figures, rel=1e-12)


def test_weights_of_some_outputs_and_of_rows():
    made = model()
    ones = made.evaluate(ROWS, TARGETS, return_dict=True)
    some = made.evaluate(ROWS, TARGETS, sample_weight={"price": np.full(M, 2)}, return_dict=True)
    assert some["price_loss"] == pytest.approx(2 * ones["price_loss"])
    assert some["kind_loss"] == ones["kind_loss"]
    rows = made.evaluate(ROWS, TARGETS, sample_weight=np.full(M, 2), return_dict=True)
    assert rows == pytest.approx({name: 2 * value for name, value in ones.items()})
    assert made.evaluate(ROWS, TARGETS, sample_weight=[2] * M, return_dict=True) == pytest.approx(rows)


def test_weights_by_output_in_training_are_those_of_the_gradient():
    w = {"price": HALF, "kind": np.r_[np.zeros(30), np.ones(30)]}
    made = model()
    loss = made.backpropagate(ROWS, (PRICE, KIND), sample_weight=w)
    assert loss == pytest.approx(made.evaluate(ROWS, TARGETS, sample_weight=w)[0])
    assert check_model(made, ROWS, (PRICE, KIND), sample_weight=w).difference < 1e-12
    history = made.fit(ROWS, (PRICE, KIND), sample_weight=w, batch_size=M, verbose=0, validation_split=0.2).history
    assert history["loss"][0] != history["val_loss"][0]


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        ({"prize": HALF}, SettingError, "sample_weight must have the outputs price, kind; 'prize' is not one of them"),
        ((HALF,), SettingError, "sample_weight must be a dict or a tuple .* of each of the outputs .* got 1 of them"),
        ({"price": HALF, "kind": HALF[:3]}, DataError, "different numbers of examples: price has 60, kind has 3"),
        ({"price": HALF[:3]}, DataError, r"sample_weight has shape \(3,\), wanted one weight for each row: \(60,\)"),
        (np.ones((M, 3)), DataError, r"sample_weight has shape \(60, 3\), wanted one weight for each row"),
        ({"price": -HALF}, DataError, "weights must be >= 0"),
        ({"price": ["a"] * M}, DataError, r"sample_weight\['price'\] has dtype"),
    ],
)
def test_weights_that_are_refused(weight, error, message):
    with pytest.raises(error, match=f"fit: .*{message}" if error is not SettingError else message):
        model().fit(ROWS, TARGETS, sample_weight=weight, verbose=0)


def test_class_weight_is_refused():
    with pytest.raises(SettingError, match="fit: class_weight is for one output; pass sample_weight by output"):
        model().fit(ROWS, TARGETS, class_weight={0: 2.0}, verbose=0)
    with pytest.raises(SettingError, match="fit: class_weight is for one output"):
        model().fit(ROWS, TARGETS, class_weight={0: 2.0}, validation_split=0.5, verbose=0)
    with pytest.raises(SettingError, match="train_on_batch: class_weight is for one output"):
        model().train_on_batch(ROWS, TARGETS, class_weight={0: 2.0})


# ---- losses


def test_the_default_losses_fit_the_last_layers_and_the_targets():
    made = one_input()
    made.fit(A, (PRICE, KIND), verbose=0)
    assert [type(part) for part in made.objective.terms.loss.losses] == [
        MeanSquaredError,
        SparseCategoricalCrossentropy,
    ]
    made.fit(A, (PRICE, np.eye(3)[KIND]), verbose=0)  # the targets decide, as in other models
    assert type(made.objective.terms.loss.losses[1]) is CategoricalCrossentropy
    assert list(made.history.history) == ["y_loss", "s_loss", "loss"]
    layers = {"y": (Chain(Dense(2), Sigmoid()), "x"), "z": (Dense(1), "y")}
    made = Model(Graph("x", layers, ("y", "z")), seed=0)
    made.build((4,))
    assert [type(part) for part in made.objective.loss.losses] == [BinaryCrossentropy, MeanSquaredError]


def test_the_default_loss_of_a_graph_with_one_output():
    wired = Graph("x", {"h": (Dense(4), "x"), "s": (Add(), "h", "x"), "y": (Sigmoid(), "s")}, "y")
    made = Model(wired, seed=0)
    made.build((4,))
    assert type(made.objective.terms.loss) is BinaryCrossentropy
    assert made.objective.loss.from_logits
    assert made.predict(A).max() <= 1


def test_activations_belong_to_the_losses_of_their_outputs():
    linked = model().objective
    assert [part.from_logits for part in linked.loss.losses] == [False, True]
    assert linked.layers.layers[0].output_names == ("price", "logits")
    p = linked.predictions(linked.layers.forward(ROWS))
    price, kind = model().predict(ROWS)
    assert np.array_equal(p, np.hstack([price, kind]))


def test_an_activation_that_is_used_inside_stays_in_the_graph():
    layers = {"l": (Dense(2), "x"), "y": (Sigmoid(), "l"), "z": (Dense(1), "y")}
    made = Model(Graph("x", layers, ("y", "z")), seed=0, dtype="float64")
    made.compile("sgd", ["binary_crossentropy", "mse"])
    made.build((4,))
    assert not made.objective.loss.losses[0].from_logits
    assert made.objective.activation is None
    assert check_model(made, A, (A[:, :2] > 0, PRICE)).difference < 1e-12


def test_logits_that_are_an_output_too_stay():
    layers = {"l": (Dense(2), "x"), "y": (Sigmoid(), "l")}
    made = Model(Graph("x", layers, ("l", "y")), seed=0, dtype="float64")
    made.compile("sgd", {"l": "mse", "y": "binary_crossentropy"})
    made.fit(A, (A[:, :2], A[:, :2] > 0), verbose=0)
    assert check_model(made, A, (A[:, :2], A[:, :2] > 0)).difference < 1e-12
    logits, y = made.predict(A)
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-logits)), rtol=1e-12)


def test_loss_weights_and_penalties():
    plain = model().evaluate(ROWS, TARGETS, return_dict=True)
    made = model(loss_weights={"kind": 0.25})
    assert made.evaluate(ROWS, TARGETS)[0] == pytest.approx(plain["price_loss"] + 0.25 * plain["kind_loss"])
    assert model(loss_weights=[0, 2]).evaluate(ROWS, TARGETS)[0] == pytest.approx(2 * plain["kind_loss"])
    penalty = L2.keras(0.3)
    # a penalty of the parameters, wherever it is written, counts once
    terms = {"price": MeanSquaredError() + penalty, "kind": SparseCategoricalCrossentropy() + penalty}
    figures = model(loss=terms).evaluate(ROWS, TARGETS, return_dict=True)
    made = model()
    squares = sum((p.value**2).sum() for path, p in made.params.items() if path.endswith("kernel"))
    assert figures["penalty"] == pytest.approx(0.3 * squares)
    assert figures["loss"] == pytest.approx(plain["loss"] + figures["penalty"])


def test_one_loss_for_all_outputs():
    assert model(loss="mse").objective.terms.loss == OutputLosses(
        ("price", "kind"), (MeanSquaredError(), MeanSquaredError()), (1.0, 1.0), (1, 3)
    )
    given = OutputLosses(("price", "kind"), (Huber(), CategoricalCrossentropy()), (1.0, 2.0))
    assert model(loss=given).loss.loss == given
    assert model(loss=given + L2(0.1)).loss.loss == given
    with pytest.raises(SettingError, match="the losses are those of a, b, the outputs of the model are price, kind"):
        model(loss=OutputLosses(("a", "b"), (Huber(), Huber()), (1.0, 2.0)))


@pytest.mark.parametrize(
    ("compiled", "message"),
    [
        (
            {"loss": ["mse"]},
            "loss must be a dict or a tuple with loss of each of the outputs price, kind, got 1",
        ),
        ({"loss": {"price": None}}, "compile: loss: one of the outputs price, kind at least needs a loss"),
        ({"loss": {"prize": "mse", "kind": "mse"}}, "'prize' is not one of them"),
        ({"loss": ["mse", "nonsense"]}, "compile: loss of kind: unknown loss 'nonsense'"),
        ({"loss": [None, None]}, "compile: loss: one of the outputs price, kind at least needs a loss"),
        ({"loss_weights": [1]}, "loss_weights must be a dict or a tuple"),
        ({"loss_weights": {"prize": 1}}, "loss_weights must have the outputs price, kind; 'prize' is not one of them"),
        ({"loss_weights": ["a", 1]}, r"the weight of price must be in \(-inf, inf\), got 'a'"),
        ({"metrics": {"prize": "mae"}}, "metrics must have the outputs price, kind; 'prize' is not one of them"),
        ({"metrics": ["mae"]}, "metrics must be a dict or a tuple"),
        ({"metrics": ["mae", "nonsense"]}, "compile: metrics of kind: unknown metric 'nonsense'"),
        ({"metrics": [["loss"], None]}, "unknown metric 'loss'"),
    ],
)
def test_what_compile_refuses(compiled, message):
    with pytest.raises(SettingError, match=message):
        model(**compiled)


# ---- outputs without a loss


UNTRAINED = [{"price": "mse"}, {"price": "mse", "kind": None}, ["mse", None]]
NEEDLESS = {
    "dict": {"price": PRICE},
    "None in a dict": {"price": PRICE, "kind": None},
    "None in a list": [PRICE, None],
    "alone": PRICE,
    "with others": {"price": PRICE, "kind": np.full((M, 7), np.nan)},
}


@pytest.mark.parametrize("loss", UNTRAINED, ids=repr)
@pytest.mark.parametrize("y", NEEDLESS.values(), ids=NEEDLESS)
def test_an_output_without_a_loss_needs_no_targets(loss, y):
    made, alone = model(loss=loss), Model(graph(), seed=0, dtype="float64")
    history = made.fit(ROWS, y, epochs=3, shuffle=False)
    assert list(history.history) == ["loss"] == made.metrics_names
    assert made.evaluate(ROWS, y) == pytest.approx(np.mean((made.predict(ROWS)[0] - PRICE) ** 2))
    assert [part.shape for part in made.predict(ROWS)] == [(M, 1), (M, 3)]
    for path in ("logits/kernel", "logits/bias"):
        assert np.array_equal(made.params[path].value, alone.params[path].value)
    assert check_model(made, ROWS, y).passed


def test_batches_without_targets_of_an_output_without_a_loss():
    whole, parts = model(loss={"price": "mse"}), model(loss={"price": "mse"})
    pairs = batches(lambda rows: ROWS[rows], lambda rows: {"price": PRICE[rows]})
    expected = whole.fit(ROWS, PRICE, 20, epochs=2, shuffle=False, validation_data=(ROWS, [PRICE, None]))
    found = parts.fit(Again(pairs), epochs=2, validation_data=Again(pairs))
    assert list(found.history) == list(expected.history)
    for name, values in expected.history.items():
        assert found.history[name] == pytest.approx(values)


@pytest.mark.parametrize("targets", [KIND, KIND[:, None], np.eye(3)[KIND]], ids=["flat", "labels", "one-hot"])
def test_metrics_of_an_output_without_a_loss(tmp_path, targets):
    measured = {"metrics": {"kind": ["accuracy", "categorical_crossentropy"]}, "weighted_metrics": {"kind": "accuracy"}}
    made, y = model(loss={"price": "mse"}, **measured), {"price": PRICE, "kind": targets}
    history = made.fit(ROWS, y, epochs=2, sample_weight={"kind": HALF})
    names = ["kind_accuracy", "kind_categorical_crossentropy", "kind_weighted_accuracy"]
    assert list(history.history) == [*names, "loss"]
    p = made.predict(ROWS)[1]
    right = p.argmax(axis=1) == KIND
    expected = [right.mean(), -np.log(p[np.arange(M), KIND]).mean(), (right * HALF).sum() / HALF.sum()]
    figures = made.evaluate(ROWS, y, sample_weight={"kind": HALF})
    assert figures[1:] == pytest.approx(expected)
    made.save(tmp_path / "m.h5")
    assert load_model(tmp_path / "m.h5").evaluate(ROWS, y, sample_weight={"kind": HALF}) == figures


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ({"price": PRICE}, "fit: output kind: its targets are missing, which its loss or its metrics need"),
        ({"kind": KIND}, "fit: output price: its targets are missing"),
        ([PRICE, KIND + 1], "fit: output kind: y holds 3; the model has 3 classes, numbered 0 to 2"),
        ([None, None], "fit: y is missing; it must have targets of the outputs price, kind"),
    ],
)
def test_targets_that_metrics_need(y, message):
    with pytest.raises(DataError, match=message):
        model(loss={"price": "mse"}, metrics={"kind": "accuracy"}).fit(ROWS, y)
    with pytest.raises(ShapeError, match="fit: output kind: y has 2 numbers in a row, the model has 3 outputs"):
        model(loss={"price": "mse"}, metrics={"kind": "accuracy"}).fit(ROWS, [PRICE, A[:, :2]])


def test_an_output_without_a_loss_may_have_rows_of_any_shape():
    layers = {"c": (Conv2D(2, 3), "image"), "f": (Flatten(), "c"), "y": (Dense(1), "f")}
    made, images = Model(Graph("image", layers, ("y", "c")), seed=0), RNG.normal(size=(20, 5, 5, 1))
    made.compile("sgd", ["mse", None])
    made.fit(images, images[:, 0, 0])
    assert [part.shape for part in made.predict(images)] == [(20, 1), (20, 3, 3, 2)]


def test_diagnosis_leaves_out_outputs_without_a_loss():
    made = model(Adam(0.01), {"price": "mse"})
    assert "a constant prediction gives" in str(diagnose(made, ROWS, PRICE))


@pytest.mark.parametrize("compiled", [{"loss": ["mse", "mse"]}, {"loss": {"dense": "mse"}}, {"loss_weights": [1.0]}])
def test_a_model_with_one_output_takes_one_loss(compiled):
    with pytest.raises(SettingError, match="the model has one output, so it takes one loss, without loss_weights"):
        Sequential([Dense(1)]).compile("sgd", **({"loss": "mse"} | compiled))


# ---- metrics


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ({"kind": "accuracy", "price": ["mae", "mse"]}, ["price_mae", "price_mse", "kind_accuracy"]),
        ([["mae"], ["accuracy"]], ["price_mae", "kind_accuracy"]),
        (["mae", "accuracy"], ["price_mae", "kind_accuracy"]),
        ((None, Accuracy(name="share")), ["kind_share"]),
        ("mae", ["price_mae", "kind_mae"]),
        (MeanAbsoluteError(), ["price_mean_absolute_error", "kind_mean_absolute_error"]),
        ({"kind": ["accuracy", Accuracy()]}, ["kind_accuracy", "kind_accuracy_1"]),
    ],
)
def test_forms_of_metrics(metrics, names):
    made = model(metrics=metrics)
    assert made.metrics_names == ["loss", "price_loss", "kind_loss", *names]
    history = made.fit(ROWS, TARGETS, verbose=0, validation_split=0.1).history
    own = ["price_loss", "kind_loss", *names, "loss"]
    assert list(history) == [*own, *(f"val_{name}" for name in own)]


def test_one_metric_for_all_outputs_is_measured_for_each():
    made = model(metrics=MeanAbsoluteError())
    figures, (price, kind) = made.evaluate(ROWS, TARGETS, return_dict=True), made.predict(ROWS)
    assert figures["price_mean_absolute_error"] == pytest.approx(np.abs(price - PRICE).mean())
    assert figures["kind_mean_absolute_error"] == pytest.approx(np.abs(kind - np.eye(3)[KIND]).mean())


def test_weighted_metrics_by_output():
    w = {"price": HALF, "kind": np.r_[np.zeros(30), np.ones(30)]}
    made = model(metrics={"kind": "accuracy"}, weighted_metrics={"kind": "accuracy", "price": "mae"})
    assert made.metrics_names[3:] == ["kind_accuracy", "price_mae", "kind_weighted_accuracy"]
    figures = made.evaluate(ROWS, TARGETS, sample_weight=w, return_dict=True)
    price, kind = made.predict(ROWS)
    right = kind.argmax(axis=1) == KIND
    assert figures["kind_accuracy"] == pytest.approx(right.mean())
    assert figures["kind_weighted_accuracy"] == pytest.approx(right[30:].mean())
    assert figures["price_mae"] == pytest.approx((HALF * np.abs(price - PRICE)[:, 0]).sum() / HALF.sum())


# ---- everything that works for other models


def test_single_batches():
    made = model(metrics={"kind": "accuracy"})
    before = made.evaluate((A, B), (PRICE, KIND))
    assert made.test_on_batch((A, B), (PRICE, KIND)) == before
    assert made.train_on_batch((A, B), (PRICE, KIND)) == pytest.approx(before)
    after = made.test_on_batch({"a": A, "b": B}, {"price": PRICE, "kind": KIND}, return_dict=True)
    assert after["loss"] < before[0]
    assert list(after) == ["price_loss", "kind_loss", "kind_accuracy", "loss"]
    assert made.backpropagate((A, B), (PRICE, KIND)) == pytest.approx(after["loss"])


def test_lbfgs():
    history = model(LBFGS()).fit((A, B), (PRICE, KIND), epochs=15, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["loss"][-1] == pytest.approx(history["price_loss"][-1] + history["kind_loss"][-1])


def test_the_gradient_is_checked_within_a_training():
    checker = GradientChecker()
    model(rate=0.3).fit((A, B), (PRICE, KIND), epochs=2, verbose=0, callbacks=[checker])
    report = check_model(model(rate=0.3), {"a": A, "b": B}, {"price": PRICE, "kind": KIND})
    assert report.passed
    assert report.method == "complex"


def test_diagnosis_and_monitor():
    made = model(Adam(0.01))
    assert not [found for found in diagnose(made, (A, B), (PRICE, KIND)).findings if found.severity == "error"]
    monitor = Monitor()
    made.fit((A, B), (PRICE, KIND), epochs=3, verbose=0, callbacks=[monitor])
    assert np.isfinite(made.history.history["loss"]).all()


def test_a_wrong_rate_is_found():
    found = diagnose(model(Adam(1e-9)), (A, B), (PRICE, KIND))
    assert len(found.findings) > 0


def test_callbacks_watch_the_figures_of_outputs():
    made = model(Adam(0.05))
    stopping = EarlyStopping(monitor="val_kind_loss", patience=1)
    made.fit((A, B), (PRICE, KIND), epochs=200, validation_split=0.3, verbose=0, callbacks=[stopping])
    assert len(made.history.history["loss"]) < 200


def test_threads_predict_with_one_model():
    made = model()
    parts = [slice(10 * i, 10 * i + 10) for i in range(6)]
    wanted = [made.predict((A[part], B[part])) for part in parts]
    wrong = []

    def run(number):
        for _ in range(100):
            got = made.predict({"a": A[parts[number]], "b": B[parts[number]]})
            if not all(np.array_equal(g, w) for g, w in zip(got, wanted[number], strict=True)):
                wrong.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_variants_are_compared():
    variants = {"slow": lambda seed: model(SGD(1e-4)), "fast": lambda seed: model(Adam(0.05))}
    result = compare(variants, (A, B), (PRICE, KIND), epochs=3, seeds=1)
    assert "fast" in str(result)


def test_summary_shows_the_connections():
    lines = []
    model().summary(print_fn=lines.append)
    table = lines[0].splitlines()
    assert [cell.strip() for cell in table[2].strip("│").split("│")] == [
        "Layer (type)",
        "Output Shape",
        "Param #",
        "Connected to",
    ]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in table[4:]]
    rows = {name: others for name, *others in cells}
    assert rows["a (input)"] == ["(None, 4)", "0", "-"]
    assert rows["both (Concatenate)"] == ["(None, 9)", "0", "t, b"]
    assert rows["kind (Softmax)"] == ["(None, 3)", "0", "logits"]
    assert "Connected to" in model()._repr_html_()
    unbuilt = []
    one_input().summary(print_fn=unbuilt.append)
    assert "│ y (Dense)    │ ?            │ 0 (unbuilt) │ t            │" in unbuilt[0]


# ---- files


def test_a_model_is_saved_and_loaded_with_all_of_it(tmp_path):
    compiled = {"metrics": {"kind": "accuracy"}, "weighted_metrics": {"price": "mae"}, "loss_weights": [1.0, 0.5]}
    made = model(Adam(0.01), **compiled, rate=0.2)
    made.fit((A, B), (PRICE, KIND), epochs=2, verbose=0)
    made.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert repr(loaded) == repr(made)
    assert loaded.metrics_names == made.metrics_names
    assert loaded.evaluate((A, B), (PRICE, KIND)) == made.evaluate((A, B), (PRICE, KIND))
    one, two = (m.fit((A, B), (PRICE, KIND), epochs=2, verbose=0).history for m in (loaded, made))
    assert one == two
    assert np.array_equal(loaded.params.theta, made.params.theta)


@pytest.mark.parametrize("name", ["m.weights.h5", pytest.param("m.safetensors", marks=pytest.mark.peers)])
def test_weights_are_saved_and_loaded(tmp_path, name):
    if name.endswith("safetensors"):
        pytest.importorskip("safetensors")
    made = model()
    made.fit((A, B), (PRICE, KIND), verbose=0)
    made.save_weights(tmp_path / name)
    other = Model(graph(), seed=5, dtype="float64")
    other.load_weights(tmp_path / name)
    assert np.array_equal(other.params.theta, made.params.theta)


class Stop(Callback):
    """Stop as a killed process does, at a batch of an epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.trainer.state.epoch == 1 and batch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("frequency", ["epoch", 1])
def test_a_training_that_was_stopped_resumes_to_the_bit(tmp_path, frequency):
    options = {"batch_size": 16, "epochs": 4, "verbose": 0}
    compiled = {"metrics": {"kind": "accuracy"}, "weighted_metrics": {"price": "mae"}, "rate": 0.3}
    data = {"x": (A, B), "y": (PRICE, KIND), "sample_weight": {"price": HALF}}
    whole = model(Adam(0.01), **compiled)
    wanted = whole.fit(**data, **options).history
    killed = model(Adam(0.01), **compiled)
    checkpoint = ModelCheckpoint(tmp_path / "m.h5", save_freq=frequency)
    with pytest.raises(KeyboardInterrupt):
        killed.fit(**data, **options, callbacks=[checkpoint, Stop()])
    loaded = load_model(tmp_path / "m.h5")
    again = ModelCheckpoint(tmp_path / "m.h5", save_freq=frequency)
    got = loaded.fit(**data, **options, initial_epoch=loaded.position, callbacks=[again]).history
    assert np.array_equal(loaded.params.theta, whole.params.theta)
    assert wanted == got


@pytest.mark.peers
def test_onnxruntime_takes_and_returns_the_ports_by_name(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    from minidl.files import export_onnx

    made = model(dtype="float32")
    export_onnx(made, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    a, b = A.astype("float32"), B.astype("float32")
    found = dict(zip(("price", "kind"), session.run(["price", "kind"], {"a": a, "b": b}), strict=True))
    for name, own in zip(("price", "kind"), made.predict((a, b)), strict=True):
        np.testing.assert_allclose(found[name], own, rtol=2e-5, atol=2e-6)


# ---- shared layers


def autoencoder():
    """(autoencoder, encoder): the encoder is a part of the autoencoder, of the same layer objects."""
    layers = {"code": (Dense(2), "x"), "t": (Tanh(), "code"), "y": (Dense(4), "t")}
    whole = Model(Graph("x", layers, "y"), seed=0, dtype="float64")
    whole.compile(Adam(0.02), "mse")
    whole.build((4,))
    part = Model(Graph("x", {name: layers[name] for name in ("code", "t")}, "t"), seed=1, dtype="float64")
    part.build((4,))
    return whole, part


def test_an_encoder_that_is_a_part_of_an_autoencoder_follows_it():
    whole, encoder = autoencoder()
    before = encoder.predict(A)
    whole.fit(A, A, epochs=5, verbose=0)
    after = encoder.predict(A)
    assert not np.allclose(after, before)
    assert np.array_equal(encoder.params["code/kernel"].value, whole.params["code/kernel"].value)
    decoded = after @ whole.params["y/kernel"].value + whole.params["y/bias"].value
    np.testing.assert_allclose(whole.predict(A), decoded, rtol=1e-12)
    encoder.compile(SGD(0.1), "mse")
    encoder.fit(A, np.zeros((M, 2)), epochs=2, verbose=0)
    assert not np.allclose(encoder.predict(A), after)
    assert np.array_equal(encoder.params["code/kernel"].value, whole.params["code/kernel"].value)
    loss = whole.evaluate(A, A)
    whole.fit(A, A, epochs=5, verbose=0)
    assert whole.evaluate(A, A) < loss


def test_graphs_with_several_ports_share_layers():
    one = model(Adam(0.02))
    layers = one.layer.layers
    other = Model(
        Graph({"a": (4,), "b": (3,)}, {n: e for n, e in layers.items() if n not in ("logits", "kind")}, "price"),
        dtype="float64",
    )
    assert np.array_equal(other.predict((A, B)), one.predict((A, B))[0])
    one.fit((A, B), (PRICE, KIND), epochs=2, verbose=0)
    np.testing.assert_allclose(other.predict((A, B)), one.predict((A, B))[0], rtol=1e-12)
    other.compile(Adam(0.02), "mse")
    other.fit((A, B), PRICE, epochs=2, verbose=0)
    np.testing.assert_allclose(other.predict((A, B)), one.predict((A, B))[0], rtol=1e-12)
    assert check_model(one, (A, B), (PRICE, KIND)).passed


# ---- Keras


def keras_twin(keras, made, **compiled):
    """The same network in Keras with the same weights."""
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    dense = keras.layers.Dense
    t = dense(6, activation="tanh")(a)
    s = keras.layers.Add()([dense(6)(keras.layers.Concatenate()([t, b])), t])
    outputs = {"price": dense(1, name="price")(s), "kind": dense(3, activation="softmax", name="kind")(s)}
    twin = keras.Model({"a": a, "b": b}, outputs)
    found = [w for layer in twin.layers for w in layer.weights]
    own = {w.shape: [] for w in found}
    for weight in made.get_weights():
        own[weight.shape].append(weight)
    for weight in found:
        weight.assign(own[tuple(weight.shape)].pop(0))
    twin.compile(**compiled)
    return twin


COMPILED = {
    "loss": {"price": "mse", "kind": "sparse_categorical_crossentropy"},
    "metrics": {"price": ["mae"], "kind": ["accuracy"]},
    "weighted_metrics": {"kind": ["accuracy"]},
    "loss_weights": {"price": 0.7, "kind": 1.3},
}


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of an output without a loss
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "compiled",
    [
        COMPILED,
        COMPILED | {"loss_weights": {"price": 2.0, "kind": 0.0}},
        COMPILED | {"loss": {"price": "mse"}, "loss_weights": {"price": 0.7}},
        {"loss": {"kind": "sparse_categorical_crossentropy"}, "weighted_metrics": {"price": ["mse"]}},
    ],
    ids=["weighted losses", "a weight of 0", "no loss of kind", "no loss of price"],
)
def test_a_training_is_that_of_keras(weighted, compiled):
    # Keras 3.15 on PyTorch, live: losses and metrics of each epoch from the same weights
    keras = pytest.importorskip("keras")
    made = model(SGD(0.05), **compiled, dtype="float32")
    twin = keras_twin(keras, made, optimizer=keras.optimizers.SGD(0.05), **compiled)
    x, y = {"a": A.astype("float32"), "b": B.astype("float32")}, {"price": PRICE.astype("float32"), "kind": KIND}
    w = {"price": HALF.astype("float32"), "kind": HALF[::-1].astype("float32")} if weighted else None
    options = {"batch_size": 25, "epochs": 4, "shuffle": False, "verbose": 0, "sample_weight": w}
    options["validation_data"] = (x, y)
    ours, theirs = made.fit(x, y, **options).history, twin.fit(x, y, **options).history
    assert sorted(ours) == list(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, atol=1e-4, rtol=1e-4, err_msg=name)
    ours = made.evaluate(x, y, sample_weight=w, return_dict=True)
    theirs = {k: float(v) for k, v in twin.evaluate(x, y, sample_weight=w, return_dict=True, verbose=0).items()}
    assert ours == pytest.approx(theirs, abs=1e-4)
    losses = 1 + 2 * (len(compiled["loss"]) == 2)  # the sum, and those of the outputs if there are several
    assert made.metrics_names[:losses] == ["loss", "price_loss", "kind_loss"][:losses]
    kept = [float(figure) for figure in twin.evaluate(x, y, verbose=0)[:losses]]
    assert made.evaluate(x, y)[:losses] == pytest.approx(kept, abs=1e-4)
    outputs = twin(x)
    for own, name in zip(made.predict(x), ("price", "kind"), strict=True):
        np.testing.assert_allclose(own, outputs[name].detach().numpy(), atol=1e-4)


def test_a_copy_of_a_model_measures_for_itself():
    made = model(metrics={"kind": "accuracy"})
    other = copy.deepcopy(made)
    other.fit((A, B), (PRICE, KIND), verbose=0)
    assert made.evaluate((A, B), (PRICE, KIND)) != other.evaluate((A, B), (PRICE, KIND))
    assert not {id(m) for m in made.metrics.values()} & {id(m) for m in other.metrics.values()}
