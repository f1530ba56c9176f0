"""A service with TLS, keys, a rate, metrics: who is let in, and what is seen of it."""

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from coordinator.service.grpc_server import SERVICE
from coordinator.service.keys import add_key, remove_key
from coordinator.service.settings import TlsSettings
from synlearn import Client
from synlearn.client import ServiceError
from synlearn.metrics_settings import MetricsSettings
from tests.certificates import Authority
from tests.scrape import Scrape
from tests.service_house import (
    Service,
    free_port,
    images,
    labels,
    running,
    settings_of,
    with_limits,
)

BURST = 30


@dataclass(frozen=True)
class Secured:
    """A service, and what its callers need."""

    service: Service
    ca: Path
    keys: Path
    key: str
    metrics: int

    def client(self, road: str, key: str | None = None, cache: Path | None = None) -> Client:
        address = getattr(self.service, road)
        return Client(
            address, key=self.key if key is None else key, authorities=self.ca, cache=cache
        )

    def scrape(self) -> Scrape:
        return Scrape(httpx.get(f"http://127.0.0.1:{self.metrics}/metrics", timeout=60).text)


@pytest.fixture(scope="module")
def secured(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder, authority = tmp_path_factory.mktemp("secured"), Authority()
    own = authority.issue("localhost")
    for name, data in (("ca", authority.certificate), ("own", own.certificate), ("key", own.key)):
        (folder / f"{name}.pem").write_bytes(data)
    keys, port = folder / "keys.json", free_port()
    key = add_key(keys, "ada", datetime.now(UTC))
    settings = replace(
        with_limits(settings_of(house), per_second=10.0, burst=BURST, slow_cost=5.0),
        keys=keys,
        tls=TlsSettings(folder / "own.pem", folder / "key.pem"),
        metrics=MetricsSettings(f"127.0.0.1:{port}"),
    )
    with running(settings) as service:
        yield Secured(service, folder / "ca.pem", keys, key, port)


@pytest.fixture(params=["http", "grpc"])
def road(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_key_lets_in(secured: Secured, road: str, tmp_path: Path) -> None:
    with secured.client(road, cache=tmp_path) as client:
        assert len(client.rank(images(), labels())) == 7


@pytest.mark.parametrize("key", ["", "synlearn_wrong", "x"])
def test_without_a_key_nobody_is_let_in(secured: Secured, road: str, key: str) -> None:
    with secured.client(road, key) as client, pytest.raises(ServiceError, match="API key") as told:
        _ = client.about
    assert told.value.code in {"401", "UNAUTHENTICATED"}


def test_a_key_that_was_taken_back_lets_nobody_in(secured: Secured, road: str) -> None:
    key = add_key(secured.keys, f"eve-{road}", datetime.now(UTC))
    time.sleep(1.2)
    with secured.client(road, key) as client:
        assert client.about.models == 7
    remove_key(secured.keys, f"eve-{road}")
    time.sleep(1.2)
    with secured.client(road, key) as client, pytest.raises(ServiceError, match="not known"):
        _ = client.about


def test_who_asks_too_often_is_told_to_wait(secured: Secured, road: str) -> None:
    key = add_key(secured.keys, f"bob-{road}", datetime.now(UTC))
    time.sleep(1.2)

    def insist(client: Client) -> None:
        for _ in range(20 * BURST):
            list(client.models())

    with (
        secured.client(road, key) as client,
        pytest.raises(ServiceError, match="more often") as told,
    ):
        insist(client)
    assert told.value.wait > 0
    with secured.client(road) as other:
        assert other.about.models == 7  # somebody else's bucket


def test_another_authority_is_not_trusted(secured: Secured, road: str, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority().certificate)
    address = getattr(secured.service, road)
    with (
        Client(address, key=secured.key, authorities=other, seconds=20) as client,
        pytest.raises(ServiceError, match=r"cannot be asked|in time"),
    ):
        _ = client.about


def test_an_unencrypted_request_gets_no_answer(secured: Secured) -> None:
    address = secured.service.http.replace("https", "http")
    with Client(address, key=secured.key) as client, pytest.raises(ServiceError):
        _ = client.about


def test_pages_and_health_are_for_everybody(secured: Secured) -> None:
    trust = ssl.create_default_context(cafile=secured.ca)
    with httpx.Client(base_url=secured.service.http, verify=trust, timeout=60) as http:
        for address in ("/", "/page/page.js", "/healthz", "/readyz", "/openapi.json"):
            answer = http.get(address)
            assert answer.status_code == 200, address
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        tag = http.get("/page/page.js").headers["etag"]
        assert http.get("/page/page.js", headers={"If-None-Match": tag}).status_code == 304
        assert http.post("/v1/pictures", content=b"").status_code == 401
        described = http.get("/openapi.json").json()
    assert described["components"]["securitySchemes"] == {
        "key": {"type": "http", "scheme": "bearer"}
    }
    assert "security" in described["paths"]["/v1/rankings"]["post"]
    assert 'data-key="yes"' in httpx.get(secured.service.http, verify=trust, timeout=60).text


def test_health_and_reflection(secured: Secured) -> None:
    credentials = grpc.ssl_channel_credentials(secured.ca.read_bytes())
    target = f"localhost:{secured.service.ports.grpc}"
    with grpc.secure_channel(target, credentials) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            asked = health_pb2.HealthCheckRequest(service=name)
            assert health.Check(asked, timeout=60).status == health_pb2.HealthCheckResponse.SERVING
        reflected = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = reflected.ServerReflectionInfo(iter([asked]), timeout=60)
        names = {each.name for each in answer.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names


def test_everything_is_counted(secured: Secured) -> None:
    before = secured.scrape()
    with secured.client("http") as http, secured.client("grpc") as rpc:
        _ = http.about, rpc.about
    with secured.client("http", "synlearn_wrong") as http, pytest.raises(ServiceError):
        _ = http.about
    after = secured.scrape()

    def more(**labels: str) -> float:
        name = "synlearn_service_requests_total"
        return after.total(name, **labels) - before.total(name, **labels)

    assert more(road="http", endpoint="/v1/about", code="200") == 1
    assert more(road="grpc", endpoint="Describe", code="OK") == 1
    assert more(road="http", code="401") == 1
    assert after.value("synlearn_service_workers", pool="rankers") == 1
    assert after.value("synlearn_service_workers", pool="back") == 1
    assert secured.key not in after.text
    assert not {label for label in after.labels() if "wrong" in label}
