"""Tells the owner in time, in the node's log, when a certificate runs out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from provider.doctor.finding import Severity
from provider.doctor.network import check_certificates, utc_now
from provider.site.config import FederationSettings

_DAY = 24 * 3600.0

log = logging.getLogger(__name__)


async def warn_of_expiry(
    federation: FederationSettings,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look at the certificates at once and then every day, until cancelled.

    Args:
        federation: Names the files.
        now: The time with its zone.
        sleep: As `asyncio.sleep`.
    """
    while True:
        for found in check_certificates(federation, now()):
            if found.severity is not Severity.FINE:
                log.warning("%s: %s", found.what, found.next)
        await sleep(_DAY)
