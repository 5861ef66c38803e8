"""Mutation testing: change minidl in one small place at a time, and list the changes that no test notices.

    python -m pip install mutmut coverage
    python -m tests.system.mutants losses layers            # some of GROUPS; without a name, all of them
    python -m tests.system.mutants files --sample 300       # a random sample of each group

The changes are mutmut's, except those in strings, and in addition the negated condition of a plain `if`. mutmut itself
changes functions only; here the default of a setting and other code in classes and modules is changed too. Each mutant
is a process forked from this one, which has imported pytest, NumPy and h5py, but not minidl. It runs the tests that
reach the changed lines, the fastest first, until one fails.
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
GROUPS = {  # what is changed under minidl/ ("!" leaves files out), and the tests under tests/ that should notice
    "losses": ("losses*", "*losses* *validation* gradcheck/test_table.py"),
    "regularizers": ("regularizers*", "*regularizers* *validation*"),
    "layers": ("layers", "layers *losses* *regularizers* *validation* gradcheck/test_table.py properties"),
    "optimizers": ("optimizers", "optimizers *schedules* *validation* distributed properties"),
    "gradcheck": ("gradcheck", "gradcheck"),
    "files": ("files !*keras_archive* !*keras_optimizer* !*onnx* !*notebook*", "files"),  # all that load_model uses
}
SLOW = 1.0  # seconds; a test that takes longer is left out


def members(folder, words, pattern):
    """Return the files that the words name, each a glob. Of a folder, these are all files that match the pattern."""
    found = set()
    for word in words.split():
        if word.startswith("!"):
            found -= set(folder.rglob(word[1:]))
            continue
        for path in folder.glob(word):
            found |= set(path.rglob(pattern)) if path.is_dir() else {path}
    return sorted(found)


# ---- mutants


def negate(node):
    """Change `if ready` to `if not ready`. A condition with an operator is left to mutmut."""
    if isinstance(node.test, cst.Name | cst.Attribute | cst.Call):
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), node.test))


OPERATORS = [pair for pair in mutation_operators if pair[1] is not operator_string]
OPERATORS.append(((cst.If, cst.CompIf), negate))


class Visitor(MutationVisitor):
    def _skip_node_and_children(self, node):
        # mutmut skips decorated functions, because it decorates functions itself
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
    """A pytest plugin that selects and orders tests, or, with a recorder, notes the seconds and the lines of each."""

    recorder: coverage.Coverage | None = None
    chosen: set | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, file, folder):
        """Run the tests of one file; return the exit code of pytest."""
        options = ["-x", "-m", "not slow", "-k", "not peers or safetensors", "-p", "no:cacheprovider"]
        options += ["--disable-plugin-autoload"]
        return pytest.main([*options, f"--basetemp={folder}/pytest", str(file)], plugins=[self])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        # the same examples each time, no shrinking, no health checks
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
        if self.recorder is None:
            # a mutant that hangs is killed, and counts as noticed
            limit = int(start + 10 + 10 * self.seconds[item.nodeid])
            resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
            signal.alarm(300)
        else:
            self.recorder.switch_context(item.nodeid)
        result = yield
        self.seconds.setdefault(item.nodeid, time.process_time() - start)
        return result


def fork(work):
    """Start a silent process that exits with the number that work() returns; return its process id."""
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


def measure(paths, files):
    """Return the seconds of each test, and for each path the tests that reach each line. The tests must pass."""

    def record():
        recorder = coverage.Coverage(data_file=None, include=[str(path) for path in paths])
        tests = Tests(recorder)
        recorder.start()
        codes = [tests.run(file, folder) for file in files]
        recorder.stop()
        reached = {str(path): recorder.get_data().contexts_by_lineno(str(path)) for path in paths}
        Path(folder, "recorded").write_bytes(pickle.dumps((tests.seconds, reached)))
        return max(code for code in codes if code != pytest.ExitCode.NO_TESTS_COLLECTED)

    with TemporaryDirectory() as folder:
        _, status = os.waitpid(fork(record), 0)
        if status:
            sys.exit("the tests fail without any change")
        return pickle.loads(Path(folder, "recorded").read_bytes())


def judge(mutant, files, chosen, seconds, order):
    """Run the tests on the mutant. Return 0 if all pass, else 1 + the index of the file with the failing test."""
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
    """Print the mutants of a group that survive, and their number."""
    changed, tests = GROUPS[name]
    paths, files = members(ROOT / "minidl", changed, "*.py"), members(ROOT / "tests", tests, "test_*.py")
    mutants = [mutant for path in paths for mutant in mutants_of(path)]
    drawn = mutants if sample is None else random.Random(0).sample(mutants, min(sample, len(mutants)))
    seconds, reached = measure(paths, files)
    quick = {test for test, taken in seconds.items() if taken < SLOW}
    kills, running = Counter(), {}
    gc.freeze()  # so that the garbage collector of a mutant does not touch, and copy, this process's objects

    def end_one():
        pid, status = os.wait()
        mutant = running.pop(pid)
        kills[os.waitstatus_to_exitcode(status) - 1] += 1  # -1 counts survivors; lower keys count killed processes
        if status == 0:
            print(f"{Path(mutant.path).relative_to(ROOT)}:{mutant.lines.start}  {mutant.change}", flush=True)

    for mutant in drawn:
        tests = {test for line in mutant.lines for test in reached[mutant.path].get(line, ())}
        chosen = quick if not tests or "" in tests else tests & quick  # "": reached when imported
        order = sorted(range(len(files)), key=lambda number: -kills[number])
        running[fork(lambda m=mutant, c=chosen, o=order: judge(m, files, c, seconds, o))] = mutant
        if len(running) == workers:
            end_one()
    while running:
        end_one()
    print(f"{name}: {len(mutants)} mutants, {len(drawn)} tried, {kills[-1]} survive", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", default=list(GROUPS), metavar="group", help=f"one of {', '.join(GROUPS)}")
    parser.add_argument("--sample", type=int, metavar="N", help="try N mutants of each group, drawn with a fixed seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    for name in arguments.groups:
        audit(name, arguments.sample, arguments.workers)
