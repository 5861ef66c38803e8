"""Files that are not minidl's: names that belong to another format, and contents that another program reads."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from ..errors import ModelFileError, SettingError

WHOLE, WEIGHTS = (".h5", ".keras"), (".weights.h5", ".safetensors")

# The ends of names that belong to other formats, and what writes these
WRITERS = {
    ".onnx": "minidl.files.export_onnx",
    ".safetensors": "save_weights",
    ".npz": "np.savez",
    ".npy": "np.save",
    ".pt": "torch.save",
    ".pth": "torch.save",
    ".ckpt": "torch.save",
    ".pkl": "pickle.dump",
    ".pickle": "pickle.dump",
    ".joblib": "joblib.dump",
    ".mat": "scipy.io.savemat",
    ".tflite": "TensorFlow",
    ".pb": "TensorFlow",
    ".csv": "CSVLogger",
    ".json": "json.dump",
    ".txt": "a text editor",
    ".zip": "zip",
    ".gz": "gzip",
    ".tar": "tar",
}

NUMPY = "a file of NumPy; read it with np.load, and pass the arrays to model.set_weights"
TORCH = "a file of PyTorch; read it with torch.load, and pass the arrays, kernels transposed, to model.set_weights"
PICKLE = "a pickle; minidl unpickles nothing, because a pickle can run code"
ONNX = "an ONNX file; minidl writes ONNX and does not read it"

READABLE = (b"\x93minidl", b"\x89HDF")
# The first bytes of other files, and what these are
BEGINNINGS = {
    b"\x93NUMPY": NUMPY,
    **{b"\x80" + bytes([protocol]): PICKLE for protocol in range(2, 6)},
    b"\x1f\x8b": "a gzip file; unpack it first",
}
READERS = {".onnx": ONNX, ".pkl": PICKLE, ".pickle": PICKLE, ".joblib": PICKLE}


def check_name(who: str, path: str | Path, *, weights: bool = False) -> None:
    """Raise SettingError for a name that `save` refuses, or with weights=True one that `save_weights` refuses."""
    suffix = Path(str(path)).suffix
    writer = WRITERS.get(suffix.lower())
    if weights and not str(path).endswith(WEIGHTS):
        hint = f"; {writer} writes {suffix}" if writer else ""
        raise SettingError(f"{who}: the name must end in {' or '.join(WEIGHTS)}, got {str(path)!r}{hint}")
    if writer and not weights:
        raise SettingError(f"{who}: {writer} writes {suffix}; name a whole model {' or '.join(WHOLE)}, got {path}")


def reject_others(path: str | Path, content: bytes) -> None:
    """Raise ModelFileError for a file of another format, judged by its first bytes, else by its name."""
    if (
        content.startswith(READABLE) or content[8:10] == b'{"'
    ):  # safetensors, whose first bytes may be those of a pickle
        return
    begun = (BEGINNINGS[first] for first in BEGINNINGS if content.startswith(first))
    found = _archive(content) if content.startswith(b"PK") else next(begun, READERS.get(Path(path).suffix.lower()))
    if found:
        raise ModelFileError(f"it is {found}")


def _archive(content: bytes) -> str | None:
    """Return what a zip file is, from the names in it; None for a .keras archive and other ones."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            names = file.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    kinds = {"data.pkl": TORCH, ".npy": NUMPY}
    return next((kinds[end] for end in kinds if any(name.endswith(end) for name in names)), None)
