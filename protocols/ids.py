"""Names that both ends use: providers, jobs, files, questions."""

import hashlib
import re
from dataclasses import dataclass
from typing import NewType, Self

ProviderId = NewType("ProviderId", str)
JobId = NewType("JobId", str)
Digest = NewType("Digest", str)  # SHA-256 of a file or body, 64 lower-case hexadecimal digits

MAX_PART = 2**32 - 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, order=True, slots=True)
class QueryId:
    """Names a question within one job and provider; ordered, and safe to derive again on resume.

    >>> QueryId(2, 17, 3) < QueryId(2, 18, 0)
    True
    >>> str(QueryId(2, 17, 3))
    '2.17.3'
    """

    phase: int
    step: int
    part: int

    def __post_init__(self) -> None:
        for part in (self.phase, self.step, self.part):
            if not 0 <= part <= MAX_PART:
                raise ValueError(f"a query id has three numbers from 0 to {MAX_PART}, not {part}")

    def __str__(self) -> str:
        return f"{self.phase}.{self.step}.{self.part}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The id that `str` wrote as `text`; ValueError for anything else."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError(f"a query id looks like 2.17.3, not like {text!r}")
        phase, step, part = map(int, parts)
        return cls(phase, step, part)


def provider_id(text: str) -> ProviderId:
    """`text` as a provider's name; ValueError unless it fits in a log line and a file name."""
    return ProviderId(_name(text, "provider"))


def job_id(text: str) -> JobId:
    """`text` as a job's name; ValueError unless it fits in a log line and a file name."""
    return JobId(_name(text, "job"))


def _name(text: str, of: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"a {of} name has 1 to 128 letters, digits or . _ : @ - and starts with a letter or "
            f"digit, unlike {text[:140]!r}"
        )
    return text


def digest(text: str) -> Digest:
    """`text` as a digest; ValueError unless it is 64 lower-case hexadecimal digits."""
    if not _DIGEST.fullmatch(text):
        raise ValueError(f"a digest has 64 lower-case hexadecimal digits, unlike {text[:70]!r}")
    return Digest(text)


def digest_of(data: bytes) -> Digest:
    """The SHA-256 of `data`."""
    return Digest(hashlib.sha256(data).hexdigest())
