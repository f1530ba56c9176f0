"""The first run of a stranger's model: over the public anchors, in a process that may do little.

The checks before it look at the file; what the file does shows only when it runs. So the process
that adds a model to a zoo does not run it first: `python -m synlearn.zoo.trial` does, with limits
on memory, processor time and written bytes, and its answer is arrays, checked as a stranger's.
"""

import contextlib
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from synlearn.errors import InputError
from synlearn.extras import optional
from synlearn.zoo.feature_cache import Pictures, planes
from synlearn.zoo.formats.onnx import from_bytes

_WHERE: Final = "The model"
_SENTENCE: Final = 500
_REFUSED: Final = 3
_RUN, _MEASURE = "run", "measure"

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """What a trial may use.

    Attributes:
        seconds: Of processor time, and as much of the clock for each core.
        memory: Bytes beyond what the libraries need.
    """

    seconds: int = 1800
    memory: int = 6 * 2**30


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """What a model made of n pictures.

    Attributes:
        logits: (n, classes), see `OnnxFile.run`.
        features: (n, width).
    """

    logits: Float32
    features: Float32


def try_model(
    data: bytes, pictures: Pictures, where: str, limits: TrialLimits = TrialLimits()
) -> TrialAnswer:
    """Run a model of a zoo's format over pictures, in a process of its own.

    Args:
        data: Its file, as `normal_form` wrote it.
        pictures: (n, side, side, 3) uint8.
        where: Names it in error messages.
        limits: Of that process.

    Raises:
        InputError: It cannot be run, gives what is no number, or broke the limits.
    """
    said = _child(
        _RUN, {"model": np.frombuffer(data, np.uint8), "pictures": pictures}, where, limits
    )
    try:
        answer = load(said)
        logits, features = answer["logits"], answer["features"]
        sound = bool(
            (logits.ndim, features.ndim) == (2, 2)
            and len(logits) == len(features) == len(pictures)
            and logits.dtype == features.dtype == np.float32
        )
    except (SafetensorError, KeyError) as error:
        raise _nonsense(where) from error
    if not sound:
        raise _nonsense(where)
    if not (np.isfinite(logits).all() and np.isfinite(features).all()):
        raise InputError(
            f"{where} gives outputs that are not finite on ordinary pictures; see whether the "
            "normalisation is right (--pixels), or train it again."
        )
    return TrialAnswer(logits, features)


def measure_features(data: bytes, where: str, limits: TrialLimits = TrialLimits()) -> int:
    """Return how many features a model has, where its graph leaves that open.

    Raises:
        InputError: It cannot be run, or they are no vector.
    """
    said = _child(_MEASURE, {"model": np.frombuffer(data, np.uint8)}, where, limits)
    try:
        return int(load(said)["width"][0])
    except (SafetensorError, KeyError, IndexError, ValueError) as error:
        raise _nonsense(where) from error


def _nonsense(where: str) -> InputError:
    return InputError(f"{where} made its trial answer nonsense; do not use it.")


def _child(what: str, arrays: dict[str, np.ndarray], where: str, limits: TrialLimits) -> bytes:
    command = [sys.executable, "-s", "-P", "-m", "synlearn.zoo.trial", what]
    command += [str(limits.seconds), str(limits.memory)]
    environment = {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
    }
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            input=save(arrays),
            capture_output=True,
            env=environment,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{where} was not done with a few hundred small pictures after {limits.seconds} s; use "
            "a faster model."
        ) from error
    if done.returncode == _REFUSED:
        reason = done.stderr.decode("utf-8", "replace").splitlines()
        raise InputError((reason[-1] if reason else "")[:_SENTENCE].replace(_WHERE, where, 1))
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"code {done.returncode}"
        raise InputError(
            f"{where} ended its trial with {how}, perhaps for want of memory (it may use "
            f"{limits.memory >> 20} MiB); do not use it, or use a smaller model."
        )
    return done.stdout


def _limit(seconds: int, memory: int) -> None:
    """From here on, no more than this; what the libraries use already is not counted."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    used = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if " kB" in line}
    wanted = {
        resource.RLIMIT_AS: used["VmSize"] + memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for what, limit in wanted.items():
        _, hard = resource.getrlimit(what)
        least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (least, least))


def main(what: str, seconds: str, memory: str) -> None:
    """Run the model on standard input; its arrays go to standard output."""
    optional("onnxruntime")  # loaded before memory is limited
    answers = os.dup(1)
    os.dup2(2, 1)  # no stray output gets among them
    given = load(sys.stdin.buffer.read())
    with contextlib.suppress(OSError):  # other systems than Linux have no such numbers
        _limit(int(seconds), int(memory))
    model = from_bytes(given["model"].tobytes(), _WHERE)
    if what == _MEASURE:
        made: dict[str, np.ndarray] = {"width": np.array([model.measured_width()], np.int64)}
    else:
        logits, features = model.run(planes(given["pictures"]))
        made = {"logits": logits, "features": features}
    with os.fdopen(answers, "wb") as stream:
        stream.write(save(made))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except InputError as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(_REFUSED)
