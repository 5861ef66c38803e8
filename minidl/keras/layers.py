"""Keras's `keras.layers`: layers with Keras's settings, each of which becomes layers of minidl."""

from ._absent import absent
from ._activations import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from ._augmentation import RandomContrast, RandomFlip, RandomRotation, RandomTranslation, RandomZoom
from ._dense import Dense
from ._functions import Lambda
from ._layer import Layer
from ._merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
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
)
from ._preparation import Normalization, Rescaling
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

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "Average",
    "BatchNormalization",
    "Concatenate",
    "Core",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "Dot",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Maximum",
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
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Subtract",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "multiply",
    "subtract",
]

_IMAGES = "minidl has no layers for images yet"
_SEQUENCES = "minidl has no layers for sequences yet"
_PREPARATION = "prepare the data before, with NumPy, pandas or scikit-learn"

_REASONS = {
    _IMAGES: """
        AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
        AdaptiveMaxPooling2D AdaptiveMaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D
        AvgPool2D AvgPool3D Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Convolution1D
        Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose
        Cropping3D DepthwiseConv1D DepthwiseConv2D GlobalAveragePooling1D GlobalAveragePooling2D
        GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D
        GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D MaxPool1D MaxPool2D MaxPool3D
        MaxPooling1D MaxPooling2D MaxPooling3D SeparableConv1D SeparableConv2D SeparableConvolution1D
        SeparableConvolution2D SpatialDropout3D UpSampling3D ZeroPadding3D""",
    _SEQUENCES: """
        AdditiveAttention Attention Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D Embedding GRU GRUCell
        GroupQueryAttention LSTM LSTMCell Masking MultiHeadAttention RNN ReversibleEmbedding SimpleRNN
        SimpleRNNCell StackedRNNCells TimeDistributed""",
    _PREPARATION: """
        AugMix AutoContrast CategoryEncoding CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix
        Discretization Equalization HashedCrossing Hashing IntegerLookup MaxNumBoundingBoxes MelSpectrogram
        MixUp Pipeline RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomCrop
        RandomElasticTransform RandomErasing RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
        RandomPerspective RandomPosterization RandomSaturation RandomSharpness RandomShear Resizing
        STFTSpectrogram Solarization StringLookup TextVectorization""",
    "minidl computes without them": "FlaxLayer InputSpec JaxLayer TFSMLayer TorchModuleWrapper Wrapper",
    "penalties apply to weights": "ActivityRegularization",
    "minidl has no such layer": """
        AlphaDropout EinsumDense GaussianDropout Minimum RMSNormalization SpectralNormalization
        UnitNormalization minimum deserialize serialize""",
}

__getattr__ = absent(__name__, {name: why for why, names in _REASONS.items() for name in names.split()})
