"""Saving replaces a file at once or not at all. Numbers 101 to 112 of the corpus of hostile files."""

import multiprocessing
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from minidl import Sequential, load_model
from minidl.files import _atomic
from minidl.layers import Dense

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals, limits and modes of POSIX")


def model(value=0.0, units=3):
    made = Sequential([Dense(units)], seed=0)
    made.build((2,))
    made.params.theta[:] = value
    return made


def value_in(path):
    theta = load_model(path).params.theta
    assert (theta == theta[0]).all()
    return theta[0]


def left_over(directory):
    return [path.name for path in directory.iterdir() if path.name.startswith(".minidl-")]


# ---- 101 to 103: places that cannot be written


@contextmanager
def without_root():
    """As a user who may not write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_101_a_read_only_directory():
    with tempfile.TemporaryDirectory() as name:  # and not tmp_path, which lies where nobody but its user may look
        place = Path(name)
        model(1).save(place / "m.h5")
        place.chmod(0o555)
        with without_root(), pytest.raises(PermissionError):
            model(2).save(place / "m.h5")
        place.chmod(0o700)
        assert value_in(place / "m.h5") == 1
        assert len(list(place.iterdir())) == 1


def test_101_a_missing_directory(tmp_path):
    for save, name in ((model().save, "m.h5"), (model().save_weights, "m.weights.h5")):
        with pytest.raises(FileNotFoundError, match=f"{name} cannot be saved: there is no directory {tmp_path}/none$"):
            save(tmp_path / "none" / name)


def test_102_a_directory_as_target(tmp_path, monkeypatch):
    with pytest.raises(IsADirectoryError, match=f"^{tmp_path} is a directory; name a file in it"):
        model().save(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError, match=f"^{tmp_path} is a directory; name a file in it"):
        model().save("")
    assert list(tmp_path.iterdir()) == []


def test_102_a_pipe_as_target(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="pipe is a device or a pipe, which a file would replace"):
        model().save(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_103_a_full_disk_at_every_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "m.h5"
    model(1).save(path)
    size, old = path.stat().st_size, path.read_bytes()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for limit in range(0, size, 53):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            with pytest.raises(OSError, match="File too large"):
                model(2).save(path)
            assert path.read_bytes() == old
            assert left_over(tmp_path) == []
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        model(2).save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert value_in(path) == 2


@pytest.mark.parametrize("call", ["open", "fdopen", "fchmod", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, MemoryError], ids=["103", "109", "memory"])
def test_103_109_an_error_at_every_step_is_raised_and_the_old_file_stays(tmp_path, monkeypatch, call, error):
    path = tmp_path / "m.h5"
    model(1).save(path)

    def fail(*arguments, **options):
        raise error("planted")

    owner = Path if call == "replace" else os
    monkeypatch.setattr(owner, call, fail)
    with pytest.raises(error, match="planted"):
        _atomic.write(path, b"new")
    monkeypatch.undo()
    assert value_in(path) == 1
    assert left_over(tmp_path) == []


# ---- 104 to 107: others at the same time

SAVE_WITHOUT_END = """
import sys
from tests.files.test_atomic import model
number = 0
while True:
    number += 1
    model(number, units=300).save(sys.argv[1])
    print(number, flush=True)
"""


def killed_saves(path, kills, seed):
    """How often a process that saved without end was killed, the file being whole each time."""
    rng = np.random.default_rng(seed)
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", SAVE_WITHOUT_END, str(path)], stdout=subprocess.PIPE)
        process.stdout.readline()  # it has begun
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert value_in(path) >= 1
    return kills


def test_104_killed_at_random_moments(tmp_path):
    assert killed_saves(tmp_path / "m.h5", 5, seed=0) == 5


@pytest.mark.slow
def test_104_killed_500_times(tmp_path):
    assert killed_saves(tmp_path / "m.h5", 500, seed=1) == 500
    old = time.time() - 2 * _atomic.DAY
    left = left_over(tmp_path)
    for name in left:
        os.utime(tmp_path / name, (old, old))
    model().save(tmp_path / "m.h5")
    assert left_over(tmp_path) == []


def save_often(path, value):
    for _ in range(50):
        model(value).save(path)


def test_105_106_two_savers_and_a_reader(tmp_path):
    path = tmp_path / "m.h5"
    model(1).save(path)
    context = multiprocessing.get_context("spawn")
    savers = [context.Process(target=save_often, args=(path, value)) for value in (1, 2)]
    for saver in savers:
        saver.start()
    read = 0
    while any(saver.is_alive() for saver in savers):
        assert value_in(path) in (1, 2)  # one of them, never a mixture
        read += 1
    assert read
    assert [saver.exitcode for saver in savers] == [0, 0]
    assert left_over(tmp_path) == []


def test_107_an_open_file_keeps_its_contents(tmp_path):
    path = tmp_path / "m.h5"
    model(1).save(path)
    old = path.read_bytes()
    with path.open("rb") as reader:
        model(2).save(path)
        assert reader.read() == old
    assert value_in(path) == 2


# ---- 108 to 112: links, modes, names


def test_108_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    model(1).save(tmp_path / "real" / "m.h5")
    (tmp_path / "link.h5").symlink_to("real/m.h5")
    model(2).save(tmp_path / "link.h5")
    assert (tmp_path / "link.h5").is_symlink()
    assert value_in(tmp_path / "real" / "m.h5") == 2


def test_110_the_mode_of_the_old_file_is_kept_and_a_new_one_obeys_umask(tmp_path):
    old = os.umask(0o026)
    try:
        model().save(tmp_path / "new.h5")
        (tmp_path / "old.h5").touch()
        (tmp_path / "old.h5").chmod(0o604)
        model().save(tmp_path / "old.h5")
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"new.h5": 0o640, "old.h5": 0o604}


@pytest.mark.parametrize("name", ["模型 ü.h5", 255 * "a", "-rf", "a\nb", "{0}%s"], ids=range(5))
def test_111_any_name_that_a_file_can_have(tmp_path, name):
    model(1).save(tmp_path / name)
    assert value_in(tmp_path / name) == 1
    model(2).save(str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_112_the_temporary_file_is_beside_the_target(tmp_path, monkeypatch):
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *arguments: opened.append(Path(path)) or real(path, *arguments))
    _atomic.write(tmp_path / "m.h5", b"content")
    assert {path.parent for path in opened} <= {tmp_path, tmp_path.parent}
    assert opened[0].parent == tmp_path


def test_everything_is_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    events = []
    for owner, name in ((os, "fsync"), (Path, "replace")):
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, real=real, name=name: events.append(name) or real(*a))
    _atomic.write(tmp_path / "m.h5", b"content")
    assert events == ["fsync", "replace", "fsync"]  # the file, its name, the directory


def test_leftovers_of_killed_saves_are_removed_after_a_day(tmp_path):
    for name, days in ((".minidl-old.tmp", 1.01), (".minidl-new.tmp", 0.99), ("mine.tmp", 9)):
        (tmp_path / name).touch()
        then = time.time() - days * 24 * 60 * 60
        os.utime(tmp_path / name, (then, then))
    (tmp_path / ".minidl-folder.tmp").mkdir()  # somebody else's: what cannot be removed stays
    os.utime(tmp_path / ".minidl-folder.tmp", (0, 0))
    model().save(tmp_path / "m.h5")
    left = {".minidl-new.tmp", ".minidl-folder.tmp", "mine.tmp", "m.h5"}
    assert {path.name for path in tmp_path.iterdir()} == left
