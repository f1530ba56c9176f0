"""The node's end of a model worker: starts it, talks to it within limits, ends it."""

import contextlib
import fcntl
import logging
import math
import mmap
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from protocols.errors import Code, Refused
from provider.events import Watcher, WorkerEnd, WorkerEnded, ignore
from provider.sandbox.isolation import Layer, LayerState
from provider.sandbox.wire import Array, Header, Message, WireError, read_message, send_message

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-s", "-P", "-m", "provider.sandbox.worker")
_START_SECONDS: Final = 120.0
"""For importing PyTorch on a cold, busy machine."""
_LAST_SECONDS: Final = 5.0
"""For a process to be gone after its pipe."""
_PIPE: Final = 2**20
"""Bytes that a pipe holds; a batch then crosses in a few turns."""
_SHARED: Final = 160 * 2**20
"""Bytes for the images of one call, of which only those in use take memory; what is larger goes
through the pipe. A batch of 256 colour images of 224 x 224 fits."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What one question's computation may use.

    Attributes:
        seconds: Of wall-clock time for one call, that is, for a batch of images.
        memory: Bytes beyond what the libraries themselves need.
        threads: That compute.
    """

    seconds: float = 60.0
    memory: int = 2 * 2**30
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Expected:
    """An array that a reply has to hold: dtype and shape, exactly."""

    dtype: type[np.generic]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


class _Gone(Exception):  # noqa: N818 - what happened to a worker
    """The worker cannot be talked to any more; the text says why."""

    def __init__(self, how: WorkerEnd, why: str) -> None:
        super().__init__(why)
        self.how = how


