"""Weights in the .h5 files of Keras 1 and 2: files of Keras 3 in that layout, and files as the old versions wrote them.

The layouts are those of save_weights_to_hdf5_group in keras/src/legacy/saving/legacy_h5_format.py of Keras 3.15 and in
engine/topology.py of Keras 1.2.
"""

import h5py
import numpy as np
import pytest

from minidl import ModelFileError, Sequential
from minidl.layers import LSTM, BatchNormalization, Chain, Dense, Dropout, Embedding, PReLU, ReLU, Sigmoid
from tests.helpers.every_layer import difference
from tests.helpers.keras_networks import architecture
from tests.helpers.sequence_networks import sequence_architecture

# Keras 3.15 on PyTorch 2.13 under NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

RNG = np.random.default_rng(0)
KERNEL, BIAS = RNG.normal(size=(3, 4)).astype("f4"), RNG.normal(size=4).astype("f4")
GAMMA, BETA, MEAN, VARIANCE = (RNG.random(4).astype("f4") for _ in range(4))
KERNEL_2, BIAS_2 = RNG.normal(size=(4, 1)).astype("f4"), RNG.normal(size=1).astype("f4")
ARRAYS = [KERNEL, BIAS, GAMMA, BETA, MEAN, VARIANCE, KERNEL_2, BIAS_2]

KERAS_2 = {
    "dense": ["dense/kernel:0", "dense/bias:0"],
    "batch_normalization": [
        f"batch_normalization/{name}:0" for name in ("gamma", "beta", "moving_mean", "moving_variance")
    ],
    "re_lu": [],
    "dense_1": ["dense_1/kernel:0", "dense_1/bias:0"],
}
KERAS_1 = {
    "dense_1": ["dense_1_W", "dense_1_b"],
    "batchnormalization_1": [
        f"batchnormalization_1_{name}" for name in ("gamma", "beta", "running_mean", "running_std")
    ],
    "activation_1": [],
    "dense_2": ["dense_2_W", "dense_2_b"],
}
UNNAMED = {
    "dense_1": ["param_0", "param_1"],
    "bn_1": [f"param_{n}" for n in range(4)],
    "dense_2": ["param_0", "param_1"],
}


def network(built=True):
    model = Sequential([Dense(4), BatchNormalization(), ReLU(), Dropout(0.2), Dense(1), Sigmoid()], seed=1)
    if built:
        model.build((3,))
    return model


def names(strings):
    return np.array([string.encode() for string in strings])  # of fixed length, as h5py 2 stored a list of bytes


def write(path, layers, arrays=ARRAYS, group="/", pieces=1):
    """Write the file as save_weights does in Keras 1 and 2."""
    arrays = iter(arrays)
    with h5py.File(path, "w") as file:
        top = file.require_group(group)
        top.attrs["backend"], top.attrs["keras_version"] = b"tensorflow", b"2.15.0"
        for number, piece in enumerate(np.array_split(names(layers), pieces)):
            top.attrs["layer_names" if pieces == 1 else f"layer_names{number}"] = piece
        for layer, weights in layers.items():
            inner = top.create_group(layer)
            inner.attrs["weight_names"] = names(weights)
            for weight in weights:
                inner.create_dataset(weight, data=next(arrays))


def same(model, arrays=ARRAYS):
    return all(np.array_equal(own, array) for own, array in zip(model.get_weights(), arrays, strict=True))


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("layers", [KERAS_2, KERAS_1, UNNAMED], ids=["Keras 2", "Keras 1", "without names"])
@pytest.mark.parametrize("options", [{}, {"group": "/model_weights"}, {"pieces": 2}], ids=str)
def test_weights_of_older_versions_are_read(tmp_path, layers, options, built):
    write(tmp_path / "w.h5", layers, **options)
    model = network(built)
    model.load_weights(tmp_path / "w.h5")
    assert same(model)
    assert model.input_shape == (3,)


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(20))
def test_whole_models_of_keras_3_in_the_old_layout_are_read(keras, tmp_path, seed):
    model, x = architecture(seed)
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    rng = np.random.default_rng(seed)
    theirs.set_weights([w + 0.1 * rng.random(w.shape) for w in theirs.get_weights()])
    theirs.save(tmp_path / "m.h5")
    model.load_weights(tmp_path / "m.h5")
    assert difference(model.predict(x), theirs.predict(x.astype("float32"), verbose=0)) < 1e-6


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:.* does not use masks:UserWarning")
@pytest.mark.filterwarnings(r"ignore:[\s\S]*does not support masking:UserWarning")
@pytest.mark.parametrize("seed", range(10))
def test_recurrent_models_of_keras_3_in_the_old_layout_are_read(keras, tmp_path, seed):
    model, x = sequence_architecture(seed)
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    theirs.set_weights([w + 0.1 * np.random.default_rng(seed).random(w.shape) for w in theirs.get_weights()])
    theirs.save(tmp_path / "m.h5")
    model.load_weights(tmp_path / "m.h5")
    assert difference(model.predict(x), theirs.predict(x, verbose=0)) < 4e-6


