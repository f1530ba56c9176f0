"""How large an answer can be: known before a row is read, so that its bytes can be paid first."""

import math
from collections.abc import Mapping

import numpy as np

from protocols.queries import ArraySpec, Describe, Query, TargetFeatures
from protocols.queries.spec import MAX_OUTPUTS
from provider.policies.rules import LARGEST_ANSWER

_AROUND = 64
"""Bytes around an array's numbers: names, lengths, dtype; a side has at most five more."""


def plain_bytes(query: Query, classes: Mapping[str, int]) -> int:
    """Most bytes of an encoded answer, at most `LARGEST_ANSWER`.

    Only the answers to the pre-training have a length that the question does not tell, as many
    numbers as a backbone has parameters; they count as `LARGEST_ANSWER`.

    Args:
        query: The question.
        classes: How many rows of each class the provider holds; for a description.
    """
    if isinstance(query, Describe):
        names = sum(len(name.encode()) + 1 for name in classes)
        return min(LARGEST_ANSWER, 5 * _AROUND + names + 8 * (len(classes) + 3 + 2))
    specs = dict(query.answer)
    if isinstance(query, TargetFeatures):  # no wider than a backbone may be
        specs["means"] = ArraySpec("float32", (query.draws, MAX_OUTPUTS))
    return min(LARGEST_ANSWER, sum(_array_bytes(*item) for item in specs.items()))


def masked_bytes(length: int) -> int:
    """Most bytes of the masked vector that leaves; beside it the other rounds are small."""
    return 8 * length


def _array_bytes(name: str, spec: ArraySpec) -> int:
    if None in spec.shape:
        return LARGEST_ANSWER
    numbers = math.prod(side or 0 for side in spec.shape)
    around = _AROUND + len(name) + 5 * len(spec.shape)
    return around + numbers * np.dtype(spec.dtype).itemsize