class ModelWorker:
    """A worker process, started at the first call and again after it was killed.

    One call at a time, from the thread that computes answers.

    Args:
        limits: For each call.
        required: Layers of isolation without which no model is run.
        layers: Those to enter; all, outside tests.
        watcher: Told when a worker ends without being asked to.
    """

    def __init__(
        self,
        limits: WorkerLimits = WorkerLimits(),
        *,
        required: frozenset[Layer] = frozenset(),
        layers: frozenset[Layer] = frozenset(Layer),
        watcher: Watcher = ignore,
    ) -> None:
        self.limits = limits
        self._required = required
        self._layers = layers
        self._watcher = watcher
        self._process: subprocess.Popen[bytes] | None = None
        self._states: tuple[LayerState, ...] = ()
        self._deadline = math.inf
        self._shared: mmap.mmap | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """Of the worker, while there is one."""
        return None if self._process is None else self._process.pid

    def isolation(self) -> tuple[LayerState, ...]:
        """Which layers hold; starts the worker where it is not running.

        Raises:
            Refused: NODE_FAULT, it cannot be started.
        """
        self._running()
        return self._states

    def call(
        self,
        header: Header,
        arrays: Iterable[Array] = (),
        *,
        expected: Sequence[Expected] = (),
        batches: Iterable[Array] | None = None,
    ) -> Message:
        """Ask for one operation.

        Args:
            header: `op`, and what it takes; `batches` is true where some follow.
            arrays: Of the request.
            expected: The arrays of the reply. They may hold what is no number: only the answer
                knows whether to refuse it, since under noise a refusal would tell of a row.
            batches: Sent one after the other, each when it is made.

        Raises:
            Refused: MODEL_UNUSABLE, the worker gave up, took too long, died, or said what it should
                not; NOT_ALLOWED, a required layer is missing; NODE_FAULT, it cannot be started.
        """
        self._check_required()
        try:
            self._allow_processor_time()
            self._send(header, arrays, shared=self._shared)
            if batches is not None:
                for batch in batches:
                    self._send({}, [batch])
                self._send({}, ())
            reply = self._receive(sum(each.size for each in expected))
        except (_Gone, WireError) as error:
            self._lose(error)
            raise Refused(Code.MODEL_UNUSABLE, local=f"the model worker {error}") from error
        except BaseException:  # the two ends would not know any more who is to speak
            self.close()
            raise
        if "unusable" in reply.header:
            raise Refused(Code.MODEL_UNUSABLE, local=str(reply.header["unusable"]))
        _check(reply.arrays, expected)
        return reply

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        process, self._process = self._process, None
        self._shared = None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _lose(self, error: Exception) -> None:
        """End a worker that nobody had asked to go, and say why."""
        self.close()
        if isinstance(error, _Gone):
            how, why = error.how, str(error)
        else:
            how, why = WorkerEnd.LIED, f"said what it may not: {error}"
        log.warning("the model worker %s; another one is started when it is needed", why)
        self._watcher(WorkerEnded(how))

    def _check_required(self) -> None:
        self._running()
        reasons = {state.layer: state.why_not for state in self._states if not state.active}
        active = {state.layer for state in self._states if state.active}
        for layer in self._required - active:
            raise Refused(
                Code.NOT_ALLOWED,
                local=f"the policy runs models only with {layer.value}. {reasons.get(layer, '')}",
            )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._lose(_Gone(*self._how_gone()))
        if self._process is None:
            self._start()
        assert self._process is not None  # noqa: S101 - just started
        return self._process

    def _start(self) -> None:
        if sys.platform != "linux":
            raise Refused(Code.NODE_FAULT, local="models run in a worker, which needs Linux")
        package_root = str(Path(__file__).resolve().parents[2])
        descriptor = _shared_memory()
        self._shared = mmap.mmap(descriptor, _SHARED)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env=_environment(package_root, self.limits.threads),
            pass_fds=[descriptor],
            start_new_session=True,
        )
        os.close(descriptor)
        self.starts += 1
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None  # noqa: S101 - asked for above
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(OSError):  # a user's pipes may be full-sized only so far
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
        wanted = {
            "layers": [layer.value for layer in Layer if layer in self._layers],
            "memory": self.limits.memory,
            "threads": self.limits.threads,
            "shared": [descriptor, _SHARED],
        }
        try:
            self._send(wanted, (), seconds=_START_SECONDS)
            said = self._receive(0).header["layers"]
            self._states = tuple(LayerState(Layer(name), on, why) for name, on, why in said)
        except (_Gone, WireError, KeyError, ValueError) as error:
            self._lose(error)
            raise Refused(
                Code.NODE_FAULT, local=f"the model worker {error}, before it had a model"
            ) from error

    def _send(
        self,
        header: Header,
        arrays: Iterable[Array],
        *,
        seconds: float | None = None,
        shared: mmap.mmap | None = None,
    ) -> None:
        self._deadline = time.monotonic() + (self.limits.seconds if seconds is None else seconds)
        send_message(self._push, header, arrays, shared)

    def _receive(self, most: int) -> Message:
        return read_message(self._pull, most)

    def _push(self, data: memoryview) -> None:
        pipe = self._pipe("stdin")
        while data:
            self._await(pipe, select.POLLOUT)
            with contextlib.suppress(BlockingIOError):
                try:
                    data = data[os.write(pipe, data) :]
                except BrokenPipeError as error:
                    raise _Gone(*self._how_gone()) from error

    def _pull(self, buffer: memoryview) -> None:
        pipe = self._pipe("stdout")
        while buffer:
            self._await(pipe, select.POLLIN)
            with contextlib.suppress(BlockingIOError):
                count = os.readv(pipe, [buffer])
                if not count:
                    raise _Gone(*self._how_gone())
                buffer = buffer[count:]

    def _pipe(self, name: str) -> int:
        if self._process is None:
            raise _Gone(WorkerEnd.EXIT, "was ended")
        descriptor: int = getattr(self._process, name).fileno()
        return descriptor

    def _await(self, descriptor: int, event: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = self._deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            seconds = self.limits.seconds
            raise _Gone(WorkerEnd.TIMEOUT, f"took longer than {seconds:g} s and was killed")

    def _how_gone(self) -> tuple[WorkerEnd, str]:
        assert self._process is not None  # noqa: S101 - it was just talked to
        try:
            code = self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            return WorkerEnd.EXIT, "closed its pipe and was killed"
        if code == -signal.SIGXCPU:
            return WorkerEnd.PROCESSOR, "used more processor time than it may"
        if code < 0:
            return WorkerEnd.SIGNAL, f"was killed by signal {-code}"
        return WorkerEnd.EXIT, f"ended with code {code}"

    def _allow_processor_time(self) -> None:
        """Let the worker use what a call may, from now on: the limit counts from its start."""
        process = self._running()
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_CPU)
        soft = math.ceil(processor_seconds(process.pid) + self._spare_seconds())
        if hard == resource.RLIM_INFINITY or soft < hard:
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (soft, hard))

    def _spare_seconds(self) -> float:
        return self.limits.seconds * self.limits.threads + 1


def isolation_report(limits: WorkerLimits = WorkerLimits()) -> tuple[LayerState, ...]:
    """Which layers of isolation a worker gets on this machine; takes seconds.

    Raises:
        Refused: NODE_FAULT, no worker can be started.
    """
    worker = ModelWorker(limits)
    try:
        return worker.isolation()
    finally:
        worker.close()


def _shared_memory() -> int:
    """Make memory that can be handed to a worker, which cannot cut it short under our feet."""
    descriptor = os.memfd_create("images", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, _SHARED)
    sealed = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, sealed)
    return descriptor


def _check(arrays: Sequence[Array], expected: Sequence[Expected]) -> None:
    found = [(array.dtype, array.shape) for array in arrays]
    if found != [(np.dtype(each.dtype), each.shape) for each in expected]:
        raise Refused(Code.MODEL_UNUSABLE, local="the model worker gave arrays of other shapes")


def _environment(package_root: str, threads: int) -> dict[str, str]:
    """Nothing of the node's own environment, which may hold secrets."""
    count = str(threads)
    return {
        "PYTHONPATH": package_root,
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "MALLOC_ARENA_MAX": "1",
    }


def processor_seconds(pid: int) -> float:
    """What a process has used so far, in user and system mode.

    By its clock, as `clock_getcpuclockid` makes it (man 3): where /proc is mounted with
    `hidepid=invisible`, it does not show a worker that has left for namespaces of its own.

    Raises:
        OSError: There is no such process.
    """
    return time.clock_gettime((~pid << 3) | 2)
