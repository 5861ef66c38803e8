"""The import order of the modules, what `import minidl` loads, and other rules about the source."""

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import minidl
from minidl.layers import Dense, Sigmoid
from minidl.losses import BinaryCrossentropy
from minidl.optimizers import SGD
from minidl.regularizers import L2

PACKAGE = Path(minidl.__file__).parent
# lowest first; docs/architecture.md has the same list
MODULES = [
    "_lazy",
    "_tables",
    "errors",
    "validation",
    "naming",
    "seeding",
    "ops",
    "_traced",
    "initializers",
    "constraints",
    "parameters",
    "regularizers",
    "layers",
    "losses",
    "metrics",
    "schedules",
    "optimizers",
    "data",
    "text",
    "_recording",
    "objective",
    "callbacks",
    "_threads",
    "_table_rows",
    "evaluation",
    "trainer",
    "lbfgs_trainer",
    "_summary",
    "_weights",
    "_building",
    "ports",
    "model",
    "sequential",
    "registry",
    "curvature",
    "gradcheck",
    "diagnostics",
    "comparison",
    "uncertainty",
    "files",
    "datasets",
    "plots",
    "estimators",
    "distributed",
    "keras",
    "__init__",
]
HEAVY = ["sklearn", "matplotlib", "h5py", "scipy", "pandas"]
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(tree, path):
    """(line, dotted name, from "minidl" on) of each import but those for type checkers."""
    return tuple(_imports(tree, path))


def _imports(tree, path):
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    package = path.relative_to(PACKAGE.parent).parent.parts
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # `from . import data` names modules, `from .data import Examples` a name in a module
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "minidl" else [module]
            yield from ((node.lineno, name) for name in names)


@cache
def parsed():
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in FILES]


def test_every_file_is_in_the_list():
    assert {module_of(path) for path in FILES} <= set(MODULES)


def test_a_module_imports_only_those_above_it():
    wrong, seen = [], 0
    for path, tree in parsed():
        here = module_of(path)
        for line, name in imports(tree, path):
            parts = name.split(".")
            if parts[0] != "minidl" or len(parts) < 2 or parts[1] == here:
                continue
            seen += 1
            if parts[1] not in MODULES or MODULES.index(parts[1]) > MODULES.index(here):
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert wrong == []
    assert seen > 30  # the parser does see imports


def test_within_minidl_imports_are_at_the_top():
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path, tree in parsed()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for line, name in imports(function, path)
        if name.startswith("minidl")
    ]
    assert wrong == []


def test_packages_other_than_numpy_are_imported_where_they_are_used():
    allowed = set(sys.stdlib_module_names) | {"numpy", "minidl"}
    wrong = []
    for path, tree in parsed():
        if module_of(path) == "estimators":
            continue  # its classes inherit from scikit-learn's; `import minidl` does not import it
        inside = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef)
            for node in ast.walk(function)
        }
        top = ast.Module([node for node in tree.body if id(node) not in inside], [])
        for node in [statement for statement in top.body if not isinstance(statement, ast.FunctionDef | ast.ClassDef)]:
            wrong += [
                f"{path.relative_to(PACKAGE)}:{line} imports {name}"
                for line, name in imports(ast.Module([node], []), path)
                if name.split(".")[0] not in allowed
            ]
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        ("h5py", {"data", "datasets", "files"}),
        ("PIL", {"data", "keras"}),
        ("matplotlib", {"plots"}),
        ("sklearn", {"datasets", "estimators", "plots"}),
        ("pandas", set()),
        ("torch", {"gradcheck"}),
        ("jax", {"gradcheck"}),
        ("keras", {"gradcheck"}),
        ("hypothesis", {"gradcheck"}),
    ],
)
def test_a_package_is_used_in_these_modules_only(package, modules):
    users = {
        module_of(path) for path, tree in parsed() for _, name in imports(tree, path) if name.split(".")[0] == package
    }
    assert users <= modules


def test_no_file_uses_numpys_global_generator():
    allowed = {"default_rng", "Generator", "SeedSequence", "PCG64", "BitGenerator"}
    others = [(path, tree) for path, tree in parsed() if path.name != "seeding.py"]  # set_random_seed seeds them
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} np.random.{node.attr}"
        for path, tree in others
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("np.random", "numpy.random")
        and node.attr not in allowed
    ]
    assert wrong == []
    modules = {name for path, tree in others for _, name in imports(tree, path)}
    assert "random" not in modules


def test_no_module_needs_minidl_to_be_installed():
    """`importlib.metadata.version("minidl")` fails in a source tree."""
    assert "importlib.metadata" not in {name for path, tree in parsed() for _, name in imports(tree, path)}


