"""Building a zoo, with one epoch so that the tests stay fast."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.dsprites import Domain, domain_images, domain_targets, draw_domains, split
from synlearn.errors import InputError
from synlearn.zoo import dsprites as building
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo, card_path, model_path
from synlearn.zoo.dsprites import BuildPlan, Built, build_zoo, model_id, zoo_domains
from synlearn.zoo.training import TrainingPlan
from tests.synlearn.zoo.small_zoo import small_zoo

PLAN = BuildPlan(draw_domains(10, seed=0), split_seed=5, training=TrainingPlan(epochs=1))


def ignore(built: Built) -> None:
    """Take no notice."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return build_zoo(tmp_path_factory.mktemp("whole"), PLAN, 1, ignore)


def files(zoo: Zoo) -> dict[str, bytes]:
    return {
        str(path.relative_to(zoo.root)): path.read_bytes()
        for path in sorted(zoo.root.rglob("*"))
        if path.is_file()
    }


def test_there_is_a_model_for_each_domain_with_the_card_that_tells_how(whole: Zoo) -> None:
    assert whole.ids == tuple(model_id(domain) for domain in PLAN.domains)
    assert zoo_domains(whole) == {domain.index: model_id(domain) for domain in PLAN.domains}
    for domain in PLAN.domains:
        card = whole.card(model_id(domain))
        data, run = card.recipe
        assert data.domain_index == domain.index
        assert (run.epochs, data.split_seed) == (1, 5)
        assert card.file_size == len(whole.weights(card.id)) < 60_000
    assert all(problem is None for _, problem in whole.verify())


def test_the_card_has_the_loss_on_the_very_instances_it_names(whole: Zoo) -> None:
    for domain in PLAN.domains[:3]:
        card = whole.card(model_id(domain))
        data, run = card.recipe
        rows = split(Domain(data.domain_index), data.split_seed)[0]
        outputs = whole.stack([card.id]).predict(domain_images(domain)[rows])[0]
        loss = ((outputs - domain_targets()[rows]) ** 2).mean()
        assert run.loss == pytest.approx(loss, rel=1e-4)


def test_a_build_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path, whole: Zoo) -> None:
    class StoppedError(Exception):
        pass

    def stop_at_the_second_chunk(built: Built) -> None:
        if len(built.ids) == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        build_zoo(tmp_path, PLAN, 1, stop_at_the_second_chunk)
    damaged, lost = whole.ids[0], whole.ids[9]
    model_path(tmp_path, damaged).write_bytes(b"truncated")
    card_path(tmp_path, lost).unlink()
    told: list[Built] = []
    assert files(build_zoo(tmp_path, PLAN, 1, told.append)) == files(whole)
    assert [(len(built.ids), built.kept) for built in told] == [(8, True), (1, False), (1, False)]


def test_what_is_built_does_not_depend_on_what_else_is_built(tmp_path: Path, whole: Zoo) -> None:
    plan = replace(PLAN, domains=PLAN.domains[4:6])
    for name, data in files(build_zoo(tmp_path, plan, 1, ignore)).items():
        assert name == "zoo.json" or data == files(whole)[name]


@pytest.mark.integration
def test_worker_processes_build_the_same_bytes(tmp_path: Path, whole: Zoo) -> None:
    assert files(build_zoo(tmp_path, PLAN, 2, ignore)) == files(whole)


def test_finished_models_are_not_trained_again(whole: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "train_stack", pytest.fail)
    told: list[Built] = []
    build_zoo(whole.root, PLAN, 1, told.append)
    assert told == [Built(whole.ids, kept=True)]


@pytest.mark.parametrize(
    "other",
    [replace(PLAN, split_seed=6), replace(PLAN, training=TrainingPlan(epochs=1, seed=9))],
)
def test_a_folder_of_another_plan_is_left_alone(whole: Zoo, other: BuildPlan) -> None:
    before = files(whole)
    with pytest.raises(InputError, match="trained differently; give the build's former options"):
        build_zoo(whole.root, other, 1, ignore)
    assert files(whole) == before


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="Cannot write the zoo"):
        build_zoo(tmp_path / "file" / "zoo", PLAN, 1, ignore)


def test_one_step_more_changes_a_model(tmp_path: Path, whole: Zoo) -> None:
    plan = replace(PLAN, domains=PLAN.domains[:1], training=TrainingPlan(epochs=2))
    zoo = build_zoo(tmp_path, plan, 1, ignore)
    assert zoo.model_digest(zoo.ids[0]) != whole.model_digest(zoo.ids[0])
    losses = [each.card(zoo.ids[0]).recipe[1].loss for each in (zoo, whole)]
    assert np.isfinite(losses).all()


def test_a_zoo_of_something_else_has_no_domains(tmp_path: Path) -> None:
    zoo = small_zoo(tmp_path)
    other = Zoo(zoo.root, {ModelId("flowers"): zoo._entries[zoo.ids[0]]}, zoo.digest)
    with pytest.raises(InputError, match="holds flowers, which is no dSprites model"):
        zoo_domains(other)