@pytest.mark.parametrize(
    ("recurrent", "message"),
    [
        (["kernel", "recurrent_kernel", "bias"], None),
        (["recurrent_kernel", "kernel", "bias"], "lstm/lstm_cell/recurrent_kernel:0.* in the place of lstm/kernel"),
    ],
)
def test_a_recurrent_network_of_keras_2_is_read(tmp_path, recurrent, message):
    model = Sequential([Embedding(5, 3), LSTM(3), Dense(1)])
    model.build((4,))
    arrays = [RNG.normal(size=shape).astype("f4") for shape in [(5, 3), (3, 12), (3, 12), (12,), (3, 1), (1,)]]
    layers = {
        "embedding": ["embedding/embeddings:0"],
        "lstm": [f"lstm/lstm_cell/{name}:0" for name in recurrent],
        "dense": ["dense/kernel:0", "dense/bias:0"],
    }
    write(tmp_path / "w.h5", layers, arrays)
    if message is None:
        model.load_weights(tmp_path / "w.h5")
        assert same(model, arrays)
    else:
        with pytest.raises(ModelFileError, match=message):
            model.load_weights(tmp_path / "w.h5")


@pytest.mark.peers
@pytest.mark.parametrize("frozen", [[], [0], [0, 1], [1]])
def test_frozen_layers_in_a_nested_model_come_in_the_order_of_keras(keras, tmp_path, frozen):
    layers = keras.layers
    inner = keras.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dense(4)])
    theirs = keras.Sequential([keras.Input((4,)), inner, layers.Dense(4)])
    model = Sequential([Chain(Dense(4), BatchNormalization(), Dense(4)), Dense(4)])
    model.build((4,))
    for number in frozen:
        inner.layers[number].trainable = model.layers[0].layers[number].trainable = False
    rng = np.random.default_rng(0)
    theirs.set_weights([rng.random(w.shape) for w in theirs.get_weights()])
    theirs.save(tmp_path / "m.h5")
    model.load_weights(tmp_path / "m.h5")
    x = rng.normal(size=(5, 4))
    assert difference(model.predict(x), theirs.predict(x.astype("float32"), verbose=0)) < 1e-6


