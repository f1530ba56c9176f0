"""What a file is that somebody wants in a zoo, by name and first bytes; nothing is unpickled."""

import io
import zipfile
from enum import StrEnum
from pathlib import Path
from typing import Final

from synlearn.errors import InputError
from synlearn.zoo.formats.onnx_safety import FILE_LIMIT

_PICKLES: Final = frozenset({".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib"})
_H5: Final = b"\x89HDF\r\n\x1a\n"


class Kind(StrEnum):
    """What a zoo can be given."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"
    KERAS = "keras"
    SAVED_MODEL = "saved_model"


def kind_of(path: Path) -> Kind:
    """Tell what a file or folder is.

    Raises:
        InputError: It is not there, a pickle, or nothing that a zoo takes; the sentence says what
            to do about it.
    """
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return Kind.SAVED_MODEL
        raise InputError(
            f"{path} is a folder without a saved_model.pb; give a model's file, or the folder of a "
            "TensorFlow SavedModel."
        )
    first = _first_bytes(path)
    suffix = path.suffix.lower()
    if first.startswith(b"PK") and _is_keras(path):
        return Kind.KERAS
    if suffix in _PICKLES or first.startswith((b"PK", b"\x80")):
        raise InputError(
            f"{path} is a pickle, or may hold one, which runs whatever its author wrote when it is "
            "opened; save the weights as safetensors (safetensors.torch.save_file(model."
            "state_dict(), 'model.safetensors')) or export the model to ONNX, where you trust it."
        )
    if suffix in (".h5", ".hdf5") or first.startswith(_H5):
        raise InputError(
            f"{path} is a Keras file of the old HDF5 kind; load it where you trust it and save it "
            "as model.keras, then add that."
        )
    if suffix == ".safetensors" or first[8:9] == b"{":
        return Kind.SAFETENSORS
    if suffix == ".onnx" or first.startswith(b"\x08"):
        return Kind.ONNX
    raise InputError(
        f"{path} is no model that a zoo takes; give safetensors, ONNX, a .keras file or the folder "
        "of a TensorFlow SavedModel."
    )


def read_file(path: Path) -> bytes:
    """Read a file wholly.

    Raises:
        InputError: It cannot be read, or is larger than a model may be.
    """
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise InputError(
                f"{path} has {path.stat().st_size} bytes; a model may have {FILE_LIMIT}: use a "
                "smaller one."
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(16)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error


def _is_keras(path: Path) -> bool:
    """Whether an archive holds what a `.keras` file holds, and no pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, io.UnsupportedOperation):
        return False
    return {"config.json", "metadata.json"} <= names and not any(
        name.endswith(".pkl") for name in names
    )
