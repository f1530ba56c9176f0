"""What is expected of a job, against the very questions of one that runs within the test."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coordinator import class_questions
from coordinator.estimate.grouped import grouped_passes, grouped_questions
from coordinator.estimate.message_sizes import answer_size, query_size
from coordinator.estimate.models import LearningZoo
from coordinator.estimate.participants import Participants
from coordinator.estimate.questions import Asked, Step, Summed
from coordinator.estimate.storage import checkpoint_bytes
from coordinator.fusion_evidence import EvidenceSources, ask_for_evidence
from coordinator.grouped_job import Fusion, GroupedJob
from coordinator.questions import Questions
from protocols.ids import ProviderId
from protocols.queries import encode_query
from synlearn.errors import InputError
from tests.coordinator.grouped_site import (
    DATA,
    DIGESTS,
    FILES,
    JOB,
    SIZES,
    GroupedSite,
    with_validation,
)

PARTICIPANTS = Participants(
    {name: dict(own.classes) for name, own in DATA.items()}, embedded=True, known_by="the test"
)
ZOO = LearningZoo(np.array(list(map(len, FILES))), np.ones(5, np.int64), SIZES.outputs, (3, 32, 32))
FUSED = Fusion(folds=2, examples=(1, 2), draws=2)
LEARNING = replace(JOB, fusion=Fusion(folds=0))
Key = tuple[ProviderId, str, int]
"""Provider, function, bytes of the question."""


def expected(job: GroupedJob) -> Iterator[Asked | Summed]:
    return (
        asked
        for asked in grouped_questions(job, PARTICIPANTS, ZOO)
        if asked.step is not Step.DESCRIPTION  # the site has described itself already
    )


def plain(job: GroupedJob) -> Counter[Key]:
    found = Counter[Key]()
    for asked in expected(job):
        if isinstance(asked, Asked):
            for name, query in asked.queries.items():
                found[name, query.function, query_size(query)] += asked.times
    return found


@pytest.mark.parametrize("function", ["few_shot_accuracy", "head_accuracy", "leep", "nce"])
def test_the_questions_are_those_that_the_job_asks(function: str, tmp_path: Path) -> None:
    job = replace(with_validation(function), fusion=FUSED)
    site = GroupedSite(tmp_path / "run", job)
    site.learn()
    ask_for_evidence(job, site.state, EvidenceSources(Questions(site, 9.0), site.blobs, DIGESTS))
    asked = Counter[Key]()
    for name, _, query in site.asked:
        asked[name, query.function, len(encode_query(query))] += 1
    assert plain(job) == asked


def test_sums_are_those_that_the_job_asks_for(tmp_path: Path) -> None:
    site = GroupedSite(tmp_path / "run")
    site.learn()
    sums = [asked for asked in expected(LEARNING) if isinstance(asked, Summed)]
    assert len(sums) == len(site.summed)
    for found, (query_id, query, rows) in zip(sums, site.summed, strict=True):
        assert found.question.query == query_id
        assert found.question.parties == tuple(sorted(rows))
        assert len(found.question.body) == len(encode_query(query))
        assert found.rows == sum(map(sum, rows.values()))


def test_answers_have_the_bytes_that_are_expected(tmp_path: Path) -> None:
    site = GroupedSite(tmp_path / "run")
    received = list[int]()
    questions = Questions(site, 9.0, on_answered=lambda own: received.append(own.received))
    site.run._questions = site.run._pretraining._questions = questions  # to look on
    site.learn()
    groups = list[tuple[int, int]]()
    for asked in expected(LEARNING):
        if isinstance(asked, Asked):
            each = sum(answer_size(query, asked.lengths) for query in asked.queries.values())
            before, _ = groups.pop() if asked.together else (0, 0)
            groups.append((before + each, asked.times))
    found = [size for size, times in groups for _ in range(times)]
    assert sorted(found) == sorted(received)


def test_questions_too_many_for_one_are_counted_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_questions, "MAX_TASKS", 2)
    monkeypatch.setattr(class_questions, "MAX_ENTRIES", 70)
    site = GroupedSite(tmp_path / "run")
    site.learn()
    asked = Counter(query.function for _, _, query in site.asked)
    found = Counter[str]()
    for (_, function, _), times in plain(LEARNING).items():
        found[function] += times
    assert found == asked


def test_models_are_looked_at_once_and_then_for_heads() -> None:
    """The second round draws a model that the first did not."""
    job = replace(JOB, fusion=FUSED)
    passes = [own.tolist() for own in grouped_passes(job, PARTICIPANTS, ZOO)]
    outputs = passes[0] + passes[3]
    assert sorted(outputs) == [0, 1, 2, 3, 4]
    assert passes[1] == passes[2] == passes[0]
    assert passes[-2:] == [[0, 1, 2, 3, 4]] * 2


def test_a_job_that_could_not_come_to_its_end_is_refused_before_it_begins() -> None:
    job = replace(JOB, fusion=replace(FUSED, examples=(50,)))
    with pytest.raises(InputError, match="no provider holds 3 classes of one set with 50 rows"):
        list(grouped_questions(job, PARTICIPANTS, ZOO))


def test_a_checkpoint_is_as_large_as_expected(tmp_path: Path) -> None:
    site = GroupedSite(tmp_path / "run")
    site.learn()
    size = (tmp_path / "run" / "checkpoint.safetensors").stat().st_size
    state = site.state
    metric = sum(
        own.numel() * own.element_size() for own in state.learner.metric.state_dict().values()
    )
    told = checkpoint_bytes(JOB, len(state.holdings.classes), ZOO, len(state.answers.tasks))
    other = 3 * metric + state.holdings.rows.nbytes
    assert told + other == pytest.approx(size, abs=25_000)  # names of tensors
    assert told > 10_000
