"""Packages that only some formats need."""

import sys
from functools import partial

import pytest

from minidl import Sequential
from minidl.files import export_onnx
from minidl.layers import (
    Dense,
)


@pytest.mark.parametrize("package", ["onnx", "safetensors"])
def test_a_missing_package_is_named_with_the_extra_that_installs_it(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # Python then finds none
    monkeypatch.delitem(sys.modules, f"{package}.numpy", raising=False)
    model = Sequential([Dense(1)])
    model.build((1,))
    save = {"onnx": partial(export_onnx, model), "safetensors": model.save_weights}[package]
    with pytest.raises(ModuleNotFoundError, match=rf"install it with pip install 'minidl\[{package}\]'$") as caught:
        save(tmp_path / f"m.{package}")
    assert caught.value.name.partition(".")[0] == package
