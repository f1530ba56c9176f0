"""What a fusion is fitted on, with providers that answer at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coordinator.fusing import fit_from_evidence
from coordinator.fusion_evidence import (
    EvidenceSources,
    ask_for_evidence,
    evidence_of,
    evidence_tensors,
)
from coordinator.grouped_job import Fusion
from coordinator.grouped_state import GroupedState
from coordinator.questions import Questions
from protocols.queries import HeadStatistics, TaskEvidence, feature_signs
from synlearn.fusion.cross_fitting import Evidence
from synlearn.fusion.fused import METRIC
from synlearn.validation import few_shot_accuracy, head_accuracy
from synlearn.zoo.features import penultimate_features
from synlearn.zoo.stacked import stack_files
from tests.coordinator.grouped_site import (
    DATA,
    DIGESTS,
    FEW,
    FILES,
    JOB,
    SIZES,
    SPECIFICATIONS,
    GroupedSite,
)

FUSED = replace(JOB, fusion=Fusion(folds=2, examples=(1, 4), draws=3, scores=("logme", "leep")))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> GroupedSite:
    site = GroupedSite(tmp_path_factory.mktemp("site") / "run", FUSED)
    site.learn()
    return site


@pytest.fixture(scope="module")
def evidence(site: GroupedSite) -> Evidence:
    return gather(site, site.state)


def gather(site: GroupedSite, state: GroupedState) -> Evidence:
    sources = EvidenceSources(Questions(site, 9.0), site.blobs, DIGESTS)
    return ask_for_evidence(FUSED, state, sources)


def test_every_provider_is_asked_about_a_task_of_its_own(
    site: GroupedSite, evidence: Evidence
) -> None:
    asked = [(who, query) for who, _, query in site.asked if isinstance(query, TaskEvidence)]
    assert [who for who, _ in asked] == sorted(DATA)
    names = site.state.holdings.classes
    for (who, query), task in zip(asked, evidence.tasks, strict=True):
        assert query.classes == tuple(names[place] for place in task)
        assert set(query.classes) <= set(DATA[who].classes)
        assert FEW not in query.classes, "nobody else could judge it"
    assert evidence.v_star.shape == (3, 8, 5)
    assert evidence.levels == (1, 3, 10)
    assert evidence.k.tolist() == ([1] * 3 + [4] * 3) * 8
    assert {
        query_id.phase for _, query_id, query in site.asked if isinstance(query, TaskEvidence)
    } == {3}


def test_a_task_is_judged_by_the_rows_of_all_others(site: GroupedSite, evidence: Evidence) -> None:
    names, width = site.state.holdings.classes, JOB.validation.width
    for number, (owner, task) in enumerate(zip(sorted(DATA), evidence.tasks, strict=True)):
        images, labels = [], []
        for provider, data in DATA.items():
            for label, place in enumerate(task):
                if provider != owner:
                    images.append(data.images(data.rows_of(names[place])))
                    labels += [label] * len(images[-1])
        for model, file in enumerate(FILES):
            raw = penultimate_features(stack_files([file]), np.concatenate(images))
            features = raw.astype(np.float64)
            own = features.shape[2]
            features = features @ feature_signs(own, width) if own > width else features
            features = np.pad(features, ((0, 0), (0, 0), (0, width - features.shape[2])))
            expected = few_shot_accuracy.combine(
                [head_accuracy.psi_statistics(features, np.array(labels), 3)],
                np.arange(3)[None],
                (1, 3, 10),
                draws=JOB.validation.draws,
                random=np.random.default_rng([JOB.seed, 5, number]),
            )
            # A synthetic row may lie so near a border that rounding moves it across.
            assert np.abs(evidence.v_star[:, number, model] - expected[:, 0, 0]).max() < 0.02


def test_it_is_kept_as_it_was(site: GroupedSite, evidence: Evidence) -> None:
    site.folder.save_evidence(evidence_tensors(evidence))
    found = evidence_of(site.folder.load_evidence() or {})
    assert found.levels == evidence.levels
    assert list(found.scores) == list(evidence.scores)
    for name in ("tasks", "v_star", "task", "k", "means"):
        np.testing.assert_array_equal(getattr(found, name), getattr(evidence, name))
    for name, own in evidence.scores.items():
        np.testing.assert_array_equal(found.scores[name], own)


def test_asked_again_it_is_the_same(site: GroupedSite, evidence: Evidence) -> None:
    """Under the same ids: a node would give its stored answers."""
    before = len(site.asked)
    again = gather(site, site.state)
    np.testing.assert_array_equal(again.means, evidence.means)
    np.testing.assert_array_equal(again.v_star, evidence.v_star)
    first = [asked for asked in site.asked[:before] if asked[1].phase == 3]
    assert site.asked[before:] == first[: len(site.asked) - before]
    assert any(isinstance(query, HeadStatistics) for _, _, query in first)


def test_a_fusion_is_fitted_on_it(site: GroupedSite, evidence: Evidence, tmp_path: Path) -> None:
    gathered = site.state.answers.gathered(JOB.metric.attention_labels)

    def fitted(seed: int) -> dict[int, list[float]]:
        found = fit_from_evidence(
            FUSED,
            gathered,
            evidence,
            specifications=SPECIFICATIONS,
            kinds=SIZES.specification,
            seed=seed,
        )
        assert found.sources == (METRIC, "logme", "leep")
        assert found.provenance == {
            "job": FUSED.id, "seed": seed, "folds": 2, "tasks": 8, "target_datasets": 48
        }  # fmt: skip
        return {k: own.weights.tolist() for k, own in found.by_k.items()}

    assert set(fitted(0)) == {1, 4}
    assert fitted(0) == fitted(0) != fitted(1)
