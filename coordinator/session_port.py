"""The coordinator's one port for the sessions of all its jobs.

Inside it is one event loop in one thread, whatever the number of jobs and providers. A stream is
its job's from its Hello on, and sees nothing of the others.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

import grpc
import grpc.aio

from coordinator.admission import Admission
from coordinator.blobs import BlobSource
from coordinator.job_sessions import JobSessions
from coordinator.loop_thread import LoopThread
from coordinator.session_desk import SessionDesk
from coordinator.session_events import SessionEvent, TurnedAway, ignore
from coordinator.session_questions import SessionsStopped
from coordinator.session_stream import Context, CoordinatorStream
from coordinator.tls import TlsAtPort
from protocols.errors import Code, FrameError
from protocols.ids import JobId
from protocols.limits import MIB, Limits
from synlearn.errors import InputError

_DRAIN = 0.05
"""Seconds for gRPC's last completions: of a closed loop, they trip up another one's callbacks."""

_log = logging.getLogger(__name__)


class SessionPort:
    """Serves the sessions of many jobs.

    Every method may be called from any thread except the port's own. Jobs may be opened and
    expected before the start: then no node ever comes too early.

    Args:
        address: Host and port to listen on; port 0 picks a free one.
        tls: None for plain connections, which suit loopback only.
        limits: Sizes and times.
        turned_away: Told, in the port's own thread, of each stream that reached no job. Whom a
            job does not let in, that job's `on_event` is told of.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:0",
        tls: TlsAtPort | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        *,
        turned_away: Callable[[TurnedAway], None] = ignore,
    ) -> None:
        self.limits = limits
        self._address = address
        self._tls = tls
        self._turned_away = turned_away
        self._lock = threading.Lock()
        self._jobs: dict[JobId, JobSessions] = {}
        self._expected: set[JobId] = set()
        self._over = False
        self._started: Future[int] = Future()
        self._thread = LoopThread("session port", self._serve, self._close)
        # Of the event loop:
        self._streams: set[CoordinatorStream] = set()
        self._leaving = False
        self._leave = asyncio.Event()

    def start(self) -> int:
        """Listen, and return the port.

        Raises:
            InputError: The address cannot be listened on.
        """
        self._thread.start()
        return self._started.result()

    def open(
        self,
        job: JobId,
        admission: Admission,
        blobs: BlobSource,
        on_event: Callable[[SessionEvent], None] = ignore,
    ) -> JobSessions:
        """Let a job's providers in from now on, until its sessions are stopped.

        Args:
            job: Its providers name it in their first frame.
            admission: Who may come in; called in the port's own thread.
            blobs: The files that the job's providers may pull, and nobody else.
            on_event: Told what happens, in the port's own thread; it has to return quickly.

        Raises:
            ValueError: The job is open.
            SessionsStopped: The port has stopped.
        """
        with self._lock:
            if self._over:
                raise SessionsStopped("the session port has stopped")
            if job in self._jobs:
                raise ValueError(f"the sessions of {job} are open at this port already")
            sessions = JobSessions(
                admission, blobs, self.limits, self._thread, on_event, lambda: self._forget(job)
            )
            self._jobs[job] = sessions
            self._expected.discard(job)
        return sessions

    def expect(self, job: JobId) -> None:
        """Have the job's providers come again until it is open, instead of leaving for good.

        A job that was suspended is expected by that.
        """
        with self._lock:
            self._expected.add(job)

    def give_up(self, job: JobId) -> None:
        """Expect a job no longer: its providers are told that it does not run here."""
        with self._lock:
            self._expected.discard(job)

    def stop(self, reason: str) -> None:
        """Close, and let all unanswered questions raise `SessionsStopped`.

        A job that is open is not over by that: its nodes are told to come again, and do so until a
        port is there. Say goodbye to them with `JobSessions.stop` before.
        """
        self._thread.call(lambda: self._leave_for(reason))
        self._thread.join()

    # Called in the port's own thread.

    async def serve(self, _: object, context: Context) -> None:
        """Handle one stream, as gRPC calls it."""
        stream = CoordinatorStream(context, self)
        self._streams.add(stream)
        try:
            await stream.run()
        except asyncio.CancelledError:  # the provider is gone, and so is the stream: all is done
            return
        finally:
            self._streams.discard(stream)
            self._ended(stream)

    def desk(self, job: JobId) -> SessionDesk:
        """Where the job's providers report; FrameError when it is not open here."""
        with self._lock:
            sessions, expected = self._jobs.get(job), job in self._expected
        if self._leaving:
            raise FrameError(Code.JOB_NOT_OPEN)
        if sessions and sessions.desk.stopped is None:
            return sessions.desk
        expected = expected or (sessions is not None and sessions.desk.suspended)
        raise FrameError(Code.JOB_NOT_OPEN if expected else Code.WRONG_JOB)

    async def _serve(self) -> None:
        try:
            await self._listen()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
        finally:
            self._leave_for("the session port has stopped")  # whatever happened, nobody waits

    async def _listen(self) -> None:
        """Serve until told to leave."""
        server = grpc.aio.server(options=_options(self.limits))
        handler = grpc.stream_stream_rpc_method_handler(self.serve)  # bytes in, bytes out
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("synlearn.Session", {"Open": handler}),)
        )
        port = self._bind(server)
        await server.start()
        self._started.set_result(port)
        rechecking = asyncio.create_task(self._recheck())
        await self._leave.wait()
        rechecking.cancel()
        await server.stop(grace=self.limits.farewell)
        await asyncio.sleep(_DRAIN)

    async def _recheck(self) -> None:
        """Ask again, every so often, who may stay: a revocation also reaches streams that stand."""
        while True:
            await asyncio.sleep(self.limits.silence)
            with self._lock:
                jobs = list(self._jobs.values())
            try:
                for sessions in jobs:
                    sessions.desk.recheck()
            except Exception:
                _log.exception("it could not be checked who may stay")

    def _bind(self, server: grpc.aio.Server) -> int:
        try:
            port: int = (
                server.add_secure_port(self._address, self._tls.credentials())
                if self._tls
                else server.add_insecure_port(self._address)
            )
        except RuntimeError as error:
            raise InputError(
                f"cannot listen on {self._address}: stop what uses that port, or choose another"
            ) from error
        return port

    def _ended(self, stream: CoordinatorStream) -> None:
        """Pass on how a stream ended, to its job if it reached one."""
        if stream.desk:
            stream.desk.ended(stream)
        elif event := stream.turned_away:
            try:
                self._turned_away(event)
            except Exception:
                _log.exception("turned_away failed at %r", event)

    def _leave_for(self, reason: str) -> None:
        self._leaving = True
        with self._lock:
            jobs = list(self._jobs.values())
        for sessions in jobs:
            sessions.desk.suspend(reason)
        for stream in self._streams:
            stream.suspend(reason)
        self._leave.set()

    def _forget(self, job: JobId) -> None:
        with self._lock:
            if self._jobs.pop(job).desk.suspended:
                self._expected.add(job)

    def _close(self) -> None:
        with self._lock:
            self._over = True
            jobs = list(self._jobs.values())
        for sessions in jobs:
            sessions.close()


def _options(limits: Limits) -> list[tuple[str, int]]:
    """Channel arguments: one owner of the port, our sizes, pings in both directions."""
    keepalive = int(limits.keepalive * 1000)
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.max_message + MIB),  # ours speaks first
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", keepalive),
        ("grpc.keepalive_timeout_ms", keepalive),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", min(keepalive // 2, 10_000)),
    ]
