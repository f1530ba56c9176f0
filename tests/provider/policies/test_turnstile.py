import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from protocols.errors import Code, Refused
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.turnstile import NAP, Turnstile
from provider.session_api import PendingUntil
from tests.owner_policies import policy
from tests.provider.policies.test_approvals import QUESTION, Queue

FREE = policy("")
ASKS = policy("[functions.class_outputs]\napproval = true\n[approval]\nexpires_hours = 1.0")
DAYTIME = policy('[hours]\nopens = "08:00"\ncloses = "18:00"')
HOUR = 3600.0
Event: TypeAlias = tuple[float, Callable[[], object]]


class Site:
    """A gate whose clock moves only while it sleeps; `events` happen at their times."""

    def __init__(self, folder: Path, owner: OwnerPolicy) -> None:
        self.queue = Queue(folder)
        self.policy = owner
        self.events: list[Event] = []
        self.told: list[tuple[Code, float]] = []
        self.gate = Turnstile(self.queue.approvals, now=lambda: self.queue.now, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= NAP
        self.queue.now += seconds
        assert self.queue.now < 20 * HOUR, "it waits for ever"
        for event in [event for event in self.events if event[0] <= self.queue.now]:
            self.events.remove(event)
            event[1]()

    def current(self) -> OwnerPolicy:
        return self.policy

    def tell(self, pending: PendingUntil) -> None:
        self.told.append((pending.reason, pending.until))

    def ask(self) -> OwnerPolicy | Code:
        try:
            return asyncio.run(self.gate.pass_through(self.current, QUESTION, self.tell))
        except Refused as refused:
            return refused.code

    def change(self, owner: OwnerPolicy) -> None:
        self.policy = owner


def test_a_question_that_needs_nothing_goes_through(tmp_path: Path) -> None:
    site = Site(tmp_path, FREE)
    assert site.ask() is FREE
    assert site.told == []
    assert site.queue.approvals.pending() == []


def test_a_question_waits_for_its_owner(tmp_path: Path) -> None:
    site = Site(tmp_path, ASKS)
    site.events.append((100.0, lambda: site.queue.open().approve(1)))
    assert site.ask() is ASKS
    assert site.told == [(Code.AWAITING_APPROVAL, HOUR)]
    assert 100.0 <= site.queue.now <= 103.0
    assert site.ask() is ASKS, "a retry does not wait again"


def test_a_denied_question_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path, ASKS)
    site.events.append((100.0, lambda: site.queue.open().deny(1)))
    assert site.ask() is Code.NOT_ALLOWED
    assert site.ask() is Code.NOT_ALLOWED


def test_a_question_that_waited_in_vain_is_refused_and_may_be_asked_again(tmp_path: Path) -> None:
    site = Site(tmp_path, ASKS)
    assert site.ask() is Code.NOT_ALLOWED
    assert HOUR <= site.queue.now <= HOUR + 3
    site.events.append((site.queue.now + 50, lambda: site.queue.open().approve(2)))
    assert site.ask() is ASKS


def test_a_question_waits_for_the_morning(tmp_path: Path) -> None:
    site = Site(tmp_path, DAYTIME)
    assert site.ask() is DAYTIME
    assert site.told == [(Code.OUTSIDE_HOURS, 8 * HOUR)]
    assert site.queue.now == pytest.approx(8 * HOUR)


def test_after_a_wait_the_policy_of_then_decides(tmp_path: Path) -> None:
    site = Site(tmp_path, DAYTIME)
    site.events.append((HOUR, lambda: site.change(ASKS)))
    site.events.append((2 * HOUR, lambda: site.change(FREE)))
    assert site.ask() is FREE
    assert site.told == [(Code.OUTSIDE_HOURS, 8 * HOUR), (Code.AWAITING_APPROVAL, 2 * HOUR)]


def test_what_is_forbidden_meanwhile_does_not_begin(tmp_path: Path) -> None:
    site = Site(tmp_path, ASKS)

    def checked() -> OwnerPolicy:
        if site.queue.now > 50:
            raise Refused(Code.PAUSED)
        return site.policy

    with pytest.raises(Refused) as caught:
        asyncio.run(site.gate.pass_through(checked, QUESTION, site.tell))
    assert caught.value.code is Code.PAUSED
