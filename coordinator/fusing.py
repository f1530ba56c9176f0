"""Fitting what belongs to a learned metric: its fusion, and the map from that to accuracies.

See `synlearn/fusion`.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coordinator.grouped_job import GroupedJob
from coordinator.metric_learning import learn_anew
from synlearn.errors import InputError
from synlearn.fusion.accuracy import AccuracyMap
from synlearn.fusion.accuracy_fitting import fit_accuracy
from synlearn.fusion.accuracy_storage import save_accuracy
from synlearn.fusion.cross_fitting import Evidence, KnownAccuracies, held_out_blocks
from synlearn.fusion.fitting import fit_fusion
from synlearn.fusion.fused import METRIC, SMOOTHED, FittedFusion
from synlearn.fusion.standard import Float64
from synlearn.fusion.storage import save_fusion
from synlearn.fusion.task_traits import class_difficulty
from synlearn.fusion.true_accuracy import Correction, accuracy_logits
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_model import gathered_classes, learned_classes
from synlearn.mre.classification_training import GatheredClasses
from synlearn.ranking import CONFIDENCE
from synlearn.scorers.direct import Direct

_log = logging.getLogger(__name__)

_FOLDS = 6
"""Keeps the draws of the folds' metrics apart from others of a seed."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What goes beside an MRE model.

    Attributes:
        fusion: Weights of the metric and of direct scores.
        accuracy: From the fusion to accuracies; None where the evidence tells of none.
    """

    fusion: FittedFusion
    accuracy: AccuracyMap | None

    def save(self, path: Path) -> None:
        """Write both into the folder of their MRE model."""
        save_fusion(self.fusion, path)
        if self.accuracy is not None:
            save_accuracy(self.accuracy, path)


def fit_from_evidence(
    job: GroupedJob,
    gathered: GatheredClasses,
    evidence: Evidence,
    *,
    specifications: ClassSets,
    kinds: tuple[int, ...],
    seed: int,
) -> Fitted:
    """Fit both on what metrics say that have seen neither a fold's models nor its tasks.

    Args:
        job: Its [fusion], [metric] and [learning] say how.
        gathered: All that the metric has learned from.
        evidence: Of the providers' own tasks.
        specifications: Of the learning models.
        kinds: Numbers of each kind in a vector of theirs.
        seed: Of the folds' metrics.

    Raises:
        InputError: There are too few models or tasks for the folds.
    """

    def train(answers: GatheredClasses, models: ClassSets, fold: int) -> ClassificationMetric:
        return learn_anew(job, answers, models, kinds, (seed, _FOLDS, fold))

    found = _accuracies(evidence)
    known = None if found is None else _known(gathered, evidence, found[0])
    blocks = held_out_blocks(
        gathered,
        specifications,
        evidence,
        folds=job.fusion.folds,
        train=train,
        known=known,
    )
    provenance: dict[str, str | int | float] = {
        "job": job.id,
        "seed": seed,
        "folds": job.fusion.folds,
        "tasks": len(evidence.tasks),
        "target_datasets": len(evidence.k),
    }
    weighed = [name for name in evidence.scores if name != Direct.HELD_OUT]
    fusion = fit_fusion([own.tasks for own in blocks], (METRIC, SMOOTHED, *weighed), provenance)
    if known is None or found is None:
        return Fitted(fusion, None)
    _, correction = found
    try:
        accuracy = fit_accuracy(
            [own.accuracies for own in blocks if own.accuracies is not None],
            evidence.tasks,
            fusion,
            tuple(evidence.scores),
            difficulty=known.difficulty,
            provenance={
                **provenance,
                "correction_intercept": correction.intercept,
                "correction_slope": correction.slope,
                "correction_growth": correction.growth,
            },
            confidence=CONFIDENCE,
        )
    except InputError as error:
        _log.warning("rankings will give scores, not accuracies: %s", error)
        return Fitted(fusion, None)
    return Fitted(fusion, accuracy)


def _accuracies(evidence: Evidence) -> tuple[dict[int, Float64], Correction] | None:
    """Logits of accuracies, (t, m) by K; None where providers have counted nothing on real rows."""
    counted = evidence.scores.get(Direct.HELD_OUT)
    if counted is None:
        return None
    held_out = {}
    for k in np.unique(evidence.k).tolist():
        shares = np.full((len(evidence.tasks), counted.shape[1]), np.nan)
        for task in np.unique(evidence.task[evidence.k == k]).tolist():
            rows = (evidence.k == k) & (evidence.task == task)
            shares[task] = counted[rows].mean(axis=0)
        held_out[k] = shares
    try:
        return accuracy_logits(evidence.v_star, evidence.levels, held_out)
    except InputError:
        return None


def _known(
    gathered: GatheredClasses, evidence: Evidence, logits: dict[int, Float64]
) -> KnownAccuracies:
    """What learning knows of accuracies; a task is as hard as it is at the middle K."""
    learned, classes = learned_classes(gathered), gathered_classes(gathered)
    middle = sorted(logits)[len(logits) // 2]
    places = np.searchsorted(classes, evidence.tasks)
    difficulty = class_difficulty(places, logits[middle].mean(axis=1), len(classes))
    return KnownAccuracies(logits, learned, classes, difficulty)
