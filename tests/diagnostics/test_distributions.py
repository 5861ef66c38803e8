"""Samples of weights and activations during a training."""

import numpy as np

from minidl.callbacks import Distributions
from tests.helpers.faults import HEALTHY


def test_weights_and_activations_are_sampled():
    model, x, y = HEALTHY["circles, wide"].make()
    kept = Distributions(every=2)
    model.fit(x, y, epochs=5, callbacks=[kept])
    assert set(kept.values) == {"dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"} | {
        "dense",
        "re_lu",
        "dense_1",
        "sigmoid",
    }
    assert list(kept.values["dense/kernel"]) == [0, 2, 4]
    assert np.array_equal(kept.values["dense/kernel"][4], model.params["dense/kernel"].value.ravel())
    assert kept.values["re_lu"][4].size == 1000
    assert kept.values["re_lu"][4].min() == 0
