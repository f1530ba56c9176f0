"""The provider's own rules, checked before anything else, whatever the coordinator says."""

from dataclasses import dataclass, field
from typing import Protocol

from protocols.errors import Code, Refused
from protocols.queries import (
    QUERIES,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
)


class Policy(Protocol):
    """Decides about a question from its parameters alone; it never sees a row."""

    @property
    def max_model_bytes(self) -> int:
        """Largest model file that the node will pull."""
        ...

    def check(self, query: Query, rows: int) -> None:
        """Return if the question may be answered.

        Args:
            query: The question.
            rows: How many rows the provider holds.

        Raises:
            Refused: With the code for the wire and the full reason for the local log.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """The `open` profile: exact answers, for tests, demos and data without secrets.

    Attributes:
        functions: Names of the functions that are answered.
        min_rows: Fewest rows that may stand behind one `squared_error` answer.
        max_model_bytes: Largest model file that the node will pull.
        paused: Refuse everything for now.
    """

    functions: frozenset[str] = field(default_factory=lambda: frozenset(QUERIES))
    min_rows: int = 1
    max_model_bytes: int = 64 * 2**20
    paused: bool = False

    def check(self, query: Query, rows: int) -> None:
        """Return if the question may be answered; raise `Refused` otherwise."""
        if self.paused:
            raise Refused(Code.PAUSED, local="the node is paused; resume it to answer again")
        if query.function not in self.functions:
            raise Refused(
                Code.NOT_ALLOWED,
                local=f"{query.function} is not among the functions allowed by the policy",
            )
        used = rows_used(query)
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


def rows_used(query: Query) -> int | None:
    """Rows that one released number of the answer is a function of; None where it is no row."""
    match query:
        case SquaredError():
            return query.rows
        case TargetFeatures():
            return query.k
        case PretrainingGradient() | PretrainingUpdate():
            return query.classes * query.rows_per_class
        case _:
            return None
