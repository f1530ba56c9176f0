"""A folder that has one folder of images for each class."""

import os
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from provider.data.paths import Inside
from provider.data.source import (
    Content,
    Layout,
    RowError,
    SourceRow,
    regular_file,
    stamp_of,
    unusable,
)
from synlearn.datasets.examples import ImageShape
from synlearn.datasets.image_folder import SUFFIXES, read_pixels
from synlearn.errors import InputError


class ImageFolder:
    """Images whose class is the first folder below the root, at whatever depth they lie in it.

    Other files are not looked at, nor are hidden ones.

    Args:
        root: The folder of class folders.
        shape: What images are brought to.

    Raises:
        InputError: There is no such folder.
    """

    def __init__(self, root: Path, shape: ImageShape) -> None:
        if not root.is_dir():
            raise InputError(f"{root} is not a folder; give a folder of class folders of images.")
        self._inside = Inside(root)
        self._shape = shape
        self.layout = Layout((shape.height, shape.width, shape.channels))

    def local_classes(self) -> Mapping[str, int]:
        """Images in each class folder.

        Raises:
            InputError: There is none, an image lies outside of class folders, or a link leads out.
        """
        root = self._inside.root
        found: dict[str, int] = {}
        for label, _ in self._files():
            found[label] = found.get(label, 0) + 1
        if not found:
            raise InputError(
                f"{root} has no class folder with images ({', '.join(SUFFIXES)}); make a folder "
                "for each class and put its images there."
            )
        return found

    def rows(self) -> Iterator[SourceRow]:
        """All images, sorted by class folder and path; raises InputError as `local_classes`."""
        root = self._inside.root
        for label, path in self._files():
            origin = printable(os.path.relpath(path, root))
            try:
                real = self._inside.file(str(path), origin)
                stamp = stamp_of(regular_file(real), time.time_ns())
            except RowError as error:
                yield SourceRow(origin, label, "", unusable(str(error)))
                continue
            yield SourceRow(origin, label, stamp, partial(read_image, real, self._shape))

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Class and path of each image."""
        root = self._inside.root
        for entry in _entries(root):
            if entry.is_dir(follow_symlinks=False):
                yield from ((printable(entry.name), path) for path in self._below(Path(entry)))
            elif _is_image(entry.name):
                raise InputError(
                    f"{root} has the image {printable(entry.name)} beside its class folders; put "
                    "each image into the folder of its class."
                )

    def _below(self, folder: Path) -> Iterator[Path]:
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(Path(entry))
            elif _is_image(entry.name):
                yield Path(entry)


def read_image(file: Path, shape: ImageShape) -> Content:
    """Return the pixels of a file; raises RowError where it is no image of 8 bits a channel."""
    try:
        return read_pixels(file, shape)
    except InputError as error:
        raise RowError(str(error).removeprefix(f"{file} ").rstrip(".")) from error


def printable(name: str) -> str:
    """Return a file's name as UTF-8 can hold it, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, sorted, without what is hidden; no link to a folder is followed."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(
                (entry for entry in found if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed ({error.strerror}); check the permissions."
        ) from error
    for entry in entries:
        if entry.is_symlink() and entry.is_dir():
            raise InputError(
                f"{entry.path} is a link to a folder, and such links are not followed; put the "
                "images themselves there."
            )
    return entries
