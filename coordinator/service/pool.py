"""The processes that do the work, seen from the one that talks to the world.

A worker takes one question, or several that have waited, which cost it less than one after the
other. A worker that takes too long, or dies, is replaced; whoever waited for it is told, nobody
else notices: of several questions, each is asked again alone.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Final

from coordinator.service.desk import DeskPlan, Work
from coordinator.service.problems import Code, Problem, broken
from coordinator.service.worker import Outcome, ask_all, work_at
from synlearn.errors import InputError
from synlearn.logs import LogFormat

_log = logging.getLogger(__name__)

TOGETHER: Final = 4
"""Questions that a worker takes at once, at most; more would save little, and wait longer."""
_START_SECONDS: Final = 300.0
"""For a worker to read model and zoo; it may compute specifications that are not stored yet."""
_AGAIN_SECONDS: Final = 5.0
"""Between tries to replace a worker."""
_END_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection

    def ask(self, asked: Sequence[bytes], seconds: float) -> list[bytes]:
        """Blocks; raises TimeoutError or OSError."""
        end = time.monotonic() + seconds
        ask_all(self.pipe, asked)
        return [self.hear(max(end - time.monotonic(), 0.0)) for _ in asked]

    def hear(self, seconds: float) -> bytes:
        if not self.pipe.poll(seconds):
            raise TimeoutError
        try:
            return self.pipe.recv_bytes()
        except EOFError as error:
            raise ConnectionResetError("the worker has ended") from error

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join(_END_SECONDS)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A question, and whoever waits for its answer.

    Attributes:
        asked: As a worker takes it.
        seconds: To wait for a worker, and as many for its work.
        answer: Cancelled when whoever asked has left.
        alone: Whether it must not go together with others.
    """

    asked: bytes
    seconds: float
    answer: asyncio.Future[bytes]
    alone: bool = False
    _patience: asyncio.TimerHandle | None = None

    def waits(self) -> None:
        """It is in the queue, from now on, and not for ever."""
        self._patience = self.answer.get_loop().call_later(
            self.seconds,
            self.told,
            Problem(
                Code.BUSY, f"no worker was free for {self.seconds:g} seconds; try again.", wait=1.0
            ),
        )

    def taken(self) -> None:
        """A worker has it."""
        assert self._patience is not None  # noqa: S101 - it has waited
        self._patience.cancel()

    def told(self, problem: Problem) -> None:
        """It is not answered."""
        if not self.answer.done():
            self.answer.set_exception(problem)

    def heard(self, said: bytes) -> None:
        """This is what a worker says to it."""
        outcome, body = Outcome(said[0]), said[1:]
        if outcome is Outcome.REFUSED:
            self.told(Problem(Code.INVALID, body.decode("utf-8", "replace")))
        elif outcome is not Outcome.ANSWER:
            self.told(broken())
        elif not self.answer.done():
            self.answer.set_result(body)


