"""A ranking of models for one task: what downstream teams get."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn import ranking_files, ranking_words
from synlearn.errors import InputError
from synlearn.evaluation.intervals import student_t
from synlearn.evaluation.output import write_output
from synlearn.explanation import Explanation
from synlearn.ranked_models import RankedModel, RankedModels, best_first

if TYPE_CHECKING:
    from rich.table import Table

    from synlearn.zoo.filters import ModelFacts, Selection

ACCURACY: Final = "accuracy"
"""Unit of scores that are the expected accuracy of a head fitted on K examples of each class."""
SCORE: Final = "score"
"""Unit of scores that order models of one task and mean nothing beside that."""

CONFIDENCE: Final = 0.9
"""Coverage that intervals are made for."""

Explain = Callable[[str], Explanation]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Models for one task, best first.

    Attributes:
        rows: one row for each model, best first; any sequence of them.
        unit: of scores and intervals, `ACCURACY` or `SCORE`.
        warning: a sentence when the task lies outside what the metric has learned, so that the
            order deserves no trust; empty when it lies inside.
        notes: further sentences that a reader should know: why there are no intervals, which
            models were left out.
        confidence: coverage of the intervals, in (0, 1).
        provenance: what the scores were computed from: digests of the MRE model and the zoo, K,
            the mode, versions.
        facts: size, licence and the like of models, where they were looked up.
    """

    rows: Sequence[RankedModel]
    unit: str = SCORE
    warning: str = ""
    notes: tuple[str, ...] = ()
    confidence: float = CONFIDENCE
    provenance: Mapping[str, str | int | float] = field(default_factory=dict)
    facts: Mapping[str, "ModelFacts"] = field(default_factory=dict)
    explainer: Explain | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_member_scores(
        cls,
        models: Sequence[str],
        member_scores: ArrayLike,
        *,
        warning: str = "",
        confidence: float = CONFIDENCE,
        provenance: Mapping[str, str | int | float] | None = None,
    ) -> "Ranking":
        """Rank by the mean score of an ensemble, and let its spread say how sure that is.

        The members are equally good guesses at the score, such as metrics trained from different
        seeds, or re-samplings of the examples. The interval of a score is where one more member
        would fall, mean +- t_(n-1) s sqrt(1 + 1/n): more members make it better known but do not
        shrink it to nothing, since they share their data and its limits. A model is tied with the
        best if the same interval of its *difference* to the best, member by member, holds zero.
        Ties are not corrected for the number of models compared. How probable it is that a model
        is the best is not said: members share their errors.

        Args:
            models: id of each model, all different.
            member_scores: (members, models) finite scores, higher is better. With one member
                there are no intervals, and only equal scores are ties.
            warning: sentence for a task outside what the metric has learned, else empty.
            confidence: coverage of the intervals, in (0, 1).
            provenance: see the class.

        Raises:
            InputError: for no models, equal ids, a wrong shape, or a score that is not finite.

        >>> ranking = Ranking.from_member_scores(["a", "b"], [[0.1, 0.8], [0.2, 0.9]])
        >>> ranking.best.model, ranking.best.rank
        ('b', 1)
        """
        scores = _checked(models, member_scores)
        mean = scores.mean(axis=0)
        order = best_first(models, mean)
        margin = _margin(scores, confidence)
        gap = scores[:, order[:1]] - scores
        gap_margin = _margin(gap, confidence)
        tied = gap.mean(axis=0) <= (0.0 if gap_margin is None else gap_margin)
        tied[order[0]] = True
        rows = RankedModels(
            models=[models[place] for place in order.tolist()],
            scores=mean[order],
            tied=tied[order],
            lows=None if margin is None else (mean - margin)[order],
            highs=None if margin is None else (mean + margin)[order],
        )
        return cls(rows, SCORE, warning, (), confidence, dict(provenance or {}))

    @property
    def best(self) -> RankedModel:
        """The first row."""
        return self.rows[0]

    @property
    def tied(self) -> tuple[RankedModel, ...]:
        """The models that the evidence cannot separate from the best, the best included."""
        return tuple(row for row in self.rows if row.tied_with_best)

    @property
    def is_outside(self) -> bool:
        """Whether the task lies outside what the metric has learned; `warning` says why."""
        return bool(self.warning)

    @property
    def is_accuracy(self) -> bool:
        """Whether scores are expected accuracies."""
        return self.unit == ACCURACY

    def __iter__(self) -> Iterator[RankedModel]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def summary(self) -> str:
        """A few plain sentences: the best model, what it cannot be separated from, a warning.

        >>> print(Ranking.from_member_scores(["a", "b"], [[0.1, 0.8]]).summary())
        b ranks first of 2 models.
        """
        return ranking_words.summary(self)

    def explain(self, model: str) -> Explanation:
        """Say which of the model's classes were matched to which of the task's.

        Raises:
            InputError: the ranking has no such model, or matched no classes, as for regression.
        """
        if not any(row.model == model for row in self.rows):
            raise InputError(
                f"the ranking has no model {model!r}; its best one is {self.best.model!r}."
            )
        if self.explainer is None:
            raise InputError(
                "this ranking matched no classes: it is for regression, or was not made by an MRE "
                "model for classification."
            )
        return self.explainer(model)

    def selected(self, selection: "Selection") -> "Ranking":
        """The same ranking, of models that were selected: with their facts, and who was left out.

        Args:
            selection: which all rows' models are among.
        """
        told = replace(self, facts={row.model: selection.facts[row.model] for row in self.rows})
        if selection.machine:
            told = replace(told, provenance={**self.provenance, "latency": selection.machine})
        return told.with_notes(selection.in_words()) if selection.conditions else told

    def with_notes(self, *notes: str) -> "Ranking":
        """The same ranking with further sentences for its reader."""
        return replace(self, notes=(*self.notes, *notes))

    def to_data(self) -> dict[str, object]:
        """Return all of it as plain values, as a service would send them."""
        return ranking_files.as_data(self)

    def to_json(self, path: Path | None = None) -> str:
        """Return the ranking as JSON and, if `path` is given, write it there atomically."""
        return _written(ranking_files.as_json(self), path)

    def to_csv(self, path: Path | None = None) -> str:
        """Return the rows as CSV with a header and, if `path` is given, write them there.

        The last columns say where a row comes from, in every row the same.
        """
        return _written(ranking_files.as_csv(self), path)

    def to_html(self, path: Path | None = None, *, top: int = 30) -> str:
        """Return a self-contained page and, if `path` is given, write it there.

        Args:
            path: of the file.
            top: models in the picture; the table has all of them.
        """
        from synlearn.evaluation.ranking_page import render_page  # noqa: PLC0415 - matplotlib

        return _written(render_page(self, top=top), path)

    def to_table(self, *, top: int | None = None, facts: bool = False) -> "Table":
        """Build a table for the terminal.

        Args:
            top: how many of the first models; None for all.
            facts: whether size, licence and latency are shown, where they are known.
        """
        from synlearn.ranking_table import ranking_table  # noqa: PLC0415 - not for all readers

        return ranking_table(self, top=top, facts=facts)

    def plot(self, path: Path, *, top: int = 30) -> None:
        """Draw the first `top` models with their intervals; the suffix of `path` is the format.

        Raises:
            InputError: if the suffix is neither .png, .svg nor .pdf, or the folder is missing.
        """
        from synlearn.evaluation.ranking_figure import draw_ranking  # noqa: PLC0415 - matplotlib

        draw_ranking(self, path, top=top)


