"""What a provider, or anybody, may try at the public port of a federation's SuperLink.

Flower's control API asks for no password: whoever reaches it can register nodes, and push code to
all of them. Each attempt here is made at the proxy as it is shipped, before a real SuperLink.
"""

import json
import re
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="Flower is not installed: pip install synlearn[flower]")

from tests.flower_commands import PROXY_CONFIG
from tests.flower_files import HAPROXY, free_port, new_flower_key
from tests.flower_processes import FlowerSite, flower_site, proxy_process
from tests.raw_http import Peer, post
from tests.started_process import StartedProcess, wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed: apt-get install haproxy"),
]

LIST = "/v1/control/list-nodes"
"""Of all that must not be reached: takes an empty body, and answers at once."""
PASSED = "/v1/fleet/get-fab"
"""A call that the proxy passes on, and that no SuperNode at rest makes: the SuperLink's log names
it, and it is refused there, since none of what is sent here is signed by a SuperNode."""
RUN_ENDS = "/v1/runtime/push-task-output"
SELF_ADMISSION = {"/v1/fleet/register-node", "/v1/fleet/unregister-node"}
CHUNKED = "Transfer-Encoding: chunked"
SMUGGLED = post(LIST)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowerSite]:
    folder = tmp_path_factory.mktemp("port")
    with flower_site(folder, {"north": folder / "door"}) as started:
        yield started


@pytest.fixture(scope="module")
def public(site: FlowerSite) -> Peer:
    return Peer(site.public, site.ca)


@pytest.fixture(scope="module")
def loopback(site: FlowerSite) -> Peer:
    return Peer(site.loopback, site.ca)


@pytest.fixture(scope="module")
def calls(site: FlowerSite) -> list[tuple[str, str]]:
    """Method and path of all that the running SuperLink serves, as it says itself."""
    trust = ssl.create_default_context(cafile=site.ca)
    url = f"https://{site.loopback}/openapi.json"
    with urllib.request.urlopen(url, context=trust) as answer:
        paths = json.load(answer)["paths"]
    said = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    return [*said, ("GET", "/openapi.json"), ("GET", "/docs")]


@pytest.fixture
def unheard(site: FlowerSite, loopback: Peer) -> Iterator[None]:
    """The test fails where the SuperLink has heard anything but calls to its Fleet API."""
    before = _strange_calls(site)
    yield
    assert loopback.status(post(LIST)) == 200  # what came before it stands in the log by now
    wait_until(lambda: len(_strange_calls(site)) > len(before), "the SuperLink logs a call")
    assert _strange_calls(site)[len(before) :] == [f"POST {LIST}"]


def _heard(site: FlowerSite) -> list[str]:
    """Calls in the SuperLink's log."""
    return re.findall(r'"([A-Z]+ [^"]*) HTTP/[0-9.]+" \d+', site.superlink.said())


def _strange_calls(site: FlowerSite) -> list[str]:
    return [call for call in _heard(site) if not re.fullmatch(r"POST /v1/fleet/[a-z-]+", call)]


def test_a_supernode_needs_nothing_but_the_fleet(site: FlowerSite) -> None:
    def asked() -> list[dict[str, object]]:
        return [line for line in _requests(site.proxy) if "fleet" in str(line["url"])]

    def has_asked_for_messages() -> bool:
        return any(line["url"] == "/v1/fleet/pull-messages" for line in asked())

    assert site.statuses() == {site.providers["north"].number: "online"}
    wait_until(has_asked_for_messages, "the SuperNode asks for messages through the proxy")
    seen = {(line["method"], line["status"], line["tls"]) for line in asked()}
    assert seen == {("POST", 200, "TLSv1.3")}


def test_flowers_own_commands_are_refused_at_the_public_port(
    site: FlowerSite, tmp_path: Path
) -> None:
    new_flower_key(tmp_path / "intruder")
    bundle = _bundle(tmp_path / "bundle")
    for words in (
        ("supernode", "register", str(tmp_path / "intruder.pub")),
        ("run", str(bundle)),
        ("ls",),
    ):
        refused = site.flwr(*words, "public")
        assert refused.returncode != 0, (words, refused.stdout)
        assert "404 Not Found" in refused.stdout + refused.stderr
        # An operator on the SuperLink's own host may do all of it: the proxy alone is the guard.
        done = site.flwr(*words, "site")
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    # The operator's run ends with this call; later tests count what is heard, and must not meet it.
    wait_until(lambda: f"POST {RUN_ENDS}" in _heard(site), "the operator's run ends")


@pytest.mark.usefixtures("unheard")
def test_no_other_call_of_the_superlink_is_reached(
    calls: list[tuple[str, str]], public: Peer
) -> None:
    forbidden = [
        (method, path)
        for method, path in calls
        if not path.startswith("/v1/fleet/") or path in SELF_ADMISSION
    ]
    assert {path for _, path in forbidden} >= SELF_ADMISSION
    assert len([path for _, path in forbidden if path.startswith("/v1/control/")]) > 30
    assert len([path for _, path in forbidden if path.startswith("/v1/runtime/")]) > 15
    for method, path in forbidden:
        wanted = post(path).replace(b"POST", method.encode(), 1)
        assert public.status(wanted) == 404, (method, path)


