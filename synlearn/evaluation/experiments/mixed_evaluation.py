"""The mixed experiment's evaluation from one call: scores, rankings, results, report."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.mixed_plan import Part
from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_data import MixedData
from synlearn.evaluation.experiments.mixed_learned import Bench, LearnedScores, learned_methods
from synlearn.evaluation.experiments.mixed_ranking import (
    METHODS,
    Scores,
    evaluate_methods,
)
from synlearn.evaluation.experiments.mixed_report import MixedRun
from synlearn.evaluation.experiments.mixed_scores import DirectScores, measure_scores
from synlearn.evaluation.experiments.mixed_similarity import (
    Draws,
    Similarities,
    measure_similarities,
)
from synlearn.fusion.fused import FittedFusion
from synlearn.fusion.storage import has_fusion, load_fusion
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.storage import mre_digest
from synlearn.scorers.direct import ModelOutputs
from synlearn.zoo.feature_cache import Pictures, compute_responses

KS: Final = (1, 2, 5, 10, 15, 20)

OnStep = Callable[[str, int, int], None]
"""Told a step's name, how many parts of it more are done, and how many there are."""

Examples = tuple[NDArray[np.int64], ModelOutputs]
"""Rows of the pool that examples are drawn from, rising, and the test models' outputs for them."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What to evaluate.

    Attributes:
        folder: Where direct scores are kept.
        models: Folders of MRE models of classification, one for each seed or one for all; none
            evaluates the baselines only.
        seeds: Draws of the examples.
        ks: Examples of a class.
        command: What was typed.
    """

    folder: Path
    models: tuple[Path, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    ks: tuple[int, ...] = KS
    command: str = ""

    def check_models(self, *, least: int) -> None:
        """Raise InputError unless there is one MRE model for all seeds, one for each, or none.

        Args:
            least: 0 where baselines alone will do, otherwise 1.
        """
        count = len(self.models)
        if count < least or count not in (0, 1, len(self.seeds)):
            raise InputError(
                f"{count} MRE models for {len(self.seeds)} seeds: give one for all seeds, or one "
                "for each."
            )


def evaluate_mixed(
    plan: EvaluationPlan,
    data: MixedData,
    on_step: OnStep,
    clock: Callable[[], float],
    finished: str,
) -> MixedRun:
    """Rank the test models for the test tasks by every method.

    Args:
        plan: What to evaluate.
        data: The experiment's data.
        on_step: Told of progress.
        clock: Seconds, rising.
        finished: ISO 8601 time for the results file.

    Raises:
        InputError: Numbers of models and seeds do not fit, or a model cannot be used.
    """
    plan.check_models(least=0)
    began = clock()
    examples = example_outputs(data)
    direct = direct_scores_of(plan, data, examples, on_step)
    scored = clock()
    learned = _learned(plan, data, direct, lambda: similarities_of(plan, data, examples, on_step))
    steps = len(plan.ks) * (len(METHODS) - 1)
    qualities = evaluate_methods(direct, data.truth, learned, lambda: on_step("rankings", 1, steps))
    each = len(plan.models) > 1
    return MixedRun(
        qualities=qualities,
        truth=data.truth,
        tasks=data.tasks,
        seeds=plan.seeds,
        seed_varies="the draw of the examples" + (" and the MRE model" if each else ""),
        seed_shares="images, experts, tasks and their truth" + ("" if each else ", the MRE model"),
        command=plan.command,
        finished=finished,
        timings={
            **data.seconds,
            "direct scores": round(scored - began, 1),
            "rankings": round(clock() - scored, 1),
        },
        sizes={"learning_models": len(data.learning), "truth_draws": data.truth.accuracy.shape[3]},
        settings={"ks": " ".join(map(str, plan.ks))},
        digests={
            "zoo": data.zoo.digest,
            "split": data.split.digest,
            **{
                f"mre model, seed {seed}": mre_digest(path)
                for seed, path in zip(plan.seeds, plan.models, strict=False)
            },
        },
    )


def direct_scores_of(
    plan: EvaluationPlan, data: MixedData, examples: Examples, on_step: OnStep
) -> DirectScores:
    """Return the baselines' scores, computing those that are not kept."""
    rows, outputs = examples
    total = len(plan.ks) * len(plan.seeds) * len(data.tasks)
    return measure_scores(
        plan.folder / "direct-scores.safetensors",
        data.pool,
        data.tasks,
        outputs,
        rows,
        ks=plan.ks,
        seeds=plan.seeds,
        source=_source(data, rows),
        on_done=lambda count: on_step("direct scores", count, total),
    )


def similarities_of(
    plan: EvaluationPlan, data: MixedData, examples: Examples, on_step: OnStep
) -> Similarities:
    """Return how alike the test models see the examples, computing what is not kept."""
    rows, outputs = examples
    total = len(plan.ks) * len(plan.seeds) * len(data.tasks)
    return measure_similarities(
        plan.folder / "similarities.safetensors",
        Draws(data.pool, data.tasks, plan.ks, plan.seeds, rows, outputs),
        lambda pictures: shown_to(data, pictures),
        _source(data, rows),
        lambda count: on_step("similarities", count, total),
    )


def shown_to(data: MixedData, pictures: Pictures) -> ModelOutputs:
    """What the test models make of pictures."""
    responses = dict(compute_responses(data.zoo, data.test, pictures))
    listed = [responses[model] for model in data.test]
    return ModelOutputs.of([own.features for own in listed], [own.probabilities for own in listed])


def _source(data: MixedData, rows: NDArray[np.int64]) -> str:
    """Digest of the test models and of the pictures at these rows."""
    parts = [data.zoo.model_digest(model) for model in data.test]
    pictures = np.ascontiguousarray(data.pool.pictures[rows]).tobytes()
    return hashlib.sha256("".join(parts).encode() + hashlib.sha256(pictures).digest()).hexdigest()


def example_outputs(data: MixedData) -> Examples:
    """Return the examples of an experiment's data."""
    rows = data.pool.rows(Part.EXAMPLES)
    place = np.searchsorted(data.test_rows, rows)
    responses = [data.responses[model] for model in data.test]
    outputs = ModelOutputs.of(
        [own.features[place] for own in responses], [own.probabilities[place] for own in responses]
    )
    return rows, outputs


def _learned(
    plan: EvaluationPlan,
    data: MixedData,
    direct: DirectScores,
    similarities: Callable[[], Similarities],
) -> dict[str, Scores]:
    if not plan.models:
        return {}
    fusions = [_fusion(path) for path in plan.models]
    fused = all(fusion is not None for fusion in fusions)
    alike = similarities() if fused else None
    bench = Bench(data.pool, data.tasks, data.specifications.select(data.test), alike)
    models = [ClassificationMRE.load(path) for path in plan.models]
    places = [place if len(models) > 1 else 0 for place in range(len(plan.seeds))]
    by_seed = {
        seed: LearnedScores(bench, models[place], fusions[place], seed)
        for seed, place in zip(plan.seeds, places, strict=True)
    }
    return learned_methods(by_seed, direct, fused=fused)


def _fusion(path: Path) -> FittedFusion | None:
    return load_fusion(path) if has_fusion(path) else None


def paths_by_seed(pattern: str, seeds: Sequence[int]) -> tuple[Path, ...]:
    """Fill "{seed}" in; without it, the one path for all seeds."""
    if "{seed}" not in pattern:
        return (Path(pattern),)
    return tuple(Path(pattern.replace("{seed}", str(seed))) for seed in seeds)
