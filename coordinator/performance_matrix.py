"""A finished job's answers as Fennec's history: what providers have measured, asked of nobody anew.

A job has asked how reusable each learning model is for each learning task (line 9), and for target
datasets of these tasks (line 10), whose mean features stand for the tasks as a proxy's do.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from coordinator.checkpoint import RunFolder
from coordinator.class_answers import ClassAnswers
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_launch import chosen_models
from coordinator.holdings import Counts
from coordinator.named_tensors import Tensors, unprefixed
from protocols.queries.describe import unpack_names
from synlearn.errors import InputError
from synlearn.fennec.performance import History, PerformanceMatrix, performance_of_scores
from synlearn.fennec.proxy import BackboneProxy
from synlearn.mre import MREModel
from synlearn.mre.levels import nearest_level
from synlearn.zoo.catalog import Zoo

Float64 = npt.NDArray[np.float64]

_NON_NEGATIVE = ("few_shot_accuracy", "head_accuracy")
"""Validation functions that are performances already; others are scores."""


def export_history(job: GroupedJob, run: Path, examples: int) -> History:
    """Return the history that a finished run of a job has gathered.

    Args:
        job: What was run.
        run: Folder of the run.
        examples: Of a class, for which models are to be chosen: where reusability was validated
            for several numbers, the nearest one counts.

    Raises:
        InputError: The run is another job's, of another zoo, or not finished.
    """
    zoo, folder = Zoo.open(job.zoo), RunFolder(run)
    folder.check_zoo(job, zoo.digest)
    saved = folder.load()
    if saved is None or int(saved["progress"][1]) < job.learning.rounds:
        raise InputError(f"the run in {run} is not finished; go on with --resume.")
    models = chosen_models(zoo, job.learning.models)
    backbone = MREModel.load(folder.model).backbone
    return history_of(job, saved, models, BackboneProxy(backbone).name, examples)


def history_of(
    job: GroupedJob, saved: Tensors, models: Sequence[str], proxy: str, examples: int
) -> History:
    """Return the history in a checkpoint.

    Args:
        job: What was run.
        saved: The checkpoint.
        models: Ids of the job's learning models, in its order.
        proxy: Stands for the run's backbone.
        examples: As `export_history`.

    Raises:
        InputError: The checkpoint is of other models, or damaged.
    """
    answers = _answers(saved, len(models))
    level = int(nearest_level(np.array([examples]), job.validation.levels)[0])
    place, proxies = _task_features(answers)
    values = answers.score[level, place].T
    asked = np.flatnonzero(~np.isnan(values).all(axis=1))  # a job may draw some models never
    models, values = [models[row] for row in asked.tolist()], values[asked]
    classes = unpack_names(saved["holdings.classes"].numpy())
    names = _names(answers.tasks[place], classes)
    performance = (
        PerformanceMatrix(tuple(models), names, values)
        if job.validation.function in _NON_NEGATIVE
        else performance_of_scores(models, names, values)
    )
    rows: Counts = saved["holdings.rows"].numpy().sum(axis=0)
    return History(
        performance=performance,
        proxies=proxies,
        proxy=proxy,
        classes=np.full(len(place), answers.tasks.shape[1], np.int64),
        samples=rows[answers.tasks[place]].sum(axis=1),
    )


def _answers(saved: Tensors, models: int) -> ClassAnswers:
    tensors = unprefixed("answers.", saved)
    try:
        found = ClassAnswers.none(
            classes=0,
            models=tensors["score"].shape[2],
            outputs=tensors["outputs.soft"].shape[2],
            ways=0,
            width=0,
            levels=1,
        )
        found.restore(tensors)
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            "the run's checkpoint is damaged, or another version wrote it; run the job again."
        ) from error
    if found.score.shape[2] != models:
        raise InputError(
            f"the run learned from {found.score.shape[2]} models, but the job's pattern fits "
            f"{models} of the zoo; give the zoo that it was run with."
        )
    return found


def _task_features(answers: ClassAnswers) -> tuple[Counts, Float64]:
    """Tasks that have target datasets, (n,) positions, and their mean features, (n, f).

    Classes count alike, as in a task with equally many examples of each.
    """
    each = answers.features.astype(np.float64).mean(axis=1)
    place, index = np.unique(answers.feature_task, return_inverse=True)
    sums = np.zeros((len(place), each.shape[1]))
    np.add.at(sums, index, each)
    return place, sums / np.bincount(index)[:, None]


def _names(tasks: Counts, classes: Sequence[str]) -> tuple[str, ...]:
    """A name for each task, by its number and its classes."""
    return tuple(
        f"{number:04d} {' + '.join(classes[position] for position in own)}"
        for number, own in enumerate(tasks.tolist())
    )
