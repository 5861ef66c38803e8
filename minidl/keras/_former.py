"""Keras 1's and 2's modules, names and arguments that Keras 3 does not have, and what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from ..errors import SettingError

P = ParamSpec("P")
R = TypeVar("R")

_TOP = {
    "api": "write from keras import ...",
    "objectives": "write keras.losses",
    "initializations": "write keras.initializers",
    "optimizer_v2": "write from keras.optimizers import ...",
}

# modules whose answer is another one than "write from keras.layers import ...", or below which module it is
MODULES = {
    **_TOP,
    "legacy": "remove .legacy",
    "training_utils": "minidl trains on the cores of a CPU",
    "text": "use keras.layers.TextVectorization",
}

_SMALL = {name.lower(): name for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")}
_MERGES = "call keras.layers.Add()([a, b]), Multiply, Average, Maximum, Dot or Concatenate"
_BACK_END = "minidl has neither sessions nor graphs: leave it out"

# names in modules that there are
NAMES = {
    "keras": _TOP,
    "keras.layers": {
        **dict.fromkeys(("Merge", "merge"), _MERGES),
        "AtrousConvolution2D": "write Conv2D(..., dilation_rate=...)",
        "Deconvolution2D": "write Conv2DTranspose",
        **dict.fromkeys(("TimeDistributedDense", "MaxoutDense", "Highway"), "it is gone from Keras"),
        **{name: f"write {name.removeprefix('CuDNN')}" for name in ("CuDNNLSTM", "CuDNNGRU")},
        "ThresholdedReLU": "write ReLU(threshold=...)",
    },
    "keras.models": {
        "Input": "write from keras import Input",
        "model_from_yaml": "write to_json() and model_from_json",
        "Graph": "write keras.Model(inputs, outputs)",
    },
    "keras.optimizers": {
        **{small: f"write {name}" for small, name in _SMALL.items()},
        "adam_v2": "write Adam",
        "gradient_descent_v2": "write SGD",
    },
    "keras.initializers": {
        "normal": "write random_normal or RandomNormal",
        "uniform": "write random_uniform or RandomUniform",
        "zero": "write zeros",
        "one": "write ones",
    },
    "keras.regularizers": {
        **dict.fromkeys(("WeightRegularizer", "l1l2"), "write l1_l2(l1=..., l2=...)"),
        **dict.fromkeys(
            ("activity_l1", "activity_l2", "activity_l1l2"), "write l1 or l2, as activity_regularizer of the layer"
        ),
    },
    "keras.constraints": {
        "maxnorm": "write max_norm or MaxNorm",
        "nonneg": "write non_neg or NonNeg",
        "unitnorm": "write unit_norm or UnitNorm",
    },
    "keras.metrics": {
        **dict.fromkeys(("precision", "recall", "fmeasure", "fbeta_score"), "write Precision, Recall or F1Score"),
        **dict.fromkeys(("mse", "MSE"), "write mean_squared_error"),
        **dict.fromkeys(("mae", "MAE"), "write mean_absolute_error"),
        "cosine_proximity": "write CosineSimilarity",
    },
    "keras.utils": {
        **dict.fromkeys(("vis_utils", "data_utils", "layer_utils", "io_utils"), "its functions are in keras.utils"),
        "multi_gpu_model": "minidl trains on the cores of a CPU",
        "print_summary": "write model.summary()",
        "HDF5Matrix": "pass the arrays of h5py, or a PyDataset",
    },
    "keras.backend": {
        **dict.fromkeys(
            (
                *("get_session", "set_session", "manual_variable_initialization", "tensorflow_backend", "tf"),
                *("set_learning_phase", "gradients", "placeholder", "update", "update_add"),
            ),
            _BACK_END,
        ),
        **dict.fromkeys(("set_image_dim_ordering", "image_dim_ordering"), "images have the channels last"),
        "eval": "write float(x) or numpy.asarray(x)",
        "flatten": "write keras.ops.reshape(x, (-1,))",
        "batch_flatten": "write keras.ops.reshape(x, (len(x), -1))",
        "int_shape": "write x.shape",
        "variable": "write keras.ops.convert_to_tensor(x)",
        "switch": "write keras.ops.where(condition, x, y)",
        "pow": "write keras.ops.power(x, y)",
        "batch_dot": "write keras.ops.einsum",
        "permute_dimensions": "write keras.ops.transpose(x, axes)",
        "random_normal": "write keras.layers.GaussianNoise, or numpy.random.default_rng(seed).normal",
        "random_uniform": "write numpy.random.default_rng(seed).uniform",
    },
}

_ROWS = "write it in the PyDataset that gives the batches"
ARGUMENTS = {
    "nb_epoch": "write epochs",
    "show_accuracy": 'write compile(metrics=["accuracy"])',
    "samples_per_epoch": "write steps_per_epoch, in batches",
    **dict.fromkeys(("nb_val_samples", "val_samples"), "write validation_steps, in batches"),
    **dict.fromkeys(("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker"), _ROWS),
    **dict.fromkeys(("class_mode", "sample_weight_mode", "target_tensors", "schedule_decay"), "leave it out"),
    "input": "write inputs",
    "output": "write outputs",
    "output_dim": "write units",
    "init": "write kernel_initializer",
    "bias": "write use_bias",
    "W_regularizer": "write kernel_regularizer",
    "b_regularizer": "write bias_regularizer",
    "W_constraint": "write kernel_constraint",
    "b_constraint": "write bias_constraint",
    "p": "write rate",
    "sigma": "write stddev",
    "mode": "leave it out, or use Add, Multiply, Concatenate ... to merge",
    "nb_filter": "write filters",
    **dict.fromkeys(("nb_row", "nb_col"), "write kernel_size=(rows, columns)"),
    "filter_length": "write kernel_size",
    "border_mode": "write padding",
    **dict.fromkeys(("subsample", "subsample_length", "stride"), "write strides"),
    "pool_length": "write pool_size",
    "dim_ordering": "images have the channels last: leave it out",
    "nb_classes": "write num_classes",
    "period": 'write save_freq="epoch"; a Callback can save after every few epochs',
}


def unknown_argument(who: str, name: str, known: Collection[str]) -> SettingError:
    """Return the error of an argument that does not exist: what to write instead, or the arguments that there are."""
    has = ", ".join(argument for argument in known if argument != "self")
    hint = f"Keras 3 does not have it: {ARGUMENTS[name]}" if name in ARGUMENTS else f"it has {has}"
    return SettingError(f"{who} has no argument {name!r}; {hint}")


def check_arguments(who: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise SettingError for an argument that is not among the known ones."""
    for name in given:
        if name not in known:
            raise unknown_argument(who, name, known)


def check_former(who: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise SettingError for an argument of Keras 1 or 2 that is not among the known ones."""
    check_arguments(who, [name for name in given if name in ARGUMENTS], known)


def answers_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function or method raise SettingError for names of arguments that it does not have."""
    known = inspect.signature(function).parameters
    who = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @wraps(function)
    def answered(*args: P.args, **kwargs: P.kwargs) -> R:
        check_arguments(who, kwargs, known)
        return function(*args, **kwargs)

    return answered
