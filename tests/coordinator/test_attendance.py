from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from coordinator.attendance import Attendance
from coordinator.joining import JobTrust
from coordinator.session_questions import REVOKED, ProvidersMissing, Question
from protocols.ids import JobId, ProviderId
from protocols.queries import QUERIES
from protocols.secagg.manifest import JobManifest
from tests.identities import COORDINATOR, first_roster

ANT, BEE, CAT = (ProviderId(name) for name in ("ant", "bee", "cat"))
ROSTER = first_roster("ant", "bee", "cat")


def trust_under(version: int) -> JobTrust:
    """Another manifest for each version; what is in it does not matter here."""
    manifest = JobManifest(
        job=JobId("job"),
        coordinator=COORDINATOR.public,
        roster=ROSTER.digest,
        participants=(ANT, BEE, CAT),
        functions=frozenset(sorted(QUERIES)[:version]),
    )
    return JobTrust(COORDINATOR, ROSTER, (), manifest)


@dataclass
class Federation:
    """A `Membership`, and the sessions; time passes where somebody sleeps."""

    trust: JobTrust = field(default_factory=lambda: trust_under(1))
    members: frozenset[ProviderId] = frozenset({ANT, BEE, CAT})
    here: set[ProviderId] = field(default_factory=lambda: {ANT, BEE})
    left: dict[ProviderId, str] = field(default_factory=dict)
    asked: list[ProviderId] = field(default_factory=list)
    now: float = 0.0
    comes: dict[float, ProviderId] = field(default_factory=dict)

    def expected(self) -> frozenset[ProviderId]:
        return self.members

    def present(self) -> frozenset[ProviderId]:
        return frozenset(self.here)

    def connected(self) -> frozenset[ProviderId]:
        return self.present()

    def gone(self) -> dict[ProviderId, str]:
        return self.left

    def young(self) -> frozenset[ProviderId]:
        return frozenset({CAT})

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.here |= {name for when, name in self.comes.items() if when <= self.now}

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        self.asked += [question.provider for question in questions]
        futures = []
        for _ in questions:
            future: Future[bytes] = Future()
            future.set_result(b"")
            futures.append(future)
        return futures


@pytest.fixture
def federation() -> Federation:
    return Federation()


def attendance(federation: Federation, renewed: "list[JobTrust] | None" = None) -> Attendance:
    return Attendance(
        federation,
        federation,
        10.0,
        renewed=(renewed if renewed is not None else []).append,
        clock=lambda: federation.now,
        sleep=federation.sleep,
    )


def test_who_comes_in_time_is_waited_for(federation: Federation) -> None:
    federation.comes = {5.0: CAT}
    assert attendance(federation).wait_for({ANT, CAT}) == {}
    assert 5.0 <= federation.now < 6.0


def test_who_does_not_come_is_named_when_the_time_is_over(federation: Federation) -> None:
    found = attendance(federation).wait_for({ANT, BEE, CAT})
    assert found == {CAT: "not connected within 10 s"}
    assert federation.now >= 10.0
    with pytest.raises(ProvidersMissing, match="cat: not connected within 10 s"):
        attendance(federation).wait_for_all({CAT})


def test_who_left_or_was_revoked_is_not_waited_for(federation: Federation) -> None:
    federation.left, federation.members = {CAT: "it left"}, frozenset({ANT, CAT})
    found = attendance(federation).wait_for({ANT, BEE, CAT})
    assert found == {CAT: "it left", BEE: REVOKED}
    assert federation.now == 0.0


def test_newcomers_are_there_not_known_and_not_gone(federation: Federation) -> None:
    federation.here = {ANT, BEE, CAT}
    federation.members = frozenset({ANT, CAT})
    made = attendance(federation)
    assert made.newcomers({ANT}) == {CAT}
    assert made.young == {CAT}


def test_nobody_is_briefed_twice_unless_there_is_a_later_roster(federation: Federation) -> None:
    renewed: list[JobTrust] = []
    made = attendance(federation, renewed)
    made.brief({ANT})
    made.brief({ANT, BEE})
    assert federation.asked == [ANT, BEE]
    assert not made.behind
    assert not made.renew()
    federation.trust = trust_under(2)
    assert made.behind
    assert made.renew()
    assert renewed == [federation.trust]
    assert not made.behind
    made.brief({ANT, BEE})
    assert federation.asked == [ANT, BEE, ANT, BEE]
