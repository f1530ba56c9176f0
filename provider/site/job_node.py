"""The node that answers one job, made from what its owner wrote down."""

import os
from concurrent.futures import Executor
from dataclasses import dataclass

from protocols.ids import Digest, JobId
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan
from protocols.proof import Prover
from protocols.secagg.manifest import JobManifest
from provider.aggregation import MaskedAnswers
from provider.agreed import Agreed
from provider.data.store import SnapshotStore
from provider.events import Watcher, ignore
from provider.feature_store import FeatureStore
from provider.model_api import Models
from provider.node import Node
from provider.rounded_rows import RoundedRows
from provider.site.engagements import Engagement
from provider.site.gate import Owner, OwnerGate
from provider.site.memory import Memory
from provider.site.snapshots import look_at_data
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from provider.trust import Federation, Trust
from provider.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all jobs of a site share.

    Attributes:
        memory: The site's.
        owner: Who decides.
        federation: Whom the site believes.
        snapshots: The data.
        models: What computes with model files.
        features: What models made of the data before.
        executor: One thread, in which answers are computed.
        watcher: Told what comes of each question.
    """

    memory: Memory
    owner: Owner
    federation: Federation
    snapshots: SnapshotStore
    models: Models
    features: FeatureStore
    executor: Executor
    watcher: Watcher = ignore


def with_data(job: JobId, shop: Workshop) -> Engagement:
    """Fix the data that a job is answered from: a look at it now, unless it has begun before.

    Raises:
        InputError: The data cannot be used; the sentence says what to mend.
    """
    engagement = shop.memory.engagements.find(job)
    if engagement.snapshot:
        return engagement
    general = shop.owner.policy.current().policy.rules.general
    report = look_at_data(shop.snapshots, shop.memory.config, general.min_rows)
    return shop.memory.engagements.answer_from(job, report.digest, general.describe_rounding)


def job_node(engagement: Engagement, shop: Workshop) -> Node:
    """A node for a job whose data is fixed.

    Raises:
        InputError: The snapshot is gone or damaged.
    """
    memory, job = shop.memory, engagement.job
    invitation = engagement.invitation
    _go_by(invitation, shop)
    dataset = RoundedRows(shop.snapshots.open(engagement.snapshot), engagement.multiple)
    agreed = Agreed.of(invitation)
    bench = Workbench(dataset, memory.key.row_secret, shop.models, shop.executor, shop.features)
    gate = OwnerGate(shop.owner, agreed.plan, Digest(dataset.digest))
    masked = MaskedAnswers(
        memory.provider,
        job,
        gate=gate,
        trust=Trust(
            memory.provider,
            job,
            memory.key.identity,
            shop.federation,
            agreed=agreed,
        ),
        attempts=SqliteAttempts(memory.journal, job),
        bench=bench,
        fresh=os.urandom,
    )
    return Node(
        memory.provider,
        job,
        gate=gate,
        ledger=SqliteLedger(memory.journal, job),
        bench=bench,
        masked=masked,
        watcher=shop.watcher,
    )


def prover_for(engagement: Engagement, shop: Workshop) -> Prover:
    """Proves who we are, to the coordinator whose plan the owner agreed to, and to no other."""
    plan = JobPlan.decode(engagement.invitation.plan.body)
    return Prover(shop.memory.key.identity, plan.coordinator)


def _go_by(invitation: Invitation, shop: Workshop) -> None:
    """Keep the manifest that the owner agreed to: another one under the same roster is refused."""
    roster, store = shop.federation.roster, shop.federation.store
    agreed = JobManifest.decode(invitation.manifest.body)
    known = store.manifest(invitation.provider, invitation.job)
    if roster is not None and agreed.roster == roster.digest and known != invitation.manifest:
        store.keep_manifest(invitation.provider, invitation.job, invitation.manifest)
