import errno
import json
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provider.data import publish, store
from provider.data.array_files import RowWriter
from provider.data.image_folder import ImageFolder
from provider.data.labels import LabelMap
from provider.data.private_files import only_one
from provider.data.settings import SnapshotRules
from provider.data.store import SnapshotStore
from provider.dataset import Dataset
from synlearn.errors import InputError
from tests.provider.data.folders import RULES, SAME, SHAPE, floats, folder_of, put


@pytest.fixture
def snapshots(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "store")


def of_class(dataset: Dataset, name: str) -> np.ndarray:
    return dataset.images(dataset.rows_of(name))


def shown(snapshots: SnapshotStore, name: str) -> np.ndarray:
    return of_class(snapshots.current(), name)


def test_a_snapshot_shows_the_rows_by_class(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", bee=[1, 2, 3], ant=[4, 5, 6, 7])
    report = snapshots.refresh(source, SAME, RULES)
    dataset = snapshots.current()
    assert report.digest == dataset.digest
    assert (report.rows, report.classes) == (7, {"ant": 4, "bee": 3})
    assert (report.read, report.reused, report.changed) == (7, 0, True)
    assert (dataset.rows, dataset.input_shape, dataset.targets) == (7, (3, 6, 5), 0)
    assert dataset.classes == {"ant": 4, "bee": 3}
    assert dataset.rows_of("bee").tolist() == [4, 5, 6]
    assert dataset.rows_of("cat").size == 0
    np.testing.assert_array_equal(shown(snapshots, "ant"), floats([4, 5, 6, 7]))
    np.testing.assert_array_equal(dataset.images(np.array([6, 0])), floats([3, 4]))
    assert dataset.values(np.arange(2)).shape == (2, 0)
    assert dataset.origins()[:2] == ["ant/004.png", "ant/005.png"]
    dataset.verify()


def test_what_did_not_change_is_not_read_again(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3], bee=[4, 5, 6])
    first = snapshots.refresh(source, SAME, RULES)
    again = snapshots.refresh(source, SAME, RULES)
    assert (again.read, again.reused, again.changed) == (0, 6, False)
    assert again.digest == first.digest
    folder_of(tmp_path / "data", ant=[7, 8, 9])
    third = snapshots.refresh(source, SAME, RULES)
    assert (third.read, third.reused, third.changed) == (3, 6, True)
    np.testing.assert_array_equal(shown(snapshots, "ant"), floats([1, 2, 3, 7, 8, 9]))
    snapshots.current().verify()


def test_a_file_with_new_content_is_read_again(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=list(range(10)))
    snapshots.refresh(source, SAME, replace(RULES, min_rows=1))
    put(tmp_path / "data" / "ant" / "004.png", 77)  # size and time are the same
    report = snapshots.refresh(source, SAME, replace(RULES, min_rows=1))
    assert report.read == 1
    found = shown(snapshots, "ant")
    np.testing.assert_array_equal(found, floats([0, 1, 2, 3, 5, 6, 7, 8, 9, 77]))


def test_a_file_that_has_just_changed_is_not_trusted(
    tmp_path: Path, snapshots: SnapshotStore
) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    os.utime(tmp_path / "data" / "ant" / "001.png")
    snapshots.refresh(source, SAME, RULES)
    assert snapshots.refresh(source, SAME, RULES).read == 1


def test_rows_wait_across_looks(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3], bee=[4, 5])
    report = snapshots.refresh(source, SAME, RULES)
    assert (report.classes, report.waiting) == ({"ant": 3}, {"bee": 2})
    folder_of(tmp_path / "data", bee=[6], ant=[0])
    report = snapshots.refresh(source, SAME, RULES)
    assert (report.read, report.reused, report.waiting) == (2, 5, {"ant": 1})
    np.testing.assert_array_equal(shown(snapshots, "bee"), floats([4, 5, 6]))
    np.testing.assert_array_equal(shown(snapshots, "ant"), floats([1, 2, 3]))
    snapshots.current().verify()


