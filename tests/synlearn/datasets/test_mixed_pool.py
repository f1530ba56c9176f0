import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import build_pool
from synlearn.datasets.mixed_pool_file import read_pool, write_pool
from synlearn.errors import InputError
from tests import mixed

POOL = mixed.pool()


def test_every_image_is_there_with_its_part_and_class() -> None:
    parts = Counter(POOL.parts.tolist())
    # 12 expert classes and 2 alphabets of drawings wholly, 10 digits with 8 images each.
    assert parts[Part.EXPERT] == 12 * 32 + 7 * 32 + 10 * 8
    assert parts[Part.ANCHOR] == 2 * 2
    assert parts[Part.PROVIDER] == 6 * 8 + 10 * 6
    assert parts[Part.TRUTH_A] == parts[Part.TRUTH_B] == (12 + 10) * 6 + 12 * 6 * 3
    assert POOL.pictures.shape == (len(POOL), 32, 32, 3)


def test_moved_copies_show_their_original_and_are_for_the_same() -> None:
    drawings = np.array([entry.domain == "omniglot" for entry in POOL.classes])[POOL.labels]
    tested = np.isin(POOL.parts, [Part.EXAMPLES, Part.TRUTH_A, Part.TRUTH_B])
    _, counts = np.unique(POOL.images[drawings & tested], return_counts=True)
    assert set(counts.tolist()) == {3}
    _, counts = np.unique(POOL.images[~(drawings & tested)], return_counts=True)
    assert set(counts.tolist()) == {1}
    for image in np.unique(POOL.images[drawings & tested])[:20]:
        rows = np.flatnonzero(POOL.images == image)
        assert len({(POOL.parts[row], POOL.labels[row]) for row in rows}) == 1
        assert len({POOL.pictures[row].tobytes() for row in rows}) == 3


def test_pixels_are_those_of_the_sets() -> None:
    for name in ("cifar100", "mnist"):
        source = mixed.sources()[name]
        for label in [row for row, own in enumerate(POOL.classes) if own.domain == name][:3]:
            number = source.class_names.index(POOL.classes[label].name)
            side = source.images.shape[1]
            first = (32 - side) // 2
            own = POOL.pictures[POOL.labels == label][:, first : first + side, first : first + side]
            originals = {image.tobytes() for image in source.images[source.labels == number]}
            channels = source.images.shape[3]
            shown = [np.ascontiguousarray(image[..., :channels]).tobytes() for image in own]
            assert set(shown) <= originals


def test_rows_of_a_class_are_those_of_the_part_and_class() -> None:
    for part in Part:
        whole = POOL.rows(part)
        by_class = [POOL.rows(part, label) for label in POOL.labels_of(part)]
        assert np.array_equal(np.sort(np.concatenate(by_class)), whole)
        for label, rows in zip(POOL.labels_of(part), by_class, strict=True):
            assert (POOL.labels[rows] == label).all()
            assert (np.diff(rows) > 0).all()
    unknown = POOL.rows(Part.EXPERT, 999)
    assert len(unknown) == 0
    assert unknown.dtype == np.int64


def test_an_image_that_is_an_anchor_is_for_nothing_else() -> None:
    anchors = POOL.pictures[[*POOL.rows(Part.ANCHOR), *POOL.rows(Part.PROVIDER)[:3]]]
    pool = build_pool(mixed.split(), mixed.sources(), anchors)
    before, after = Counter(POOL.parts.tolist()), Counter(pool.parts.tolist())
    assert before - after == {Part.PROVIDER: 3}
    assert not after - before


def test_other_data_than_the_manifests_is_refused() -> None:
    sources = mixed.sources()
    digits = sources["mnist"]
    other = dataclasses.replace(digits, images=255 - digits.images)
    with pytest.raises(InputError, match="images of mnist are not those"):
        build_pool(mixed.split(), {**sources, "mnist": other})


def test_a_pool_is_written_and_read_for_its_manifest_only(tmp_path: Path) -> None:
    path = tmp_path / "pool.safetensors"
    assert read_pool(path, "a") is None
    write_pool(path, POOL, "a")
    again = read_pool(path, "a")
    assert again is not None
    for name in ("pictures", "labels", "parts", "images"):
        assert np.array_equal(getattr(again, name), getattr(POOL, name))
    assert again.classes == POOL.classes
    assert read_pool(path, "b") is None
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged"):
        read_pool(path, "a")
