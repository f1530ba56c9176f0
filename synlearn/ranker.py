"""The default ranking: the metric ranks all models, evidence re-ranks the first of them.

What a downstream team uses: an MRE model with all that was learned beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from synlearn.datasets.repeats import first_of_their_kind
from synlearn.errors import InputError
from synlearn.fusion.accuracy import AccuracyMap
from synlearn.fusion.accuracy_storage import has_accuracy, load_accuracy
from synlearn.fusion.believing import Learned, Prior, believe, first
from synlearn.fusion.fused import FittedFusion
from synlearn.fusion.standard import standardised
from synlearn.fusion.storage import has_fusion, load_fusion
from synlearn.fusion.task_traits import task_traits
from synlearn.fusion.zoo_evidence import Evidence, ModelEvidence, run_models
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.compared import Compared
from synlearn.mre.model import METRIC_ALONE, MREModel
from synlearn.mre.storage import load_mre
from synlearn.mre.task_means import TaskMeans
from synlearn.ranked_models import RankedModels
from synlearn.ranking import ACCURACY, SCORE, Ranking
from synlearn.ranking_beliefs import rows_of
from synlearn.ranking_words import share
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.filters import ModelFilter

EVIDENCE: Final = 20
"""So many of the first models are run on the examples, if nothing else is said."""

_WORTH_TELLING: Final = 0.1
"""Probability from which on it is said that the best model may be among those that were not run."""


@dataclass(frozen=True, slots=True)
class Ranker:
    """An MRE model, its fusion with direct scores, and the map from both to accuracies.

    Attributes:
        model: The metric.
        fusion: What direct scores are worth beside it; None: no model is ever run.
        accuracy: From scores to accuracies; None: scores order, and mean nothing beside that.
    """

    model: MREModel
    fusion: FittedFusion | None = None
    accuracy: AccuracyMap | None = None

    @classmethod
    def load(cls, path: Path) -> "Ranker":
        """Read the folder of an MRE model, and what lies beside the model.

        Raises:
            InputError: It holds no model, or a file of it is missing, was changed or belongs to
                another model.
        """
        model = load_mre(path)
        accuracy = load_accuracy(path) if has_accuracy(path) else None
        if accuracy is not None and len(accuracy.difficulty) != len(model.learned.means):
            raise InputError(
                f"{path} has a map to accuracies for other learned classes than the model's; fit "
                "the fusion again."
            )
        return cls(model, load_fusion(path) if has_fusion(path) else None, accuracy)

    def rank(
        self,
        images: ArrayLike,
        labels: ArrayLike | None,
        zoo: Zoo,
        *,
        evidence: int | None = EVIDENCE,
        where: ModelFilter | None = None,
    ) -> Ranking:
        """Rank the models of a zoo for the task that a handful of examples is of.

        Args:
            images: (n, channels, h, w) in [0, 1], n >= 1.
            labels: (n,) class of each example, a name or a number; may be None for regression.
            zoo: Models to rank.
            evidence: How many of the first models are run on the examples and ranked by both; 0:
                none, the metric alone ranks; None: all.
            where: Conditions that models have to meet.

        Raises:
            InputError: As `MREModel.rank`; or `evidence` is below 0; or a model cannot be run.
            ScoreInputError: A model's outputs cannot be scored.
        """
        if evidence is not None and evidence < 0:
            raise InputError(f"evidence is {evidence}: give a number from 0, or None for all.")
        if not isinstance(self.model, ClassificationMRE) or self.fusion is None:
            ranking = self.model.rank(images, labels, zoo, where=where)
            return ranking.with_notes(*self._why_scores_alone())
        ranking = self._fused(
            self.model,
            self.fusion,
            self.model.compare(images, labels, zoo),
            zoo,
            evidence=evidence,
            where=where,
            run=lambda models: run_models(images, _given(labels), zoo, models),
        )
        return ranking.with_notes(*_repeats(images))

    def rank_means(
        self,
        task: TaskMeans,
        zoo: Zoo,
        *,
        where: ModelFilter | None = None,
        evidence: ModelEvidence | None = None,
        compared: Compared | None = None,
    ) -> Ranking:
        """Rank where only the task's means are at hand and no image.

        The same as `rank` gives without evidence, or with as much as is brought.

        Args:
            task: `model.task_means` of its examples.
            zoo: Models to rank.
            where: Conditions that models have to meet.
            evidence: Of the first models of the ranking without it, which somebody has run.
            compared: What `compare_all` gave for the task; None: it is compared here.

        Raises:
            InputError: As `rank`, or the means are of another backbone, or the evidence of other
                models.
        """
        if not isinstance(self.model, ClassificationMRE) or self.fusion is None:
            ranking = self.model.rank_means(task, zoo, where=where)
            return ranking.with_notes(*self._why_scores_alone())
        return self._fused(
            self.model,
            self.fusion,
            compared or self.model.compare_means(task, zoo),
            zoo,
            evidence=0 if evidence is None else len(evidence.models),
            where=where,
            run=None if evidence is None else evidence.of,
        )

    def compare_all(self, tasks: Sequence[TaskMeans], zoo: Zoo) -> Sequence[Compared | None]:
        """Compare several tasks at once, for `rank_means`: sooner than one by one.

        Returns:
            One for each task; None where a ranking needs none, as for regression.

        Raises:
            InputError: As `rank_means`, for any of the tasks.
        """
        if not isinstance(self.model, ClassificationMRE) or self.fusion is None:
            return [None] * len(tasks)
        return self.model.compare_all(tasks, zoo)

    def _fused(
        self,
        model: ClassificationMRE,
        fusion: FittedFusion,
        compared: Compared,
        zoo: Zoo,
        *,
        evidence: int | None,
        where: ModelFilter | None,
        run: Callable[[list[str]], Evidence] | None = None,
    ) -> Ranking:
        selection = None if where is None else where.select(zoo)
        ids = compared.ids
        kept = np.arange(len(ids))
        if selection is not None:
            kept = np.flatnonzero([model in selection.facts for model in ids])
            ids = tuple(ids[place] for place in kept)
        if not ids:
            raise InputError("There is no model to rank: is the zoo empty?")
        accuracy = self._usable_accuracy(compared)
        prior = self._prior(model, compared, zoo, accuracy)
        chosen = kept[first(prior.scores[kept], evidence)]
        seen = None
        if run is not None and len(chosen):
            seen = run([compared.ids[place] for place in chosen])
        beliefs = believe(prior, Learned(fusion, accuracy), chosen, seen).of(kept)
        rows = rows_of(beliefs, ids, np.isin(kept, chosen))
        ranking = Ranking(
            rows,
            unit=SCORE if accuracy is None else ACCURACY,
            warning=model.unlike(compared.novelty),
            notes=self._notes(compared, accuracy),
            provenance=self._provenance(zoo, compared, len(chosen)),
            explainer=partial(model.explain, compared, zoo),
        )
        if selection is not None:
            ranking = ranking.selected(selection)
        return ranking.with_notes(*_others_may_be_best(rows))

    def _prior(
        self, model: ClassificationMRE, compared: Compared, zoo: Zoo, accuracy: AccuracyMap | None
    ) -> Prior:
        scores, k = standardised(compared.scores), compared.examples
        if accuracy is None:
            return Prior(scores, np.empty(0), np.empty(0), k)
        learned = model.learned.means
        traits = task_traits(compared.means[None], learned, accuracy.difficulty)[0]
        return Prior(scores, traits, model.unrest(compared, zoo), k)

    def _usable_accuracy(self, compared: Compared) -> AccuracyMap | None:
        found = self.accuracy
        return found if found is not None and found.ways == len(compared.classes) else None

    def _why_scores_alone(self) -> tuple[str, ...]:
        if isinstance(self.model, ClassificationMRE):
            return (
                "Scores order models and mean nothing beside that: the MRE model came without a "
                "fusion, so nothing says what they are worth. No model was run.",
            )
        return (
            "Scores order models and mean nothing beside that: for regression no accuracies are "
            "learned. Intervals are the spread of the metric's members.",
        )

    def _notes(self, compared: Compared, usable: AccuracyMap | None) -> tuple[str, ...]:
        if self.accuracy is None:
            return (
                "Scores are in units of the models' deviation, not accuracies: the MRE model came "
                "without a map from scores to accuracies.",
            )
        if usable is None:
            return (
                "Scores are in units of the models' deviation, not accuracies: those were learned "
                f"for tasks of {self.accuracy.ways} classes, and this one has "
                f"{len(compared.classes)}.",
            )
        notes = []
        k, most = compared.examples, usable.ks[-1]
        if k > most:
            notes.append(
                f"There are {k} examples of a class; accuracies were learned for up to {most}, and "
                f"are those of heads on {most}."
            )
        if (compared.counts != k).any():
            notes.append(
                f"Classes have different numbers of examples; accuracies are those of heads on {k} "
                "of each, as the smallest class has."
            )
        return tuple(notes)

    def _provenance(
        self, zoo: Zoo, compared: Compared, run: int
    ) -> Mapping[str, str | int | float]:
        mode = METRIC_ALONE
        if run:
            of_all = "all" if run == len(compared.ids) else f"the first {run}"
            mode = f"metric for all models, evidence for {of_all}, which were run on the examples"
        return {
            **self.model.describe(zoo, examples=compared.examples, mode=mode),
            "ways": len(compared.classes),
            "models_run": run,
        }


def _given(labels: ArrayLike | None) -> ArrayLike:
    assert labels is not None  # noqa: S101  # comparing has refused otherwise
    return labels


def _repeats(images: ArrayLike) -> tuple[str, ...]:
    """A sentence, where examples show the very same picture."""
    first = first_of_their_kind(np.asarray(images, np.float32))
    count = int((~first).sum())
    if not count:
        return ()
    shown, them = ("one shows", "it") if count == 1 else (f"{count} show", "them")
    return (
        f"Of the {len(first)} examples, {shown} the same picture as another; leave {them} out, "
        "since a head that is judged on a copy of what it was fitted on looks too good.",
    )


def _others_may_be_best(rows: RankedModels) -> tuple[str, ...]:
    """A sentence, where the best model may well be one that was not run."""
    if rows.odds is None or not 0 < rows.run < len(rows):
        return ()
    others = float(rows.odds[rows.run :].sum())
    if others < _WORTH_TELLING:
        return ()
    return (
        f"With a probability of {share(others)}, the best model is among the "
        f"{len(rows) - rows.run} that were not run; run more of them to know more.",
    )
