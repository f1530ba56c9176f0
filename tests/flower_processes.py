"""Real Flower processes on loopback, as `deploy/` starts them: TLS, node authentication, the proxy.

`flower_site` starts one SuperLink, one SuperExec, the proxy, and for each provider a SuperNode and
the SuperExec that runs its ClientApps. Each can be killed and started again on the same port and
folder.
"""

import contextlib
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.authority.certificates import KeyPair, make_authority
from tests.flower_commands import (
    PROXY_CONFIG,
    clientapp_command,
    proxy_command,
    superexec_command,
    superlink_command,
    supernode_command,
)
from tests.flower_files import (
    BIN,
    HOST,
    flower_environment,
    free_port,
    new_flower_key,
    proxy_environment,
    write_certificate,
    write_connections,
    write_secret,
)
from tests.started_process import PATIENCE, StartedProcess

if TYPE_CHECKING:
    from flwr.supercore.control import ControlHttpClient

COMEBACK = 90.0
"""Seconds until a SuperNode that was killed is taken in again: Flower turns it away for a minute,
while it still holds its former life for online."""


@dataclass(frozen=True)
class Provider:
    """A provider's Flower side.

    Attributes:
        name: As registered.
        number: Flower's node id.
        public_key: File of its Flower key's public half.
        supernode: Membership; holds the Flower key.
        clientapp: Runs bundles; holds no key.
    """

    name: str
    number: int
    public_key: Path
    supernode: StartedProcess
    clientapp: StartedProcess

    @property
    def processes(self) -> tuple[StartedProcess, StartedProcess]:
        return self.supernode, self.clientapp

    def start(self) -> None:
        for process in self.processes:
            process.start()


