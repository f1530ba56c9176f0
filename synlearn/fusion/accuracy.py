"""From a posterior of reusability to accuracies: how well heads on K examples are expected to do.

A posterior (`regression.py`) is in units of the candidates' deviation, zero being their mean; it
says who is better, not how good anybody is. For one task and K,

    logit(accuracy of model i) = level + spread (v_i + e_i) + s,

v_i the posterior's mean. Level and spread are linear in what is known of the task: its traits
(`task_traits.py`) and, where models were run, the means of their direct scores. e_i is a model's
own error, larger where other examples would move the scores more or the metric's members disagree;
s is shared by all models, the error of the level. All of it is learned on held-out tasks and models
of the learning side (`accuracy_fitting.py`), and so is how far an interval has to reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.fusion.linear_map import LinearMap
from synlearn.fusion.standard import Float64
from synlearn.ranking_beliefs import Beliefs

UNREST: Final = ("unrest", "disagreement")
"""Logarithms of how far the metric's scores move with other examples, and from member to member,
in units of their deviation over the models."""


_FAR: Final = 20.0
"""Of a logarithm: a task so far from all that was learned from has no other answer."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """What is known of one task, or of n tasks at one K.

    Attributes:
        traits: (..., traits), see `task_traits`.
        unrest: (..., 2), see `UNREST`.
        direct: (..., scores) mean of each direct score over all candidates; None where no model
            was run.
    """

    traits: Float64
    unrest: Float64
    direct: Float64 | None = None

    @property
    def features(self) -> Float64:
        """What level and spread are linear in."""
        parts = [self.traits] if self.direct is None else [self.traits, self.direct]
        return np.concatenate(parts, axis=-1)


@dataclass(frozen=True, slots=True)
class ModeMap:
    """The map at one K, for rankings that ran models, or for those that did not.

    Attributes:
        level: Mean logit of accuracy over the candidates.
        spread: Logarithm of its deviation among them.
        own: Logarithm of a model's own error, in units of the spread; linear in `UNREST`.
        shared: Standard deviation of the level's error.
        reach: Total deviations from the mean to either end of an interval.
    """

    level: LinearMap
    spread: LinearMap
    own: LinearMap
    shared: float
    reach: float


@dataclass(frozen=True, slots=True)
class Known:
    """What a map says of one task: `Beliefs`, but for the models."""

    level: float
    spread: float
    own: float
    shared: float
    reach: float

    @classmethod
    def of(cls, found: ModeMap, view: TaskView) -> "Known":
        """Apply a map to one task."""
        features = view.features
        return cls(
            float(found.level(features)),
            _exp(found.spread(features)),
            _exp(found.own(view.unrest)),
            found.shared,
            found.reach,
        )

    def between(self, other: "Known", share: float) -> "Known":
        """This and another, linear in the share of the other."""
        mixed = (
            (1 - share) * getattr(self, name) + share * getattr(other, name)
            for name in self.__slots__
        )
        return Known(*mixed)


def _exp(logarithm: Float64) -> float:
    return float(np.exp(np.clip(logarithm, -_FAR, _FAR)))


@dataclass(frozen=True, slots=True)
class AccuracyMap:
    """The maps by K.

    Attributes:
        ways: Classes of the tasks that it was learned on.
        difficulty: (j,) of the learned classes, see `task_traits.py`.
        direct: Names of the direct scores in a view of models that were run.
        correlation: (scores,) of each with the metric among all candidates, by K.
        metric: Where no model was run, by K.
        evidence: Where some were, by K; the same K.
        constant: By K, (low, high): the interval of accuracies that holds for as many of all
            learning tasks and models, whatever the task; a yardstick.
        confidence: That intervals are made for.
        provenance: What it was fitted on.
    """

    ways: int
    difficulty: Float64
    direct: tuple[str, ...]
    correlation: Mapping[int, Float64]
    metric: Mapping[int, ModeMap]
    evidence: Mapping[int, ModeMap]
    constant: Mapping[int, tuple[float, float]]
    confidence: float
    provenance: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def ks(self) -> tuple[int, ...]:
        """Numbers of examples of a class that it was fitted for, rising."""
        return tuple(sorted(self.metric))

    def place(self, k: float) -> tuple[int, int, float]:
        """The fitted numbers beside k, and how far it lies from the lower towards the higher.

        As logarithms; outside of all, the nearest.
        """
        known = self.ks
        at = float(np.interp(np.log(k), np.log(known), np.arange(len(known))))
        low = int(at)
        return known[low], known[min(low + 1, len(known) - 1)], at - low

    def correlation_at(self, k: float) -> Float64:
        """Correlation of each direct score with the metric at k examples of a class."""
        low, high, share = self.place(k)
        return (1 - share) * self.correlation[low] + share * self.correlation[high]

    def beliefs(self, view: TaskView, mean: Float64, run: NDArray[np.bool_], k: float) -> Beliefs:
        """What is known of m models' accuracy.

        Args:
            view: Of the task; with direct scores where models were run.
            mean: (m,) the posterior's, in units of the candidates' deviation.
            run: (m,) which models were run; of the others less is known.
            k: Examples of a class.
        """
        alone = self.known(replace(view, direct=None), k)
        found = alone if view.direct is None else self.known(view, k)
        return Beliefs(
            mean=found.level + found.spread * mean,
            own=found.spread * np.where(run, found.own, alone.own),
            shared=found.shared,
            reach=found.reach,
            logistic=True,
        )

    def known(self, view: TaskView, k: float) -> Known:
        """What the maps beside k say of a task."""
        maps = self.metric if view.direct is None else self.evidence
        low, high, share = self.place(k)
        return Known.of(maps[low], view).between(Known.of(maps[high], view), share)
