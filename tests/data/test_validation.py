"""The border: what a user may hand in, what is refused, and in which words."""

import datetime

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from minidl import DataError, Sequential, SettingError, ShapeError
from minidl.callbacks import Callback, History
from minidl.data import DiskData, Examples, Source, inputs, split
from minidl.layers import Dense, GlobalAveragePooling1D, ReLU, Sigmoid

X = np.random.default_rng(0).normal(size=(12, 2)).round(3)
Y = (X[:, 0] > 0).astype(int)


def classifier(dtype="float32"):
    return Sequential([Dense(3), ReLU(), Dense(1), Sigmoid()], seed=0, dtype=dtype)


def fitted(x=X, y=Y, **settings):
    model = classifier()
    model.fit(x, y, epochs=2, **settings)
    return model


def with_entry(array, place, value):
    array = np.array(array, float)
    array[place] = value
    return array


# ---- x that cannot be used, wherever it is handed in

BAD_X = {
    "1-D": (X[:, 0], "x has shape (12,), wanted (examples, features). For one feature pass x.reshape(-1, 1), for one "),
    "a number": (3.0, "x has shape (), wanted (examples, features)."),
    "None": (None, "x is of type NoneType; it must hold real numbers. Pass an array, or a list of rows"),
    "no rows": (X[:0], "x is empty, its shape is (0, 2); wanted at least one example and one feature"),
    "no columns": (X[:, :0], "x is empty, its shape is (12, 0); wanted at least one example and one feature"),
    "empty list": ([], "x has shape (0,), wanted (examples, features)."),
    "NaN": (with_entry(X, (3, 1), np.nan), "x[3, 1] is nan; every value must be finite"),
    "Inf": (with_entry(X, (11, 0), -np.inf), "x[11, 0] is -inf; every value must be finite"),
    "two NaN": (with_entry(X, ([3, 4], 1), np.nan), "x[3, 1] is nan (2 such values in all); every value must be "),
    "too large": (with_entry(X, (5, 0), 1e39), "x[5, 0] is 1e+39, too large for float32; every value must be finite"),
    "strings": (X.astype(str), "x has dtype <U32; it must hold real numbers. Encode strings first, for instance with "),
    "bytes": (X.astype("S8"), "x has dtype |S8; it must hold real numbers. Encode strings first"),
    "objects": (X.astype(object), "x has dtype object; it must hold real numbers. If its entries are numbers, pass x"),
    "complex": (X + 1j, "x has dtype complex128; it must hold real numbers."),
    "datetimes": (np.full((12, 2), np.datetime64("2026-01-01")), "x has dtype datetime64[D]; it must hold real numb"),
    "timedeltas": (np.full((12, 2), np.timedelta64(1, "s")), "x has dtype timedelta64[s]; it must hold real numbers."),
    "dates": ([[datetime.date(2026, 1, 1)]] * 12, "x has dtype object; it must hold real numbers."),
    "records": (np.zeros(12, "f4,f4"), "it must hold real numbers."),
    "masked": (np.ma.masked_less(X, 0), "x is a masked array; drop its masked rows or pass x.filled(value)"),
    "ragged": ([[1.0, 2.0], [3.0]] * 6, "pad_sequences makes one array of rows of several lengths"),
    "dict": ({"a": 1}, "x is of type dict; it must hold real numbers."),
}
USES = {
    "fit": lambda model, x: model.fit(x, Y),
    "evaluate": lambda model, x: model.evaluate(x, Y),
    "predict": lambda model, x: model.predict(x),
}


@pytest.mark.parametrize("who", USES)
@pytest.mark.parametrize("kind", BAD_X)
def test_x_that_cannot_be_used_is_refused(who, kind):
    x, message = BAD_X[kind]
    model = classifier()
    model.build((2,))
    before = model.params.theta.copy()
    with pytest.raises(DataError) as caught:
        USES[who](model, x)
    assert str(caught.value).startswith(f"{who}: ")
    assert message in str(caught.value)
    assert np.array_equal(model.params.theta, before)


@pytest.mark.parametrize("who", USES)
def test_sparse_matrices_are_refused(who):
    model = classifier()
    model.build((2,))
    with pytest.raises(DataError, match=rf"^{who}: x is a sparse matrix; pass x.toarray\(\)$"):
        USES[who](model, scipy.sparse.csr_matrix(X))