def test_every_call_of_a_supernode_is_passed_on(calls: list[tuple[str, str]], public: Peer) -> None:
    fleet = {path for _, path in calls if path.startswith("/v1/fleet/")} - SELF_ADMISSION
    assert len(fleet) == 10
    assert {path: public.status(post(path)) for path in fleet} == dict.fromkeys(fleet, 401)


def test_every_call_is_there_at_the_superlink_itself(
    calls: list[tuple[str, str]], loopback: Peer
) -> None:
    no_such_call = b'{"detail":"Not Found"}'
    assert no_such_call in loopback.send(post("/v1/control/no-such-call"))
    for method, path in calls:
        answer = loopback.send(post(path).replace(b"POST", method.encode(), 1))
        assert answer.startswith(b"HTTP/1.1 ")
        assert no_such_call not in answer, (method, path)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "*",
        "/v1/fleet",
        "/v1/fleet/",
        "/v1/fleet/../control/list-nodes",
        "/v1/fleet/./../control/list-nodes",
        "/v1/fleet/x/../../control/list-nodes",
        "/v1/fleet/..;/control/list-nodes",
        "/v1/fleet/%2e%2e/control/list-nodes",
        "/v1/fleet/%2E./control/list-nodes",
        "/v1/fleet/%252e%252e/control/list-nodes",
        "/v1/fleet/..%2fcontrol%2flist-nodes",
        "/v1/fleet/..%5ccontrol%5clist-nodes",
        "/v1/fleet/..\\control\\list-nodes",
        "/v1/fleet/%c0%ae%c0%ae/control/list-nodes",
        "/v1/fleet%2f..%2fcontrol/list-nodes",
        "/v1/%63ontrol/list-nodes",
        "/%761/control/list-nodes",
        "//v1/control/list-nodes",
        "/v1//control/list-nodes",
        "//v1/fleet/pull-messages",
        "/v1/fleet//pull-messages",
        "/V1/CONTROL/LIST-NODES",
        "/V1/FLEET/pull-messages",
        "/v1/fleet/PULL-MESSAGES",
        "/v1/control/list-nodes.",
        "/v1/control/list-nodes/",
        "/v1/fleet/pull-messages.",
        "/v1/fleet/pull-messages/",
        "/v1/fleet/pull-messages%00",
        "/v1/fleet/pull-messages?x=1",
        "/v1/fleet/pull-messages?/../../control/list-nodes",
        "/v1/control/list-nodes?/v1/fleet/pull-messages",
        "/v1/control/list-nodes#/v1/fleet/pull-messages",
        "/v1/fleet/pull-messages#/../../control/list-nodes",
        "/v1/fleet/\xe9",
        "https://localhost/v1/control/list-nodes",
        "https://localhost/v1/fleet/pull-messages",
        "https://localhost/v1/fleet/../control/list-nodes",
        "localhost:8000",
        "v1/fleet/pull-messages",
        '/v1/"quoted"\\',
    ],
)
@pytest.mark.usefixtures("unheard")
def test_no_other_spelling_of_a_path_gets_through(public: Peer, target: str) -> None:
    assert public.status(post(target)) in {400, 404}