@dataclass
class FlowerSite:
    """All Flower processes of a federation, on loopback.

    Attributes:
        folder: For all that they write.
        superlink: Also answers operators, on `loopback`.
        superexec: Runs ServerApps.
        proxy: Shows providers the SuperLink's Fleet API.
        providers: By name.
        loopback: host:port of the SuperLink itself.
        public: host:port that providers dial.
    """

    folder: Path
    superlink: StartedProcess
    superexec: StartedProcess
    proxy: StartedProcess
    loopback: str
    public: str
    providers: dict[str, Provider] = field(default_factory=dict)

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.folder / "ca.crt"

    @property
    def processes(self) -> list[StartedProcess]:
        """Every process, providers' last."""
        own = [self.superlink, self.superexec, self.proxy]
        return own + [each for one in self.providers.values() for each in one.processes]

    def add_provider(
        self,
        name: str,
        door: Path,
        *,
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        register: bool = True,
        start: bool = True,
    ) -> Provider:
        """Register a provider and start its processes; `wait_online` waits for them.

        Args:
            name: Of the provider.
            door: What its ClientApp reads as `door` in the node's configuration.
            environment: Added for its processes.
            before: Words before both commands, as in `ip netns exec NAME`.
            register: False for a SuperNode that nobody has admitted.
            start: False to start them later.
        """
        folder = self.folder / name
        folder.mkdir()
        key, public = new_flower_key(folder / "flower.key")
        number = self.register(name, public) if register else 0
        secret, port = write_secret(folder / "superexec.secret"), free_port()
        supernode = StartedProcess(
            f"{name}-supernode",
            supernode_command(
                ca=self.ca, superlink=self.public, key=key, port=port, secret=secret, door=door
            ),
            flower_environment(folder / "supernode") | dict(environment or {}),
            self.folder / "logs",
            # Said once the SuperLink took it in. The SuperLink's own list would do for a first
            # start alone: it holds a killed node for online until a minute has passed.
            lambda: "SuperNode ID:" in supernode.said_now(),
            before,
            revive=True,
        )
        clientapp = StartedProcess(
            f"{name}-clientapp",
            clientapp_command(port=port, secret=secret),
            flower_environment(folder / "clientapp") | dict(environment or {}),
            self.folder / "logs",
            before=before,
        )
        provider = Provider(name, number, key.with_name("flower.key.pub"), supernode, clientapp)
        self.providers[name] = provider
        if start:
            provider.start()
        return provider

    def wait_online(self, *names: str, patience: float = COMEBACK) -> None:
        """Wait until the SuperLink took in these providers; all where none is named."""
        for name in names or self.providers:
            self.providers[name].supernode.wait_ready(patience)

    def statuses(self) -> dict[int, str]:
        """What the SuperLink thinks of each node: registered, online, offline, unregistered."""
        from flwr.proto.control_pb2 import ListNodesRequest  # noqa: PLC0415 - optional package

        with self.operator() as control:
            nodes = control.ListNodes(ListNodesRequest()).nodes_info
        return {node.node_id: node.status for node in nodes}

    def register(self, name: str, public: bytes) -> int:
        """Admit a Flower key, as `flwr supernode register` does; the node's number."""
        from flwr.proto.control_pb2 import RegisterNodeRequest  # noqa: PLC0415

        with self.operator() as control:
            wanted = RegisterNodeRequest(public_key=public, name=name)
            return int(control.RegisterNode(wanted).node_id)

    def operator(self) -> "ControlHttpClient":
        """A client of the control API, on loopback."""
        from flwr.supercore.control import ControlHttpClient  # noqa: PLC0415

        return ControlHttpClient.from_server_address(
            self.loopback, False, self.ca.read_bytes(), interceptors=()
        )

    def flwr(self, *words: str, patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run Flower's own command; its connection is named `site`, through the proxy `public`."""
        return subprocess.run(  # noqa: S603
            [BIN / "flwr", *words],
            env=flower_environment(self.folder / "operator"),
            capture_output=True,
            text=True,
            check=False,
            timeout=patience,
        )

    def memory(self) -> dict[str, int]:
        """Resident bytes of every process that runs, by name."""
        return {each.name: each.memory() for each in self.processes if each.alive}

    def revive(self) -> None:
        """Start again what has ended, as systemd does with the units."""
        for process in self.processes:
            if not process.alive:
                process.start()

    def stop(self) -> None:
        """End every process, SuperNodes first so that they can say goodbye."""
        for process in reversed(self.processes):
            process.stop()


@contextlib.contextmanager
def flower_site(
    folder: Path,
    providers: Mapping[str, Path] | None = None,
    *,
    superexec: Mapping[str, str] | None = None,
    superexec_before: Sequence[str] = (),
) -> Iterator[FlowerSite]:
    """Start a federation's Flower processes, wait until all are there, and end them afterwards.

    Args:
        folder: An empty one, for all that they write; its path should be short.
        providers: By name, the door that each ClientApp gets as `door` in its configuration.
        superexec: Environment of the SuperExec, and so of the ServerApps.
        superexec_before: Words before its command, as in `setpriv --reuid=...`.
    """
    authority = make_authority("a federation's Flower", datetime.now(UTC))
    (folder / "ca.crt").write_bytes(authority.certificate)
    write_certificate(folder / "proxy", authority)
    port, public = free_port(), free_port()
    loopback = f"{HOST}:{port}"
    site = FlowerSite(
        folder,
        _superlink(folder, authority, port),
        StartedProcess(
            "superexec",
            superexec_command(
                address=loopback, ca=folder / "ca.crt", secret=folder / "superexec.secret"
            ),
            flower_environment(folder / "superexec") | dict(superexec or {}),
            folder / "logs",
            before=superexec_before,
        ),
        proxy_process(folder, public, port),
        loopback,
        f"{HOST}:{public}",
    )
    write_connections(folder / "operator", {"site": site.loopback, "public": site.public}, site.ca)
    try:
        site.superlink.start()
        site.proxy.start()
        site.superlink.wait_ready()
        site.superexec.start()
        for name, door in (providers or {}).items():
            site.add_provider(name, door)
        site.proxy.wait_ready()
        site.wait_online()
        yield site
    finally:
        site.stop()


def _superlink(folder: Path, authority: KeyPair, port: int) -> StartedProcess:
    own = folder / "superlink"
    write_certificate(own, authority)
    command = superlink_command(
        ca=folder / "ca.crt",
        certificate=own / "tls.crt",
        key=own / "tls.key",
        port=port,
        secret=write_secret(folder / "superexec.secret"),
        database=own / "state.db",
    )
    trust = ssl.create_default_context(cafile=folder / "ca.crt")

    def ready() -> bool:
        with contextlib.suppress(OSError):
            url = f"https://{HOST}:{port}/health"
            with urllib.request.urlopen(url, timeout=5, context=trust) as answer:
                return answer.status == 200  # type: ignore[no-any-return]
        return False

    environment = flower_environment(own)
    return StartedProcess("superlink", command, environment, folder / "logs", ready)


def proxy_process(
    folder: Path,
    port: int,
    superlink: int,
    *,
    name: str = "proxy",
    config: Path = PROXY_CONFIG,
    settings: Mapping[str, str] | None = None,
) -> StartedProcess:
    """The proxy of a site, not started.

    Args:
        folder: Of the site.
        port: The public one.
        superlink: The SuperLink's port.
        name: For its log.
        config: Another one than the shipped one.
        settings: Added to its environment.
    """
    environment = proxy_environment(folder, port, superlink) | dict(settings or {})

    def ready() -> bool:
        return "Loading success" in process.said_now()

    process = StartedProcess(name, proxy_command(config), environment, folder / "logs", ready)
    return process
