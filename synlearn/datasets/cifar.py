"""CIFAR-10 and CIFAR-100 in their *binary* version.

The better known python version is pickled, and unpickling runs whatever code a file brings along;
the same pages offer the binary one. A record is one label byte (CIFAR-10) or a coarse and a fine
label byte (CIFAR-100), then 3072 bytes: red, green and blue planes of 32 x 32.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.labelled_images import LabelledImages, labelled_images
from synlearn.errors import InputError

_SIDE: Final = 32
_PIXELS: Final = 3 * _SIDE * _SIDE


@dataclass(frozen=True, slots=True)
class _Version:
    """labels: label bytes before each image, the last of them the class."""

    name: str
    labels: int
    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str


_CIFAR_10: Final = _Version(
    "CIFAR-10",
    1,
    tuple(f"data_batch_{batch}.bin" for batch in range(1, 6)),
    ("test_batch.bin",),
    "batches.meta.txt",
)
_CIFAR_100: Final = _Version("CIFAR-100", 2, ("train.bin",), ("test.bin",), "fine_label_names.txt")


def load_cifar10(folder: Path, splits: Sequence[str] = ("train", "test")) -> LabelledImages:
    """Load `cifar-10-batches-bin`, the folder that `cifar-10-binary.tar.gz` unpacks to.

    Args:
        folder: Holds `data_batch_1.bin` to `5`, `test_batch.bin` and `batches.meta.txt`.
        splits: "train", "test" or both, in the order wanted.

    Raises:
        InputError: A file is missing or damaged.
    """
    labels, images = _records(folder, _CIFAR_10, splits)
    names = _names(folder / _CIFAR_10.names)
    return labelled_images(images, labels[:, 0], names, None, where=str(folder))


def load_cifar100(folder: Path, splits: Sequence[str] = ("train", "test")) -> LabelledImages:
    """Load `cifar-100-binary`; groups are the 20 superclasses.

    Args:
        folder: Holds `train.bin`, `test.bin`, `fine_label_names.txt`, `coarse_label_names.txt`.
        splits: "train", "test" or both, in the order wanted.

    Raises:
        InputError: A file is missing or damaged, or a class stands in two superclasses.
    """
    labels, images = _records(folder, _CIFAR_100, splits)
    names = _names(folder / _CIFAR_100.names)
    coarse_names = _names(folder / "coarse_label_names.txt")
    coarse_of = np.zeros(len(names), np.int64)
    if labels[:, 0].max() >= len(coarse_names) or labels[:, 1].max() >= len(names):
        raise InputError(f"{folder} has a label without a name; unpack the archive again.")
    coarse_of[labels[:, 1]] = labels[:, 0]
    if (coarse_of[labels[:, 1]] != labels[:, 0]).any():
        raise InputError(
            f"{folder} puts one class into two superclasses; unpack the archive again."
        )
    groups = [coarse_names[coarse] for coarse in coarse_of]
    return labelled_images(images, labels[:, 1], names, groups, where=str(folder))


def _records(
    folder: Path, version: _Version, splits: Sequence[str]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return labels (n, label bytes) and images (n, 32, 32, 3)."""
    files = {"train": version.train, "test": version.test}
    record = version.labels + _PIXELS
    parts = []
    for name in (name for split in splits for name in files[split]):
        path = folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}); give the folder that the *binary* "
                f"version of {version.name} unpacks to (the python version is pickled, and is "
                "never read)."
            ) from error
        if not content or len(content) % record:
            raise InputError(
                f"{path} is damaged: {len(content)} bytes are no whole number of records of "
                f"{record}; unpack the archive again."
            )
        parts.append(np.frombuffer(content, np.uint8).reshape(-1, record))
    whole = np.concatenate(parts)
    planes = whole[:, version.labels :].reshape(-1, 3, _SIDE, _SIDE)
    return whole[:, : version.labels], np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _names(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read; it lists the classes, a name in each line."
        ) from error
    return tuple(line.strip() for line in lines if line.strip())
