"""Data in HDF5 files: the same training as from memory, without the memory."""

import multiprocessing
import pickle

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import DataError, HDF5Data, Sequential, SettingError, ShapeError, load_model
from minidl.callbacks import Callback, ModelCheckpoint
from minidl.data import DataSpec
from minidl.data import _hdf5 as hdf5
from minidl.layers import Dense, Embedding, Flatten, ReLU, Sigmoid
from minidl.losses import MeanSquaredError
from minidl.validation import Interval

rng = np.random.default_rng(0)
PHOTOS = rng.integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
LABELS = (PHOTOS[:, 0, 0, 0] > 127).astype(np.int64)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "photos.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = PHOTOS, LABELS
        file["weight"] = np.linspace(0, 1, 50)
        file.create_dataset("packed", data=PHOTOS, chunks=(7, 4, 2, 3), compression="gzip")
        file["column"], file["floats"] = LABELS[:, None], PHOTOS.reshape(50, 48) / 255
        file["words"], file["line"], file["none"] = np.array([b"a"] * 50), np.arange(50.0), np.zeros((0, 3))
        file["group/short"], file["null"] = LABELS[:40], h5py.Empty("f4")
        file.create_dataset("single", data=PHOTOS.reshape(50, 48) / np.float32(255), dtype="f4", chunks=(7, 48))
        file["bad"] = np.where(np.arange(100).reshape(50, 2) == 77, np.nan, 1.0)
    return path


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(hdf5, "BLOCK_BYTES", 150)  # three photographs


def spec(width):
    """The expectations of a model that takes any targets for rows of this width."""
    return DataSpec(np.dtype(float), (width,), (1,), Interval("(-inf, inf)"), (1,), sparse=False)


def network(seed=0, **options):
    model = Sequential([Dense(5), ReLU(), Dense(1), Sigmoid()], seed=seed, **options)
    model.compile("adam", metrics=["accuracy"])
    return model


def rows_seen(data, size, order=None, start=0):
    source = data.source("fit", spec(48), None)
    return [np.rint(255 * x[:, 0]).astype(int) for x in (batch.x for batch in source.batches(size, order, start))]


# ---- the same as from memory


@pytest.mark.parametrize("x", ["x", "packed"])
@pytest.mark.parametrize("buffer", [1, 500, 10**6])
def test_in_the_file_s_order_training_is_the_same_to_the_bit(path, small_blocks, x, buffer):
    flat = np.multiply(PHOTOS.reshape(50, 48), 1 / 255, dtype="float32")
    expected, model = network(), network()
    options = {"batch_size": 8, "epochs": 3, "shuffle": False}
    history = expected.fit(flat, LABELS, **options, validation_data=(flat, LABELS)).history
    data = HDF5Data(path, x, "y", buffer=buffer)
    assert model.fit(data, **options, validation_data=data).history == history
    assert np.array_equal(model.params.theta, expected.params.theta)
    assert model.evaluate(data) == expected.evaluate(flat, LABELS)
    assert np.array_equal(model.predict(HDF5Data(path, x)), expected.predict(flat))


def test_a_whole_batch_and_weights_and_a_column_of_labels(path):
    flat = PHOTOS.reshape(50, 48) / 255
    expected, model = network(dtype="float64"), network(dtype="float64")
    expected.fit(flat, LABELS, batch_size=50, epochs=2, sample_weight=np.linspace(0, 1, 50), class_weight={1: 2.0})
    data = HDF5Data(path, "floats", "column", sample_weight="weight")
    model.fit(data, batch_size=100, epochs=2, class_weight={1: 2.0})
    assert np.array_equal(model.params.theta, expected.params.theta)


def test_rows_come_in_the_shape_the_model_takes(path):
    flat, square = network(), Sequential([Flatten(), Dense(1), Sigmoid()])
    for model, shape in ((flat, (48,)), (square, (4, 4, 3))):
        model.fit(HDF5Data(path, "x", "y"))
        assert model.input_shape == shape
        assert model.predict(HDF5Data(path, "x")).shape == (50, 1)
    square.fit(HDF5Data(path, "floats", "y"))  # flat in the file


