"""What can be wrong with a request: one sentence, and one code on each road."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class _Codes:
    http: int
    grpc: str


class Code(Enum):
    """Kinds of problems, each something that a caller does something else about."""

    INVALID = "invalid"
    """The request cannot be answered as it is; its sentence says what to change."""
    TOO_LARGE = "too_large"
    NO_KEY = "no_key"
    """The API key is missing or not known."""
    NOT_FOUND = "not_found"
    NO_METHOD = "no_method"
    TOO_MANY = "too_many"
    """More requests than the key may ask in this time; waiting helps."""
    BUSY = "busy"
    """The service has more to do than it can; waiting helps."""
    TOO_SLOW = "too_slow"
    """Somebody took longer than allowed: the sender over the body, or the service over the work."""
    BROKEN = "broken"
    """A fault of the service; its log says which."""


CODES: Final = {
    Code.INVALID: _Codes(422, "INVALID_ARGUMENT"),
    Code.TOO_LARGE: _Codes(413, "RESOURCE_EXHAUSTED"),
    Code.NO_KEY: _Codes(401, "UNAUTHENTICATED"),
    Code.NOT_FOUND: _Codes(404, "NOT_FOUND"),
    Code.NO_METHOD: _Codes(405, "UNIMPLEMENTED"),
    Code.TOO_MANY: _Codes(429, "RESOURCE_EXHAUSTED"),
    Code.BUSY: _Codes(503, "UNAVAILABLE"),
    Code.TOO_SLOW: _Codes(408, "DEADLINE_EXCEEDED"),
    Code.BROKEN: _Codes(500, "INTERNAL"),
}


class Problem(Exception):  # noqa: N818 - not always an error of ours
    """A request that is not answered.

    Attributes:
        code: Of what kind.
        sentence: For whoever sent it: what is wrong, and what to do.
        wait: Seconds after which it may be sent again; 0 where waiting does not help.
    """

    def __init__(self, code: Code, sentence: str, wait: float = 0.0) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.wait = wait


def broken() -> Problem:
    """A fault of the service; what it was is nobody's business but its operator's."""
    return Problem(Code.BROKEN, "the service could not answer; its operator finds why in the log.")
