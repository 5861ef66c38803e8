"""Windows of time series are those of Keras, are gathered batch by batch, and train as arrays do."""

import json
import tracemalloc
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import DataError, Input, Sequential, SettingError, ShapeError, keras, timeseries_windows
from minidl.callbacks import BackupAndRestore, Callback
from minidl.data import DataSpec
from minidl.layers import Conv1D, Dense, Dropout, Embedding, Flatten, GlobalAveragePooling1D, Softmax
from minidl.validation import REAL_LINE
from tests.oracles.make_keras_windows import PATH, arrays, drawn

RNG = np.random.default_rng(0)
SERIES = np.cumsum(RNG.normal(size=(60, 2)), axis=0) / 8
IDS = RNG.integers(0, 4, 60)


def network(*end):
    return Sequential([Dropout(0.2), Flatten(), Dense(3), *(end or [Dense(2)])], seed=0)


def one_step_each(outputs=2):
    return Sequential([Dropout(0.2), Conv1D(outputs, 3, padding="causal")], seed=0)


# ---- which steps are in which window


def test_windows_and_targets_are_those_of_keras():
    stored = json.loads(PATH.read_text(encoding="utf-8"))
    for number, batches in stored:
        steps, targets, settings = drawn(number)
        size = settings.pop("batch_size")
        data, goals = arrays(steps, targets)
        make = keras.utils.timeseries_dataset_from_array
        if not batches:
            with pytest.raises(DataError, match="a window and its target take"):
                make(data, goals, **settings)
            continue
        dataset = make(data, goals, **settings, batch_size=size)
        assert len(dataset) == len(batches)
        for ours, theirs in zip(dataset, batches, strict=True):
            for part, wanted in zip(ours if targets else (ours,), theirs, strict=True):
                assert part.dtype == data.dtype
                assert part.tolist() == wanted, number
        length = settings.pop("sequence_length")
        loaded = timeseries_windows(data, length, goals, **settings).load()
        parts = loaded if targets else (loaded,)
        assert [part.tolist() for part in parts] == [list(chain(*several)) for several in zip(*batches, strict=True)]
    assert len(stored) > 100


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=3),
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3)),
    st.sampled_from((None, "next", "shifted", "array")),
)
def test_no_window_goes_from_one_series_into_the_next(lengths, settings, targets):
    length, stride, rate = settings
    series = [100 * k + np.arange(steps) for k, steps in enumerate(lengths)]
    goals = [1000 + part for part in series] if targets == "array" else targets
    x, y = list[object](), list[object]()
    for part in series:
        for first in range(0, len(part), stride):
            window = [first + t * rate for t in range(length)]
            ahead = window[-1] + rate
            if (ahead if targets in ("next", "shifted") else window[-1]) >= len(part):
                break
            x.append(part[window].tolist())
            if targets == "next":
                y.append(int(part[ahead]))
            elif targets == "shifted":
                y.append(part[[step + rate for step in window]].tolist())
            elif targets == "array":
                y.append(1000 + int(part[first]))
    if not x:
        with pytest.raises(DataError, match="a window and its target take"):
            timeseries_windows(series, length, goals, sequence_stride=stride, sampling_rate=rate)
        return
    windows = timeseries_windows(series, length, goals, sequence_stride=stride, sampling_rate=rate)
    assert len(windows) == len(x)
    loaded = windows.load()
    assert (loaded if targets is None else loaded[0]).tolist() == x
    if targets is not None:
        assert loaded[1].tolist() == y


def test_the_example_of_the_keras_reference():
    windows = timeseries_windows(np.arange(99), 10, sampling_rate=2, sequence_stride=3)
    x = windows.load()
    assert x[0].tolist() == list(range(0, 20, 2))
    assert x[1].tolist() == list(range(3, 23, 2))
    assert x[-1].tolist() == list(range(78, 98, 2))


def test_a_slice_has_some_of_the_windows():
    windows = timeseries_windows(SERIES, 5, "next")
    x, y = windows.load()
    for part in (slice(3, 9), slice(None, None, 7), np.array([4, 1]), np.arange(len(windows)) % 2 == 0):
        assert all(np.array_equal(a, b) for a, b in zip(windows[part].load(), (x[part], y[part]), strict=True))
    assert np.array_equal(windows[2].load()[0], x[2:3])
    x, y = timeseries_windows(SERIES, 5, "shifted")[4:7].load()
    assert np.array_equal(x, [SERIES[k : k + 5] for k in (4, 5, 6)])
    assert np.array_equal(y, [SERIES[k + 1 : k + 6] for k in (4, 5, 6)])


