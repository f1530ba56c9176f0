import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from provider.feature_store import FeatureStore, Key
from synlearn.errors import InputError


def key(model: str = "m", **changed: str | frozenset[str]) -> Key:
    values = {"kind": "outputs", "data": "d", "classes": frozenset({"ant", "bee"})}
    return Key(model=model, **{**values, **changed})  # type: ignore[arg-type]


def table(seed: int, rows: int = 10, width: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def write(store: FeatureStore, tables: dict[Key, np.ndarray]) -> None:
    rows = len(next(iter(tables.values())))
    widths = [each.shape[1] for each in tables.values()]
    with store.writers(list(tables), rows, widths) as writers:
        for start in range(0, rows, 3):
            for writer, each in zip(writers, tables.values(), strict=True):
                writer.add(each[start : start + 3])


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_what_was_written_is_read_also_by_the_next_process(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "kept", 10_000)
    tables = {key("m"): table(0), key("n"): table(1)}
    assert store.open(key("m"), 10, 4) is None
    write(store, tables)
    for each in (store, FeatureStore(tmp_path / "kept", 10_000)):
        for name, wanted in tables.items():
            found = each.open(name, 10, 4)
            assert found is not None
            assert found.dtype == np.float32
            assert not found.flags.writeable
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    "other",
    [
        key("n"),
        key(kind="features"),
        key(data="e"),
        key(classes=frozenset({"ant"})),
        key(classes=frozenset({"antbee"})),
    ],
)
def test_another_key_is_another_table(other: Key, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 10_000)
    write(store, {key(): table(0)})
    assert store.open(other, 10, 4) is None
    (kept,) = files(tmp_path)
    kept.rename(tmp_path / f"{other.digest.hex()}.features")  # somebody moved it there
    warnings: list[str] = []
    assert FeatureStore(tmp_path, 10_000, warnings.append).open(other, 10, 4) is None
    assert len(warnings) == 1


def test_tables_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "kept", 10_000)
    write(store, {key(): table(0)})
    (kept,) = files(tmp_path / "kept")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


@pytest.mark.parametrize("place", [0, 9, 30, 63, 64, 100, 223])
@pytest.mark.parametrize("length", [0, 40, 64, 223, 224])
def test_a_damaged_table_is_removed_and_said_once(place: int, length: int, tmp_path: Path) -> None:
    write(FeatureStore(tmp_path, 10_000), {key(): table(0)})
    (kept,) = files(tmp_path)
    data = bytearray(kept.read_bytes())
    assert len(data) == 224
    if length == len(data):
        data[place] ^= 1
    unimportant = length == len(data) and 56 <= place < 64  # the header's padding
    kept.write_bytes(data[:length])
    warnings: list[str] = []
    store = FeatureStore(tmp_path, 10_000, warnings.append)
    assert (store.open(key(), 10, 4) is not None) == unimportant
    assert (store.open(key(), 10, 4) is not None) == unimportant
    assert len(warnings) == (not unimportant)
    write(store, {key(): table(0)})
    found = store.open(key(), 10, 4)
    assert found is not None
    np.testing.assert_array_equal(found, table(0))


def test_a_table_that_vanishes_is_no_error(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 10_000, lambda _: None)
    write(store, {key(): table(0)})
    files(tmp_path)[0].unlink()
    assert store.open(key(), 10, 4) is None
    store.clear()


def test_a_table_of_other_rows_is_not_taken(tmp_path: Path) -> None:
    write(FeatureStore(tmp_path, 10_000), {key(): table(0)})
    assert FeatureStore(tmp_path, 10_000, lambda _: None).open(key(), 20, 2) is None


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def rows() -> Iterator[np.ndarray]:
        yield table(0)
        raise RuntimeError("the model")

    store = FeatureStore(tmp_path, 10_000)
    with pytest.raises(RuntimeError, match="the model"):
        add(store, rows())
    assert files(tmp_path) == []
    assert store.used == 0


def add(store: FeatureStore, parts: Iterable[np.ndarray]) -> None:
    with store.writers([key("m"), key("n")], 20, [4, 4]) as writers:
        for part in parts:
            for writer in writers:
                writer.add(part)


def test_what_a_killed_writer_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "abc.features.partial").write_bytes(b"half of it")
    FeatureStore(tmp_path, 10_000)
    assert files(tmp_path) == []


def have(store: FeatureStore, names: Sequence[str]) -> str:
    return "".join(name for name in names if store.open(key(name), 10, 4) is not None)


def test_the_least_recently_used_table_makes_room(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 3 * 224)
    for name in "abc":
        write(store, {key(name): table(0)})
    assert store.open(key("a"), 10, 4) is not None
    write(store, {key("d"): table(1)})
    assert have(store, "bacd") == "acd"
    assert store.used == 3 * 224
    again = FeatureStore(tmp_path, 2 * 224)  # with less room, and the order of use still known
    assert have(again, "abcd") == "cd"


def test_a_table_that_cannot_fit_drives_out_no_other(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 300)
    write(store, {key("a"): table(0)})
    with pytest.raises(OSError, match="more than may be kept"):
        write(store, {key("b"): table(0, rows=100)})
    assert have(store, "ab") == "a"


def test_a_table_in_use_outlives_its_removal(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 224)
    write(store, {key("a"): table(0)})
    mapped = store.open(key("a"), 10, 4)
    write(store, {key("b"): table(1)})
    assert mapped is not None
    np.testing.assert_array_equal(mapped, table(0))


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot be used \(.*\); correct its permissions"):
        FeatureStore(tmp_path / "file" / "kept", 1000)


def test_no_more_tables_are_kept_than_may_be_however_small(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 10**9, most=2)
    for name in ("a", "b", "c"):
        write(store, {key(name): table(0)})
    assert [store.open(key(name), 10, 4) is not None for name in "abc"] == [False, True, True]
    assert len(files(tmp_path)) == 2
    with pytest.raises(OSError, match="3 tables"):
        write(store, {key(name): table(0) for name in "def"})
