"""Mutation testing: one small mistake after the other is put into minidl, and the tests should notice each.

    python -m pip install mutmut coverage
    python -m tests.system.mutants losses layers            # or others of GROUPS; all of them without a name
    python -m tests.system.mutants files --sample 300       # a random sample of each group

The mistakes are those of mutmut, without the ones in text, and with the condition of a plain `if` turned round. mutmut
itself starts them from inside functions, and so leaves out classes and modules, as the defaults of settings. Here each
mutant is a process forked from this one, which has imported pytest, NumPy and h5py, but not yet minidl: it runs the
tests that reach the changed lines, the quickest first, until one fails.
"""

import argparse
import gc
import os
import pickle
import random
import resource
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from tempfile import TemporaryDirectory

import coverage
import h5py  # noqa: F401  # here, so that no mutant has to
import libcst as cst
import pytest
import scipy.optimize
import scipy.special  # noqa: F401
from hypothesis import HealthCheck, Phase, settings
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators, operator_string
from mutmut.mutation.pragma_handling import IgnoredCode

ROOT = Path(__file__).parents[2]
GROUPS = {  # what is changed, and the tests/test_*.py that should notice
    "losses": ("losses.py", "losses categorical settings gradcheck_table"),
    "regularizers": ("regularizers.py", "regularizers settings"),
    "layers": ("layers/*.py", "layers activations normalization categorical modes settings gradcheck_table invariants"),
    "optimizers": ("optimizers/*.py", "optimizers schedules settings distributed invariants"),
    "gradcheck": ("gradcheck/*.py", "gradcheck_numeric gradcheck gradcheck_table gradcheck_planted"),
    "files": (
        "files/atomic.py files/layout.py files/model_file.py files/native.py files/resume.py files/strict_json.py "
        "files/tables.py files/tree.py files/values.py files/weights_file.py",
        "files files_save files_hostile files_resume files_keras",
    ),
}
SLOW = 1.0  # seconds; a test that takes longer is left out


# ---- the mistakes


def turned_round(node):
    """`if ready` becomes `if not ready`; where there is an operator, mutmut changes that."""
    if isinstance(node.test, cst.Name | cst.Attribute | cst.Call):
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), node.test))


OPERATORS = [pair for pair in mutation_operators if pair[1] is not operator_string]
OPERATORS.append(((cst.If, cst.CompIf), turned_round))


class Visitor(MutationVisitor):
    def _skip_node_and_children(self, node):
        # mutmut leaves out decorated functions, since it has to decorate them itself
        return not isinstance(node, cst.FunctionDef) and super()._skip_node_and_children(node)


@dataclass
class Mutant:
    path: str
    lines: range
    change: str
    module: cst.Module
    nodes: tuple

    def source(self):
        return self.module.deep_replace(*self.nodes).code


def mutants_of(path):
    wrapper = MetadataWrapper(cst.parse_module(path.read_text()))
    visitor, places = Visitor(OPERATORS, IgnoredCode(set(), set(), set())), wrapper.resolve(PositionProvider)
    wrapper.visit(visitor)
    for mutation in visitor.mutations:
        old, new = mutation.original_node, mutation.mutated_node
        change = " -> ".join(" ".join(wrapper.module.code_for_node(node).split()) for node in (old, new))
        lines = range(places[old].start.line, places[old].end.line + 1)
        yield Mutant(str(path), lines, change, wrapper.module, (old, new))


# ---- the tests


