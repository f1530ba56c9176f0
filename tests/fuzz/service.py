"""What reaches the service, and what a client is answered: tasks, archives, rankings, settings."""

import json
from functools import cache
from random import Random

import numpy as np
from google.protobuf.message import DecodeError

from coordinator.service.keys import read_keys
from coordinator.service.pictures import (
    PictureLimits,
    SentFile,
    pack,
    read_pictures,
    unpack,
)
from coordinator.service.settings import ServiceSettings
from coordinator.service.wire import read_conditions, read_task, write_task
from protocols import mre_service_pb2 as pb
from synlearn.datasets.examples import ImageShape
from synlearn.ranking import Ranking
from synlearn.ranking_reading import read_ranking
from synlearn.settings import read_settings
from tests.coordinator.service.archives import archive, png
from tests.fuzz.json_files import json_target
from tests.fuzz.parsers import parsed, written
from tests.fuzz.target import Target
from tests.fuzz.toml_files import toml_target

_MOST_CLASSES = 16


def run_task(data: bytes) -> None:
    """A task that was read can be written, and is the same then."""
    try:
        asked = pb.RankRequest.FromString(data)
    except DecodeError:
        return
    parsed(lambda: read_conditions(asked.where))
    task = parsed(lambda: read_task(asked.task, _MOST_CLASSES))
    if task is None:
        return
    assert np.isfinite(task.means).all()
    assert 1 <= len(task.counts) == len(task.classes) <= _MOST_CLASSES
    again = read_task(write_task(task), _MOST_CLASSES)
    assert np.array_equal(again.means, task.means)


def _task_seeds() -> list[bytes]:
    means = np.full((3, 4), 0.25, "<f4").tobytes()
    task = pb.Task(means=means, features=4, counts=[1, 5, 2], classes=["a", "b", "c"])
    where = pb.Conditions(most_parameters=7, licenses=["mit"], input_shape="3x*x32")
    return [pb.RankRequest(task=task, where=where).SerializeToString()]


def run_upload(data: bytes) -> None:
    """Whatever was sent gives pictures of the wanted shape, or a sentence."""
    limits = PictureLimits(images=20, pixels=10_000)
    files = unpack(pack([SentFile("sent.zip", data)]))
    found = parsed(lambda: read_pictures(files, ImageShape(3, 8, 8), limits, labelled=True))
    if found is not None:
        assert found.pixels.shape == (len(found.names), 8, 8, 3)
        assert all(found.labels)


def _upload_seeds() -> list[bytes]:
    return [archive({"cat/1.png": png(), "dog/1.png": png(3, 5), "notes.txt": b"none"})]


def _flipped(data: bytes, random: Random) -> bytes:
    """A few bytes changed, cut out or doubled."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(changed) + 1)
        kind = random.randrange(3)
        if kind == 0 and at < len(changed):
            changed[at] = random.randrange(256)
        elif kind == 1:
            del changed[at : at + random.randrange(1, 9)]
        else:
            changed[at:at] = changed[at : at + random.randrange(1, 9)]
    return bytes(changed)


def run_ranking(data: bytes) -> None:
    """A ranking that was read can be written in every form, and is the same then."""
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError):
        return
    ranking = parsed(lambda: read_ranking(plain, "the answer"))
    if ranking is not None:
        assert read_ranking(json.loads(ranking.to_json()), "again") == ranking
        assert ranking.to_csv()


def run_keys(data: bytes) -> None:
    """A file of keys that was read has names, each once."""
    found = parsed(lambda: read_keys(written("keys.json", data))) or ()
    assert len({each.name for each in found}) == len(found)


@cache
def _ranking() -> Ranking:
    scores = np.random.default_rng(0).normal(size=(3, 4))
    return Ranking.from_member_scores(list("abcd"), scores, provenance={"k": 5, "mode": "alone"})


TASKS = Target("service-tasks", run_task, _task_seeds, _flipped, examples=300)
UPLOADS = Target("service-uploads", run_upload, _upload_seeds, _flipped, examples=200)
RANKINGS = json_target("rankings", run_ranking, lambda: [_ranking().to_json().encode()])
KEYS = json_target(
    "service-keys",
    run_keys,
    lambda: [
        b'{"format": "synlearn-keys/1", "keys": [{"name": "ada", "sha256": "'
        + b"0" * 64
        + b'", "created": "2026-01-01T00:00:00+00:00"}]}'
    ],
)
SETTINGS = toml_target(
    "service-settings",
    lambda path: read_settings(ServiceSettings, path).checked(),
    'mre = "m"\nzoo = "z"\nkeys = "k"\n[http]\nlisten = "[::1]:80"\n[tls]\ncertificate = "c"\n'
    'key = "k"\n[limits]\nburst = 2.0\nimages = 7\n[metrics]\nlisten = "127.0.0.1:1"\n',
)
