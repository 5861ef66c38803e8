"""The house: who imports whom, and what `import minidl` loads."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import minidl

HOUSE = Path(minidl.__file__).parent
# docs/architecture.md tells the same in words
ROOMS = [
    "_lazy",
    "errors",
    "validation",
    "naming",
    "ops",
    "initializers",
    "parameters",
    "layers",
    "losses",
    "regularizers",
    "metrics",
    "schedules",
    "optimizers",
    "data",
    "_recording",
    "objective",
    "callbacks",
    "_threads",
    "trainer",
    "lbfgs_trainer",
    "_summary",
    "model",
    "sequential",
    "gradcheck",
    "diagnostics",
    "comparison",
    "registry",
    "files",
    "datasets",
    "plots",
    "estimators",
    "distributed",
    "__init__",
]
HEAVY = ["sklearn", "matplotlib", "h5py", "tqdm", "scipy", "pandas"]
FILES = sorted(HOUSE.rglob("*.py"))


def room(path):
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports(tree, path):
    """(line, dotted name, from "minidl" on) of each import but those for type checkers."""
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    package = path.relative_to(HOUSE.parent).parent.parts
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # `from . import data` names rooms, `from .data import Examples` a thing in a room
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "minidl" else [module]
            yield from ((node.lineno, name) for name in names)


def parsed():
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in FILES]


def test_every_file_is_in_a_room_of_the_list():
    assert {room(path) for path in FILES} <= set(ROOMS)


def test_a_room_imports_only_rooms_above_it():
    wrong, seen = [], 0
    for path, tree in parsed():
        here = room(path)
        for line, name in imports(tree, path):
            parts = name.split(".")
            if parts[0] != "minidl" or len(parts) < 2 or parts[1] == here:
                continue
            seen += 1
            if parts[1] not in ROOMS or ROOMS.index(parts[1]) > ROOMS.index(here):
                wrong.append(f"{path.relative_to(HOUSE)}:{line} imports {name}")
    assert wrong == []
    assert seen > 30  # the parser does see imports


def test_within_minidl_imports_are_at_the_top():
    wrong = [
        f"{path.relative_to(HOUSE)}:{line}"
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
        if room(path) == "estimators":
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
                f"{path.relative_to(HOUSE)}:{line} imports {name}"
                for line, name in imports(ast.Module([node], []), path)
                if name.split(".")[0] not in allowed
            ]
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "rooms"),
    [
        ("h5py", {"data", "datasets", "files"}),
        ("matplotlib", {"plots"}),
        ("tqdm", {"callbacks"}),
        ("sklearn", {"datasets", "estimators", "plots"}),
        ("pandas", set()),
        ("torch", set()),
    ],
)
def test_packages_stay_in_their_rooms(package, rooms):
    users = {room(path) for path, tree in parsed() for _, name in imports(tree, path) if name.split(".")[0] == package}
    assert users <= rooms


def test_no_file_uses_numpys_global_generator():
    allowed = {"default_rng", "Generator", "SeedSequence", "PCG64", "BitGenerator"}
    wrong = [
        f"{path.relative_to(HOUSE)}:{node.lineno} np.random.{node.attr}"
        for path, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("np.random", "numpy.random")
        and node.attr not in allowed
    ]
    assert wrong == []
    modules = {name for path, tree in parsed() for _, name in imports(tree, path)}
    assert "random" not in modules


def test_no_assert_outside_the_tests():
    wrong = [
        f"{path.relative_to(HOUSE)}:{node.lineno}"
        for path, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert wrong == []


def test_import_minidl_loads_numpy_and_nothing_heavy():
    script = f"import sys, minidl; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_where_the_table_says():
    assert [name for name in minidl.__all__ if not hasattr(minidl, name)] == []
    assert set(minidl.__all__) <= set(dir(minidl))
    with pytest.raises(AttributeError, match="module 'minidl' has no attribute 'Sequentiel'"):
        _ = minidl.Sequentiel


def test_type_checkers_see_the_same_public_names():
    tree = ast.parse((HOUSE / "__init__.py").read_text(encoding="utf-8"))
    imported = [alias for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    seen = {alias.name for alias in imported if alias.asname == alias.name}
    assert seen <= set(minidl.__all__)
    assert {name for name in minidl.__all__ if not isinstance(getattr(minidl, name), ModuleType)} <= seen


def test_training_and_predicting_loads_nothing_heavy():
    script = (
        "import sys, numpy as np\n"
        "from minidl import Sequential\n"
        "from minidl.layers import Dense, Sigmoid\n"
        "x = np.zeros((4, 2)); model = Sequential([Dense(1), Sigmoid()])\n"
        "model.fit(x, x[:, 0], verbose=2); model.predict(x); model.summary()\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, check=True)
