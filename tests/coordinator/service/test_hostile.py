"""Hostile requests: each gets a 4xx and a sentence, and the service goes on as before."""

import json
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from coordinator.service.grpc_server import SERVICE
from protocols import mre_service_pb2 as pb
from synlearn import Client
from tests.coordinator.service.archives import archive, png
from tests.service_house import FEATURES, Service, images, labels

Files = list[tuple[str, tuple[str, bytes]]]

TASK: dict[str, Any] = {"means": [[0.1] * FEATURES, [0.2] * FEATURES], "counts": [1, 2]}
JSON_ROADS = ("/v1/rankings", "/v1/explanations", "/v1/maps", "/v1/exports")


@pytest.fixture(scope="module")
def http(served: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.http, timeout=120) as client:
        yield client


@pytest.fixture(autouse=True)
def unharmed(served: Service) -> Iterator[None]:
    """After each test both roads still rank."""
    yield
    for address in (served.http, served.grpc):
        with Client(address) as client:
            assert len(client.rank(images(), labels())) == 7


def refused(answer: httpx.Response, *statuses: int) -> str:
    """A refusal's sentence."""
    assert answer.status_code in (statuses or (422,)), answer.text[:300]
    told = answer.json()
    assert set(told) == {"code", "message"}
    sentence = str(told["message"])
    assert 10 < len(sentence) < 700
    assert "Traceback" not in sentence
    return sentence