def test_training_and_validation_have_no_step_in_common():
    train = timeseries_windows(np.arange(100), 8, "next", end_index=70)
    held_out = timeseries_windows(np.arange(100), 8, "next", start_index=70)
    assert max(part.max() for part in train.load()) == 69
    assert min(part.min() for part in held_out.load()) == 70
    assert held_out.load()[1].max() == 99


# ---- training


def figures(model, x, y, **options):
    """Train, evaluate and predict. Return all numbers that come out."""
    data = (x,) if y is None else (x, y)
    history = model.fit(*data, epochs=2, validation_data=x if y is None else (x, y), **options).history
    return [model.params.theta.copy(), *history.values(), model.evaluate(*data), model.predict(x)]


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("options", [{"batch_size": 7}, {"batch_size": 100}, {"batch_size": 1}, {"shuffle": False}])
@pytest.mark.parametrize("targets", ["next", "shifted", "array"])
def test_windows_train_to_the_same_bits_as_arrays(targets, options):
    windows = timeseries_windows(SERIES, 6, SERIES[:, :1] if targets == "array" else targets, sampling_rate=2)
    make = {"next": network, "shifted": one_step_each, "array": lambda: network(Dense(1))}[targets]
    assert same(figures(make(), windows, None, **options), figures(make(), *windows.load(), **options))


@pytest.mark.parametrize("targets", ["next", "shifted"])
def test_class_numbers_and_their_weights_train_to_the_same_bits(targets):
    windows = timeseries_windows(SERIES, 6, IDS)
    x, y = windows.load()
    model, other = network(Dense(4), Softmax()), network(Dense(4), Softmax())
    if targets == "shifted":  # ids, one of which is predicted at every step
        windows = timeseries_windows(np.eye(4)[IDS], 6, "shifted")
        x, y = windows.load()
        model, other = (Sequential([*one_step_each(4).layers, Softmax()], seed=0) for _ in range(2))
    options = {"batch_size": 8, "class_weight": {1: 2.0}}
    assert same(figures(model, windows, None, **options), figures(other, x, y, **options))


def test_ids_are_targets_at_every_step():
    ids = timeseries_windows(IDS[:, None], 6, "shifted")
    x, y = ids.load()
    models = [Sequential([Conv1D(4, 2, padding="causal"), Softmax()], seed=0) for _ in range(2)]
    for model in models:
        model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"batch_size": 8, "class_weight": {1: 2.0}}
    assert same(figures(models[0], ids, None, **options), figures(models[1], x, y, **options))


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float32])
@pytest.mark.parametrize("targets", ["next", "shifted"])
def test_windows_of_ids_train_an_embedding_to_the_same_bits(targets, kind):
    def make():
        end = [Conv1D(4, 2, padding="causal")] if targets == "shifted" else [Flatten(), Dense(4)]
        model = Sequential([Embedding(4, 3), *end, Softmax()], seed=0)
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    ids = timeseries_windows(IDS.astype(kind), 6, targets)
    steps = (6,) if targets == "shifted" else ()
    spec = DataSpec(np.dtype("float32"), (6,), (*steps, 4), REAL_LINE, (*steps, 1), sparse=True, vocabulary=4)
    batch = next(ids.source("fit", spec, None).batches(8))
    assert batch.x.dtype == (np.intp if kind is np.float32 else kind)
    options = {"batch_size": 8}
    assert same(figures(make(), ids, None, **options), figures(make(), *ids.load(), **options))


