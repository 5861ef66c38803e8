"""Whole models in a file: a loaded model equals the saved one, and the file keeps its promises."""

import copy
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl
from minidl import (
    Model,
    ModelFileError,
    Sequential,
    SettingError,
    files,
    load_model,
    metrics,
    optimizers,
    schedules,
)
from minidl.initializers import HeNormal
from minidl.layers import BatchNormalization, Chain, Dense, Dropout, ReLU, Residual, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD, Adam, Clip, MovingAverage
from minidl.regularizers import L2
from minidl.schedules import ExponentialDecay
from minidl.seeding import Streams
from tests.helpers.networks import random_network
from tests.helpers.sequence_networks import attention_architecture, sequence_architecture

rng = np.random.default_rng(0)


X = rng.normal(size=(40, 3))


Y = (X[:, 0] > 0).astype(float)


def trained(optimizer=None, dtype="float32", epochs=2):
    model = Sequential(
        [Dense(5, kernel_initializer=HeNormal(), kernel_regularizer=L2(0.1)), BatchNormalization(), ReLU()]
        + [Residual(Dense(5), Dropout(0.3)), Chain(Dense(2, name="head"), ReLU()), Dense(1), Sigmoid()],
        seed=3,
        dtype=dtype,
    )
    model.compile(optimizer or Adam(0.01), BinaryCrossentropy() + L2(0.7), ["accuracy", "auc"])
    model.fit(X, Y, epochs=epochs)
    return model


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(p, q) and p.dtype == q.dtype for p, q in zip(a, b, strict=True))


OPTIMIZERS = {
    "SGD": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda: optimizers.RMSprop(momentum=0.5, centered=True),
    "Adagrad": optimizers.Adagrad,
    "Adam": Adam,
    "AdamW": optimizers.AdamW,
    "AMSGrad": optimizers.AMSGrad,
    "Nadam": optimizers.Nadam,
    "schedule": lambda: SGD(schedules.WarmUp(ExponentialDecay(0.1, 10, 0.5), 5)),
    "wrapped": lambda: Clip(MovingAverage(Adam(0.01)), norm=1.0),
}


def same_outputs(one, other):
    return same(one, other) if isinstance(one, tuple) else same([one], [other])


@pytest.mark.filterwarnings("ignore:.* does not use masks:UserWarning")
@pytest.mark.parametrize("make", [sequence_architecture, attention_architecture])
@pytest.mark.parametrize("seed", range(8))
def test_networks_of_sequences_predict_and_train_to_the_same_bits(tmp_path, make, seed):
    model, x = make(seed)
    outputs = model.predict(x)
    y = tuple(map(np.ones_like, outputs)) if isinstance(outputs, tuple) else np.ones_like(outputs)
    model.compile("adam", "mse")
    model.fit(x, y, batch_size=2)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert (loaded.input_shape, loaded.output_shape) == (model.input_shape, model.output_shape)
    assert same_outputs(loaded.predict(x), model.predict(x))
    for each in (model, loaded):
        each.fit(x, y, batch_size=2)
    assert same(loaded.get_weights(), model.get_weights())


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loaded_model_predicts_and_trains_to_the_same_bits(tmp_path, name, dtype):
    model = trained(OPTIMIZERS[name](), dtype)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    one, other = model.fit(X, Y, epochs=3), loaded.fit(X, Y, epochs=3)
    assert one.history == other.history
    assert same(model.get_weights(), loaded.get_weights())


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_come_back(tmp_path, seed):
    model, x, y = random_network(seed)
    model.fit(x, y, epochs=1)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert repr(loaded) == repr(model)
    assert np.array_equal(loaded.predict(x), model.predict(x))
    assert loaded.evaluate(x, y) == model.evaluate(x, y)


def test_parameters_are_views_of_theta_after_loading(tmp_path):
    trained().save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert all(np.shares_memory(parameter.value, loaded.params.theta) for parameter in loaded.params.values())
    assert all(layer.rng is loaded.streams.masks for _, layer in loaded.layer.walk())


def test_a_model_around_one_layer_comes_back(tmp_path):
    model = Model(Residual(Dense(3)), seed=1, name="lonely model")
    model.build((3,))
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert type(loaded) is Model
    assert (loaded.name, loaded.seed, loaded.loss) == ("lonely model", 1, None)
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_an_unbuilt_model_comes_back_unbuilt(tmp_path):
    Sequential([Dense(4), Dropout(0.1)], seed=7).save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert not loaded.built
    assert loaded.streams.states == Streams.split(7).states