def test_large_values_that_fit_are_used():
    model = Sequential([Dense(1, kernel_initializer="zeros")])
    model.build((2,))
    x = np.full((6, 2), 3e38)  # their sum overflows, they do not
    assert np.array_equal(model.predict(x), np.zeros((6, 1)))
    double = Sequential([Dense(1, kernel_initializer="zeros")], dtype="float64")
    double.build((2,))
    assert np.array_equal(double.predict(with_entry(X, 0, 1e39)), np.zeros((12, 1)))


def test_a_nan_beyond_the_first_batch_of_predict_is_named_by_its_row():
    x = np.zeros((3000, 2))
    x[2500, 1] = np.nan
    model = classifier()
    model.build((2,))
    with pytest.raises(DataError, match=r"predict: x\[2500, 1\] is nan"):
        model.predict(x)


@pytest.mark.parametrize("who", USES)
def test_a_wrong_number_of_features_is_named(who):
    model = classifier()
    model.build((2,))
    with pytest.raises(ShapeError) as caught:
        USES[who](model, np.zeros((12, 3)))
    assert str(caught.value) == f"{who}: x has 3 features a row, this model was built for 2"
    with pytest.raises(ShapeError, match=r"x has shape \(2, 2\) a row, this model was built for 2 features"):
        USES[who](model, np.zeros((12, 2, 2)))


def test_one_feature_is_singular():
    model = classifier()
    model.build((1,))
    with pytest.raises(ShapeError, match=r"x has 2 features a row, this model was built for 1$"):
        model.predict(X)


@pytest.mark.parametrize("who", ["evaluate", "predict"])
def test_the_notebooks_orientation_is_recognised(who):
    with pytest.raises(ShapeError, match=rf"^{who}: x has 12 features a row.* for 2. Rows are examples: pass x.T$"):
        USES[who](fitted(), X.T)


@pytest.mark.parametrize(
    ("x", "y", "turned"), [((2, 12), (12,), "x.T"), ((12, 2), (1, 12), "y.T"), ((2, 12), (1, 12), "x.T and y.T")]
)
def test_columns_for_examples_are_told_to_be_turned(x, y, turned):
    with pytest.raises(DataError, match=rf"^fit: x has .* examples, y has .*\. Rows are examples: pass {turned}$"):
        Sequential([Dense(1)]).fit(np.ones(x), np.ones(y))


# ---- y

BAD_Y = {
    "too short": (Y[:11], DataError, "x has 12 examples, y has 11"),
    "too long": ([*Y, 1], DataError, "x has 12 examples, y has 13"),
    "a number": (1, DataError, "x has 12 examples, y has no"),
    "missing": (None, DataError, "y is missing; call {who}(x, y)"),
    "NaN": (with_entry(Y, 4, np.nan), DataError, "y[4, 0] is nan; every value must be finite"),
    "Inf": (with_entry(Y, 4, np.inf), DataError, "y[4, 0] is inf; every value must be finite"),
    "too large": (with_entry(Y, 4, 1e39), DataError, "y[4, 0] is 1e+39, too large for float32"),
    "labels -1 and 1": (2 * Y - 1, DataError, "y holds -1, but labels for this loss must be in [0, 1]"),
    "labels 1 and 2": (Y + 1, DataError, "y holds 2, but labels for this loss must be in [0, 1]"),
    "strings": (np.where(Y, "cat", "dog"), DataError, "y has dtype <U3; it must hold real numbers. Encode strings"),
    "objects": (Y.astype(object), DataError, "y has dtype object; it must hold real numbers."),
    "two columns": (np.column_stack([Y, Y]), ShapeError, "y has 2 numbers in a row, the model has 1 outputs"),
    "no columns": (np.zeros((12, 0)), DataError, "y is empty, its shape is (12, 0)"),
    "masked": (np.ma.masked_less(Y, 1), DataError, "y is a masked array"),
}


@pytest.mark.parametrize("kind", BAD_Y)
@pytest.mark.parametrize("who", ["fit", "evaluate"])
def test_y_that_cannot_be_used_is_refused(who, kind):
    y, error, message = BAD_Y[kind]
    model = classifier()
    model.build((2,))
    with pytest.raises(error) as caught:
        getattr(model, who)(X, y)
    assert str(caught.value).startswith(f"{who}: ")
    assert message.format(who=who) in str(caught.value)


