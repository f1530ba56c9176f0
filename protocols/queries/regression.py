"""Questions of isolated closures with values to predict: errors, and target datasets."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.queries.spec import ArraySpec, check_digest, check_digests, check_range

_MAX_MODELS = 4096
_MAX_ROWS = 1_000_000
MAX_DRAWN_ROWS = 2**22
"""Rows of all target datasets of a question: a node holds their numbers, and adds up as many
features."""


@dataclass(frozen=True, slots=True)
class SquaredError:
    """Sums of squared errors of several models over the same sampled rows.

    Answer: `sums` (m,) float64, for each model the sum over rows and targets; `count` () int64,
    rows times targets.
    """

    function: ClassVar[str] = "squared_error"
    models: tuple[str, ...]
    rows: int

    def __post_init__(self) -> None:
        check_digests("models", self.models, _MAX_MODELS)
        check_range("rows", self.rows, 1, _MAX_ROWS)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The models' files."""
        return self.models

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {
            "sums": ArraySpec("float64", (len(self.models),), low=0),
            "count": ArraySpec("int64", (), low=1),
        }


@dataclass(frozen=True, slots=True)
class TargetFeatures:
    """Target datasets of an isolated closure: means of `g_mu` over K rows, several draws.

    The metric model sees a target dataset only through this mean, so no row has to leave.

    Answer: `means` (draws, width) float32, each within the unit ball, since the features of
    `g_mu` have unit length.
    """

    function: ClassVar[str] = "target_features"
    backbone: str
    k: int
    draws: int

    def __post_init__(self) -> None:
        check_digest("backbone", self.backbone)
        check_range("k", self.k, 1, _MAX_ROWS)
        check_range("draws", self.draws, 1, 10_000)
        check_range("k x draws", self.k * self.draws, 1, MAX_DRAWN_ROWS)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The backbone's file."""
        return (self.backbone,)

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {"means": ArraySpec("float32", (self.draws, None), low=-1.001, high=1.001)}
