"""What a running job tells: live in the terminal, and line by line in a JSON log."""

import json
import logging
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from coordinator.aggregation_events import AttemptEnded
from coordinator.job import GroupedJob, Job
from coordinator.job_events import (
    Checkpointed,
    EventListener,
    FileServed,
    Outcome,
    QuestionAsked,
    QuestionSettled,
    RoundsDone,
    Stage,
    ignore,
)
from coordinator.questions import Answered
from coordinator.session_events import Joined, Rejoined, SessionEvent
from protocols.errors import Code
from protocols.ids import ProviderId
from synlearn.fusion.fused import FittedFusion

_FAILED = frozenset({Outcome.REFUSED, Outcome.TIMED_OUT})
_log = logging.getLogger(__name__)


class Progress(AbstractContextManager["Progress"]):
    """Bars in the terminal and a log on disk.

    Every line of the log is one JSON object with `time` (unix seconds), `event`, `job` and its
    numbers; `query`, `provider`, `function` and `code` mean what they mean in a node's log.

    Args:
        job: Whose rounds are counted.
        providers: How many are to join.
        log: File to append to.
        console: Where the bars go; None for nowhere.
        clock: Unix seconds.
        tell: Given each line of the log as well.
        listener: Told everything that one can be told.
    """

    def __init__(
        self,
        job: Job | GroupedJob,
        providers: int,
        log: Path,
        console: Console | None,
        clock: Callable[[], float],
        *,
        tell: Callable[[Mapping[str, Any]], None] = lambda _: None,
        listener: EventListener = ignore,
    ) -> None:
        self._job = job.id
        self._listener = listener
        self._log = log.open("a", encoding="utf-8")
        if _is_cut_short(log):  # by a crash or a full disk
            self._log.write("\n")
        self._clock = clock
        self._tell = tell
        self._bars = Bars(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=console is None,
        )
        rounds = job.pretraining.rounds if job.pretraining.mode != "off" else 0
        self._planned = {Stage.PRETRAINING: rounds, Stage.LEARNING: job.learning.rounds}
        self._joining = self._bars.add_task("providers joined", total=providers, note="")
        self._pretraining = self._bars.add_task("feature pre-training", total=rounds, note="")
        self._learning = self._bars.add_task("metric learning", total=job.learning.rounds, note="")
        self._answers = self._bars.add_task("answers this question", total=None, note="")
        self._questions = 0
        self._sums = 0

    def __enter__(self) -> Self:
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bars as they are, and close the log."""
        self._bars.stop()
        try:
            self._log.close()
        except OSError as failed:
            self._cannot_write(failed)

    def resumed(self, pretraining_rounds: int, learning_rounds: int) -> None:
        """Show where the job goes on."""
        self._bars.update(self._pretraining, completed=pretraining_rounds)
        self._bars.update(self._learning, completed=learning_rounds)
        self.write(
            "started", pretraining_rounds=pretraining_rounds, learning_rounds=learning_rounds
        )
        self._rounds(Stage.PRETRAINING, pretraining_rounds)
        self._rounds(Stage.LEARNING, learning_rounds)

    def session(self, event: SessionEvent) -> None:
        """Something happened to a provider's session."""
        if isinstance(event, Joined):
            self._bars.advance(self._joining)
        fields = [(name, getattr(event, name)) for name in event.__dataclass_fields__]
        named = dict(_plain(name, value) for name, value in fields)
        self.write(type(event).__name__.lower(), **named)
        self._listener(event)
        if not isinstance(event, Joined | Rejoined):
            self._print(f"[yellow]{escape(str(event))}[/]")

    def event(self, event: QuestionAsked | QuestionSettled | Checkpointed | FileServed) -> None:
        """Something happened of which the terminal shows nothing."""
        if isinstance(event, QuestionSettled) and event.outcome in _FAILED:
            self.write(
                event.outcome.value,
                query=str(event.query),
                provider=event.provider,
                function=event.function,
                code=event.code.name if event.code else "",
                seconds=round(event.seconds, 3),
            )
        self._listener(event)

    def answers(self, done: int, asked: int) -> None:
        """`done` of `asked` answers to the open question have come."""
        self._bars.update(self._answers, completed=done, total=asked)

    def pretraining(self, rounds: int, loss: float, active_share: float) -> None:
        """A round of pre-training is done."""
        note = f"mean hinge {loss:.3f}, active {active_share:.1%}"
        self._bars.update(self._pretraining, completed=rounds, note=note)
        self.write("pretraining", round=rounds, loss=loss, active_share=active_share)
        self._rounds(Stage.PRETRAINING, rounds)

    def validation(self, round_index: int, pairs: int, mean: float) -> None:
        """A round's validation is done."""
        self.write("validation", round=round_index, pairs=pairs, mean_squared_error=mean)

    def scored(self, round_index: int, pairs: int, mean: float) -> None:
        """A round's validation is done, by a score of which higher is better."""
        self.write("validation", round=round_index, pairs=pairs, mean_score=mean)

    def targets(self, round_index: int, datasets: int, wanted: int) -> None:
        """A round's target datasets are gathered, apart from those whose rows were lost."""
        self.write("targets", round=round_index, datasets=datasets, wanted=wanted)

    def learning(self, rounds: int, loss: float) -> None:
        """A round of metric learning is done."""
        self._bars.update(self._learning, completed=rounds, note=f"triplet loss {loss:.3f}")
        self.write("learning", round=rounds, loss=loss)
        self._rounds(Stage.LEARNING, rounds)

    def fused(self, fitted: FittedFusion) -> None:
        """The fusion is fitted: weights of its sources, by number of examples."""
        for k, own in sorted(fitted.by_k.items()):
            weights = dict(zip(fitted.sources, own.weights.tolist(), strict=True))
            self.write("fusion", k=k, variance=own.variance, **weights)

    def answered(self, answered: Answered) -> None:
        """All answers to a question have come."""
        self._questions += answered.providers
        self._show_cost()
        self.write(
            "questions",
            query=str(answered.query),
            function=answered.function,
            providers=answered.providers,
            bytes_sent=answered.sent,
            bytes_received=answered.received,
        )
        self._listener(answered)

    def aggregation(self, ended: AttemptEnded) -> None:
        """An attempt at a masked question has ended, with a sum or without."""
        self.write(
            "aggregation",
            query=str(ended.query),
            function=ended.function,
            attempt=ended.attempt,
            parties=ended.parties,
            survivors=len(ended.survivors),
            dropped=", ".join(sorted(ended.dropped)),
            bytes_sent=ended.sent,
            bytes_received=ended.received,
            seconds=round(ended.seconds, 3),
            failure=ended.failure,
        )
        self._listener(ended)
        self._sums += not ended.failure
        self._show_cost()
        if ended.failure:
            self._print(f"[yellow]{escape(str(ended.query))}: {escape(ended.failure)}[/]")

    def warn(self, sentence: str) -> None:
        """Something that the operator has to know."""
        self._print(f"[yellow]{escape(sentence)}[/]")
        self.write("warning", sentence=sentence)

    def absent(self, why: Mapping[ProviderId, str]) -> None:
        """Providers are counted as absent from now on; each with a clause that says why."""
        for provider, clause in sorted(why.items()):
            sentence = f"The job goes on without {provider}: {clause}."
            self._print(f"[yellow]{escape(sentence)}[/]")
            self.write("absent", provider=provider, sentence=sentence)

    def entered(self, providers: Collection[ProviderId], round_index: int) -> None:
        """Providers enter with a round of learning."""
        for provider in sorted(providers):
            sentence = f"{provider} enters with round {round_index} of learning."
            self._print(sentence)
            self.write("entered", provider=provider, sentence=sentence)

    def _print(self, text: str) -> None:
        if not self._bars.disable:
            self._bars.console.print(text)

    def _rounds(self, stage: Stage, done: int) -> None:
        self._listener(RoundsDone(stage, done, self._planned[stage]))

    def _show_cost(self) -> None:
        note = f"{self._questions:,} SQUERYs, {self._sums:,} MQUERYs so far"
        self._bars.update(self._answers, note=note)

    def write(self, event: str, **fields: float | str) -> None:
        """Append one line to the log.

        On a full disk it waits in memory for a later one; the job stops where it has to keep
        something that it cannot do without.
        """
        line = {"time": round(self._clock(), 3), "event": event, "job": self._job, **fields}
        try:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()
        except OSError as failed:
            self._cannot_write(failed)
        self._tell(line)

    def _cannot_write(self, error: OSError) -> None:
        about = {"job": self._job}
        _log.warning("%s cannot be written (%s)", self._log.name, error.strerror, extra=about)


def _is_cut_short(log: Path) -> bool:
    with log.open("rb") as content:
        if content.seek(0, os.SEEK_END) == 0:
            return False
        content.seek(-1, os.SEEK_END)
        return content.read() != b"\n"


def _plain(name: str, value: object) -> tuple[str, str]:
    """A field of an event in the log; a code by its name, under `code`, as everywhere."""
    return ("code", value.name) if isinstance(value, Code) else (name, str(value))