def test_y_of_one_axis_and_of_two_train_to_the_same_bits():
    one, two = fitted(y=Y), fitted(y=Y[:, None])
    assert np.array_equal(one.params.theta, two.params.theta)
    assert one.history.history == two.history.history
    assert one.evaluate(X, Y) == two.evaluate(X, Y[:, None])


def test_labels_for_a_regression_may_be_any_number():
    model = Sequential([Dense(1)])
    model.fit(X, 100 * Y - 50)
    assert model.predict(X).shape == (12, 1)


# ---- kinds of arrays that work


def kinds():
    x = X.astype(np.float32)  # all of these hold the same numbers
    whole = np.round(4 * x).astype(int)
    read_only = x.copy()
    read_only.flags.writeable = False
    wide = np.zeros((24, 4), np.float32)
    wide[::2, ::2] = x
    return {
        "float64": (x, x.astype(np.float64)),
        "read-only": (x, read_only),
        "Fortran order": (x, np.asfortranarray(x)),
        "strided": (x, wide[::2, ::2]),
        "reversed": (x, x[::-1].copy()[::-1]),
        "big-endian": (x, x.astype(">f4")),
        "big-endian double": (x, x.astype(">f8")),
        "long double": (x, x.astype(np.longdouble)),
        "list": (x, x.tolist()),
        "tuple of rows": (x, tuple(x)),
        "float16": (x.astype(np.float16).astype(np.float32), x.astype(np.float16)),
        "int8": (whole.astype(np.float32), whole.astype(np.int8)),
        "int64": (whole.astype(np.float32), whole),
        "uint64": (np.abs(whole).astype(np.float32), np.abs(whole).astype(np.uint64)),
        "big-endian integers": (whole.astype(np.float32), whole.astype(">i4")),
        "boolean": ((x > 0).astype(np.float32), x > 0),
        "lists of booleans": ((x > 0).astype(np.float32), (x > 0).tolist()),
    }


def same_training(plain, other, y=Y, y_other=Y):
    before = other.tobytes() if isinstance(other, np.ndarray) else None
    one, two = fitted(plain, y), fitted(other, y_other)
    assert np.array_equal(one.params.theta, two.params.theta)
    assert np.array_equal(one.predict(plain), two.predict(other))
    assert one.evaluate(plain, y) == two.evaluate(other, y_other)
    assert before is None or other.tobytes() == before


@pytest.mark.parametrize("kind", kinds())
def test_the_same_numbers_train_the_same_whatever_holds_them(kind):
    same_training(*kinds()[kind])


def test_inside_all_rows_lie_one_after_the_other_and_what_fits_already_is_not_copied():
    single = np.dtype("float32")
    assert inputs("fit", np.asfortranarray(X.astype(single)), single).flags.c_contiguous
    assert inputs("fit", X.astype(">f4"), single).dtype.isnative
    x = X.astype(single)
    assert np.shares_memory(inputs("fit", x, single), x)


@pytest.mark.parametrize("batch_size", [5, 12])
def test_memory_mapped_arrays_train_without_being_touched(tmp_path, batch_size):
    x = X.astype(np.float32)
    for name, array in (("x", x), ("y", Y[:, None].astype(np.float32))):
        np.memmap(tmp_path / name, np.float32, "w+", shape=array.shape)[:] = array
    mapped = [np.memmap(tmp_path / name, np.float32, "r").reshape(12, -1) for name in "xy"]
    one, two = fitted(x, Y, batch_size=batch_size), fitted(*mapped, batch_size=batch_size)
    assert np.array_equal(one.params.theta, two.params.theta)
    assert np.array_equal(one.predict(x), two.predict(mapped[0]))
    assert (tmp_path / "x").read_bytes() == x.tobytes()


@pytest.mark.parametrize(
    "y", [Y.tolist(), Y.astype(bool), Y.astype(np.uint8), Y.astype(">f8"), Y[:, None].tolist(), Y.astype(np.float16)]
)
def test_labels_of_any_kind_train_the_same(y):
    same_training(X, X, Y, y)


def test_nothing_the_caller_holds_is_written_to():
    x, y, w = X.astype(np.float32), Y[:, None].astype(np.float32), np.ones(12, np.float32)
    before = [array.tobytes() for array in (x, y, w)]
    model = classifier()
    validation = (x.copy(), y.copy(), w.copy())
    model.fit(x, y, batch_size=12, epochs=3, sample_weight=w, validation_data=validation, class_weight={0: 2, 1: 1})
    model.fit(x, y, batch_size=5, epochs=3, sample_weight=w, validation_split=0.25)
    model.evaluate(x, y, sample_weight=w)
    model.predict(x)
    model.backpropagate(x, y)
    assert [array.tobytes() for array in (x, y, w)] == before
    assert [array.tobytes() for array in validation] == before


