"""Omniglot in its original form: `images_background` and `images_evaluation`.

An image lies at `<alphabet>/<character>/<number>_<drawer>.png`, 105 x 105, black ink on white.
Here ink is bright on dark, as in MNIST.

Source: B. Lake, R. Salakhutdinov, J. Tenenbaum, "Human-level concept learning through probabilistic
program induction", Science 2015.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synlearn.datasets.image_tree import content_digest, open_tree, read_square
from synlearn.datasets.labelled_images import LabelledImages, labelled_images
from synlearn.errors import InputError


def load_omniglot(parts: Sequence[Path], side: int = 28) -> LabelledImages:
    """Load folders or zip archives of alphabets; classes are `<alphabet>/<character>`.

    Groups are the alphabets. Images are sorted by class and file name (that is by drawer).

    Args:
        parts: Such as `images_background.zip` and `images_evaluation`.
        side: Pixels that drawings are averaged down to.

    Raises:
        InputError: An image cannot be read, or does not lie in a character's folder.
    """
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    origins = []
    for path in parts:
        with open_tree(path) as tree:
            origins.append(content_digest(tree, tree.names))
            for name in tree.names:
                if len(name.parts) < 3:
                    raise InputError(
                        f"{path} has an image {name} outside of alphabet and character folders; "
                        "give the original archive or its folder."
                    )
                drawing = 255 - read_square(tree, name, side, "L")
                found.setdefault((name.parts[-3], name.parts[-2]), []).append(drawing)
    classes = sorted(found)
    images = np.stack([drawing for key in classes for drawing in found[key]])
    labels = np.repeat(np.arange(len(classes)), [len(found[key]) for key in classes])
    return labelled_images(
        images,
        labels,
        [f"{alphabet}/{character}" for alphabet, character in classes],
        [alphabet for alphabet, _ in classes],
        where=", ".join(map(str, parts)),
        origin=" ".join(origins),
    )
