"""The closed list of questions that a coordinator may ask, and the shape of every answer.

Each question is a frozen dataclass whose construction checks its parameters, so that none can
exist in a wrong state at either end. `answer` names the arrays that come back; a node refuses to
send, and a coordinator refuses to use, anything else.

Callers never choose rows: a question names whole classes, or how many rows the node is to draw.
"""

from protocols.queries.batching import batches_of
from protocols.queries.class_features import MAX_SUMMED_ROWS, ClassFeatureSums
from protocols.queries.codec import (
    QUERIES,
    SUM_QUERIES,
    Query,
    SumQuery,
    check_answer,
    decode_answer,
    decode_query,
    decode_sum_query,
    encode_answer,
    encode_query,
)
from protocols.queries.describe import Describe, class_counts, pack_names
from protocols.queries.evidence import MAX_GRAM, SCORES, TaskEvidence, gram_entries
from protocols.queries.heads import (
    HeadCorrect,
    HeadStatistics,
    feature_signs,
    half_sizes,
    packed_length,
)
from protocols.queries.outputs import ClassOutputs, LeepLikelihood
from protocols.queries.pretraining import (
    MAX_BATCH,
    PretrainingGradient,
    PretrainingUpdate,
    check_steps,
)
from protocols.queries.regression import MAX_DRAWN_ROWS, SquaredError, TargetFeatures
from protocols.queries.spec import (
    MAX_CLASSES,
    MAX_ENTRIES,
    MAX_MODELS,
    MAX_TASKS,
    Answer,
    Array,
    ArraySpec,
    QueryError,
)

__all__ = [
    "MAX_BATCH",
    "MAX_CLASSES",
    "MAX_DRAWN_ROWS",
    "MAX_ENTRIES",
    "MAX_GRAM",
    "MAX_MODELS",
    "MAX_SUMMED_ROWS",
    "MAX_TASKS",
    "QUERIES",
    "SCORES",
    "SUM_QUERIES",
    "Answer",
    "Array",
    "ArraySpec",
    "ClassFeatureSums",
    "ClassOutputs",
    "Describe",
    "HeadCorrect",
    "HeadStatistics",
    "LeepLikelihood",
    "PretrainingGradient",
    "PretrainingUpdate",
    "Query",
    "QueryError",
    "SquaredError",
    "SumQuery",
    "TargetFeatures",
    "TaskEvidence",
    "batches_of",
    "check_answer",
    "check_steps",
    "class_counts",
    "decode_answer",
    "decode_query",
    "decode_sum_query",
    "encode_answer",
    "encode_query",
    "feature_signs",
    "gram_entries",
    "half_sizes",
    "pack_names",
    "packed_length",
]
