"""The owner's gate: policy, consent, hours and approvals, as they are when a question comes."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from protocols.ids import Digest, JobId
from protocols.job_plan import JobPlan
from protocols.masked import MaskedQuery
from protocols.queries import Answer, PretrainingGradient, PretrainingUpdate, Query
from protocols.secagg.member import Transport
from provider.costs import Allow, Cost
from provider.dataset import Dataset
from provider.gate import Incoming, MaskedPart, Permit, Tell, as_it_is
from provider.journal import Journal
from provider.masked_rules import MaskedRules
from provider.noise import NoiseRule, noisy_answer, rho_of
from provider.policies.approvals import Approvals
from provider.policies.asked import Asked
from provider.policies.consent import ConsentLimits, all_of
from provider.policies.live_policy import LivePolicy
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.shape import shape_of
from provider.policies.signers import JobEndorsements
from provider.policies.turnstile import Turnstile
from provider.policy import check_pause, rows_used
from provider.site.switch import PauseSwitch


@dataclass(frozen=True, slots=True)
class Owner:
    """What an owner says, wherever it is written down.

    Attributes:
        policy: The file.
        switch: The pause switch.
        approvals: The queue.
        journal: Where it is kept what the policy was, and which backbones were evaluated.
        now: Unix seconds.
        sleep: As `asyncio.sleep`.
    """

    policy: LivePolicy
    switch: PauseSwitch
    approvals: Approvals
    journal: Journal
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def backbone_seen(self, job: JobId, function: str, backbone: str) -> None:
        """Put on record whose gradient was computed, before it leaves: each round has its own."""
        self.journal.append("backbone", {"job": job, "function": function, "backbone": backbone})


class OwnerGate:
    """A `Gate` for one job that its owner agreed to.

    Args:
        owner: Who decides.
        plan: What was agreed to.
        snapshot: Digest of the rows that the job sees.
    """

    def __init__(self, owner: Owner, plan: JobPlan, snapshot: Digest) -> None:
        self._owner = owner
        self._plan = plan
        self._consent = ConsentLimits(plan)
        self._snapshot = snapshot
        self._turnstile = Turnstile(owner.approvals, now=owner.now, sleep=owner.sleep)
        self._endorsements = JobEndorsements(plan.endorsements, plan.coordinator)

    @property
    def max_model_bytes(self) -> int:
        """Largest model file that the node pulls."""
        return self._policy().max_model_bytes

    async def admit(self, incoming: Incoming, query: Query, dataset: Dataset, tell: Tell) -> Permit:
        """The terms of a plain answer; see `Gate.admit`."""
        function = query.function

        def checked() -> OwnerPolicy:
            policy = self._policy()
            policy.check(query, dataset.rows, dataset.classes)
            self._consent.check(function, Transport.PLAIN)
            return policy

        def cost_under(policy: OwnerPolicy) -> Cost:
            rho = rho_of(query, noise_rule(policy, function))
            classes, snapshot = dataset.classes, self._snapshot
            cost = policy.cost(query, snapshot=snapshot, classes=classes, rho=rho)
            return replace(cost, rows=rows_used(query, classes) or 0)

        policy = checked()
        if not self._turnstile.stands_open(policy, function):
            asked = self._asked(incoming, query, dataset, cost_under(policy))
            policy = await self._turnstile.pass_through(checked, asked, tell)
        cost, rule = cost_under(policy), noise_rule(policy, function)
        return Permit(
            cost,
            self._allow(policy, function, cost),
            rule.limits if rule else None,
            partial(_with_noise, rule) if rule else as_it_is,
            partial(self._note, query),
        )

    def terms(self) -> MaskedRules:
        """The terms of masked sums now; see `Gate.terms`."""
        policy = self._policy()
        check_pause(policy)
        return policy.masked_rules()

    async def admit_masked(
        self,
        incoming: Incoming,
        query: MaskedQuery,
        part: MaskedPart,
        dataset: Dataset,
        tell: Tell,
    ) -> Permit:
        """What this provider's part in a masked sum costs; see `Gate.admit_masked`."""
        function = query.function

        def checked() -> OwnerPolicy:
            policy = self._policy()
            check_pause(policy)
            self._consent.check(function, Transport.MASKED)
            return policy

        cost = replace(
            checked().masked_cost(
                query,
                length=part.length,
                snapshot=self._snapshot,
                classes=dataset.classes,
                rho=part.rho,
            ),
            rows=part.rows,
        )
        asked = self._asked(incoming, query, dataset, cost)
        policy = await self._turnstile.pass_through(checked, asked, tell)
        allow = self._allow(policy, function, cost)
        return Permit(cost, allow, noted=partial(self._note, query))

    def _note(self, query: Query | MaskedQuery) -> None:
        """Say in the journal whose gradient is going to be computed."""
        if isinstance(query, PretrainingGradient | PretrainingUpdate):
            self._owner.backbone_seen(self._plan.job, query.function, query.backbone)

    def _policy(self) -> OwnerPolicy:
        """The policy in force, with what is known of the job."""
        policy = self._owner.policy.current().policy
        files = self._endorsements.files(policy.rules.models.signers, self._owner.now())
        return policy.for_job(files, paused=self._owner.switch.reason is not None)

    def _allow(self, policy: OwnerPolicy, function: str, cost: Cost) -> Allow:
        return all_of(policy.allow(function, cost), self._consent.allow(function, cost))

    def _asked(
        self, incoming: Incoming, query: Query | MaskedQuery, dataset: Dataset, cost: Cost
    ) -> Asked:
        """The question as its owner would see it."""
        return Asked(
            self._plan.job,
            incoming.query_id,
            incoming.body,
            query.function,
            self._plan.purpose,
            shape_of(query),
            _rows(query, dataset),
            cost,
        )


def noise_rule(policy: OwnerPolicy, function: str) -> NoiseRule | None:
    """The noise that plain answers of a function carry under a policy; None for exact ones."""
    terms = policy.noise(function)
    return _rule(terms.epsilon, terms.delta, terms.clip) if terms else None


@lru_cache(maxsize=256)  # the accountant searches for a rho
def _rule(epsilon: float, delta: float, clip: float | None) -> NoiseRule:
    return NoiseRule.of_epsilon(epsilon, delta, clip=1.0 if clip is None else clip)


def _with_noise(rule: NoiseRule, query: Query, answer: Answer) -> Answer:
    return noisy_answer(query, answer, rule, os.urandom)


def _rows(query: Query | MaskedQuery, dataset: Dataset) -> dict[str, int]:
    """Rows that may stand behind an answer, by class."""
    names = getattr(query, "classes", None) or getattr(query, "slots", None)
    if not isinstance(names, tuple):
        return dict(dataset.classes)
    return {name: dataset.classes[name] for name in names if name in dataset.classes}
