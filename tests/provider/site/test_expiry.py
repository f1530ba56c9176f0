"""What a node's log says of certificates, at the start and every day."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provider.site.config import FederationSettings
from provider.site.expiry import warn_of_expiry
from tests.certificates import Authority

NOW = datetime.now(UTC)


def test_it_is_said_every_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority()
    own = authority.issue("alice", hours=(-1, 31.5 * 24))
    for name, data in (
        ("ca.pem", authority.issue("authority", hours=(-1, 9999)).certificate),
        ("own.pem", own.certificate),
        ("own.key", own.key),
    ):
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    federation = FederationSettings(
        ca=tmp_path / "ca.pem", certificate=tmp_path / "own.pem", key=tmp_path / "own.key"
    )
    days = 0

    async def sleep(seconds: float) -> None:
        nonlocal days
        assert seconds == 24 * 3600
        days += 1
        if days == 33:
            raise asyncio.CancelledError

    async def watch() -> None:
        await warn_of_expiry(federation, lambda: NOW + timedelta(days=days), sleep)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch())
    told = [each.getMessage() for each in caplog.records if each.name.endswith(".expiry")]
    assert len(told) == 31  # not on the first two days of the thirty-three
    assert "runs out in 29 days" in told[0]
    assert "ran out on" in told[-1]
    assert all("synlearn-provider request" in text for text in told)
