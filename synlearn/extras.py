"""Optional packages, asked for when they are needed."""

import os
from importlib import import_module
from types import ModuleType

from synlearn.errors import InputError

_EXTRAS = {
    "gensim": ("gensim", "fennec"),
    "onnx": ("onnx", "onnx"),
    "onnxruntime": ("onnxruntime", "onnx"),
}
"""By module: the package, and the extra that brings it."""
_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""Of ONNX Runtime from 1.29 on, which we do not ask for, but somebody may have."""


def optional(module: str) -> ModuleType:
    """Import a module of an optional package.

    Raises:
        InputError: It is not installed.
    """
    os.environ[_NO_TELEMETRY] = "1"
    try:
        return import_module(module)
    except ImportError as error:
        package, extra = _EXTRAS[module.split(".", maxsplit=1)[0]]
        raise InputError(
            f"This needs the package {package}, which is not installed; "
            f"`pip install 'synlearn[{extra}]'` brings it."
        ) from error
