"""Keras's `keras.layers`: layers with Keras's settings, each of which becomes layers of minidl."""

from ._absent import absent
from ._activations import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from ._attention import AdditiveAttention, Attention, MultiHeadAttention
from ._augmentation import RandomContrast, RandomFlip, RandomRotation, RandomTranslation, RandomZoom
from ._cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from ._config import layer_config as serialize
from ._config import layer_from as deserialize
from ._convolution import Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D
from ._dense import Dense
from ._embedding import Embedding, Masking
from ._functions import Lambda
from ._layer import Layer
from ._merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from ._normalization import (
    BatchNormalization,
    Dropout,
    GaussianNoise,
    GroupNormalization,
    LayerNormalization,
    SpatialDropout1D,
    SpatialDropout2D,
    UnitNormalization,
)
from ._penalties import ActivityRegularization
from ._pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from ._preparation import Normalization, Rescaling
from ._recurrent import GRU, LSTM, RNN, SimpleRNN
from ._reshaping import (
    Cropping1D,
    Cropping2D,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from ._shapes import Core, Flatten, Identity, Input, InputLayer
from ._text import IntegerLookup, StringLookup, TextVectorization
from ._wrappers import Bidirectional, TimeDistributed

# Keras's other names
Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution2DTranspose = Conv2DTranspose
SeparableConvolution2D = SeparableConv2D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution2DTranspose",
    "Core",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv2D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TextVectorization",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

_VOLUMES = "minidl has no layers for volumes"
_SEQUENCES = "minidl has LSTM, GRU, SimpleRNN, MultiHeadAttention, Attention and AdditiveAttention"
_PREPARATION = "prepare the data before, with NumPy, pandas or scikit-learn"

_REASONS = {
    _VOLUMES: """
        AdaptiveAveragePooling3D AdaptiveMaxPooling3D AveragePooling3D AvgPool3D Conv3D Conv3DTranspose
        Convolution3D Convolution3DTranspose Cropping3D GlobalAveragePooling3D GlobalAvgPool3D GlobalMaxPool3D
        GlobalMaxPooling3D MaxPool3D MaxPooling3D SpatialDropout3D UpSampling3D ZeroPadding3D""",
    _SEQUENCES: """
        ConvLSTM1D ConvLSTM2D ConvLSTM3D GroupQueryAttention ReversibleEmbedding""",
    _PREPARATION: """
        AugMix AutoContrast CategoryEncoding CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix
        Discretization Equalization HashedCrossing Hashing MaxNumBoundingBoxes MelSpectrogram
        MixUp Pipeline RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomCrop
        RandomElasticTransform RandomErasing RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
        RandomPerspective RandomPosterization RandomSaturation RandomSharpness RandomShear Resizing
        STFTSpectrogram Solarization""",
    "minidl computes without them": "FlaxLayer InputSpec JaxLayer TFSMLayer TorchModuleWrapper Wrapper",
    "minidl has no such layer": """
        AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
        Conv1DTranspose Convolution1DTranspose DepthwiseConv1D SeparableConv1D SeparableConvolution1D
        AlphaDropout EinsumDense GaussianDropout RMSNormalization SpectralNormalization""",
}

__getattr__ = absent(__name__, {name: why for why, names in _REASONS.items() for name in names.split()})
