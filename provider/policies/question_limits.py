"""What the parameters of one question must keep to, under the rules of its function."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.ids import Digest
from protocols.masked import MaskedQuery
from protocols.queries import (
    ClassFeatureSums,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
    half_sizes,
)
from provider.policies.rules import FunctionRules, ModelRules, Models
from provider.policy import rows_used

AnyQuery = Query | MaskedQuery


def check_parameters(query: AnyQuery, rules: FunctionRules) -> None:
    """Check how much one question asks for.

    Raises:
        Refused: NOT_ALLOWED.
    """
    for what, value, key, most in _sizes(query, rules):
        if most is not None and value > most:
            raise Refused(
                Code.NOT_ALLOWED,
                local=f"{query.function} with {value} {what}; the policy allows {key} = {most}",
            )


def check_plain_rows(
    query: Query, rules: FunctionRules, floor: int, rows: int, classes: Mapping[str, int]
) -> None:
    """Check how many rows stand behind each number of a plain answer.

    Args:
        query: The question.
        rules: Of its function.
        floor: The policy's own least number of rows.
        rows: How many rows the provider holds.
        classes: How many of each class.

    Raises:
        Refused: TOO_FEW_ROWS.
    """
    used = rows_used(query, classes)
    if used is None:
        return
    least = max(floor, rules.min_rows)
    match query:
        case TargetFeatures():
            _enough("rows behind a mean", used, "min_k", rules.min_k)
            _enough("rows to draw from", rows, "min_rows", least)
            _left_out(rows - query.k, rules.min_k)
        case TaskEvidence():
            _enough("rows behind a mean", used, "min_k", rules.min_k)
            held = [classes.get(name, 0) for name in query.classes]
            _enough("rows to draw from", min(held), "min_rows", least)
            for k in query.ks.tolist():
                for own in held:
                    _left_out(own - k, rules.min_k)
        case SquaredError():
            _enough("rows behind a number", used, "min_rows", least)
            _left_out(rows - query.rows, least)
        case _:
            _enough("rows behind a number", used, "min_rows", least)
    if used > rows:
        raise Refused(
            Code.TOO_FEW_ROWS, local=f"{query.function} over {used} rows; there are {rows}"
        )
    if isinstance(query, HeadStatistics):
        _check_width(query, rules, used)


def check_masked_rows(
    query: MaskedQuery, rules: FunctionRules, floor: int, rows: npt.NDArray[np.int64]
) -> None:
    """Check how many rows this provider adds to each class slot of a sum.

    Args:
        query: The question.
        rules: Of its function.
        floor: The policy's own least number of rows.
        rows: (slots,) rows of each slot.

    Raises:
        Refused: TOO_FEW_ROWS.
    """
    used = rows[rows > 0]
    if not used.size:
        return
    fewest = int(used.min())
    if isinstance(query, ClassFeatureSums):
        _enough("rows in a class slot", fewest, "min_k", rules.min_k)
    else:
        _enough("rows in a class slot", fewest, "min_rows", max(floor, rules.min_rows))
    if isinstance(query, HeadStatistics):
        _check_width(query, rules, fewest)


def check_files(
    query: AnyQuery, rules: FunctionRules, models: ModelRules, endorsed: frozenset[Digest]
) -> None:
    """Check that the question's models are ones that the policy knows.

    Raises:
        Refused: NOT_ALLOWED.
    """
    if rules.models == Models.ANY:
        return
    for file in files_judged(query):
        if file in models.digests:
            continue
        if rules.models == Models.SIGNED and file in endorsed:
            continue
        how = "listed" if rules.models == Models.LISTED else "listed, nor signed by a known signer"
        raise Refused(
            Code.NOT_ALLOWED, local=f"{query.function} names model {file}, which is not {how}"
        )


def files_judged(query: AnyQuery) -> tuple[str, ...]:
    """Digests of the files that `models` of a policy is about.

    Of evidence these are the models: its backbone comes to be during the job.
    """
    return query.models if isinstance(query, TaskEvidence) else query.blobs


def heads_on_rows(query: AnyQuery, held: Mapping[str, int]) -> dict[str, int]:
    """How many heads a question tries on each row of each class that is held."""
    if not isinstance(query, HeadCorrect):
        return {}
    tasks = np.bincount(query.tasks[query.tasks >= 0], minlength=len(query.classes))
    heads = len(query.models) * tasks
    return {
        name: int(count)
        for name, count in zip(query.classes, heads, strict=True)
        if count and half_sizes(held.get(name, 0))[1]
    }


def _sizes(query: AnyQuery, rules: FunctionRules) -> list[tuple[str, int, str, int | None]]:
    sizes: list[tuple[str, int, str, int | None]] = []
    match query:
        case Describe():
            return sizes
        case ClassOutputs() | LeepLikelihood() | HeadStatistics() | HeadCorrect() | TaskEvidence():
            sizes += [
                ("models", len(query.models), "max_models", rules.max_models),
                ("classes", len(query.classes), "max_classes", rules.max_classes),
            ]
        case SquaredError():
            sizes += [("models", len(query.models), "max_models", rules.max_models)]
    if isinstance(query, LeepLikelihood | HeadCorrect):
        sizes += [("tasks", len(query.tasks), "max_tasks", rules.max_tasks)]
    if isinstance(query, HeadStatistics | HeadCorrect):
        sizes += [("features", query.width, "max_width", rules.max_width)]
    if isinstance(query, TargetFeatures):
        sizes += [("draws", query.draws, "max_draws", rules.max_draws)]
    if isinstance(query, TaskEvidence):
        draws = query.draws * len(query.ks)
        sizes += [("target datasets", draws, "max_draws", rules.max_draws)]
    return sizes


def _check_width(query: HeadStatistics, rules: FunctionRules, rows: int) -> None:
    least = rules.min_rows_per_width * query.width
    if rows < least:
        raise Refused(
            Code.TOO_FEW_ROWS,
            local=f"head_statistics of {query.width} features over {rows} rows; the policy asks "
            f"for {least:g} (min_rows_per_width = {rules.min_rows_per_width:g})",
        )


def _left_out(rows: int, least: int) -> None:
    """Draws of all rows but one differ by one row each: together they solve for every row."""
    if 0 < rows < least:
        raise Refused(
            Code.TOO_FEW_ROWS,
            local=f"a draw of all rows but {rows}; the policy asks for {least} to be left out",
        )


def _enough(what: str, value: int, key: str, least: int) -> None:
    if value < least:
        raise Refused(
            Code.TOO_FEW_ROWS, local=f"{value} {what}; the policy asks for {key} = {least}"
        )
