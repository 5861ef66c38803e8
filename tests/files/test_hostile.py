"""Model files that are damaged, forged or meant to harm: each is refused, and nothing but the file itself is touched.

The numbers are those of a corpus of 112 such files, 1 to 100 here, the rest in test_files_save.py. All but the first
few are sealed anew after they were changed, as a forger would: the checks behind the checksum must hold alone.
"""

import faulthandler
import hashlib
import json
import os
import re
import struct
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import ModelFileError, Sequential, load_model
from minidl.callbacks import EarlyStopping, ModelCheckpoint
from minidl.files import _minidl_format, _strict_json
from minidl.layers import BatchNormalization, Dense, Dropout, ReLU, Sigmoid
from minidl.optimizers import Adam

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the files need links and FIFOs")

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


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """The bytes of a file that has everything: all kinds of state, and a training in the middle of an epoch."""
    path = tmp_path_factory.mktemp("good") / "m.h5"
    layers = [Dense(3), BatchNormalization(), ReLU(), Dropout(0.5), Dense(2), Dense(1), Sigmoid()]
    model = Sequential(layers, seed=1)
    model.compile(Adam(0.01), metrics=["auc"])
    x = np.random.default_rng(0).normal(size=(8, 2))
    checkpoint = ModelCheckpoint(path, save_freq=3)
    model.fit(x, x[:, 0] > 0, batch_size=2, callbacks=[EarlyStopping("loss", restore_best_weights=True), checkpoint])
    load_model(path)  # what is imported on the way is imported now
    return path.read_bytes()


def resealed(content):
    content = bytearray(content)
    body = memoryview(content)[512:]
    struct.pack_into("<8sIQ32s", content, 0, _minidl_format.MAGIC, 1, len(body), hashlib.sha256(body).digest())
    return bytes(content)


def peak_memory():
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def refuse(path, match=""):
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


# ---- 1 to 16: the container

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
def test_bytes_that_are_no_whole_model_are_refused(good, tmp_path, case):
    path = tmp_path / "m.h5"
    path.write_bytes(BYTES[case](good))
    refuse(path, "version 2, this minidl reads version 1" if case.startswith("11") else "")


def test_5_every_truncation_is_refused(good):
    for length in range(len(good)):
        with pytest.raises(ModelFileError):
            _minidl_format.decode_model(good[:length], {})


