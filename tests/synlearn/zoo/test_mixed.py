import dataclasses
from pathlib import Path

import pytest

from synlearn.datasets.mixed_plan import Part
from synlearn.errors import InputError
from synlearn.zoo import mixed as zoo_of
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import model_path
from synlearn.zoo.mixed import build_mixed_zoo
from synlearn.zoo.mixed_recipes import Recipe, Role, draw_recipes
from tests import mixed

POOL = mixed.pool()


def recipes(count: int, steps: int = 2) -> tuple[Recipe, ...]:
    drawn = draw_recipes(POOL, count, Role.LEARNING) + draw_recipes(POOL, 2, Role.TEST)
    return tuple(dataclasses.replace(own, steps=steps) for own in drawn)


def build(root: Path, own: tuple[Recipe, ...], workers: int = 1) -> list[int]:
    counts: list[int] = []
    build_mixed_zoo(root, POOL, own, workers=workers, on_built=counts.append)
    return counts


def test_every_expert_is_there_with_a_card_that_says_what_it_was_trained_on(
    tmp_path: Path,
) -> None:
    own = recipes(4)
    counts: list[int] = []
    zoo = build_mixed_zoo(tmp_path, POOL, own, workers=1, on_built=counts.append)
    assert (counts[0], sum(counts)) == (0, 6)
    assert set(zoo.ids) == {recipe.model for recipe in own}
    assert all(problem is None for _, problem in zoo.verify())
    for recipe in own:
        card = zoo.card(recipe.model)
        assert card.outputs == tuple(POOL.classes[row].full_name for row in recipe.classes)
        assert set(card.datasets) == {POOL.classes[row].domain for row in recipe.classes}
        assert zoo.parse(recipe.model).architecture.outputs == len(recipe.classes)
        assert card.recipe[0].instances == sum(
            min(recipe.images_per_class, len(POOL.rows(Part.EXPERT, row))) for row in recipe.classes
        )


def test_a_second_build_keeps_all_and_a_longer_one_leaves_the_first_as_they_are(
    tmp_path: Path,
) -> None:
    build(tmp_path, recipes(4))
    before = {path.name: path.read_bytes() for path in (tmp_path / "models").iterdir()}
    assert build(tmp_path, recipes(4)) == [6]
    assert sum(build(tmp_path, recipes(7))) == 9
    after = {path.name: path.read_bytes() for path in (tmp_path / "models").iterdir()}
    assert {name: after[name] for name in before} == before


def test_a_lost_file_is_made_again(tmp_path: Path) -> None:
    own = recipes(3)
    build(tmp_path, own)
    path = model_path(tmp_path, own[0].model)
    data = path.read_bytes()
    path.write_bytes(data[:100])
    others = (each for each in path.parent.iterdir() if each.stem != path.stem)
    kept = {each: each.stat().st_mtime_ns for each in others}
    counts = build(tmp_path, own)
    assert (counts[0], sum(counts)) == (4, 5)
    assert kept == {each: each.stat().st_mtime_ns for each in kept}
    assert path.read_bytes() == data


def test_an_expert_trained_otherwise_is_not_taken_for_this_one(tmp_path: Path) -> None:
    build(tmp_path, recipes(3))
    with pytest.raises(InputError, match="was trained differently"):
        build(tmp_path, recipes(3, steps=3))


def test_worker_processes_build_the_same(tmp_path: Path) -> None:
    build(tmp_path / "one", recipes(2))
    build(tmp_path / "two", recipes(2), workers=2)
    for path in (tmp_path / "one" / "models").iterdir():
        assert (tmp_path / "two" / "models" / path.name).read_bytes() == path.read_bytes()


def test_stacks_are_of_one_network_length_and_role() -> None:
    many = draw_recipes(POOL, 60, Role.LEARNING) + draw_recipes(POOL, 30, Role.TEST)
    chunks = zoo_of._chunks(many)
    assert {ModelId(own.model) for chunk in chunks for own in chunk} == {own.model for own in many}
    for chunk in chunks:
        assert len(chunk) <= zoo_of.CHUNK
        assert len({(own.network, own.steps, own.role) for own in chunk}) == 1
