"""Networks of their own for the nodes, which can be cut: namespaces, and a bridge on this host."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HOST = "192.0.2.1"
"""Address of this host on the bridge."""


@dataclass(frozen=True, slots=True)
class Network:
    """Namespaces by site.

    Attributes:
        name: Of the bridge; those of namespaces and links begin with it.
        sites: In the order of their addresses.
    """

    name: str
    sites: tuple[str, ...]

    def before(self, site: str) -> tuple[str, ...]:
        """Words before a command that is to run in a site's network."""
        return ("ip", "netns", "exec", f"{self.name}-{self.sites.index(site)}")

    def cut(self, site: str) -> None:
        """Let nothing through, without a word to either end."""
        _ip("link", "set", f"{self.name}v{self.sites.index(site)}", "down")

    def mend(self, site: str) -> None:
        """Let everything through again."""
        _ip("link", "set", f"{self.name}v{self.sites.index(site)}", "up")


def can_be_made() -> bool:
    """Whether this process may make namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"try{os.getpid()}"
    with contextlib.suppress(subprocess.CalledProcessError):
        _ip("netns", "add", name)
        _ip("netns", "del", name)
        return True
    return False


@contextlib.contextmanager
def network(sites: Sequence[str]) -> Iterator[Network]:
    """Make a namespace for each site, all on one bridge with this host."""
    made = Network(f"sl{os.getpid() % 10_000}", tuple(sites))
    bridge = made.name
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{HOST}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for place in range(len(made.sites)):
            space, outside = f"{bridge}-{place}", f"{bridge}v{place}"
            _ip("netns", "add", space)
            _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", outside, "master", bridge)
            _ip("link", "set", outside, "up")
            address = f"{HOST.rpartition('.')[0]}.{place + 10}/24"
            _ip("-n", space, "addr", "add", address, "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
            _ip("-n", space, "link", "set", "lo", "up")
        yield made
    finally:
        for place in range(len(made.sites)):
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", f"{bridge}-{place}")
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "del", bridge)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)  # noqa: S603, S607
