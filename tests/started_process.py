"""A process that a test starts, kills and starts again; with its log and its memory."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PATIENCE = 60.0
"""Seconds that no start takes, also on a busy machine."""
_FAREWELL = 8.0
_LOOK_AGAIN = 0.1
_REVIVE_AFTER = 3.0


class StartedProcess:
    """One process, which can be killed and started again.

    Args:
        name: For messages and for the log's name.
        command: With a bare program name.
        environment: All of it.
        folder: For its log; made where missing.
        ready: Whether it does its work; asked until it says so.
        before: Words before the command, as in `ip netns exec NAME`.
        revive: Whether `wait_ready` starts it again where it ends, as `Restart=` in its unit does.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        ready: Callable[[], bool] = lambda: True,
        before: Sequence[str] = (),
        *,
        revive: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.command = list(command)
        self.log = folder / f"{name}.log"
        self._environment = dict(environment)
        self._ready = ready
        self._before = list(before)
        self._revive = revive
        self._said_before = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process while it runs."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def code(self) -> int | None:
        """What it ended with; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it, and return at once (`wait_ready`); its log is appended to."""
        assert not self.alive, f"{self.name} runs already"
        program = shutil.which(self.command[0], path=self._environment["PATH"])
        assert program is not None, f"{self.command[0]} is not installed"
        with self.log.open("ab") as log:
            self._said_before = log.tell()
            self._process = subprocess.Popen(  # noqa: S603
                [*self._before, program, *self.command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def wait_ready(self, patience: float = PATIENCE) -> None:
        """Wait until it does its work."""

        def ready() -> bool:
            if not self.alive and self._revive:
                time.sleep(_REVIVE_AFTER)
                self.start()
            assert self.alive, f"{self.name} ended with {self.code}:\n{self.said()[-4000:]}"
            return self._ready()

        wait_until(ready, f"{self.name} is ready", patience, self.said)

    def kill(self) -> None:
        """SIGKILL it and whatever it started, as systemd does with the rest of a unit."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM it; SIGKILL what is still there after a few seconds."""
        self._end(signal.SIGTERM)

    def restart(self, patience: float = PATIENCE) -> None:
        """Start it again after its end, and wait until it does its work."""
        self.start()
        self.wait_ready(patience)

    def memory(self) -> int:
        """Resident bytes, those of what it started included."""
        return sum(_resident(pid) for pid in [self.pid, *_descendants(self.pid)])

    def said(self) -> str:
        """All that it printed, over all of its lives."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def said_now(self) -> str:
        """What it printed since its last start."""
        return self.log.read_bytes()[self._said_before :].decode(errors="replace")

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        started = _descendants(self._process.pid)
        if self.alive:
            self._process.send_signal(how)
        try:
            self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError):  # our own session: nobody else is in it
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def wait_until(
    true: Callable[[], bool],
    what: str,
    patience: float = PATIENCE,
    said: Callable[[], str] = lambda: "",
) -> None:
    """Look again and again; an AssertionError with what was `said` once patience is at its end."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, f"not after {patience:g} s: {what}\n{said()[-4000:]}"
        time.sleep(_LOOK_AGAIN)


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def _descendants(pid: int) -> list[int]:
    """Processes that it started, and those that these started."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text(encoding="ascii").split()):
                found += [child, *_descendants(child)]
    return found