@pytest.mark.parametrize(
    ("name", "scale", "largest"), [("x", None, 1), ("x", 2.0, 510), ("floats", None, 1), ("floats", 3, 3)]
)
def test_photographs_are_scaled_and_other_numbers_are_not(path, name, scale, largest):
    source = HDF5Data(path, name, "y", scale=scale).source("fit", spec(48), None)
    values = np.concatenate([batch.x for batch in source.batches(9)])
    assert values.max() == pytest.approx(largest, rel=0.01)


def test_rows_in_the_model_s_own_dtype_are_scaled_too(path, monkeypatch):
    monkeypatch.setattr(hdf5, "BLOCK_BYTES", 1)  # so that batches are put together from several buffers
    with h5py.File(path) as file:
        rows = 2 * file["single"][()]
    expected, model = network(), network()
    expected.fit(rows, LABELS, batch_size=8, shuffle=False)
    model.fit(HDF5Data(path, "single", "y", scale=2, buffer=1), batch_size=8, shuffle=False)
    assert np.array_equal(model.params.theta, expected.params.theta)
    assert np.array_equal(model.predict(HDF5Data(path, "single", scale=2, buffer=1)), expected.predict(rows))


def test_predictions_go_into_a_dataset(path, tmp_path):
    model = network()
    model.fit(HDF5Data(path, "x", "y"))
    with h5py.File(tmp_path / "out.h5", "w") as file:
        out = file.create_dataset("p", (50, 1), "float32")
        assert model.predict(HDF5Data(path, "x"), batch_size=7, out=out) is out
        assert np.array_equal(out[()], model.predict(HDF5Data(path, "x"), batch_size=7))


# ---- order