def test_what_predict_returns_is_the_callers():
    model = fitted()
    first = model.predict(X)
    kept = first.copy()
    model.predict(X + 1)
    model.fit(X, Y)
    assert np.array_equal(first, kept)
    first[:] = 0
    assert model.predict(X).any()


def frames():
    whole, positive = np.arange(12), X[:, 0] > 0
    mixed = pd.DataFrame({"flag": positive, "count": whole, "value": X[:, 1]})
    nullable = pd.DataFrame({"flag": positive, "count": whole, "value": X[:, 1]})
    nullable = nullable.astype({"flag": "boolean", "count": "Int64", "value": "Float64"})
    plain = np.column_stack([positive, whole, X[:, 1]]).astype(float)
    return {
        "floats": (X, pd.DataFrame(X)),
        "shuffled index": (X, pd.DataFrame(X, index=np.arange(12)[::-1])),
        "mixed": (plain, mixed),
        "nullable": (plain, nullable),
        "float32": (X.astype(np.float32), pd.DataFrame(X.astype(np.float32))),
    }


@pytest.mark.parametrize("kind", ["floats", "shuffled index", "mixed", "nullable", "float32"])
def test_frames_train_as_their_numbers_do(kind):
    plain, frame = frames()[kind]
    before = frame.copy()
    same_training(plain, frame)
    assert before.equals(frame)


@pytest.mark.parametrize("dtype", ["int64", "bool", "float32", "Int64", "boolean", "Float64"])
def test_series_are_labels(dtype):
    same_training(X, X, Y, pd.Series(Y, index=np.arange(12)[::-1]).astype(dtype))


def test_columns_that_are_not_numbers_are_named():
    frame = pd.DataFrame({"age": [1, 2], "name": ["a", "b"], "born": pd.to_datetime(["2026-01-01", "2026-01-02"])})
    frame["kind"] = frame["name"].astype("category")
    message = r"^fit: x has columns that are not numbers: name \(.*\), born \(datetime.*\), kind \(category\); encode"
    with pytest.raises(DataError, match=message):
        classifier().fit(frame, [0, 1])


def test_missing_entries_of_a_frame_are_named():
    frame = pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": [1.0, 2, 3]})
    with pytest.raises(DataError, match=r"fit: x\[1, 0\] is nan"):
        classifier().fit(frame, [0, 1, 1])


# ---- settings

