"""Scores on real data match scikit-learn's, over five seeds with equal architecture, optimizer and epochs.

The convolutional network has no peer in scikit-learn: the dense one on the same splits is its measure.
"""

import numpy as np
import pytest

from tests.benchmarks import digits
from tests.benchmarks.real_data import NAMES, scores


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_within_one_deviation_of_scikit_learn(name):
    ours, theirs = scores(name)
    assert np.mean(ours) >= np.mean(theirs) - np.std(theirs)


@pytest.mark.slow
def test_a_convolutional_network_reads_98_percent_of_the_digits_and_more_than_a_dense_one():
    means = {
        name: np.mean([digits.accuracy(layers(), seed) for seed in digits.SEEDS])
        for name, layers in digits.NETWORKS.items()
    }
    assert means["convolutional"] >= 0.98
    assert means["convolutional"] >= means["dense"] + 0.01
