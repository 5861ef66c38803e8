"""Scores on real data match scikit-learn's, over five seeds with equal architecture, optimizer and epochs."""

import numpy as np
import pytest

from tests.benchmarks.real_data import NAMES, scores


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_within_one_deviation_of_scikit_learn(name):
    ours, theirs = scores(name)
    assert np.mean(ours) >= np.mean(theirs) - np.std(theirs)
