"""Sites as `init` makes them, in this process: the real gate, ledger, journal and snapshots of
each, and the test in the place of everybody else."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from typer.testing import CliRunner

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, PlannedFunction, sign_plan
from protocols.masked import MASKED
from protocols.queries import QUERIES, Query, encode_query
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.member import Member, Transport
from protocols.secagg.roster import Roster, sign_roster
from provider.cli import app
from provider.feature_store import FeatureStore
from provider.models import ModelCache
from provider.node import Node
from provider.policies.live_policy import LivePolicy
from provider.site.engagements import Standing
from provider.site.gate import Owner
from provider.site.home import Home
from provider.site.job_node import Workshop, job_node, with_data
from provider.site.memory import Memory, open_memory
from provider.site.reception import Reception
from provider.site.snapshots import snapshots_of
from provider.sqlite_ledger import SqliteLedger
from provider.trust import Federation, MemoryTrust
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from tests.identities import AUTHORITY, COORDINATOR, identity_of
from tests.integration.sites import write_pictures
from tests.masked_nodes import NOW, Table, no_delay

JOB, NEXT, THIRD = map(JobId, ("a-job", "the-next-job", "the-third-job"))
ADDRESS = "localhost:9092"
A, B, C, D = (ProviderId(f"clinic-{letter}") for letter in "abcd")
MASKED_HERE = frozenset({"class_feature_sums"})
FUNCTIONS = frozenset(QUERIES) | frozenset(MASKED)
OPEN, GUARDED = 'profile = "open"\n', 'profile = "guarded"\n'
_EXECUTOR = ThreadPoolExecutor(1, thread_name_prefix="answers of tests")


def looking_at_one_pixel(gain: float = 0.01) -> bytes:
    """A classifier whose one feature is the upper left pixel, and whose first logit is that, times
    `gain`; the other is zero. A gain of 1e30 makes it infinite, unless the pixel is black."""
    small = architecture(
        "picture-cnn", {"widths": (1, 1, 1), "kernel": 1, "hidden": 1, "classes": 2}
    )
    tensors = {name: torch.zeros(shape) for name, shape in small.tensor_shapes().items()}
    tensors["conv1.weight"][0, 0, 0, 0] = 1.0
    tensors["conv2.weight"][0, 0, 1, 1] = 1.0
    tensors["conv3.weight"][0, 0, 1, 1] = 1.0
    tensors["hidden.weight"][0, 0] = max(1.0, gain)
    tensors["head.weight"][0, 0] = gain
    return to_bytes(ModelFile(small, tensors))


def backbone_file(seed: int = 0) -> bytes:
    """An untrained backbone with six features, far apart from image to image."""
    torch.manual_seed(seed)
    return save_backbone(Backbone(BackboneSpec(channels=3, width=2, features=6)))


class Shelf(dict[Digest, bytes]):
    """Model files, served to nodes."""

    def put(self, data: bytes) -> Digest:
        """Serve a file; returns its digest."""
        digest = digest_of(data)
        self[digest] = data
        return digest

    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        """The file of this digest."""
        if digest not in self:
            raise Refused(Code.FILE_UNAVAILABLE)
        return self[digest]


class Site:
    """One site, made by `init`; opened by `Town`."""

    def __init__(self, folder: Path, name: ProviderId, held: Mapping[str, int], seed: int) -> None:
        self.name, self.home, self.data = name, Home(folder / name / "node"), folder / name / "data"
        self.add(held, seed)
        words = (
            *("init", "--home", self.home.folder, "--provider", name, "--data", self.data),
            *("--same-labels", "--image", "3x32x32", "--authority", AUTHORITY.public.hex()),
            *("--coordinator", ADDRESS, "--plaintext"),
        )
        made = CliRunner().invoke(app, [str(word) for word in words])
        assert made.exit_code == 0, made.output
        self.memory: Memory
        self.shop: Workshop

    def add(self, held: Mapping[str, int], seed: int) -> None:
        """Put pictures, taken long ago, into the owner's folders; a seed's replace one another."""
        fresh = self.data.parent / "fresh"
        write_pictures(fresh, held, seed)
        for path in sorted(fresh.rglob("*.png")):
            place = self.data / path.parent.name / f"{seed}-{path.name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
            os.utime(place, (1e9, 1e9))

    def open(self, memory: Memory, policy: str) -> None:
        """Start it, with a policy."""
        self.memory = memory
        self.home.policy.write_text(policy)
        self.shop = Workshop(
            memory,
            Owner(
                LivePolicy(self.home.policy, now=lambda: NOW),
                memory.switch,
                memory.approvals,
                memory.journal,
                lambda: NOW,
            ),
            Federation(AUTHORITY.public, MemoryTrust(), now=lambda: NOW),
            snapshots_of(memory),
            ModelCache(),
            FeatureStore(self.home.features, 2**24),
            _EXECUTOR,
        )

    def receive(self, invitation: Invitation) -> str:
        """Hand in an invitation, past the door."""
        return self.receive_bytes(invitation.encode())

    def receive_bytes(self, data: bytes) -> str:
        """What the door does with whatever was handed in."""
        return Reception(self.memory, self.shop.federation).receive(data)

    def engage(self, invitation: Invitation) -> Node:
        """Let the owner agree; the node that answers from then on."""
        self.receive(invitation)
        self.memory.engagements.move(invitation.job, Standing.JOINED)
        return self.node(invitation.job)

    def node(self, job: JobId = JOB) -> Node:
        """The node of a job, as it comes up."""
        return job_node(with_data(job, self.shop), self.shop)

    def ledger(self, job: JobId = JOB) -> SqliteLedger:
        """Its record of a job."""
        return SqliteLedger(self.memory.journal, job)

    def events(self) -> int:
        """Entries of the chain."""
        return self.memory.journal.head().seq

    def pixels(self, label: str, job: JobId = JOB) -> np.ndarray:
        """The upper left red pixels of a class, as a job sees its rows."""
        rows = self.shop.snapshots.open(self.memory.engagements.find(job).snapshot)
        pixels: np.ndarray = rows.images(rows.rows_of(label))[:, 0, 0, 0]
        return pixels


class Town(Table):
    """Sites that joined a job, and whatever the test tells them in the coordinator's name."""

    def __init__(self, sites: Mapping[ProviderId, Site]) -> None:
        self.sites, self.blobs = dict(sites), Shelf()
        keys = {name: site.memory.key.identity.public for name, site in sites.items()}
        self.roster = Roster.first(
            (
                Member(name, keys[name], plain=FUNCTIONS - MASKED_HERE, masked=MASKED_HERE)
                for name in sorted(keys)
            ),
            [COORDINATOR.public, identity_of("another coordinator").public],
        )
        self.links = (sign_roster(self.roster, AUTHORITY),)
        self.manifest = self.manifest_of()
        self.nodes: dict[ProviderId, Node] = {}
        self.providers = self.sites  # type: ignore[assignment]  # only their names matter

    def manifest_of(self, job: JobId = JOB, **changes: object) -> JobManifest:
        """A job of all sites, about anything."""
        return replace(
            JobManifest(
                job=job,
                coordinator=COORDINATOR.public,
                roster=self.roster.digest,
                participants=tuple(self.roster.by_name),
                functions=FUNCTIONS,
                makes_models=True,
            ),
            **changes,  # type: ignore[arg-type]
        )

    def plan(self, job: JobId = JOB, **questions: int) -> JobPlan:
        """So many questions of some functions, or thousands of all."""
        wanted = questions or dict.fromkeys(FUNCTIONS, 100_000)
        return JobPlan(
            job=job,
            coordinator=COORDINATOR.public,
            purpose="To rank pre-trained models for small tasks.",
            functions=tuple(
                PlannedFunction(
                    name,
                    count,
                    2**40,
                    Transport.MASKED if name in MASKED_HERE else Transport.PLAIN,
                )
                for name, count in sorted(wanted.items())
            ),
        )

    def invitation(
        self,
        name: ProviderId = A,
        job: JobId = JOB,
        *,
        plan: JobPlan | None = None,
        **changes: object,
    ) -> Invitation:
        """An honest one, apart from `changes`."""
        return replace(
            Invitation(
                provider=name,
                job=job,
                address=ADDRESS,
                token=b"token",
                rosters=self.links,
                manifest=sign_manifest(self.manifest_of(job), COORDINATOR),
                plan=sign_plan(plan or self.plan(job), COORDINATOR),
            ),
            **changes,  # type: ignore[arg-type]
        )

    def gather(self, job: JobId = JOB, plan: JobPlan | None = None) -> None:
        """Invite all sites to a job; all agree, and are told of it by the coordinator."""
        self.manifest = self.manifest_of(job)
        for name, site in self.sites.items():
            self.nodes[name] = site.engage(self.invitation(name, job, plan=plan))
            assert self.join(name) == b""

    def restart(self, name: ProviderId) -> None:
        """A new node in place of one that died."""
        self.nodes[name] = self.sites[name].node()

    def tell(self, name: ProviderId, query_id: QueryId, body: bytes) -> bytes | Code:
        """The node's answer, or the code of its refusal."""
        try:
            return asyncio.run(self.nodes[name].answer(query_id, body, self.blobs, no_delay))
        except Refused as refused:
            return refused.code

    def ask(self, query_id: QueryId, query: Query, name: ProviderId = A) -> bytes | Code:
        """One plain question."""
        return self.tell(name, query_id, encode_query(query))


@contextmanager
def town(
    folder: Path, held: Mapping[ProviderId, Mapping[str, int]], policy: str = OPEN
) -> Iterator[Town]:
    """Sites that have been made and started; nobody is invited yet."""
    with ExitStack() as stack:
        sites = {}
        for seed, name in enumerate(sorted(held)):
            site = sites[name] = Site(folder, name, held[name], seed)
            site.open(stack.enter_context(open_memory(site.home)), policy)
        yield Town(sites)