def test_a_waiting_row_changes_no_digest(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    first = snapshots.refresh(source, SAME, RULES)
    folder_of(tmp_path / "data", ant=[4, 5])
    second = snapshots.refresh(source, SAME, RULES)
    assert (second.digest, second.changed) == (first.digest, False)


def test_deleted_rows_leave_with_companions(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=list(range(9)))
    snapshots.refresh(source, SAME, RULES)
    (tmp_path / "data" / "ant" / "002.png").unlink()
    report = snapshots.refresh(source, SAME, RULES)
    np.testing.assert_array_equal(shown(snapshots, "ant"), floats([0, 1, 3, 4, 5, 6]))
    assert (report.waiting, report.gone) == ({"ant": 2}, 0)
    put(tmp_path / "data" / "ant" / "002.png", 2)
    snapshots.refresh(source, SAME, RULES)
    np.testing.assert_array_equal(shown(snapshots, "ant"), floats([0, 1, 3, 4, 5, 6, 2, 7, 8]))


def test_deleted_rows_may_wait(tmp_path: Path, snapshots: SnapshotStore) -> None:
    rules = replace(RULES, removed_rows="wait")
    source = folder_of(tmp_path / "data", ant=list(range(9)))
    snapshots.refresh(source, SAME, rules)
    (tmp_path / "data" / "ant" / "002.png").unlink()
    folder_of(tmp_path / "data", ant=[10, 11, 12])
    report = snapshots.refresh(source, SAME, rules)
    assert report.gone == 1
    np.testing.assert_array_equal(
        shown(snapshots, "ant"), floats([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12])
    )
    assert "ant/002.png" in snapshots.current().origins()
    snapshots.current().verify()


def test_a_job_keeps_the_snapshot_it_began_with(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    first = snapshots.refresh(source, SAME, RULES)
    folder_of(tmp_path / "data", ant=[4, 5, 6])
    second = snapshots.refresh(source, SAME, RULES)
    folder_of(tmp_path / "data", ant=[7, 8, 9])
    third = snapshots.refresh(source, SAME, RULES)
    kept = snapshots.open(first.digest)
    assert snapshots.keep_only({first.digest}) == 1
    np.testing.assert_array_equal(kept.images(np.arange(3)), floats([1, 2, 3]))
    assert snapshots.open(third.digest).rows == 9
    with pytest.raises(InputError, match="missing or damaged"):
        snapshots.open(second.digest)


def test_two_local_classes_may_be_one_and_one_be_left_out(
    tmp_path: Path, snapshots: SnapshotStore
) -> None:
    source = folder_of(tmp_path / "data", tom=[1, 2], mieze=[3], unsure=[4, 5, 6])
    labels = LabelMap({"tom": "cat", "mieze": "cat", "unsure": ""})
    report = snapshots.refresh(source, labels, RULES)
    assert (report.classes, report.left_out) == ({"cat": 3}, 3)
    np.testing.assert_array_equal(shown(snapshots, "cat"), floats([3, 1, 2]))


def test_corrupt_rows_are_skipped_and_said_once(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=list(range(5)))
    (tmp_path / "data" / "ant" / "bad.png").write_bytes(b"no image")
    rules = replace(RULES, most_corrupt=0.2)
    report = snapshots.refresh(source, SAME, rules)
    assert [row.origin for row in report.newly_corrupt] == ["ant/bad.png"]
    assert report.rows == 5
    again = snapshots.refresh(source, SAME, rules)
    assert (again.corrupt, again.newly_corrupt) == (report.corrupt, ())
    assert snapshots.report() == again


@pytest.mark.parametrize(
    ("rules", "match"),
    [
        (SnapshotRules(min_rows=1, corrupt_rows="refuse", most_corrupt=1.0), "1 of 6 rows"),
        (SnapshotRules(min_rows=1), r"ant/bad\.png is damaged .*repair or remove"),
    ],
)
def test_too_many_corrupt_rows_refuse_the_snapshot(
    tmp_path: Path, snapshots: SnapshotStore, rules: SnapshotRules, match: str
) -> None:
    source = folder_of(tmp_path / "data", ant=list(range(5)))
    (tmp_path / "data" / "ant" / "bad.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=match):
        snapshots.refresh(source, SAME, rules)
    with pytest.raises(InputError, match="no snapshot yet"):
        snapshots.current()


def test_the_first_three_corrupt_rows_are_named(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1])
    for name in "abcd":
        (tmp_path / "data" / "ant" / f"{name}.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"4 of 5 rows.*ant/001|4 of 5 rows") as raised:
        snapshots.refresh(source, SAME, RULES)
    said = str(raised.value)
    assert all(f"ant/{name}.png" in said for name in "abc")
    assert "ant/d.png" not in said


def test_a_class_that_nobody_named_is_refused(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3], fly=[4])
    with pytest.raises(InputError, match="local classes 'fly'; name each"):
        snapshots.refresh(source, SAME, RULES)
    report = snapshots.refresh(source, replace(SAME, unmapped="leave out"), RULES)
    assert report.left_out == 1


def test_nothing_visible_is_no_snapshot(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2])
    with pytest.raises(InputError, match="there are 2 of ant"):
        snapshots.refresh(source, SAME, RULES)


def test_copies_are_counted(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    put(tmp_path / "data" / "ant" / "again.png", 1)
    report = snapshots.refresh(source, SAME, RULES)
    assert (report.copies, report.rows) == (1, 4)
    np.testing.assert_array_equal(shown(snapshots, "ant"), floats([1, 2, 3, 1]))


def test_a_renamed_file_is_no_change(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    snapshots.refresh(source, SAME, RULES)
    (tmp_path / "data" / "ant" / "001.png").rename(tmp_path / "data" / "ant" / "zz.png")
    assert not snapshots.refresh(source, SAME, RULES).changed


def test_nobody_else_can_read_a_snapshot(tmp_path: Path, snapshots: SnapshotStore) -> None:
    before = os.umask(0)
    try:
        snapshots.refresh(folder_of(tmp_path / "data", ant=[1, 2, 3]), SAME, RULES)
    finally:
        os.umask(before)
    everything = [tmp_path / "store", *(tmp_path / "store").rglob("*")]
    assert len(everything) > 8
    for path in everything:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_store_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o755)
    with pytest.raises(InputError, match="chmod 700"):
        SnapshotStore(tmp_path / "store")


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, snapshots: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    usage = shutil.disk_usage(tmp_path)._replace(free=64 * 2**20 + 100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="make room"):
        snapshots.refresh(source, SAME, RULES)


def test_a_disk_that_fills_up_meanwhile_is_said_and_harms_nothing(
    tmp_path: Path, snapshots: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    first = snapshots.refresh(source, SAME, RULES)
    folder_of(tmp_path / "data", ant=[4, 5, 6])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(RowWriter, "append", full)
        with pytest.raises(InputError, match=r"No space left.*make room and try again"):
            snapshots.refresh(source, SAME, RULES)
    assert snapshots.current().digest == first.digest
    assert not list((tmp_path / "store").rglob(".partial-*"))
    assert snapshots.refresh(source, SAME, RULES).rows == 6


class Killed(BaseException):
    """The process ends here."""


STEPS = [
    (store, "scan"),
    (store, "plan"),
    (store, "write_record"),
    (store, "write_snapshot"),
    (store, "write_private"),
    (publish, "_write_digests"),
]


@pytest.mark.parametrize(("module", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_kill_leaves_the_former_snapshot_current(
    tmp_path: Path, module: object, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = SnapshotStore(tmp_path / "store")
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    first = snapshots.refresh(source, SAME, RULES)
    folder_of(tmp_path / "data", ant=[4, 5, 6])

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(module, step, killed)
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)  # nor does anybody tidy up
        with pytest.raises(Killed):
            snapshots.refresh(source, SAME, RULES)
    again = SnapshotStore(tmp_path / "store")
    assert not list((tmp_path / "store").rglob(".partial-*"))
    assert again.current().digest == first.digest
    assert again.report() == first
    assert again.refresh(source, SAME, RULES).rows == 6
    again.current().verify()


def test_two_looks_at_once_are_refused(tmp_path: Path, snapshots: SnapshotStore) -> None:
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    with only_one(tmp_path / "store" / "lock"):
        with pytest.raises(InputError, match="Another process"):
            snapshots.refresh(source, SAME, RULES)
        assert snapshots.keep_only(set()) == 0


def test_another_shape_needs_another_store(tmp_path: Path, snapshots: SnapshotStore) -> None:
    folder_of(tmp_path / "data", ant=[1, 2, 3])
    snapshots.refresh(ImageFolder(tmp_path / "data", SHAPE), SAME, RULES)
    other = ImageFolder(tmp_path / "data", replace(SHAPE, height=8))
    with pytest.raises(InputError, match="another folder"):
        snapshots.refresh(other, SAME, RULES)


@pytest.fixture
def whole(tmp_path: Path, snapshots: SnapshotStore) -> Path:
    snapshots.refresh(folder_of(tmp_path / "data", ant=[1, 2, 3]), SAME, RULES)
    return snapshots.current().folder


@pytest.mark.parametrize("name", ["manifest.json", "pixels.npy", "rows.npy"])
def test_a_damaged_snapshot_is_not_opened(whole: Path, snapshots: SnapshotStore, name: str) -> None:
    data = (whole / name).read_bytes()
    (whole / name).write_bytes(data[:-8])
    with pytest.raises(InputError, match="damaged"):
        snapshots.current()


def test_a_changed_row_is_found(whole: Path, snapshots: SnapshotStore) -> None:
    data = bytearray((whole / "pixels.npy").read_bytes())
    data[-1] ^= 1
    (whole / "pixels.npy").write_bytes(data)
    with pytest.raises(InputError, match="Row 2 "):
        snapshots.current().verify()


def test_a_snapshot_under_another_name_is_refused(whole: Path, snapshots: SnapshotStore) -> None:
    other = "0" * 64
    shutil.copytree(whole, whole.with_name(other))
    with pytest.raises(InputError, match="digest"):
        snapshots.open(other)
    with pytest.raises(InputError, match="no digest"):
        snapshots.open("../records")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"record": "../snapshots"}', '{"record": 1}'])
def test_a_damaged_pointer_is_said(tmp_path: Path, whole: Path, content: str) -> None:
    (tmp_path / "store" / "current.json").write_text(content)
    with pytest.raises(InputError, match="missing or damaged"):
        SnapshotStore(tmp_path / "store")


def test_a_damaged_record_is_said(tmp_path: Path, whole: Path, snapshots: SnapshotStore) -> None:
    (record,) = (tmp_path / "store" / "records").iterdir()
    table = json.loads((record / "record.json").read_text())
    table["cohorts"]["ant"][0]["rows"] = "xyz"
    (record / "record.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match="record"):
        snapshots.refresh(folder_of(tmp_path / "data"), SAME, RULES)


def test_reading_in_one_thread_gives_the_same(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "data", ant=list(range(40)))
    digests = {
        SnapshotStore(tmp_path / f"store-{threads}")
        .refresh(source, SAME, replace(RULES, threads=threads))
        .digest
        for threads in (1, 5)
    }
    assert len(digests) == 1
