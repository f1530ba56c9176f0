"""A question to one provider, and the ways it can end without an answer."""

from collections.abc import Collection
from dataclasses import dataclass

from protocols.errors import Code
from protocols.frames import Pending
from protocols.ids import ProviderId, QueryId


@dataclass(frozen=True, slots=True)
class Question:
    """`body` for one provider, to be answered within `timeout` seconds of asking."""

    provider: ProviderId
    query: QueryId
    body: bytes
    timeout: float


class QueryRefused(Exception):  # noqa: N818 - the protocol's word
    """The provider will not answer; `code` says why, the full reason is in its own log."""

    def __init__(self, provider: ProviderId, query: QueryId, code: Code) -> None:
        super().__init__(f"{provider} refused question {query}: {code.sentence}")
        self.provider = provider
        self.query = query
        self.code = code
        self.sentence = code.sentence


class QueryTimedOut(TimeoutError):  # noqa: N818 - says what happened
    """No answer came by the deadline; `postponed` is the last delay the provider announced."""

    def __init__(self, provider: ProviderId, query: QueryId, postponed: Pending | None) -> None:
        why = "" if postponed is None else f" ({postponed.reason.sentence})"
        super().__init__(f"{provider} did not answer question {query} in time{why}")
        self.provider = provider
        self.query = query
        self.postponed = postponed


class SessionsStopped(RuntimeError):  # noqa: N818 - says what happened
    """The session server was stopped before the answer came."""


class ProvidersMissing(TimeoutError):  # noqa: N818 - says what happened
    """Some providers did not connect in time; `missing` names them."""

    def __init__(self, missing: Collection[ProviderId], timeout: float) -> None:
        self.missing = tuple(sorted(missing))
        names = ", ".join(self.missing[:8]) + (" ..." if len(self.missing) > 8 else "")
        super().__init__(
            f"{len(self.missing)} providers did not connect within {timeout:g} s: {names}; "
            "start their nodes, or run the job without them"
        )
