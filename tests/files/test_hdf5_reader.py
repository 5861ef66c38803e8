"""HDF5 files are written the same way each time, and one module imports h5py."""

from pathlib import Path

import numpy as np

from minidl.files import _hdf5_reader


def test_the_byte_order_in_memory_does_not_change_the_file():
    array = np.arange(6.0).reshape(2, 3)
    assert _hdf5_reader.to_hdf5({"/a": array}) == _hdf5_reader.to_hdf5({"/a": array.astype(">f8")})


def test_only_the_hdf5_reader_imports_h5py():
    import minidl.files

    folder = Path(minidl.files.__file__).parent
    assert {path.name for path in folder.glob("*.py") if "import h5py" in path.read_text(encoding="utf-8")} == {
        "_hdf5_reader.py"
    }
