"""Run Keras's own tests against minidl.keras: python -m tests.oracles.keras_own_tests CHECKOUT [part of a name]

CHECKOUT is a checkout of keras-team/keras at the version in `minidl.keras.__version__`. Its test files are copied to a
temporary directory, where `keras` and `keras.src...` are modules that take their names from `minidl.keras`. Keras
itself is not imported. The table of docs/keras-tests.md is what this prints.

A failed test is put aside if it uses what no user of the public names meets, or layers that minidl does not have:
`OUTSIDE` names these by words in the test's source. Messages of errors are not compared, their types are.
"""

from __future__ import annotations

import inspect
import re
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.oracles import keras_stand_in

FILES = """
    models/sequential models/functional models/model models/cloning
    layers/layer layers/core/dense layers/core/input_layer layers/core/lambda_layer layers/core/identity
    layers/core/embedding layers/core/masking layers/rnn/rnn layers/rnn/lstm layers/rnn/gru layers/rnn/simple_rnn
    layers/rnn/bidirectional layers/rnn/time_distributed layers/rnn/stacked_rnn_cells layers/attention/attention
    layers/attention/additive_attention layers/attention/multi_head_attention
    layers/activations/* layers/merging/* layers/normalization/batch_normalization
    layers/normalization/layer_normalization layers/normalization/unit_normalization
    layers/normalization/rms_normalization layers/regularization/dropout layers/regularization/gaussian_noise
    layers/regularization/gaussian_dropout layers/regularization/alpha_dropout
    layers/regularization/activity_regularization layers/reshaping/flatten layers/reshaping/reshape
    layers/reshaping/permute layers/reshaping/repeat_vector layers/preprocessing/rescaling
    activations/* losses/* metrics/* optimizers/* optimizers/schedules/* callbacks/*
    regularizers/* constraints/* initializers/* trainers/trainer trainers/compile_utils
    utils/sequence_utils utils/numerical_utils utils/rng_utils utils/python_utils utils/summary_utils utils/io_utils
    utils/progbar
    saving/saving_lib saving/saving_api saving/serialization_lib saving/object_registration
    saving/legacy/legacy_h5_format
"""

# words in the source of a test: why it does not speak of what minidl.keras is
OUTSIDE = {
    "quantization": r"quantiz|lora|int4|int8|float8|gptq|GPTQ|awq",
    "mixed precision": r"mixed_|DTypePolicy|dtype_polic|bfloat16|float16|LossScale|loss_scale|autocast|Autocast",
    "sparse or ragged": r"sparse=|[Ss]parse_?[Tt]ensor|ragged|IndexedSlices|sparse_support",
    "backends": r"tf_data|import tensorflow|\btf\.|import torch|torch\.|import jax|jax\.|grain|jit_compile=True|remat|"
    r"stateless_|StatelessScope|SymbolicScope|distribution|backend\.device|set_backend|symbolic_call|nnx|Orbax|orbax|"
    r"tensorboard|TensorBoard|shard",
    "layers of other kinds": r"TextVector|StringLookup|EinsumDense|SpectralNorm|CTC|Wrapper\b|lookup|channels_first|"
    r"ConvLSTM|SeparableConv1D|Conv3D|3D\b|GroupQuery|ReversibleEmbedding|RandomContrast",
    "private names": r"\._[a-z]\w+|tracking|Tracker|serialization_lib|object_registration|compute_output_spec|"
    r"CompileLoss|CompileMetrics|KerasTensor\b|SeedGenerator|InputSpec|input_spec|scatter_update|name_scope|"
    r"saving_lib|run_eagerly_mock|epoch_iterator|mock|Custom\\w+Model|StructModel|ListInputModel|TrainingTestingLayer",
}
# words in the source of a failed test, or in the error: what minidl.keras does otherwise on purpose
ON_PURPOSE = {
    "layers and models with Python code": r"def call\(|def train_step|def compute_loss|def build\(|no Python code of"
    r"|add_weight|a layer made of layers",
    "sizes of rows must be known": r"only the first axis may be None|this model was built for shape",
    "one loss for each output": r"compile: (every output|loss|metrics)",
    "data must be finite": r"every value must be finite",
}


