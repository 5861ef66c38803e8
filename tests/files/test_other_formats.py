"""Files of other formats: their names are refused when saving, and their contents are named when loading."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest

from minidl import ModelFileError, Sequential, SettingError, files, load_model
from minidl.callbacks import BackupAndRestore, ModelCheckpoint
from minidl.layers import Dense
from tests.files.test_weights_file import SAFETENSORS


@pytest.fixture
def model():
    model = Sequential([Dense(1)])
    model.build((2,))
    return model


WRITERS = {
    "m.npz": "np.savez writes .npz",
    "m.NPZ": "np.savez writes .NPZ",
    "m.pt": "torch.save writes .pt",
    "m.pkl": "pickle.dump writes .pkl",
    "m.onnx": "minidl.files.export_onnx writes .onnx",
    "m.safetensors": "save_weights writes .safetensors",
    "m.csv": "CSVLogger writes .csv",
    "m.h5.gz": "gzip writes .gz",
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_model_is_not_saved_under_the_name_of_another_format(tmp_path, model, name):
    (tmp_path / name).write_bytes(b"foreign")
    with pytest.raises(SettingError, match=f"^save: {WRITERS[name]}; name a whole model .h5 or .keras, got .*{name}$"):
        model.save(tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"foreign"


@pytest.mark.parametrize("name", ["m", "m.h5", "m.hdf5", "m.minidl", "m.v1.2", "npz", "m.npz.h5", "epoch-3.best"])
def test_other_names_are_allowed(tmp_path, model, name):
    model.save(tmp_path / name)
    assert np.array_equal(load_model(tmp_path / name).params.theta, model.params.theta)


@pytest.mark.parametrize("name", ["m.npz", "m.pt", "m.onnx"])
def test_weights_are_not_saved_under_the_name_of_another_format(tmp_path, model, name):
    with pytest.raises(SettingError, match=rf"^save_weights: the name must end in .* got .*{name}'; {WRITERS[name]}$"):
        model.save_weights(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_refuse_such_names_before_the_training(tmp_path):
    with pytest.raises(SettingError, match=r"^ModelCheckpoint: filepath: np\.savez writes \.npz; name a whole model"):
        ModelCheckpoint(tmp_path / "{epoch}.npz")
    with pytest.raises(SettingError, match=r"^ModelCheckpoint: filepath: the name must end in \.weights\.h5 or "):
        ModelCheckpoint(tmp_path / "{epoch}.h5", save_weights_only=True)
    ModelCheckpoint(tmp_path / "{epoch}.h5")
    ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)


def test_a_backup_needs_a_directory(tmp_path, model):
    (tmp_path / "backup.h5").write_bytes(b"a file")
    with pytest.raises(SettingError, match=r"BackupAndRestore: backup_dir must be a directory, and \S+ is a file"):
        model.fit(np.ones((2, 2)), np.ones(2), verbose=0, callbacks=BackupAndRestore(tmp_path / "backup.h5"))


def written(write, *arguments):
    stream = io.BytesIO()
    write(stream, *arguments)
    return stream.getvalue()


def torch_file(stream):
    """The members of a file of torch.save in PyTorch 2.13."""
    with zipfile.ZipFile(stream, "w") as file:
        for name in ("m/data.pkl", "m/byteorder", "m/data/0", "m/version"):
            file.writestr(name, b"")


CONTENTS = {
    "a NumPy archive": (written(lambda stream: np.savez(stream, np.ones(3))), "it is a file of NumPy; read it with np"),
    "a NumPy array": (
        written(lambda stream: np.save(stream, np.ones(3))),
        "it is a file of NumPy; read it",
    ),
    "a file of PyTorch": (written(torch_file), "it is a file of PyTorch; read it with torch.load"),
    "a pickle": (pickle.dumps({"kernel": [1.0]}), "it is a pickle; minidl unpickles nothing, because a pickle can run"),
    "an old pickle": (pickle.dumps({"kernel": [1.0]}, protocol=2), "it is a pickle; minidl unpickles nothing"),
    "a gzip file": (b"\x1f\x8b\x08\0", "it is a gzip file; unpack it first"),
}


@pytest.mark.parametrize("name", ["m.h5", "m.safetensors", "m.npz"])
@pytest.mark.parametrize("case", CONTENTS)
def test_an_error_names_the_format_of_the_contents(tmp_path, model, case, name):
    content, message = CONTENTS[case]
    (tmp_path / name).write_bytes(content)
    for load in (load_model, model.load_weights):
        with pytest.raises(ModelFileError, match=rf"^load_\w+: .*{name}: {message}.*; nothing was loaded$"):
            load(tmp_path / name)


@pytest.mark.peers
def test_files_of_pytorch_are_named(tmp_path, model):
    torch = pytest.importorskip("torch")
    for new in (True, False):
        torch.save({"weight": torch.ones(2)}, tmp_path / "m.pt", _use_new_zipfile_serialization=new)
        with pytest.raises(ModelFileError, match=r"it is a (file of PyTorch|pickle); "):
            model.load_weights(tmp_path / "m.pt")


def test_the_name_tells_what_the_contents_do_not(tmp_path, model):
    (tmp_path / "m.onnx").write_bytes(b"\x08\x0a")
    for load in (load_model, model.load_weights):
        with pytest.raises(ModelFileError, match="it is an ONNX file; minidl writes ONNX and does not read it"):
            load(tmp_path / "m.onnx")


def test_load_weights_names_an_archive(tmp_path, model):
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match=r"it is an archive; load_model reads those in \.keras"):
        model.load_weights(tmp_path / "m.keras")
    (tmp_path / "m.keras").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelFileError, match="it is not a whole archive"):
        load_model(tmp_path / "m.keras")


def test_model_files_with_names_of_other_formats_load(tmp_path, model):
    """minidl 0.1 wrote them."""
    model.save(tmp_path / "m.h5")
    (tmp_path / "m.h5").rename(tmp_path / "m.pkl")
    assert np.array_equal(load_model(tmp_path / "m.pkl").params.theta, model.params.theta)
    model.load_weights(tmp_path / "m.pkl")
    assert len(files.checksum(tmp_path / "m.pkl")) == 64


@pytest.mark.parametrize("suffix", [SAFETENSORS])
def test_safetensors_whose_length_begins_like_a_pickle_are_read(tmp_path, model, suffix):
    model.save_weights(tmp_path / f"m{suffix}")
    raw = (tmp_path / f"m{suffix}").read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.dumps(json.loads(raw[8 : 8 + length])).encode().ljust(0x0280)
    (tmp_path / f"m{suffix}").write_bytes(struct.pack("<Q", 0x0280) + header + raw[8 + length :])
    assert (tmp_path / f"m{suffix}").read_bytes().startswith(b"\x80\x02")
    model.load_weights(tmp_path / f"m{suffix}")
