"""Sites of data owners: real nodes in their own processes; the test is their coordinator."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from benchmarks.one_site import Site
from coordinator.admission import RosterAdmission, TokenAdmission
from coordinator.blobs import MemoryBlobs
from coordinator.job_events import EventListener, ignore
from coordinator.joining import JobTrust, join
from coordinator.session_server import Question, SessionServer
from coordinator.tls import ServerTls
from coordinator.watched import WatchedBlobs
from protocols.endorsement import SignedEndorsement
from protocols.ids import JobId, ProviderId, QueryId
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, PlannedFunction, sign_plan
from protocols.masked import MASKED
from protocols.queries import QUERIES, Query, encode_query
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.member import Member, Transport
from protocols.secagg.roster import Roster, sign_roster
from provider.cli import app
from provider.site.door import hand_in
from provider.site.home import Home
from provider.site.identity import load_key
from tests.certificates import Authority
from tests.identities import AUTHORITY, COORDINATOR
from tests.labelled import pictures

JOB = JobId("a-job")
PATIENCE = 120.0
"""Seconds that nothing here takes, unless it fails."""
TOKEN = b"the token of the test"
MASKED_HERE = frozenset({"class_feature_sums"})
OPEN = 'profile = "open"\n'


@dataclass
class Owner(Site):
    """One site, and what its owner does at the command line."""

    name: ProviderId
    data: Path

    def run(self, *words: str, code: int = 0) -> Result:
        """One command."""
        result = CliRunner().invoke(app, [*words, "--home", str(self.home.folder)])
        assert result.exit_code == code, (words, result.output, result.exception)
        return result

    def log(self) -> str:
        """What the node has said."""
        return self.log_path.read_text()

    def policy(self, text: str) -> None:
        """Write another policy, and wait until it may be in force."""
        self.home.policy.write_text(text)
        time.sleep(1.3)


@dataclass
class Meeting:
    """Sites, and the test in the place of their coordinator."""

    owners: Mapping[ProviderId, Owner]
    server: SessionServer
    blobs: MemoryBlobs
    trust: JobTrust
    port: int
    certificates: Authority
    roster: Roster
    masked: frozenset[str]

    def plan(
        self, *, endorsements: tuple[SignedEndorsement, ...] = (), **questions: int
    ) -> JobPlan:
        """So many questions of some functions, or thousands of all."""
        wanted = questions or dict.fromkeys(sorted({*QUERIES, *MASKED}), 100_000)
        return JobPlan(
            job=JOB,
            coordinator=COORDINATOR.public,
            purpose="To rank pre-trained models for small tasks.",
            functions=tuple(
                PlannedFunction(
                    name,
                    count,
                    2**40,
                    Transport.MASKED if name in self.masked else Transport.PLAIN,
                )
                for name, count in sorted(wanted.items())
            ),
            endorsements=endorsements,
        )

    def invitation(self, name: ProviderId, plan: JobPlan | None = None) -> Invitation:
        """As the coordinator makes it."""
        return Invitation(
            provider=name,
            job=JOB,
            address=f"localhost:{self.port}",
            token=TOKEN,
            rosters=(sign_roster(self.roster, AUTHORITY),),
            manifest=sign_manifest(self.trust.manifest, COORDINATOR),
            plan=sign_plan(plan or self.plan(), COORDINATOR),
        )

    def gather(self, plan: JobPlan | None = None) -> None:
        """Invite everybody, let the owners join, and wait until they have."""
        self.invite(plan)
        self.wait()

    def invite(self, plan: JobPlan | None = None) -> None:
        """Invite everybody at the door, and let the owners join."""
        for name, owner in self.owners.items():
            if owner.process is None:
                owner.start()
            until(owner.home.door.exists, owner.log)
            accepted, sentence = hand_in(owner.home.door, self.invitation(name, plan).encode())
            assert accepted, (sentence, owner.log())
            owner.run("join", JOB, "--yes")

    def wait(self) -> None:
        """Until all nodes are here and believe the job."""
        self.server.wait_for(sorted(self.owners), PATIENCE)
        join(self.server, self.trust, sorted(self.owners), PATIENCE)

    def ask(self, name: ProviderId, query_id: QueryId, query: Query) -> bytes:
        """One plain question, answered."""
        return self.begin(name, query_id, query).result(PATIENCE)

    def begin(self, name: ProviderId, query_id: QueryId, query: Query) -> "Answering":
        """One plain question, under way."""
        question = Question(name, query_id, encode_query(query), PATIENCE)
        return Answering(self.server, question)


class Answering:
    """A question under way."""

    def __init__(self, server: SessionServer, question: Question) -> None:
        (self._future,) = server.ask_many([question])

    def done(self) -> bool:
        """Whether there is an answer or a refusal."""
        return self._future.done()

    def result(self, patience: float = PATIENCE) -> bytes:
        """The answer; raises QueryRefused."""
        return self._future.result(patience)


def until(holds: Callable[[], bool], what: Callable[[], str] = str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


def write_pictures(folder: Path, counts: Mapping[str, int], seed: int, side: int = 32) -> None:
    """Class folders of small pictures."""
    images = pictures(counts, seed, side=side, channels=3)
    for row, label in enumerate(images.labels.tolist()):
        name = images.class_names[label].replace("/", "-")
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(images.images[row]).save(folder / name / f"{row:04d}.png")


@contextlib.contextmanager
def meeting(
    folder: Path,
    held: Mapping[str, Mapping[str, int]],
    *,
    policy: str = OPEN,
    side: int = 32,
    masked: frozenset[str] = MASKED_HERE,
    challenges: bool = True,
    tell: EventListener = ignore,
) -> Iterator[Meeting]:
    """Make sites with `init`, and a federation of them; nothing is started or joined yet.

    Args:
        folder: For everything.
        held: Pictures of each class, by site.
        policy: Text of each site's policy.
        side: Of a picture, in pixels.
        masked: Functions that travel masked.
        challenges: Whether the coordinator asks for proofs, as every honest one does.
    """
    certificates = Authority()
    (folder / "ca.pem").write_bytes(certificates.certificate)
    blobs = MemoryBlobs()
    names = [ProviderId(name) for name in sorted(held)]
    own = certificates.issue("localhost")
    rosters: list[Roster] = []
    tokens = dict.fromkeys(names, TOKEN)
    members = RosterAdmission(
        tokens, COORDINATOR.public, lambda: rosters[-1], names_in_certificates=True
    )
    server = SessionServer(
        JOB,
        members if challenges else TokenAdmission(tokens, names_in_certificates=True),
        WatchedBlobs(blobs, tell),
        address="localhost:0",
        tls=ServerTls(own.certificate, own.key, certificates.certificate),
        on_event=tell,
    )
    port = server.start()
    owners = {}
    for seed, name in enumerate(names):
        write_pictures(folder / name / "data", held[name], seed, side)
        identity = certificates.issue(name)
        (folder / name / "own.pem").write_bytes(identity.certificate)
        (folder / name / "own.key").write_bytes(identity.key)
        (folder / name / "own.key").chmod(0o600)
        owner = Owner(Home(folder / name / "node"), name, folder / name / "data")
        owner.run(*init_words(owner, folder, port))
        owner.home.policy.write_text(policy)
        owners[name] = owner
    roster = roster_of(owners.values(), masked)
    rosters.append(roster)
    manifest = JobManifest(
        job=JOB,
        coordinator=COORDINATOR.public,
        roster=roster.digest,
        participants=tuple(names),
        functions=frozenset(QUERIES) | frozenset(MASKED),
        makes_models=True,
    )
    trust = JobTrust(COORDINATOR, roster, (), manifest)
    try:
        yield Meeting(owners, server, blobs, trust, port, certificates, roster, masked)
    finally:
        server.stop("the test is over")
        for owner in owners.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                owner.stop()


def init_words(owner: Owner, folder: Path, port: int) -> Sequence[str]:
    """What the owner types."""
    return (
        "init",
        "--provider",
        owner.name,
        "--data",
        str(owner.data),
        "--same-labels",
        "--image",
        "3x32x32",
        "--authority",
        AUTHORITY.public.hex(),
        "--coordinator",
        f"localhost:{port}",
        "--ca",
        str(folder / "ca.pem"),
        "--certificate",
        str(folder / owner.name / "own.pem"),
        "--key",
        str(folder / owner.name / "own.key"),
    )


def roster_of(owners: Iterable[Owner], masked: frozenset[str]) -> Roster:
    """All owners, under the keys that they made on site."""
    functions = frozenset(QUERIES) | frozenset(MASKED)
    members = [
        Member(
            owner.name,
            load_key(owner.home.key).identity.public,
            plain=functions - masked,
            masked=masked,
        )
        for owner in sorted(owners, key=lambda each: each.name)
    ]
    return Roster.first(members, [COORDINATOR.public])
