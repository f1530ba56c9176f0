"""Peers that want to write somebody's log, or to be told by it what they should not know."""

import asyncio
import base64
import json
import logging
import re
from collections.abc import Iterator

import pytest

from coordinator.admission import Peer, TokenAdmission
from coordinator.job_log import JobLog
from coordinator.session_events import Faulted, Lost
from protocols import frames as f
from protocols.errors import Code, Refused
from protocols.framing import encode
from protocols.ids import ProviderId, QueryId
from protocols.values import encode_values
from provider.answering import Answering
from provider.session_api import BlobFetcher
from provider.site.reception import Reception
from synlearn.logs import LogFormat
from tests.attacks.town import A, Town, town
from tests.log_lines import Lines, log_lines
from tests.session_harness import (
    ALICE,
    JOB,
    Echo,
    bare_coordinator,
    bare_provider,
    hello,
    site,
    start_node,
    until,
)

FORGED = "2026-01-01T00:00:00.000Z INFO provider.node [job=a-job query=9.9.9] answered"
HOSTILE = f"x\r\n{FORGED}\n\x1b[2J\x1b[31m\x85{FORGED}\u2028{FORGED}\x00\x7f\u202e"
HEAD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) [a-z_.]+ ")
Q = QueryId(0, 0, 5)


def check_whole(lines: Lines, form: LogFormat) -> None:
    """Every line is one that our code has begun, and moves no cursor."""
    assert lines.text
    assert all(each.isprintable() for each in lines.text.split("\n")), lines.text
    for line in lines.text.split("\n")[:-1]:
        assert not line.startswith(FORGED[:30])
        if form is LogFormat.JSON:
            assert "9.9.9" not in str(json.loads(line).get("query"))
        else:
            assert HEAD.match(line) or line.startswith("  | "), line


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town"), {A: {"ant": 24}}) as made:
        made.gather()
        yield made


@pytest.mark.parametrize("form", LogFormat)
@pytest.mark.parametrize(
    "body",
    [
        encode_values(HOSTILE, {}),
        encode_values("describe", {HOSTILE: 1}),
        encode_values("class_outputs", {"classes": (HOSTILE,), "models": (), "outputs": 2}),
        HOSTILE.encode(),
    ],
)
def test_lines_forged_by_a_question(here: Town, form: LogFormat, body: bytes) -> None:
    with log_lines(form) as lines:
        assert isinstance(here.tell(A, Q, body), Code)
    check_whole(lines, form)
    assert len(lines.text.splitlines()) == 1


@pytest.mark.parametrize("form", LogFormat)
def test_lines_forged_by_a_goodbye_or_an_error(form: LogFormat) -> None:
    """Of a coordinator to a node."""
    error = encode(f.Error(Code.SESSION_FAULT, HOSTILE))
    goodbye = encode(f.Goodbye(HOSTILE))
    with log_lines(form) as lines, bare_coordinator([error], [goodbye]) as coordinator:
        start_node(ALICE, Echo(), coordinator.port).result(20)
        until(lambda: "is lost" in lines.text)
    check_whole(lines, form)


@pytest.mark.parametrize("form", LogFormat)
@pytest.mark.parametrize(
    "greeting",
    [hello(provider=HOSTILE), hello(job=HOSTILE), hello(token=HOSTILE.encode())],
    ids=["provider", "job", "token"],
)
def test_lines_forged_by_a_greeting(form: LogFormat, greeting: f.Hello) -> None:
    """Of a stranger to a coordinator."""
    with log_lines(form) as lines, site() as made, bare_provider(made.port) as stranger:
        stranger.send(greeting)
        until(lambda: "not let in" in lines.text)
    check_whole(lines, form)


@pytest.mark.parametrize("form", LogFormat)
def test_lines_forged_by_a_reason(form: LogFormat) -> None:
    """Of a provider, as the log of a job has it: whoever should have cleaned it before."""
    with log_lines(form) as lines:
        tell = JobLog(JOB)
        tell(Lost(ProviderId(HOSTILE), HOSTILE))
        tell(Faulted(ALICE, Code.MALFORMED, HOSTILE))
    check_whole(lines, form)
    assert len(lines.text.splitlines()) == 2


@pytest.mark.parametrize("form", LogFormat)
def test_lines_forged_by_a_traceback(form: LogFormat) -> None:
    """What a library says may quote what a peer sent."""

    class Careless(Echo):
        async def answer(self, query_id: QueryId, body: bytes, *_: object) -> bytes:
            raise ValueError(body.decode())

    class NoFiles:
        async def fetch(self, digest: str, max_bytes: int) -> bytes:
            raise AssertionError

    async def ask(files: BlobFetcher) -> None:
        answering = Answering(Careless(), files, lambda _: None)
        answering.start(f.Question(Q, 60_000, HOSTILE.encode()))
        await asyncio.sleep(0.05)

    with log_lines(form) as lines:
        asyncio.run(ask(NoFiles()))
    assert "ValueError" in lines.text
    check_whole(lines, form)


SECRET, GUESSED = b"hunter2: the token of no log", b"hunter3: the token of no log"


def check_silent(text: str) -> None:
    """No secret is in a text, however it may have been written."""
    for secret in (SECRET, GUESSED):
        for form in (secret.decode(), secret.hex(), base64.b64encode(secret).decode()):
            assert form not in text


def test_a_secret_token_is_in_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the right one nor a wrong one; nor where our own code fails with it in its hands."""

    def careless(admission: TokenAdmission, greeting: f.Hello, peer: Peer) -> None:
        raise RuntimeError(f"{admission} cannot admit {greeting} from {peer}")

    with log_lines() as lines, site(admission=TokenAdmission({ALICE: SECRET})) as made:
        for token, answer in ((SECRET, f.Welcome), (GUESSED, f.Error)):
            with bare_provider(made.port) as alice:
                alice.send(hello(token=token))
                assert isinstance(alice.receive(), answer)
        monkeypatch.setattr(TokenAdmission, "admit", careless)
        with bare_provider(made.port) as alice:
            alice.send(hello(token=SECRET))
            until(lambda: "cannot admit Hello" in lines.text)
    assert "not let in" in lines.text
    check_silent(lines.text)


def test_a_secret_of_an_invitation_is_in_no_log(here: Town) -> None:
    site, invitation = here.sites[A], here.invitation(token=SECRET, address="elsewhere:9092")
    reception = Reception(site.memory, site.shop.federation)
    with log_lines() as lines:
        with pytest.raises(Refused):
            reception.receive_and_log(invitation.encode())
        try:
            raise RuntimeError(f"cannot take {invitation}")
        except RuntimeError:
            logging.getLogger("provider.site").exception("careless")
    assert lines.about(job=invitation.job, code="NOT_ALLOWED")
    check_silent(lines.text)


def test_a_secret_that_a_line_is_given_beside_its_fields_is_not_written() -> None:
    with log_lines() as lines:
        logging.getLogger("provider.session").info("fine", extra={"token": SECRET.decode()})
    check_silent(lines.text)
