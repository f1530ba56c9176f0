"""Pools: parts of a zoo that a search is confined to, as a user's constraints would."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synlearn.strategies.candidate import Candidate

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Pool:
    """A named part of all candidates.

    Attributes:
        key: Short name.
        meaning: One plain sentence.
        holds: Whether a candidate belongs to it.
    """

    key: str
    meaning: str
    holds: Callable[[Candidate], bool]

    def places(self, candidates: Sequence[Candidate]) -> Places:
        """Positions of its members, rising."""
        return np.flatnonzero([self.holds(candidate) for candidate in candidates])


def everything() -> Pool:
    """All models (the paper's *All*)."""
    return Pool("all", "Every model.", lambda _: True)


def by_parameters(most: int) -> Pool:
    """Models with a limited memory footprint (the paper's *ResNet-50*)."""
    return Pool(
        "small", f"At most {most:,} parameters.", lambda candidate: candidate.parameters <= most
    )


def by_width(most: int) -> Pool:
    """Models whose features have a limited width (the paper's *Dim2048*)."""
    return Pool(
        "narrow", f"At most {most} features.", lambda candidate: candidate.feature_width <= most
    )


def experts() -> Pool:
    """Models trained on one data set, without those of several (the paper's *Expert*)."""
    return Pool(
        "experts", "Trained on one image set alone.", lambda candidate: len(candidate.sources) == 1
    )


def one_family(family: str) -> Pool:
    """Models of one architecture, which differ only in what they were trained on, and how."""
    return Pool("family", "Of one architecture.", lambda candidate: candidate.family == family)
