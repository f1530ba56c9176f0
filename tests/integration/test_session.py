"""Both real ends of a session over loopback, with the network failing in between."""

import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from coordinator.session_events import Joined, Lost, Postponed, Rejoined
from coordinator.session_server import QueryRefused, QueryTimedOut, Question
from coordinator.tls import ServerTls
from protocols.errors import Code
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.limits import KIB
from provider.blobs import BlobCache
from provider.session import ClientTls, Farewell
from tests.certificates import Authority
from tests.session_harness import (
    ALICE,
    BOB,
    QUICK,
    SOON,
    Echo,
    site,
    start_node,
    until,
)

Q, THEN = QueryId(0, 0, 0), QueryId(0, 0, 1)


class Cable:
    """A TCP connection's worth of network that can be cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._left: int | None = None
        self._lock = threading.Lock()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection; new ones work."""
        with self._lock:
            self.cuts += 1
            for end in self._sockets:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()

    def cut_after(self, size: int) -> None:
        """Break all connections once, when so many more bytes have come from the coordinator."""
        self._left = size

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._sockets += [near, far]
                for pair in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, downwards: bool) -> None:
        with suppress(OSError):
            while data := source.recv(64 * KIB):
                if downwards and self._left is not None:
                    self._left -= len(data)
                    if self._left < 0:
                        self._left = None
                        self.cut()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cable(port: int) -> Iterator[Cable]:
    made = Cable(port)
    try:
        yield made
    finally:
        made.close()


def test_ask_and_answer_and_farewell() -> None:
    responder = Echo()
    with site() as here:
        node = here.node(ALICE, responder)
        here.server.wait_for([ALICE], SOON)
        assert here.server.ask(ALICE, Q, b"hi", SOON).result(SOON) == b"echo hi"
        here.server.acknowledge(Q)
        until(lambda: responder.acknowledged == [Q])
        here.server.stop("the job is done")
        assert node.result(SOON) == Farewell("the job is done")


def test_many_in_flight_come_back_to_their_own_futures() -> None:
    with site() as here:
        for provider in (ALICE, BOB):
            here.node(provider, Echo())
        questions = [
            Question(provider, QueryId(1, step, 0), f"{provider} {step}".encode(), SOON)
            for step in range(1000)
            for provider in (ALICE, BOB)
        ]
        for question, future in zip(questions, here.server.ask_many(questions), strict=True):
            assert future.result(SOON) == b"echo " + question.body


def test_refusals_delays_and_deadlines() -> None:
    responder = Echo()
    with site() as here:
        here.node(ALICE, responder)
        refused, failed, late, slow = (
            here.server.ask(ALICE, QueryId(0, 0, part), body, timeout)
            for part, (body, timeout) in enumerate(
                [(b"refuse", SOON), (b"fail", SOON), (b"wait", 0.1), (b"pending", SOON)]
            )
        )
        for future, code in ((refused, Code.TOO_FEW_ROWS), (failed, Code.NODE_FAULT)):
            with pytest.raises(QueryRefused) as caught:
                future.result(SOON)
            assert caught.value.code is code
            assert "stays here" not in str(caught.value)
        with pytest.raises(QueryTimedOut):
            late.result(SOON)
        query = QueryId(0, 0, 3)
        postponed = Postponed(ALICE, query, 4_000_000_000, Code.AWAITING_APPROVAL)
        until(lambda: postponed in here.events)
        responder.gate.set()
        assert slow.result(SOON) == b"echo pending"


def test_large_bodies_both_ways() -> None:
    limits = replace(QUICK, max_body=4_000_000)
    with site(limits=limits) as here:
        here.node(ALICE, Echo(), limits=limits)
        body = bytes(limits.max_body)
        with pytest.raises(QueryRefused) as caught:  # the echo would be longer than its question
            here.server.ask(ALICE, Q, body, SOON).result(SOON)
        assert caught.value.code is Code.ANSWER_TOO_LARGE
        answer = here.server.ask(ALICE, QueryId(0, 0, 1), b"large 4000000", SOON).result(SOON)
        assert len(answer) == 4_000_000


def test_a_cut_cable_in_the_middle_of_a_question() -> None:
    responder = Echo()
    with site() as here, cable(here.port) as line:
        here.nodes.append(start_node(ALICE, responder, line.port))
        waiting = here.server.ask(ALICE, Q, b"wait", SOON)
        until(lambda: bool(responder.asked))
        line.cut()
        until(lambda: Rejoined(ALICE) in here.events)
        here.server.ask(ALICE, THEN, b"hi", SOON).result(SOON)  # so the first was asked again
        responder.gate.set()
        assert waiting.result(SOON) == b"echo wait"
        assert responder.asked == [(Q, b"wait"), (THEN, b"hi")]  # asked twice, computed once
        assert [type(event) for event in here.events] == [Joined, Lost, Rejoined]


