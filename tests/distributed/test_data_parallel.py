"""Training in several processes: the weights of one process, and no process that hangs."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minidl import Sequential, SettingError
from minidl.distributed import DataParallel
from minidl.layers import Dense
from minidl.optimizers import LBFGS, SGD, Adam, Clip
from tests.helpers import mpi_programs

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
    environment = os.environ | {"PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"}
    command = [MPIEXEC, "-n", str(processes), *python]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)


def saved(directory, processes):
    """Return the arrays that each process has saved."""
    found = []
    for rank in range(processes):
        with np.load(directory / f"rank{rank}.npz") as stored:
            found.append(dict(stored))
    return found


# ---- the same weights


@mpi
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_any_number_of_processes_gives_the_weights_of_one_process(tmp_path, processes):
    # 4 processes share batches of 10 rows and a last one of 2: shards of 2, 3, 1 and 0 rows
    model, history = mpi_programs.trained(mpi_programs.clipped())
    done = start(tmp_path, processes, "same")
    assert done.returncode == 0, done.stderr
    results = saved(tmp_path, processes)
    for result in results:
        assert np.abs(result["theta"] - model.params.theta).max() < 1e-10
        assert result["theta"].tobytes() == results[0]["theta"].tobytes()
        for name, values in history.items():
            assert np.allclose(result[name], values, rtol=0, atol=1e-10), name


@mpi
def test_a_prediction_at_every_step(tmp_path):
    model, history = mpi_programs.trained_at_steps(mpi_programs.clipped())
    done = start(tmp_path, 3, "steps")  # shards of 3 or 4 rows
    assert done.returncode == 0, done.stderr
    for result in saved(tmp_path, 3):
        assert np.abs(result["theta"] - model.params.theta).max() < 1e-10
        for name, values in history.items():
            assert np.allclose(result[name], values, rtol=0, atol=1e-10), name


@mpi
def test_masked_steps_count_in_no_process(tmp_path):
    model, history = mpi_programs.trained_with_masks(mpi_programs.clipped())
    done = start(tmp_path, 3, "masks")
    assert done.returncode == 0, done.stderr
    for result in saved(tmp_path, 3):
        assert np.abs(result["theta"] - model.params.theta).max() < 1e-10
        for name, values in history.items():
            assert np.allclose(result[name], values, rtol=0, atol=1e-10), name


@mpi
@pytest.mark.parametrize("processes", [2, 4])
def test_a_graph_with_several_inputs_and_outputs(tmp_path, processes):
    model, history = mpi_programs.trained_graph(mpi_programs.clipped())
    done = start(tmp_path, processes, "graph")
    assert done.returncode == 0, done.stderr
    for result in saved(tmp_path, processes):
        assert np.abs(result["theta"] - model.params.theta).max() < 1e-10
        for name, values in history.items():
            assert np.allclose(result[name], values, rtol=0, atol=1e-10), name


@mpi
def test_local_batches_may_differ_in_number_and_size(tmp_path):
    model = mpi_programs.network(Adam(0.05), penalty=mpi_programs.LOCAL_PENALTY)
    model.fit(mpi_programs.local_batches([0, 1, 2]), epochs=3, shuffle=False)
    done = start(tmp_path, 3, "local")
    assert done.returncode == 0, done.stderr
    results = saved(tmp_path, 3)
    assert {int(result["iterations"]) for result in results} == {15}
    for result in results:
        assert np.abs(result["theta"] - model.params.theta).max() < 1e-10
        assert result["theta"].tobytes() == results[0]["theta"].tobytes()


@mpi
def test_models_without_a_seed_start_equal_and_drop_different_units(tmp_path):
    done = start(tmp_path, 3, "unseeded")
    assert done.returncode == 0, done.stderr
    a, b, c = saved(tmp_path, 3)
    for name in ("theta", "mean"):
        assert a[name].tobytes() == b[name].tobytes() == c[name].tobytes()
    assert a["masks"].shape == b["masks"].shape == c["masks"].shape
    assert (a["masks"] != b["masks"]).any() and (b["masks"] != c["masks"]).any() and (a["masks"] != c["masks"]).any()


# ---- output and files


@mpi
def test_only_process_0_prints_and_writes(tmp_path):
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
def test_a_resumed_training_ends_at_the_same_bits(tmp_path):
    (tmp_path / "crashed").mkdir()
    whole = start(tmp_path, 2, "backup")
    assert whole.returncode == 0, whole.stderr
    expected = saved(tmp_path, 2)
    (tmp_path / "crashed").rmdir()
    crashed = start(tmp_path, 2, "backup")
    assert crashed.returncode != 0 and "power failure" in crashed.stderr
    again = start(tmp_path, 2, "backup")
    assert again.returncode == 0, again.stderr
    for result, wanted in zip(saved(tmp_path, 2), expected, strict=True):
        for name in wanted:
            assert result[name].tobytes() == wanted[name].tobytes(), name


# ---- errors


@mpi
@pytest.mark.parametrize("module", ["mpi4py", None])
@pytest.mark.parametrize(
    ("program", "message"),
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
def test_a_failure_in_one_process_ends_the_job(tmp_path, program, message, module):
    done = start(tmp_path, 3, *program, module=module)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@mpi
def test_nan_in_one_process_raises_in_all_processes(tmp_path):
    done = start(tmp_path, 3, "trouble", "nan", module=None)
    assert done.returncode != 0
    assert done.stderr.count("NonFiniteError: fit: the loss is not finite in epoch 1, batch 5") == 3


@mpi
def test_a_stop_in_one_process_stops_all_after_the_same_step(tmp_path):
    done = start(tmp_path, 3, "trouble", "stop")
    assert done.returncode == 0, done.stderr
    a, b, c = saved(tmp_path, 3)
    assert int(a["iterations"]) == int(b["iterations"]) == int(c["iterations"]) == 5
    assert a["theta"].tobytes() == b["theta"].tobytes() == c["theta"].tobytes()


# ---- settings


class OneProcess:
    """A stand-in for an MPI communicator of one process."""

    Iallreduce = allgather = bcast = Abort = isend = None

    def Get_rank(self):
        return 0

    def Get_size(self):
        return 1


def test_arguments_that_cannot_work_raise_errors():
    with pytest.raises(SettingError, match="DataParallel: comm must be an MPI communicator of mpi4py, got 'world'"):
        DataParallel(SGD(0.1), "world")
    with pytest.raises(SettingError, match=r"DataParallel: timeout must be in \(0, inf\), got 0"):
        DataParallel(SGD(0.1), OneProcess(), timeout=0)
    with pytest.raises(SettingError, match="DataParallel wraps optimizers that take steps, LBFGS does not"):
        DataParallel(LBFGS(), OneProcess())
    with pytest.raises(SettingError, match=r"Clip: DataParallel goes outside: DataParallel\(Clip\(...\), ...\)"):
        Clip(DataParallel(SGD(0.1), OneProcess()), norm=1.0)


def test_train_on_batch_raises_an_error():
    model = Sequential([Dense(1)])
    model.compile(DataParallel(SGD(0.1), OneProcess()))
    with pytest.raises(SettingError, match="train_on_batch: DataParallel trains in fit"):
        model.train_on_batch(np.ones((3, 2)), np.ones((3, 1)))


def test_learning_rate_and_file_are_those_of_the_wrapped_optimizer():
    optimizer = DataParallel(SGD(0.1), OneProcess())
    optimizer.learning_rate = 0.2
    assert optimizer.optimizer.learning_rate == optimizer.rate == 0.2
    assert optimizer.serializable is optimizer.optimizer
    assert (
        repr(optimizer) == "DataParallel(optimizer=SGD(learning_rate=0.2, momentum=0.0, nesterov=False), timeout=300.0)"
    )


def test_the_old_name_of_timeout_works_with_a_warning():
    with pytest.warns(DeprecationWarning, match="deadline is deprecated and will be removed in 0.3; use timeout"):
        optimizer = DataParallel(SGD(0.1), OneProcess(), deadline=5.0)
    assert optimizer.timeout == 5.0
