"""Examples from an `.npz` file of arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.examples import Examples, ImageShape, checked_labels, checked_targets
from synlearn.errors import InputError

_NAMES: Final = ("images", "targets", "labels")


def load_arrays(file: Path, shape: ImageShape) -> Examples:
    """Load `images` and, where there, `targets` and `labels` from an `.npz` file; never unpickles.

    `images` are (n, height, width), (n, height, width, channels) or (n, channels, height, width)
    of exactly `shape`: uint8 in 0..255 (0 and 1 only: taken as they are), or floats in [0, 1].
    `targets` are (n,) or (n, t) numbers; `labels` are (n,) whole numbers from 0. Other arrays are
    not looked at.

    Raises:
        InputError: The file or an array in it cannot be used.
    """
    content = _read(file)
    if "images" not in content:
        raise InputError(f"{file} has no array 'images'; save the examples under that name.")
    images = _as_float(_channels_first(content["images"], shape, file), file)
    count = len(images)
    if count == 0:
        raise InputError(f"{file} has no image in 'images'; give at least one example.")
    targets, labels = None, None
    if "targets" in content:
        given = content["targets"]
        if given.dtype.kind not in "fiu" or given.ndim not in (1, 2):
            raise InputError(f"{file}: 'targets' must be numbers of shape (n,) or (n, t).")
        targets = checked_targets(given.astype(np.float64), count, str(file))
    if "labels" in content:
        labels = checked_labels(content["labels"], count, str(file))
    names = tuple(f"{file.name}[{row}]" for row in range(count))
    return Examples(images, targets, names, labels)


def _read(file: Path) -> Mapping[str, NDArray[np.generic]]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            content = {name: arrays[name] for name in arrays.files if name in _NAMES}
        if not all(isinstance(array, np.ndarray) for array in content.values()):
            raise ValueError("NumPy hands out the bytes of a member that is no array")
    except Exception as error:  # damaged bytes make zip, zlib, tokenizer and NumPy raise anything
        raise InputError(
            f"{file} is damaged, or holds something other than plain arrays; save it with "
            "numpy.savez(file, images=..., targets=...)."
        ) from error
    return content


def _channels_first(
    images: NDArray[np.generic], shape: ImageShape, file: Path
) -> NDArray[np.generic]:
    plane = (shape.height, shape.width)
    if images.ndim == 3 and shape.channels == 1 and images.shape[1:] == plane:
        return images[:, None]
    if images.ndim == 4 and images.shape[1:] == (shape.channels, *plane):
        return images
    if images.ndim == 4 and images.shape[1:] == (*plane, shape.channels):
        return images.transpose(0, 3, 1, 2)
    raise InputError(
        f"{file}: 'images' has shape {images.shape}; expected (n, {shape.height}, {shape.width}) "
        f"with {shape.channels} channel(s)."
    )


def _as_float(images: NDArray[np.generic], file: Path) -> NDArray[np.float32]:
    if images.dtype in (np.uint8, np.bool_):
        scale = 255.0 if images.size and images.max() > 1 else 1.0
        return np.ascontiguousarray(images.astype(np.float32) / np.float32(scale))
    if images.dtype.kind != "f":
        raise InputError(f"{file}: 'images' are {images.dtype}; save them as uint8 or floats.")
    values = np.ascontiguousarray(images.astype(np.float32))
    if not np.isfinite(values).all():
        raise InputError(f"{file}: 'images' hold a NaN or an infinity; correct the file.")
    if values.size and (values.min() < 0 or values.max() > 1):
        raise InputError(f"{file}: 'images' must lie in [0, 1]; divide by their largest value.")
    return values
