"""A zoo of hardly trained experts of the made-up sets, for tests of what is made of zoos."""

import dataclasses
from pathlib import Path

from synlearn.zoo.catalog import Zoo
from synlearn.zoo.mixed import build_mixed_zoo
from synlearn.zoo.mixed_recipes import Role, draw_recipes
from tests import mixed


def mixed_zoo(root: Path, learning: int = 4, test: int = 3) -> Zoo:
    """Build it; a few steps of training each."""
    drawn = [
        dataclasses.replace(own, steps=10)
        for role, count in ((Role.LEARNING, learning), (Role.TEST, test))
        for own in draw_recipes(mixed.pool(), count, role)
    ]
    return build_mixed_zoo(root, mixed.pool(), drawn, workers=1, on_built=lambda _: None)
