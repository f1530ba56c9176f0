"""One file a query function: how this provider's rows answer it.

Everything here runs after policy and ledger agreed, in the one computing thread.
"""

from protocols.errors import Code, Refused
from protocols.queries import (
    Answer,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
)
from provider.answers.class_outputs import class_outputs, leep_likelihood
from provider.answers.context import Context
from provider.answers.describe import describe
from provider.answers.heads import head_correct, head_statistics
from provider.answers.pretraining import pretraining_gradient, pretraining_update
from provider.answers.squared_error import squared_error
from provider.answers.target_features import target_features
from provider.answers.task_evidence import task_evidence
from synlearn.errors import InputError

__all__ = ["Context", "answer"]


def answer(query: Query, context: Context) -> Answer:
    """Compute the answer to one question.

    Raises:
        Refused: It cannot be computed; MODEL_UNUSABLE where a model does not fit the rows.
    """
    try:
        return _answer(query, context)
    except InputError as error:
        raise Refused(Code.MODEL_UNUSABLE, local=f"{query.function}: {error}") from error


def _answer(query: Query, context: Context) -> Answer:  # noqa: PLR0911 - one for each function
    match query:
        case Describe():
            return describe(context)
        case PretrainingGradient():
            return pretraining_gradient(query, context)
        case PretrainingUpdate():
            return pretraining_update(query, context)
        case SquaredError():
            return squared_error(query, context)
        case TargetFeatures():
            return target_features(query, context)
        case ClassOutputs():
            return class_outputs(query, context)
        case LeepLikelihood():
            return leep_likelihood(query, context)
        case HeadStatistics():
            return head_statistics(query, context)
        case HeadCorrect():
            return head_correct(query, context)
        case TaskEvidence():
            return task_evidence(query, context)
