"""The parts of a results file: what was measured, of what, against what."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from synlearn.evaluation.intervals import Estimate, mean_interval
from synlearn.evaluation.noise_ceiling import noise_ceiling


class Role(StrEnum):
    """Why a method is in a table."""

    METHOD = "method"  # what the experiment is about
    BASELINE = "baseline"  # what it has to beat
    ORACLE = "oracle"  # knows what no scorer can know; a yardstick


@dataclass(frozen=True, slots=True)
class Method:
    """A way to score models.

    Attributes:
        key: short name that measurements refer to, such as "synlearn".
        label: name that people read, such as "SynLearn".
        role: method, baseline or oracle.
        meaning: one plain sentence on what it does.
    """

    key: str
    label: str
    role: Role
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity that was measured.

    Attributes:
        key: short name that measurements refer to, such as "kendall_tau".
        label: name that people read, such as "Kendall's tau".
        higher_is_better: the direction of improvement.
        unit: "" for a pure number, else such as "s" or "questions/s".
        meaning: one plain sentence on how to read it.
    """

    key: str
    label: str
    higher_is_better: bool = True
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """A part of the tasks that is reported separately, such as domains unseen in learning."""

    key: str
    label: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One cell of the results: a metric of a method on a split, with one value for each seed.

    Attributes:
        metric: key of a `Metric`.
        method: key of a `Method`.
        split: key of a `Split`.
        k: examples per class (or per task, in regression) that the method saw; None if meaningless.
        by_seed: finite value for each seed, already averaged over tasks.
    """

    metric: str
    method: str
    split: str
    k: int | None
    by_seed: Mapping[int, float]

    @property
    def estimate(self) -> Estimate:
        """Mean over seeds with its 95 % interval."""
        return mean_interval(list(self.by_seed.values()))


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The noise ceiling of a split: what a scorer that knows the noiseless truth would reach.

    Attributes:
        split: key of a `Split`.
        tau_half_by_seed: mean over tasks of Kendall's tau between two halves of the truth.
        metric: key of the `Metric` it bounds, a Kendall tau.
        halves: one plain sentence on how the truth was split.
    """

    split: str
    tau_half_by_seed: Mapping[int, float]
    metric: str = "kendall_tau"
    halves: str = ""

    @property
    def by_seed(self) -> dict[int, float]:
        """The ceiling for each seed."""
        return {seed: noise_ceiling(tau).tau for seed, tau in self.tau_half_by_seed.items()}

    @property
    def estimate(self) -> Estimate:
        """Mean ceiling over seeds with its 95 % interval."""
        return mean_interval(list(self.by_seed.values()))


@dataclass(frozen=True, slots=True)
class Target:
    """A number that was promised before the run.

    Attributes:
        metric: key of a `Metric`, which also says in which direction `bound` must be passed.
        method: key of a `Method`.
        split: key of a `Split`.
        k: as in `Measurement`.
        bound: the mean must be at least this (or at most, where lower is better).
        reason: one plain sentence on where the bound comes from.
    """

    metric: str
    method: str
    split: str
    k: int | None
    bound: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Paired difference `method` minus `baseline`, seed by seed."""

    metric: str
    split: str
    k: int | None
    method: str
    baseline: str
    estimate: Estimate
