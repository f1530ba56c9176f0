"""What this provider adds to a masked sum."""

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.masked import MaskedQuery, WholeClassQuery, slots_of, vector_of
from protocols.queries import (
    MAX_SUMMED_ROWS,
    ClassFeatureSums,
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    QueryError,
    check_answer,
    half_sizes,
)
from provider.answers import Context, answer
from provider.answers.class_features import class_feature_sums
from provider.dataset import Dataset
from provider.policy import rows_used
from synlearn.errors import InputError

Rows = npt.NDArray[np.int64]
"""(slots,) how many rows of each class slot this provider adds."""


def check_rows(query: MaskedQuery, rows: Rows, dataset: Dataset) -> None:
    """Check that these are the rows that this provider would add; reads none.

    Whatever a question says about a party's rows, other parties count on it for their floors.

    Raises:
        Refused: TOO_FEW_ROWS.
    """
    if isinstance(query, ClassFeatureSums) and rows.sum() > MAX_SUMMED_ROWS:
        raise Refused(
            Code.BAD_PARAMETERS,
            local=f"{rows.sum()} rows for all slots together; {MAX_SUMMED_ROWS} is most",
        )
    adds = _rows_to_add(query, dataset)
    # The node draws as many as a target dataset asks for; all else it decides by itself.
    wrong = rows > adds if isinstance(query, ClassFeatureSums) else rows != adds
    if wrong.any():
        slot = int(wrong.argmax())
        raise Refused(
            Code.TOO_FEW_ROWS,
            local=f"the question says that this provider adds {rows[slot]} rows to slot "
            f"{slots_of(query)[slot]!r}; it can add {adds[slot]}",
        )
    if rows.max(initial=0) > dataset.rows:
        raise Refused(Code.TOO_FEW_ROWS, local=f"{rows.max()} rows; there are {dataset.rows}")


def wholes_of(query: MaskedQuery, rows: Rows, dataset: Dataset) -> frozenset[str]:
    """Names of what the sum is over *all* rows of a class: asked again, they are the same again.

    One name for each function, model and class.
    """
    if isinstance(query, WholeClassQuery):
        whole = rows > 0
    elif isinstance(query, ClassFeatureSums):
        whole = (rows > 0) & (rows == _rows_to_add(query, dataset))
    else:
        whole = rows >= dataset.rows
    return frozenset(
        f"{query.function}|{model}|{name}"
        for name in np.array(slots_of(query), object)[whole]
        for model in query.blobs
    )


def contribution(
    query: MaskedQuery, rows: Rows, context: Context, bound: float
) -> npt.NDArray[np.float64]:
    """Draw rows and compute the vector; see `protocols.masked.VectorLayout`.

    Args:
        query: What is asked.
        rows: As checked by `check_rows`.
        context: Data, files, and the attempt's own randomness.
        bound: Of the question's encoding.

    Raises:
        Refused: MODEL_UNUSABLE, TOO_FEW_ROWS.
    """
    layout = vector_of(query)
    if isinstance(query, ClassFeatureSums):
        backbone = context.models.backbone(query.backbone, context.files[query.backbone])
        if backbone.spec.features != query.width:
            raise Refused(
                Code.MODEL_UNUSABLE,
                local=f"the backbone has {backbone.spec.features} features, not {query.width}",
            )
        try:
            sums = class_feature_sums(
                context.dataset,
                backbone,
                query.slots,
                rows,
                context.random,
                bounded=context.bounded,
            )
        except InputError as error:  # images that the backbone does not take
            raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error
        return layout.flatten({"sums": sums}, bound)
    arrays = answer(query, context)
    try:
        check_answer(query, arrays)
        return layout.flatten(arrays, bound)
    except QueryError as error:
        raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error


def _rows_to_add(query: MaskedQuery, dataset: Dataset) -> Rows:
    """(slots,) how many rows there are for each slot, or are drawn for it."""
    held = dataset.classes
    match query:
        case ClassFeatureSums():
            counts = [held.get(name, 0) for name in slots_of(query)]
        case HeadStatistics() if query.halved:
            counts = [half_sizes(held.get(name, 0))[0] for name in query.classes]
        case HeadCorrect():
            counts = [half_sizes(held.get(name, 0))[1] for name in query.classes]
        case ClassOutputs() | LeepLikelihood() | HeadStatistics():
            counts = [held.get(name, 0) for name in slots_of(query)]
        case _:
            counts = [rows_used(query, held) or 0]
    return np.array(counts, np.int64)
