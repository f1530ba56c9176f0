"""A question to one provider, and the ways it can end without an answer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from protocols.errors import Code
from protocols.frames import Pending
from protocols.ids import ProviderId, QueryId


@dataclass(frozen=True, slots=True)
class Question:
    """`body` for one provider, to be answered within `timeout` seconds of asking.

    `function` is what is asked, for those who watch; empty for a step of a masked sum. It is not
    sent.
    """

    provider: ProviderId
    query: QueryId
    body: bytes
    timeout: float
    function: str = ""


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
    """Providers that a job needs are not there; `missing` names them."""

    def __init__(self, missing: Collection[ProviderId], timeout: float) -> None:
        self.missing = tuple(sorted(missing))
        super().__init__(
            f"{len(self.missing)} providers did not connect within {timeout:g} s: "
            f"{_some(self.missing)}; start their nodes, or run the job without them"
        )


LEFT, REVOKED = "its owner left the job", "it was revoked"
"""Why providers are gone for good."""
_FOR_GOOD = {
    Code.OWNER_LEFT: LEFT,
    Code.NOT_A_MEMBER: REVOKED,
    Code.NOT_ADMITTED: "it is not admitted any more",
}


class ProvidersGone(ProvidersMissing):
    """Providers left a job, or did not answer in time; `why` has a clause for each of them."""

    def __init__(self, why: Mapping[ProviderId, str]) -> None:
        self.why = dict(why)
        self.missing = tuple(sorted(why))
        TimeoutError.__init__(self, _each(why))


class TooManyAbsent(ProvidersMissing):
    """More providers are gone than a job goes on without."""

    def __init__(self, why: Mapping[ProviderId, str], then: str) -> None:
        """Args: why those are gone that went last; then what follows, and what to do."""
        self.missing = tuple(sorted(why))
        TimeoutError.__init__(self, f"{_each(why)}. {then}" if why else then)


def why_gone(error: QueryRefused | QueryTimedOut) -> str | None:
    """Why a provider that gave no answer is gone for good; None where it only refused."""
    if isinstance(error, QueryRefused):
        if error.code in _FOR_GOOD:
            return _FOR_GOOD[error.code]
        if error.code is not Code.DEADLINE_PASSED:
            return None
        postponed = None
    else:
        postponed = error.postponed
    delay = "" if postponed is None else f" ({postponed.reason.sentence})"
    return f"no answer to question {error.query} in time{delay}"


def _each(why: Mapping[ProviderId, str]) -> str:
    alike: dict[str, list[ProviderId]] = {}
    for provider, clause in sorted(why.items()):
        alike.setdefault(clause, []).append(provider)
    return "; ".join(f"{_some(own)}: {clause}" for clause, own in alike.items())


def _some(names: Collection[ProviderId]) -> str:
    return ", ".join(sorted(names)[:8]) + (" ..." if len(names) > 8 else "")
