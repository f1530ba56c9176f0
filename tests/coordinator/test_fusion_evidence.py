"""What a fusion is fitted on, with providers that answer at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coordinator.fusing import Fitted, fit_from_evidence
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
from provider.answers.task_evidence import draw_rows, subject_of
from provider.rows import subject_generator
from synlearn.errors import InputError
from synlearn.fusion.accuracy_storage import has_accuracy, load_accuracy
from synlearn.fusion.cross_fitting import Evidence
from synlearn.fusion.fused import METRIC, SMOOTHED
from synlearn.fusion.moved import COPIES, moved
from synlearn.fusion.similarity import gram_directions, similarities, triangle_of
from synlearn.mre.classification_model import learned_classes
from synlearn.scorers.direct import ModelOutputs
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
    secret,
)

SCORES = ("logme", "leep", "ridge_held_out")
FUSED = replace(JOB, fusion=Fusion(folds=2, examples=(1, 4), draws=3, scores=SCORES))


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
    assert [who for who, _ in asked] == 2 * sorted(DATA)
    names = site.state.holdings.classes
    for number, (who, query) in enumerate(asked):
        task = evidence.tasks[number % len(DATA)]
        held = evidence.blocks[number // len(DATA)]
        assert query.models == tuple(DIGESTS[place] for place in held)
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
    for name in ("blocks", "similarity"):
        for own, kept in zip(getattr(evidence, name), getattr(found, name), strict=True):
            np.testing.assert_array_equal(kept, own)


def test_evidence_of_an_earlier_version_is_refused(evidence: Evidence) -> None:
    tensors = evidence_tensors(evidence)
    earlier = {
        name: own
        for name, own in tensors.items()
        if not name.startswith(("blocks.", "similarity."))
    }
    with pytest.raises(InputError, match="earlier version gathered it; run the job again"):
        evidence_of(earlier)


def test_gathered_block_by_block_it_is_what_one_computes_of_all_models_in_one_place(
    site: GroupedSite, evidence: Evidence
) -> None:
    assert [len(block) for block in evidence.blocks] == [3, 2]
    assert sorted(np.concatenate(evidence.blocks).tolist()) == list(range(len(DIGESTS)))
    first = [(who, query) for who, _, query in site.asked if isinstance(query, TaskEvidence)][:8]
    row = 0
    for who, query in first:
        data = DATA[who]
        held = [data.rows_of(name) for name in query.classes]
        random = subject_generator(secret(who), FUSED.id, subject_of(query))
        drawn = draw_rows(held, query.ks, query.draws, random)
        for positions in [rows for of_k in drawn.of_k for rows in of_k]:
            images = data.images(drawn.distinct[positions.ravel()])
            images = np.concatenate([images, *(moved(images, copy) for copy in range(COPIES))])
            features = [penultimate_features(stack_files([file]), images)[0] for file in FILES]
            outputs = ModelOutputs.of(features, [np.ones((len(images), 1))] * len(FILES))
            whole = similarities(gram_directions(outputs))
            for block, found in zip(evidence.blocks, evidence.similarity, strict=True):
                expected = triangle_of(whole[np.ix_(block, block)])
                np.testing.assert_allclose(found[row], expected, atol=1e-4)
            row += 1
    assert row == len(evidence.k)


def test_asked_again_it_is_the_same(site: GroupedSite, evidence: Evidence) -> None:
    """Under the same ids: a node would give its stored answers."""
    before = len(site.asked)
    again = gather(site, site.state)
    np.testing.assert_array_equal(again.means, evidence.means)
    np.testing.assert_array_equal(again.v_star, evidence.v_star)
    first = [asked for asked in site.asked[:before] if asked[1].phase == 3]
    assert site.asked[before:] == first[: len(site.asked) - before]
    assert any(isinstance(query, HeadStatistics) for _, _, query in first)


def fitted(site: GroupedSite, evidence: Evidence, seed: int = 0) -> Fitted:
    return fit_from_evidence(
        FUSED,
        site.state.gathered(JOB.metric.attention_labels),
        evidence,
        specifications=SPECIFICATIONS,
        kinds=SIZES.specification,
        seed=seed,
    )


def test_a_fusion_is_fitted_on_it(site: GroupedSite, evidence: Evidence) -> None:
    def weights(seed: int) -> dict[int, list[float]]:
        found = fitted(site, evidence, seed).fusion
        assert found.sources == (METRIC, SMOOTHED, "logme", "leep")
        assert found.provenance == {
            "job": FUSED.id, "seed": seed, "folds": 2, "tasks": 8, "target_datasets": 48
        }  # fmt: skip
        return {k: own.weights.tolist() for k, own in found.by_k.items()}

    assert set(weights(0)) == {1, 4}
    assert weights(0) == weights(0) != weights(1)


def test_a_map_to_accuracies_is_fitted_beside_it(
    site: GroupedSite, evidence: Evidence, tmp_path: Path
) -> None:
    found = fitted(site, evidence)
    assert found.accuracy is not None
    assert found.accuracy.ks == (1, 4)
    assert found.accuracy.ways == evidence.tasks.shape[1]
    assert found.accuracy.direct == SCORES
    learned = learned_classes(site.state.gathered(JOB.metric.attention_labels))
    assert len(found.accuracy.difficulty) == len(learned.means)
    assert found.accuracy.provenance["tasks"] == 8
    (tmp_path / "mre.json").write_text("{}")
    found.save(tmp_path)
    assert load_accuracy(tmp_path).constant == found.accuracy.constant


def test_without_counts_on_real_rows_there_is_none(
    site: GroupedSite, evidence: Evidence, tmp_path: Path
) -> None:
    scores = {name: own for name, own in evidence.scores.items() if name != "ridge_held_out"}
    found = fitted(site, replace(evidence, scores=scores))
    assert found.accuracy is None
    (tmp_path / "mre.json").write_text("{}")
    found.save(tmp_path)
    assert not has_accuracy(tmp_path)
    single = evidence.k == 1
    alone = replace(
        evidence,
        task=evidence.task[single],
        k=evidence.k[single],
        means=evidence.means[single],
        scores={name: own[single] for name, own in evidence.scores.items()},
        similarity=tuple(own[single] for own in evidence.similarity),
    )
    assert fitted(site, alone).accuracy is None
