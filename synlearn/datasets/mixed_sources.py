"""The seven image sets of the mixed experiment, found below one folder.

Each lies in a folder of its own, in the original format or as arrays:

    cifar100/       cifar-100-binary/, or cifar100*.npz
    cifar10/        cifar-10-batches-bin/, or cifar10*.npz
    omniglot/       images_background and images_evaluation (folders or .zip), or omniglot*_28.npz
    caltech101/     101_ObjectCategories (folder or .zip), or caltech101*.zip
    mnist/          *-images-idx3-ubyte and *-labels-idx1-ubyte, each plain or .gz
    fashion_mnist/  the same, or fashion_mnist*.npz
    sign_digits/    a folder or .zip of class folders
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from synlearn.datasets.cifar import load_cifar10, load_cifar100
from synlearn.datasets.class_arrays import load_class_arrays, load_omniglot_array
from synlearn.datasets.class_folders import load_caltech101, load_class_folders
from synlearn.datasets.idx import CLOTHES, DIGITS, load_idx
from synlearn.datasets.labelled_images import LabelledImages, labelled_images
from synlearn.datasets.omniglot import load_omniglot
from synlearn.datasets.small_pictures import SIDE
from synlearn.errors import InputError


def load_source(name: str, root: Path) -> LabelledImages:
    """Load one of the seven sets from its folder below `root`.

    Raises:
        InputError: The set is unknown, not there or damaged.
    """
    loader = _LOADERS.get(name)
    if loader is None:
        raise InputError(f"There is no image set {name!r}; known are {', '.join(_LOADERS)}.")
    folder = root / name
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; put the set there, or name another place.")
    return loader(folder)


def _cifar100(folder: Path) -> LabelledImages:
    original = folder / "cifar-100-binary"
    if original.is_dir():
        return load_cifar100(original)
    return load_class_arrays(*_found(folder, "cifar100*.npz"))


def _cifar10(folder: Path) -> LabelledImages:
    original = folder / "cifar-10-batches-bin"
    if original.is_dir():
        return load_cifar10(original)
    return load_class_arrays(*_found(folder, "cifar10*.npz"))


def _omniglot(folder: Path) -> LabelledImages:
    parts = sorted(folder.glob("images_background*")) + sorted(folder.glob("images_evaluation*"))
    if parts:
        return load_omniglot(parts)
    return load_omniglot_array(_found(folder, "omniglot*_28.npz")[0])


def _caltech101(folder: Path) -> LabelledImages:
    original = folder / "101_ObjectCategories"
    path = original if original.is_dir() else _found(folder, "*.zip")[0]
    return load_caltech101(path, SIDE)


def _sign_digits(folder: Path) -> LabelledImages:
    archives = sorted(folder.glob("*.zip"))
    return load_class_folders(archives[0] if archives else folder, SIDE)


def _mnist(folder: Path) -> LabelledImages:
    return _idx_pairs(folder, DIGITS)


def _fashion_mnist(folder: Path) -> LabelledImages:
    arrays = sorted(folder.glob("fashion_mnist*.npz"))
    return load_class_arrays(*arrays) if arrays else _idx_pairs(folder, CLOTHES)


def _idx_pairs(folder: Path, names: tuple[str, ...]) -> LabelledImages:
    images = _found(folder, "*-images-idx3-ubyte*")
    labels = _found(folder, "*-labels-idx1-ubyte*")
    if len(images) != len(labels):
        raise InputError(f"{folder} has image files without label files; put in both of each pair.")
    parts = [load_idx(*pair, names) for pair in zip(images, labels, strict=True)]
    return labelled_images(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        names,
        None,
        where=str(folder),
    )


def _found(folder: Path, pattern: str) -> list[Path]:
    files = sorted(folder.glob(pattern))
    if not files:
        raise InputError(f"{folder} has no {pattern} (nor the original files); put the set there.")
    return files


_LOADERS: Final[Mapping[str, Callable[[Path], LabelledImages]]] = MappingProxyType(
    {
        "cifar100": _cifar100,
        "cifar10": _cifar10,
        "omniglot": _omniglot,
        "caltech101": _caltech101,
        "mnist": _mnist,
        "fashion_mnist": _fashion_mnist,
        "sign_digits": _sign_digits,
    }
)