OTHER_LIBRARIES = re.compile(r"^(?:import|from) (?:jax|grain|torch|tensorflow)\b.*$", re.MULTILINE)


class Score:
    """Counts the tests of each file by their outcomes, and keeps why each test did not pass."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.reasons: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.details: list[str] = []
        self.sources: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: Any) -> None:
        for item in items:
            function = inspect.unwrap(item.function)
            self.sources[item.nodeid] = f"{item.nodeid}\n{inspect.getsource(function)}"

    def pytest_runtest_logreport(self, report: Any) -> None:
        if not (report.when == "call" or report.outcome != "passed"):
            return
        name = Path(report.nodeid.split("::")[0]).name.replace("__", "/").removesuffix("_test.py")
        if report.outcome == "passed":
            self.outcomes[name]["passed"] += 1
            return
        text = report.longrepr[2] if report.outcome == "skipped" else str(report.longrepr)
        source = self.sources.get(report.nodeid, report.nodeid)
        outcome, reason = _judged(source, text, report.outcome)
        self.outcomes[name][outcome] += 1
        self.reasons[name, outcome][reason] += 1
        crash = getattr(report.longrepr, "reprcrash", None)
        message = " ".join((crash.message if crash else text).split())[:230]
        self.details.append(f"{outcome} ({reason}) {Path(report.nodeid).name}: {message}")


def _judged(source: str, text: str, outcome: str) -> tuple[str, str]:
    """Return ("outside", "on purpose" or "failed", the reason) for a test that did not pass."""
    if keras_stand_in.PUBLIC in text or "is not in minidl.keras" in text:
        return "failed", "absent"
    if outcome == "skipped":
        return "outside", "private names" if keras_stand_in.UNKNOWN in text else "backends"
    for why, words in OUTSIDE.items():
        if re.search(words, source):
            return "outside", why
    for why, words in ON_PURPOSE.items():
        if re.search(words, f"{source}\n{text}"):
            return "on purpose", why
    return "failed", ""


def _stand_in(match: re.Match[str]) -> str:
    return f"from keras.absent import {match[0].split()[-1]}"


def main(checkout: str, *only: str) -> None:
    """Run the files whose name contains one of `only`, or all, and print the table."""
    example = "from keras.absent import ExampleModel\n\n\n"
    source, directory = Path(checkout, "keras", "src"), Path(tempfile.mkdtemp())
    for pattern in FILES.split():
        for path in sorted(source.glob(f"{pattern}_test.py")):
            flat = str(path.relative_to(source)).replace("/", "__")
            if not only or any(part in flat for part in only):
                text = OTHER_LIBRARIES.sub(_stand_in, path.read_text())
                text = re.sub(r"^class ExampleModel\(", f"{example}class Original(", text, flags=re.MULTILINE)
                (directory / flat).write_text(text.replace("from conftest import", "from keras.absent import"))
    keras_stand_in.install(checkout)
    score = Score()
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "--tb=short", "-W", "ignore", f"--rootdir={directory}"]
    options += ["--import-mode=importlib", "--continue-on-collection-errors", "-c", "/dev/null", str(directory)]
    pytest.main(options, [score])
    shutil.rmtree(directory)
    report(score)


def report(score: Score) -> None:
    """Print the table, and why tests did not pass."""
    print("\n| file | public | passed | on purpose | failed | outside |\n|---|---:|---:|---|---:|---|")
    for name, counts in sorted(score.outcomes.items()):
        outside, purpose = (
            ", ".join(f"{why} {n}" for why, n in score.reasons[name, kind].most_common())
            for kind in ("outside", "on purpose")
        )
        public = counts.total() - counts["outside"]
        print(f"| {name} | {public} | {counts['passed']} | {purpose} | {counts['failed']} | {outside} |")
    print(dict(sum(score.outcomes.values(), Counter())))
    print("\n".join(sorted(score.details)))


if __name__ == "__main__":
    main(*sys.argv[1:])