@pytest.mark.parametrize(
    "sent",
    [
        post(PASSED, CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
        post(PASSED, CHUNKED, "Content-Length: 4", body=b"0\r\n\r\n" + SMUGGLED),
        post(PASSED, "Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED),
        post(PASSED, "Transfer-Encoding:\tchunked", body=b"0\r\n\r\n" + SMUGGLED),
        post(PASSED, "Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SMUGGLED),
        post(PASSED, "Transfer-Encoding: identity", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
        post(PASSED, "Transfer_Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
        post(PASSED, "Content-Length: 0", body=SMUGGLED),
        post(PASSED, "Content-Length: 0, 5", body=SMUGGLED, length=False),
        post(PASSED, "Content-Length: +5", body=SMUGGLED, length=False),
        post(PASSED, "Content-Length: 0x5", body=SMUGGLED, length=False),
        post(PASSED, "Content-Length : 0", body=SMUGGLED, length=False),
        post(PASSED, "X: \0"),
        post(PASSED, "X\n: y"),
        post(PASSED, body=b"0\r\n\r\n" + SMUGGLED, length=False),
        post(PASSED, "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        post(PASSED, "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        post(PASSED).replace(b"POST", b"GET", 1),
        post(PASSED).replace(b"POST", b"CONNECT", 1),
        post(PASSED).replace(b"POST", b"post", 1),
        post(PASSED).replace(b"HTTP/1.1", b"HTTP/0.9", 1),
        post(PASSED).replace(b"HTTP/1.1", b"HTTP/2.0", 1),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    ],
    ids=lambda sent: sent[:70].decode("latin-1").encode("unicode_escape").decode(),
)
@pytest.mark.usefixtures("unheard")
def test_no_call_is_smuggled_in_another(public: Peer, sent: bytes) -> None:
    assert public.status(sent) in {0, 400, 403, 404, 405, 422}


def test_a_second_call_on_a_connection_is_looked_at_too(
    site: FlowerSite, public: Peer, unheard: None
) -> None:
    first = post("/v1/fleet/pull-messages").replace(b"Connection: close\r\n", b"")
    answer = public.send(first + SMUGGLED)
    assert [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", answer)][1:] == [404]


@pytest.mark.usefixtures("unheard")
def test_a_folded_header_hides_nothing(public: Peer) -> None:
    """The proxy joins its lines, so that both ends read one header, which says nothing."""
    folded = post(PASSED, "X: y\r\n Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED)
    assert len(re.findall(rb"HTTP/1.1 \d+", public.send(folded))) == 1


def test_http_2_is_not_spoken(public: Peer) -> None:
    with public.connect(protocols=("h2", "http/1.1")) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    with public.connect(protocols=("h2",)) as connection:
        assert connection.selected_alpn_protocol() is None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_no_older_tls_is_spoken(public: Peer) -> None:
    with public.connect(most=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        public.connect(most=ssl.TLSVersion.TLSv1_1)


def test_nobody_chooses_the_address_that_the_superlink_notes(
    site: FlowerSite, public: Peer
) -> None:
    public.send(post(PASSED, "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: elsewhere"))
    wait_until(lambda: f"POST {PASSED}" in _heard(site), "the call is logged")
    assert "192.0.2.7" not in site.superlink.said()


def test_a_large_body_is_not_taken(public: Peer, unheard: None) -> None:
    assert public.status(post(PASSED, body=bytes(2**20 + 1))) == 413


def test_one_address_cannot_take_all_connections_nor_ask_without_end(site: FlowerSite) -> None:
    few = {"SYNLEARN_PROXY_CONNECTIONS": "2", "SYNLEARN_PROXY_REQUESTS": "20"}
    with another_proxy(site, PROXY_CONFIG, few) as peer:
        statuses = [peer.status(post("/")) for _ in range(3)]
        statuses += [peer.status(post("/v1/fleet/pull-messages")) for _ in range(30)]
        assert statuses[-1] == 503  # after any other status, a SuperNode would give up
        with peer.connect(), peer.connect(), pytest.raises((ssl.SSLError, ConnectionError)):
            peer.connect()


@pytest.mark.parametrize(
    ("guard", "attempt"),
    [
        ("deny_status 404", post(LIST)),
        ("deny_status 405", post(PASSED).replace(b"POST", b"PUT", 1)),
        ("unless { req.ver", post(PASSED).replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
        ("if { req.fhdr(upgrade)", post(PASSED, "Upgrade: h2c", "Connection: upgrade")),
        ("unless { req.fhdr(content-length)", post(PASSED, CHUNKED, body=b"0\r\n\r\n")),
        ("deny_status 413", post(PASSED, body=bytes(2**20 + 1))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_its_rule_each_attempt_would_be_heard(
    site: FlowerSite, public: Peer, tmp_path: Path, guard: str, attempt: bytes
) -> None:
    text = PROXY_CONFIG.read_text()
    (rule,) = [line for line in text.splitlines() if guard in line]
    config = tmp_path / "haproxy.cfg"
    config.write_text(text.replace(rule, ""))
    assert public.status(attempt) in {400, 404, 405, 413}
    call = attempt.partition(b" HTTP/")[0].decode()
    before = _heard(site).count(call)
    with another_proxy(site, config) as peer:
        peer.send(attempt)
        wait_until(lambda: _heard(site).count(call) > before, "the SuperLink hears it", 10)


@contextmanager
def another_proxy(
    site: FlowerSite, config: Path, settings: dict[str, str] | None = None
) -> Iterator[Peer]:
    """A second proxy before the same SuperLink."""
    port, superlink = free_port(), int(site.loopback.rpartition(":")[2])
    proxy = proxy_process(
        site.folder, port, superlink, name=f"proxy-{port}", config=config, settings=settings
    )
    proxy.start()
    try:
        proxy.wait_ready()
        yield Peer(f"localhost:{port}", site.ca)
    finally:
        proxy.stop()


def _requests(proxy: StartedProcess) -> list[dict[str, object]]:
    """The proxy's log of requests."""
    return [json.loads(line) for line in proxy.said().splitlines() if line.startswith("{")]


def _bundle(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [project]
        name = "intruder"
        version = "1.0.0"
        description = "Whatever somebody sends."
        license = "Apache-2.0"
        dependencies = []
        [tool.flwr.app]
        publisher = "nobody"
        [tool.flwr.app.components]
        serverapp = "intruder:app"
        clientapp = "intruder:app"
        """
    )
    (folder / "intruder.py").write_text("app = None\n")
    return folder
