"""Data sets with a folder of images for each class: Caltech-101, the sign-language digits."""

from pathlib import Path

import numpy as np

from synlearn.datasets.image_tree import content_digest, open_tree, read_square
from synlearn.datasets.labelled_images import LabelledImages, labelled_images
from synlearn.errors import InputError


def load_class_folders(path: Path, side: int, leave_out: tuple[str, ...] = ()) -> LabelledImages:
    """Load colour images from a folder, or a zip archive, of class folders.

    An image's class is the folder that it lies in; folders above that do not matter (archives have
    one). Images are sorted by class and file name.

    Args:
        path: The folder or archive.
        side: Pixels; see `read_square`.
        leave_out: Names of class folders that are no classes, such as `BACKGROUND_Google`.

    Raises:
        InputError: An image cannot be read, or lies in no class folder.
    """
    with open_tree(path) as tree:
        names = [name for name in tree.names if name.parent.name not in leave_out]
        if any(not name.parent.name for name in names) or not names:
            raise InputError(f"{path} has images outside of class folders; put each into one.")
        names.sort(key=lambda name: (name.parent.name, name.name))
        images = np.stack([read_square(tree, name, side, "RGB") for name in names])
        origin = content_digest(tree, names)
    classes = sorted({name.parent.name for name in names})
    row = {name: index for index, name in enumerate(classes)}
    labels = np.array([row[name.parent.name] for name in names])
    return labelled_images(images, labels, classes, None, where=str(path), origin=origin)


def load_caltech101(path: Path, side: int) -> LabelledImages:
    """Load Caltech-101, `101_ObjectCategories` unpacked or zipped, without its background class.

    Source: L. Fei-Fei, R. Fergus, P. Perona, CVPR 2004 Workshop on generative-model based vision.

    Raises:
        InputError: As `load_class_folders`.
    """
    return load_class_folders(path, side, leave_out=("BACKGROUND_Google",))
