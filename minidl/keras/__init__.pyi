from . import activations as activations
from . import backend as backend
from . import callbacks as callbacks
from . import config as config
from . import constraints as constraints
from . import initializers as initializers
from . import layers as layers
from . import losses as losses
from . import metrics as metrics
from . import models as models
from . import ops as ops
from . import optimizers as optimizers
from . import preprocessing as preprocessing
from . import regularizers as regularizers
from . import saving as saving
from . import utils as utils
from ._metric import Metric as Metric
from ._model import Model as Model
from ._sequential import Sequential as Sequential
from .initializers import Initializer as Initializer
from .layers import Input as Input
from .layers import Layer as Layer
from .losses import Loss as Loss
from .optimizers import Optimizer as Optimizer
from .regularizers import Regularizer as Regularizer

__version__: str
