"""How many examples a target dataset has, and for which numbers reusability is told apart.

A model that is best from one example a class need not be best from ten. So reusability may be
validated at a few *levels*, numbers of examples, and a target dataset learns from the nearest one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def draw_instances(least: int, most: int, count: int, random: np.random.Generator) -> Indices:
    """Draw K of some target datasets, (count,), from `least` to `most`.

    Their logarithms are about uniform, so that few examples are common.
    """
    logarithms = random.uniform(np.log(least), np.log(most + 1), count)
    found: Indices = np.clip(np.exp(logarithms).astype(np.int64), least, most)
    return found


def nearest_level(instances: Indices, levels: Sequence[int]) -> Indices:
    """Which of the rising levels is nearest to each K, as a ratio; (p,) positions in `levels`.

    >>> nearest_level(np.array([1, 2, 10]), (1, 3, 10)).tolist()
    [0, 1, 2]
    """
    if len(levels) == 1:
        return np.zeros(len(instances), np.int64)
    apart = np.abs(np.log(instances)[:, None] - np.log(np.array(levels)))
    found: Indices = apart.argmin(axis=1).astype(np.int64)
    return found
