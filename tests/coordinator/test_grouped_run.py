"""Algorithm 1 for grouped closures, with providers that answer at once."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from scipy.special import softmax

from coordinator import class_questions
from coordinator.aggregation_events import AggregationFailed
from coordinator.grouped_job import Validation
from coordinator.grouped_run import _FIRST_MASKED
from coordinator.grouped_state import grouped_state_tensors
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.mquery import IDS
from protocols.queries import (
    ClassFeatureSums,
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    feature_signs,
)
from provider.rows import RowSplit
from synlearn.errors import InputError
from synlearn.mre.pretraining import flatten_parameters
from synlearn.scorers.leep import leep
from synlearn.scorers.nce import nce
from synlearn.validation import few_shot_accuracy, head_accuracy
from synlearn.zoo.features import penultimate_features
from synlearn.zoo.stacked import stack_files
from tests.coordinator.grouped_site import (
    DATA,
    DIGESTS,
    FEW,
    FILES,
    JOB,
    SEED,
    GroupedSite,
    Killed,
    secret,
    with_validation,
)
from tests.coordinator.tiny import bits

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Asked = TypeVar("Asked", bound=Query)
EVENTS = [
    "ask 1.0.0",
    "acknowledge 1.0",
    "ask 1.1.0",
    "acknowledge 1.1",
    "ask 2.0.0",
    "ask 2.0.1",
    "ask 2.0.2",
    "ask 2.0.3",
    "ask 2.0.4",
    "sum 2.0.16777216",
    "sum 2.0.16777336",
    "acknowledge 2.0",
    "acknowledge 2.0",
    "ask 2.1.0",
    "ask 2.1.1",
    "ask 2.1.2",
    "ask 2.1.3",
    "ask 2.1.4",
    "sum 2.1.16777216",
    "sum 2.1.16777336",
    "acknowledge 2.1",
    "acknowledge 2.1",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> GroupedSite:
    """A job that is done. Not to be changed."""
    site = GroupedSite(tmp_path_factory.mktemp("site") / "run")
    site.learn()
    return site


def questions(site: GroupedSite, kind: type[Asked]) -> list[tuple[ProviderId, QueryId, Asked]]:
    return [
        (provider, query_id, query)
        for provider, query_id, query in site.asked
        if isinstance(query, kind)
    ]


def of_class(name: str, half: int | None = None) -> Array:
    """Images of a class, of all providers; of half A (0) or B (1) where asked for."""
    images = []
    for provider, data in DATA.items():
        rows = data.rows_of(name)
        if half is not None:
            rows = RowSplit(secret(provider)).halves(name, rows)[half]
        images.append(data.images(rows))
    return np.concatenate(images)


def centralised_heads(model: int, names: list[str]) -> float:
    """Accuracy of a re-trained head where all rows lie in one place."""
    sides = []
    for half in range(2):
        images = [of_class(name, half) for name in names]
        labels = np.repeat(np.arange(len(names)), [len(own) for own in images])
        features = penultimate_features(stack_files([FILES[model]]), np.concatenate(images))
        found = features.astype(np.float64)
        width, own = JOB.validation.width, features.shape[2]
        found = (
            found @ feature_signs(own, width)
            if own > width
            else np.pad(found, ((0, 0), (0, 0), (0, width - own)))
        )
        sides.append((found, labels))
    tasks = np.arange(len(names))[None]
    sums = head_accuracy.psi_statistics(*sides[0], len(names))
    heads = head_accuracy.solve_heads([sums], tasks).rounded()
    part = head_accuracy.psi_correct(*sides[1], len(names), heads, tasks)
    return float(head_accuracy.combine([part], tasks)[0, 0])


def centralised_scores(model: int, names: list[str], score: str) -> float:
    images = [of_class(name) for name in names]
    labels = np.repeat(np.arange(len(names)), [len(own) for own in images])
    logits = stack_files([FILES[model]]).predict(np.concatenate(images))[0].astype(np.float64)
    return (leep if score == "leep" else nce)(softmax(logits, axis=1), labels)


def test_the_steps_follow_algorithm_1(site: GroupedSite) -> None:
    assert site.events == EVENTS


def test_reusability_is_what_one_place_would_have_found(site: GroupedSite) -> None:
    answers = site.state.answers
    names = site.state.holdings.classes
    known = np.argwhere(~np.isnan(answers.score[0]))
    assert len(known) == 12 * 4
    for task, model in known:
        expected = centralised_heads(model, [names[place] for place in answers.tasks[task]])
        assert answers.score[0, task, model] == pytest.approx(expected, abs=1e-9)


def test_few_shot_reusability_is_what_one_place_would_have_found(tmp_path: Path) -> None:
    job = replace(JOB, validation=Validation(width=4, examples=(1, 4), draws=3))
    site = GroupedSite(tmp_path / "run", job)
    site.learn()
    answers, names = site.state.answers, site.state.holdings.classes
    images = [of_class(name) for name in names]
    labels = np.repeat(np.arange(len(names)), [len(own) for own in images])
    for step in range(2):
        tasks = answers.tasks[6 * step : 6 * step + 6]
        for model in np.flatnonzero(~np.isnan(answers.score[0, 6 * step])):
            stack = stack_files([FILES[model]])
            features = penultimate_features(stack, np.concatenate(images)).astype(np.float64)
            own = features.shape[2]
            features = features @ feature_signs(own, 4) if own > 4 else features
            features = np.pad(features, ((0, 0), (0, 0), (0, 4 - features.shape[2])))
            sums = head_accuracy.psi_statistics(features, labels, len(names))
            random = np.random.default_rng([SEED, 3, step])
            expected = few_shot_accuracy.combine([sums], tasks, (1, 4), draws=3, random=random)
            found = answers.score[:, 6 * step : 6 * step + 6, model]
            # A synthetic row may lie so near a border that rounding moves it across.
            assert np.abs(found - expected[:, :, 0]).max() < 0.02
    assert not questions(site, HeadCorrect)
    assert not any(query.halved for _, _, query in questions(site, HeadStatistics))
    assert set(answers.feature_level.tolist()) == {0, 1}


def test_more_questions_give_the_same(
    site: GroupedSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where tasks, or models, are too many for one."""
    monkeypatch.setattr(class_questions, "MAX_TASKS", 2)
    monkeypatch.setattr(class_questions, "MAX_ENTRIES", 70)
    other = GroupedSite(tmp_path / "run")
    other.learn()
    score, expected = (own.state.answers.score for own in (other, site))
    np.testing.assert_allclose(score, expected, rtol=0, atol=1e-12)
    totals = (own.state.answers.outputs.total(DATA) for own in (other, site))
    for found, before in zip(*totals, strict=True):
        np.testing.assert_allclose(found, before, rtol=0, atol=1e-12)
    heads = questions(other, HeadCorrect)
    assert max(len(query.tasks) for _, _, query in heads) == 2
    assert {len(query.models) for _, _, query in heads} == {1}
    assert max(len(query.models) for _, _, query in questions(other, ClassOutputs)) == 3


