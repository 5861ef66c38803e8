"""What the comparison of signatures does not find: written by hand for tests/oracles/make_keras_names.py."""

# arguments of every layer: the note of the module says what differs, not every row
COMMON = ("activity_regularizer", "trainable", "dtype", "autocast", "name", "seed_generator")

# sentences above the table of a module
NOTES = {
    "layers": (
        "Every layer takes `activity_regularizer`, ignores `autocast`, and takes `dtype` float32 or float64. A "
        "`seed` of a layer changes nothing: the model has one seed."
    ),
    "ops": (
        "Functions of NumPy arrays. In a loss, a `Lambda`, or between symbolic tensors the derivative is found through "
        "those that [have one](writing.md); the others raise an error there that names them."
    ),
}

_OWN_CODE = "Python code of `call` and `train_step` is not derived: see [writing your own](writing.md)"

_ACTIVATIONS = "an activation is one of those by name whose slope follows from its value: not gelu, silu or a function"

# how a name differs where its arguments are those of Keras: {path: sentence}
REMARKS = {
    "Layer": _OWN_CODE,
    "Model": _OWN_CODE,
    "layers.Layer": _OWN_CODE,
    "models.Model": _OWN_CODE,
    **{f"layers.{name}": _ACTIVATIONS for name in ("GRU", "GRUCell", "LSTM", "LSTMCell", "SimpleRNN", "SimpleRNNCell")},
    **dict.fromkeys(("layers.RNN", "layers.StackedRNNCells"), "takes `LSTMCell`, `GRUCell` and `SimpleRNNCell`"),
    "layers.Bidirectional": "takes recurrent layers of one cell",
    "layers.MultiHeadAttention": "takes `attention_axes=1` alone, the axis of steps",
    **dict.fromkeys(
        ("layers.IntegerLookup", "layers.StringLookup", "layers.TextVectorization"),
        "prepares data: it is called on arrays and lists, and is not a part of a model",
    ),
    **dict.fromkeys(("activations.sparsemax", "ops.sparsemax"), "sums to 1; that of Keras 3.15 on PyTorch does not"),
    "callbacks.TensorBoard": "writes the figures of epochs alone",
    "config.backend": 'returns "numpy"',
    "backend.backend": 'returns "numpy"',
    **{
        f"{module}.{name}": sentence
        for module in ("backend", "config")
        for name, sentence in {
            "set_epsilon": "takes 1e-7 alone",
            "set_floatx": "takes float32 and float64",
            "set_image_data_format": 'takes "channels_last" alone',
        }.items()
    },
    "config.set_dtype_policy": "takes float32 and float64",
    "utils.split_dataset": "splits arrays and tuples of arrays alone, and returns arrays",
    "optimizers.Optimizer": "has no `apply_gradients`: a subclass of minidl.optimizers.Optimizer writes `update`",
}

# values that Keras takes for an argument, required or other than its default: {argument or Class.argument: value}
PROBES = {
    "activation": "tanh",
    "alpha_constraint": "non_neg",
    "axes": 1,
    "axis": 1,
    "beta_constraint": "non_neg",
    "beta_initializer": "ones",
    "beta_regularizer": "l2",
    "bias_constraint": "non_neg",
    "bias_regularizer": "l2",
    "clipnorm": 1.0,
    "clipvalue": 1.0,
    "ema_overwrite_frequency": 5,
    "function": abs,
    "gamma_constraint": "non_neg",
    "gamma_initializer": "zeros",
    "gamma_regularizer": "l2",
    "global_clipnorm": 1.0,
    "gradient_accumulation_steps": 2,
    "ignore_class": 0,
    "input_dim": 7,
    "kernel_constraint": "non_neg",
    "kernel_regularizer": "l2",
    "key_dim": 3,
    "lora_rank": 2,
    "loss_scale_factor": 2.0,
    "max_value": 3.0,
    "moving_mean_initializer": "ones",
    "moving_variance_initializer": "zeros",
    "noise_shape": (None, 1),
    "num_heads": 2,
    "output_dim": 3,
    "rate": 0.3,
    "Rescaling.scale": 0.5,
    "sliding_window": 2,
    "stddev": 0.3,
    "target_shape": (3,),
    "units": 3,
    "weight_decay": 0.1,
    # of metrics
    "num_classes": 3,
    "target_class_ids": (0,),
    "recall": 0.5,
    "precision": 0.5,
    "specificity": 0.5,
    "sensitivity": 0.5,
    "class_id": 1,
    "top_k": 2,
    "thresholds": [0.3, 0.6],
    # of callbacks and schedules
    "filepath": "file.keras",
    "filename": "log.csv",
    "backup_dir": "backup",
    "schedule": abs,
    "initial_learning_rate": 0.1,
    "decay_steps": 10,
    "decay_rate": 0.9,
    "first_decay_steps": 10,
    "boundaries": [10],
    "values": [0.1, 0.01],
    "save_freq": 10,
    "baseline": 0.3,
}