BAD_SETTINGS = {
    "batch_size 0": ({"batch_size": 0}, "fit: batch_size must be an integer of at least 1, got 0"),
    "batch_size -1": ({"batch_size": -1}, "fit: batch_size must be an integer of at least 1, got -1"),
    "batch_size True": ({"batch_size": True}, "fit: batch_size must be an integer of at least 1, got True"),
    "batch_size 2.5": ({"batch_size": 2.5}, "fit: batch_size must be an integer of at least 1, got 2.5"),
    "batch_size '32'": ({"batch_size": "32"}, "fit: batch_size must be an integer of at least 1, got '32'"),
    "epochs -1": ({"epochs": -1}, "fit: epochs must be an integer of at least 0, got -1"),
    "epochs 1.0": ({"epochs": 1.0}, "fit: epochs must be an integer of at least 0, got 1.0"),
    "epochs None": ({"epochs": None}, "fit: epochs must be an integer of at least 0, got None"),
    "initial_epoch -1": ({"initial_epoch": -1}, "fit: initial_epoch must be an integer of at least 0, got -1"),
    "verbose 3": ({"verbose": 3}, "fit: verbose must be 0, 1, 2 or 'auto', got 3"),
    "verbose 'yes'": ({"verbose": "yes"}, "fit: verbose must be 0, 1, 2 or 'auto', got 'yes'"),
    "verbose None": ({"verbose": None}, "fit: verbose must be 0, 1, 2 or 'auto', got None"),
    "shuffle 'batch'": ({"shuffle": "batch"}, "fit: shuffle must be True or False, got 'batch'"),
    "shuffle 1": ({"shuffle": 1}, "fit: shuffle must be True or False, got 1"),
    "split 1": ({"validation_split": 1}, "fit: validation_split must be in [0, 1), got 1"),
    "split -0.1": ({"validation_split": -0.1}, "fit: validation_split must be in [0, 1), got -0.1"),
    "split NaN": ({"validation_split": np.nan}, "fit: validation_split must be in [0, 1), got nan"),
    "split too large": ({"validation_split": 0.99}, "fit: validation_split=0.99 of 12 examples leaves one side empty"),
    "validation x": ({"validation_data": X}, "fit: validation_data must be (x, y) or (x, y, sample_weight)"),
    "validation 1": ({"validation_data": (X,)}, "fit: validation_data must be (x, y) or (x, y, sample_weight)"),
    "validation width": (
        {"validation_data": (X[:, :1], Y)},
        "fit (validation_data): x has 1 feature a row, this model was built for 2",
    ),
    "validation length": ({"validation_data": (X, Y[:3])}, "fit (validation_data): x has 12 examples, y has 3"),
    "validation labels": ({"validation_data": (X, Y + 5)}, "fit (validation_data): y holds 6, but labels for this lo"),
    "validation steps": (
        {"validation_data": (X, Y), "validation_steps": 2},
        "fit (validation_data): validation_steps is only for x that yields batches; with arrays use batch_size",
    ),
    "class_weight list": ({"class_weight": [1, 2]}, "fit: class_weight must be a dict such as {0: 1.0, 1: 5.0}, got ["),
    "class_weight 'balanced'": ({"class_weight": "balanced"}, "fit: class_weight must be a dict such as"),
    "class_weight -1": ({"class_weight": {0: -1}}, "fit: class_weight[0] must be in [0, inf), got -1"),
    "class_weight NaN": ({"class_weight": {0: np.nan}}, "fit: class_weight[0] must be in [0, inf), got nan"),
    "class_weight 'a'": ({"class_weight": {1: "a"}}, "fit: class_weight[1] must be in [0, inf), got 'a'"),
    "class_weight label": (
        {"class_weight": {"1": 2.0}},
        "fit: the keys of class_weight must be class numbers, got '1'",
    ),
    "class_weight None": (
        {"class_weight": {None: 2.0}},
        "fit: the keys of class_weight must be class numbers, got None",
    ),
    "class_weight inf": ({"class_weight": {np.inf: 2.0}}, "fit: the keys of class_weight must be class numbers"),
    "class_weight half": ({"class_weight": {0.5: 2.0}}, "fit: the keys of class_weight must be class numbers"),
    "weights short": (
        {"sample_weight": [1, 2]},
        "fit: sample_weight has shape (2,), wanted one weight for each row: (12,)",
    ),
    "weights wide": (
        {"sample_weight": X},
        "fit: sample_weight has shape (12, 2), wanted one weight for each row: (12,)",
    ),
    "weights < 0": ({"sample_weight": -np.ones(12)}, "fit: weights must be >= 0, got -1"),
    "weights NaN": ({"sample_weight": [np.nan] * 12}, "fit: sample_weight[0] is nan (12 such values in all)"),
    "weights strings": ({"sample_weight": ["1"] * 12}, "fit: sample_weight has dtype <U1; it must hold real numbers."),
    "callback class": ({"callbacks": [History]}, "callbacks must be Callback objects, got "),
    "callback function": ({"callbacks": [print]}, "callbacks must be Callback objects, got <built-in function print>"),
}


@pytest.mark.parametrize("kind", BAD_SETTINGS)
def test_settings_of_fit_are_checked_and_a_mistake_settles_nothing(kind):
    settings, message = BAD_SETTINGS[kind]
    model = classifier()
    with pytest.raises((SettingError, DataError, ShapeError)) as caught:
        model.fit(X, Y, **settings)
    assert message in str(caught.value)
    assert not model.built
    model.fit(X[:, :1], Y, batch_size=5)  # any shape is still free, and nothing was drawn
    fresh = classifier()
    fresh.fit(X[:, :1], Y, batch_size=5)
    assert np.array_equal(model.params.theta, fresh.params.theta)


def test_a_callback_class_is_told_to_be_called():
    with pytest.raises(SettingError, match=r"; write History\(\)$"):
        classifier().fit(X, Y, callbacks=[History])