def test_a_node_finds_the_new_coordinator_by_itself() -> None:
    responder = Echo()
    with site() as here, cable(here.port) as line:
        here.nodes.append(start_node(ALICE, responder, line.port))
        here.server.ask(ALICE, Q, b"wait", SOON)
        until(lambda: bool(responder.asked))
        line.cut_after(0)  # what the old one says from now on is not heard
        here.server.stop("killed")
        here.restart()
        again = here.server.ask(ALICE, Q, b"wait", SOON)
        here.server.ask(ALICE, THEN, b"hi", SOON).result(SOON)  # so the first was asked again
        responder.gate.set()
        assert again.result(SOON) == b"echo wait"
        assert responder.asked == [(Q, b"wait"), (THEN, b"hi")]


def test_a_file_arrives_and_other_frames_meanwhile() -> None:
    limits = replace(QUICK, max_chunk=64 * KIB)
    with site(limits=limits) as here:
        name = here.blobs.publish(data := os.urandom(5_000_000))
        here.node(ALICE, Echo(), limits=limits)
        here.server.wait_for([ALICE], SOON)
        file = here.server.ask(ALICE, Q, f"fetch {name}".encode(), SOON)
        quick = here.server.ask(ALICE, QueryId(0, 0, 1), b"meanwhile", SOON)
        assert quick.result(SOON) == b"echo meanwhile"
        assert not file.done()
        assert file.result(SOON) == data


def test_a_file_goes_on_at_its_offset_after_a_cut() -> None:
    limits = replace(QUICK, max_chunk=64 * KIB)
    with site(limits=limits) as here, cable(here.port) as line:
        served: list[int] = []
        read = here.blobs.read

        def count(name: object, offset: int, length: int) -> memoryview:
            served.append(offset)
            return read(name, offset, length)  # type: ignore[arg-type]

        here.blobs.read = count  # type: ignore[method-assign,assignment]
        data = os.urandom(4_000_000)
        name = here.blobs.publish(data)
        here.nodes.append(start_node(ALICE, Echo(), line.port, limits=limits))
        here.server.wait_for([ALICE], SOON)
        line.cut_after(2_000_000)
        future = here.server.ask(ALICE, Q, f"fetch {name}".encode(), SOON)
        assert future.result(SOON) == data
        assert line.cuts == 1
        again = len(served) - len(set(served))
        assert again <= limits.blob_window + 1  # only what was on its way was asked for twice


def test_nodes_of_a_process_pull_a_file_once() -> None:
    cache = BlobCache()
    with site() as here:
        name = here.blobs.publish(os.urandom(3_000_000))
        for provider in (ALICE, BOB):
            here.node(provider, Echo(), cache=cache)
        body = f"fetch {name}".encode()
        one, other = (here.server.ask(each, Q, body, SOON) for each in (ALICE, BOB))
        assert digest_of(one.result(SOON)) == digest_of(other.result(SOON)) == name
        here.blobs.withdraw(name)
        again = here.server.ask(BOB, QueryId(0, 0, 1), body, SOON)
        assert digest_of(again.result(SOON)) == name


def test_a_file_that_is_not_published_is_refused() -> None:
    with site() as here:
        here.node(ALICE, Echo())
        body = f"fetch {digest_of(b'secret')}".encode()
        with pytest.raises(QueryRefused) as caught:
            here.server.ask(ALICE, Q, body, SOON).result(SOON)
        assert caught.value.code is Code.FILE_UNAVAILABLE


@pytest.mark.parametrize(
    ("token", "job", "code"),
    [(b"guess", JobId("job"), Code.NOT_ADMITTED), (b"token", JobId("no"), Code.WRONG_JOB)],
)
def test_a_node_that_is_not_let_in_stops(token: bytes, job: JobId, code: Code) -> None:
    with site() as here:
        node = here.node(ALICE, Echo(), token=token, job=job)
        assert node.result(SOON).code is code


def test_the_older_of_two_nodes_with_one_name_stops() -> None:
    with site() as here:
        older = here.node(ALICE, Echo())
        here.server.wait_for([ALICE], SOON)
        here.node(ALICE, Echo())
        assert older.result(SOON).code is Code.REPLACED


