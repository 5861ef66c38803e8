"""One row per layer: its class, name as an activation, range of outputs, and counterparts in Keras and ONNX.

Model files, Keras archives, ONNX files, the diagnosis and the estimators read these rows; a new layer adds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    ActivityRegularization,
    Add,
    AdditiveAttention,
    Attention,
    Average,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Chain,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dot,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    Graph,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LeakyReLU,
    Masking,
    Maximum,
    MaxPooling1D,
    MaxPooling2D,
    Minimum,
    MultiHeadAttention,
    Multiply,
    Normalization,
    Permute,
    PositionEmbedding,
    PReLU,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    Residual,
    SeparableConv2D,
    Sigmoid,
    SiLU,
    SimpleRNN,
    SinePositionEncoding,
    Softmax,
    Softplus,
    SpatialDropout1D,
    SpatialDropout2D,
    Subtract,
    Tanh,
    TimeDistributed,
    UnitNormalization,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from .validation import REAL_LINE, Interval


@dataclass(frozen=True)
class Unsupported:
    """Says why another program has no counterpart of a layer."""

    reason: str


@dataclass(frozen=True)
class KerasLayer:
    """The layer in Keras.

    settings    the settings that Keras's layer has under the same names
    constants   further settings that Keras's layer needs to compute the same
    class_name  its class in Keras; None if it is that of minidl
    can_freeze  False: Keras's layer takes no setting trainable
    layers      {setting of Keras's layer that is a layer: the name of the layer inside this one}; in Keras's files its
                weights are in a group of this name
    group       the group in which Keras's files keep the arrays of the layer; "" if that of the layer itself
    only_read   {setting: why Keras's layer must not have it, if a file of minidl made it}
    """

    settings: tuple[str, ...] = ()
    constants: Mapping[str, str | int] = field(default_factory=dict)
    class_name: str | None = None
    can_freeze: bool = True
    layers: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    only_read: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operator:
    """One ONNX operator that computes the layer.

    attributes  {attribute in ONNX: setting of the layer, or an integer}
    parameters  the layer's parameters that follow x as inputs
    """

    name: str
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerEntry:
    """One layer, as the rest of minidl must know it.

    cls           the class, which files call "layers.<its name>"
    activation    the Keras string of an activation, such as "relu"
    output_range  the interval that the outputs of an activation lie in; None if they depend on weights or inputs
    keras         the layer in Keras, or why Keras lacks it
    onnx          the operator in ONNX, or the key of the function in minidl.files that builds the layer from several
                  operators, or why ONNX lacks it
    """

    cls: type[Layer]
    activation: str | None = None
    output_range: Interval | None = None
    keras: KerasLayer | Unsupported | None = None
    onnx: Operator | str | Unsupported | None = None


# Keras's layer Activation with the row's `activation`
ACTIVATION = KerasLayer(class_name="Activation")
NOT_SEQUENTIAL = Unsupported("a Sequential runs its layers one after the other")
IN_KERAS_HUB = Unsupported("KerasHub has it, Keras has not")
IDENTITY = "identity"  # predictions leave the layer out
FILLING = ("fill_mode", "interpolation", "fill_value")

_CHANNELS_LAST = {"data_format": "channels_last"}
_OF_CONVOLUTION = {"activation": "linear", **_CHANNELS_LAST}
_CONVOLUTION = KerasLayer(
    ("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups", "use_bias"), _OF_CONVOLUTION
)
_POOLING = KerasLayer(("pool_size", "strides", "padding"), _CHANNELS_LAST)
_GLOBAL_POOLING = KerasLayer(("keepdims",), _CHANNELS_LAST)
_POSITIVE, _UNIT = Interval("[0, inf)"), Interval("[0, 1]")

_STATES = {"stateful": "its stateful layers need batches of one size"}


def _recurrent(*settings: str) -> KerasLayer:
    own = ("units", "activation", "use_bias", "dropout", "recurrent_dropout", *settings)
    returned = ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")
    return KerasLayer((*own, *returned), group="cell", only_read=_STATES)


_ENTRIES = (
    # activations
    LayerEntry(Tanh, "tanh", Interval("[-1, 1]"), ACTIVATION, Operator("Tanh")),
    LayerEntry(ReLU, "relu", _POSITIVE, KerasLayer(), Operator("Relu")),
    LayerEntry(ELU, "elu", Interval("[-1, inf)"), KerasLayer(("alpha",)), Operator("Elu", {"alpha": "alpha"})),
    LayerEntry(GELU, "gelu", Interval("[-0.17, inf)"), ACTIVATION, "gelu"),
    LayerEntry(
        LeakyReLU,
        "leaky_relu",
        REAL_LINE,
        KerasLayer(("negative_slope",)),
        Operator("LeakyRelu", {"alpha": "negative_slope"}),
    ),
    LayerEntry(SiLU, "silu", Interval("[-0.28, inf)"), ACTIVATION, "silu"),
    LayerEntry(Softplus, "softplus", _POSITIVE, ACTIVATION, Operator("Softplus")),
    LayerEntry(Sigmoid, "sigmoid", _UNIT, ACTIVATION, Operator("Sigmoid")),
    # Keras's Softmax fails on sequences with a mask
    LayerEntry(Softmax, "softmax", _UNIT, ACTIVATION, Operator("Softmax", {"axis": -1})),
    # layers with weights
    LayerEntry(Dense, keras=KerasLayer(("units", "use_bias"), {"activation": "linear"}), onnx="dense"),
    LayerEntry(
        BatchNormalization,
        keras=KerasLayer(("axis", "momentum", "epsilon", "center", "scale")),
        onnx="batch_normalization",
    ),
    LayerEntry(
        LayerNormalization,
        keras=KerasLayer(("axis", "epsilon", "center", "scale")),
        onnx="layer_normalization",
    ),
    LayerEntry(
        GroupNormalization,
        keras=KerasLayer(("groups", "axis", "epsilon", "center", "scale")),
        onnx="group_normalization",
    ),
    LayerEntry(UnitNormalization, keras=KerasLayer(("axis",)), onnx="unit_normalization"),
    LayerEntry(PReLU, keras=KerasLayer(("shared_axes",)), onnx=Operator("PRelu", parameters=("alpha",))),
    # data
    LayerEntry(Normalization, keras=KerasLayer(("axis", "mean", "variance", "invert")), onnx="normalization"),
    LayerEntry(Rescaling, keras=KerasLayer(("scale", "offset")), onnx="rescaling"),
    # convolution and pooling
    LayerEntry(Conv1D, keras=_CONVOLUTION, onnx="convolution"),
    LayerEntry(Conv2D, keras=_CONVOLUTION, onnx="convolution"),
    LayerEntry(
        Conv2DTranspose,
        keras=KerasLayer(
            ("filters", "kernel_size", "strides", "padding", "output_padding", "dilation_rate", "use_bias"),
            _OF_CONVOLUTION,
        ),
        onnx="transposed_convolution",
    ),
    LayerEntry(
        DepthwiseConv2D,
        keras=KerasLayer(
            ("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate", "use_bias"), _OF_CONVOLUTION
        ),
        onnx="depthwise_convolution",
    ),
    LayerEntry(
        SeparableConv2D,
        keras=KerasLayer(
            ("filters", "kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier", "use_bias"),
            _OF_CONVOLUTION,
        ),
        onnx="separable_convolution",
    ),
    LayerEntry(MaxPooling1D, keras=_POOLING, onnx="max_pooling"),
    LayerEntry(MaxPooling2D, keras=_POOLING, onnx="max_pooling"),
    LayerEntry(AveragePooling1D, keras=_POOLING, onnx="average_pooling"),
    LayerEntry(AveragePooling2D, keras=_POOLING, onnx="average_pooling"),
    LayerEntry(GlobalMaxPooling1D, keras=_GLOBAL_POOLING, onnx="global_max_pooling"),
    LayerEntry(GlobalMaxPooling2D, keras=_GLOBAL_POOLING, onnx="global_max_pooling"),
    LayerEntry(GlobalAveragePooling1D, keras=_GLOBAL_POOLING, onnx="global_average_pooling_1d"),
    LayerEntry(GlobalAveragePooling2D, keras=_GLOBAL_POOLING, onnx="global_average_pooling_2d"),
    # sequences
    LayerEntry(Embedding, keras=KerasLayer(("input_dim", "output_dim", "mask_zero")), onnx="embedding"),
    LayerEntry(Masking, keras=KerasLayer(("mask_value",)), onnx="masking"),
    LayerEntry(SimpleRNN, keras=_recurrent(), onnx="recurrent"),
    LayerEntry(GRU, keras=_recurrent("recurrent_activation", "reset_after"), onnx="recurrent"),
    LayerEntry(LSTM, keras=_recurrent("recurrent_activation", "unit_forget_bias"), onnx="recurrent"),
    LayerEntry(
        Bidirectional,
        keras=KerasLayer(("merge_mode",), layers={"layer": "forward_layer", "backward_layer": "backward_layer"}),
        onnx="bidirectional",
    ),
    LayerEntry(TimeDistributed, keras=KerasLayer(layers={"layer": "layer"}), onnx="time_distributed"),
    # attention
    LayerEntry(MultiHeadAttention, keras=NOT_SEQUENTIAL, onnx="multi_head_attention"),
    LayerEntry(Attention, keras=NOT_SEQUENTIAL, onnx="score_attention"),
    LayerEntry(AdditiveAttention, keras=NOT_SEQUENTIAL, onnx="score_attention"),
    LayerEntry(PositionEmbedding, keras=IN_KERAS_HUB, onnx="position_embedding"),
    LayerEntry(SinePositionEncoding, keras=IN_KERAS_HUB, onnx="sine_position_encoding"),
    # noise and shape
    LayerEntry(Dropout, keras=KerasLayer(("rate", "noise_shape")), onnx=IDENTITY),
    LayerEntry(GaussianNoise, keras=KerasLayer(("stddev",)), onnx=IDENTITY),
    LayerEntry(ActivityRegularization, keras=Unsupported("archives keep no penalties"), onnx=IDENTITY),
    LayerEntry(SpatialDropout1D, keras=KerasLayer(("rate",), can_freeze=False), onnx=IDENTITY),
    LayerEntry(SpatialDropout2D, keras=KerasLayer(("rate",), can_freeze=False), onnx=IDENTITY),
    LayerEntry(Flatten, keras=KerasLayer(), onnx=Operator("Flatten", {"axis": 1})),
    LayerEntry(Reshape, keras=KerasLayer(("target_shape",)), onnx="reshape"),
    LayerEntry(Permute, keras=KerasLayer(("dims",)), onnx="permute"),
    LayerEntry(RepeatVector, keras=KerasLayer(("n",)), onnx="repeat_vector"),
    LayerEntry(ZeroPadding1D, keras=KerasLayer(("padding",)), onnx="zero_padding"),
    LayerEntry(ZeroPadding2D, keras=KerasLayer(("padding",)), onnx="zero_padding"),
    LayerEntry(Cropping1D, keras=KerasLayer(("cropping",)), onnx="cropping"),
    LayerEntry(Cropping2D, keras=KerasLayer(("cropping",)), onnx="cropping"),
    LayerEntry(UpSampling1D, keras=KerasLayer(("size",)), onnx="up_sampling_1d"),
    LayerEntry(UpSampling2D, keras=KerasLayer(("size", "interpolation")), onnx="up_sampling_2d"),
    # augmentation
    LayerEntry(RandomFlip, keras=KerasLayer(("mode",)), onnx=IDENTITY),
    LayerEntry(RandomTranslation, keras=KerasLayer(("height_factor", "width_factor", *FILLING)), onnx=IDENTITY),
    LayerEntry(RandomRotation, keras=KerasLayer(("factor", *FILLING)), onnx=IDENTITY),
    LayerEntry(RandomZoom, keras=KerasLayer(("height_factor", "width_factor", *FILLING)), onnx=IDENTITY),
    LayerEntry(RandomContrast, keras=KerasLayer(("factor", "value_range")), onnx=IDENTITY),
    # containers
    LayerEntry(Chain, keras=KerasLayer(class_name="Sequential"), onnx="chain"),
    LayerEntry(Residual, keras=Unsupported("a Sequential does not add its input"), onnx="residual"),
    LayerEntry(Graph, keras=NOT_SEQUENTIAL, onnx="graph"),
    # several inputs
    LayerEntry(Add, keras=NOT_SEQUENTIAL, onnx=Operator("Sum")),
    LayerEntry(Subtract, keras=NOT_SEQUENTIAL, onnx=Operator("Sub")),
    LayerEntry(Multiply, keras=NOT_SEQUENTIAL, onnx="multiply"),
    LayerEntry(Average, keras=NOT_SEQUENTIAL, onnx=Operator("Mean")),
    LayerEntry(Maximum, keras=NOT_SEQUENTIAL, onnx=Operator("Max")),
    LayerEntry(Minimum, keras=NOT_SEQUENTIAL, onnx=Operator("Min")),
    LayerEntry(Concatenate, keras=NOT_SEQUENTIAL, onnx=Operator("Concat", {"axis": "axis"})),
    LayerEntry(Dot, keras=NOT_SEQUENTIAL, onnx="dot"),
)

LAYERS: dict[type[Layer], LayerEntry] = {entry.cls: entry for entry in _ENTRIES}
ACTIVATIONS: dict[str, type[Layer]] = {entry.activation: entry.cls for entry in _ENTRIES if entry.activation}


def reason(counterpart: object) -> str:
    """Return " (the reason)" of an Unsupported, else ""."""
    return f" ({counterpart.reason})" if isinstance(counterpart, Unsupported) else ""


def entry_of(layer: Layer) -> LayerEntry:
    """Return the row of a layer. A layer of another class, also of a subclass, has a row that knows nothing of it."""
    return LAYERS.get(type(layer)) or LayerEntry(type(layer))
