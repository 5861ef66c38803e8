"""Training in several processes: the same weights as in one, and nobody waits for ever."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import Sequential, SettingError
from minidl.data import BatchStream, Examples
from minidl.data._batches import RawBatches
from minidl.distributed import DataParallel
from minidl.distributed.parts import Own, Part
from minidl.layers import Dense
from minidl.optimizers import LBFGS, SGD, Adam, Clip
from tests.helpers import mpi_programs as together

MPIEXEC = shutil.which("mpiexec") or shutil.which("mpiexec", path=str(Path(sys.executable).parent))


def mpi(test):
    without = pytest.mark.skipif(MPIEXEC is None, reason="needs mpiexec and mpi4py: minidl[mpi]")
    return pytest.mark.mpi(without(test))


def start(directory, processes, program, *arguments, module="mpi4py"):
    """Run a program of tests.helpers.mpi_programs; the time limit turns a hang into a failure."""
    python = [
        sys.executable,
        *(["-m", module] if module else []),
        "-m",
        "tests.helpers.mpi_programs",
        program,
        *arguments,
    ]
    root = Path(__file__).parents[2]
    surroundings = os.environ | {"PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"}
    command = [MPIEXEC, "-n", str(processes), *python]
    return subprocess.run(command, cwd=directory, env=surroundings, capture_output=True, text=True, timeout=60)


def left(directory, processes):
    """What each process has left behind."""
    found = []
    for rank in range(processes):
        with np.load(directory / f"rank{rank}.npz") as stored:
            found.append(dict(stored))
    return found


# ---- the same weights


@mpi
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_any_number_of_processes_ends_at_the_weights_of_one(tmp_path, processes):
    # batches of 10 and at last of 2 rows in 4 processes: parts of 2 and 3 rows, and of none
    model, history = together.trained(together.clipped())
    done = start(tmp_path, processes, "same")
    assert done.returncode == 0, done.stderr
    results = left(tmp_path, processes)
    for result in results:
        assert np.abs(result["theta"] - model.params.theta).max() < 1e-10
        assert result["theta"].tobytes() == results[0]["theta"].tobytes()
        for name, values in history.items():
            assert np.allclose(result[name], values, rtol=0, atol=1e-10), name


@mpi
def test_batches_of_ones_own_may_differ_in_number_and_size(tmp_path):
    model = together.network(Adam(0.05))
    model.fit(together.own_batches([0, 1, 2]), epochs=3, shuffle=False)
    done = start(tmp_path, 3, "own")
    assert done.returncode == 0, done.stderr
    results = left(tmp_path, 3)
    assert {int(result["iterations"]) for result in results} == {15}
    for result in results:
        assert np.abs(result["theta"] - model.params.theta).max() < 1e-10
        assert result["theta"].tobytes() == results[0]["theta"].tobytes()


@mpi
def test_unseeded_models_start_equal_and_drop_different_units(tmp_path):
    done = start(tmp_path, 3, "unseeded")
    assert done.returncode == 0, done.stderr
    a, b, c = left(tmp_path, 3)
    for name in ("theta", "mean"):
        assert a[name].tobytes() == b[name].tobytes() == c[name].tobytes()
    assert a["masks"].shape == b["masks"].shape == c["masks"].shape
    assert (a["masks"] != b["masks"]).any() and (b["masks"] != c["masks"]).any() and (a["masks"] != c["masks"]).any()


@given(
    rows=st.integers(1, 40), size=st.integers(1, 50), processes=st.integers(1, 9), shuffle=st.booleans(), data=st.data()
)
def test_the_parts_of_a_batch_make_up_the_batch(rows, size, processes, shuffle, data):
    whole = Examples(np.arange(rows)[:, None], np.arange(rows)[:, None])
    order = whole.epoch_order(size, np.random.default_rng(rows)) if shuffle else None
    start = data.draw(st.integers(0, whole.steps(size)))
    batches = [batch.x[:, 0].tolist() for batch in whole.batches(size, order, start)]
    parts = [list(Part(whole, rank, processes).batches(size, order, start)) for rank in range(processes)]
    joined = [np.concatenate([part.x[:, 0] for part in step]).tolist() for step in zip(*parts, strict=True)]
    assert joined == batches
    for step in zip(*parts, strict=True):
        assert max(map(len, step)) - min(map(len, step)) <= 1


def test_who_has_fewer_batches_takes_part_without_rows():
    given = [Examples(np.ones((rows, 2)), np.ones((rows, 1))) for rows in (3, 1)]
    source = BatchStream(RawBatches("fit", together.Numbered(given)), given[0], lambda batch: batch, None)
    assert [len(batch) for batch in Own(source, 4).batches(32)] == [3, 1, 0, 0]
    assert [len(batch) for batch in Own(source, 4).batches(32, start=1)] == [1, 0, 0]
    assert Own(source, 4).steps(32) == 4


# ---- who writes


@mpi
def test_process_0_alone_prints_and_writes(tmp_path):
    done = start(tmp_path, 3, "writes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Epoch 1/4\n") == 1
    assert done.stdout.count("early stopping") == 1
    assert done.stdout.count("saving the model to model0.h5") == done.stdout.count("saving the model") > 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log0.csv", "model0.h5"]
    with (tmp_path / "log0.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"][: len(rows)]


@mpi
def test_a_training_goes_on_where_all_processes_were(tmp_path):
    (tmp_path / "crashed").mkdir()
    whole = start(tmp_path, 2, "backup")
    assert whole.returncode == 0, whole.stderr
    expected = left(tmp_path, 2)
    (tmp_path / "crashed").rmdir()
    crashed = start(tmp_path, 2, "backup")
    assert crashed.returncode != 0 and "power failure" in crashed.stderr
    again = start(tmp_path, 2, "backup")
    assert again.returncode == 0, again.stderr
    for result, wanted in zip(left(tmp_path, 2), expected, strict=True):
        for name in wanted:
            assert result[name].tobytes() == wanted[name].tobytes(), name


# ---- trouble


@mpi
@pytest.mark.parametrize("module", ["mpi4py", None])
@pytest.mark.parametrize(
    ("program", "words"),
    [
        (["trouble", "error"], "1 of 3 processes failed. process 1: ValueError: batch 3 is bad"),
        (["trouble", "exit"], "1 of 3 processes failed. process 1: SystemExit"),
        (["trouble", "kill"], "Killed (signal 9)"),
        (["trouble", "hang"], "waited 2 s for process 1"),
        (["trouble", "drift"], "the processes' weights differ"),
        (["gone"], "process 1 has ended"),
        (["other_data"], "the checksum of the data is"),
        (["other_settings"], "the optimizer is Adam(learning_rate=0.02"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_one_process_in_trouble_ends_the_job(tmp_path, program, words, module):
    done = start(tmp_path, 3, *program, module=module)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@mpi
def test_nan_in_one_process_raises_in_all(tmp_path):
    done = start(tmp_path, 3, "trouble", "nan", module=None)
    assert done.returncode != 0
    assert done.stderr.count("NonFiniteError: fit: the loss is not finite in epoch 1, batch 5") == 3


@mpi
def test_one_process_that_wants_to_stop_stops_all_after_the_same_step(tmp_path):
    done = start(tmp_path, 3, "trouble", "stop")
    assert done.returncode == 0, done.stderr
    a, b, c = left(tmp_path, 3)
    assert int(a["iterations"]) == int(b["iterations"]) == int(c["iterations"]) == 5
    assert a["theta"].tobytes() == b["theta"].tobytes() == c["theta"].tobytes()


# ---- settings


class Alone:
    """What an MPI communicator looks like from outside."""

    Iallreduce = allgather = bcast = Abort = isend = None

    def Get_rank(self):
        return 0

    def Get_size(self):
        return 1


def test_data_parallel_refuses_what_cannot_work():
    with pytest.raises(SettingError, match="DataParallel: comm must be an MPI communicator of mpi4py, got 'world'"):
        DataParallel(SGD(0.1), "world")
    with pytest.raises(SettingError, match=r"DataParallel: deadline must be in \(0, inf\), got 0"):
        DataParallel(SGD(0.1), Alone(), deadline=0)
    with pytest.raises(SettingError, match="DataParallel wraps optimizers that take steps, LBFGS does not"):
        DataParallel(LBFGS(), Alone())
    with pytest.raises(SettingError, match=r"Clip: DataParallel goes outside: DataParallel\(Clip\(...\), ...\)"):
        Clip(DataParallel(SGD(0.1), Alone()), norm=1.0)


def test_train_on_batch_is_for_one_process():
    model = Sequential([Dense(1)])
    model.compile(DataParallel(SGD(0.1), Alone()))
    with pytest.raises(SettingError, match="train_on_batch: DataParallel trains in fit"):
        model.train_on_batch(np.ones((3, 2)), np.ones((3, 1)))


def test_learning_rate_and_steps_are_those_of_the_optimiser_inside():
    optimizer = DataParallel(SGD(0.1), Alone())
    optimizer.learning_rate = 0.2
    assert optimizer.optimizer.learning_rate == optimizer.rate == 0.2
    assert optimizer.serializable is optimizer.optimizer
    assert (
        repr(optimizer)
        == "DataParallel(optimizer=SGD(learning_rate=0.2, momentum=0.0, nesterov=False), deadline=300.0)"
    )
