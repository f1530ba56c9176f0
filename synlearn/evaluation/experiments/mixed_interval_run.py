"""Intervals of accuracies on the mixed experiment's test tasks, measured from one call."""

from collections.abc import Callable

import numpy as np

from synlearn.datasets.mixed_tasks import different_images
from synlearn.evaluation.experiments.mixed_data import MixedData
from synlearn.evaluation.experiments.mixed_evaluation import (
    EvaluationPlan,
    OnStep,
    direct_scores_of,
    example_outputs,
    similarities_of,
)
from synlearn.evaluation.experiments.mixed_intervals import IntervalMaker, all_intervals
from synlearn.evaluation.experiments.mixed_intervals_report import IntervalRun
from synlearn.evaluation.experiments.mixed_learned import Bench
from synlearn.mre.storage import mre_digest
from synlearn.ranker import EVIDENCE, Ranker
from synlearn.ranking import CONFIDENCE


def measure_intervals(
    plan: EvaluationPlan,
    data: MixedData,
    on_step: OnStep,
    clock: Callable[[], float],
    finished: str,
) -> IntervalRun:
    """Give intervals for all test models and tasks.

    Args:
        plan: What to evaluate.
        data: The experiment's data.
        on_step: Told of progress.
        clock: Seconds, rising.
        finished: ISO 8601 time for the results file.

    Raises:
        InputError: Numbers of models and seeds do not fit, or a model has no map to accuracies.
    """
    plan.check_models(least=1)
    began = clock()
    examples = example_outputs(data)
    direct = direct_scores_of(plan, data, examples, on_step)
    alike = similarities_of(plan, data, examples, on_step)
    scored = clock()
    bench = Bench(data.pool, data.tasks, data.specifications.select(data.test), alike)
    each = len(plan.models) > 1
    rankers = [Ranker.load(path) for path in plan.models]
    makers = {
        seed: IntervalMaker(bench, rankers[place if each else 0], direct, seed)
        for place, seed in enumerate(plan.seeds)
    }
    truth = {k: data.truth.mean(k) for k in plan.ks}
    total = len(plan.ks) * len(plan.seeds)
    found = all_intervals(makers, truth, lambda count: on_step("intervals", count, total))
    return IntervalRun(
        intervals=found,
        truth=truth,
        tasks=data.tasks,
        images=np.array([different_images(data.pool, task) for task in data.tasks]),
        seeds=plan.seeds,
        seed_varies="the draw of the examples" + (" and the MRE model" if each else ""),
        command=plan.command,
        finished=finished,
        timings={"scores": round(scored - began, 1), "intervals": round(clock() - scored, 1)},
        sizes={"learning_models": len(data.learning)},
        settings={"confidence": CONFIDENCE, "evidence": EVIDENCE},
        digests={
            "zoo": data.zoo.digest,
            "split": data.split.digest,
            **{
                f"mre model, seed {seed}": mre_digest(path)
                for seed, path in zip(plan.seeds, plan.models, strict=False)
            },
        },
    )
