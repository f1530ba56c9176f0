"""Examples from a folder of image files, with their targets in `targets.csv` where given."""

import csv
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from synlearn.datasets.examples import Examples, ImageShape, checked_targets
from synlearn.errors import InputError

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp")
TARGETS: Final = "targets.csv"


def load_image_folder(folder: Path, shape: ImageShape) -> Examples:
    """Load all images of a folder, sorted by name, converted to `shape`.

    `targets.csv`, where it is there, has a header line `file,<name>,...` and a line for each
    image with the values to predict.

    Raises:
        InputError: The folder holds no image, one cannot be read, or the targets do not match.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a folder of images.")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(
            f"{folder} holds no images ({', '.join(SUFFIXES)}); put the examples into it."
        )
    images = np.stack([_load_image(file, shape) for file in files])
    names = tuple(file.name for file in files)
    listed = folder / TARGETS
    targets = _load_targets(listed, names) if listed.exists() else None
    return Examples(images, targets, names)


def read_pixels(file: Path, shape: ImageShape) -> NDArray[np.uint8]:
    """Return one image file, turned upright and resized (bilinear), (height, width, channels).

    Raises:
        InputError: It cannot be read as an image of 8 bits a channel.
    """
    return pixels_of(file, shape, str(file))


def pixels_of(
    source: Path | BinaryIO,
    shape: ImageShape,
    name: str,
    *,
    formats: tuple[str, ...] | None = None,
    most_pixels: int | None = None,
) -> NDArray[np.uint8]:
    """Return one image, turned upright and resized (bilinear), (height, width, channels).

    Transparent parts show white.

    Args:
        source: A file, or its bytes.
        shape: To bring it to.
        name: Of the image, for messages.
        formats: The only ones that are tried, as Pillow names them; None for all.
        most_pixels: A larger image is refused before it is decoded.

    Raises:
        InputError: It cannot be read as an image of 8 bits a channel, or is too large.
    """
    image = None
    try:
        with Image.open(source, formats=formats) as opened:
            width, height = opened.size
            deep = opened.mode.startswith(("I", "F"))
            if most_pixels is None or width * height <= most_pixels:
                # Cameras store a picture as the sensor lay, and how to turn it beside it.
                colours = "L" if shape.channels == 1 else "RGB"
                image = _on_white(ImageOps.exif_transpose(opened)).convert(colours)
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} has far too many pixels; make it smaller.") from error
    except Exception as error:  # damaged bytes make decoders raise anything
        raise InputError(
            f"{name} is damaged or no image that can be read; replace it or take it out."
        ) from error
    if image is None:
        raise InputError(
            f"{name} has {width} x {height} pixels; at most {most_pixels:,} are read, so make it "
            "smaller."
        )
    if deep:  # `convert` would cut its values off at 255
        raise InputError(f"{name} has more than 8 bits a channel; save it as an 8-bit image.")
    if image.size != (shape.width, shape.height):
        image = image.resize((shape.width, shape.height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8).reshape(shape.height, shape.width, -1)


def _on_white(image: Image.Image) -> Image.Image:
    """Lay a picture with transparent parts on white: what lies hidden below them is arbitrary."""
    if not image.has_transparency_data:
        return image
    blended = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", blended.size, "white"), blended)


def _load_image(file: Path, shape: ImageShape) -> NDArray[np.float32]:
    """Return one image, (channels, height, width) float32 in [0, 1]."""
    return channels_first(read_pixels(file, shape))


def channels_first(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels (height, width, channels) as models take them: (channels, height, width) in [0, 1]."""
    return np.ascontiguousarray((pixels.astype(np.float32) / 255).transpose(2, 0, 1))


def _load_targets(file: Path, names: tuple[str, ...]) -> NDArray[np.float32]:
    (_, header), *lines = _read_table(file)
    values: dict[str, list[float]] = {}
    for number, (name, *cells) in lines:
        if name in values:
            raise InputError(f"{file}, line {number}: {name} is listed twice; list it once.")
        try:
            values[name] = [float(cell) for cell in cells]
        except ValueError as error:
            raise InputError(
                f"{file}, line {number}: expected a file name and {len(header) - 1} number(s)."
            ) from error
    odd = sorted(set(values) ^ set(names))
    if odd:
        kind = "no image" if odd[0] in values else "no line in it"
        raise InputError(
            f"{file} does not match the images: {odd[0]} has {kind}; list each image once."
        )
    return checked_targets(np.array([values[name] for name in names]), len(names), str(file))


def _read_table(file: Path) -> list[tuple[int, list[str]]]:
    """Return line numbers and cells, the header first; lines are equally long, blank ones left out.

    Raises InputError when the file is no such table.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:  # spreadsheets put a mark first
            reader = csv.reader(stream)
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{file} cannot be read as a table; save it as CSV in UTF-8, with commas."
        ) from error
    if not rows or len(rows[0][1]) < 2 or rows[0][1][0] != "file":
        raise InputError(f"{file} must begin with a header line such as 'file,x,y'.")
    width = len(rows[0][1])
    for number, row in rows:
        if len(row) != width:
            raise InputError(
                f"{file}, line {number}: expected a file name and {width - 1} number(s)."
            )
    return rows
