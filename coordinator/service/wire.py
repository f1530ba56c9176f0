"""Between the service's messages and the library's values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocols import mre_service_pb2 as pb
from synlearn.errors import InputError
from synlearn.explanation import Explanation
from synlearn.fusion.zoo_evidence import Evidence, ModelEvidence
from synlearn.mre.task_means import TaskMeans
from synlearn.ranked_models import RankedModels
from synlearn.ranking import Ranking
from synlearn.scorers.direct import Direct
from synlearn.zoo.card import ModelCard
from synlearn.zoo.catalog import ZooEntry
from synlearn.zoo.filters import ModelFilter, parse_shape

LONGEST_NAME = 200
"""Characters of a class's name, a licence or an input shape."""

MOST_RUN = 200
"""Models that evidence is of."""

LARGEST_SCORE = 1e9
"""Of a direct score, by size; its square is far from the largest number."""

_ROUNDING = 1e-6


def read_task(task: pb.Task, most_classes: int) -> TaskMeans:
    """Check a task that somebody has sent.

    Raises:
        InputError: It is none, or has too many classes.
    """
    if len(task.counts) > most_classes:
        raise InputError(
            f"the task has {len(task.counts):,} classes; this service ranks for at most "
            f"{most_classes:,}."
        )
    features, count = task.features, len(task.counts)
    if features < 1 or not count:
        raise InputError("the task has no features or no counts; send class means and counts.")
    if len(task.means) != 4 * features * count:
        raise InputError(
            f"the class means take {len(task.means):,} bytes, but {count} classes of {features} "
            f"features take {4 * features * count:,}; send little-endian float32, row after row."
        )
    means: NDArray[np.float32] = np.frombuffer(task.means, "<f4").reshape(count, features)
    for name in task.classes:
        if len(name) > LONGEST_NAME or not name:
            raise InputError(
                f"a class's name has {len(name)} characters; give 1 to {LONGEST_NAME}, or no names."
            )
    names = list(task.classes) or None
    return TaskMeans.of(means.astype(np.float32), np.array(task.counts, np.int64), names)


def write_task(task: TaskMeans) -> pb.Task:
    """Undo `read_task`."""
    means = np.ascontiguousarray(task.means, "<f4")
    return pb.Task(
        means=means.tobytes(),
        features=means.shape[1],
        counts=task.counts.tolist(),
        classes=task.classes,
    )


def read_conditions(where: pb.Conditions) -> ModelFilter | None:
    """What is asked of models; None where nothing is.

    Raises:
        InputError: A condition is none.
    """
    if not (where.most_parameters or where.licenses or where.input_shape):
        return None
    if where.most_parameters < 0:
        raise InputError(
            f"the most parameters are {where.most_parameters}; give a number above 0, or none."
        )
    texts = (*where.licenses, where.input_shape)
    if max(map(len, texts)) > LONGEST_NAME or len(where.licenses) > LONGEST_NAME:
        raise InputError("the conditions name more than any model has; shorten them.")
    return ModelFilter(
        most_parameters=where.most_parameters or None,
        licenses=tuple(where.licenses),
        input_shape=parse_shape(where.input_shape) if where.input_shape else None,
    )


def read_evidence(evidence: pb.Evidence) -> ModelEvidence | None:
    """Check what somebody says models make of a task's examples; None where nothing is said.

    Raises:
        InputError: It is none.
    """
    models, count = tuple(evidence.models), len(evidence.models)
    if not (count or evidence.scores or evidence.similarity):
        return None
    if not 0 < count <= MOST_RUN or len(set(models)) < count:
        raise InputError(
            f"the evidence is of {count:,} models; send that of 1 to {MOST_RUN}, of each once."
        )
    direct = {own.name: np.array(own.values, np.float64) for own in evidence.scores}
    if set(direct) != set(Direct) or len(direct) < len(evidence.scores):
        raise InputError(f"the evidence has other scores than {', '.join(Direct)}; send these.")
    for name, values in direct.items():
        if len(values) != count or not (np.abs(values) <= LARGEST_SCORE).all():  # nor NaN
            raise InputError(
                f"{name} of the evidence has {len(values):,} values for {count} models, or one out "
                "of bounds; send a number for each model."
            )
    if len(evidence.similarity) != count * count:
        raise InputError(
            f"the evidence has {len(evidence.similarity):,} similarities; {count} models have "
            f"{count * count:,}, row after row."
        )
    return ModelEvidence(models, Evidence(direct, _similarity(evidence, count)))


def _similarity(evidence: pb.Evidence, count: int) -> NDArray[np.float64]:
    found = np.array(evidence.similarity, np.float64).reshape(count, count)
    if not (
        ((found >= 0) & (found <= 1)).all()  # NaN is neither
        and np.abs(found - found.T).max() <= _ROUNDING
        and np.abs(np.diagonal(found) - 1).max() <= _ROUNDING
        and np.linalg.eigvalsh(found).min() >= -_ROUNDING * count
    ):
        raise InputError(
            "the similarities of the evidence are those of no features; send alignments in [0, 1], "
            "1 of each model with itself."
        )
    return found


def write_ranking(ranking: Ranking) -> pb.RankReply:
    """A ranking as columns."""
    rows = ranking.rows
    assert isinstance(rows, RankedModels)  # noqa: S101 - rankers give no others
    reply = pb.RankReply(
        models=rows.models,
        scores=rows.scores,
        lows=_column(rows.lows),
        highs=_column(rows.highs),
        best_probabilities=_column(rows.odds),
        tiers=[] if rows.tiers is None else rows.tiers,
        tied=rows.tied.tolist(),
        run=rows.run,
        unit=ranking.unit,
        warning=ranking.warning,
        notes=ranking.notes,
        confidence=ranking.confidence,
        provenance=[_fact(name, value) for name, value in ranking.provenance.items()],
    )
    if ranking.facts:
        known = [ranking.facts[model] for model in rows.models]
        reply.facts.extend(
            pb.Facts(
                parameters=each.parameters, license=each.license, input=_shape(each.input_shape)
            )
            for each in known
        )
    return reply


def write_explanation(explanation: Explanation) -> pb.ExplainReply:
    """An explanation, row after row."""
    return pb.ExplainReply(
        model=explanation.model,
        task_classes=explanation.task_classes,
        model_classes=explanation.model_classes,
        weights=explanation.weights.ravel(),
        spread=explanation.spread.ravel(),
    )


def write_model(card: ModelCard, entry: ZooEntry) -> pb.Model:
    """What the list of models tells of one."""
    return pb.Model(
        id=card.id,
        license=card.license,
        parameters=card.parameters,
        input=_shape(card.input.shape),
        outputs=card.outputs,
        sha256=entry.model,
        size=card.file_size,
        card_sha256=entry.card,
    )


def _column(values: NDArray[np.float64] | None) -> NDArray[np.float64] | list[float]:
    return [] if values is None else values


def _fact(name: str, value: str | float) -> pb.Fact:
    if isinstance(value, str):
        return pb.Fact(name=name, text=value)
    if isinstance(value, int):
        return pb.Fact(name=name, whole=value)
    return pb.Fact(name=name, real=value)


def _shape(shape: Sequence[int]) -> pb.Shape:
    channels, height, width = shape
    return pb.Shape(channels=channels, height=height, width=width)
