"""Questions in flight at a node; they outlive the streams they came on."""

import asyncio
import logging
from collections.abc import Callable

from protocols import frames as f
from protocols.errors import Code, Refused
from protocols.ids import QueryId
from provider.session_api import BlobFetcher, PendingUntil, Responder
from synlearn.logs import logged

_log = logging.getLogger(__name__)


class _Work:
    """One question in flight."""

    __slots__ = ("body", "late", "pending", "query", "task", "timer")

    def __init__(self, query: QueryId, body: bytes) -> None:
        self.query = query
        self.body = body
        self.late = False
        self.pending: f.Pending | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Answering:
    """Starts one computation for each question, and sends what comes of it.

    Args:
        responder: Computes answers.
        blobs: Handed to the responder.
        reply: Sends a frame on the stream of the moment; drops it when the question is not open
            there, for then the coordinator asks again.
    """

    def __init__(
        self,
        responder: Responder,
        blobs: BlobFetcher,
        reply: Callable[[f.Answer | f.Refusal | f.Pending], None],
    ) -> None:
        self._responder = responder
        self._blobs = blobs
        self._reply = reply
        self._loop = asyncio.get_running_loop()
        self._work: dict[QueryId, _Work] = {}

    def start(self, question: f.Question) -> None:
        """Answer a question; one in flight already gets the new deadline, and one answer."""
        query = question.query
        work = self._work.get(query)
        if work is None:
            work = self._work[query] = _Work(query, question.body)
            with logged(query=str(query)):
                work.task = self._loop.create_task(self._answer(work))
        elif work.body != question.body:
            self._reply(f.Refusal(query, Code.DIFFERENT_BODY))
            return
        elif work.pending:
            self._reply(work.pending)
        if work.timer:
            work.timer.cancel()
        work.timer = self._loop.call_later(question.deadline_ms / 1000, self._expire, work)

    async def stop(self) -> None:
        """Cancel all that is in flight, and wait until it is gone."""
        tasks = [work.task for work in self._work.values() if work.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _expire(self, work: _Work) -> None:
        work.late = True
        if work.task:
            work.task.cancel()

    async def _answer(self, work: _Work) -> None:
        query = work.query
        reply: f.Answer | f.Refusal
        try:
            body = await self._responder.answer(
                query, work.body, self._blobs, lambda pending: self._postpone(work, pending)
            )
            reply = f.Answer(query, body)
        except Refused as refused:
            reply = f.Refusal(query, refused.code)
        except asyncio.CancelledError:
            if not work.late:
                raise
            _log.debug("not answered by its deadline", extra={"code": Code.DEADLINE_PASSED.name})
            reply = f.Refusal(query, Code.DEADLINE_PASSED)
        except Exception:  # a fault of ours must not cost the session; its text stays here
            _log.exception("could not be answered", extra={"code": Code.NODE_FAULT.name})
            reply = f.Refusal(query, Code.NODE_FAULT)
        finally:
            del self._work[query]
            if work.timer:
                work.timer.cancel()
        self._reply(reply)

    def _postpone(self, work: _Work, pending: PendingUntil) -> None:
        work.pending = f.Pending(work.query, max(0, int(pending.until)), pending.reason)
        _log.info("put off: %s", pending.reason.sentence, extra={"code": pending.reason.name})
        self._reply(work.pending)
