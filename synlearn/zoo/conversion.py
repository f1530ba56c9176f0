"""Runs a conversion to ONNX in another process, in the operator's choice of environment."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synlearn.errors import InputError

_SECONDS: Final = 900
_SENTENCE: Final = 500


@dataclass(frozen=True, slots=True)
class Converted:
    """An ONNX file, and what made it said: versions by library, and perhaps more."""

    data: bytes
    versions: dict[str, str]


def size_text(size: tuple[int, int] | None) -> str:
    """Return a size as the conversions take it."""
    return "-" if size is None else f"{size[0]}x{size[1]}"


def run_conversion(
    script: str, arguments: Sequence[str], path: Path, python: Path | None
) -> dict[str, str]:
    """Run a script of this folder, which imports nothing of this package.

    Its environment holds no secrets, and its home is a folder that is removed afterwards.

    Args:
        script: Its name.
        arguments: Of the script.
        path: The model, for messages.
        python: Interpreter of an environment with what the script needs; this one where None.

    Raises:
        InputError: The script says why it could not, or gave no answer, or took too long.
    """
    interpreter = sys.executable if python is None else str(python)
    command = [interpreter, "-s", "-P", str(Path(__file__).with_name(script)), *arguments]
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": home,
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        try:
            done = subprocess.run(  # noqa: S603 - our own script, the operator's interpreter
                command, capture_output=True, env=environment, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"{path} was not converted within {_SECONDS} s; use a smaller one."
            ) from error
        except OSError as error:
            raise InputError(
                f"--python {interpreter} cannot be run ({error.strerror}); name a Python "
                "interpreter."
            ) from error
    said = _answer(done, path, interpreter)
    if "problem" in said:
        raise InputError(f"{path} is not added: {said['problem']}.")
    return said


def _answer(
    done: subprocess.CompletedProcess[bytes], path: Path, interpreter: str
) -> dict[str, str]:
    try:
        said = json.loads(done.stdout)
        if done.returncode or not isinstance(said, dict):
            raise ValueError("no answer")
        return {str(name): str(value)[:_SENTENCE] for name, value in said.items()}
    except ValueError as error:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        reason = f": {last[0][:200]}" if last else ""
        raise InputError(
            f"The conversion of {path} ended with code {done.returncode}{reason}; see whether "
            f"{interpreter} has what it needs."
        ) from error
