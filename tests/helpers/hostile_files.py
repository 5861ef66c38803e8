"""Model files that are damaged or forged, and a load that is watched while it rejects them.

The files are sealed again after the change, as a forger would do it: the checks behind the checksum must suffice.
"""

import faulthandler
import hashlib
import re
import struct
import sys
from pathlib import Path

import h5py
import pytest

from minidl import ModelFileError, load_model
from minidl.files import _minidl_format

W, BIAS, GAMMA, BETA = (
    "layers/dense/vars/0",
    "layers/dense/vars/1",
    *(f"layers/batch_normalization/vars/{i}" for i in "01"),
)


CONFIG, STATE = "minidl/config", "minidl/state"


TOUCHED = []


WATCHED = {"open", "import", "exec", "compile", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"}


WATCHED |= {"socket.connect", "ctypes.dlopen", "pickle.find_class", "marshal.loads", "os.remove", "os.rename"}


def audit(event, arguments):
    # a descriptor, an int, was opened by its name before
    if event in WATCHED and TOUCHED and not (event == "open" and isinstance(arguments[0], int)):
        TOUCHED.append((event, arguments))


sys.addaudithook(audit)


def resealed(content):
    content = bytearray(content)
    body = memoryview(content)[512:]
    struct.pack_into("<8sIQ32s", content, 0, _minidl_format.MAGIC, 1, len(body), hashlib.sha256(body).digest())
    return bytes(content)


def peak_memory():
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def assert_rejected(path, match=""):
    """Load under watch: nothing is opened but the file, memory is in proportion, one kind of error comes out."""
    faulthandler.dump_traceback_later(60, exit=True)  # HDF5 cannot be interrupted where it hangs
    can_reset = sys.platform == "linux"
    if can_reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = peak_memory()
    TOUCHED[:] = [None]
    try:
        with pytest.raises(ModelFileError) as caught:
            load_model(path)
    finally:
        touched, TOUCHED[:] = TOUCHED[1:], []
        faulthandler.cancel_dump_traceback_later()
    assert [event for event in touched if event[0] != "open" or event[1][0] not in (path, str(path))] == []
    message = str(caught.value)
    assert message.startswith(f"load_model: {path}: ")
    assert message.endswith("; nothing was loaded")
    assert " " in message.removeprefix(f"load_model: {path}: ").removesuffix("; nothing was loaded")  # it says why
    assert message.isprintable()
    assert len(message) < 700 + len(str(path))
    assert re.search(match, message), message
    if can_reset:
        assert peak_memory() - before < 3 * path.stat().st_size + 100e6


def replaced(path, **options):
    def change(file):
        del file[path]
        file.create_dataset(path, **options)

    return change


def forged(path, good, change):
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        change(file)
    path.write_bytes(resealed(path.read_bytes()))
