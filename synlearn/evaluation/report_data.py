"""What an experiment hands over to have a report written."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from synlearn.errors import InputError
from synlearn.evaluation.rank_correlation import FloatArray, kendall_tau
from synlearn.evaluation.results import Results


@dataclass(frozen=True, eq=False)
class RankPanel:
    """One subfigure of the paper's Figure 4: every model of one task, by score and by truth.

    Attributes:
        title: name of the task, such as "heart, scale 3, orientation 17".
        split: key of a `Split` of the results.
        truth: (models,) true reusability, higher is better.
        scores: (models,) scores by method key, higher is better.

    Raises:
        InputError: if the arrays differ in length or are not finite.
    """

    title: str
    split: str
    truth: FloatArray
    scores: Mapping[str, FloatArray]

    def __post_init__(self) -> None:
        for name, values in {"truth": self.truth, **self.scores}.items():
            if values.ndim != 1 or len(values) != len(self.truth):
                raise InputError(
                    f"Panel {self.title!r}: {name} has shape {values.shape} and truth "
                    f"{self.truth.shape}; give one number for each model."
                )
            if not np.isfinite(values).all():
                raise InputError(
                    f"Panel {self.title!r}: {name} holds a value that is not finite; "
                    "leave that model out."
                )

    @property
    def true_ranks(self) -> FloatArray:
        """(models,) rank by the truth, 1 for the best; ties share their mean rank."""
        return _ranks(self.truth)

    def score_ranks(self, method: str) -> FloatArray:
        """(models,) rank by the score of `method`, 1 for the best; ties share their mean rank."""
        return _ranks(self.scores[method])

    def tau(self, method: str) -> float:
        """Kendall's tau-b of this one task."""
        return kendall_tau(self.scores[method], self.truth)


@dataclass(frozen=True, eq=False)
class TaskTaus:
    """Kendall's tau of one method for each task of a split, for the plot of their distribution.

    Attributes:
        split: key of a `Split`.
        method: key of a `Method`.
        taus: (tasks,) values in [-1, 1]; where there are several seeds, all of them in a row or
            their mean by task, as `ReportData.task_taus_note` says.
    """

    split: str
    method: str
    taus: FloatArray


@dataclass(frozen=True, slots=True)
class Headline:
    """Which cells of the results the report leads with: `method` against `baseline`, every split.

    Attributes:
        metric: key of a `Metric`, usually "kendall_tau".
        method: key of the `Method` the report is about.
        baseline: key of the `Method` it has to beat.
        k: the number of examples, as in `Measurement`.
    """

    metric: str
    method: str
    baseline: str
    k: int | None


@dataclass(frozen=True, eq=False, kw_only=True)
class ReportData:
    """Everything the report shows.

    Attributes:
        title: heading of the page.
        results: numbers by seed, baselines, ceilings, provenance.
        headline: what to lead with.
        task_taus: distribution of tau over tasks; empty to leave that figure out.
        task_taus_note: one sentence on which seeds and K are in `task_taus`.
        panels: Figure 4, three panels of a split in a row; empty to leave that figure out.
        panels_note: one sentence on how the tasks in `panels` were picked.
        notes: honest remarks in plain words, each one or two sentences.

    Raises:
        InputError: if a headline, panel or distribution names what the results do not have.
    """

    title: str
    results: Results
    headline: Headline
    task_taus: tuple[TaskTaus, ...] = ()
    task_taus_note: str = ""
    panels: tuple[RankPanel, ...] = ()
    panels_note: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        h = self.headline
        splits = {split.key for split in self.results.splits}
        methods = {method.key for method in self.results.methods}
        used = {(f"task_taus of {t.method}", t.split, t.method) for t in self.task_taus}
        used |= {(f"panel {p.title!r}", p.split, m) for p in self.panels for m in p.scores}
        for where, split, method in used:
            if split not in splits or method not in methods:
                raise InputError(
                    f"Report: {where} names split {split!r} and method {method!r}, which the "
                    "results do not declare; correct the key."
                )
        for panel in self.panels:
            for method in (h.baseline, h.method):
                if method not in panel.scores:
                    raise InputError(
                        f"Report: panel {panel.title!r} has no scores of {method!r}; "
                        "add them, both sides of the figure show the same tasks."
                    )
        if not self.headline_splits():
            raise InputError(
                f"Report: {h.metric} at K={h.k} was not measured for {h.method!r}; "
                "choose a headline that the results hold."
            )

    def headline_splits(self) -> tuple[str, ...]:
        """Keys of the splits where the headline was measured, in the order of the results."""
        h = self.headline
        return tuple(
            split.key
            for split in self.results.splits
            if self.results.find(h.metric, h.method, split.key, h.k) is not None
        )


def _ranks(values: FloatArray) -> FloatArray:
    return np.asarray(rankdata(-values), dtype=np.float64)
