"""Model files of any format that a zoo may hold, told apart by their first bytes."""

from enum import StrEnum

from synlearn.zoo.formats import onnx, torch
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.formats.torch import ModelFile

AnyModel = ModelFile | OnnxFile


class FileFormat(StrEnum):
    """What a model file is; also the suffix of its name."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"


def format_of(data: bytes) -> FileFormat:
    """Tell the format; what is neither counts as safetensors, whose reader then says so.

    An ONNX file begins with its first field, the version of the format (0x08). So may the length of
    a safetensors header, but after that length comes a brace.
    """
    return FileFormat.ONNX if data[:1] == b"\x08" and data[8:9] != b"{" else FileFormat.SAFETENSORS


def from_bytes(data: bytes, where: str) -> AnyModel:
    """Parse a model file.

    Args:
        data: The file.
        where: Names it in error messages.

    Raises:
        InputError: It cannot be used.
    """
    if format_of(data) is FileFormat.ONNX:
        return onnx.from_bytes(data, where)
    return torch.from_bytes(data, where)
