"""Helpers of scripts under Keras's names, and settings of the package."""

import shutil

import numpy as np
import pytest

import minidl.keras as keras
from minidl import DataError, SettingError
from minidl.keras import _pictures, backend, config, ops, utils
from tests.keras.peer import peer


@pytest.mark.peers
@pytest.mark.parametrize("labels", [[0, 2, 1], [[0], [2]], [[0, 1], [2, 0]], 3, [1.0, 0.0]])
def test_to_categorical_is_that_of_keras(labels):
    keras_utils = peer().utils
    for classes in (None, 5):
        ours, theirs = (part.to_categorical(labels, classes) for part in (utils, keras_utils))
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_to_categorical_refuses_numbers_that_are_no_classes():
    with pytest.raises(DataError, match="class numbers must be 0 to 2, got 0 to 3"):
        utils.to_categorical([0, 3], 3)


@pytest.mark.peers
@pytest.mark.parametrize("x", [np.array([[3.0, 4], [0, 0]]), np.array([3.0, 4]), np.arange(24.0).reshape(2, 3, 4)])
def test_normalize_is_that_of_keras(x):
    keras_utils = peer().utils
    assert np.allclose(utils.normalize(x), keras_utils.normalize(x))
    assert np.allclose(utils.normalize(x, order=1), keras_utils.normalize(x, order=1))


def test_set_random_seed_makes_weights_the_same():
    weights = []
    for _ in range(2):
        utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        weights.append(model.get_weights()[0])
    assert np.array_equal(*weights)


def test_split_dataset_splits_rows():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    left, right = utils.split_dataset((x, y), left_size=0.8)
    assert (len(left[0]), len(right[1])) == (8, 2)
    assert np.array_equal(right[0], x[8:])
    first, second = utils.split_dataset(y, right_size=3, shuffle=True, seed=1)
    assert sorted([*first, *second]) == list(range(10))
    assert len(second) == 3
    assert [len(part) for part in utils.split_dataset(y, 2, 3)] == [2, 3]
    with pytest.raises(SettingError, match="give left_size or right_size"):
        utils.split_dataset(y)


def test_batches_are_packed_and_unpacked():
    for batch in ((1, 2, 3), (1, 2), 1):
        assert utils.pack_x_y_sample_weight(*(batch if isinstance(batch, tuple) else (batch,))) == batch
    assert utils.unpack_x_y_sample_weight((1, 2)) == (1, 2, None)
    assert utils.unpack_x_y_sample_weight(1) == (1, None, None)


def test_classes_of_the_users_own_are_registered_by_name():
    @utils.register_keras_serializable(package="mine")
    def function():
        pass

    assert utils.get_registered_name(function) == "mine>function"
    assert utils.get_registered_object("mine>function") is function
    assert "mine>function" in utils.get_custom_objects()
    with utils.custom_object_scope({"other": print}):
        assert utils.get_registered_object("other") is print
    assert utils.get_registered_object("other") is None


# ---- pictures


def branched():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    hidden = keras.layers.Dense(4, name="hidden")(keras.layers.Add(name="sum")([a, b]))
    return keras.Model([a, b], hidden, name="branched")


def test_the_text_of_a_picture_names_layers_and_arrows():
    source = keras.utils.model_to_dot(branched(), show_shapes=True, show_dtype=True, show_trainable=True).to_string()
    assert r'"hidden" [label="hidden (Dense)\n(None, 3) to (None, 4)\nfloat32\ntrainable"];' in source
    for arrow in ('"a" -> "sum"', '"b" -> "sum"', '"sum" -> "hidden"'):
        assert arrow in source
    assert '[label="Dense"]' in keras.utils.model_to_dot(branched(), show_layer_names=False).source


