"""A mixed experiment in miniature: three made-up sets, divided as the real ones are."""

from functools import cache

import numpy as np

from synlearn.datasets.labelled_images import LabelledImages, labelled_images
from synlearn.datasets.mixed_plan import DomainPlan, Kind, KindPlan, Part, Unit
from synlearn.datasets.mixed_pool import MixedPool, build_pool
from synlearn.datasets.mixed_split import MixedSplit, make_split

TEST: dict[Part, int | None] = {Part.EXAMPLES: 4, Part.TRUTH_A: 6, Part.TRUTH_B: 6}
PLANS = (
    DomainPlan(
        "cifar100",
        Unit.CLASS_WITHIN_GROUP,
        1,
        (
            KindPlan(Kind.EXPERT, 2, {Part.EXPERT: None}),
            KindPlan(Kind.PROVIDER, 1, {Part.PROVIDER: 8, **TEST}),
            KindPlan(Kind.UNSEEN, None, TEST),
        ),
    ),
    DomainPlan(
        "omniglot",
        Unit.GROUP,
        3,
        (
            KindPlan(Kind.ANCHOR, 1, {Part.ANCHOR: 2}, most=2),
            KindPlan(Kind.UNSEEN, 2, TEST, most=6),
            KindPlan(Kind.EXPERT, None, {Part.EXPERT: None}),
        ),
    ),
    DomainPlan(
        "mnist",
        Unit.CLASS,
        1,
        (KindPlan(Kind.SHARED, None, {Part.EXPERT: 8, Part.PROVIDER: 6, **TEST}),),
    ),
)


@cache
def sources() -> dict[str, LabelledImages]:
    """Six superclasses of four, four alphabets of seven, and ten digits; 32 images of each."""
    return {
        "cifar100": _blots(24, 32, 3, 1, tuple(f"super{row // 4}" for row in range(24))),
        "omniglot": _blots(28, 28, 1, 2, tuple(f"alphabet{row // 7}" for row in range(28))),
        "mnist": _blots(10, 28, 1, 3, None),
    }


@cache
def split() -> MixedSplit:
    """How they are divided."""
    return make_split(sources(), seed=0, plans=PLANS)


@cache
def pool() -> MixedPool:
    """All of their images."""
    return build_pool(split(), sources())


def _blots(
    classes: int, side: int, channels: int, seed: int, groups: tuple[str, ...] | None
) -> LabelledImages:
    """Images that small networks tell apart: a pattern for each class, with noise."""
    random = np.random.default_rng(seed)
    patterns = random.integers(0, 160, (classes, 4, 4, channels))
    labels = np.repeat(np.arange(classes), 32)
    images = patterns[labels].repeat(side // 4, axis=1).repeat(side // 4, axis=2)
    images += random.integers(0, 90, images.shape)
    names = [f"class{row:02d}" for row in range(classes)]
    return labelled_images(images.astype(np.uint8), labels, names, groups, where="the test's set")
