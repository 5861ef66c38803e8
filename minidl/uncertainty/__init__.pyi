from ._calibration import expected_calibration_error as expected_calibration_error
from ._calibration import temperature as temperature
from ._laplace import Laplace as Laplace
from ._laplace import laplace as laplace
from ._predictive import Predictive as Predictive
from ._samples import Samples as Samples
from ._samples import dropout as dropout
from ._samples import ensemble as ensemble
