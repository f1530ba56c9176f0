"""Workers that die or take too long: whoever waited is told, nobody else notices."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from coordinator.service.desk import DeskPlan, Work
from coordinator.service.pool import TOGETHER, Pool, _Worker, pools_running
from coordinator.service.problems import Code, Problem
from protocols import mre_service_pb2 as pb
from synlearn.errors import InputError
from synlearn.logs import LogFormat
from tests.service_house import FEATURES

MEANS = np.full((2, FEATURES), 0.1, "<f4").tobytes()
ASKED = pb.RankRequest(
    task=pb.Task(means=MEANS, features=FEATURES, counts=[1, 1])
).SerializeToString()
PATIENCE = 120.0


def task_of(number: int, ways: int) -> bytes:
    means = np.random.default_rng(number).normal(scale=0.1, size=(ways, FEATURES)).astype("<f4")
    task = pb.Task(means=means.tobytes(), features=FEATURES, counts=[2] * ways)
    return pb.RankRequest(task=task).SerializeToString()


def with_pool(
    house: Path, action: Callable[[Pool], Awaitable[None]], *, count: int = 1, waiting: int = 50
) -> None:
    async def run() -> None:
        plan = DeskPlan(house / "mre", house / "zoo", 128)
        pool = Pool(plan, count, waiting, LogFormat.TEXT)
        async with pools_running(pool):
            await action(pool)

    asyncio.run(run())


async def ranked(pool: Pool, seconds: float = PATIENCE) -> int:
    return len(pb.RankReply.FromString(await pool.ask(Work.RANK, ASKED, seconds)).models)


def test_workers_that_end_are_replaced(house: Path) -> None:
    async def play(pool: Pool) -> None:
        assert await ranked(pool) == 7
        (worker,) = pool._workers
        os.kill(worker.process.pid or 0, signal.SIGKILL)
        with pytest.raises(Problem) as told:
            await ranked(pool)
        assert told.value.code is Code.BROKEN
        assert await ranked(pool) == 7
        assert pool.replaced == 1
        # One that is stopped answers never: it is ended, and replaced as well.
        (worker,) = pool._workers
        os.kill(worker.process.pid or 0, signal.SIGSTOP)
        with pytest.raises(Problem) as told:
            await ranked(pool, 1.0)
        assert told.value.code is Code.TOO_SLOW
        assert await ranked(pool) == 7
        assert pool.replaced == 2

    with_pool(house, play)


def test_questions_that_go_together_are_answered_as_if_they_had_come_alone(house: Path) -> None:
    asked = [task_of(number, ways) for number, ways in enumerate((2, 3, 2, 2))]

    async def play(pool: Pool) -> None:
        alone = [await pool.ask(Work.RANK, each, PATIENCE) for each in asked]
        wrong = pb.RankRequest(task=pb.Task(means=MEANS, features=FEATURES, counts=[1]))
        questions = [*asked[:2], b"no message", wrong.SerializeToString(), *asked[2:]]
        found = await asyncio.gather(
            *(pool.ask(Work.RANK, each, PATIENCE) for each in questions), return_exceptions=True
        )
        for place in (2, 3):
            problem = found.pop(2)
            assert isinstance(problem, Problem), place
            assert problem.code is Code.INVALID
        for before, after in zip(alone, found, strict=True):
            assert isinstance(after, bytes)
            one, other = pb.RankReply.FromString(before), pb.RankReply.FromString(after)
            assert one.models == other.models
            np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
            np.testing.assert_allclose(one.lows, other.lows, atol=1e-4)

    with_pool(house, play)


def test_a_worker_that_dies_over_several_questions_costs_nobody_an_answer(house: Path) -> None:
    async def play(pool: Pool) -> None:
        (worker,) = pool._workers
        os.kill(worker.process.pid or 0, signal.SIGKILL)
        worker.process.join()
        assert await asyncio.gather(*(ranked(pool) for _ in range(TOGETHER))) == [7] * TOGETHER
        assert pool.replaced == 1

    with_pool(house, play)


def test_a_worker_that_makes_no_sense_is_replaced_and_a_question_waits_no_longer_than_it_may(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(pool: Pool) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(_Worker, "ask", lambda _, asked, __: [b"\xff"] * len(asked))
            with pytest.raises(Problem) as told:
                await ranked(pool)
            assert told.value.code is Code.BROKEN
        # It takes seconds until there is a worker again; who cannot wait as long is told.
        with pytest.raises(Problem) as told:
            await ranked(pool, 0.05)
        assert (told.value.code, told.value.wait) == (Code.BUSY, 1.0)
        assert pool.waiting == 0
        assert await ranked(pool) == 7
        assert pool.replaced == 1

    with_pool(house, play)


def test_more_than_may_wait_are_turned_away(house: Path) -> None:
    async def play(pool: Pool) -> None:
        asked = [asyncio.create_task(ranked(pool)) for _ in range(40)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        busy = [each for each in found if isinstance(each, Problem)]
        assert all(each.code is Code.BUSY and each.wait for each in busy)
        assert len(busy) >= 30
        assert found.count(7) == len(found) - len(busy) > 0
        # Those who leave while a worker is at it do not take it with them.
        leaving = asyncio.create_task(ranked(pool))
        await asyncio.sleep(0.001)
        leaving.cancel()
        assert await ranked(pool) == 7
        assert pool.replaced == 0

    with_pool(house, play, waiting=5)


def test_a_desk_that_cannot_be_set_up_is_said(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        plan = DeskPlan(tmp_path, house / "zoo", 128)
        async with pools_running(Pool(plan, 1, 5, LogFormat.TEXT)):
            pass

    with pytest.raises(InputError, match="is not an MRE model"):
        asyncio.run(run())