def test_features_too_wide_for_a_provider_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_questions, "MAX_ENTRIES", 45)
    site = GroupedSite(tmp_path / "run")
    with pytest.raises(InputError, match=r"width is 4, too large for a provider of 5 classes"):
        site.learn()


@pytest.mark.parametrize("function", ["nce", "leep"])
def test_scores_of_outputs_are_what_one_place_would_have_found(
    function: str, tmp_path: Path
) -> None:
    site = GroupedSite(tmp_path / "run", with_validation(function))
    site.learn()
    answers, names = site.state.answers, site.state.holdings.classes
    for task, model in np.argwhere(~np.isnan(answers.score[0])):
        own = [names[place] for place in answers.tasks[task]]
        expected = centralised_scores(model, own, function)
        assert answers.score[0, task, model] == pytest.approx(expected, abs=1e-9)
    assert not questions(site, HeadStatistics)
    assert len(questions(site, LeepLikelihood)) == (2 * 2 * 8 if function == "leep" else 0)


def test_sums_are_plain_sums_to_the_fixed_point_step(site: GroupedSite) -> None:
    """Of the very rows that the nodes drew; and a mean is over as many as were asked for."""
    place = 0
    for query_id, query, rows in site.summed:
        assert isinstance(query, ClassFeatureSums)
        bound = float(JOB.learning.k_most)
        plain = np.sum(
            [site.vector(party, query_id, query, own, bound) for party, own in rows.items()], axis=0
        )
        counts = np.sum(list(rows.values()), axis=0)
        means = plain.reshape(len(counts), -1) / counts[:, None]
        assert set(counts.tolist()) <= set(range(2, 6))
        part = means.reshape(-1, 3, 6)
        tasks = np.array(query.slots).reshape(-1, 3)
        for mean, names in zip(part, tasks, strict=True):
            found = _dataset(site, query_id.step, names.tolist(), mean)
            step = bound * 2.0**-20
            np.testing.assert_allclose(found, mean, rtol=0, atol=len(rows) * step)
            place += 1
    assert place == len(site.state.answers.features) == 24