def test_the_layout_before_keras_1_is_read(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["nb_layers"] = 12
        for number in range(12):  # layer_10 comes after layer_9, not after layer_1
            group = file.create_group(f"layer_{number}")
            arrays = {0: [KERNEL, BIAS], 10: [KERNEL_2, BIAS_2]}.get(number, [])
            group.attrs["nb_params"] = len(arrays)
            for n, array in enumerate(arrays):
                group.create_dataset(f"param_{n}", data=array)
    model = Sequential([Dense(4), *(ReLU() for _ in range(9)), Dense(1), Sigmoid()])
    model.load_weights(tmp_path / "w.h5")
    assert same(model, [KERNEL, BIAS, KERNEL_2, BIAS_2])
    with pytest.raises(ModelFileError, match="it is older than Keras 1, whose BatchNormalization kept another"):
        network().load_weights(tmp_path / "w.h5")


def changed(key, weights):
    return {name: weights if name == key else held for name, held in KERAS_2.items()}


WRONG = {
    "fewer layers": (
        {"dense": KERAS_2["dense"]},
        ARRAYS,
        "it holds 1 layers with weights, wanted 3: 'dense'; the model has 'dense, batch_normalization, dense_1'",
    ),
    "fewer arrays": (
        changed("batch_normalization", ["beta:0", "moving_mean:0", "moving_variance:0"]),
        [KERNEL, BIAS, BETA, MEAN, VARIANCE, KERNEL_2, BIAS_2],
        "its layer 'batch_normalization' has 3 arrays, wanted 4: batch_normalization/gamma, batch_normalization/beta, ",
    ),
    "another shape": (
        KERAS_2,
        [KERNEL.T, *ARRAYS[1:]],
        r"/dense/dense/kernel:0 has shape \(4, 3\), wanted \(3, 4\), for the model's dense/kernel",
    ),
    "another order": (
        changed("batch_normalization", ["bn/beta:0", "bn/gamma:0", "bn/moving_mean:0", "bn/moving_variance:0"]),
        ARRAYS,
        "it holds '/batch_normalization/bn/beta:0' in the place of batch_normalization/gamma",
    ),
    "not finite": (KERAS_2, [*ARRAYS[:-1], np.array([np.nan], "f4")], r"bias:0 \(dense_1/bias\) is not finite"),
    "integers": (KERAS_2, [KERNEL.astype(int), *ARRAYS[1:]], "kernel:0 is not of type float32 or float64, for the mod"),
}


@pytest.mark.parametrize("case", WRONG)
def test_weights_that_do_not_fit_are_rejected_and_nothing_is_set(tmp_path, case):
    layers, arrays, message = WRONG[case]
    write(tmp_path / "w.h5", layers, arrays)
    model = network()
    before = model.get_weights()
    with pytest.raises(ModelFileError, match=f"^load_weights: .*{message}.*; nothing was loaded$"):
        model.load_weights(tmp_path / "w.h5")
    assert same(model, before)


def soft_link(file):
    del file["dense/dense/kernel:0"]
    file["dense/dense/kernel:0"] = h5py.SoftLink("/dense_1/dense_1/kernel:0")


def names_of(kind, many=1):
    def change(file):
        file.attrs["layer_names"] = np.array(many * ["dense"], kind)

    return change


def shared_heap(file):
    """4,000 strings of variable length that all claim a heap of 1 MB."""
    file["dense"].attrs["big"] = ["x" * 2**20]
    file.attrs["layer_names"] = 4000 * ["dense"]


HOSTILE = {
    "a link": (soft_link, "/dense/dense/kernel:0 is a link"),
    "a missing array": (lambda file: file["dense/dense"].pop("bias:0"), "/dense/dense/bias:0 is missing"),
    "a missing layer": (lambda file: file.pop("dense_1"), "it holds 2 layers with weights, wanted 3"),
    "one layer twice": (
        lambda file: file.attrs.create("layer_names", names(["dense", "batch_normalization", "dense"])),
        "has shape",
    ),
    "the group itself": (
        lambda file: file["dense"].attrs.create("weight_names", names(["."] * 2)),
        "/dense/. is missing",
    ),
    "numbers": (
        lambda file: file.attrs.create("layer_names", [1, 2]),
        "/ has an attribute layer_names that is not a list of at most 4096 names",
    ),
    "5,000 names": (names_of("S5", 5000), "/ has an attribute layer_names that is not a list of at most 4096 names"),
    "long names": (names_of("S60000"), "it holds 1 layers"),
    "a table": (lambda file: file.attrs.create("layer_names", np.zeros((2, 2), "S5")), "that is not a list of at most"),
    "a shared heap": (shared_heap, "/ has an attribute layer_names of more than 268435456 bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_rejected_and_nothing_is_set(tmp_path, case):
    change, message = HOSTILE[case]
    write(tmp_path / "w.h5", KERAS_2)
    with h5py.File(tmp_path / "w.h5", "r+", track_order=True) as file:
        change(file)
    model = network()
    before = model.get_weights()
    with pytest.raises(ModelFileError, match=f"^load_weights: .*({message}).*; nothing was loaded$"):
        model.load_weights(tmp_path / "w.h5")
    assert same(model, before)


def test_alpha_of_prelu_has_two_names(tmp_path):
    for name in ("p_re_lu/alpha:0", "prelu_1_alphas"):
        write(tmp_path / "w.h5", {"prelu_1": [name]}, [BIAS])
        model = Sequential([PReLU()])
        model.build((4,))
        model.load_weights(tmp_path / "w.h5")
        assert same(model, [BIAS])
