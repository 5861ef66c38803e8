"""Every test of a plot begins and ends without figures, and no plot changes matplotlib's settings."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def closed_figures():
    assert plt.get_backend().lower() == "agg"
    plt.close("all")  # those that other tests have left open
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before
    plt.close("all")