def bomb_png(side: int) -> bytes:
    """A picture of side x side black pixels that nobody had to hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side // 8)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def parts(**files: bytes) -> Files:
    return [("files", (name.replace("__", "/") + ".png", data)) for name, data in files.items()]


BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "nested": b"[" * 200_000,
    "nested values": b'{"task":' * 50_000,
    "a number": b"7",
    "null": b"null",
    "NaN": json.dumps({"task": TASK | {"means": [[float("nan")] * FEATURES] * 2}}).encode(),
    "infinity": json.dumps({"task": TASK | {"means": [[1e400] * FEATURES] * 2}}).encode(),
    "huge number": b'{"task":{"means":[[' + b"9" * 10_000 + b']],"counts":[1]}}',
    "huge count": json.dumps({"task": TASK | {"counts": [10**30, 1]}}).encode(),
    "texts": json.dumps({"task": TASK | {"means": [["a"] * FEATURES] * 2}}).encode(),
    "ragged": json.dumps({"task": TASK | {"means": [[0.1] * FEATURES, [0.1]]}}).encode(),
    "flat": json.dumps({"task": TASK | {"means": [0.1] * FEATURES}}).encode(),
    "one class": json.dumps({"task": {"means": [[0.1] * FEATURES], "counts": [1]}}).encode(),
    "other counts": json.dumps({"task": TASK | {"counts": [1, 1, 1]}}).encode(),
    "too long": json.dumps({"task": TASK | {"means": [[0.9] * FEATURES] * 2}}).encode(),
    "10,000 classes": json.dumps(
        {"task": {"means": [[0.0] * FEATURES] * 10_000, "counts": [1] * 10_000}}
    ).encode(),
    "twins": json.dumps({"task": TASK | {"classes": ["a", "a"]}}).encode(),
    "unknown member": json.dumps({"task": TASK, "more": 1}).encode(),
    "no UTF-8": b'{"task": "\xff\xfe"}',
    "lone surrogate": b'{"task":{"means":[],"counts":[],"classes":["\\ud800"]}}',
    "bad shape": json.dumps({"task": TASK, "where": {"input_shape": "3xx"}}).encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_are_none(http: httpx.Client, name: str) -> None:
    for address in JSON_ROADS:
        headers = {"content-type": "application/json"}
        refused(http.post(address, content=BODIES[name], headers=headers))


def test_bodies_that_are_too_large(http: httpx.Client) -> None:
    large = b" " * (2**22 + 1)
    for address in ("/v1/rankings", "/v1/explanations"):
        assert "larger than" in refused(http.post(address, content=large), 413)
        pieces = (b" " * 2**16 for _ in range(2**7))  # without a length
        assert "larger than" in refused(http.post(address, content=pieces), 413)
    too_much = b"x" * (2**25 + 1)
    for address in ("/v1/pictures", "/v1/exports"):
        refused(http.post(address, content=too_much), 413)


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/v1/models/" + "a" * 5000, 422),
        ("GET", "/v1/models/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/v1/models/%00", 404),
        ("GET", "/v1/models/nobody/file", 404),
        ("GET", "/v1/mre/metric.safetensors", 404),
        ("GET", "/v1/mre/..%2fmre.json", 404),
        ("GET", "/page/..%2f..%2fserve.py", 404),
        ("GET", "/page/index.html", 404),
        ("GET", "/v1/models?limit=0", 422),
        ("GET", "/v1/models?limit=99999999999999999999", 422),
        ("GET", "/v1/models?after=" + "a" * 5000, 422),
        ("GET", "/nothing", 404),
        ("DELETE", "/v1/rankings", 405),
        ("TRACE", "/v1/about", 405),
        ("BREW", "/v1/about", 405),
    ],
)
def test_addresses_that_lead_nowhere(
    http: httpx.Client, method: str, address: str, status: int
) -> None:
    refused(http.request(method, address), status)


FORMS: dict[str, tuple[Files, str]] = {
    "no image": (parts(cat__1=b"text", dog__1=b"text"), "damaged or no image"),
    "nothing in it": (parts(cat__1=b"", dog__1=b""), "damaged or no image"),
    "cut off": (parts(cat__1=png(64, 64)[:60], dog__1=png()), "damaged or no image"),
    "of one class": (parts(cat__1=png(), cat__2=png()), "one class"),
    "in no folder": (parts(a=png(), b=png()), "lies in no folder"),
    "a bomb": (parts(cat__1=bomb_png(30_000), dog__1=png()), "pixels"),
    "a wide bomb": (parts(cat__1=bomb_png(8_000), dog__1=png()), "pixels"),
    "another form": (
        parts(cat__1=b"GIF89a" + bytes(100), dog__1=png()),
        "damaged or no image",
    ),
    "no images": ([("files", ("cat/notes.txt", b"x"))], "nothing that was sent is an image"),
    "escaping names": (
        [("files", ("../../cat/1.png\x1b[31m", png())), ("files", ("..\\dog", png()))],
        "nothing that was sent is an image",
    ),
    "a damaged archive": ([("files", ("a.zip", b"PK\x03\x04" + bytes(50)))], "damaged"),
    "an empty archive": ([("files", ("a.zip", archive({"readme": b""})))], "is an image"),
    "a zip bomb": (
        [("files", ("a.zip", archive({"cat/1.png": bytes(2**27), "dog/1.png": bytes(2**27)})))],
        "unpacks to",
    ),
    "many small bombs": (
        [("files", ("a.zip", archive({f"c{n}/1.png": bytes(2**20) for n in range(300)})))],
        "unpacks to",
    ),
    "an archive of archives": (
        [("files", ("a.zip", archive({"cat/1.zip": archive({"cat/1.png": png()})})))],
        "nothing that was sent is an image",
    ),
    "too many images in an archive": (
        [("files", ("a.zip", archive({f"c{n % 5}/{n}.png": b"" for n in range(2500)})))],
        "at most 2,000",
    ),
    "too many classes": (
        [("files", (f"c{n}/1.png", png())) for n in range(200)],
        "at most 128",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_images_that_are_none(http: httpx.Client, name: str) -> None:
    files, said = FORMS[name]
    assert said in refused(http.post("/v1/pictures", files=files))


def test_an_archive_that_lies_about_its_sizes(http: httpx.Client) -> None:
    data = bytearray(archive({"cat/1.png": bytes(2**24), "dog/1.png": png()}))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = struct.pack("<I", 1000)
    refused(http.post("/v1/pictures", files=[("files", ("a.zip", bytes(data)))]))


def test_too_many_files_and_forms_that_are_none(http: httpx.Client) -> None:
    many: Files = [("files", (f"c{n % 5}/{n}.png", b"")) for n in range(3000)]
    refused(http.post("/v1/pictures", files=many))
    fields = {f"f{n}": "x" for n in range(50)}
    refused(http.post("/v1/pictures", data=fields, files=parts(cat__1=png())))
    for kind in ("text/plain", "multipart/form-data", "multipart/form-data; boundary=a"):
        refused(http.post("/v1/pictures", content=b"--b\r\n", headers={"content-type": kind}))


def test_exports_of_what_is_no_ranking(http: httpx.Client) -> None:
    with Client(str(http.base_url).rstrip("/")) as client:
        found = client.rank(images(), labels())
        match = json.loads(found.explain(found.best.model).to_json())
    whole = json.loads(found.to_json())
    assert http.post("/v1/exports", json={"form": "csv", "ranking": whole}).text == found.to_csv()
    changes: list[dict[str, Any]] = [
        {"models": []},
        {"models": whole["models"] * 2},
        {"unit": "parsecs"},
        {"confidence": 7},
        {"format": "synlearn.ranking/1"},
        {"models": [{**whole["models"][0], "low": None}]},
    ]
    for change in changes:
        refused(http.post("/v1/exports", json={"form": "png", "ranking": {**whole, **change}}))
    tall = {**match, "task_classes": [str(n) for n in range(5000)]}
    tall |= {"weights": match["weights"] * 1000, "spread": match["spread"] * 1000}
    refused(http.post("/v1/exports", json={"form": "png", "explanation": tall}))
    refused(http.post("/v1/exports", json={"form": "exe", "ranking": whole}))
    forged = {**whole, "warning": "<script>alert(1)</script>"}
    page = http.post("/v1/exports", json={"form": "html", "ranking": forged})
    assert "<script>" not in page.text
    assert "attachment" in page.headers["content-disposition"]
    assert page.headers["x-content-type-options"] == "nosniff"


def test_headers_without_end_and_senders_without_haste(served: Service) -> None:
    with socket.create_connection(("127.0.0.1", served.ports.http), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"x: " + b"a" * 100_000)
        assert b" 400 " in connection.recv(100)
    with socket.create_connection(("127.0.0.1", served.ports.http), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        began = time.monotonic()
        assert connection.recv(100) == b""  # closed, once patience is at its end
        assert time.monotonic() - began < 40


@pytest.mark.parametrize("method", ["Describe", "ListModels", "Rank", "Explain"])
@pytest.mark.parametrize("data", [b"\xff" * 50, b"\x0a\xff\xff\xff\xff\x0f", bytes(10)])
def test_calls_that_are_none(served: Service, method: str, data: bytes) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{served.ports.grpc}") as channel:
        call = channel.unary_unary(f"/{SERVICE}/{method}")
        with pytest.raises(grpc.RpcError) as refusal:
            call(data, timeout=60)
        code, sentence = refusal.value.code(), refusal.value.details()
        assert code is grpc.StatusCode.INVALID_ARGUMENT, sentence
        assert len(sentence) > 10


def test_tasks_that_are_none_over_grpc(served: Service) -> None:
    good = np.full((2, FEATURES), 0.1, "<f4").tobytes()
    tasks = [
        pb.Task(),
        pb.Task(means=good, features=-1, counts=[1, 1]),
        pb.Task(means=good, features=2**31 - 1, counts=[1, 1]),
        pb.Task(means=good[:-1], features=FEATURES, counts=[1, 1]),
        pb.Task(means=good, features=FEATURES, counts=[1, -1]),
        pb.Task(means=good, features=FEATURES, counts=[1, 2**62]),
        pb.Task(means=good, features=FEATURES, counts=[1, 1], classes=["a"]),
        pb.Task(means=good, features=FEATURES, counts=[1, 1], classes=["a", "a" * 10_000]),
        pb.Task(means=good, features=2 * FEATURES, counts=[1]),
        pb.Task(
            means=np.full((2, FEATURES), np.nan, "<f4").tobytes(), features=FEATURES, counts=[1, 1]
        ),
        pb.Task(means=bytes(4 * FEATURES * 10_000), features=FEATURES, counts=[1] * 10_000),
    ]
    with grpc.insecure_channel(f"127.0.0.1:{served.ports.grpc}") as channel:
        call = channel.unary_unary(f"/{SERVICE}/Rank")
        for task in tasks:
            with pytest.raises(grpc.RpcError) as refusal:
                call(pb.RankRequest(task=task).SerializeToString(), timeout=60)
            assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT, task
        large = pb.RankRequest(task=pb.Task(means=bytes(2**23))).SerializeToString()
        with pytest.raises(grpc.RpcError) as refusal:
            call(large, timeout=60)
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for method, asked in (
            ("FetchFile", pb.FetchFileRequest(name="../mre.json")),
            ("FetchModel", pb.FetchModelRequest(model="../../x")),
        ):
            with pytest.raises(grpc.RpcError) as refusal:
                list(channel.unary_stream(f"/{SERVICE}/{method}")(asked.SerializeToString()))
            assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.RpcError) as refusal:
            channel.unary_unary("/synlearn.mre.v1.MreService/Nothing")(b"", timeout=60)
        assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
