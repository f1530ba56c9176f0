"""The processes that do the work, seen from the one that talks to the world.

A worker that takes too long, or dies, is replaced; whoever waited for it is told, nobody else
notices.
"""

import asyncio
import contextlib
import logging
import multiprocessing
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Final

from coordinator.service.desk import DeskPlan, Work
from coordinator.service.problems import Code, Problem
from coordinator.service.worker import Outcome, work_at
from synlearn.errors import InputError
from synlearn.logs import LogFormat

_log = logging.getLogger(__name__)

_START_SECONDS: Final = 300.0
"""For a worker to read model and zoo; it may compute specifications that are not stored yet."""
_AGAIN_SECONDS: Final = 5.0
"""Between tries to replace a worker."""
_END_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection

    def ask(self, asked: bytes, seconds: float) -> bytes:
        """Blocks; raises TimeoutError or OSError."""
        self.pipe.send_bytes(asked)
        return self.hear(seconds)

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
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="pool")
        self._workers: list[_Worker] = []
        self._replacing: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[bytes]] = set()
        self._waiting = 0
        self.replaced = 0

    @property
    def at_work(self) -> int:
        """Workers that are there, busy or not."""
        return len(self._workers)

    @property
    def waiting(self) -> int:
        """Requests that wait for a worker."""
        return self._waiting

    async def start(self) -> None:
        """Start all workers.

        Raises:
            InputError: A worker cannot be set up.
        """
        for worker in await asyncio.gather(*(self._started() for _ in range(self._count))):
            self._take_in(worker)

    def end(self) -> None:
        """End all workers; whoever waits for one is told that the service ends."""
        for task in (*self._replacing, *self._asking):
            task.cancel()
        for worker in self._workers:
            worker.end()
        self._threads.shutdown(wait=False)

    async def ask(self, work: Work, body: bytes, seconds: float) -> bytes:
        """Have a worker answer.

        Args:
            work: What is asked.
            body: The request.
            seconds: For everything, the wait for a worker included.

        Raises:
            Problem: It could not be answered, or not in time.
        """
        if self._waiting >= self._most_waiting:
            raise Problem(
                Code.BUSY, "the service has too much to do at the moment; try again.", wait=1.0
            )
        began = asyncio.get_running_loop().time()
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                worker = await self._idle.get()
        except TimeoutError as error:
            raise Problem(
                Code.BUSY, f"no worker was free for {seconds:g} seconds; try again.", wait=1.0
            ) from error
        finally:
            self._waiting -= 1
        left = max(seconds - (asyncio.get_running_loop().time() - began), 0.1)
        # Whoever asked may leave; the worker still has to be heard out.
        task = asyncio.create_task(self._asked(worker, bytes([work]) + body, left))
        self._asking.add(task)
        task.add_done_callback(self._heard)
        return await asyncio.shield(task)

    def _heard(self, task: asyncio.Task[bytes]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # somebody has left, and nobody else wants to know

    async def _asked(self, worker: _Worker, asked: bytes, seconds: float) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            said = await loop.run_in_executor(self._threads, worker.ask, asked, seconds)
        except TimeoutError as error:
            self._replace(worker, f"it took more than {seconds:.0f} s")
            raise Problem(
                Code.TOO_SLOW,
                "the work took longer than this service allows; send a smaller task.",
            ) from error
        except OSError as error:
            self._replace(worker, "it has ended")
            raise Problem(Code.BROKEN, "the work could not be finished; try again.") from error
        except BaseException:
            self._replace(worker, "the service ends")
            raise
        self._idle.put_nowait(worker)
        outcome, body = Outcome(said[0]), said[1:]
        if outcome is Outcome.REFUSED:
            raise Problem(Code.INVALID, body.decode("utf-8", "replace"))
        if outcome is not Outcome.ANSWER:
            raise Problem(
                Code.BROKEN, "the service could not answer; its operator finds why in the log."
            )
        return body

    def _take_in(self, worker: _Worker) -> None:
        self._workers.append(worker)
        self._idle.put_nowait(worker)

    def _replace(self, worker: _Worker, why: str) -> None:
        _log.warning("worker %s is replaced: %s", worker.process.pid, why)
        self._workers.remove(worker)
        self.replaced += 1
        worker.process.kill()
        task = asyncio.create_task(self._replaced(worker))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

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