def test_no_assert_outside_the_tests():
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert wrong == []


def test_import_minidl_loads_numpy_and_nothing_heavy():
    script = f"import sys, minidl; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_of_every_package_can_be_imported():
    for name in ["minidl", *(f"minidl.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py"))]:
        package = importlib.import_module(name)
        assert [public for public in package.__all__ if not hasattr(package, public)] == []
    assert set(minidl.__all__) <= set(dir(minidl))
    with pytest.raises(AttributeError, match="module 'minidl' has no attribute 'Sequentiel'"):
        _ = minidl.Sequentiel


# ---- what other modules may use


def relative(path):
    return path.relative_to(PACKAGE).as_posix()


def test_modules_inside_packages_are_private_and_used_through_the_package():
    inside = [path for path in FILES if path.parent != PACKAGE and module_of(path) != "keras"]  # has Keras's modules
    public = [relative(path) for path in inside if not path.name.startswith("_")]
    assert public == []
    wrong = []
    for path, tree in parsed():
        for line, name in imports(tree, path):
            parts = name.split(".")
            if parts[0] == "minidl" and len(parts) > 2 and parts[1] != module_of(path):
                wrong.append(f"{relative(path)}:{line} imports {name}")
    assert wrong == []


def test_a_stub_names_only_its_own_modules_and_those_above_them():
    wrong = []
    for stub in PACKAGE.glob("*/__init__.pyi"):
        for line in stub.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"from \.\.(\w+)", line):
                above = MODULES.index(found[1]) < MODULES.index(stub.parent.name)
                wrong += [] if above else [f"{stub.parent.name}: {line}"]
    assert wrong == []


def test_no_string_names_a_module_except_at_the_top():
    """`import_module("minidl.files")` would be an import that the other tests do not see."""
    names = {f"minidl.{name}" for name in MODULES}
    wrong = [
        f"{relative(path)}:{node.lineno} {node.value}"
        for path, tree in parsed()
        if path != PACKAGE / "__init__.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert wrong == []


def test_type_checkers_see_the_names_of_outer_packages():
    for path in PACKAGE.glob("*/__init__.pyi"):
        package, stub = f"minidl.{path.parent.name}", path.read_text(encoding="utf-8")
        typed = set(re.findall(r"^from minidl\.\w+ import (\w+) as \1$", stub, re.MULTILINE))
        shown = {name for name in importlib.import_module(package).__all__ if f" {name} as {name}\n" not in stub}
        assert shown == set()
        assert typed <= set(importlib.import_module(package).__all__)


FOREIGN = {"gradcheck/_keras.py"}  # Keras has no public way to compute in float64 with a layer that exists


def test_no_package_reads_private_attributes_of_another():
    """Attributes such as x._name, of anything but self, that the file itself does not define."""
    wrong = []
    for path, tree in parsed():
        own = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_self(node.value)}
        own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        own |= {
            node.target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        for node in ast.walk(tree):
            private = isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr)
            if private and not is_self(node.value) and node.attr not in own and relative(path) not in FOREIGN:
                wrong.append(f"{relative(path)}:{node.lineno} {ast.unparse(node)}")
    assert wrong == []


def is_self(node):
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


# ---- the way of a batch


def test_a_batch_takes_the_way_that_the_page_lists():
    """The functions of docs/architecture.md in its order, and none of them a second time on the way down."""
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.split("## The way of a batch")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)
    x = np.random.default_rng(0).normal(size=(8, 2))
    model = minidl.Sequential([Dense(3), Sigmoid(), Dense(1), Sigmoid()], seed=0)
    model.compile(SGD(0.1), BinaryCrossentropy() + L2(0.1))
    called = []

    def watch(frame, event, argument):
        if event == "call" and str(PACKAGE) in frame.f_code.co_filename:
            called.append(frame.f_code.co_qualname)

    sys.setprofile(watch)
    try:
        model.fit(x, x[:, 0] > 0, batch_size=8, epochs=1)
    finally:
        sys.setprofile(None)
    names = [NAMES_IN_THE_TRACE.get(name, name.removeprefix("data.")) for name in listed]
    first = [called.index(name) for name in names]
    assert first == sorted(first)
    assert len(set(names)) == len(names)


NAMES_IN_THE_TRACE = {"Optimizer.update": "SGD.update"}


def test_training_and_predicting_loads_nothing_heavy():
    script = (
        "import sys, numpy as np\n"
        "from minidl import Sequential\n"
        "from minidl.layers import Dense, Sigmoid\n"
        "x = np.zeros((4, 2)); model = Sequential([Dense(1), Sigmoid()])\n"
        "model.fit(x, x[:, 0], verbose=1); model.predict(x); model.summary()\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, check=True)
