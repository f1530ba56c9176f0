"""A ranking, and an explanation, from the plain values that somebody else has written."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.explanation import FORMAT as EXPLANATION
from synlearn.explanation import Explanation
from synlearn.ranked_models import RankedModels
from synlearn.ranking import ACCURACY, SCORE, Explain, Ranking
from synlearn.ranking_files import FORMAT
from synlearn.zoo.filters import ModelFacts

MOST_MODELS: Final = 10_000_000
LONGEST_TEXT: Final = 10_000

Float64 = NDArray[np.float64]
T = TypeVar("T")


def read_ranking(data: object, where: str, explainer: Explain | None = None) -> Ranking:
    """Read what `Ranking.to_data` gave.

    Args:
        data: Values of JSON.
        where: Names the source in error messages.
        explainer: Of the ranking.

    Raises:
        InputError: It is no ranking.
    """
    return _checked(lambda: _ranking(data, explainer), "ranking", FORMAT, where)


def read_explanation(data: object, where: str) -> Explanation:
    """Read what `Explanation.to_json` gave, parsed.

    Raises:
        InputError: It is no explanation.
    """
    return _checked(lambda: _explanation(data), "explanation", EXPLANATION, where)


def ranking_of(columns: RankedModels, **told: Any) -> Ranking:  # noqa: ANN401 - as `Ranking` has it
    """A ranking whose columns and texts came from elsewhere.

    Raises:
        ValueError: They are none of a ranking.
    """
    count = len(columns.models)
    if not 1 <= count <= MOST_MODELS or len(set(columns.models)) < count:
        raise ValueError("there are no models, too many, or one twice")
    each = (columns.scores, columns.lows, columns.highs, columns.odds, columns.tiers, columns.tied)
    for column in each:
        if column is not None and column.shape != (count,):
            raise ValueError("columns of different lengths")
        if column is not None and not np.isfinite(column.astype(np.float64)).all():
            raise ValueError("a number is not finite")
    if (columns.lows is None) != (columns.highs is None) or not 0 <= columns.run <= count:
        raise ValueError("half an interval, or more models run than there are")
    ranking = Ranking(columns, **told)
    if ranking.unit not in (ACCURACY, SCORE) or not 0 < ranking.confidence < 1:
        raise ValueError("the unit or the confidence is none")
    return ranking


def _checked(read: Callable[[], T], what: str, form: str, where: str) -> T:
    try:
        return read()
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{where} is no {what} of the format {form}; ask for it again, or use a version of "
            "SynLearn that fits."
        ) from error


def _ranking(data: Any, explainer: Explain | None) -> Ranking:  # noqa: ANN401 - any JSON
    if data["format"] != FORMAT:
        raise ValueError("another format")
    rows = data["models"]
    if not isinstance(rows, list):
        raise TypeError("rows are no list")
    columns = RankedModels(
        models=[_text(row["model"]) for row in rows],
        scores=_column([row["score"] for row in rows]),
        tied=np.array([_flag(row["tied_with_best"]) for row in rows], np.bool_),
        lows=_maybe([row["low"] for row in rows]),
        highs=_maybe([row["high"] for row in rows]),
        tiers=_tiers([row["tier"] for row in rows]),
        odds=_maybe([row["best_probability"] for row in rows]),
        run=sum(_flag(row["was_run"]) for row in rows),
    )
    return ranking_of(
        columns,
        unit=_text(data["unit"]),
        warning=_text(data["warning"]),
        notes=tuple(map(_text, data["notes"])),
        confidence=_number(data["confidence"]),
        provenance={_text(name): _fact(value) for name, value in data["provenance"].items()},
        facts={row["model"]: _facts(row["facts"]) for row in rows if row.get("facts") is not None},
        explainer=explainer,
    )


def _explanation(data: Any) -> Explanation:  # noqa: ANN401 - any JSON
    if data["format"] != EXPLANATION:
        raise ValueError("another format")
    return explanation_of(
        _text(data["model"]),
        [_text(name) for name in data["task_classes"]],
        [_text(name) for name in data["model_classes"]],
        np.array(data["weights"], np.float64),
        np.array(data["spread"], np.float64),
    )


def explanation_of(
    model: str,
    task_classes: Sequence[str],
    model_classes: Sequence[str],
    weights: Float64,
    spread: Float64,
) -> Explanation:
    """An explanation whose parts came from elsewhere.

    Raises:
        ValueError: They do not fit together.
    """
    shape = (len(task_classes), 1 + len(model_classes))
    if weights.shape != shape or spread.shape != shape:
        raise ValueError("names and weights do not fit")
    if not (np.isfinite(weights).all() and np.isfinite(spread).all()):
        raise ValueError("a number is not finite")
    return Explanation(model, tuple(task_classes), tuple(model_classes), weights, spread)


def _facts(data: Mapping[str, Any]) -> ModelFacts:
    channels, height, width = (_whole(side) for side in data["input_shape"])
    latency = data["latency_ms"]
    return ModelFacts(
        _whole(data["parameters"]),
        _text(data["license"]),
        (channels, height, width),
        None if latency is None else _number(latency),
    )


def _column(values: list[object]) -> Float64:
    return np.array([_number(value) for value in values], np.float64)


def _maybe(values: list[object]) -> Float64 | None:
    return None if not values or values[0] is None else _column(values)


def _tiers(values: list[object]) -> NDArray[np.int64] | None:
    if not values or values[0] is None:
        return None
    return np.array([_whole(value) for value in values], np.int64)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)


def _whole(value: object) -> int:
    if type(value) is not int or abs(value) >= 2**63:
        raise ValueError("no whole number")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise TypeError("no text, or too long a one")
    return value


def _fact(value: object) -> str | int | float:
    if isinstance(value, str):
        return _text(value)
    return _whole(value) if type(value) is int else _number(value)
