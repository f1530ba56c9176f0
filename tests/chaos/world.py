"""The federation that is harmed: sites, coordinator, Flower; each can be hit and mended."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from protocols.ids import ProviderId
from tests.chaos.network import HOST, Network, network
from tests.chaos.schedule import Fault, Harm, Victim
from tests.integration.flower_region import FlowerRegion, flower_region
from tests.integration.sites import Owner
from tests.started_process import StartedProcess

SITES = tuple(ProviderId(name) for name in ("north", "east", "south", "west"))
_DISK = 256 * 2**20
"""Bytes of a small disk."""


@dataclass
class World:
    """A region, and what can be done to it.

    Attributes:
        made: The region.
        network: Where the nodes are; None for this host's.
    """

    made: FlowerRegion
    network: Network | None

    def hit(self, fault: Fault) -> Callable[[], None]:
        """Do the harm; returns what mends it."""
        match fault.harm:
            case Harm.KILL:
                return self._kill(fault)
            case Harm.FREEZE:
                pid = self._pid(fault)
                os.kill(pid, signal.SIGSTOP)
                return lambda: os.kill(pid, signal.SIGCONT)
            case Harm.PARTITION:
                return self._cut(self._owner(fault))
            case Harm.FULL_DISK:
                return _fill(self._disk(fault))

    def revive(self) -> None:
        """Start again what ended by itself, as systemd does."""
        self.made.flower.revive()
        for owner in self.made.region.owners:
            if owner.process is not None and owner.process.poll() is not None:
                owner.start()
        up = self.made.region.up
        if up is None or up.poll() is not None:
            self.made.region.start()

    def _kill(self, fault: Fault) -> Callable[[], None]:
        region, flower = self.made.region, self.made.flower
        match fault.victim:
            case Victim.NODE:
                owner = self._owner(fault)
                owner.stop(signal.SIGKILL)
                return owner.start
            case Victim.COORDINATOR:
                region.kill()
                return region.start
            case Victim.SUPERNODE:
                return _killed(flower.providers[SITES[fault.site]].supernode)
            case Victim.SUPERLINK:
                return _killed(flower.superlink)
            case Victim.SUPEREXEC:
                return _killed(flower.superexec)
            case Victim.PROXY:
                assert flower.proxy is not None
                return _killed(flower.proxy)

    def _pid(self, fault: Fault) -> int:
        if fault.victim is Victim.NODE:
            return self._owner(fault).pid
        assert self.made.region.up is not None
        return self.made.region.up.pid

    def _owner(self, fault: Fault) -> Owner:
        return self.made.region.owners[fault.site]

    def _disk(self, fault: Fault) -> Path:
        if fault.victim is Victim.NODE:
            return self._owner(fault).home.folder
        return self.made.region.runs

    def _cut(self, owner: Owner) -> Callable[[], None]:
        assert self.network is not None
        self.network.cut(owner.name)
        return partial(self.network.mend, owner.name)


@contextlib.contextmanager
def world(folder: Path, *, disks: bool, partitions: bool) -> Iterator[World]:
    """Start everything.

    Args:
        folder: An empty one, with a short path.
        disks: Put homes and runs on small disks of their own; needs root.
        partitions: Put nodes in networks of their own; needs root.
    """
    mounted: list[Path] = []
    own = network(SITES) if partitions else contextlib.nullcontext()
    try:
        if disks:
            for place in [folder / "runs", *(folder / name / "node" for name in SITES)]:
                place.mkdir(parents=True)
                _run("mount", "-t", "tmpfs", "-o", f"size={_DISK}", "none", str(place))
                mounted.append(place)
        with own as net:
            host, before = (HOST, net.before) if net else ("localhost", _here)
            with flower_region(folder, SITES, host=host, before=before) as made:
                yield World(made, net)
    finally:
        for place in mounted:
            _run("umount", "--lazy", str(place))


def _here(_: str) -> tuple[str, ...]:
    return ()


def _killed(process: StartedProcess) -> Callable[[], None]:
    process.kill()
    return process.start


def _fill(disk: Path) -> Callable[[], None]:
    """Leave no byte on a disk."""
    ballast = disk / ".ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 2**16)
            file.flush()
    return lambda: ballast.unlink(missing_ok=True)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=30)  # noqa: S603
