"""A service to be measured: a zoo of random models, an MRE model of random weights, a process."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.random_zoo import made_up_specifications, write_models
from benchmarks.service_requests import rank_request
from benchmarks.untrained_mre import made_up_accuracy, made_up_fusion, untrained
from coordinator.service.desk import Desk, DeskPlan, Work
from coordinator.service.pool import TOGETHER
from synlearn.errors import InputError
from synlearn.fusion.accuracy_storage import save_accuracy
from synlearn.fusion.storage import save_fusion
from synlearn.mre.backbone import BackboneSpec
from synlearn.mre.storage import save_mre
from synlearn.threads import one_thread
from synlearn.zoo.catalog import Zoo, write_index
from synlearn.zoo.class_specification import store_specifications

WAYS, EXAMPLES, FEATURES = 5, 5, 64
_BARE: Final = 100
_START_SECONDS: Final = 300.0
_PORT = re.compile(r"(HTTP|gRPC) on 127\.0\.0\.1, port (\d+)")
_COMMAND: Final = "from coordinator.cli import app; app()"


@dataclass(frozen=True, slots=True)
class Bare:
    """The handler alone: medians, of wall-clock and of processor time, for one ranking.

    Attributes:
        median_ms, processor_ms: Asked one after the other.
        together_ms: Processor time where as many as a worker takes at most are asked at once.
    """

    median_ms: float
    processor_ms: float
    together_ms: float


@dataclass(frozen=True, slots=True)
class Started:
    """A service. pid: of its first process; ports: by road."""

    pid: int
    ports: dict[str, int]

    def port(self, road: str) -> int:
        """Where a road is."""
        return self.ports[road]


def write_house(root: Path, models: int) -> None:
    """Write `root`/zoo, `root`/mre and `root`/service.toml."""
    entries = write_models(root / "zoo", models)
    write_index(root / "zoo", entries)
    zoo = Zoo.open(root / "zoo")
    known = made_up_specifications(zoo)
    store_specifications(zoo, known)
    model = untrained(BackboneSpec(channels=3, features=FEATURES), 2, known)
    save_mre(model, root / "mre")
    save_fusion(made_up_fusion(EXAMPLES), root / "mre")
    accuracy = made_up_accuracy(EXAMPLES, WAYS, len(model.learned.means))
    save_accuracy(accuracy, root / "mre")


def bare_handler(root: Path, road: str) -> Bare:
    """What a worker runs, here and alone."""
    desk = Desk.open(DeskPlan(root / "mre", root / "zoo", 128))
    work = Work.RANK_JSON if road == "http" else Work.RANK
    wall, processor, together = [], [], []
    with one_thread():  # as a worker has it
        for number in range(_BARE + 10):
            body = rank_request(number).SerializeToString()
            began, spent = time.perf_counter(), time.process_time()
            desk.answer(work, body)
            wall.append(time.perf_counter() - began)
            processor.append(time.process_time() - spent)
        for first in range(0, _BARE, TOGETHER):
            bodies = (rank_request(first + own).SerializeToString() for own in range(TOGETHER))
            asked = [(work, body) for body in bodies]
            spent = time.process_time()
            for answer in desk.answers(asked):
                answer()
            together.append((time.process_time() - spent) / TOGETHER)
    medians = (1e3 * float(np.median(times[10:])) for times in (wall, processor, together))
    return Bare(*medians)


@contextlib.contextmanager
def started(root: Path, workers: int) -> Iterator[Started]:
    """Start the service, and end it."""
    settings = root / "service.toml"
    settings.write_text(
        f'mre = "{root / "mre"}"\nzoo = "{root / "zoo"}"\nworkers = {workers}\n'
        '[http]\nlisten = "127.0.0.1:0"\n[grpc]\nlisten = "127.0.0.1:0"\n'
        "[limits]\nper_second = 1e6\nburst = 1e6\nseconds = 60.0\nwaiting = 100000\n"
        "[page]\nenabled = false\n"
    )
    log = root / "service.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-c", _COMMAND, "serve", "--settings", str(settings)],
            stderr=stream,
        )
    try:
        yield Started(process.pid, _ports(process, log))
    finally:
        process.terminate()
        process.wait(60)


def _ports(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, int]:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        found = {name.lower(): int(port) for name, port in _PORT.findall(log.read_text())}
        if len(found) == 2:
            return found
        time.sleep(0.2)
    raise InputError(f"the service did not start; it said: {log.read_text()[-2000:]}")
