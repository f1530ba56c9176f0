"""The service behind its roads: what each of them calls, whatever it speaks."""

import asyncio
from dataclasses import dataclass
from typing import Final

from coordinator.service.catalogue import Catalogue
from coordinator.service.desk import Work
from coordinator.service.gate import Gate
from coordinator.service.pool import Pool
from coordinator.service.problems import Code, Problem
from coordinator.service.service_metrics import ServiceMetrics
from coordinator.service.settings import LimitSettings

_FETCHES: Final = 4
"""Models that are read from disk at the same time."""


@dataclass(frozen=True, slots=True)
class Front:
    """All that a road needs.

    Attributes:
        gate: Who may ask.
        catalogue: What can be fetched.
        rankers: Who ranks.
        back: Who does what takes longer; None where images are not taken and there is no page.
        metrics: Where requests are counted.
        limits: What is allowed.
        fetching: Bounds how much is read from disk at once.
    """

    gate: Gate
    catalogue: Catalogue
    rankers: Pool
    back: Pool | None
    metrics: ServiceMetrics
    limits: LimitSettings
    fetching: asyncio.Semaphore

    @staticmethod
    def fetches() -> asyncio.Semaphore:
        """What `fetching` is."""
        return asyncio.Semaphore(_FETCHES)

    @property
    def is_ready(self) -> bool:
        """Whether rankings can be asked for."""
        return self.rankers.at_work > 0

    async def rank(self, work: Work, request: bytes) -> bytes:
        """Have workers answer; raises Problem."""
        return await self.rankers.ask(work, request, self.limits.seconds)

    async def slow(self, work: Work, request: bytes) -> bytes:
        """Have the back room answer; raises Problem."""
        if self.back is None:
            raise Problem(Code.NOT_FOUND, "there is nothing at this address.")
        seconds = self.limits.upload_seconds if work is Work.PICTURES else self.limits.seconds
        return await self.back.ask(work, request, seconds)

    async def model(self, model: str) -> bytes:
        """A model's file; raises Problem."""
        async with self.fetching:
            return await asyncio.to_thread(self.catalogue.model, model)

    async def card(self, model: str) -> bytes:
        """A model's card; raises Problem."""
        return await asyncio.to_thread(self.catalogue.card, model)