class Pool:
    """Workers that are all alike.

    Args:
        plan: Of their desks.
        count: How many.
        waiting: Requests that may wait for one.
        logs: How they write their log lines.
    """

    def __init__(self, plan: DeskPlan, count: int, waiting: int, logs: LogFormat) -> None:
        self._plan = plan
        self._count = count
        self._most_waiting = waiting
        self._logs = logs
        self._queue: deque[_Waiting] = deque()
        self._queued = asyncio.Condition()
        self._idle = 0
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="pool")
        self._workers: list[_Worker] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.replaced = 0

    @property
    def at_work(self) -> int:
        """Workers that are there, busy or not."""
        return len(self._workers)

    @property
    def waiting(self) -> int:
        """Requests that wait for a worker."""
        return sum(not each.answer.done() for each in self._queue)

    async def start(self) -> None:
        """Start all workers.

        Raises:
            InputError: A worker cannot be set up.
        """
        for worker in await asyncio.gather(*(self._started() for _ in range(self._count))):
            self._take_in(worker)

    def end(self) -> None:
        """End all workers; whoever waits for one is told that the service ends."""
        for task in self._tasks:
            task.cancel()
        for each in self._queue:
            each.answer.cancel()
        for worker in self._workers:
            worker.end()
        self._threads.shutdown(wait=False)

    async def ask(self, work: Work, body: bytes, seconds: float) -> bytes:
        """Have a worker answer.

        Args:
            work: What is asked.
            body: The request.
            seconds: To wait for a worker, and as many for its work.

        Raises:
            Problem: It could not be answered, or not in time.
        """
        if self.waiting >= self._most_waiting:
            raise Problem(
                Code.BUSY, "the service has too much to do at the moment; try again.", wait=1.0
            )
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(bytes([work]) + body, seconds, answer)
        try:
            async with self._queued:
                waiting.waits()
                self._queue.append(waiting)
                self._queued.notify()
            return await answer
        finally:
            answer.cancel()  # whoever asked may leave; the worker is heard out all the same

    async def _next(self) -> list[_Waiting]:
        """Wait for questions, and take a worker's share of them."""
        found: list[_Waiting] = []
        self._idle += 1
        try:
            async with self._queued:
                while not found:
                    await self._queued.wait_for(lambda: self._queue)
                    found = self._share()
        finally:
            self._idle -= 1
        for each in found:
            each.taken()
        return found

    def _share(self) -> list[_Waiting]:
        """Take what one of the idle workers gets; none where nobody waits for it any more."""
        most = min(TOGETHER, -(-len(self._queue) // self._idle))
        found: list[_Waiting] = []
        while self._queue and len(found) < most:
            if found and (found[0].alone or self._queue[0].alone):
                break
            each = self._queue.popleft()
            if not each.answer.done():
                found.append(each)
        return found

    async def _serve(self, worker: _Worker) -> None:
        """Hand questions to a worker, as long as it lives."""
        while True:
            batch = await self._next()
            try:
                await self._hand(worker, batch)
            except asyncio.CancelledError:  # the service ends
                for each in batch:
                    each.answer.cancel()
                raise
            except TimeoutError:
                self._replace(worker, f"it took more than {_seconds(batch):.0f} s")
                problem = Problem(
                    Code.TOO_SLOW,
                    "the work took longer than this service allows; send a smaller task.",
                )
            except OSError:
                self._replace(worker, "it has ended")
                problem = Problem(Code.BROKEN, "the work could not be finished; try again.")
            except Exception:
                _log.exception("a worker's answer could not be understood")
                self._replace(worker, "it makes no sense")
                problem = broken()
            else:
                continue
            if len(batch) == 1:
                batch[0].told(problem)
            else:
                await self._ask_again(batch)
            return

    async def _hand(self, worker: _Worker, batch: Sequence[_Waiting]) -> None:
        """Have a worker answer; raises TimeoutError or OSError."""
        said = await asyncio.get_running_loop().run_in_executor(
            self._threads, worker.ask, [each.asked for each in batch], _seconds(batch)
        )
        await self._hear(batch, said)

    async def _hear(self, batch: Sequence[_Waiting], said: Sequence[bytes]) -> None:
        again = []
        for each, own in zip(batch, said, strict=True):
            if len(batch) > 1 and own[0] == Outcome.BROKEN:
                again.append(each)
            else:
                each.heard(own)
        if again:
            await self._ask_again(again)

    async def _ask_again(self, batch: Sequence[_Waiting]) -> None:
        """What one of several questions has broken, it must not break for the others."""
        async with self._queued:
            for each in reversed(batch):
                each.alone = True
                each.waits()
                self._queue.appendleft(each)
            self._queued.notify(len(batch))

    def _take_in(self, worker: _Worker) -> None:
        self._workers.append(worker)
        self._keep(asyncio.create_task(self._serve(worker)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _replace(self, worker: _Worker, why: str) -> None:
        _log.warning("worker %s is replaced: %s", worker.process.pid, why)
        self._workers.remove(worker)
        self.replaced += 1
        worker.process.kill()
        self._keep(asyncio.create_task(self._replaced(worker)))

    async def _replaced(self, former: _Worker) -> None:
        await asyncio.get_running_loop().run_in_executor(None, former.end)
        while True:
            try:
                worker = await self._started()
            except InputError as error:
                _log.error("no worker can be started: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                self._take_in(worker)
                return

    async def _started(self) -> _Worker:
        loop = asyncio.get_running_loop()
        worker = await loop.run_in_executor(None, self._start)
        try:
            said = await loop.run_in_executor(None, partial(worker.hear, _START_SECONDS))
        except (TimeoutError, OSError) as error:
            worker.end()
            raise InputError("a worker could not be started; see the log.") from error
        except BaseException:
            with contextlib.suppress(OSError):
                worker.end()
            raise
        if said[0] != Outcome.READY:
            worker.end()
            raise InputError(said[1:].decode("utf-8", "replace"))
        return worker

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=work_at, args=(theirs, self._plan, self._logs), daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _seconds(batch: Sequence[_Waiting]) -> float:
    """For a worker to answer some questions."""
    return max(each.seconds for each in batch)


@asynccontextmanager
async def pools_running(*pools: Pool) -> AsyncIterator[None]:
    """Start pools, all at once; end them afterwards.

    Raises:
        InputError: A worker cannot be set up.
    """
    try:
        await asyncio.gather(*(pool.start() for pool in pools))
        yield
    finally:
        for pool in pools:
            pool.end()
