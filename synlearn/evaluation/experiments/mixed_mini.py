"""A mixed experiment small enough to be shipped: three sets with open licences, 48 tiny experts.

<mini>/split.json     the manifest
<mini>/pictures.npz   images of providers and test
<mini>/zoo/           the experts
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from synlearn.atomic import write_atomically
from synlearn.datasets.mixed_plan import MINI_DOMAINS, DomainPlan, Part
from synlearn.datasets.mixed_pool import MixedPool, build_pool
from synlearn.datasets.mixed_pool_file import pack_pool, unpack_pool
from synlearn.datasets.mixed_sources import load_source
from synlearn.datasets.mixed_split import MixedSplit, make_split, read_split
from synlearn.errors import InputError
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.mixed import build_mixed_zoo
from synlearn.zoo.mixed_recipes import MINI, Role, draw_recipes
from synlearn.zoo.picture_anchors import picture_anchors

LEARNING, TEST = 24, 24
KS: Final = (1, 2, 4)
SHIPPED: Final = (Part.PROVIDER, Part.EXAMPLES, Part.TRUTH_A, Part.TRUTH_B)


def build_mini(
    out: Path,
    data: Path,
    *,
    workers: int,
    on_built: Callable[[int], None],
    plans: tuple[DomainPlan, ...] = MINI_DOMAINS,
) -> Zoo:
    """Build the mini experiment from the original sets below `data`.

    Raises:
        InputError: A set is missing or damaged, or `out` cannot be written to.
    """
    sources = {plan.name: load_source(plan.name, data) for plan in plans}
    split = make_split(sources, seed=0, plans=plans)
    pool = build_pool(split, sources, picture_anchors().pictures)
    recipes = [
        *draw_recipes(pool, LEARNING, Role.LEARNING, MINI),
        *draw_recipes(pool, TEST, Role.TEST, MINI),
    ]
    zoo = build_mixed_zoo(out / "zoo", pool, recipes, workers=workers, on_built=on_built)
    try:
        write_atomically(out / "split.json", split.to_json())
        write_atomically(out / "pictures.npz", pack_pool(pool.only(SHIPPED), split.digest))
    except OSError as error:
        raise InputError(
            f"Cannot write {out} ({error.strerror}); choose another folder."
        ) from error
    return zoo


def open_mini(mini: Path, zoo_folder: Path) -> tuple[MixedSplit, MixedPool, Zoo]:
    """Read the mini experiment; its zoo is copied, since specifications are stored beside models.

    Raises:
        InputError: A part of it is missing or damaged.
    """
    split = read_split(mini / "split.json")
    pool = unpack_pool(mini / "pictures.npz", split.digest)
    source = Zoo.open(mini / "zoo")
    if not zoo_folder.exists() or Zoo.open(zoo_folder).digest != source.digest:
        try:
            shutil.copytree(source.root, zoo_folder, dirs_exist_ok=True)
        except OSError as error:
            raise InputError(
                f"Cannot write {zoo_folder} ({error}); choose another folder."
            ) from error
    return split, pool, Zoo.open(zoo_folder)
