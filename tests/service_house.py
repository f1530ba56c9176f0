"""A service for tests: an untrained MRE model, seven hardly trained experts, both roads."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from coordinator.service.serve import Ports, service
from coordinator.service.settings import GrpcSettings, HttpSettings, LimitSettings, ServiceSettings
from synlearn.fusion.accuracy_storage import save_accuracy
from synlearn.fusion.storage import save_fusion
from synlearn.logs import LogFormat
from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.model import Provenance
from synlearn.mre.storage import save_mre
from synlearn.zoo.class_specification import Generator, class_specifications_of
from tests.synlearn.fusion.accuracies import fitted, fitted_fusion, held_out
from tests.synlearn.zoo.mixed_zoo import mixed_zoo

WAYS, FEATURES = 5, 6
_START_SECONDS = 300
_QUICK = LimitSettings(per_second=1e5, burst=1e5, seconds=60.0)


def images(count: int = 10) -> np.ndarray:
    """(count, 3, 32, 32) float32 in [0, 1]."""
    return np.random.default_rng(0).random((count, 3, 32, 32), np.float32)


def labels(count: int = 10, ways: int = WAYS) -> list[str]:
    return [("owl", "elk", "cat", "dog", "bee")[row % ways] for row in range(count)]


def write_house(folder: Path) -> None:
    """Write `folder`/mre and `folder`/zoo: tasks of five classes have accuracies."""
    specifications = class_specifications_of(mixed_zoo(folder / "zoo", 4, 3))
    generator = Generator.PROFILED
    width = specifications.vectors(generator)[0].shape[1]
    random = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = Backbone(BackboneSpec(width=2, features=FEATURES, channels=3))
    means = torch.nn.functional.normalize(torch.randn(9, FEATURES, generator=random), dim=1)
    model = ClassificationMRE(
        backbone=backbone,
        metric=ClassificationMetric(
            ClassificationMetricSpec(FEATURES, width, width=8, hidden=8, members=2), random
        ).eval(),
        learned=LearnedTasks(means, instance_variance=0.25),
        provenance=Provenance("job-1", 0, 5, 9, 4, specifications.source(generator)),
        generator=generator,
    )
    save_mre(model, folder / "mre")
    learning = held_out(40, 0)
    fusion = fitted_fusion(learning)
    save_fusion(fusion, folder / "mre")
    save_accuracy(fitted(learning, fusion), folder / "mre")


@dataclass
class Service:
    """A service that runs in a thread of this process, its workers in their own."""

    settings: ServiceSettings
    ports: Ports = field(default_factory=lambda: Ports(0, 0))

    @property
    def http(self) -> str:
        scheme = "https" if self.settings.tls.certificate else "http"
        return f"{scheme}://localhost:{self.ports.http}"

    @property
    def grpc(self) -> str:
        scheme = "grpcs" if self.settings.tls.certificate else "grpc"
        return f"{scheme}://localhost:{self.ports.grpc}"


def settings_of(house: Path, limits: LimitSettings = _QUICK) -> ServiceSettings:
    """One worker, free ports of this machine, and room for many requests."""
    return ServiceSettings(
        mre=house / "mre",
        zoo=house / "zoo",
        workers=1,
        http=HttpSettings("127.0.0.1:0"),
        grpc=GrpcSettings("127.0.0.1:0"),
        limits=limits,
    )


@contextmanager
def running(settings: ServiceSettings) -> Iterator[Service]:
    """Serve while the block lasts."""
    found, up, over = Service(settings), threading.Event(), asyncio.Event()
    failed: list[BaseException] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with service(settings.checked(), LogFormat.TEXT) as ports:
            found.ports = ports
            up.set()
            await over.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # it is raised in the test
            failed.append(error)
            up.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert up.wait(_START_SECONDS)
        if failed:
            raise failed[0]
        yield found
    finally:
        if loops and not failed:
            loops[0].call_soon_threadsafe(over.set)
        thread.join()


def with_limits(settings: ServiceSettings, **limits: float) -> ServiceSettings:
    """The same with other limits."""
    return replace(settings, limits=replace(settings.limits, **limits))  # type: ignore[arg-type]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
