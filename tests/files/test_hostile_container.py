"""Numbers 1 to 16 of a corpus of 112 hostile files: files that are damaged, cut, or not regular files."""

import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from minidl import ModelFileError, Sequential, load_model
from minidl.files import _minidl_format
from minidl.layers import Dense
from tests.helpers.hostile_files import W, assert_rejected, resealed

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the files need links and FIFOs")


BYTES = {
    "1 empty": lambda good: b"",
    "2 a zip": lambda good: b"PK\x03\x04" + good[4:],
    "3 half": lambda good: good[: len(good) // 2],
    "4 last byte missing": lambda good: good[:-1],
    "6 junk appended": lambda good: good + b"junk",
    "6 zeros appended": lambda good: good + bytes(512),
    "7 no user block": lambda good: good[512:],
    "7 foreign user block": lambda good: b"MATLAB 7.3".ljust(512, b"\0") + good[512:],
    "7 only a user block": lambda good: good[:512],
    "11 newer version": lambda good: good[:8] + b"\2" + good[9:],
    "12 two models": lambda good: good + good,
    "12 a model in the padding": lambda good: good[:100] + b"x" + good[101:],
    "sealed nothing": lambda good: resealed(good[:512] + b"x"),
    "sealed junk": lambda good: resealed(good[:512] + bytes(4000)),
    "sealed half": lambda good: resealed(good[: len(good) // 2]),
    "sealed junk appended inside": lambda good: resealed(good[:2000] + bytes(100) + good[2000:]),
}


@pytest.mark.parametrize("case", BYTES)
def test_bytes_that_are_not_a_whole_model_are_rejected(good, tmp_path, case):
    path = tmp_path / "m.h5"
    path.write_bytes(BYTES[case](good))
    assert_rejected(path, "version 2, this minidl reads version 1" if case.startswith("11") else "")


def test_5_every_truncation_is_rejected(good):
    for length in range(len(good)):
        with pytest.raises(ModelFileError):
            _minidl_format.decode_model(good[:length], {})


def test_8_every_flipped_bit_is_rejected(tmp_path):
    Sequential([Dense(1)]).save(tmp_path / "m.h5")
    content = bytearray((tmp_path / "m.h5").read_bytes())
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelFileError):
            _minidl_format.checked_digest(content)
        content[bit // 8] ^= 1 << bit % 8
    _minidl_format.checked_digest(content)


def test_9_pipes_devices_and_directories_are_rejected(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/null")):
        with pytest.raises(ModelFileError, match="not a regular file"):
            load_model(path)
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):  # PermissionError on Windows
        load_model(tmp_path)


def test_10_a_symbolic_link_to_a_model_loads(good, tmp_path):
    (tmp_path / "m.h5").write_bytes(good)
    (tmp_path / "link.h5").symlink_to("m.h5")
    assert load_model(tmp_path / "link.h5").built


@pytest.mark.parametrize("change", [-1, 1])
def test_13_a_file_that_changes_while_it_is_read_is_rejected(good, tmp_path, monkeypatch, change):
    path, fstat = tmp_path / "m.h5", os.fstat

    def then_change(descriptor):
        status = fstat(descriptor)
        path.write_bytes(good[:-1] if change < 0 else good + b"x")
        return status

    path.write_bytes(good)
    monkeypatch.setattr(os, "fstat", then_change)
    with pytest.raises(ModelFileError, match="the file changed while it was read"):
        load_model(path)


@pytest.mark.parametrize("swmr", [True, False], ids=["14 SWMR", "15 plain"])
def test_14_15_the_file_of_a_killed_writer_is_rejected(tmp_path, swmr):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", userblock_size=512, libver="latest") as file:
        file.create_dataset(W, data=np.ones((2, 3), "f4"))
        if swmr:
            file.swmr_mode = True
        killed = path.read_bytes()  # as it is on disk while it is still open
    path.write_bytes(resealed(killed.ljust(600, b"\0")))
    assert_rejected(path)


def test_16_a_file_that_another_program_holds_open_loads(good, tmp_path):
    path = tmp_path / "m.h5"
    path.write_bytes(good)
    with h5py.File(path, "r"), path.open("rb+"):
        assert load_model(path).built
