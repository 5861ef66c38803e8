"""Reports as data, text, HTML and pictures."""

import json

import numpy as np

from minidl import check_layer, check_model
from minidl.gradcheck._report import Report, Tensor
from minidl.layers import Dense
from tests.helpers.networks import X, Y, trained
from tests.helpers.planted import worse
from tests.helpers.planted_own import Skip


def test_the_report_as_data_html_and_picture():
    report = check_model(trained(worse(Skip)()), X, Y, raise_on_failure=False)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["passed"] is False
    assert data["tensors"]["dense/kernel"]["worst"] == list(report.tensors["dense/kernel"].worst)
    page = report._repr_html_()
    assert page.count("<tr>") == 1 + len(report.tensors)
    assert "<th>gradient</th><th>checked</th>" in page
    assert "<td>dense/kernel</td><td>15/15</td>" in page
    ax = report.plot()
    assert len(ax.patches) == len(report.tensors)
    assert report.plot(ax=ax) is ax


def test_the_report_as_text():
    tensors = {"input": Tensor(20, 6.3e-17, checked=20), "scale/beta": Tensor(1, 0.9, False, (0,), -0.5, -10, 0, 1)}
    report = Report("Swish", "complex", 1, tensors, broken=["it writes into its input x"], notes=["slow"])
    assert str(report).splitlines() == [
        "Swish: 1 of 2 gradients wrong, 1 rule broken (complex step, float64, 1 row)",
        "",
        "  gradient    checked  difference  worst entry  backward  derivative",
        "  input         20/20     6.3e-17  -                   -           -  right",
        "  scale/beta      1/1     9.0e-01  [0]              -0.5         -10  WRONG",
        "  cause: unknown",
        "  broken: it writes into its input x",
        "  note: slow",
    ]
    assert np.isnan([Tensor(3).analytic, Tensor(3).numeric]).all()


def test_the_repr_of_a_report_is_its_text():
    report = check_layer(Dense(3), 4)
    assert repr(report) == str(report)
