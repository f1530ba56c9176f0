"""A tiny job of grouped closures: made-up pictures, experts that were hardly trained."""

import dataclasses
from functools import cache
from pathlib import Path

from synlearn.datasets.mixed_plan import DomainPlan, Kind, KindPlan, Part, Unit
from synlearn.datasets.mixed_pool import MixedPool, build_pool
from synlearn.datasets.mixed_pool_file import write_pool
from synlearn.datasets.mixed_split import MixedSplit, make_split
from synlearn.zoo.mixed import build_mixed_zoo
from synlearn.zoo.mixed_recipes import Role, draw_recipes
from tests import mixed

_PLANS = (
    DomainPlan(
        "cifar100",
        Unit.CLASS_WITHIN_GROUP,
        1,
        (
            KindPlan(Kind.EXPERT, 3, {Part.EXPERT: None}),
            KindPlan(Kind.PROVIDER, None, {Part.PROVIDER: 24}),
        ),
    ),
    DomainPlan(
        "mnist", Unit.CLASS, 1, (KindPlan(Kind.SHARED, None, {Part.EXPERT: 8, Part.PROVIDER: 18}),)
    ),
)


@cache
def split() -> MixedSplit:
    """Twelve providers: six classes of one set, ten of the other, three holders each."""
    return make_split(mixed.sources(), seed=0, plans=_PLANS)


@cache
def pool() -> MixedPool:
    """All images."""
    return build_pool(split(), mixed.sources())


def write_grouped_site(folder: Path) -> Path:
    """Make zoo, pool, manifest and job file; return the job file."""
    recipes = [
        dataclasses.replace(own, steps=10)
        for role, count in ((Role.LEARNING, 5), (Role.TEST, 2))
        for own in draw_recipes(pool(), count, role)
    ]
    build_mixed_zoo(folder / "zoo", pool(), recipes, workers=1, on_built=lambda _: None)
    write_pool(folder / "pool.safetensors", pool(), split().digest)
    (folder / "split.json").write_bytes(split().to_json())
    path = folder / "grouped.toml"
    path.write_text(
        """
        closure = "grouped"
        name = "tiny"
        zoo = "zoo"
        seed = 5
        threads = 1
        [providers]
        pool = "pool.safetensors"
        split = "split.json"
        [pretraining]
        rounds = 2
        classes = 3
        rows_per_class = 2
        width = 4
        features = 16
        [learning]
        models = "mixed-learning-*"
        rounds = 2
        tasks_per_round = 8
        models_per_round = 4
        ways = 3
        k_least = 1
        k_most = 5
        draws = 3
        updates_per_round = 5
        [validation]
        function = "head_accuracy"
        width = 8
        [metric]
        width = 8
        hidden = 8
        members = 2
        device = "cpu"
        [fusion]
        folds = 2
        examples = [1, 2]
        draws = 2
        """
    )
    return path