def _dataset(site: GroupedSite, step: int, names: list[str], near: Array) -> Array:
    """The gathered target dataset of these classes that is nearest to a mean."""
    answers = site.state.answers
    classes = site.state.holdings.positions(names)
    tasks = np.flatnonzero((answers.tasks == classes).all(axis=1))
    own = answers.features[np.isin(answers.feature_task, tasks)]
    nearest: Array = own[np.abs(own - near).max(axis=(1, 2)).argmin()]
    return nearest


def test_instances_of_a_class_come_from_as_many_holders_as_there_can_be(site: GroupedSite) -> None:
    for _, query, rows in site.summed:
        assert isinstance(query, ClassFeatureSums)
        table = np.array(list(rows.values()))
        held = np.array(
            [[DATA[party].classes.get(name, 0) for name in query.slots] for party in rows]
        )
        counts = table.sum(axis=0)
        assert ((table > 0).sum(axis=0) == np.minimum(counts, (held > 0).sum(axis=0))).all()
        assert (held.sum(axis=1) > 0).all(), "nobody is asked for zeros alone"


def test_a_class_of_too_few_holders_is_never_drawn(site: GroupedSite) -> None:
    names = site.state.holdings.classes
    assert FEW in names
    assert FEW not in {names[place] for place in np.unique(site.state.answers.tasks)}
    assert not any(FEW in query.slots for _, query, _ in site.summed if hasattr(query, "slots"))
    assert not any(FEW in query.classes for _, _, query in questions(site, HeadStatistics))


def test_without_enough_holders_there_is_no_job(tmp_path: Path) -> None:
    job = replace(JOB, providers=replace(JOB.providers, dropouts=2))
    with pytest.raises(InputError, match="no set has 3 classes with enough holders and rows"):
        GroupedSite(tmp_path / "run", job)


def test_class_outputs_are_asked_once_for_each_provider_and_model(site: GroupedSite) -> None:
    asked = [
        (provider, model)
        for provider, _, query in questions(site, ClassOutputs)
        for model in query.models
    ]
    assert len(asked) == len(set(asked))
    answers = site.state.answers
    seen = np.flatnonzero(~np.isnan(answers.score[0]).all(axis=0))
    assert set(asked) == {(provider, DIGESTS[model]) for provider in DATA for model in seen}
    assert {query_id.step for _, query_id, _ in questions(site, ClassOutputs)} == {0, 1}
    for provider in DATA:
        held = np.flatnonzero(site.state.holdings.only({provider}).rows[0])
        assert set(answers.outputs.unknown(provider, held, np.arange(5))) == set(range(5)) - {*seen}


def test_what_models_say_is_summed_over_all_holders(site: GroupedSite) -> None:
    answers = site.state.answers
    soft, hard = answers.outputs.total(DATA)
    known = ~np.isnan(answers.score[0]).all(axis=0)
    for place, name in enumerate(site.state.holdings.classes):
        images = of_class(name)
        for model in np.flatnonzero(known):
            logits = stack_files([FILES[model]]).predict(images)[0].astype(np.float64)
            said = softmax(logits, axis=1)
            outputs = said.shape[1]
            np.testing.assert_allclose(soft[place, model, :outputs], said.sum(axis=0))
            counts = np.bincount(said.argmax(axis=1), minlength=4)
            assert hard[place, model].tolist() == counts.tolist()
    for labels in ("soft", "hard"):
        responses = site.state.gathered(labels).responses[:, known]
        np.testing.assert_allclose(responses.sum(dim=2), 1.0, rtol=1e-6)


def test_heads_are_asked_of_holders_about_their_tasks_alone(site: GroupedSite) -> None:
    tasks = site.state.answers.tasks
    names = site.state.holdings.classes
    for provider, query_id, query in questions(site, HeadCorrect):
        held = set(DATA[provider].classes)
        asked = {frozenset(query.classes[place] for place in task) for task in query.tasks}
        first = query_id.step * 6
        expected = {frozenset(names[place] for place in task) for task in tasks[first : first + 6]}
        assert asked == {task for task in expected if task & held}
    for provider, _, sums in questions(site, HeadStatistics):
        assert set(sums.classes) <= set(DATA[provider].classes)