def test_8_every_flipped_bit_is_refused(tmp_path):
    Sequential([Dense(1)]).save(tmp_path / "m.h5")
    content = bytearray((tmp_path / "m.h5").read_bytes())
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelFileError):
            _minidl_format.checked_digest(content)
        content[bit // 8] ^= 1 << bit % 8
    _minidl_format.checked_digest(content)


def test_9_what_is_no_regular_file_is_refused(tmp_path):
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
def test_13_a_file_that_changes_while_it_is_read_is_refused(good, tmp_path, monkeypatch, change):
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
def test_14_15_the_file_of_a_killed_writer_is_refused(tmp_path, swmr):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", userblock_size=512, libver="latest") as file:
        file.create_dataset(W, data=np.ones((2, 3), "f4"))
        if swmr:
            file.swmr_mode = True
        killed = path.read_bytes()  # as it is on disk while it is still open
    path.write_bytes(resealed(killed.ljust(600, b"\0")))
    refuse(path)


def test_16_a_file_that_somebody_holds_open_loads(good, tmp_path):
    path = tmp_path / "m.h5"
    path.write_bytes(good)
    with h5py.File(path, "r"), path.open("rb+"):
        assert load_model(path).built


# ---- 17 to 65: what HDF5 can be made to do


def fifo(file):
    """A file beside this one that whoever opens it waits for, for ever."""
    path = Path(file.filename).parent / "fifo"
    if not path.exists():
        os.mkfifo(path)
    return str(path)


def replaced(path, **options):
    def change(file):
        del file[path]
        file.create_dataset(path, **options)

    return change


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


WORDS = {  # what is said of some of them
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
    "78 duplicate keys": r"/minidl/config is not the strict JSON that minidl writes \(a key is repeated\)",
    "79 NaN": r"\(NaN is not a JSON number\)",
    "81 41 digits": r"\(an integer has 41 digits\)",
    "82-87 units 0": "layers.Dense cannot be made: Dense: units must be an integer of at least 1, got 0",
    "89-91 layers.Layer": "it names the unknown class 'layers.Layer'; if it is yours, pass",
    "93 extra key": r"layers.Dense has the settings \['bias_initializer', .*'kernel', .*, not \['bias_initializer'",
    "epoch true": "its configuration holds True, wanted int",
    "generator": r"its generator is \[1, 2, 3\], wanted four integers",
    "two keys": r"holds the unknown keys \['array', 'tuple'\]",
    "99 no m": r"the state of Adam holds \{.*\}, wanted the keys iterations, m, v",
}


def forged(path, good, change):
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        change(file)
    path.write_bytes(resealed(path.read_bytes()))


def test_the_file_is_good_before_it_is_changed(good, tmp_path):
    assert WORDS.keys() <= CHANGES.keys() | CONFIGS.keys()
    forged(tmp_path / "m.h5", good, lambda file: None)
    assert load_model(tmp_path / "m.h5").position.batch == 3
    forged(tmp_path / "m.h5", good, replaced(W, data=FLOATS, track_times=False))
    assert np.array_equal(load_model(tmp_path / "m.h5").params["dense/kernel"].value, FLOATS)


@pytest.mark.parametrize("case", CHANGES)
def test_what_hdf5_can_be_made_to_do_is_refused(good, tmp_path, case):
    forged(tmp_path / "m.h5", good, CHANGES[case])
    refuse(tmp_path / "m.h5", WORDS.get(case, ""))


def test_25_a_link_of_an_unknown_class_is_refused(good, tmp_path):
    path = tmp_path / "m.h5"
    forged(path, good, CHANGES["19 intermediate external link"])
    path.write_bytes(resealed(user_defined_link(path.read_bytes())))
    refuse(path, "/layers/dense is a link")


@pytest.mark.parametrize("value", [1e-45, -0.0, 3e38], ids=["69 denormal", "70 -0.0", "largest"])
def test_69_70_strange_but_finite_values_load(good, tmp_path, value):
    forged(tmp_path / "m.h5", good, replaced(W, data=np.full((2, 3), value, "f4")))
    kernel = load_model(tmp_path / "m.h5").params["dense/kernel"].value
    assert kernel.tobytes() == np.full((2, 3), value, "f4").tobytes()


# ---- 71 to 99: the configuration


def text(file, part):
    return bytes(file[part][()]).decode()


def json_changed(change, part=CONFIG):
    """The JSON with something changed in it: `change` gets the parsed dict."""

    def changed(file):
        parsed = json.loads(text(file, part))
        change(parsed)
        replaced(part, data=np.frombuffer(json.dumps(parsed).encode(), "u1"))(file)

    return changed


def text_changed(old, new, part=CONFIG):
    def changed(file):
        found = text(file, part)
        assert old in found
        raw = found.replace(old, new, 1).encode("utf-8", "surrogatepass")
        replaced(part, data=np.frombuffer(raw, "u1"))(file)

    return changed


def layer(number, **settings_):
    return json_changed(lambda config: config["layer"]["layers"]["tuple"][number].update(settings_))


def top(**settings_):
    return json_changed(lambda config: config.update(settings_))


def state(**settings_):
    return json_changed(lambda config: config.update(settings_), STATE)


def position(**settings_):
    return json_changed(lambda config: config["position"].update(settings_), STATE)


def adam(**settings_):
    return json_changed(lambda config: config["optimizer"][0].update(settings_), STATE)


DENSE = {"class": "layers.Dense"}
CONFIGS = {
    "75 NUL inside a class": layer(0, **{"class": "layers.Dense\0"}),
    "75 a NUL": text_changed('"layers.Dense"', '"layers.\0Dense"'),
    "76 30,000 deep": text_changed('"seed":1', '"seed":' + 30_000 * "["),
    "76 101 deep": text_changed('"seed":1', '"seed":' + 101 * "[" + 101 * "]"),
    "78 duplicate keys": text_changed('"units":3', '"units":3,"units":3'),
    "79 NaN": text_changed('"rate":0.5', '"rate":NaN'),
    "79 -Infinity": text_changed('"rate":0.5', '"rate":-Infinity'),
    "80 1e400": text_changed('"rate":0.5', '"rate":1e400'),
    "81 5,000 digits": text_changed('"units":3', '"units":' + 5000 * "3"),
    "81 41 digits": text_changed('"seed":1', '"seed":' + 41 * "1"),
    **{
        f"82-87 units {units}": layer(0, units=units)
        for units in (0, -1, True, 3.0, 2**31, 2**63, "3", None, [3], 2, 4, {})
    },
    "88 rate 1.0": layer(3, rate=1.0),
    "88 rate -0.1": layer(3, rate=-0.1),
    "88 rate NaN": layer(3, rate={"float": "nan"}),
    "88 rate inf": layer(3, rate={"float": "infinity"}),
    **{
        f"89-91 {name}": layer(0, **{"class": name})
        for name in (
            *("Dense", "layers.Conv2D", "layers.Layer", "", "__import__('os').system", "os.system", "builtins.eval"),
            *("minidl.load_model", "files.load_model", "layers.Dense.__init__", "layers.sigmoid", "losses.Loss"),
        )
    },
    "89 class is no string": layer(0, **{"class": ["layers.Dense"]}),
    "89 class of another family": layer(0, **{"class": "losses.Hinge"}),
    "91 a function": layer(0, kernel_initializer={"function": "eval"}),
    "91 a lambda": layer(0, kernel_initializer={"lambda": "eval"}),
    "92 __class__": layer(0, __class__="x"),
    "92 __init__": layer(0, __init__={"function": "print"}),
    "92 build": layer(0, build=3),
    "93 extra key": layer(0, kernel=3),
    "93 extra key at the top": top(more=1),
    "93 key missing": json_changed(lambda config: config["layer"]["layers"]["tuple"][0].pop("units")),
    "93 key missing at the top": json_changed(lambda config: config.pop("seed")),
    "94 lone surrogate": text_changed('"name":"sequential"', '"name":"\\ud800"'),
    "94 raw surrogate": text_changed('"name":"sequential"', '"name":"\ud800"'),
    "95 right-to-left": layer(0, name="a\u202eb"),
    "95 homoglyph": layer(0, **{"class": "layers.D\u0435nse"}),
    "95 NFD": layer(0, name="e\u0301"),
    "96 duplicate names": json_changed(
        lambda config: [config["layer"]["layers"]["tuple"][i].update(name="a") for i in (0, 4)]
    ),
    **{
        f"97 name {name!r}": layer(0, name=name) for name in ("../x", "/abs", ".", "", "a\nb", "a\x1b[2Jb", 3, 65 * "a")
    },
    "97 model's name": top(name="../x"),
    "98 shapes that do not chain": layer(4, units=5),
    "98 another input": top(input_shape=[3]),
    "98 rank 2": top(input_shape=[2, 2]),
    "98 huge input": top(input_shape=[2**40]),
    "98 no input": top(input_shape=[]),
    "98 input of nothing": top(input_shape=None),
    "98 true input": top(input_shape=[True]),
    "43 5,000 layers": json_changed(
        lambda config: config["layer"]["layers"].update(tuple=5000 * [{"class": "layers.ReLU", "name": None}])
    ),
    "no layers": json_changed(lambda config: config["layer"].update(layers=3)),
    "layers that are strings": json_changed(lambda config: config["layer"].update(layers="ab")),
    "a layer that is none": top(layer=None),
    "a Sequential of a Residual": json_changed(
        lambda config: config["layer"].update(
            {"class": "layers.Residual", "layers": {"tuple": config["layer"]["layers"]["tuple"][2:4]}}
        )
    ),
    "model of another kind": top(model="Estimator"),
    "model is a list": top(model=["Sequential"]),
    "Model of a Chain": top(model="Mode1"),
    "dtype": top(dtype="float16"),
    "dtype object": top(dtype="O"),
    "seed": top(seed=-1),
    "seed true": top(seed=True),
    "a list for all": lambda file: replaced(CONFIG, data=np.frombuffer(b"[]", "u1"))(file),
    "compile is a list": top(compile=[]),
    "optimiser is a layer": json_changed(lambda config: config["compile"].update(optimizer=config["layer"])),
    "optimiser is a string": json_changed(lambda config: config["compile"].update(optimizer="adam")),
    "loss is a layer": json_changed(lambda config: config["compile"].update(loss=config["layer"])),
    "loss of nothing": json_changed(
        lambda config: config["compile"].update(
            loss={"class": "losses.PenalizedLoss", "loss": 3, "penalties": {"tuple": []}}
        )
    ),
    "penalties of nothing": json_changed(
        lambda config: config["compile"].update(
            loss={"class": "losses.PenalizedLoss", "loss": {"class": "losses.Hinge"}, "penalties": {"tuple": [3]}}
        )
    ),
    "penalties that are a number": json_changed(
        lambda config: config["compile"].update(
            loss={"class": "losses.PenalizedLoss", "loss": {"class": "losses.Hinge"}, "penalties": 3}
        )
    ),
    "metrics of nothing": json_changed(lambda config: config["compile"].update(metrics=[["auc", None]])),
    "metrics are a number": json_changed(lambda config: config["compile"].update(metrics=3)),
    "a metric without a name": json_changed(lambda config: config["compile"]["metrics"][0].pop(0)),
    "thresholds without end": json_changed(
        lambda config: config["compile"]["metrics"][0][1].update(num_thresholds=2**45)
    ),
    "not compiled, yet an optimiser's state": top(compile=None),
    "generator": state(generator=[1, 2, 3]),
    "generator strings": state(generator=["1", "2", "0", "0"]),
    "generator out of range": state(generator=[1, 1, 2, 1]),
    "generator negative": state(generator=[-1, 1, 0, 0]),
    "generator true": state(generator=[1, 1, True, 0]),
    "99 no optimiser": state(optimizer=None),
    "99 two optimisers": json_changed(lambda config: config["optimizer"].append({}), STATE),
    "99 no m": json_changed(lambda config: config["optimizer"][0].pop("m"), STATE),
    "99 __dict__": adam(__dict__={}),
    "99 iterations": adam(iterations=-1),
    "99 iterations that are true": adam(iterations=True),
    "99 iterations that are a float": adam(iterations=2.0),
    "99 m is none": adam(m=None),
    "99 m is a list": adam(m=[1.0]),
    "99 m of another shape": adam(m={"array": [0, "float32", [1, 26]]}),
    "99 m is v": json_changed(lambda config: config["optimizer"][0].update(v=config["optimizer"][0]["m"]), STATE),
    **{
        f"99 array {given}": adam(m={"array": given})
        for given in (
            *(3, [], [0, "float32"], [0, "float32", 3], [True, "float32", [26]], ["0", "float32", [26]]),
            *(
                [0, "object", [26]],
                [0, ["float32"], [26]],
                [0, "float64", [26]],
                [0, "float32", [-1]],
                [-1, "float32", [26]],
            ),
            *(
                [0, "float32", [2**40, 2**40]],
                [0, "float32", [2**62]],
                [0, "float32", 33 * [1]],
                [999, "float32", [26]],
            ),
        )
    },
    "41 a product beyond 2**63": adam(m={"array": [0, "float32", [2**40, 2**40]]}),
    "two keys": adam(m={"array": [0, "float32", [26]], "tuple": []}),
    "an unknown key": adam(m={"bytes": "AAAA"}),
    "position without rows": json_changed(lambda config: config["position"].pop("rows"), STATE),
    "position with more": position(rate=1),
    "position is a list": state(position=[]),
    "epoch negative": position(epoch=-1),
    "epoch float": position(epoch=1.0),
    "batch negative": position(batch=-1),
    "rows negative": position(rows=-1.0),
    "epoch true": position(epoch=True),
    "stopped 1": position(stopped=1),
    "data_sum": position(data_sum="1"),
    "order": position(order=[1, 2]),
    "states are a list": position(states=[]),
    "states of numbers": position(states={"dict": [["a", 1]]}),
    "states without names": position(states={"dict": [[1, {"dict": []}]]}),
    "states that are no pairs": position(states={"dict": [[1, 2, 3]]}),
    "states by lists": position(states={"dict": [[[1], 2]]}),
    "a float32 of a string": position(states={"dict": [["a", {"float32": "x"}]]}),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_configuration_that_is_not_exactly_right_is_refused(good, tmp_path, case):
    forged(tmp_path / "m.h5", good, CONFIGS[case])
    refuse(tmp_path / "m.h5", WORDS.get(case, ""))


def test_a_state_larger_than_the_file_is_refused_before_it_is_allocated(tmp_path):
    path = tmp_path / "m.h5"
    model = Sequential([BatchNormalization()])
    model.build((2,))
    model.save(path)
    forged(path, path.read_bytes(), top(input_shape=[3000, 3000]))
    refuse(path, "BatchNormalization on rows of shape .3000, 3000. has more weights than the file has bytes")


def test_a_saved_numpy_version_other_than_this_is_said(good, tmp_path):
    forged(tmp_path / "m.h5", good, state(numpy="1.0\x1b"))
    with pytest.warns(UserWarning, match=r"saved with NumPy '1.0\\x1b', this is .*: it resumes, but not to the bit"):
        load_model(tmp_path / "m.h5")


# ---- JSON alone


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_refused(raw):
    try:
        parsed = _strict_json.parse("it", raw)
    except ModelFileError as error:
        assert str(error).isprintable()
    else:
        assert _strict_json.parse("it", _strict_json.dump(parsed)) == parsed


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**127), 2**127)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_what_is_written_is_read(value):
    assert _strict_json.parse("it", _strict_json.dump(value)) == value


@pytest.mark.parametrize("value", [np.nan, np.inf, {"a": [-np.inf]}, {1: "\ud800"}])
def test_what_json_has_no_text_for_is_not_written(value):
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        _strict_json.dump(value)


def test_how_deep_and_how_long_json_may_be():
    assert _strict_json.parse("it", b"[" * 100 + b"]" * 100) is not None
    assert _strict_json.parse("it", b"[[]]" + b" " * 9) == [[]]
    assert _strict_json.parse("it", b"9" * 40) == 10**40 - 1
    assert _strict_json.parse("it", b"[" + b"[],{}," * 200 + b"0]")[-1] == 0  # many brackets, none deep


def test_only_one_room_for_models_imports_h5py():
    import minidl.files

    folder = Path(minidl.files.__file__).parent
    assert {path.name for path in folder.glob("*.py") if "import h5py" in path.read_text(encoding="utf-8")} == {
        "_hdf5_reader.py"
    }
