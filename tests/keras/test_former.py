"""Spellings of Keras 1 and 2 that Keras 3 does not have: an error says what to write."""

import sys

import numpy as np
import pytest

import minidl.keras as keras
from minidl.errors import SettingError
from minidl.keras._absent import AbsentModules, AbsentNameError
from minidl.keras._former import ARGUMENTS, NAMES

from .peer import peer


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("from minidl.keras.layers.core import Dense", r"write from keras\.layers import"),
        ("from minidl.keras.layers.advanced_activations import LeakyReLU", r"write from keras\.layers import"),
        ("from minidl.keras.layers.experimental.preprocessing import Rescaling", r"write from keras\.layers import"),
        ("from minidl.keras.utils.np_utils import to_categorical", r"write from keras\.utils import"),
        ("from minidl.keras.utils.vis_utils import plot_model", r"write from keras\.utils import"),
        ("from minidl.keras.utils.visualize_util import plot", r"no such module; write from keras\.utils import"),
        ("from minidl.keras.optimizers.legacy import Adam", r"remove \.legacy"),
        ("from minidl.keras.optimizer_v2.adam import Adam", r"write from keras\.optimizers import"),
        ("from minidl.keras.engine.topology import Layer", r"keras\.engine is not in minidl\.keras"),
        ("from minidl.keras.objectives import mean_squared_error", r"write keras\.losses"),
        ("from minidl.keras.preprocessing.image import ImageDataGenerator", "RandomFlip"),
        ("from minidl.keras.preprocessing.sequence import TimeseriesGenerator", "timeseries_dataset_from_array"),
        ("from minidl.keras.layers import merge", "Concatenate"),
        ("from minidl.keras.models import Input", "write from keras import Input"),
        ("from minidl.keras.optimizers import adam", "write Adam"),
        ("from minidl.keras.regularizers import activity_l1", "write l1 or l2"),
        ("from minidl.keras.constraints import maxnorm", "write max_norm"),
        ("from minidl.keras.backend import set_image_dim_ordering", "images have the channels last"),
    ],
)
def test_a_former_import_is_answered(statement, answer):
    with pytest.raises(AbsentNameError, match=answer):
        exec(statement)


def test_other_imports_end_as_python_ends_them():
    with pytest.raises(ModuleNotFoundError):
        exec("import minidl.keras.layers._nowhere")
    with pytest.raises(ModuleNotFoundError):
        exec("import minidl.nowhere")
    assert sum(isinstance(finder, AbsentModules) for finder in sys.meta_path) == 1


def network():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


rows, targets = np.ones((4, 3)), np.ones((4, 1))


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda: network().fit(rows, targets, nb_epoch=2), "fit has no argument 'nb_epoch'.*write epochs"),
        (lambda: network().fit(rows, targets, workers=2), "write it in the PyDataset"),
        (lambda: network().evaluate(rows, targets, show_accuracy=True), r"write compile\(metrics="),
        (lambda: network().compile("sgd", "mse", class_mode="binary"), "compile has no argument.*leave it out"),
        (lambda: network().fit(X=rows), "fit has no argument 'X'; it has x, y, batch_size"),
        (lambda: network().predict(rows, sizes=2), "predict has no argument 'sizes'; it has x, batch_size"),
        (lambda: keras.Model(input=1, output=2), "Model has no argument 'input'.*write inputs"),
        (lambda: keras.layers.Dense(output_dim=3), "Dense has no argument 'output_dim'.*write units"),
        (lambda: keras.layers.Dense(3, init="uniform"), "write kernel_initializer"),
        (lambda: keras.layers.Dropout(p=0.5), "Dropout has no argument 'p'.*write rate"),
        (lambda: keras.layers.GaussianNoise(sigma=1.0), "write stddev"),
        (lambda: keras.layers.Conv2D(8, 3, border_mode="same"), "Conv2D has no argument 'border_mode'.*write padding"),
        (lambda: keras.layers.Conv2D(nb_filter=8, nb_row=3, nb_col=3), "write filters"),
        (lambda: keras.layers.MaxPooling2D(dim_ordering="th"), "channels last"),
        (lambda: keras.optimizers.Nadam(schedule_decay=0.004), "Nadam has no argument 'schedule_decay'"),
        (lambda: keras.optimizers.SGD(clip_norm=1.0), "SGD has no argument 'clip_norm'; it has learning_rate"),
        (lambda: keras.utils.to_categorical([0, 1], nb_classes=2), "write num_classes"),
    ],
)
def test_a_former_argument_is_answered(call, answer):
    with pytest.raises(SettingError, match=answer):
        call()


def test_a_derived_layer_keeps_arguments_of_its_own():
    class Wide(keras.layers.Dense):
        def __init__(self, p, **common):
            super().__init__(4 * p, **common)

    assert Wide(p=2).units == 8


def test_a_former_method_is_answered():
    with pytest.raises(AttributeError, match=r"to_yaml is gone from Keras: write to_json\(\)"):
        network().to_yaml()


@pytest.mark.peers
def test_keras_has_none_of_the_former_names():
    theirs = peer()
    for module, names in NAMES.items():
        part = theirs if module == "keras" else getattr(theirs, module.removeprefix("keras."))
        assert not [name for name in names if hasattr(part, name)], module


@pytest.mark.peers
def test_keras_has_none_of_the_former_arguments():
    theirs = peer()
    makers = {"Dense": (1,), "Dropout": (0.5,), "Conv2D": (1, 1), "MaxPooling2D": (), "GaussianNoise": (0.1,)}
    for name in ARGUMENTS:
        for layer, needed in makers.items():
            with pytest.raises((TypeError, ValueError)):
                getattr(theirs.layers, layer)(*needed, **{name: 1})


@pytest.mark.peers
def test_a_layer_of_its_config():
    layer = keras.layers.Dense(4, activation="relu", name="hidden")
    config = keras.layers.serialize(layer)
    theirs = peer().layers.deserialize(config)
    assert (theirs.name, theirs.units, theirs.activation.__name__) == ("hidden", 4, "relu")
    again = keras.layers.deserialize(peer().layers.serialize(theirs))
    assert (again.name, again.units, again.get_config()["activation"]) == ("hidden", 4, "relu")
