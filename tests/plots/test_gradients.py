"""Plots of gradient reports and of the steps of a training."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from minidl import DataError, GradientError, NotBuiltError, Report, Sequential, SettingError
from minidl.callbacks import GradientChecker, History, Monitor
from minidl.gradcheck import Tensor
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.plots import gradient_report, update_ratios

X = np.random.default_rng(0).normal(size=(20, 2))
Y = (X[:, 0] > 0).astype(int)


def network():
    return Sequential([Dense(3), ReLU(), Dense(1), Sigmoid()], seed=0)


def bars(ax):
    names = [text.get_text() for text in ax.get_yticklabels()]
    return {name: (bar.get_width(), bar.get_hatch()) for name, bar in zip(names, ax.patches, strict=True)}


def report(**tensors):
    return Report("net", "complex", tensors={name: Tensor(1, d, passed=d < 1e-7) for name, d in tensors.items()})


def test_several_reports_show_the_worst_of_each_tensor():
    ax = gradient_report([report(w=1e-12, b=1e-10), report(w=0.5, c=1e-9)])
    assert bars(ax) == {"c": (1e-9, None), "b": (1e-10, None), "w": (0.5, "///")}
    assert ax.get_title() == "net: worst of 2 checks"


def test_checkers_and_errors_hold_reports():
    checker = GradientChecker()
    network().fit(X, Y, epochs=2, callbacks=[checker], verbose=0)
    assert set(bars(gradient_report(checker))) == set(checker.reports[0].tensors)
    wrong = report(w=0.5)
    assert bars(gradient_report(GradientError(wrong))) == bars(gradient_report(wrong)) == {"w": (0.5, "///")}


def test_a_difference_that_is_no_number_has_the_longest_bar():
    assert bars(gradient_report(report(w=np.nan))) == {"w": (1, "///")}


def test_what_is_no_report_raises():
    with pytest.raises(
        SettingError, match=r"gradient_report takes a Report, .*got History, which is drawn by cost_curves"
    ):
        gradient_report(History())
    with pytest.raises(SettingError, match="got 3"):
        gradient_report(3)
    for empty in ([], GradientChecker()):
        with pytest.raises(DataError, match="gradient_report: there are no reports"):
            gradient_report(empty)
    with pytest.raises(DataError, match="gradient_report: no gradient has been checked"):
        gradient_report(Report("net", "complex"))
    assert plt.get_fignums() == []


def test_monitors_by_name_show_the_ratio_of_all_kernels():
    monitors = {"a": Monitor(1), "b": Monitor(2)}
    for monitor in monitors.values():
        network().fit(X, Y, epochs=4, callbacks=[monitor], verbose=0)
    ax = update_ratios(monitors)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    for line, monitor in zip(ax.lines, monitors.values(), strict=False):
        assert line.get_xdata().tolist() == monitor.record.steps
        assert line.get_ydata().tolist() == monitor.record.kernel_ratio.tolist()


def test_every_kernel_of_a_deep_network_has_its_own_look():
    monitor = Monitor(1)
    deep = Sequential([*(Dense(3) for _ in range(7)), Dense(1), Sigmoid()], seed=0)
    deep.fit(X, Y, epochs=2, callbacks=[monitor], verbose=0)
    looks = {(line.get_color(), line.get_linestyle()) for line in update_ratios(monitor).lines[:8]}
    assert len(looks) == 8


def test_what_is_no_monitor_raises():
    with pytest.raises(SettingError, match=r"update_ratios takes a Monitor .*got Sequential, which is drawn by"):
        update_ratios(network())
    with pytest.raises(SettingError, match=r"update_ratios takes a Monitor .*got dict"):
        update_ratios({})
    with pytest.raises(NotBuiltError, match="no training has been recorded yet"):
        update_ratios(Monitor())
    assert plt.get_fignums() == []
