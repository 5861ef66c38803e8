"""Numbers 17 to 74 and 100 of the hostile files: links, datasets and types with which HDF5 could do harm."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from minidl import load_model
from tests.helpers.hostile_files import BETA, BIAS, CONFIG, GAMMA, STATE, W, assert_rejected, forged, replaced, resealed

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the files need links and FIFOs")


def fifo(file):
    """A file beside this one that whoever opens it waits for, for ever."""
    path = Path(file.filename).parent / "fifo"
    if not path.exists():
        os.mkfifo(path)
    return str(path)


def linked(path, make):
    def change(file):
        del file[path]
        file[path] = make(file)

    return change


def user_defined_link(content):
    """The external link made one of a class nobody knows."""
    place = content.find(b"\x01\x08\x40")
    assert place > 0
    return content[: place + 2] + b"\x41" + content[place + 3 :]


def unknown_filter(file):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 3))
    plist.set_filter(40_000, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    low_level(file, W, h5py.h5t.IEEE_F32LE, (2, 3), plist)


def low_level(file, path, kind, shape, plist=None):
    del file[path]
    h5py.h5d.create(file.id, path.encode(), kind, h5py.h5s.create_simple(shape), dcpl=plist)


def biased(file):
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_ebias(100)
    low_level(file, W, kind, (2, 3))


def virtual(source):
    def change(file):
        layout = h5py.VirtualLayout((2, 3), "f4")
        layout[:] = h5py.VirtualSource(source(file), "/layers/dense/vars/9", (2, 3))
        del file[W]
        file.create_virtual_dataset(W, layout)

    return change


def nested(file):
    group = file["layers/dense"]
    for _ in range(3000):
        group = group.create_group("g")


def alias(file):
    del file[BETA]
    file[BETA] = file[GAMMA]


def cycle(file):
    del file["layers/dense"]
    file["layers/dense"] = file["layers"]


def of_dtype(dtype, data=None):
    return replaced(W, data=np.zeros((2, 3), dtype) if data is None else data, dtype=dtype)


FLOATS = np.ones((2, 3), "f4")


SHAPES = {
    "scalar": (),
    "zero-size": (0, 3),
    "rank 5": (1, 1, 1, 2, 3),
    "transposed": (3, 2),
    "flat": (6,),
    "large": (20, 30),
}


CHANGES = {
    "17 group external link": linked("layers", lambda file: h5py.ExternalLink(fifo(file), "/layers")),
    "18 dataset external link": linked(W, lambda file: h5py.ExternalLink(fifo(file), "/x")),
    "19 intermediate external link": linked("layers/dense", lambda file: h5py.ExternalLink(fifo(file), "/x")),
    "19 intermediate soft link": linked("layers/dense/vars", lambda file: h5py.SoftLink("/layers/dense_1/vars")),
    "20 soft link": linked(BETA, lambda file: h5py.SoftLink("/" + GAMMA)),
    "21 soft loop": linked(W, lambda file: h5py.SoftLink("/" + W)),
    "22 dangling soft link": linked(W, lambda file: h5py.SoftLink("/nowhere")),
    "23 hard-link cycle": cycle,
    "24 hard-link alias": alias,
    "26 external raw file": replaced(W, shape=(2, 3), dtype="f4", external=[("/etc/passwd", 0, 24)]),
    "27 external relative": replaced(W, shape=(2, 3), dtype="f4", external=[("../x", 0, 24)]),
    "28 external to a FIFO": lambda file: replaced(W, shape=(2, 3), dtype="f4", external=[(fifo(file), 0, 24)])(file),
    "29 virtual, other file": virtual(fifo),
    "30 virtual, same file": virtual(lambda file: "."),
    "31 unknown filter": unknown_filter,
    **{
        f"32 {name}": replaced(W, data=FLOATS, chunks=(2, 3), **{name: value})
        for name, value in {"compression": "lzf", "scaleoffset": 2, "shuffle": True, "fletcher32": True}.items()
    },
    "32 chunks alone": replaced(W, data=FLOATS, chunks=(1, 3)),
    "33 8 TiB chunked": replaced(W, shape=(2**41, 1), dtype="f4", chunks=(1, 1)),
    "34 8 TiB late": replaced(W, shape=(2**41, 1), dtype="f4"),
    "35 gzip 1000:1": replaced(W, data=np.zeros((2**25, 1), "f4"), compression="gzip"),
    "36 huge chunk": replaced(W, data=FLOATS, maxshape=(None, None), chunks=(2**14, 2**13), compression="gzip"),
    "37 20,000 links": lambda file: [file.create_group(f"layers/{i}") for i in range(20_000)],
    "38 3,000 nested groups": nested,
    "39 attribute": lambda file: file["layers"].attrs.create("a", np.zeros(60_000, "u1")),
    "39 attribute of a weight": lambda file: file[W].attrs.create("a", 1),
    "39 attribute of the root": lambda file: file.attrs.create("a", 1),
    "40 name": lambda file: file.create_group("layers/" + 60_000 * "n"),
    "40 name that is not ASCII": lambda file: file.move(BIAS, "layers/dense/vars/\u0661"),
    "42 fill value": replaced(W, shape=(2, 3), dtype="f4", fillvalue=3),
    "44 vlen str": of_dtype(h5py.string_dtype(), np.full((2, 3), "1.0", object)),
    "45 fixed str": of_dtype("S4", np.full((2, 3), b"1.0")),
    "46 compound": of_dtype([("a", "f4")], np.zeros((2, 3), [("a", "f4")])),
    **{
        f"{number} {dtype}": of_dtype(dtype)
        for number, dtype in [
            (47, ">f4"),
            (48, "f2"),
            (49, "g"),
            (50, "c8"),
            (51, "i8"),
            (51, "i4"),
            (52, "?"),
            (68, "f8"),
        ]
    },
    "53 enum": lambda file: low_level(file, W, h5py.h5t.py_create(h5py.enum_dtype({"one": 1})), (2, 3)),
    "54 vlen float": lambda file: low_level(file, W, h5py.h5t.vlen_create(h5py.h5t.IEEE_F32LE), (2, 3)),
    "55 opaque": of_dtype("V4", np.zeros((2, 3), "V4")),
    "56 object reference": of_dtype(h5py.ref_dtype, np.full((2, 3), h5py.Reference(), object)),
    "57 region reference": lambda file: low_level(file, W, h5py.h5t.STD_REF_DSETREG, (2, 3)),
    "58 custom bias": biased,
    "59 named datatype": linked(W, lambda file: np.dtype("f4")),
    "60 a group": lambda file: (file.pop(W), file.create_group(W)),
    "60 a dataset for a group": replaced("layers/dense", data=FLOATS),
    "61 null dataspace": linked(W, lambda file: h5py.Empty("f4")),
    **{
        f"{number} {name}": replaced(W, data=np.ones(shape, "f4"))
        for number, (name, shape) in enumerate(SHAPES.items(), 62)
    },
    "65 resizable": replaced(W, data=FLOATS, maxshape=(None, 3), chunks=(2, 3)),
    "66 NaN": replaced(W, data=FLOATS * np.nan),
    "67 Inf": replaced(W, data=FLOATS * np.float32(np.inf)),
    "67 -Inf in a state": replaced("layers/batch_normalization/vars/2", data=np.full(3, -np.inf, "f4")),
    "71 config missing": lambda file: file.pop(CONFIG),
    "71 state missing": lambda file: file.pop(STATE),
    "72 empty": replaced(CONFIG, data=np.zeros(0, "u1")),
    "72 null": linked(CONFIG, lambda file: h5py.Empty("u1")),
    "73 scalar str": linked(CONFIG, lambda file: "{}"),
    "73 two axes": replaced(CONFIG, data=np.zeros((2, 2), "u1")),
    "74 not UTF-8": replaced(CONFIG, data=np.full(9, 255, "u1")),
    "77 1 MB": replaced(CONFIG, data=np.full(10**6, 32, "u1")),
    "77 1 MB and more of state": replaced(STATE, data=np.full(2**20 + 1, 32, "u1")),
    "100 two weights": lambda file: file.pop(BIAS),
    "100 four weights": lambda file: file.create_dataset("layers/dense/vars/2", data=FLOATS),
    "100 a layer more": lambda file: file.create_dataset("layers/dense_3/vars/0", data=FLOATS),
    "100 an array more": lambda file: file.create_dataset("minidl/arrays/99", data=FLOATS),
    "100 an array less": lambda file: file.pop("minidl/arrays/0"),
    "100 an array of another name": lambda file: file.move("minidl/arrays/0", "minidl/arrays/99"),
    "100 a thing at the root": lambda file: file.create_group("optimizer"),
    "99 optimiser of another size": replaced("minidl/arrays/2", data=np.zeros(7, "f4")),
}


# The messages of some of them
MESSAGES = {
    "20 soft link": "/layers/batch_normalization/vars/1 is a link",
    "24 hard-link alias": "vars/1 and /layers/batch_normalization/vars/0 are the same object",
    "32 chunks alone": "/layers/dense/vars/0 is chunked or virtual; wanted a contiguous array",
    "47 >f4": "/layers/dense/vars/0 is not of type float32",
    "60 a group": "/layers/dense/vars/0 is not an array",
    "60 a dataset for a group": "/layers/dense is not a group",
    "65 transposed": r"/layers/dense/vars/0 has shape \(3, 2\), wanted \(2, 3\)",
    "66 NaN": r"/layers/dense/vars/0 \(dense/kernel\) is not finite in float32",
    "71 config missing": "/minidl/config is missing",
    "73 two axes": "/minidl/config is not an array of bytes",
    "100 a layer more": "/layers holds 5 objects, wanted 4",
    "39 attribute of the root": ": / has attributes; minidl writes none",
}


def test_the_file_is_good_before_it_is_changed(good, tmp_path):
    assert MESSAGES.keys() <= CHANGES.keys()
    forged(tmp_path / "m.h5", good, lambda file: None)
    assert load_model(tmp_path / "m.h5").position.batch == 3
    forged(tmp_path / "m.h5", good, replaced(W, data=FLOATS, track_times=False))
    assert np.array_equal(load_model(tmp_path / "m.h5").params["dense/kernel"].value, FLOATS)


@pytest.mark.parametrize("case", CHANGES)
def test_every_trick_with_hdf5_is_rejected(good, tmp_path, case):
    forged(tmp_path / "m.h5", good, CHANGES[case])
    assert_rejected(tmp_path / "m.h5", MESSAGES.get(case, ""))


def test_25_a_link_of_an_unknown_class_is_rejected(good, tmp_path):
    path = tmp_path / "m.h5"
    forged(path, good, CHANGES["19 intermediate external link"])
    path.write_bytes(resealed(user_defined_link(path.read_bytes())))
    assert_rejected(path, "/layers/dense is a link")


@pytest.mark.parametrize("value", [1e-45, -0.0, 3e38], ids=["69 denormal", "70 -0.0", "largest"])
def test_69_70_strange_but_finite_values_load(good, tmp_path, value):
    forged(tmp_path / "m.h5", good, replaced(W, data=np.full((2, 3), value, "f4")))
    kernel = load_model(tmp_path / "m.h5").params["dense/kernel"].value
    assert kernel.tobytes() == np.full((2, 3), value, "f4").tobytes()
