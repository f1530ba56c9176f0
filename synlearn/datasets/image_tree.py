"""Images by name, from a folder or a zip archive, without unpacking the archive."""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from synlearn.errors import InputError

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp")
_LARGEST_MEMBER: Final = 2**26


class ImageTree(Protocol):
    """Image files below one root."""

    @property
    def names(self) -> tuple[PurePosixPath, ...]:
        """Relative paths of all image files, sorted."""

    def read(self, name: PurePosixPath) -> bytes:
        """Return the bytes of one of them."""


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.names = tuple(
            sorted(
                PurePosixPath(path.relative_to(root).as_posix())
                for path in root.rglob("*")
                if _is_image(path.name) and path.is_file()
            )
        )

    def read(self, name: PurePosixPath) -> bytes:
        return (self._root / name).read_bytes()


class _Archive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {
            PurePosixPath(member.filename): member
            for member in archive.infolist()
            if _is_image(PurePosixPath(member.filename).name) and not member.is_dir()
        }
        self.names = tuple(sorted(self._members))

    def read(self, name: PurePosixPath) -> bytes:
        member = self._members[name]
        if member.file_size > _LARGEST_MEMBER:
            raise InputError(f"{name} has {member.file_size} bytes; no image is so large.")
        return self._archive.read(member)


def _is_image(name: str) -> bool:
    # Archives made on a Mac carry a shadow `._name` for every file.
    return name.lower().endswith(SUFFIXES) and not name.startswith("._")


@contextmanager
def open_tree(path: Path) -> Iterator[ImageTree]:
    """Open a folder or a zip archive.

    Raises:
        InputError: Neither is there, the archive is damaged, or there is no image in it.
    """
    if path.is_dir():
        tree: ImageTree = _Folder(path)
        yield _not_empty(tree, path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is neither a folder nor a zip archive that can be read; give one of them."
        ) from error
    with archive:
        yield _not_empty(_Archive(archive), path)


def _not_empty(tree: ImageTree, path: Path) -> ImageTree:
    if not tree.names:
        raise InputError(f"{path} holds no images ({', '.join(SUFFIXES)}); give another folder.")
    return tree


def read_square(tree: ImageTree, name: PurePosixPath, side: int, mode: str) -> NDArray[np.uint8]:
    """Return one image as (side, side) or (side, side, 3) uint8.

    The largest square in its middle is taken and averaged down (box filter).

    Args:
        tree: Where it is.
        name: Which it is.
        side: Pixels.
        mode: "L" for grey or "RGB".

    Raises:
        InputError: It cannot be read as an image.
    """
    try:
        with Image.open(io.BytesIO(tree.read(name))) as opened:
            image = ImageOps.exif_transpose(opened).convert(mode)
            fitted = ImageOps.fit(image, (side, side), Image.Resampling.BOX)
    except InputError:
        raise
    except Exception as error:  # damaged bytes make decoders raise anything
        raise InputError(
            f"{name} is damaged or no image that can be read; replace it or take it out."
        ) from error
    return np.asarray(fitted, np.uint8)


def content_digest(tree: ImageTree, names: Iterable[PurePosixPath]) -> str:
    """Return the SHA-256, hex, of the bytes of these files, in this order."""
    whole = hashlib.sha256()
    for name in names:
        whole.update(hashlib.sha256(tree.read(name)).digest())
    return whole.hexdigest()