@dataclass
class Tests:
    """A pytest plugin: which tests run, and in which order. Watching, it notes what each takes and reaches."""

    watching: coverage.Coverage | None = None
    chosen: set | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, file, folder):
        """The exit code of pytest."""
        options = ["-x", "-m", "not slow and not peers", "-p", "no:cacheprovider", "--disable-plugin-autoload"]
        path = ROOT / "tests" / f"test_{file}.py"
        return pytest.main([*options, f"--basetemp={folder}/pytest", str(path)], plugins=[self])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        # the same examples each time, none made smaller, and no word about the machine
        options = {"derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}
        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("mutants", settings.get_profile("minidl"), phases=phases, **options)
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items):
        if self.chosen is not None:
            items[:] = sorted((i for i in items if i.nodeid in self.chosen), key=lambda i: self.seconds[i.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        start = time.process_time()
        if self.watching is None:
            # what runs or waits for ever is ended, and counts as noticed
            limit = int(start + 10 + 10 * self.seconds[item.nodeid])
            resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
            signal.alarm(300)
        else:
            self.watching.switch_context(item.nodeid)
        result = yield
        self.seconds.setdefault(item.nodeid, time.process_time() - start)
        return result


def forked(work):
    """The process that does it, silently, and ends with the number that it returns."""
    pid = os.fork()
    if pid == 0:
        number = 255
        try:
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            number = work()
        finally:
            os._exit(number)
    return pid


def watched(paths, files):
    """What each test takes, and by line of each path the tests that reach it; the tests must pass."""

    def watch():
        watching = coverage.Coverage(data_file=None, include=[str(path) for path in paths])
        tests = Tests(watching)
        watching.start()
        codes = [tests.run(file, folder) for file in files]
        watching.stop()
        reached = {str(path): watching.get_data().contexts_by_lineno(str(path)) for path in paths}
        Path(folder, "watched").write_bytes(pickle.dumps((tests.seconds, reached)))
        return max(codes)

    with TemporaryDirectory() as folder:
        _, status = os.waitpid(forked(watch), 0)
        if status:
            sys.exit(f"the tests of {files} do not pass as they are")
        return pickle.loads(Path(folder, "watched").read_bytes())


def judged(mutant, files, chosen, seconds, order):
    """Runs the tests: 0 where none fails, else 1 + the place of the file with the one that does."""
    get_code, source = SourceFileLoader.get_code, mutant.source()

    def get_changed_code(loader, name):
        if loader.path == mutant.path:
            return compile(source, mutant.path, "exec", dont_inherit=True)
        return get_code(loader, name)

    SourceFileLoader.get_code = get_changed_code
    tests = Tests(chosen=chosen, seconds=seconds)
    with TemporaryDirectory() as folder:
        for number in order:
            if tests.run(files[number], folder) not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                return 1 + number
    return 0


# ---- the audit


def audit(name, sample, workers):
    """Prints the survivors of a group, and how many there are."""
    patterns, files = (words.split() for words in GROUPS[name])
    paths = [path for pattern in patterns for path in sorted((ROOT / "minidl").glob(pattern))]
    mutants = [mutant for path in paths for mutant in mutants_of(path)]
    drawn = mutants if sample is None else random.Random(0).sample(mutants, min(sample, len(mutants)))
    seconds, reached = watched(paths, files)
    quick = {test for test, taken in seconds.items() if taken < SLOW}
    kills, running = Counter(), {}
    gc.freeze()  # pytest collects its garbage, but not this process's

    def end_one():
        pid, status = os.wait()
        mutant = running.pop(pid)
        kills[os.waitstatus_to_exitcode(status) - 1] += 1  # at -1 those that survive, below those that were ended
        if status == 0:
            print(f"{Path(mutant.path).relative_to(ROOT)}:{mutant.lines.start}  {mutant.change}", flush=True)

    for mutant in drawn:
        tests = {test for line in mutant.lines for test in reached[mutant.path].get(line, ())}
        chosen = quick if not tests or "" in tests else tests & quick  # "": reached when imported
        order = sorted(range(len(files)), key=lambda number: -kills[number])
        running[forked(lambda m=mutant, c=chosen, o=order: judged(m, files, c, seconds, o))] = mutant
        if len(running) == workers:
            end_one()
    while running:
        end_one()
    print(f"{name}: {len(mutants)} mutants, {len(drawn)} tried, {kills[-1]} survive", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", default=list(GROUPS), metavar="group", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--sample", type=int, metavar="N", help="try N mutants of each group, drawn with a fixed seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    for name in arguments.groups:
        audit(name, arguments.sample, arguments.workers)
