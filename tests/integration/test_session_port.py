"""Real nodes at a port whose jobs come and go."""

import pytest

from coordinator.session_events import Joined
from protocols.errors import Code
from protocols.ids import QueryId
from provider.session import Farewell
from tests.port_site import BLUE, BLUE_TOKEN, RED, RED_TOKEN, PortSite, port_site, two_jobs
from tests.session_harness import ALICE, BOB, SOON, Echo, Node, start_node, until

Q, THEN = QueryId(0, 0, 0), QueryId(0, 0, 1)


def red_node(port: int, responder: Echo | None = None) -> Node:
    return start_node(ALICE, responder or Echo(), port, job=RED, token=RED_TOKEN)


def codes(here: PortSite) -> list[Code]:
    return [each.code for each in here.strangers]


def test_a_node_that_comes_before_its_job_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    with port_site() as here:
        here.port.expect(RED)
        node = red_node(here.port.start())
        until(lambda: codes(here).count(Code.JOB_NOT_OPEN) >= 3)
        red = here.open(RED)
        assert red.sessions.ask(ALICE, Q, b"hi", SOON).result(SOON) == b"echo hi"
        assert red.events == [Joined(ALICE)]
        red.sessions.stop("done")
        assert node.result(SOON) == Farewell("done")
    assert (
        f"the session is lost: {Code.JOB_NOT_OPEN.sentence} Connecting to localhost" in caplog.text
    )


def test_a_node_whose_job_is_nowhere_leaves_for_good() -> None:
    with port_site() as here:
        farewell = red_node(here.port.start()).result(SOON)
        assert farewell == Farewell(Code.WRONG_JOB.sentence, Code.WRONG_JOB)


def test_a_job_that_is_given_up_is_left() -> None:
    with port_site() as here:
        here.port.expect(RED)
        node = red_node(here.port.start())
        until(lambda: bool(here.strangers))
        here.port.give_up(RED)
        assert node.result(SOON).code is Code.WRONG_JOB


def test_a_suspended_job_finds_its_nodes_again() -> None:
    responder = Echo()
    with port_site() as here:
        red = here.open(RED)
        node = red_node(here.port.start(), responder)
        waiting = red.sessions.ask(ALICE, Q, b"wait", SOON)
        until(lambda: bool(responder.asked))
        red.sessions.suspend("disk full")
        assert waiting.exception(SOON)
        again = here.open(RED)
        answer = again.sessions.ask(ALICE, Q, b"wait", SOON)
        again.sessions.ask(ALICE, THEN, b"hi", SOON).result(SOON)  # so the first was asked again
        responder.gate.set()
        assert answer.result(SOON) == b"echo wait"
        assert responder.asked == [(Q, b"wait"), (THEN, b"hi")]  # asked twice, computed once
        assert not node.done()
        again.sessions.stop("done")
        assert node.result(SOON) == Farewell("done")


def test_nodes_of_two_jobs_outlive_a_restart_of_the_coordinator() -> None:
    """The new process listens before it has found its jobs, and opens them one after the other."""
    with two_jobs() as old:
        address = f"127.0.0.1:{old.number}"
        red = red_node(old.number)
        blue = start_node(BOB, Echo(), old.number, job=BLUE, token=BLUE_TOKEN)
        old.red.sessions.wait_for([ALICE], SOON)
        old.blue.sessions.wait_for([BOB], SOON)
        old.site.port.stop("the coordinator restarts")
        with port_site(address=address) as new:
            new.port.expect(RED)
            new.port.expect(BLUE)
            new.port.start()
            until(lambda: {each.provider for each in new.strangers} == {ALICE, BOB})
            job = new.open(BLUE)
            assert job.sessions.ask(BOB, Q, b"hi", SOON).result(SOON) == b"echo hi"
            job.sessions.stop("blue is done")
            assert blue.result(SOON) == Farewell("blue is done")
            job = new.open(RED)
            assert job.sessions.ask(ALICE, Q, b"hi", SOON).result(SOON) == b"echo hi"
            job.sessions.stop("red is done")
            assert red.result(SOON) == Farewell("red is done")
