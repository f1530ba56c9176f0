"""Weights of a model of timm, converted to ONNX once, by whoever adds them to a zoo.

Nobody else needs timm, or gets to see it: it is Python code by the hundred thousand lines. The
weights are safetensors; the conversion is another process (`timm_conversion.py`).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from synlearn.errors import InputError
from synlearn.zoo.conversion import Converted, run_conversion, size_text
from synlearn.zoo.foreign_files import read_file


@dataclass(frozen=True, slots=True)
class TimmModel:
    """What came of it. mean, std: that timm normalises each channel by."""

    converted: Converted
    mean: tuple[float, ...]
    std: tuple[float, ...]


def convert_timm(
    path: Path, name: str, classes: int, size: tuple[int, int] | None, python: Path | None
) -> TimmModel:
    """Convert the weights of a model to ONNX, in another process.

    Args:
        path: Its weights, as safetensors.
        name: As timm knows it.
        classes: Its outputs.
        size: Height and width of images; the one that timm says where None.
        python: Interpreter of an environment that has timm; this one where None.

    Raises:
        InputError: timm is not there or does not know the model, or the weights are not its.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        arguments = [name, str(path.resolve()), str(out), str(classes), size_text(size)]
        said = run_conversion("timm_conversion.py", arguments, path, python)
        try:
            mean, std = (tuple(map(float, said.pop(own).split(","))) for own in ("mean", "std"))
        except (KeyError, ValueError) as error:
            raise InputError(f"The conversion of {path} gave no normalisation.") from error
        return TimmModel(Converted(read_file(out), said), mean, std)
