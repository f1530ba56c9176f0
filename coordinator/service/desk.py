"""What the service answers, whatever road the question came by. Keeps nothing of a task."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol, Self

import pydantic_core
from google.protobuf.message import DecodeError

from coordinator.service.kept_zoo import KeptZoo
from coordinator.service.pictures import PictureLimits
from coordinator.service.wire import (
    read_conditions,
    read_evidence,
    read_task,
    write_explanation,
    write_ranking,
)
from protocols import mre_service_pb2 as pb
from synlearn.errors import InputError
from synlearn.explanation import Explanation
from synlearn.ranker import Ranker
from synlearn.ranking import Ranking


class Work(IntEnum):
    """What can be asked, and how the answer is written."""

    RANK = 1
    RANK_JSON = 2
    EXPLAIN = 3
    EXPLAIN_JSON = 4
    PICTURES = 5
    MAP = 6
    EXPORT = 7


@dataclass(frozen=True, slots=True)
class DeskPlan:
    """What a desk needs to be set up, in whatever process.

    Attributes:
        mre: Folder of the MRE model.
        zoo: Folder of the zoo.
        classes: Of one task, at most.
        pictures: What is taken of pictures that are sent; None for a desk that takes none, and
            only ranks.
    """

    mre: Path
    zoo: Path
    classes: int
    pictures: PictureLimits | None = None


class Room(Protocol):
    """Where questions are answered."""

    def answer(self, work: Work, body: bytes) -> bytes:
        """Answer one; raises InputError."""
        ...

    def told(self, error: InputError) -> str:
        """Why one was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers questions about one zoo by one MRE model."""

    ranker: Ranker
    zoo: KeptZoo
    plan: DeskPlan

    @classmethod
    def open(cls, plan: DeskPlan) -> Self:
        """Read the model and the zoo.

        Raises:
            InputError: One cannot be read, or they do not belong together.
        """
        zoo = KeptZoo.open(plan.zoo)
        if not len(zoo):
            raise InputError(f"The zoo in {plan.zoo} has no models; build or add some first.")
        ranker = Ranker.load(plan.mre)
        ranker.model.warm_up(zoo)
        return cls(ranker, zoo, plan)

    def answer(self, work: Work, body: bytes) -> bytes:
        """Answer one question.

        Raises:
            InputError: It cannot be answered as it is.
        """
        try:
            if work in (Work.EXPLAIN, Work.EXPLAIN_JSON):
                explanation = self.explain(pb.ExplainRequest.FromString(body))
                if work is Work.EXPLAIN_JSON:
                    return explanation.to_json().encode()
                return write_explanation(explanation).SerializeToString()
            ranking = self.rank(pb.RankRequest.FromString(body))
        except DecodeError as error:
            raise InputError("the request is no message of this service; send one.") from error
        if work is Work.RANK_JSON:
            return pydantic_core.to_json(ranking.to_data())
        return write_ranking(ranking).SerializeToString()

    def told(self, error: InputError) -> str:
        """Why a question was refused, without saying where things lie on this machine."""
        sentence = str(error)
        for path, name in ((self.plan.zoo, "the zoo"), (self.plan.mre, "the MRE model")):
            sentence = sentence.replace(str(path), name)
        return sentence

    def rank(self, request: pb.RankRequest) -> Ranking:
        """Rank all models, by the metric and what evidence there is.

        Raises:
            InputError: The task, the conditions or the evidence are none, or leave no model.
        """
        return self.ranker.rank_means(
            read_task(request.task, self.plan.classes),
            self.zoo,
            where=read_conditions(request.where),
            evidence=read_evidence(request.evidence),
        )

    def explain(self, request: pb.ExplainRequest) -> Explanation:
        """Say which classes of a model were matched to which of the task's.

        Raises:
            InputError: There is no such task or model, or nothing is matched, as for regression.
        """
        if request.model not in self.zoo:
            raise InputError(
                f"the zoo has no model {request.model[:100]!r}; the list of models names them all."
            )
        task = read_task(request.task, self.plan.classes)
        return self.ranker.rank_means(task, self.zoo).explain(request.model)