@settings(max_examples=60)
@given(
    rows=st.integers(1, 60),
    width=st.integers(1, 5),
    chunk=st.integers(0, 9),
    size=st.integers(1, 70),
    buffer=st.integers(1, 400),
    block=st.integers(1, 100),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    start=st.integers(0, 9),
)
def test_every_row_comes_once_and_from_any_batch_on(
    tmp_path_factory, rows, width, chunk, size, buffer, block, seed, start
):
    path = tmp_path_factory.mktemp("rows") / "rows.h5"
    with h5py.File(path, "w") as file:
        x = np.repeat(np.arange(rows, dtype=float)[:, None], width, axis=1)
        file.create_dataset("x", data=x, chunks=(min(chunk, rows), width) if chunk else None)
        file["y"] = np.arange(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5, "BLOCK_BYTES", block)
        data = HDF5Data(path, "x", "y", buffer=buffer)
        source = data.source("fit", spec(width), None)
        order = None if seed is None else np.array([seed])
        batches = list(source.batches(size, order))
        later = list(source.batches(size, order, start))
    assert [len(batch) for batch in batches] == [size] * (rows // size) + [rows % size] * (rows % size > 0)
    assert len(batches) == source.steps(size)
    seen = np.concatenate([batch.y for batch in batches])[:, 0]
    assert np.array_equal(np.sort(seen), np.arange(rows))
    assert seed is not None or np.array_equal(seen, np.arange(rows))
    assert all(np.array_equal(batch.x, np.repeat(batch.y, width, axis=1)) for batch in batches)
    assert len(later) == max(len(batches) - start, 0)
    assert all(np.array_equal(a.y, b.y) for a, b in zip(batches[start:], later, strict=True))


def test_blocks_and_rows_are_shuffled_anew_in_each_epoch(path, small_blocks):
    data = HDF5Data(path, "x", "y", buffer=600)  # four blocks of three photographs
    drawn = np.random.default_rng(5)
    source = data.source("fit", spec(48), None)
    epochs = [np.concatenate(rows_seen(data, 10, source.epoch_order(10, drawn))) for _ in range(6)]
    assert len({tuple(epoch) for epoch in epochs}) == 6
    assert all(np.array_equal(np.sort(epoch), np.sort(PHOTOS[:, 0, 0, 0])) for epoch in epochs)


def test_far_rows_meet(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "BLOCK_BYTES", 64)
    with h5py.File(tmp_path / "sorted.h5", "w") as file:  # by class: in order, all batches but one are of one class
        file["x"], file["y"] = np.zeros((4096, 1), np.uint8), np.repeat([0, 1], 2048)
    data = HDF5Data(tmp_path / "sorted.h5", "x", "y", buffer=1024)  # 16 of the 64 blocks
    source = data.source("fit", spec(1), None)
    shares = np.array([batch.y.mean() for seed in range(20) for batch in source.batches(64, np.array([seed]))])
    # the share of class 1 among 16 blocks drawn from 64, then among 64 rows: a standard deviation of 0.12
    assert np.mean((shares > 0.2) & (shares < 0.8)) > 0.95


def test_a_training_from_a_file_goes_on_to_the_same_bits(path, small_blocks, tmp_path):
    data = HDF5Data(path, "packed", "y", buffer=600)
    expected = network()
    history = expected.fit(
        data, batch_size=8, epochs=3, callbacks=ModelCheckpoint(tmp_path / "{epoch}.h5", save_freq=3)
    ).history
    for epoch in (1, 2, 3):
        model = load_model(tmp_path / f"{epoch}.h5")
        assert model.position.batch
        again = ModelCheckpoint(tmp_path / "again.h5", save_freq=3)
        assert model.fit(data, batch_size=8, epochs=3, callbacks=again, initial_epoch=model.position).history == history
        assert np.array_equal(model.params.theta, expected.params.theta)


# ---- processes, and ends before the end


def in_another_process(data):
    return float(np.concatenate([x for (x,) in hdf5._rows(data, ["x"], 7, 1, 0)]).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forking while there are threads
def test_other_processes_open_the_file_themselves(path, method):
    data = HDF5Data(path, "x", "y")
    assert pickle.loads(pickle.dumps(data)) == data
    batches = data.source("fit", spec(48), None).batches(5)
    next(batches)  # a file is open here
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(in_another_process, [data] * 4) == [float(PHOTOS.sum())] * 4
    batches.close()


def test_a_training_that_is_stopped_leaves_no_file_open(path, small_blocks):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    network().fit(HDF5Data(path, "x", "y", buffer=1), batch_size=4, callbacks=Stop())
    with h5py.File(path, "a") as file:  # refused while it is open for reading
        file["more"] = [1]


def test_steps_are_known(path):
    class Steps(Callback):
        def on_train_begin(self, logs=None):
            assert self.params["steps"] == 7

        on_predict_begin = on_train_begin

    model = network()
    model.fit(HDF5Data(path, "x", "y"), batch_size=8, callbacks=Steps())
    model.predict(HDF5Data(path, "x"), batch_size=8, callbacks=Steps())


# ---- what is refused


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("nothing",),
            r"there is no dataset 'nothing' in .*photos.h5; at its top there are: bad, column, floats, line, ",
        ),
        (("group",), "there is no dataset 'group'"),
        (("words",), r"words has dtype \|S1; x must hold real numbers"),
        (("line",), r"line has shape \(50,\), wanted \(examples, features \.\.\.\)"),
        (("none",), r"none has shape \(0, 3\)"),
        (("x", "group/short"), r"x has 50 rows, but group/short has shape \(40,\)"),
        (("x", "words"), r"words has dtype \|S1; y must hold real numbers"),
        (("x", "null"), "x has 50 rows, but null has shape None"),
        (("null",), "null has shape None, wanted"),
        (("x", ["y"]), r"there is no dataset \['y'\] in"),
    ],
)
def test_datasets_that_cannot_be_used_are_refused_at_once(path, names, message):
    with pytest.raises(DataError, match=f"^HDF5Data: {message}"):
        HDF5Data(path, *names)


