"""Starts the service, and ends it: workers, both roads, metrics."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector

from coordinator.metrics import metrics_port
from coordinator.service.catalogue import Catalogue
from coordinator.service.desk import DeskPlan
from coordinator.service.front import Front
from coordinator.service.gate import Gate
from coordinator.service.grpc_server import grpc_served
from coordinator.service.http_server import http_served
from coordinator.service.keys import KeyRing
from coordinator.service.pictures import PictureLimits
from coordinator.service.pool import Pool, pools_running
from coordinator.service.rates import Rates
from coordinator.service.service_metrics import ServiceMetrics
from coordinator.service.settings import ServiceSettings
from coordinator.service.worker import settle
from protocols import mre_service_pb2 as pb
from synlearn.logs import LogFormat

_SLOW_WAITING: Final = 8
"""Requests that may wait for the back room."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the service listens; 0 where it does not."""

    http: int
    grpc: int


def serve(settings: ServiceSettings, logs: LogFormat) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        InputError: A file, an address or a setting cannot be used.
    """
    asyncio.run(_serve(settings.checked(), logs))


async def _serve(settings: ServiceSettings, logs: LogFormat) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with service(settings, logs):
        settle()
        await stop.wait()
        _log.info("shutting down")


@contextlib.asynccontextmanager
async def service(settings: ServiceSettings, logs: LogFormat) -> AsyncIterator[Ports]:
    """Serve while the block lasts; yields the ports.

    Raises:
        InputError: A file, an address or a setting cannot be used.
    """
    assert settings.mre is not None  # noqa: S101 - `checked` has refused otherwise
    assert settings.zoo is not None  # noqa: S101
    own, limits = version("synlearn"), settings.limits
    about = pb.Description(
        most_classes=limits.classes, most_request_bytes=limits.body_bytes, version=own
    )
    keys = None if settings.keys is None else KeyRing(settings.keys, time.monotonic)
    if keys is None:
        _log.warning("there are no API keys: every user of this machine may ask")
    catalogue = await asyncio.to_thread(Catalogue.open, settings.mre, settings.zoo, about)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = ServiceMetrics(registry)
    plan = DeskPlan(settings.mre, settings.zoo, limits.classes)
    async with contextlib.AsyncExitStack() as stack:
        rankers = Pool(plan, settings.workers, limits.waiting, logs)
        back: Pool | None = None
        if settings.page.enabled and settings.http.listen:
            pictures = PictureLimits(limits.images, limits.image_pixels)
            back = Pool(replace(plan, pictures=pictures), 1, _SLOW_WAITING, logs)
            metrics.watch("back", back)
        metrics.watch("rankers", rankers)
        stack.enter_context(metrics_port(settings.metrics, registry))
        pools = [pool for pool in (rankers, back) if pool is not None]
        await stack.enter_async_context(pools_running(*pools))
        front = Front(
            Gate(keys, Rates(limits.per_second, limits.burst, time.monotonic)),
            catalogue,
            rankers,
            back,
            metrics,
            limits,
            Front.fetches(),
        )
        http = grpc = 0
        if settings.http.listen:
            http = await stack.enter_async_context(
                http_served(front, settings.http, settings.tls, own)
            )
        if settings.grpc.listen:
            grpc = await stack.enter_async_context(grpc_served(front, settings.grpc, settings.tls))
        _log.info("%d models ranked by %d workers", len(catalogue.zoo), settings.workers)
        yield Ports(http, grpc)
