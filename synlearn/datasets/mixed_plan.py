"""How the mixed experiment divides seven image sets: classes by kind, each class's images by part.

Large sets are divided by class: what experts are trained on, what providers hold, and what nobody
but the test sees. Sets of ten classes are divided by image: experts, providers and test share
classes, but no image. No provider holds CIFAR-10, so its tasks are of a whole set unseen in
learning (its classes were seen by experts, its images were not).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Part(StrEnum):
    """What an image is for. Nothing is for two things, and moved copies stay with their image."""

    EXPERT = "expert"  # trains experts
    ANCHOR = "anchor"  # describes models; shipped with the package
    PROVIDER = "provider"  # a provider's data
    EXAMPLES = "examples"  # target datasets of test tasks are drawn from these
    TRUTH_A = "truth-a"  # the first half of what true reusability is measured on
    TRUTH_B = "truth-b"  # the second half


class Kind(StrEnum):
    """Who knows a class."""

    EXPERT = "expert"  # experts only
    PROVIDER = "provider"  # providers and test, no expert
    UNSEEN = "unseen"  # the test only
    SHARED = "shared"  # experts, providers and test, each with their own images
    NOT_LEARNED = "not-learned"  # experts and test, each with their own images
    ANCHOR = "anchor"


class Unit(StrEnum):
    """What is dealt to kinds."""

    CLASS = "class"
    GROUP = "group"  # whole groups: alphabets
    CLASS_WITHIN_GROUP = "class within group"  # the same number of each group: superclasses


@dataclass(frozen=True, slots=True)
class KindPlan:
    """One kind of class.

    Attributes:
        kind: Which.
        units: How many units (see `Unit`; per group for `CLASS_WITHIN_GROUP`); None: all that are
            left.
        shares: Images of each class by part, None: all that are left; dealt in this order.
        most: Classes used of each group, at most.
    """

    kind: Kind
    units: int | None
    shares: dict[Part, int | None]
    most: int | None = None


@dataclass(frozen=True, slots=True)
class DomainPlan:
    """How one set is divided.

    Attributes:
        name: Of the set.
        unit: What is dealt.
        copies: Of each image in the test's parts, itself included; the others are moved copies.
        kinds: In the order of dealing.
    """

    name: str
    unit: Unit
    copies: int
    kinds: tuple[KindPlan, ...]


def _test(examples: int, half: int) -> dict[Part, int | None]:
    return {Part.EXAMPLES: examples, Part.TRUTH_A: half, Part.TRUTH_B: half}


_ALL: Final[dict[Part, int | None]] = {Part.EXPERT: None}

_CLOTHES: Final = KindPlan(
    Kind.SHARED, None, {Part.EXPERT: 28, Part.ANCHOR: 6, Part.PROVIDER: 20, **_test(10, 13)}
)
_HANDS: Final = KindPlan(
    Kind.SHARED, None, {Part.EXPERT: 16, Part.ANCHOR: 4, Part.PROVIDER: 20, **_test(6, 7)}
)

DOMAINS: Final = (
    DomainPlan(
        "cifar100",
        Unit.CLASS_WITHIN_GROUP,
        1,
        (
            KindPlan(Kind.EXPERT, 2, _ALL),
            KindPlan(Kind.PROVIDER, 1, {Part.PROVIDER: 110, **_test(40, 50)}),
            KindPlan(Kind.UNSEEN, None, _test(50, 100)),
        ),
    ),
    DomainPlan(
        "cifar10",
        Unit.CLASS,
        1,
        (KindPlan(Kind.NOT_LEARNED, None, {Part.EXPERT: 250, **_test(50, 100)}),),
    ),
    DomainPlan(
        "omniglot",
        Unit.GROUP,
        5,
        (
            KindPlan(Kind.ANCHOR, 2, {Part.ANCHOR: 5}, most=12),
            KindPlan(Kind.PROVIDER, 10, {Part.PROVIDER: None}, most=8),
            KindPlan(Kind.UNSEEN, 8, _test(5, 7), most=8),
            KindPlan(Kind.EXPERT, None, _ALL),
        ),
    ),
    DomainPlan(
        "caltech101",
        Unit.CLASS,
        5,
        (
            KindPlan(Kind.PROVIDER, 13, {Part.PROVIDER: 20, **_test(6, 7)}),
            KindPlan(Kind.UNSEEN, 12, _test(8, 16)),
            KindPlan(Kind.EXPERT, None, _ALL),
        ),
    ),
    DomainPlan(
        "mnist",
        Unit.CLASS,
        1,
        (KindPlan(Kind.SHARED, None, {Part.EXPERT: 250, Part.PROVIDER: 110, **_test(50, 100)}),),
    ),
    DomainPlan("fashion_mnist", Unit.CLASS, 5, (_CLOTHES,)),
    DomainPlan("sign_digits", Unit.CLASS, 5, (_HANDS,)),
)

MINI_DOMAINS: Final = (
    DomainPlan(
        "omniglot",
        Unit.GROUP,
        1,
        (
            KindPlan(Kind.ANCHOR, 2, {Part.ANCHOR: 5}, most=12),
            KindPlan(Kind.PROVIDER, 6, {Part.PROVIDER: None}, most=6),
            KindPlan(Kind.UNSEEN, 4, _test(5, 7), most=6),
            KindPlan(Kind.EXPERT, None, _ALL),
        ),
    ),
    DomainPlan("fashion_mnist", Unit.CLASS, 1, (_CLOTHES,)),
    DomainPlan("sign_digits", Unit.CLASS, 1, (_HANDS,)),
)
"""Sets whose licences (MIT, Apache-2.0) let them be shipped, for the demo: no moved copies, so K is
at most 4. Anchors are dealt as in `DOMAINS`: they are the shipped ones."""

PROVIDERS_PER_CLASS: Final = 3
CLASSES_PER_PROVIDER: Final = 5
