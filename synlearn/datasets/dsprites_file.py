"""dSprites as a file: all 737,280 images, rendered or taken from the original, bit-packed.

The packed file is a plain `.npy` array, (737280, 512) uint8 or 360 MiB, in the original's order.
It is read by memory mapping: processes share one copy, and only pages in use are in memory. Its
digest lies beside it as `<name>.sha256`, the way `sha256sum` writes and checks it. Latents need no
file, since they follow from an image's row number (`latents_classes`, `latents_values`).
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from synlearn.atomic import atomic_writer, write_atomically
from synlearn.datasets.dsprites import (
    DOMAINS,
    IMAGE_COUNT,
    INSTANCES,
    Domain,
    domain_images_packed,
    latents_classes,
)
from synlearn.datasets.dsprites_renderer import PACKED_BYTES, SIDE, unpack_images
from synlearn.errors import InputError

_AHEAD: Final = 8
"""Domains rendered ahead of the disk for each thread: 4 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedDsprites:
    """All images of dSprites, on disk.

    packed: (737280, 512) uint8, bit-packed, memory-mapped, read-only.
    digest: SHA-256 of the file, hex.
    """

    packed: NDArray[np.uint8]
    digest: str

    def images(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images by row number: (n, 64, 64) uint8, 0 or 1."""
        return unpack_images(self.packed[rows])

    def domain(self, domain: Domain) -> NDArray[np.uint8]:
        """Return a domain's images: (1024, 64, 64) uint8, 0 or 1."""
        first = INSTANCES * domain.index
        return unpack_images(self.packed[first : first + INSTANCES])


def ignore_domains(done: int) -> None:
    """Take no notice of how many domains are done."""


def write_rendered(
    path: Path, threads: int = 1, on_domain: Callable[[int], None] = ignore_domains
) -> str:
    """Render all of dSprites into a packed file; return its digest.

    threads: how many render at once. on_domain: told how many of the 720 domains are done.
    """
    return _write_packed(path, _rendered(threads), on_domain)


def _rendered(threads: int) -> Iterator[NDArray[np.uint8]]:
    with ThreadPoolExecutor(threads) as pool:
        window = _AHEAD * threads
        for start in range(0, len(DOMAINS), window):
            yield from pool.map(domain_images_packed, DOMAINS[start : start + window])


def write_original(
    path: Path, source: Path, on_domain: Callable[[int], None] = ignore_domains
) -> str:
    """Convert the data set's original `.npz` into a packed file; return its digest.

    The original's 3 GB of pixels pass through memory 4 MiB at a time. Only its arrays `imgs` and
    `latents_classes` are read; its pickled `metadata` is never touched.
    Raises InputError when `source` is not that file.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            _check_order(archive, source)
            with archive.open("imgs.npy") as member:
                return _write_packed(path, _original(member, source), on_domain)
    except FileNotFoundError as error:
        raise InputError(
            f"There is no file {source}; give the original dSprites .npz, or render it."
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise InputError(
            f"{source} is damaged or is not the original dSprites file (an .npz with the arrays "
            f"imgs and latents_classes); download it again, or render the images."
        ) from error


def _check_order(archive: zipfile.ZipFile, source: Path) -> None:
    """Refuse a file whose rows are in another order than ours."""
    with archive.open("latents_classes.npy") as member:
        shape, dtype = _array_header(member, source)
        if shape != (IMAGE_COUNT, 6) or dtype != np.dtype("<i8"):
            raise _unlike_original(source, "latents_classes", shape, dtype)
        found = np.frombuffer(member.read(), dtype=dtype).reshape(shape)
    if not np.array_equal(found, latents_classes(np.arange(IMAGE_COUNT))):
        raise InputError(
            f"{source} lists its images in another order than the original; download it again."
        )


def _original(member: IO[bytes], source: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of one domain after the other, bit-packed."""
    shape, dtype = _array_header(member, source)
    if shape != (IMAGE_COUNT, SIDE, SIDE) or dtype != np.uint8:
        raise _unlike_original(source, "imgs", shape, dtype)
    size = INSTANCES * SIDE * SIDE
    for _ in DOMAINS:
        data = member.read(size)
        pixels = np.frombuffer(data, dtype=np.uint8)
        if len(data) < size or pixels.max() > 1:
            raise InputError(
                f"{source} is truncated or holds pixels other than 0 and 1; download it again."
            )
        yield np.packbits(pixels.reshape(INSTANCES, -1), axis=1)


def _array_header(member: IO[bytes], source: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Read the header of an array file; what follows are its bytes, row by row."""
    try:
        major, minor = np.lib.format.read_magic(member)
        if (major, minor) != (1, 0):
            raise ValueError
        shape, column_order, dtype = np.lib.format.read_array_header_1_0(member)
        if column_order or dtype.hasobject:
            raise ValueError
    except ValueError as error:
        raise InputError(
            f"{source} holds something other than plain arrays; download it again."
        ) from error
    return shape, dtype


def _unlike_original(
    source: Path, name: str, shape: tuple[int, ...], dtype: np.dtype
) -> InputError:
    return InputError(
        f"{source} is not the original dSprites file: its array {name} is {dtype} of shape "
        f"{shape}; download it again, or render the images."
    )


def _write_packed(
    path: Path, domains: Iterable[NDArray[np.uint8]], on_domain: Callable[[int], None]
) -> str:
    """Write the images of all domains, then the digest's file; each is whole or not there."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (IMAGE_COUNT, PACKED_BYTES)}
    )
    digest = hashlib.sha256(header.getvalue())
    with atomic_writer(path) as file:
        file.write(header.getvalue())
        for done, images in enumerate(domains, start=1):
            file.write(images.tobytes())
            digest.update(images.tobytes())
            on_domain(done)
    line = f"{digest.hexdigest()}  {path.name}\n"
    write_atomically(_digest_path(path), line.encode())
    return digest.hexdigest()


def open_packed(path: Path, *, verify: bool = False) -> PackedDsprites:
    """Open a packed file.

    verify: read all of it (360 MiB) and compare its digest; without, only its size is checked.
    Raises InputError when it is missing, truncated, or (when asked to verify) changed.
    """
    try:
        packed = np.load(path, mmap_mode="r", allow_pickle=False)
        digest = _digest_path(path).read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError) as error:
        raise _render_again(path, "is missing, truncated or without its digest") from error
    if packed.shape != (IMAGE_COUNT, PACKED_BYTES) or packed.dtype != np.uint8:
        raise _render_again(path, "does not hold the bit-packed images of dSprites")
    if verify:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise _render_again(path, "was changed: its SHA-256 is not the one beside it")
    return PackedDsprites(packed, digest)


def _digest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _render_again(path: Path, problem: str) -> InputError:
    return InputError(f"{path} {problem}; render it again.")
