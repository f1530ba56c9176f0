"""Labelled images that somebody has sent, as files or as one zip archive, brought to one shape.

Everything is bounded before it is unpacked or decoded: names, numbers, bytes, pixels.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.examples import ImageShape
from synlearn.datasets.image_folder import SUFFIXES, channels_first, pixels_of
from synlearn.errors import InputError

FORMATS: Final = ("PNG", "JPEG", "BMP")
LONGEST_PATH: Final = 1000
_ZIP: Final = b"PK\x03\x04"
_ZIP_BYTES: Final = 2**28
"""Of all that an archive holds, unpacked; and of its largest file."""
_ZIP_FILES: Final = 20_000
_LEAST_RATIO: Final = 2**10
_RATIO: Final = 200
"""An image hardly shrinks at all; what shrinks more than so many times is a trap."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as it was sent: its path, with slashes, and its bytes."""

    path: str
    data: bytes


_LENGTHS: Final = struct.Struct("<IQ")


def pack(files: Sequence[SentFile]) -> bytes:
    """Files as one piece of bytes, for a worker's pipe."""
    pieces = []
    for file in files:
        path = file.path.encode("utf-8", "replace")
        pieces += [_LENGTHS.pack(len(path), len(file.data)), path, file.data]
    return b"".join(pieces)


def unpack(packed: bytes) -> list[SentFile]:
    """Undo `pack`."""
    files, at = [], 0
    while at < len(packed):
        path, data = _LENGTHS.unpack_from(packed, at)
        at += _LENGTHS.size
        name, at = packed[at : at + path].decode(), at + path
        files.append(SentFile(name, packed[at : at + data]))
        at += data
    return files


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What is taken. images: files; pixels: of one image."""

    images: int
    pixels: int


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What was sent, once read.

    Attributes:
        pixels: (n, height, width, channels) uint8.
        names: (n,) paths.
        labels: (n,) name of each image's class: the folder that it lies in.
        ignored: Files that are no images.
    """

    pixels: NDArray[np.uint8]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    ignored: int

    @property
    def images(self) -> NDArray[np.float32]:
        """(n, channels, height, width) in [0, 1]."""
        return np.stack([channels_first(own) for own in self.pixels])


def read_pictures(
    files: Sequence[SentFile], shape: ImageShape, limits: PictureLimits, *, labelled: bool
) -> Pictures:
    """Read images in folders of their classes.

    Args:
        files: Images by path, or one zip archive of them.
        shape: To bring them to.
        limits: What is taken.
        labelled: Whether classes are needed.

    Raises:
        InputError: A file is no image or too large, there are none or too many, or one lies in no
            folder of a class.
    """
    if len(files) == 1 and files[0].data.startswith(_ZIP):
        files = list(_unpacked(files[0], limits))
    kept = [file for file in files if _is_image(file.path)]
    if not kept:
        raise InputError(
            f"nothing that was sent is an image ({', '.join(SUFFIXES)}); send a folder that has "
            "one folder of images for each class, or a zip archive of it."
        )
    if len(kept) > limits.images:
        raise InputError(
            f"{len(kept):,} images were sent; at most {limits.images:,} are taken, and a handful "
            "of each class is enough."
        )
    kept.sort(key=lambda file: file.path)
    labels = tuple(_class_of(file.path) for file in kept)
    if labelled and not all(labels):
        loose = kept[labels.index("")].path
        raise InputError(
            f"{_shown(loose)} lies in no folder; put the images of each class into a folder of "
            "their own, named after the class."
        )
    pixels = [
        pixels_of(
            io.BytesIO(file.data),
            shape,
            _shown(file.path),
            formats=FORMATS,
            most_pixels=limits.pixels,
        )
        for file in kept
    ]
    names = tuple(file.path for file in kept)
    return Pictures(np.stack(pixels), names, labels, len(files) - len(kept))


def _unpacked(archive: SentFile, limits: PictureLimits) -> Iterator[SentFile]:
    """The images of an archive; others as names alone."""
    name = _shown(archive.path)
    try:
        with zipfile.ZipFile(io.BytesIO(archive.data)) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            _check_members(members, name, limits)
            for member in members:
                wanted = _is_image(member.filename)
                yield SentFile(member.filename, opened.read(member) if wanted else b"")
    except InputError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,  # it is encrypted
        OSError,
        ValueError,
        EOFError,
        LookupError,
    ) as error:
        raise InputError(
            f"{name} is damaged, encrypted or no zip archive that can be read; make it again."
        ) from error


def _check_members(members: Sequence[zipfile.ZipInfo], name: str, limits: PictureLimits) -> None:
    wanted = [member for member in members if _is_image(member.filename)]
    if len(members) > _ZIP_FILES or len(wanted) > limits.images:
        raise InputError(
            f"{name} has {len(wanted):,} images in {len(members):,} files; at most "
            f"{limits.images:,} images in {_ZIP_FILES:,} files are taken."
        )
    total = sum(member.file_size for member in wanted)
    swollen = any(
        member.file_size > _LEAST_RATIO + _RATIO * member.compress_size for member in wanted
    )
    if total > _ZIP_BYTES or swollen:
        raise InputError(
            f"{name} unpacks to {total:,} bytes, which is more than images do, or than the "
            f"{_ZIP_BYTES:,} that are taken; send fewer or smaller images."
        )


def _is_image(path: str) -> bool:
    name = PurePosixPath(path).name
    hidden = name.startswith(".") or "__MACOSX" in PurePosixPath(path).parts
    return name.lower().endswith(SUFFIXES) and not hidden and len(path) <= LONGEST_PATH


def _class_of(path: str) -> str:
    """The folder that a file lies in; empty where it lies in none."""
    return PurePosixPath(path.replace("\\", "/")).parent.name


def _shown(path: str) -> str:
    """A path as a sentence may quote it."""
    return ascii(path[-120:])[1:-1]
