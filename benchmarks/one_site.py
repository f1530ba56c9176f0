"""One site in a process of its own, made and run by the commands that its owner would type."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from coordinator.admission import RosterAdmission
from coordinator.blobs import MemoryBlobs
from coordinator.joining import JobTrust, join
from coordinator.session_server import SessionServer
from coordinator.tls import ServerTls
from protocols.ids import JobId, ProviderId
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, PlannedFunction, sign_plan
from protocols.queries import QUERIES
from protocols.secagg.keys import Identity
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.member import Member, Transport
from protocols.secagg.roster import Roster, sign_roster
from provider.site.door import hand_in
from provider.site.home import Home
from provider.site.identity import load_key

JOB, SITE = JobId("a-day"), ProviderId("site")
PATIENCE = 300.0
"""Seconds that no step takes, whatever else the machine does."""
_TOKEN = b"the token of the benchmark"
_COMMAND = Path(sys.executable).with_name("synlearn-provider")


@dataclass
class Site:
    """A node's folder, and its process while there is one.

    Attributes:
        before: Words before the command that starts it, as in `ip netns exec NAME`.
        options: Of the command that starts it.
    """

    home: Home
    before: Sequence[str] = field(default=(), kw_only=True)
    options: Sequence[str] = field(default=(), kw_only=True)
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def pid(self) -> int:
        """Of the node."""
        assert self.process is not None, "the node is started"
        return self.process.pid

    @property
    def log_path(self) -> Path:
        """What the node says."""
        return self.home.folder.parent / "node.log"

    def command(self, *words: str) -> str:
        """One command of the owner; returns what it prints, and fails where it does."""
        done = subprocess.run(  # noqa: S603 - our own command
            [_COMMAND, *words, "--home", self.home.folder],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
        )
        if done.returncode:
            raise SystemExit(f"'{' '.join(words)}' failed: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, door: Path | None = None) -> None:
        """Start the node, and wait until its door is open: in its own folder, or elsewhere."""
        with self.log_path.open("ab") as sink:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*self.before, _COMMAND, "start", "--home", self.home.folder, *self.options],
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                env=_environment(),
            )
        until((door or self.home.door).exists, "the node has not opened its door")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the node; returns its exit code, 0 where it does not run."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, how)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code


@dataclass(frozen=True)
class Coordinator:
    """The benchmark in the place of a coordinator.

    Attributes:
        server: Its sessions.
        blobs: What nodes may pull.
        port: That it listens on.
        identity: Signs manifest and plan.
        authority: Signs the roster.
        rosters: The last one says whom the server lets in.
    """

    server: SessionServer
    blobs: MemoryBlobs
    port: int
    identity: Identity
    authority: Identity
    rosters: list[Roster]

    @classmethod
    def start(cls, tls: ServerTls) -> "Coordinator":
        """Listen on a free port of this machine."""
        blobs = MemoryBlobs()
        identity, authority = (Identity.from_bytes(os.urandom(32)) for _ in range(2))
        rosters: list[Roster] = []
        admission = RosterAdmission(
            {SITE: _TOKEN}, identity.public, lambda: rosters[-1], names_in_certificates=False
        )
        server = SessionServer(JOB, admission, blobs, address="localhost:0", tls=tls)
        return cls(server, blobs, server.start(), identity, authority, rosters)

    def meet(self, site: Site, dialled: int) -> None:
        """Invite a started site, let its owner join, and wait until it believes the job.

        Args:
            site: Whom.
            dialled: The port at which the site shall look for us.
        """
        roster = self._roster(site)
        self.rosters.append(roster)
        manifest = JobManifest(
            job=JOB,
            coordinator=self.identity.public,
            roster=roster.digest,
            participants=(SITE,),
            functions=frozenset(QUERIES),
            makes_models=True,
        )
        plan = JobPlan(
            job=JOB,
            coordinator=self.identity.public,
            purpose="To see how a node lives through a day.",
            functions=tuple(
                PlannedFunction(name, 10**9, 2**50, Transport.PLAIN) for name in sorted(QUERIES)
            ),
        )
        invitation = Invitation(
            provider=SITE,
            job=JOB,
            address=f"localhost:{dialled}",
            token=_TOKEN,
            rosters=(sign_roster(roster, self.authority),),
            manifest=sign_manifest(manifest, self.identity),
            plan=sign_plan(plan, self.identity),
        )
        accepted, sentence = hand_in(site.home.door, invitation.encode(), PATIENCE)
        assert accepted, sentence
        site.command("join", JOB, "--yes")
        self.server.wait_for([SITE], PATIENCE)
        join(self.server, JobTrust(self.identity, roster, (), manifest), [SITE], PATIENCE)

    def _roster(self, site: Site) -> Roster:
        public = load_key(site.home.key).identity.public
        member = Member(SITE, public, plain=frozenset(QUERIES), masked=frozenset())
        return Roster.first([member], [self.identity.public])


def make_site(
    folder: Path, *, rows: Mapping[str, int], authority: bytes, port: int, ca: bytes, durable: bool
) -> Site:
    """Make a site with noise for pictures, 3 x 32 x 32, under the `open` profile.

    Args:
        folder: Where; must not hold one yet.
        rows: Pictures of each class.
        authority: Public key of who signs rosters.
        port: Of the coordinator.
        ca: PEM of whoever signs the coordinator's certificate.
        durable: Whether an answer waits for the disk.
    """
    data = folder / "data"
    _write_pictures(data, rows)
    (folder / "ca.pem").write_bytes(ca)
    site = Site(Home(folder / "node"))
    words = ["init", "--same-labels", "--image", "3x32x32", "--profile", "open", "--provider"]
    words += [SITE, "--data", str(data), "--authority", authority.hex()]
    words += ["--coordinator", f"localhost:{port}", "--ca", str(folder / "ca.pem")]
    site.command(*words)
    with site.home.config.open("a") as config:
        config.write(f"\n[ledger]\ndurable = {str(durable).lower()}\n")
    return site


def until(holds: Callable[[], bool], failure: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(failure)
        time.sleep(0.05)


def _write_pictures(folder: Path, rows: Mapping[str, int]) -> None:
    random = np.random.default_rng(0)
    for name, count in rows.items():
        (folder / name).mkdir(parents=True)
        for row in range(count):
            image = Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8))
            image.save(folder / name / f"{row:04d}.png")


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
