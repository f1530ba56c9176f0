"""A target dataset as a user has it: a folder of images or class folders, or an `.npz` file."""

import hashlib
from pathlib import Path

from synlearn.datasets.arrays import load_arrays
from synlearn.datasets.examples import Examples, ImageShape
from synlearn.datasets.image_folder import load_image_folder
from synlearn.datasets.labelled_folders import class_folders, load_labelled_folders
from synlearn.errors import InputError


def load_examples(path: Path, shape: ImageShape) -> Examples:
    """Load examples from a folder or an `.npz` file, brought to `shape`.

    A folder holds the images, or a folder of images for each class, from which labels are taken.

    Raises:
        InputError: Nothing is there, or something in it cannot be used; the sentence names it.
    """
    if path.is_dir():
        if class_folders(path):
            return load_labelled_folders(path, shape)
        return load_image_folder(path, shape)
    if not path.exists():
        raise InputError(f"{path} does not exist; give a folder of images or an .npz file.")
    if path.suffix != ".npz":
        raise InputError(
            f"{path} is neither a folder nor an .npz file; give a folder of images, or an .npz "
            "file with an array 'images'."
        )
    return load_arrays(path, shape)


def data_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files below a folder."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        name = file.relative_to(path).as_posix()
        whole.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
