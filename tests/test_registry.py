"""A layer is known everywhere: its row, its gradient check, its page, its counterparts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from minidl import Sequential, layers
from minidl.files import export_onnx
from minidl.layers import Dense, Layer, ReLU, Sigmoid
from minidl.registry import ACTIVATIONS, LAYERS, LayerEntry, Operator, entry_of
from tests.gradcheck.test_table import LAYERS as CHECKED
from tests.helpers.every_layer import row

REFERENCE = (Path(__file__).parents[1] / "docs" / "reference" / "layers.md").read_text(encoding="utf-8")
PUBLIC = [getattr(layers, name) for name in layers.__all__]
PUBLIC = [cls for cls in PUBLIC if isinstance(cls, type) and issubclass(cls, Layer) and cls is not Layer]


def missing(cls):
    """What a layer still needs, in words."""
    entry = LAYERS.get(cls, LayerEntry(cls))
    needs = {
        "a row in minidl/registry.py": cls in LAYERS,
        "a decision for Keras in its row: KerasLayer(...) or Unsupported(reason)": entry.keras is not None,
        "a decision for ONNX in its row: Operator(...), a key or Unsupported(reason)": entry.onnx is not None,
        "a row in tests/gradcheck/test_table.py": cls in {type(layer) for layer, _ in CHECKED},
        "an entry in docs/reference/layers.md": f"autoclass:: {cls.__name__}\n" in REFERENCE,
    }
    return [need for need, met in needs.items() if not met]


@pytest.mark.parametrize("cls", PUBLIC)
def test_a_public_layer_is_complete(cls):
    assert not missing(cls), f"{cls.__name__} needs " + "; ".join(missing(cls))


def test_only_public_layers_have_a_row():
    assert set(LAYERS) == set(PUBLIC)


def test_everything_that_a_new_layer_needs_is_listed():
    @dataclass(eq=False)
    class Swash(Layer):
        pass

    assert [need.split(" in ")[0] for need in missing(Swash)] == [
        "a row",
        "a decision for Keras",
        "a decision for ONNX",
        "a row",
        "an entry",
    ]


@pytest.mark.parametrize("cls", [cls for cls in PUBLIC if cls in LAYERS and LAYERS[cls].output_range])
def test_outputs_lie_in_the_range_of_the_row(cls):
    model, interval = Sequential([cls()], seed=0), LAYERS[cls].output_range
    model.build((4,))
    y = model.predict(np.random.default_rng(0).normal(scale=10.0, size=(500, 4)))
    assert y.min() >= interval.low
    assert y.max() <= interval.high


def test_names_of_activations_are_unique_and_belong_to_layers_with_a_range():
    named = [entry for entry in LAYERS.values() if entry.activation]
    assert len(ACTIVATIONS) == len(named)
    assert all(entry.output_range is not None for entry in named)


def test_a_subclass_has_no_row_of_its_parent():
    class Mine(Sigmoid):
        pass

    assert entry_of(Mine()) == LayerEntry(Mine)
    assert entry_of(Sigmoid()) is LAYERS[Sigmoid]


@pytest.mark.peers
@pytest.mark.parametrize(
    "cls", [cls for cls in PUBLIC if cls in LAYERS and isinstance(LAYERS[cls].onnx, Operator | str)]
)
def test_the_operator_of_the_row_can_be_exported(tmp_path, cls):
    pytest.importorskip("onnx")
    rows = [checked for checked in CHECKED if type(checked[0]) is cls]
    assert rows, f"{cls.__name__} needs a row in tests/gradcheck/test_table.py"
    layer, shape = row(*rows[0])
    model = Sequential([layer.clone()])
    model.build(shape)
    export_onnx(model, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").stat().st_size > 0


@pytest.mark.peers
def test_a_layer_without_a_row_is_neither_exported_nor_archived(tmp_path):
    pytest.importorskip("onnx")

    class Mine(ReLU):
        pass

    model = Sequential([Dense(2), Mine()])
    model.build((3,))
    with pytest.raises(ValueError, match=r"Mine\(\)"):
        export_onnx(model, tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"Mine\(\)"):
        model.save(tmp_path / "m.keras")
