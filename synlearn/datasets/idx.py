"""The IDX files of MNIST and Fashion-MNIST, plain or compressed with gzip.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". A file is two
zero bytes, the type of its numbers (8: unsigned bytes), the number of dimensions, each dimension as
a big-endian 32-bit number, then the numbers.
"""

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.labelled_images import LabelledImages, labelled_images
from synlearn.errors import InputError

DIGITS: Final = tuple("0123456789")
CLOTHES: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_LARGEST: Final = 2**30
"""Bytes of a file, uncompressed; MNIST's largest has 47 MB."""


def load_idx(images: Path, labels: Path, class_names: tuple[str, ...] = DIGITS) -> LabelledImages:
    """Load a pair of IDX files, such as `t10k-images-idx3-ubyte.gz` and its labels.

    Raises:
        InputError: A file is missing, damaged or no IDX file of unsigned bytes, or they do not fit.
    """
    return labelled_images(
        read_idx(images, dimensions=3),
        read_idx(labels, dimensions=1),
        class_names,
        None,
        where=str(images),
    )


def read_idx(file: Path, dimensions: int) -> NDArray[np.uint8]:
    """Return the unsigned bytes of an IDX file with this many dimensions.

    Raises:
        InputError: It is missing, damaged or another kind of file.
    """
    try:
        content = file.read_bytes()
        if content[:2] == b"\x1f\x8b":
            with gzip.open(file) as stream:
                content = stream.read(_LARGEST)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} cannot be read ({error}); fetch it again.") from error
    header = 4 + 4 * dimensions
    if content[:4] != bytes((0, 0, 8, dimensions)) or len(content) < header:
        raise InputError(
            f"{file} is no IDX file of unsigned bytes with {dimensions} dimension(s); give the "
            "original file."
        )
    shape = tuple(np.frombuffer(content[4:header], ">u4").astype(int).tolist())
    if prod(shape) != len(content) - header:
        raise InputError(
            f"{file} is truncated or damaged: it holds {len(content) - header} bytes for an array "
            f"of shape {shape}; fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
