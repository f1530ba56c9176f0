from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provider.data.arrays import Arrays
from provider.data.labels import LabelMap
from provider.data.settings import SnapshotRules
from provider.data.store import SnapshotStore
from synlearn.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5), np.uint8)
TEXTS = np.array(["ant", "bee", "", "ant", "bee", "ant"])


def saved(folder: Path, **arrays: Any) -> Path:  # noqa: ANN401
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def test_texts_and_numbers_are_labels(tmp_path: Path) -> None:
    texts = Arrays(saved(tmp_path / "a", images=IMAGES, labels=TEXTS))
    assert texts.local_classes() == {"ant": 3, "bee": 2}
    numbers = Arrays(saved(tmp_path / "b", images=IMAGES, labels=np.array([0, 7, 7, 0, 0, 0])))
    assert numbers.local_classes() == {"0": 4, "7": 2}
    rows = list(numbers.rows())
    assert rows[2].origin == "images.npy[2]"
    np.testing.assert_array_equal(rows[2].read(), IMAGES[2][..., None])


def test_targets_reach_the_data_set_and_odd_rows_do_not(tmp_path: Path) -> None:
    targets = np.arange(12.0).reshape(6, 2)
    targets[3, 1] = np.nan
    source = Arrays(saved(tmp_path / "a", images=IMAGES, labels=TEXTS, targets=targets))
    snapshots = SnapshotStore(tmp_path / "store")
    rules = SnapshotRules(min_rows=1, most_corrupt=0.5)
    report = snapshots.refresh(source, LabelMap({"ant": "ant", "bee": "bee"}), rules)
    assert [str(row) for row in report.corrupt] == [
        "images.npy[2] has no label",
        "images.npy[3] has a target that is no finite number",
    ]
    dataset = snapshots.current()
    assert (dataset.targets, dataset.classes) == (2, {"ant": 2, "bee": 2})
    rows = dataset.rows_of("bee")
    np.testing.assert_array_equal(dataset.values(rows), [[2, 3], [8, 9]])
    np.testing.assert_array_equal(
        dataset.images(rows)[:, 0], (IMAGES[[1, 4]] / np.float32(255)).astype(np.float32)
    )
    dataset.verify()


def test_another_target_is_another_row(tmp_path: Path) -> None:
    labels = LabelMap({"ant": "ant", "bee": "", "": ""})
    rules = SnapshotRules(min_rows=1, most_corrupt=0.5)
    digests = set()
    for first in (0.0, 1.0):
        folder = saved(
            tmp_path / "a", images=IMAGES, labels=TEXTS, targets=np.array([first, 1, 2, 3, 4, 5])
        )
        digests.add(
            SnapshotStore(tmp_path / f"store-{first}").refresh(Arrays(folder), labels, rules).digest
        )
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"labels": TEXTS}, r"images\.npy cannot be read"),
        ({"images": IMAGES}, r"labels\.npy cannot be read"),
        ({"images": IMAGES.astype(float), "labels": TEXTS}, "expected uint8"),
        ({"images": np.zeros((6, 4, 5, 2), np.uint8), "labels": TEXTS}, "expected uint8"),
        ({"images": IMAGES[:0], "labels": TEXTS[:0]}, "no image"),
        ({"images": IMAGES, "labels": TEXTS[:5]}, "for each of 6 images"),
        ({"images": IMAGES, "labels": np.zeros(6)}, "for each of 6 images"),
        ({"images": IMAGES, "labels": TEXTS, "targets": np.zeros(5)}, "expected numbers"),
        ({"images": IMAGES, "labels": TEXTS, "targets": TEXTS}, "expected numbers"),
    ],
)
def test_odd_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Arrays(saved(tmp_path / "a", **arrays))


def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a", images=IMAGES, labels=TEXTS)
    data = (folder / "images.npy").read_bytes()
    (folder / "images.npy").write_bytes(data[:-1])
    with pytest.raises(InputError, match=r"images\.npy is damaged"):
        Arrays(folder)
    (folder / "images.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"images\.npy is damaged"):
        Arrays(folder)
    with (folder / "images.npy").open("wb") as file:
        np.savez(file, images=IMAGES)
    with pytest.raises(InputError, match="archive"):
        Arrays(folder)
