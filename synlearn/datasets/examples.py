"""What a handful of labelled examples is, once loaded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class ImageShape:
    """What images are brought to: channels (1 or 3), height and width in pixels."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Examples:
    """A handful of examples.

    Attributes:
        images: (n, channels, height, width) float32 in [0, 1].
        targets: (n, t) float32, values to predict; None where they are not given.
        names: (n,) name of each, for messages.
    """

    images: NDArray[np.float32]
    targets: NDArray[np.float32] | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


def checked_targets(
    targets: NDArray[np.floating], count: int, where: str
) -> NDArray[np.float32]:
    """Return targets as (count, t) float32.

    Raises:
        InputError: There are more or fewer than images, or one is not finite.
    """
    if len(targets) != count:
        raise InputError(
            f"{where} has {len(targets)} targets for {count} images; give one for each image."
        )
    if not np.isfinite(targets).all():
        row = int(np.flatnonzero(~np.isfinite(targets.reshape(count, -1)).all(axis=1))[0])
        raise InputError(
            f"{where}: the target of row {row} is not a finite number; correct it or leave the "
            "row out."
        )
    return targets.reshape(count, -1).astype(np.float32)
