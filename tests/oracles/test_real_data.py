"""Networks learn real data as well as scikit-learn's do: five seeds, the same architecture, optimiser and epochs."""

import numpy as np
import pytest

from tests.benchmarks.real_data import NAMES, scores


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_scikit_learn_within_its_spread(name):
    ours, theirs = scores(name)
    assert np.mean(ours) >= np.mean(theirs) - np.std(theirs)