def test_ids_out_of_range_are_refused_before_the_first_step():
    model = Sequential([Embedding(4, 3), Flatten(), Dense(4), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    ids = timeseries_windows(np.append(IDS, 4), 6, IDS)
    for use in (model.fit, model.evaluate, model.predict):
        with pytest.raises(DataError, match=r"data\[60\] is 4; ids must be integers in 0, ..., 3"):
            use(ids)


def test_a_model_that_takes_another_shape_gets_it():
    flat = timeseries_windows(SERIES[:, 0], 6, "next")
    model = one_step_each(1)
    model.build((6, 1))
    with pytest.raises(ShapeError, match=r"the model returns rows of shape \(6, 1\)"):
        model.fit(flat)
    model = Sequential([Conv1D(2, 3), Flatten(), Dense(1)], seed=0)
    model.build((6, 1))
    model.fit(flat)
    assert np.array_equal(model.predict(flat), model.predict(flat.load()[0][..., None]))


@pytest.mark.parametrize("targets", ["next", "shifted"])
def test_a_model_for_any_length_takes_windows_of_any_length(targets):
    end = [GlobalAveragePooling1D()] if targets == "next" else []
    model = Sequential([Input((None, 2)), Conv1D(2, 3, padding="causal"), *end], seed=0)
    short, long = (timeseries_windows(SERIES, steps, targets) for steps in (6, 9))
    model.fit(short, validation_data=long)
    other = Sequential([Input((None, 2)), Conv1D(2, 3, padding="causal"), *end], seed=0)
    other.fit(*short.load(), validation_data=long.load())
    assert np.array_equal(model.params.theta, other.params.theta)
    assert np.array_equal(model.predict(long), other.predict(long.load()[0]))
    with pytest.raises(ShapeError, match=r"rows of shape \(6,\), this model was built for \(None, 2\)"):
        model.predict(timeseries_windows(SERIES[:, 0], 6))


def test_keras_datasets_train():
    batches = keras.utils.timeseries_dataset_from_array(SERIES, SERIES[6:], 6, batch_size=16)
    windows = timeseries_windows(SERIES, 6, "next")
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(batches, epochs=2, validation_data=batches, verbose=0)
    wanted = model.evaluate(*windows.load(), verbose=0)
    assert model.evaluate(batches, verbose=0) == pytest.approx(wanted)
    single = keras.utils.timeseries_dataset_from_array(SERIES, None, 6, batch_size=None, shuffle=True, seed=3)
    assert len(single) == 55
    first, again = ([window.tolist() for window in single] for _ in range(2))
    assert first != again
    assert sorted(first) == sorted(again) == sorted(timeseries_windows(SERIES, 6).load().tolist())


class Stop(Callback):
    """End the training in the middle of its second epoch."""

    def on_train_batch_end(self, batch, logs=None):
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == 9:
            raise KeyboardInterrupt


@pytest.mark.parametrize("targets", ["next", "shifted"])
def test_a_resumed_training_ends_with_the_same_bits(tmp_path, targets):
    windows = timeseries_windows(SERIES, 6, targets)
    make = network if targets == "next" else one_step_each
    whole, resumed = make(), make()
    whole.fit(windows, batch_size=8, epochs=3)
    backup = BackupAndRestore(tmp_path / "backup", save_freq=2)
    with pytest.raises(KeyboardInterrupt):
        resumed.fit(windows, batch_size=8, epochs=3, callbacks=[backup, Stop()])
    resumed = make()
    resumed.fit(windows, batch_size=8, epochs=3, callbacks=[backup])
    assert np.array_equal(whole.params.theta, resumed.params.theta)
    assert whole.history.history["loss"][-1] == resumed.history.history["loss"][-1]


def test_memory_holds_the_series_alone():
    series = RNG.normal(size=(1_000_000, 1)).astype(np.float32)  # 4 MB; all windows of 100 have 400 MB
    model = Sequential([Flatten(), Dense(1)], seed=0)
    model.fit(series[:64, 0].reshape(-1, 4, 1), np.zeros(16))  # imports, and what layers keep
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        windows = timeseries_windows(series, 100, "next")
        assert len(windows) == 999_900
        # the first step of each window, as int64
        assert tracemalloc.get_traced_memory()[0] - before < 9e6
        model = Sequential([Flatten(), Dense(1)], seed=0)
        later = timeseries_windows(series, 100, "shifted", sampling_rate=3)[:5000]
        uses = {
            "fit": lambda: model.fit(windows, batch_size=4096),
            "evaluate": lambda: model.evaluate(windows),
            "predict": lambda: model.predict(windows),
            "fit at every step": lambda: one_step_each(1).fit(later, batch_size=1024),
        }
        for name, use in uses.items():
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            use()
            # the order of the epoch has 8 MB, the outputs 4, a batch of 4,096 windows 1.6
            assert tracemalloc.get_traced_memory()[1] - before < 16e6, name
    finally:
        tracemalloc.stop()


# ---- errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: timeseries_windows(5, 3), DataError, r"data has shape \(\); wanted a series \(steps, ...\)"),
        (lambda: timeseries_windows(["a", "b"], 1), DataError, "data has dtype <U1; it must hold real numbers"),
        (lambda: timeseries_windows([], 1), DataError, r"data has shape \(0,\); wanted a series"),
        (
            lambda: timeseries_windows([np.ones(3), np.ones((3, 2))], 1),
            ShapeError,
            r"different shapes, \(\) and \(2,\)",
        ),
        (lambda: timeseries_windows(SERIES, 61), DataError, "a window and its target take 61 steps, data has 60"),
        (lambda: timeseries_windows(SERIES, 60, "next"), DataError, "take 61 steps, data has 60"),
        (
            lambda: timeseries_windows(SERIES, 10, sampling_rate=7, end_index=50),
            DataError,
            "take 64 steps, data has 60, of which 0 to 49 are used",
        ),
        (lambda: timeseries_windows([np.ones(3), np.ones(4)], 5), DataError, "take 5 steps, data has 3, 4"),
        (
            lambda: timeseries_windows(SERIES, 0),
            SettingError,
            "sequence_length must be an integer of at least 1, got 0",
        ),
        (lambda: timeseries_windows(SERIES, 3, sequence_stride=0), SettingError, "sequence_stride must be an integer"),
        (lambda: timeseries_windows(SERIES, 3, sampling_rate=1.5), SettingError, "sampling_rate must be an integer"),
        (lambda: timeseries_windows(SERIES, 3, start_index=-1), SettingError, "start_index must be an integer of at"),
        (
            lambda: timeseries_windows(SERIES, 3, start_index=60),
            SettingError,
            "start_index 60 and end_index 60 must be",
        ),
        (
            lambda: timeseries_windows(SERIES, 3, end_index=61),
            SettingError,
            "start_index 0 and end_index 61 must be in",
        ),
        (
            lambda: timeseries_windows(SERIES, 3, start_index=9, end_index=9),
            SettingError,
            "start_index 9 and end_index 9",
        ),
        (lambda: timeseries_windows(SERIES, 3, "last"), SettingError, "'next', 'shifted' or None, got 'last'"),
        (lambda: timeseries_windows([SERIES, SERIES], 3, [SERIES]), DataError, "data has 2 series, targets 1; wanted"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(call, error, message):
    with pytest.raises(error, match=f"timeseries_windows: .*{message}"):
        call()


def test_data_that_do_not_fit_a_model_are_refused():
    with pytest.raises(DataError, match="fit: these windows have no targets; call timeseries_windows with targets"):
        network().fit(timeseries_windows(SERIES, 6))
    broken = SERIES.copy()
    broken[40, 1] = np.nan
    with pytest.raises(DataError, match=r"fit: data\[40, 1\] is nan; every value must be finite"):
        network().fit(timeseries_windows(broken, 6, IDS[:, None].repeat(2, 1)))
    with pytest.raises(DataError, match=r"predict: data\[40, 1\] is nan"):
        network().predict(timeseries_windows(broken, 6))
    model = network()
    model.build((7, 2))
    with pytest.raises(ShapeError, match=r"timeseries_windows has rows of shape \(6, 2\), this model was built for"):
        model.fit(timeseries_windows(SERIES, 6, "next"))
    with pytest.raises(SettingError, match="batch_size"):
        network().fit(timeseries_windows(SERIES, 6, "next"), steps_per_epoch=2)
    with pytest.raises(ShapeError, match="the model has 2 outputs"):
        network().fit(timeseries_windows(SERIES, 6, "shifted"))
    model = Sequential([Conv1D(3, 2, padding="causal"), Softmax()], seed=0)
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(DataError, match="the model has 3 classes, numbered 0 to 2"):  # found before the first step
        model.fit(timeseries_windows(np.append(IDS % 3, 3)[:, None], 6, "shifted"))
    assert not model.built
