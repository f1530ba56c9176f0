"""The process that answers: one session for each job that the owner agreed to.

The owner's commands and this process meet in the ledger's file alone: a command changes it, and the
next look at it, or the next question, finds the change.
"""

import asyncio
import contextlib
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

from protocols.errors import Code, Refused
from protocols.ids import JobId
from provider.blobs import BlobCache
from provider.connections import Connections
from provider.events import Watcher, ignore
from provider.feature_store import FeatureStore
from provider.policies.live_policy import InForce, LivePolicy
from provider.sandbox.models import SandboxedModels
from provider.sandbox.process import ModelWorker, WorkerLimits
from provider.session import NodeSession
from provider.site.config import check_address_known
from provider.site.door import Door
from provider.site.engagements import Standing
from provider.site.expiry import warn_of_expiry
from provider.site.federation import client_tls, site_federation
from provider.site.gate import Owner
from provider.site.job_node import Workshop, job_node, prover_for, with_data
from provider.site.memory import Memory
from provider.site.reception import Reception
from provider.site.snapshots import snapshots_of
from provider.site.status import SessionStatus, write_status
from synlearn.errors import InputError
from synlearn.logs import logged
from synlearn.process_lock import alone

_LOOK_AGAIN = 0.5
"""Seconds between two looks at the jobs."""
_TELL_EVERY = 2.0
"""Seconds between two statuses."""
_TRY_AGAIN = 30.0
"""Seconds until a job whose data could not be used is tried again."""
_FEATURES = 4 * 2**30
"""Most bytes of kept features."""

log = logging.getLogger(__name__)


def serve(memory: Memory, stop: asyncio.Event) -> None:
    """Answer until `stop` is set.

    Raises:
        InputError: Another process answers already, or a file cannot be used.
    """
    with (
        logged(provider=memory.provider),
        alone(memory.home.lock, "This node"),
        ThreadPoolExecutor(1, "answers") as executor,
        _watched(memory) as watcher,
    ):
        asyncio.run(_Daemon(memory, executor, watcher).run(stop))


def _watched(memory: Memory) -> AbstractContextManager[Watcher]:
    """Who is told what happens."""
    if not memory.config.node.metrics.listen:
        return nullcontext(ignore)
    # Here, not at the top: a node that serves no metrics needs none of it.
    from provider.site.monitoring import monitored  # noqa: PLC0415

    return monitored(memory)


class _Daemon:
    def __init__(self, memory: Memory, executor: ThreadPoolExecutor, watcher: Watcher) -> None:
        self._memory = memory
        self._watcher = watcher
        federation = site_federation(memory)
        owner = Owner(
            LivePolicy(
                memory.home.policy, now=time.time, changed=self._policy_changed, watcher=watcher
            ),
            memory.switch,
            memory.approvals,
            memory.journal,
            time.time,
        )
        rules = owner.policy.current().policy.rules.worker
        limits = WorkerLimits(rules.seconds, rules.memory_mib * 2**20, rules.threads)
        self._worker = ModelWorker(limits, watcher=watcher)
        self._shop = Workshop(
            memory,
            owner,
            federation,
            snapshots_of(memory),
            SandboxedModels(self._worker),
            FeatureStore(memory.home.features, _FEATURES),
            executor,
            watcher,
        )
        self._reception = Reception(memory, federation)
        self._connections, self._cache = Connections(), BlobCache()
        self._sessions: dict[JobId, asyncio.Task[None]] = {}
        self._answering: dict[JobId, NodeSession] = {}
        self._said: dict[JobId, SessionStatus] = {}
        self._tell_next = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Open the door, follow the owner's decisions, leave in order."""
        door = self._memory.config.node.door
        entrance = Door(
            door.path or self._memory.home.door,
            users={os.getuid(), *door.users},
            per_minute=door.per_minute,
            receive=self._reception.receive_and_log,
            clock=time.monotonic,
            watcher=self._watcher,
        )
        await entrance.open()
        expiry = asyncio.create_task(warn_of_expiry(self._memory.config.node.federation))
        try:
            while not stop.is_set():
                self._follow()
                self._tell()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _LOOK_AGAIN)
        finally:
            expiry.cancel()
            await entrance.close()
            for task in self._sessions.values():
                task.cancel()
            await asyncio.gather(*self._sessions.values(), return_exceptions=True)
            self._memory.home.status.unlink(missing_ok=True)
            await asyncio.get_running_loop().run_in_executor(
                self._shop.executor, self._worker.close
            )

    def _follow(self) -> None:
        """Begin and end sessions as the owner has decided meanwhile."""
        joined = self._memory.engagements.joined()
        for job, task in list(self._sessions.items()):
            if job not in joined and not task.done():
                self._end(job, task)
            if task.done():
                del self._sessions[job]
                self._answering.pop(job, None)
        for job in joined:
            if job not in self._sessions:
                with logged(job=job):
                    self._sessions[job] = asyncio.create_task(self._session(job))

    def _end(self, job: JobId, task: asyncio.Task[None]) -> None:
        """Take leave for good where the owner left; else go without a word, to come again."""
        standing = self._memory.engagements.find(job).standing
        session = self._answering.get(job)
        if standing is Standing.LEFT and session and session.leave(Code.OWNER_LEFT):
            return
        log.info("the job is %s: it is not answered", standing.value, extra={"job": job})
        task.cancel()

    async def _session(self, job: JobId) -> None:
        """Answer one job until it is over, or the owner leaves it."""
        try:
            engagement = await asyncio.to_thread(with_data, job, self._shop)
            invitation = engagement.invitation
            check_address_known(invitation.address, self._memory.config.node.federation)
            session = NodeSession(
                self._memory.provider,
                job,
                invitation.token,
                invitation.address,
                job_node(engagement, self._shop),
                self._cache,
                prover=prover_for(engagement, self._shop),
                connections=self._connections,
                tls=client_tls(self._memory.config.node.federation),
                watcher=self._watcher,
            )
            self._said[job] = SessionStatus("answering", "")
            self._answering[job] = session
            farewell = await session.run()
        except (InputError, Refused) as error:  # refused: the ledger cannot be written
            code = {"code": error.code.name} if isinstance(error, Refused) else None
            log.error("the job cannot be answered: %s", error, extra=code)
            why = error.local if isinstance(error, Refused) else str(error)
            self._said[job] = SessionStatus("waiting", why)
            await asyncio.sleep(_TRY_AGAIN)
        else:
            log.info("the job is over: %s", farewell.reason)
            if self._memory.engagements.find(job).invitation == invitation:
                with contextlib.suppress(InputError):  # the owner left in the same moment
                    self._memory.engagements.move(job, Standing.OVER, farewell.reason)

    def _policy_changed(self, now: InForce) -> None:
        self._memory.journal.append("policy", {"digest": now.digest})

    def _tell(self) -> None:
        """Say how things stand, every few seconds."""
        policy, now = self._shop.owner.policy, time.monotonic()
        if now < self._tell_next:
            return
        self._tell_next = now + _TELL_EVERY
        write_status(
            self._memory.home.status,
            {job: said for job, said in self._said.items() if job in self._sessions},
            policy=policy.current().digest,
            policy_problem=policy.problem,
        )
