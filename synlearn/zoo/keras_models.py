"""Keras and TensorFlow models, converted to ONNX once, by whoever adds them to a zoo.

Nobody else ever sees the former file: a Keras file is a program's settings, and a SavedModel a
program. The conversion is another process (`keras_conversion.py`), in an environment of its own
where that is wanted, since TensorFlow's pins are not ours; a Keras file is looked through first.
"""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from synlearn.errors import InputError
from synlearn.strict_json import without_twins
from synlearn.zoo.conversion import Converted, run_conversion, size_text
from synlearn.zoo.foreign_files import Kind, read_file
from synlearn.zoo.formats.onnx_safety import FILE_LIMIT

_CONFIG_LIMIT: Final = 2**26
_FORBIDDEN: Final = frozenset(
    {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
)
"""Layers of Keras that run code or load files which the configuration names."""


def convert(
    path: Path, kind: Kind, size: tuple[int, int] | None = None, python: Path | None = None
) -> Converted:
    """Convert a model to ONNX, in another process.

    Args:
        path: A `.keras` file, or the folder of a SavedModel.
        kind: Which of them.
        size: Height and width of images, where the model leaves them open.
        python: Interpreter of an environment that has TensorFlow; this one where None.

    Raises:
        InputError: The model holds what no model may hold, or cannot be converted.
    """
    if kind is Kind.KERAS:
        check_keras_file(path)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        arguments = [str(kind), str(path.resolve()), str(out), size_text(size)]
        said = run_conversion("keras_conversion.py", arguments, path, python)
        return Converted(read_file(out), said)


def check_keras_file(path: Path) -> None:
    """Look through the configuration in a `.keras` file.

    Raises:
        InputError: It is damaged, larger than it may be, or names code outside Keras.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            whole = sum(own.file_size for own in archive.infolist())
            config = archive.getinfo("config.json")
            if whole > FILE_LIMIT or config.file_size > _CONFIG_LIMIT:
                raise InputError(
                    f"{path} unpacks to {whole} bytes; a model may have {FILE_LIMIT}: use a "
                    "smaller one."
                )
            content = json.loads(archive.read(config), object_pairs_hook=without_twins)
    except InputError:
        raise
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, RecursionError, EOFError) as error:
        raise InputError(f"{path} is damaged, or no Keras model; save it again.") from error
    for module, name in _named(content):
        if name in _FORBIDDEN:
            raise InputError(
                f"{path} has a layer {name}, which runs code or loads files that its author chose; "
                "build the model without it, and save it again."
            )
        if module is not None and module != "keras" and not module.startswith("keras."):
            raise InputError(
                f"{path} names {module[:80]}.{name[:80]}, which is no part of Keras; build the "
                "model of Keras' own layers, and save it again."
            )


def _named(content: object) -> Iterator[tuple[str | None, str]]:
    """Every object in a configuration that Keras would make: its module and class."""
    waiting = [content]
    while waiting:
        own = waiting.pop()
        if isinstance(own, list):
            waiting += own
        elif isinstance(own, dict):
            waiting += own.values()
            if "class_name" in own:
                module, registered = own.get("module"), own.get("registered_name")
                if module is None and isinstance(registered, str) and ">" in registered:
                    module = registered  # a class that somebody registered under a name
                yield (None if module is None else str(module)), str(own["class_name"])
