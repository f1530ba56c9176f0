"""Made-up tasks whose accuracies follow the very formula that a map to accuracies assumes."""

import numpy as np

from synlearn.fusion import METRIC, FittedFusion, HeldOutTasks, fit_fusion, standardised
from synlearn.fusion.accuracy import AccuracyMap
from synlearn.fusion.accuracy_fitting import fit_accuracy
from synlearn.fusion.held_out_accuracies import HeldOutAccuracies
from synlearn.ranking import CONFIDENCE

SOURCES = (METRIC, "logme")
DIRECT = ("logme", "ridge_held_out")
DIFFICULTY = np.linspace(-1.0, 1.0, 9)


def held_out(tasks: int, seed: int, models: int = 40, steady: int = 0) -> HeldOutAccuracies:
    """Two target datasets of each task at K = 1 and at K = 5, where direct scores are clearer.

    So many tasks, the first ones, are as hard as their traits say.
    """
    random = np.random.default_rng(seed)
    task = np.tile(np.repeat(np.arange(tasks), 2), 2)
    k = np.repeat([1, 5], 2 * tasks)
    kin, shared = random.normal(size=(2, tasks))
    shared[:steady] = 0
    restless = random.normal(size=(len(task), 2))
    base = 0.3 + 0.8 * kin[task] + 0.4 * shared[task]
    worth = random.normal(size=(tasks, models))[task]
    metric = worth + np.exp(0.3 * restless[:, :1]) * random.normal(size=worth.shape)
    clear = np.where(k == 1, 3.0, 0.7)[:, None]
    accuracies = {own: (base + 0.5 * np.log(own))[:, None] + 0.6 * worth for own in (1, 5)}
    logits = np.where(k[:, None] == 1, accuracies[1], accuracies[5])
    scores = {
        METRIC: metric,
        "logme": worth + clear * random.normal(size=worth.shape),
        "ridge_held_out": logits + clear * random.normal(size=worth.shape),
    }
    return HeldOutAccuracies(k, task, accuracies, scores, kin[task][:, None], restless)


def fitted_fusion(group: HeldOutAccuracies) -> FittedFusion:
    tasks = HeldOutTasks(group.k, standardised(group.logits), group.scores)
    return fit_fusion([tasks], SOURCES, {"job": "job-1"})


def fitted(group: HeldOutAccuracies, fusion: FittedFusion, count: int = 0) -> AccuracyMap:
    count = count or int(group.task.max()) + 1
    tasks = np.arange(5 * count).reshape(count, 5)
    return fit_accuracy(
        [group],
        tasks,
        fusion,
        DIRECT,
        difficulty=DIFFICULTY,
        provenance={"job": "job-1"},
        confidence=CONFIDENCE,
    )
