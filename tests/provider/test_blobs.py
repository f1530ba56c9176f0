import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from protocols.errors import Code, Refused
from protocols.ids import Digest, digest_of
from provider.blobs import Arriving, BlobCache

DATA = os.urandom(1000)
NAME = digest_of(DATA)
PLENTY = 10**6


class Source:
    """Delivers a file in pieces of 100 bytes; stops after `until` bytes."""

    def __init__(self, data: bytes = DATA, until: int = PLENTY) -> None:
        self.data = data
        self.until = until
        self.pulls = 0
        self.sent = 0

    async def pull(self, file: Arriving) -> None:
        self.pulls += 1
        file.total = len(self.data)
        while not file.complete:
            if len(file) >= self.until:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            file.add(self.data[len(file) : len(file) + 100])
            self.sent += 100


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(5):
            await scenario()

    asyncio.run(within())


def test_a_file_is_pulled_once_whoever_asks() -> None:
    async def scenario() -> None:
        cache, source = BlobCache(), Source()
        together = await asyncio.gather(
            *(cache.fetch(NAME, PLENTY, source.pull) for _ in range(50))
        )
        later = await cache.fetch(NAME, PLENTY, source.pull)
        assert set(together) == {DATA} == {later}
        assert source.pulls == 1

    play(scenario)


def test_a_file_with_another_digest_is_never_handed_out() -> None:
    async def scenario() -> None:
        cache = BlobCache()
        lies, truth = Source(DATA[:-1] + b"?"), Source()
        waiting = [
            asyncio.create_task(cache.fetch(NAME, PLENTY, pull))
            for pull in (lies.pull, lies.pull, truth.pull)
        ]
        for task in waiting[:2]:
            with pytest.raises(Refused) as caught:
                await task
            assert caught.value.code is Code.FILE_WRONG_DIGEST
        assert await waiting[2] == DATA

    play(scenario)


def test_what_arrived_before_a_deadline_serves_the_next_question() -> None:
    async def scenario() -> None:
        cache, slow = BlobCache(), Source(until=600)
        first = asyncio.create_task(cache.fetch(NAME, PLENTY, slow.pull))
        patient = asyncio.create_task(cache.fetch(NAME, PLENTY, slow.pull))
        await asyncio.sleep(0.02)
        first.cancel()  # while another waits: it takes over
        await asyncio.sleep(0.02)
        patient.cancel()  # and while nobody does
        await asyncio.sleep(0)
        rest = Source()
        assert await cache.fetch(NAME, PLENTY, rest.pull) == DATA
        assert (slow.pulls, slow.sent, rest.sent) == (2, 600, 400)

    play(scenario)


def test_few_unfinished_files_are_kept() -> None:
    async def scenario() -> None:
        cache = BlobCache()
        files = [os.urandom(1000) for _ in range(10)]
        for data in files:
            source = Source(data, until=500)
            task = asyncio.create_task(cache.fetch(digest_of(data), PLENTY, source.pull))
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.sleep(0)
        oldest, newest = Source(files[0]), Source(files[-1])
        await cache.fetch(digest_of(files[0]), PLENTY, oldest.pull)
        await cache.fetch(digest_of(files[-1]), PLENTY, newest.pull)
        assert (oldest.sent, newest.sent) == (1000, 500)

    play(scenario)


def test_the_files_used_last_are_kept_within_a_bound() -> None:
    async def scenario() -> None:
        cache = BlobCache(max_bytes=2000)
        files = {digest_of(data): Source(data) for data in (os.urandom(900) for _ in range(3))}
        one, two, three = files
        await fetch_all(cache, files, (one, two, one, three))
        await fetch_all(cache, files, (one, three, two))
        assert [source.pulls for source in files.values()] == [1, 2, 1]

    play(scenario)


async def fetch_all(
    cache: BlobCache, files: dict[Digest, Source], names: tuple[Digest, ...]
) -> None:
    for name in names:
        await cache.fetch(name, PLENTY, files[name].pull)


def test_a_file_larger_than_the_cache_is_handed_out_and_not_kept() -> None:
    async def scenario() -> None:
        cache, source = BlobCache(max_bytes=10), Source()
        for _ in range(2):
            assert await cache.fetch(NAME, PLENTY, source.pull) == DATA
        assert source.pulls == 2

    play(scenario)


def test_a_limit_holds_for_cached_files_too() -> None:
    async def scenario() -> None:
        cache, source = BlobCache(), Source()
        await cache.fetch(NAME, PLENTY, source.pull)
        with pytest.raises(Refused) as caught:
            await cache.fetch(NAME, 999, source.pull)
        assert caught.value.code is Code.FILE_TOO_LARGE

    play(scenario)
