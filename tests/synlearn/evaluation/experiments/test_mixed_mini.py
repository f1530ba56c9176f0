import dataclasses
from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.mixed_plan import MINI_DOMAINS, Part
from synlearn.datasets.mixed_pool import MixedPool
from synlearn.datasets.mixed_pool_file import unpack_pool
from synlearn.datasets.mixed_split import read_split
from synlearn.errors import InputError
from synlearn.evaluation.experiments import mixed_mini
from synlearn.evaluation.experiments.mixed_data import prepare_mini
from synlearn.evaluation.experiments.mixed_mini import (
    KS,
    LEARNING,
    TEST,
    build_mini,
    open_mini,
)
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.mixed_recipes import Recipe, RecipeRanges, Role, draw_recipes
from synlearn.zoo.picture_anchors import picture_anchors
from tests import mixed

SHIPPED = Path(__file__).parents[4] / "examples" / "mini"


def quick(pool: MixedPool, count: int, role: Role, ranges: RecipeRanges) -> list[Recipe]:
    drawn = draw_recipes(pool, min(count, 2), role, ranges)
    return [dataclasses.replace(own, steps=10) for own in drawn]


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made-up sets as a mini experiment."""
    monkeypatch.setattr(mixed_mini, "draw_recipes", quick)
    monkeypatch.setattr(mixed_mini, "load_source", lambda name, root: mixed.sources()[name])
    out = tmp_path / "mini"
    zoo = build_mini(out, Path("data"), workers=1, on_built=lambda _: None, plans=mixed.PLANS)
    assert len(zoo) == 4
    return out


def test_what_is_shipped_lacks_only_what_trained_experts(mini: Path, tmp_path: Path) -> None:
    split, pool, zoo = open_mini(mini, tmp_path / "copy")
    assert split == mixed.split()
    assert zoo.root == tmp_path / "copy"
    whole = mixed.pool()
    rows = np.flatnonzero(~np.isin(whole.parts, [Part.EXPERT, Part.ANCHOR]))
    assert np.array_equal(pool.pictures, whole.pictures[rows])
    assert np.array_equal(pool.labels, whole.labels[rows])
    assert np.array_equal(pool.parts, whole.parts[rows])
    assert pool.classes == whole.classes


def test_it_is_prepared_without_any_set_and_leaves_what_is_shipped_alone(
    mini: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in mini.rglob("*") if path.is_file()}
    data = prepare_mini(mini, tmp_path / "run", lambda *_: None, lambda: 0.0, ks=(1,))
    assert len(data.learning) == len(data.test) == 2
    assert data.truth.accuracy.shape[-1] == 2
    assert {path: path.read_bytes() for path in mini.rglob("*") if path.is_file()} == before


def test_damage_is_named(mini: Path, tmp_path: Path) -> None:
    pictures = mini / "pictures.npz"
    data = pictures.read_bytes()
    pictures.write_bytes(data[:500])
    with pytest.raises(InputError, match=r"pictures\.npz is missing or damaged"):
        open_mini(mini, tmp_path / "copy")
    pictures.write_bytes(data)
    other = dataclasses.replace(read_split(mini / "split.json"), seed=7)
    (mini / "split.json").write_bytes(other.to_json())
    with pytest.raises(InputError, match="was not built from this split"):
        open_mini(mini, tmp_path / "copy")


def test_the_shipped_one_is_whole_small_and_of_open_sets_only(tmp_path: Path) -> None:
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 5_000_000
    split, pool, zoo = open_mini(SHIPPED, tmp_path / "zoo")
    names = {domain.name for domain in split.domains}
    assert names == {plan.name for plan in MINI_DOMAINS}
    assert names == {"omniglot", "fashion_mnist", "sign_digits"}
    assert all(problem is None for _, problem in zoo.verify())
    assert len(zoo) == LEARNING + TEST
    assert {zoo.card(model).license for model in zoo} == {"apache-2.0"}
    assert max(KS) <= min(
        len(pool.rows(Part.EXAMPLES, row)) for row in pool.labels_of(Part.EXAMPLES)
    )


def test_no_anchor_is_an_image_of_providers_or_test() -> None:
    digest = read_split(SHIPPED / "split.json").digest
    pool = unpack_pool(SHIPPED / "pictures.npz", digest)
    shown = {picture.tobytes() for picture in pool.pictures}
    assert not shown & {picture.tobytes() for picture in picture_anchors().pictures}


def test_the_zoo_is_opened_where_it_is_when_it_is_the_same(mini: Path, tmp_path: Path) -> None:
    _, _, first = open_mini(mini, tmp_path / "copy")
    (first.root / "note").write_text("kept")
    _, _, again = open_mini(mini, tmp_path / "copy")
    assert again.digest == Zoo.open(mini / "zoo").digest
    assert (first.root / "note").exists()
