"""Parameters inside parameters: layers__0__units."""

import pytest

from minidl import SettingError
from minidl.estimators import SequentialClassifier
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import SGD, Clip

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_double_underscores_name_settings_of_the_arguments():
    layers, optimizer = [Dense(4), ReLU(), Dense(1), Sigmoid()], Clip(SGD(0.1), norm=1.0)
    estimator = SequentialClassifier(layers, optimizer=optimizer)
    estimator.set_params(layers__0__units=7, optimizer__optimizer__learning_rate=0.5, epochs=3)
    assert estimator.get_params()["layers__0__units"] == 7
    assert estimator.get_params()["optimizer__optimizer__learning_rate"] == 0.5
    assert (layers[0].units, optimizer.optimizer.learning_rate) == (4, 0.1)  # the objects passed in do not change
    named = SequentialClassifier(optimizer="sgd").set_params(optimizer__momentum=0.9)
    assert isinstance(named.optimizer, SGD) and named.optimizer.momentum == 0.9
    with pytest.raises(
        ValueError, match=r"set_params: Adam\(.*\) has no setting 'momentum'; it has learning_rate, beta_1"
    ):
        SequentialClassifier().set_params(optimizer__momentum=0.9)
    with pytest.raises(ValueError, match="Invalid parameter 'optimiser'"):
        SequentialClassifier().set_params(optimiser__momentum=0.9)
    with pytest.raises(SettingError, match=r"SGD: momentum must be in \[0, 1\), got 2"):
        named.set_params(optimizer__momentum=2)
