"""What a policy file says, once read: frozen values that carry their own limits.

The defaults are those of the `open` profile; `provider/policies/profiles.py` has the `guarded` one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from synlearn.settings import setting

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LARGEST_ANSWER = 32 * 2**20
"""Bytes; what a session carries at most."""


class Models(StrEnum):
    """Which model files a function may be asked about."""

    ANY = "any"
    LISTED = "listed"  # their digests stand in the policy
    SIGNED = "signed"  # listed, or endorsed by a signer of the policy


class Travel(StrEnum):
    """How answers of a function may leave."""

    PLAIN = "plain"
    MASKED = "masked"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class FunctionRules:
    """What one function may be asked; `None` is no limit.

    Attributes:
        allow: Whether it is answered at all.
        transport: One of `Travel`.
        approval: Whether the owner approves each question.
        models: One of `Models`.
        min_rows: Fewest rows behind one number of an answer, where that is more than the policy's
            own `min_rows`.
        max_questions: Of one job.
        max_answer_bytes: Largest answer.
        max_models: In one question.
        max_classes: In one question.
        max_tasks: In one question.
        max_width: Most features.
        min_rows_per_width: Rows of a class for each feature.
        heads_per_row: Heads that may ever be tried on a row of a snapshot, in all jobs.
        min_k: Fewest rows behind one mean, in place of `min_rows`.
        min_k_together: Fewest rows of all parties together behind one mean.
        max_draws: Target datasets in one question.
        noise_epsilon: What one plain question may cost at the policy's delta; the answer then
            carries noise.
        noise_clip: Norm to which what has no bound of its own is clipped before noise is added.
    """

    allow: bool = setting(True)
    transport: str = setting("either", choices=tuple(Travel))
    approval: bool = setting(False)
    models: str = setting("any", choices=tuple(Models))
    min_rows: int = setting(1, low=1)
    max_questions: int | None = setting(None, low=1)
    max_answer_bytes: int = setting(LARGEST_ANSWER, low=1, high=LARGEST_ANSWER)
    max_models: int | None = setting(None, low=1)
    max_classes: int | None = setting(None, low=1)
    max_tasks: int | None = setting(None, low=1)
    max_width: int | None = setting(None, low=1)
    min_rows_per_width: float = setting(0.0, low=0.0, high=1e6)
    heads_per_row: int | None = setting(None, low=1)
    min_k: int = setting(1, low=1)
    min_k_together: int = setting(1, low=1)
    max_draws: int | None = setting(None, low=1)
    noise_epsilon: float | None = setting(None, low=0.02, high=100.0)
    noise_clip: float | None = setting(None, low=1e-6, high=1e6)

    @property
    def plain(self) -> bool:
        """Whether an answer may leave by itself."""
        return self.allow and self.transport != Travel.MASKED

    @property
    def masked(self) -> bool:
        """Whether an answer may leave within a masked sum."""
        return self.allow and self.transport != Travel.PLAIN


@dataclass(frozen=True, slots=True)
class General:
    """The keys at the top of the file.

    Attributes:
        min_rows: Floor for all functions; a function may ask for more, not for less.
        min_parties: Fewest parties in a masked sum.
        min_parties_per_class: Fewest with rows of each class in it.
        min_corrupt: Fewest colluding parties that a masked sum must withstand.
        masked_once: Whether an exact masked sum over all rows of a class is given only once.
        max_model_bytes: Largest model file that is pulled.
        describe_rounding: Counts in descriptions are rounded down to multiples of it.
    """

    min_rows: int = setting(1, low=1)
    min_parties: int = setting(2, low=2, high=100_000)
    min_parties_per_class: int = setting(2, low=1, high=100_000)
    min_corrupt: int = setting(0, low=0, high=100_000)
    masked_once: bool = setting(True)
    max_model_bytes: int = setting(64 * 2**20, low=1, high=2**40)
    describe_rounding: int = setting(1, low=1, high=10**6)


@dataclass(frozen=True, slots=True)
class ModelRules:
    """Files and signers that the owner knows.

    Attributes:
        digests: SHA-256 of files, lower-case hex; those of the listed file included.
        signers: Ed25519 public keys of 32 bytes.
    """

    digests: frozenset[str] = frozenset()
    signers: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Budget:
    """Most that may be answered in a time or a job; `None` is no limit.

    Attributes:
        questions: How many.
        bytes: Of all answers.
    """

    questions: int | None = setting(None, low=1)
    bytes: int | None = setting(None, low=1)


@dataclass(frozen=True, slots=True)
class PrivacyRules:
    """What noise may cost in all; `None` is no limit.

    Attributes:
        epsilon_job: Of one job.
        epsilon_ever: Of all jobs.
        delta: At which delta both are meant; well below one over the number of rows.
        masked_noise: Whether masked sums have to carry noise as well.
    """

    epsilon_job: float | None = setting(None, low=1e-6, high=1e3)
    epsilon_ever: float | None = setting(None, low=1e-6, high=1e3)
    delta: float = setting(1e-6, low=1e-15, high=0.1)
    masked_noise: bool = setting(False)


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """The queue of questions that wait for the owner.

    Attributes:
        expires_hours: How long a question waits before it counts as refused.
        max_pending: Questions that may wait; more are refused.
    """

    expires_hours: float = setting(72.0, low=0.01, high=10_000.0)
    max_pending: int = setting(1000, low=1, high=1_000_000)


@dataclass(frozen=True, slots=True)
class WorkerRules:
    """What the process that runs models may use.

    Attributes:
        seconds: For one question.
        memory_mib: In MiB.
        threads: Of computation.
    """

    seconds: float = setting(3600.0, low=0.1, high=1e6)
    memory_mib: int = setting(16_384, low=64, high=2**24)
    threads: int = setting(1, low=1, high=1024)


@dataclass(frozen=True, slots=True)
class HoursRules:
    """When questions are answered; see `provider/policies/hours.py`.

    Attributes:
        timezone: An IANA name; `UTC` by default.
        weekdays: Days on which the node opens, of `WEEKDAYS`.
        opens: `HH:MM`; with `closes`, or neither.
        closes: `HH:MM`; earlier than `opens` means on the next day.
    """

    timezone: str = setting("UTC")
    weekdays: tuple[str, ...] = setting(WEEKDAYS)
    opens: str | None = setting(None)
    closes: str | None = setting(None)


@dataclass(frozen=True)
class Rules:
    """A whole policy.

    Attributes:
        profile: `open` or `guarded`: the base on which the file builds.
        general: The keys at the top.
        functions: Of every function of the closed lists.
        models: Known files and signers.
        day: Budget from midnight to midnight, UTC.
        job: Budget of one job.
        privacy: Budget of noise.
        approval: The queue.
        hours: None is at any time.
        worker: Limits of the process that runs models.
    """

    profile: str
    general: General
    functions: Mapping[str, FunctionRules]
    models: ModelRules = ModelRules()
    day: Budget = Budget()
    job: Budget = Budget()
    privacy: PrivacyRules = PrivacyRules()
    approval: ApprovalRules = ApprovalRules()
    hours: HoursRules | None = None
    worker: WorkerRules = field(default_factory=WorkerRules)

    def __post_init__(self) -> None:
        object.__setattr__(self, "functions", MappingProxyType(dict(self.functions)))

    def of(self, function: str) -> FunctionRules:
        """The rules of a function; those of an unknown one allow nothing."""
        return self.functions.get(function, _NOTHING)


_NOTHING = FunctionRules(allow=False)