def _written(text: str, path: Path | None) -> str:
    if path is not None:
        write_output(path, text.encode())
    return text


def _checked(models: Sequence[str], member_scores: ArrayLike) -> NDArray[np.float64]:
    try:
        scores = np.asarray(member_scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Member scores are not numbers ({error}); pass real numbers.") from error
    if not len(models):
        raise InputError("There is no model to rank: is the zoo empty?")
    if scores.ndim != 2 or scores.shape[0] < 1 or scores.shape[1] != len(models):
        raise InputError(
            f"Member scores have shape {scores.shape} for {len(models)} models: "
            "pass (members, models)."
        )
    if len(set(models)) < len(models):
        twice = next(model for i, model in enumerate(models) if model in models[:i])
        raise InputError(f"Model {twice!r} is there twice: pass each model once.")
    if not np.isfinite(scores).all():
        bad = models[int(np.argmin(np.isfinite(scores).all(axis=0)))]
        raise InputError(f"The score of model {bad!r} is not finite: leave it out or repair it.")
    return scores


def _margin(values: NDArray[np.float64], confidence: float) -> NDArray[np.float64] | None:
    """Half-width of the prediction interval of each column; None for a single row."""
    members = len(values)
    if members < 2:
        return None
    square = np.square(values - values.mean(axis=0)).sum(axis=0) / (members - 1)
    spread: NDArray[np.float64] = np.sqrt(square * (1 + 1 / members))
    return student_t(members - 1, confidence) * spread
