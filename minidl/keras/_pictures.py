"""Pictures of models, drawn by the program `dot` of Graphviz."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SettingError


@dataclass(frozen=True)
class Dot:
    """A graph in the language of Graphviz."""

    source: str

    def to_string(self) -> str:
        """Return the text."""
        return self.source

    def create(self, prog: str = "dot", format: str = "png") -> bytes:
        """Return the picture that Graphviz draws."""
        program = shutil.which(prog)
        if program is None:
            remedy = "install it (https://graphviz.org/download), or print model_to_dot(model).source"
            raise SettingError(f"plot_model needs the program {prog!r} of Graphviz, which is not there; {remedy}")
        done = subprocess.run([program, f"-T{format}"], input=self.source.encode(), capture_output=True, check=False)
        if done.returncode:
            raise SettingError(f"plot_model: {prog} failed: {done.stderr.decode().strip()}")
        return done.stdout

    def write(self, path: str | Path, prog: str = "dot", format: str | None = None) -> None:
        """Write the picture to a file, in the format that its name ends with."""
        kind = format or Path(path).suffix.removeprefix(".") or "png"
        Path(path).write_bytes(self.create(prog, kind))


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Dot:
    """Return the layers of a model as boxes, with arrows between them."""
    if not getattr(model, "inner_nodes", None):
        raise SettingError("model_to_dot: the model is not built; begin it with keras.Input, or fit it first")
    show = {"shapes": show_shapes, "names": show_layer_names, "dtype": show_dtype, "trainable": show_trainable}
    lines = [f'digraph "{model.name}" {{', f"  rankdir={rankdir}; dpi={dpi}; splines={splines};", "  node [shape=box];"]
    lines += [f'  "{node.operation.name}" [label="{_label(node, show)}"];' for node in model.inner_nodes]
    lines += [
        f'  "{source.node.operation.name}" -> "{node.operation.name}";'
        for node in model.inner_nodes
        for source in node.inputs
    ]
    return Dot("\n".join([*lines, "}", ""]))


def _label(node: Any, show: dict[str, bool]) -> str:
    operation = node.operation
    kind = type(operation).__name__
    lines = [f"{operation.name} ({kind})" if show["names"] else kind]
    if show["shapes"]:
        lines += [f"{_shapes(node.inputs)} to {_shapes(node.outputs)}" if node.inputs else _shapes(node.outputs)]
    lines += [node.outputs[0].dtype] if show["dtype"] else []
    lines += ["trainable" if operation.trainable else "frozen"] if show["trainable"] else []
    return r"\n".join(lines)


def _shapes(tensors: Any) -> str:
    return ", ".join(str(tensor.shape) for tensor in tensors)


def plot_model(model: Any, to_file: str | Path = "model.png", show_layer_names: bool = False, **options: Any) -> None:
    """Draw a model into a file with Graphviz. options: those of model_to_dot."""
    model_to_dot(model, show_layer_names=show_layer_names, **options).write(to_file)
