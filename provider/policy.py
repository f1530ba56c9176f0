"""The provider's own rules, checked before anything else, whatever the coordinator says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from protocols.errors import Code, Refused
from protocols.queries import (
    QUERIES,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
    half_sizes,
)
from provider.rows import check_class_rows, classes_for_training


class Policy(Protocol):
    """Decides about a question from its parameters alone; it never sees a row."""

    @property
    def max_model_bytes(self) -> int:
        """Largest model file that the node will pull."""
        ...

    @property
    def paused(self) -> bool:
        """Whether everything is refused for now."""
        ...

    def check(self, query: Query, rows: int, classes: Mapping[str, int]) -> None:
        """Return if the question may be answered.

        Args:
            query: The question.
            rows: How many rows the provider holds.
            classes: How many of each class.

        Raises:
            Refused: With the code for the wire and the full reason for the local log.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """The `open` profile: exact answers, for tests, demos and data without secrets.

    Attributes:
        functions: Names of the functions that are answered.
        min_rows: Fewest rows that may stand behind one number of an answer.
        max_model_bytes: Largest model file that the node will pull.
        paused: Refuse everything for now.
    """

    functions: frozenset[str] = field(default_factory=lambda: frozenset(QUERIES))
    min_rows: int = 1
    max_model_bytes: int = 64 * 2**20
    paused: bool = False

    def check(self, query: Query, rows: int, classes: Mapping[str, int]) -> None:
        """Return if the question may be answered; raise `Refused` otherwise."""
        check_pause(self)
        if query.function not in self.functions:
            raise Refused(
                Code.NOT_ALLOWED,
                local=f"{query.function} is not among the functions allowed by the policy",
            )
        used = rows_used(query, classes)
        if used is None:
            return
        if used < self.min_rows:
            raise Refused(
                Code.TOO_FEW_ROWS,
                local=f"{query.function} over {used} rows; the policy asks for {self.min_rows}",
            )
        if used > rows:
            raise Refused(
                Code.TOO_FEW_ROWS,
                local=f"{query.function} over {used} rows; there are {rows}",
            )


def check_pause(policy: Policy) -> None:
    """Check that a policy is not paused.

    Raises:
        Refused: PAUSED.
    """
    if policy.paused:
        raise Refused(Code.PAUSED, local="the node is paused; resume it to answer again")


def rows_used(query: Query, classes: Mapping[str, int]) -> int | None:
    """Fewest rows that one released number of the answer is a function of.

    Args:
        query: The question.
        classes: How many rows of each class the provider holds.

    Returns:
        None where the answer is a function of no row: a description, or zeros alone.

    Raises:
        Refused: TOO_FEW_ROWS, more rows of a class are asked for than there are.
    """
    match query:
        case SquaredError():
            return query.rows
        case TargetFeatures():
            return query.k
        case PretrainingGradient() | PretrainingUpdate():
            real = classes_for_training(classes, query.rows_per_class)
            count = min(query.classes, len(real)) if real else query.classes
            return count * query.rows_per_class
        case TaskEvidence():
            check_class_rows(classes, query.classes, int(query.ks[-1]))
            return int(query.ks[0])  # behind a class mean; behind a score are those of all classes
        case ClassOutputs() | LeepLikelihood():
            counts = [classes.get(name, 0) for name in query.classes]
        case HeadStatistics():
            counts = [classes.get(name, 0) for name in query.classes]
            if query.halved:
                counts = [half_sizes(count)[0] for count in counts]
        case HeadCorrect():
            counts = [half_sizes(classes.get(name, 0))[1] for name in query.classes]
        case Describe():
            return None
        case _:
            assert_never(query)
    # A class without rows has zeros, which are a function of no row.
    return min((count for count in counts if count), default=None)
