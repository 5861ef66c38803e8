from ._base import Schedule as Schedule
from ._decay import CosineDecay as CosineDecay
from ._decay import CosineDecayRestarts as CosineDecayRestarts
from ._decay import ExponentialDecay as ExponentialDecay
from ._decay import InverseTimeDecay as InverseTimeDecay
from ._decay import PiecewiseConstantDecay as PiecewiseConstantDecay
from ._decay import PolynomialDecay as PolynomialDecay
from ._decay import WarmUp as WarmUp
