"""What a check found."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is; the worst one is the command's exit code."""

    FINE = 0
    WARNING = 1  # it answers, but the owner should know
    ERROR = 2  # it will not answer, or must not


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        about: What was looked at, one or two words.
        severity: How bad it is.
        what: What was found.
        next: What to do about it; empty where it is fine.
    """

    about: str
    severity: Severity
    what: str
    next: str = ""


def fine(about: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(about, Severity.FINE, what)


def warning(about: str, what: str, next_: str) -> Finding:
    """Something to know."""
    return Finding(about, Severity.WARNING, what, next_)


def error(about: str, what: str, next_: str) -> Finding:
    """Something that keeps the node from answering."""
    return Finding(about, Severity.ERROR, what, next_)


def worst(findings: Iterable[Finding]) -> Severity:
    """The severity of all of them together."""
    return max((finding.severity for finding in findings), default=Severity.FINE)