def test_files_that_cannot_be_used_are_refused_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        HDF5Data(tmp_path / "none.h5", "x")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(DataError, match=r"text\.h5 cannot be read as an HDF5 file"):
        HDF5Data(tmp_path / "text.h5", "x")


@pytest.mark.parametrize("chunk", [0, 5])
def test_a_chunk_that_is_damaged_is_met_while_training(path, chunk):
    with h5py.File(path, "r+") as file:
        file.create_dataset("sealed", data=PHOTOS, chunks=(7, 4, 4, 3), fletcher32=True)
        place = file["sealed"].id.get_chunk_info(chunk).byte_offset
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^HDF5Data: .*photos\.h5 cannot be read as an HDF5 file \(.*read data"):
        network().fit(HDF5Data(path, "sealed", "y"))


def test_a_dataset_that_has_gone_is_missed(path):
    data = HDF5Data(path, "x", "y")
    with h5py.File(path, "r+") as file:
        del file["x"]
    with pytest.raises(DataError, match=r"cannot be read as an HDF5 file .*object 'x' doesn't exist"):
        network().fit(data)


@pytest.mark.parametrize("options", [{"buffer": 0}, {"buffer": 2.5}, {"scale": "a"}, {"scale": np.nan}])
def test_settings_are_checked(path, options):
    with pytest.raises(SettingError, match=r"^HDF5Data: "):
        HDF5Data(path, "x", "y", **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, d, p: m.fit(HDF5Data(p, "x")), DataError, r"fit: y is missing; name its dataset"),
        (lambda m, d, p: m.fit(d, LABELS), DataError, "fit: x yields batches, so y and sample_weight come with them"),
        (
            lambda m, d, p: m.fit(d, steps_per_epoch=3),
            SettingError,
            "fit: steps_per_epoch is only for x that yields batches; with HDF5Data use",
        ),
        (lambda m, d, p: m.fit(d, validation_split=0.2), SettingError, "validation_split is for arrays"),
        (lambda m, d, p: m.fit(HDF5Data(p, "bad", "y")), DataError, r"fit: x\[.*\] is nan"),
        (
            lambda m, d, p: m.fit(HDF5Data(p, "x", "floats")),
            ShapeError,
            "fit: y has 48 numbers in a row, the model has 1 outputs",
        ),
    ],
)
def test_what_does_not_fit_is_refused(path, call, error, message):
    with pytest.raises(error, match=message):
        call(network(), HDF5Data(path, "x", "y"), path)


def test_rows_of_another_size_are_refused(path):
    model = network()
    model.build((5,))
    for call in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ShapeError, match=r"x has rows of shape \(4, 4, 3\), this model was built for \(5,\)"):
            call(HDF5Data(path, "x", "y"))
    model = Sequential([Dense(2)])
    model.compile(loss=MeanSquaredError())
    with pytest.raises(DataError, match=r"predict: bad\[38, 1\] is nan"):
        model.build((2,))
        model.predict(HDF5Data(path, "bad"))


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_ids_of_an_embedding_are_not_scaled(tmp_path, kind):
    def make():
        model = Sequential([Embedding(9, 3), Flatten(), Dense(1), Sigmoid()], seed=0)
        model.compile("adam")
        return model

    ids, y = rng.integers(0, 9, (50, 4)).astype(kind), LABELS
    with h5py.File(tmp_path / "ids.h5", "w") as file:
        file["ids"], file["y"] = ids, y
    data = HDF5Data(tmp_path / "ids.h5", x="ids", y="y")
    from_file, from_arrays = make(), make()
    from_file.fit(data, shuffle=False, batch_size=8)
    from_arrays.fit(ids, y, shuffle=False, batch_size=8)
    assert np.array_equal(from_file.params.theta, from_arrays.params.theta)
    assert np.array_equal(from_file.predict(data), from_arrays.predict(ids))