@pytest.mark.parametrize("built", [True, False])
def test_frozen_layers_stay_frozen(tmp_path, built):
    model = Sequential([Dense(2), Chain(Dense(3), ReLU()), Dense(1)], seed=0)
    model.compile(SGD(0.1), "mse")
    if built:
        model.fit(X, Y)
    model.layers[1].trainable = False
    model.layers[1].layers[1].trainable = True
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    flags = [layer.trainable for _, layer in loaded.layer.walk()]
    assert flags == [True, True, False, False, True, True]
    for each in (model, loaded):
        each.fit(X, Y, shuffle=False)
    assert same(model.get_weights(), loaded.get_weights())
    loaded.layers[1].trainable = True
    loaded.save(tmp_path / "n.h5")
    assert b'"frozen"' in (tmp_path / "m.h5").read_bytes()
    assert b'"frozen"' not in (tmp_path / "n.h5").read_bytes()


def test_metrics_keep_their_names(tmp_path):
    model = Sequential([Dense(1), Sigmoid()])
    model.compile(metrics=["acc", metrics.AUC(50), "mse"])
    model.save(tmp_path / "m.h5")
    assert list(load_model(tmp_path / "m.h5").metrics) == ["acc", "auc", "mse"]


def test_a_loaded_model_copies_and_pickles(tmp_path):
    trained().save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    for duplicate in (copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded))):
        assert np.array_equal(duplicate.predict(X), loaded.predict(X))


def test_a_generator_of_another_kind_is_rejected_when_saving(tmp_path):
    model = Sequential([Dense(1)])
    model.take_streams(Streams.single(np.random.Generator(np.random.MT19937(0))))
    with pytest.raises(SettingError, match="must be NumPy's PCG64, got MT19937"):
        model.save(tmp_path / "m.h5")


def test_a_subclass_of_a_model_is_rejected_when_saving(tmp_path):
    class Mine(Sequential):
        pass

    with pytest.raises(SettingError, match="Mine is a subclass; files hold Model and Sequential themselves"):
        Mine([Dense(1)]).save(tmp_path / "m.h5")


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    model = trained()
    model.params["residual/dense/kernel"].value[0, 0] = np.nan
    with pytest.raises(minidl.NonFiniteError, match="save: residual/dense/kernel is not finite"):
        model.save(tmp_path / "m.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ending", "writer"), [("onnx", "minidl.files.export_onnx"), ("safetensors", "save_weights")])
def test_a_model_is_not_saved_under_the_name_of_another_format(tmp_path, ending, writer):
    with pytest.raises(SettingError, match=rf"^save: {writer} writes \.{ending}; name a whole model \.h5 or \.keras"):
        trained().save(tmp_path / f"m.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_the_same_model_gives_the_same_bytes_and_so_does_the_loaded_one(tmp_path):
    model = trained(Clip(MovingAverage(Adam(ExponentialDecay(0.1, 10, 0.5))), norm=1.0))
    for name in "ab":
        model.save(tmp_path / name)
    load_model(tmp_path / "a").save(tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_the_checksum_pins_a_file(tmp_path):
    trained().save(tmp_path / "m.h5")
    pinned = files.checksum(tmp_path / "m.h5")
    load_model(tmp_path / "m.h5", sha256=pinned.upper())
    trained(epochs=1).save(tmp_path / "m.h5")
    with pytest.raises(ModelFileError, match=f"its SHA-256 is [0-9a-f]{{64}}, wanted '{pinned}'"):
        load_model(tmp_path / "m.h5", sha256=pinned)


def test_a_file_larger_than_allowed_is_not_read(tmp_path):
    trained().save(tmp_path / "m.h5")
    with pytest.raises(ModelFileError, match=r"it has \d+ bytes, more than max_bytes=1000"):
        load_model(tmp_path / "m.h5", max_bytes=1000)


def test_a_file_of_weights_is_not_a_model(tmp_path):
    trained().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ModelFileError, match="if it holds weights alone, build the model and call load_weights"):
        load_model(tmp_path / "m.weights.h5")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "m.h5")


names = st.text(alphabet="abcXYZ019_ .-", min_size=1, max_size=20).filter(lambda name: name[0] not in " .-")


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 6), names), min_size=1, max_size=4, unique_by=lambda pair: pair[1]))
def test_any_plain_names_and_widths_come_back(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("named") / "m.h5"
    model = Sequential([Dense(units, name=name) for units, name in drawn], seed=0)
    model.build((2,))
    model.save(path)
    loaded = load_model(path)
    assert [layer.name for layer in loaded.layers] == [name for _, name in drawn]
    assert same(loaded.get_weights(), model.get_weights())


@pytest.mark.skipif(os.name == "nt", reason="file descriptors are counted in /proc")
def test_saving_and_loading_leave_no_file_open(tmp_path):
    model = trained()
    model.save(tmp_path / "m.h5")
    load_model(tmp_path / "m.h5")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        model.save(tmp_path / "m.h5")
        load_model(tmp_path / "m.h5")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
