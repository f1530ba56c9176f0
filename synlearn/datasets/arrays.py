"""Examples from an `.npz` file of arrays."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.examples import Examples, ImageShape, checked_targets
from synlearn.errors import InputError


def load_arrays(file: Path, shape: ImageShape) -> Examples:
    """Load `images` and, where there, `targets` from an `.npz` file; never unpickles.

    `images` are (n, height, width), (n, height, width, channels) or (n, channels, height, width)
    of exactly `shape`: uint8 in 0..255 (0 and 1 only: taken as they are), or floats in [0, 1].
    `targets` are (n,) or (n, t) numbers.

    Raises:
        InputError: The file or an array in it cannot be used.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            content = {name: arrays[name] for name in arrays.files if name in ("images", "targets")}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            f"{file} is damaged, or holds something other than plain arrays; save it with "
            "numpy.savez(file, images=..., targets=...)."
        ) from error
    if "images" not in content:
        raise InputError(f"{file} has no array 'images'; save the examples under that name.")
    images = _as_float(_channels_first(content["images"], shape, file), file)
    count = len(images)
    if count == 0:
        raise InputError(f"{file} has no image in 'images'; give at least one example.")
    targets = None
    if "targets" in content:
        given = content["targets"]
        if given.dtype.kind not in "fiu" or given.ndim not in (1, 2):
            raise InputError(f"{file}: 'targets' must be numbers of shape (n,) or (n, t).")
        targets = checked_targets(given.astype(np.float64), count, str(file))
    return Examples(images, targets, tuple(f"{file.name}[{row}]" for row in range(count)))


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