@pytest.mark.parametrize("kind", [kind for kind in BAD_Y if kind != "a number"])
def test_a_fit_that_failed_over_y_settles_no_shape(kind):
    model = classifier()
    with pytest.raises((DataError, ShapeError)):
        model.fit(np.column_stack([X, X]), BAD_Y[kind][0])
    assert not model.built
    model.fit(X, Y)
    assert model.input_shape == (2,)


@pytest.mark.parametrize("batch_size", [0, -1, True, 2.5])
@pytest.mark.parametrize("who", ["evaluate", "predict"])
def test_the_batch_size_of_evaluate_and_predict_is_checked(who, batch_size):
    model = fitted()
    arguments = (X, Y) if who == "evaluate" else (X,)
    with pytest.raises(SettingError, match=f"^{who}: batch_size must be an integer of at least 1, got "):
        getattr(model, who)(*arguments, batch_size=batch_size)


@pytest.mark.parametrize("given", [X, X.tolist(), iter([X[:5], X[5:]]), [X[:5]], (x for x in (X, X))])
def test_predict_builds_the_model_for_its_rows(given):
    model, other = classifier(), classifier()
    other.build(X.shape[1:])
    if isinstance(given, list):
        given = np.array(given).reshape(-1, X.shape[1])
    assert np.array_equal(model.predict(given)[:5], other.predict(X[:5]))
    assert model.get_weights()[0].tolist() == other.get_weights()[0].tolist()


def test_evaluate_builds_the_model_for_its_rows():
    model, other = classifier(), classifier()
    other.build(X.shape[1:])
    assert model.evaluate(X, Y) == other.evaluate(X, Y)


def test_rows_that_cannot_be_used_build_nothing():
    model = classifier()
    for use in (lambda: model.predict([["a"]]), lambda: model.predict(iter(())), lambda: model.evaluate(X, Y[:2])):
        with pytest.raises(DataError):
            use()
        assert not model.built


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamant"}, "compile: optimizer: unknown optimizer 'adamant'; choose from sgd"),
        ({"loss": "crossentropy"}, "compile: loss: unknown loss 'crossentropy'; choose from binary_crossentropy"),
        ({"metrics": ["precise"]}, "compile: metrics: unknown metric 'precise'; choose from accuracy"),
        ({"metrics": [3]}, "compile: metrics must be a Metric object or a string, got 3"),
        ({"loss": 3}, "compile: loss must be a Loss object or a string, got 3"),
    ],
)
def test_unknown_names_in_compile_are_answered_with_the_known_ones(settings, message):
    model = classifier()
    with pytest.raises(SettingError) as caught:
        model.compile(**settings)
    assert str(caught.value).startswith(message)
    assert model.loss is None and not model.metrics


def test_an_unknown_initializer_is_answered_with_the_known_ones():
    with pytest.raises(
        SettingError, match=r"^Dense: kernel_initializer: unknown initializer 'he'; choose from zeros, "
    ):
        Dense(2, kernel_initializer="he")


# ---- batches


def examples(m, weighted=False):
    x = np.arange(m, dtype=float)[:, None]
    return Examples(x, 10 * x, x[:, 0] / 7 if weighted else None)


@given(st.integers(1, 60), st.integers(1, 70), st.booleans(), st.booleans())
def test_batches_cover_every_row_once(m, size, shuffled, weighted):
    data = examples(m, weighted)
    batches = list(data.batches(size, data.epoch_order(size, np.random.default_rng(m)) if shuffled else None))
    seen = np.concatenate([batch.x[:, 0] for batch in batches])
    assert sorted(seen) == list(range(m))
    assert shuffled or list(seen) == list(range(m))
    assert all(np.array_equal(batch.y, 10 * batch.x) for batch in batches)
    assert all(not weighted or np.array_equal(batch.weight, batch.x[:, 0] / 7) for batch in batches)
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert 1 <= len(batches[-1]) <= size
    assert len(batches) == data.steps(size)


def test_a_batch_of_everything_draws_nothing_and_copies_nothing():
    rng, data = np.random.default_rng(0), examples(5)
    state = rng.bit_generator.state
    assert [id(batch) for batch in data.batches(5, data.epoch_order(5, rng))] == [id(data)]
    assert rng.bit_generator.state == state


def test_shuffling_moves_rows_and_each_epoch_anew():
    rng, data = np.random.default_rng(0), examples(50)
    first, second = (
        [*np.concatenate([b.x[:, 0] for b in data.batches(10, data.epoch_order(10, rng))])] for _ in range(2)
    )
    assert first != second != list(range(50))


