"""What the service answers, whatever road the question came by. Keeps nothing of a task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
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
from synlearn.fusion.zoo_evidence import ModelEvidence
from synlearn.mre.compared import Compared
from synlearn.mre.task_means import TaskMeans
from synlearn.ranker import Ranker
from synlearn.zoo.filters import ModelFilter


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


Asked = tuple[Work, bytes]
"""A question: what is asked, and the request."""

Answer = Callable[[], bytes]
"""Gives it, or raises InputError where the question cannot be answered as it is."""


class Room(Protocol):
    """Where questions are answered."""

    def answers(self, asked: Sequence[Asked]) -> list[Answer]:
        """Prepare the answers to some questions, all at once; each is still to be called."""
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
        return self.answers([(work, body)])[0]()

    def answers(self, asked: Sequence[Asked]) -> list[Answer]:
        """Compare all questions' tasks with the zoo; what is left to do waits for the calls."""
        questions = [self._read(work, body) for work, body in asked]
        tasks = [each.task for each in questions if isinstance(each, _Question)]
        compared = iter(self.ranker.compare_all(tasks, self.zoo))
        return [
            partial(self._answer, each, next(compared))
            if isinstance(each, _Question)
            else partial(_refuse, each)
            for each in questions
        ]

    def told(self, error: InputError) -> str:
        """Why a question was refused, without saying where things lie on this machine."""
        sentence = str(error)
        for path, name in ((self.plan.zoo, "the zoo"), (self.plan.mre, "the MRE model")):
            sentence = sentence.replace(str(path), name)
        return sentence

    def _read(self, work: Work, body: bytes) -> "_Question | InputError":
        """Check a question; what is wrong with it is returned, since others wait for theirs."""
        try:
            question = self._question(work, body)
            self.ranker.model.check_means(question.task)
        except DecodeError:
            return InputError("the request is no message of this service; send one.")
        except InputError as error:
            return error
        return question

    def _question(self, work: Work, body: bytes) -> "_Question":
        if work not in (Work.EXPLAIN, Work.EXPLAIN_JSON):
            asked = pb.RankRequest.FromString(body)
            return _Question(
                work,
                read_task(asked.task, self.plan.classes),
                where=read_conditions(asked.where),
                evidence=read_evidence(asked.evidence),
            )
        request = pb.ExplainRequest.FromString(body)
        if request.model not in self.zoo:
            raise InputError(
                f"the zoo has no model {request.model[:100]!r}; the list of models names them all."
            )
        return _Question(work, read_task(request.task, self.plan.classes), model=request.model)

    def _answer(self, question: "_Question", compared: Compared | None) -> bytes:
        ranking = self.ranker.rank_means(
            question.task,
            self.zoo,
            where=question.where,
            evidence=question.evidence,
            compared=compared,
        )
        match question.work:
            case Work.RANK_JSON:
                return pydantic_core.to_json(ranking.to_data())
            case Work.EXPLAIN:
                return write_explanation(ranking.explain(question.model)).SerializeToString()
            case Work.EXPLAIN_JSON:
                return ranking.explain(question.model).to_json().encode()
        return write_ranking(ranking).SerializeToString()


@dataclass(frozen=True, slots=True)
class _Question:
    """One that was read. model: whose match is to be explained, if any."""

    work: Work
    task: TaskMeans
    where: ModelFilter | None = None
    evidence: ModelEvidence | None = None
    model: str = ""


def _refuse(error: InputError) -> bytes:
    raise error