def test_without_graphviz_plot_model_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(_pictures.shutil, "which", lambda program: None)
    with pytest.raises(SettingError, match="needs the program 'dot' of Graphviz, which is not there; install it"):
        keras.utils.plot_model(branched(), tmp_path / "model.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("cat") is None, reason="needs cat")
def test_the_picture_is_what_the_program_writes(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\n[ $1 = -Tsvg ] && cat\n")
    program.chmod(0o755)
    monkeypatch.setattr(_pictures.shutil, "which", lambda name: str(program))
    keras.utils.plot_model(branched(), tmp_path / "model.svg", show_layer_names=True)
    assert (tmp_path / "model.svg").read_text() == keras.utils.model_to_dot(branched()).source
    with pytest.raises(SettingError, match="plot_model: dot failed"):
        keras.utils.plot_model(branched(), tmp_path / "model.png")


def test_a_model_that_is_not_built_has_no_picture():
    with pytest.raises(SettingError, match="model_to_dot: the model is not built"):
        keras.utils.model_to_dot(keras.Sequential([keras.layers.Dense(1)]))


# ---- settings


def test_settings_are_read_and_set():
    assert (config.backend(), config.floatx(), config.epsilon()) == ("numpy", "float32", 1e-7)
    assert backend.image_data_format() == "channels_last"
    config.set_floatx("float64")
    try:
        assert ops.zeros(2).dtype == ops.convert_to_tensor(1.0).dtype == np.float64
        assert config.dtype_policy() == "float64"
    finally:
        config.set_dtype_policy("float32")
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    for set_one in ("interactive_logging", "traceback_filtering"):
        getattr(config, f"disable_{set_one}")()
        assert not getattr(config, f"is_{set_one}_enabled")()
        getattr(config, f"enable_{set_one}")()
        assert getattr(config, f"is_{set_one}_enabled")()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: config.set_floatx("float16"), SettingError, "minidl computes in float32 or float64, got 'float16'"),
        (lambda: config.set_epsilon(1e-3), SettingError, "set_epsilon: minidl has 1e-7, got 0.001"),
        (lambda: config.set_image_data_format("channels_first"), SettingError, "images"),
        (lambda: config.set_backend("jax"), ImportError, "minidl computes with NumPy alone"),
        (lambda: utils.get_file, ImportError, "minidl downloads nothing"),
        (lambda: backend.function, ImportError, "no graphs to compile"),
        (lambda: keras.datasets, ImportError, "keras.datasets is not in minidl.keras: minidl downloads nothing"),
        (lambda: keras.wrappers, ImportError, "minidl.estimators"),
        (lambda: keras.utils.np_utils, ImportError, "its functions are in keras.utils itself"),
        (lambda: keras.Modell, AttributeError, "has no attribute 'Modell'; there are .*Model"),
        (lambda: ops.while_loop, ImportError, "write Python's own loops"),
        (lambda: ops.meen, AttributeError, "has no attribute 'meen'"),
    ],
)
def test_what_is_not_there_is_answered(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_name_that_is_imported_is_answered_too():
    with pytest.raises(ImportError, match=r"keras\.random is not in minidl\.keras: use numpy\.random"):
        from minidl.keras import random  # noqa: F401


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("from minidl.keras.wrappers import SKLearnClassifier", "use minidl.estimators"),
        ("from minidl.keras.datasets import mnist", "minidl downloads nothing; use sklearn.datasets"),
        ("import minidl.keras.applications.vgg16", "no networks for images"),
        ("from minidl.keras.preprocessing.text import Tokenizer", "use keras.layers.TextVectorization"),
    ],
)
def test_a_module_that_is_absent_is_answered_when_it_is_imported(statement, message):
    with pytest.raises(ImportError, match=message):
        exec(statement)


@pytest.mark.peers
def test_every_public_name_of_keras_is_there_or_answered():
    theirs = peer()
    for name in (name for name in dir(theirs) if not name.startswith("_")):
        try:
            getattr(keras, name)
        except ImportError as error:
            assert f"keras.{name} is not in minidl.keras: " in str(error)


def test_clear_session_begins_names_again():
    backend.clear_session()
    names = [keras.layers.Dense(1).name for _ in range(2)]
    keras.utils.clear_session()
    assert [*names, keras.layers.Dense(1).name] == ["dense", "dense_1", "dense"]
    assert [backend.get_uid("a"), backend.get_uid("a"), backend.get_uid("b")] == [1, 2, 1]


def test_the_learning_rate_of_keras_2_scripts():
    optimizer = keras.optimizers.SGD(0.1)
    assert backend.get_value(optimizer.lr) == 0.1
    backend.set_value(optimizer.lr, 0.01)
    assert optimizer.learning_rate == 0.01
    assert backend.mean(np.array([1.0, 3])) == 2  # functions of arrays were in the backend


# ---- functions of arrays


OF_ONE_ARRAY = """
    abs amax amin exp log_sigmoid log_softmax logsumexp relu rsqrt shape sigmoid silu softmax softplus square mean
"""


@pytest.mark.peers
@pytest.mark.parametrize("name", OF_ONE_ARRAY.split())
def test_functions_of_one_array_are_those_of_keras(name):
    keras_ops, x = peer().ops, np.random.default_rng(0).uniform(0.1, 3, (3, 4)).astype("float32")
    theirs = getattr(keras_ops, name)(keras_ops.array(x))
    ours = getattr(ops, name)(x)
    assert np.allclose(ours, theirs if name == "shape" else theirs.numpy(), rtol=1e-5)


def test_casts_and_one_hot_rows():
    assert ops.cast([1.7, 2.2], "int32").tolist() == [1, 2]
    assert ops.convert_to_tensor([1.0]).dtype == np.float32
    assert ops.convert_to_tensor([1]).dtype.kind == "i"
    assert ops.convert_to_numpy([1]).tolist() == [1]
    assert ops.one_hot([0, 2, -1], 3).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert ops.one_hot([0, 1], 2, axis=0, dtype="int8").dtype == np.int8
    assert ops.full((2,), 3.0).tolist() == [3, 3]
    assert ops.ones((1,)).dtype == np.float32
    assert ops.is_tensor(np.ones(1))
    assert not ops.is_tensor([1])
    assert "mean" in dir(ops)