@pytest.mark.parametrize(
    ("mode", "kind"), [("gradient", PretrainingGradient), ("update", PretrainingUpdate)]
)
def test_pretraining_asks_every_provider(mode: str, kind: type[Query], tmp_path: Path) -> None:
    job = replace(JOB, pretraining=replace(JOB.pretraining, mode=mode))
    site = GroupedSite(tmp_path / "run", job)
    before = flatten_parameters(site.state.backbone)
    learned = site.learn()
    asked = [asked for asked in site.asked if asked[1].phase == 1]
    assert {type(query) for _, _, query in asked} == {kind}
    assert [provider for provider, _, _ in asked] == 2 * sorted(DATA)
    assert not torch.equal(flatten_parameters(learned.backbone), before)


def test_others_give_the_rows_of_who_is_lost(tmp_path: Path) -> None:
    gone = frozenset({ProviderId("p1"), ProviderId("p6")})
    site = GroupedSite(tmp_path / "run", lost=gone)
    site.learn()
    assert not any(gone & set(rows) for _, _, rows in site.summed)
    assert len(site.state.answers.features) == 24
    assert all(np.sum(list(rows.values()), axis=0).min() >= 2 for _, _, rows in site.summed)


def test_a_target_dataset_without_rows_is_left_out(tmp_path: Path) -> None:
    gone = frozenset(ProviderId(f"p{number}") for number in (0, 1, 2))  # p3 has no bee
    site = GroupedSite(tmp_path / "run", lost=gone)
    site.learn()
    names = site.state.holdings.classes
    answers = site.state.answers
    bees = (answers.tasks == names.index("insects/bee")).any(axis=1)
    assert bees.any()
    assert len(answers.features) == 2 * (~bees).sum()
    assert not np.isin(answers.feature_task, np.flatnonzero(bees)).any()
    assert np.isfinite(answers.features).all()


def test_attempts_used_up_by_earlier_runs_are_no_end(tmp_path: Path) -> None:
    site = GroupedSite(tmp_path / "run")
    spent = [QueryId(2, 0, _FIRST_MASKED + question * IDS) for question in (0, 1)]
    site.refused = dict.fromkeys(spent, Code.ATTEMPT_SPENT)
    site.learn()
    assert len(site.state.answers.features) == 24
    asked = [query_id for query_id, _, _ in site.summed]
    assert asked[0] == QueryId(2, 0, _FIRST_MASKED + 2 * IDS)
    assert len(set(asked)) == 4


def test_a_sum_that_fails_otherwise_stops_the_job(tmp_path: Path) -> None:
    site = GroupedSite(tmp_path / "run")
    site.refused = {QueryId(2, 0, _FIRST_MASKED): Code.PAUSED}
    with pytest.raises(AggregationFailed, match="PAUSED"):
        site.learn()
    assert site.events[-1] == f"sum 2.0.{_FIRST_MASKED}"


def test_in_the_end_attempts_are_used_up(tmp_path: Path) -> None:
    site = GroupedSite(tmp_path / "run")
    spent = [QueryId(2, 0, _FIRST_MASKED + question * IDS) for question in range(8)]
    site.refused = dict.fromkeys(spent, Code.ATTEMPT_SPENT)
    with pytest.raises(AggregationFailed, match="ATTEMPT_SPENT"):
        site.learn()


@pytest.mark.parametrize("dies_at", sorted(set(EVENTS)))
def test_a_killed_job_goes_on_to_the_same_bytes(
    dies_at: str, tmp_path: Path, site: GroupedSite
) -> None:
    killed = GroupedSite(tmp_path / "run", dies_at=dies_at)
    with pytest.raises(Killed):
        killed.learn()
    torch.manual_seed(99)
    resumed = GroupedSite(tmp_path / "run", resume=True)
    resumed.learn()
    assert bits(grouped_state_tensors(resumed.state)) == bits(grouped_state_tensors(site.state))
    # What was asked again was the very same question: a node gives its stored answer.
    found: dict[tuple[ProviderId, QueryId], Query] = {}
    for who, query_id, query in killed.asked + resumed.asked:
        assert found.setdefault((who, query_id), query) == query
    assert found == {(who, query_id): query for who, query_id, query in site.asked}


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    site = GroupedSite(tmp_path / "run")
    wider = replace(JOB, metric=replace(JOB.metric, width=5))
    site.folder.save(grouped_state_tensors(GroupedSite(tmp_path / "other", wider).state))
    with pytest.raises(InputError, match="the checkpoint does not fit the job"):
        GroupedSite(tmp_path / "run", resume=True)
