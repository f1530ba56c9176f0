"""The load that the service is put under: at an even rate, and nothing hidden."""

import asyncio
import os

import pytest

from benchmarks.service_requests import Run, _evenly, rank_json, rank_request
from benchmarks.service_watch import MemoryWatch


def test_a_service_that_stalls_cannot_hide_it() -> None:
    answered: list[int] = []

    async def ask(number: int) -> bytes:
        if number == 3:
            raise ConnectionError("gone")
        if not answered:
            await asyncio.sleep(0.4)  # the first answer is late, for all who come meanwhile
        answered.append(number)
        return b"answer"

    run: Run = asyncio.run(_evenly(ask, 0.5, 20))
    assert (run.asked, run.answered, run.errors, run.answer_bytes) == (10, 9, 1, 6)
    assert "gone" in run.first_error
    assert run.quantile(1.0) >= 400


def test_tasks_come_again_after_a_while() -> None:
    assert rank_request(0) == rank_request(50) != rank_request(1)
    assert rank_json(1) != rank_json(2)


def test_memory_of_a_process_that_is_there() -> None:
    watch = MemoryWatch(os.getpid())
    assert watch.processor_seconds() > 0
    found = watch.stop()
    assert found.start > 1e6
    assert found.growth == pytest.approx(0, abs=0.2)