@pytest.mark.parametrize("m", range(2, 40))
def test_a_validation_split_takes_the_last_rows_as_keras_does(m):
    for fraction in (0.1, 0.2, 0.25, 0.5, 0.9):
        at = int(np.floor(m * (1 - fraction)))  # Keras 3.15.1, array_utils.train_validation_split
        if not 0 < at < m:
            with pytest.raises(SettingError, match="leaves one side empty"):
                split("fit", examples(m), fraction)
            continue
        train, validation = split("fit", examples(m, weighted=True), fraction)
        assert list(train.x[:, 0]) == list(range(at))
        assert list(validation.x[:, 0]) == list(range(at, m))
        assert len(validation.weight) == len(validation)


@pytest.mark.parametrize("settings", [{"y": Y}, {"sample_weight": np.ones(12)}])
def test_a_source_has_its_targets_and_weights(settings):
    model = classifier()
    with pytest.raises(DataError, match="fit: x yields batches, so y and sample_weight come with them"):
        model.fit(model.examples("here", X, Y), **settings)


@pytest.mark.parametrize("settings", [{"class_weight": {0: 2.0}}, {"steps_per_epoch": 1}])
def test_a_source_is_taken_as_it_is(settings):
    model = classifier()
    with pytest.raises(SettingError, match="fit: Examples has its own weights and batches"):
        model.fit(model.examples("here", X, Y), **settings)


def test_a_source_trains_as_its_arrays_do():
    examples = classifier().examples("here", X, Y)
    history = classifier().fit(examples, epochs=2, validation_data=examples).history
    assert history == fitted(validation_data=(X, Y)).history.history


def test_rows_that_lie_elsewhere_have_no_number_of_steps():
    model = classifier()
    model.build((2,))
    with pytest.raises(SettingError, match="predict: steps is only for x that yields batches; with DiskData use"):
        model.predict(DiskData(), steps=2)
    with pytest.raises(SettingError, match="predict: steps is only for x that yields batches; with arrays use"):
        model.predict(X, steps=2)


def test_no_batches_at_all_are_refused():
    class Nothing:
        def __len__(self):
            return 0

        def __getitem__(self, number):
            raise IndexError

    with pytest.raises(DataError, match="fit: there are no batches in Nothing"):
        classifier().fit(Nothing())


def test_predict_shows_how_far_it_is_where_nobody_knows_the_end(capsys):
    model = classifier()
    model.build((2,))
    assert np.array_equal(model.predict((X[i : i + 4] for i in (0, 4, 8)), verbose=1), model.predict(X))
    assert capsys.readouterr().out.startswith("3/3 - ")


def test_the_batches_of_the_validation_change_no_figure():
    whole = fitted(validation_data=(X, Y)).history.history
    parts = fitted(validation_data=(X, Y), validation_batch_size=5).history.history
    assert whole["val_loss"] == pytest.approx(parts["val_loss"], rel=1e-6)


def test_a_source_of_ones_own_says_what_it_must_write():
    class Mine(Source):
        pass

    class Elsewhere(DiskData):
        pass

    uses = [
        lambda: Mine().epoch_order(1, None),
        lambda: Mine().batches(1),
        lambda: Mine().steps(1),
        lambda: Mine().row_shape,
        lambda: Mine().batch_rows(1),
        lambda: Elsewhere().first("fit"),
        lambda: Elsewhere().source("fit", None, None),
        lambda: Elsewhere().inputs("predict", (2,), None, None),
    ]
    for use in uses:
        with pytest.raises(NotImplementedError, match=r"(Mine|Elsewhere) must write \w+"):
            use()


def test_validation_data_with_weights():
    class Seen(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.logs = logs

    seen, model = Seen(), classifier("float64")
    weights = np.arange(12.0)
    model.fit(X, Y, validation_data=(X, Y, weights), callbacks=[seen])
    assert seen.logs["val_loss"] == model.evaluate(X, Y, sample_weight=weights)
    assert seen.logs["val_loss"] != model.evaluate(X, Y)


def test_sequences_of_another_length():
    model = Sequential([GlobalAveragePooling1D()])
    model.build((5, 3))
    with pytest.raises(ShapeError, match=r"built for shape \(5, 3\). For sequences of any .* Input\(\(None, 3\)\)$"):
        model.predict(np.ones((2, 4, 3)))