def test_pings_keep_an_idle_connection_and_annoy_nobody() -> None:
    """A server that is pinged more often than it allows hangs up."""
    limits = replace(QUICK, keepalive=0.1)
    with site(limits=limits) as here:
        here.node(ALICE, Echo(), limits=limits)
        here.server.wait_for([ALICE], SOON)
        threading.Event().wait(1.0)
        assert here.events == [Joined(ALICE)]


def test_faults_all_the_time_lose_and_double_nothing() -> None:
    """Two providers, seventy questions, a cable that is cut again and again."""
    draw = random.Random(7)  # noqa: S311 - for a test
    with site(limits=replace(QUICK, in_flight=16)) as here, cable(here.port) as line:
        responders = {ALICE: Echo(), BOB: Echo()}
        for provider, responder in responders.items():
            here.nodes.append(start_node(provider, responder, line.port))
        over = threading.Event()

        def saboteur() -> None:
            while not over.wait(draw.uniform(0.02, 0.15)):
                line.cut()

        thread = threading.Thread(target=saboteur)
        thread.start()
        name = here.blobs.publish(os.urandom(1_000_000))
        try:
            for step in range(12):
                questions = [
                    Question(provider, QueryId(1, step, part), body, 30.0)
                    for part, body in enumerate((b"a", b"b", f"fetch {name}".encode()))
                    for provider in responders
                ]
                answers = [future.result(30) for future in here.server.ask_many(questions)]
                assert [len(answer) for answer in answers] == [6] * 4 + [1_000_000] * 2
        finally:
            over.set()
            thread.join()
        assert line.cuts >= 1
        for responder in responders.values():
            assert {query for query, _ in responder.asked} == {
                QueryId(1, step, part) for step in range(12) for part in range(3)
            }


def test_a_hundred_nodes_in_one_process() -> None:
    names = [ProviderId(f"p{number}") for number in range(100)]
    with site(providers=names) as here:
        for name in names:
            here.node(name, Echo())
        here.server.wait_for(names, SOON)
        futures = here.server.ask_many([Question(name, Q, name.encode(), SOON) for name in names])
        for name, future in zip(names, futures, strict=True):
            assert future.result(SOON) == b"echo " + name.encode()


def test_tls(authority: Authority) -> None:
    server = authority.issue("localhost")
    with site(tls=ServerTls(server.certificate, server.key)) as here:
        here.node(ALICE, Echo(), tls=ClientTls(authority.certificate))
        assert here.server.ask(ALICE, Q, b"hi", SOON).result(SOON) == b"echo hi"


def test_mutual_tls_ties_a_provider_to_its_certificate(authority: Authority) -> None:
    server, alice = authority.issue("localhost"), authority.issue("alice")
    tls = ServerTls(server.certificate, server.key, client_authority=authority.certificate)
    mine = ClientTls(authority.certificate, alice.certificate, alice.key)
    with site(tls=tls, names_in_certificates=True) as here:
        here.node(ALICE, Echo(), tls=mine)
        assert here.server.ask(ALICE, Q, b"hi", SOON).result(SOON) == b"echo hi"
        assert here.node(BOB, Echo(), tls=mine).result(SOON).code is Code.NOT_ADMITTED


def test_nobody_talks_to_a_stranger(
    authority: Authority, another_authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    server, eve = authority.issue("localhost"), another_authority.issue("alice")
    tls = ServerTls(server.certificate, server.key, client_authority=authority.certificate)
    strangers = (
        ClientTls(another_authority.certificate, eve.certificate, eve.key),  # does not trust us
        ClientTls(authority.certificate, eve.certificate, eve.key),  # we do not trust it
        ClientTls(authority.certificate),
        None,
    )
    with site(tls=tls) as here:
        for stranger in strangers:
            here.node(ALICE, Echo(), tls=stranger)
        until(lambda: caplog.text.count("Connecting") >= 12)
        assert here.events == []


def test_a_certificate_for_another_name_needs_that_name_said(authority: Authority) -> None:
    server = authority.issue("coordinator.example")
    with site(tls=ServerTls(server.certificate, server.key)) as here:
        named = ClientTls(authority.certificate, server_name="coordinator.example")
        here.node(BOB, Echo(), tls=ClientTls(authority.certificate))
        here.node(ALICE, Echo(), tls=named)
        here.server.wait_for([ALICE], SOON)
        assert here.events == [Joined(ALICE)]
