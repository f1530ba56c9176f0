"""What goes wrong in one job, and when: drawn from a seed."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any


class Victim(StrEnum):
    """What is hit."""

    NODE = "node"
    SUPERNODE = "supernode"
    SUPERLINK = "superlink"
    SUPEREXEC = "superexec"
    PROXY = "proxy"
    COORDINATOR = "coordinator"


class Harm(StrEnum):
    """What is done to it."""

    KILL = "kill"
    """SIGKILL; it is started again after a while."""
    FREEZE = "freeze"
    """SIGSTOP for a while: it neither answers nor closes its connections."""
    PARTITION = "partition"
    """A node's network is cut for a while."""
    FULL_DISK = "full disk"
    """Nothing can be written any more for a while."""


class Moment(StrEnum):
    """When: the phases of a job as its operator sees them."""

    JOINING = "joining"
    PRETRAINING = "pre-training"
    VALIDATION = "validation"
    ADVERTISE = "advertise"
    SHARE = "share"
    MASK = "mask"
    SIGN = "sign"
    UNMASK = "unmask"
    TRAINING = "training"
    EVIDENCE = "evidence"


KILLED = (Victim.NODE, Victim.SUPERNODE, Victim.SUPERLINK, Victim.COORDINATOR)
"""The processes that are killed in every phase."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        harm: What.
        victim: To which kind of process.
        site: Which site's, by its place, where there are several.
        moment: In which phase, or as soon after it as is noticed.
        after: Seconds from then.
        lasts: Seconds until it is mended.
    """

    harm: Harm
    victim: Victim
    site: int
    moment: Moment
    after: float
    lasts: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that goes wrong in one job.

    Attributes:
        number: Of the schedule; the job's seed as well.
        faults: In the order of their moments.
    """

    number: int
    faults: tuple[Fault, ...]

    def as_table(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def draw(number: int, seed: int, sites: int, *, partitions: bool, disks: bool) -> Schedule:
    """The schedule of this number: first every process in every phase, then at random.

    Args:
        number: From 0.
        seed: Of the campaign.
        sites: How many there are.
        partitions: Whether networks can be cut here.
        disks: Whether disks can be filled here.
    """
    random = Random(f"{seed}/{number}")
    pairs = [(victim, moment) for moment in Moment for victim in KILLED]
    Random(seed).shuffle(pairs)
    if number < len(pairs):
        victim, moment = pairs[number]
        return Schedule(number, (_kill(random, victim, moment, sites),))
    faults = [_any(random, sites, partitions, disks) for _ in range(random.randint(1, 3))]
    order = list(Moment)
    return Schedule(number, tuple(sorted(faults, key=lambda fault: order.index(fault.moment))))


def _kill(random: Random, victim: Victim, moment: Moment, sites: int) -> Fault:
    after, lasts = random.uniform(0.0, 0.3), random.uniform(0.0, 4.0)
    return Fault(
        Harm.KILL, victim, random.randrange(sites), moment, round(after, 3), round(lasts, 3)
    )


def _any(random: Random, sites: int, partitions: bool, disks: bool) -> Fault:
    moment, site = random.choice(list(Moment)), random.randrange(sites)
    harms = [Harm.KILL] * 4 + [Harm.FREEZE]
    harms += [Harm.PARTITION] * partitions + [Harm.FULL_DISK] * disks
    match random.choice(harms):
        case Harm.KILL:
            return _kill(random, random.choice(list(Victim)), moment, sites)
        case Harm.FREEZE:
            victim = random.choice([Victim.NODE, Victim.COORDINATOR])
            return Fault(Harm.FREEZE, victim, site, moment, 0.0, round(random.uniform(1, 20), 3))
        case Harm.PARTITION:
            return Fault(
                Harm.PARTITION, Victim.NODE, site, moment, 0.0, round(random.uniform(5, 60), 3)
            )
        case harm:
            victim = random.choice([Victim.NODE, Victim.COORDINATOR])
            return Fault(harm, victim, site, moment, 0.0, round(random.uniform(2, 10), 3))
