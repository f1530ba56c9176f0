"""Questions of the pre-training of `g_mu` (SynLearn, Algorithm 1, lines 2-6)."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.queries.spec import ArraySpec, check_choice, check_digest, check_range

MAX_BATCH = 256
"""Rows in one batch of pre-training: a node's memory grows with its cube, the triplets."""
MAX_PASSES = 2**14
"""Rows that pass through a backbone, forth and back, in all local steps of one update."""
MAX_STEP_TRIPLES = 2**26
"""Triples of rows, a batch's cube, in all local steps of one update: seconds of a core."""

_HINGE_COUNTS = {
    "hinge_sum": ArraySpec("float64", (), low=0),
    "active": ArraySpec("int64", (), low=0),
    "triplets": ArraySpec("int64", (), low=0),
}


@dataclass(frozen=True, slots=True)
class PretrainingGradient:
    """Gradient of the class-wise hinge *sum* at one backbone, and the hinge counts.

    The sum and the count decompose over providers; the mean hinge that the coordinator
    minimises is their quotient (SynLearn, Algorithm 1, line 4). A provider of two classes or more
    draws rows of its own classes, as many of them as have enough rows but at most `classes`; one
    whose rows are all of one class makes `classes` pseudo-classes of them by different views.

    Answer: `gradient` (p,) float32 or float64, parameters in the backbone file's order;
    `hinge_sum` () float64; `active` () int64, hinges above zero; `triplets` () int64.
    """

    function: ClassVar[str] = "pretraining_gradient"
    backbone: str
    classes: int
    rows_per_class: int
    margin: float
    precision: str = "float32"

    def __post_init__(self) -> None:
        check_digest("backbone", self.backbone)
        check_range("classes", self.classes, 2, 64)
        check_range("rows_per_class", self.rows_per_class, 2, 256)
        check_range("classes x rows_per_class", self.classes * self.rows_per_class, 4, MAX_BATCH)
        check_range("margin", self.margin, 0.0, 100.0)
        check_choice("precision", self.precision, ("float32", "float64"))

    @property
    def blobs(self) -> tuple[str, ...]:
        """The backbone's file."""
        return (self.backbone,)

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {"gradient": ArraySpec(self.precision, (None,)), **_HINGE_COUNTS}


@dataclass(frozen=True, slots=True)
class PretrainingUpdate:
    """The change of the backbone's parameters after a few local gradient steps.

    Plain gradient descent on the provider's mean hinge, `steps` times with fresh rows, drawn as for
    `PretrainingGradient`; the coordinator averages the changes, weighted by triplets.

    Answer: `change` (p,) float32 or float64, new parameters minus old; and, over all local steps,
    `hinge_sum`, `active` and `triplets` as in `PretrainingGradient`.
    """

    function: ClassVar[str] = "pretraining_update"
    backbone: str
    classes: int
    rows_per_class: int
    margin: float
    steps: int
    learning_rate: float
    precision: str = "float32"

    def __post_init__(self) -> None:
        PretrainingGradient.__post_init__(self)  # type: ignore[arg-type]
        check_range("steps", self.steps, 1, 1000)
        check_steps(self.steps, self.classes * self.rows_per_class)
        check_range("learning_rate", self.learning_rate, 0.0, 10.0)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The backbone's file."""
        return (self.backbone,)

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {"change": ArraySpec(self.precision, (None,)), **_HINGE_COUNTS}


def check_steps(steps: int, batch: int) -> None:
    """Raise `QueryError` where so many steps over `batch` rows each are more than a node does."""
    check_range("steps x rows of a batch", steps * batch, 1, MAX_PASSES)
    check_range("steps x the cube of a batch", steps * batch**3, 1, MAX_STEP_TRIPLES)
