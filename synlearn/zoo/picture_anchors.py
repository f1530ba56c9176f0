"""The public anchor set behind specifications of classifiers: 764 small pictures in 126 groups.

Drawings of Omniglot (MIT), clothes of Fashion-MNIST (MIT), hands of the sign-language digits
(Apache-2.0) and rendered pictures (ours); `picture_anchors_v1.LICENSES.txt` has the licences. The
mixed experiment's manifest keeps the real ones out of everything else, so no anchor is an image
that a model is trained or tested on. The set is a file that ships with the package, not code that
renders it: a pixel that another library version rounds differently would change every
specification.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import MixedPool
from synlearn.datasets.rendered_families import family_groups
from synlearn.datasets.rendered_pictures import rendered_groups
from synlearn.datasets.small_pictures import Pictures
from synlearn.errors import InputError

FILE: Final = "picture_anchors_v1.npz"
RENDERED_EACH: Final = 8
FAMILY_EACH: Final = 6


@dataclass(frozen=True, slots=True)
class PictureAnchors:
    """Public pictures that classifiers are described by.

    Attributes:
        pictures: (a, 32, 32, 3) uint8.
        groups: (a,) int64, the group of each, rising.
        names: (g,) names of the groups, `<family>/<group>`.
        digest: SHA-256, hex, of pictures, groups and names.
    """

    pictures: Pictures
    groups: NDArray[np.int64]
    names: tuple[str, ...]
    digest: str

    def families(self) -> dict[str, NDArray[np.int64]]:
        """Return the groups of each family that has at least two, in order."""
        found: dict[str, list[int]] = {}
        for group, name in enumerate(self.names):
            found.setdefault(name.split("/")[0], []).append(group)
        return {family: np.array(own) for family, own in found.items() if len(own) > 1}


def collect_anchors(pool: MixedPool) -> dict[str, Pictures]:
    """Return the pictures of each group, from a pool and rendered ones, by name."""
    found: dict[str, Pictures] = {}
    for label in pool.labels_of(Part.ANCHOR):
        found[pool.classes[label].full_name] = pool.pictures[pool.rows(Part.ANCHOR, label)]
    return found | rendered_groups(RENDERED_EACH) | family_groups(FAMILY_EACH)


def anchor_set(groups: Mapping[str, Pictures]) -> PictureAnchors:
    """Bring groups of pictures together, in their order."""
    pictures = np.concatenate(list(groups.values()))
    members = np.repeat(np.arange(len(groups)), [len(own) for own in groups.values()])
    names = tuple(groups)
    whole = hashlib.sha256("\0".join(names).encode())
    whole.update(members.astype("<i8").tobytes())
    whole.update(np.ascontiguousarray(pictures).tobytes())
    return PictureAnchors(pictures, members, names, whole.hexdigest())


def anchor_bytes(anchors: PictureAnchors) -> bytes:
    """Return the anchors as the bytes of an `.npz` file."""
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        pictures=anchors.pictures,
        groups=anchors.groups.astype(np.int16),
        names=np.array(anchors.names),
    )
    return stream.getvalue()


def read_anchors(data: bytes, where: str) -> PictureAnchors:
    """Read what `anchor_bytes` wrote; nothing is unpickled.

    Raises:
        InputError: It is something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as content:
            pictures, groups = content["pictures"], content["groups"].astype(np.int64)
            names = [str(name) for name in content["names"].tolist()]
    except Exception as error:  # damaged bytes make zip, zlib, tokenizer and NumPy raise anything
        raise InputError(f"{where} is no set of anchors; install the package again.") from error
    members = {name: pictures[groups == row] for row, name in enumerate(names)}
    return anchor_set(members)


@cache
def picture_anchors() -> PictureAnchors:
    """Return the anchors that ship with the package."""
    resource = files("synlearn").joinpath("zoo", FILE)
    return read_anchors(resource.read_bytes(), FILE)
