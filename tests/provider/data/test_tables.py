import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provider.data.labels import LabelMap
from provider.data.settings import DataSettings, SnapshotRules, open_source
from provider.data.source import RowError, Source
from provider.data.store import SnapshotStore
from synlearn.errors import InputError
from synlearn.settings import from_table
from tests.provider.data.folders import floats, pixels, put

ALL = SnapshotRules(min_rows=1, most_corrupt=1.0)
SAME = LabelMap({name: name for name in ("ant", "bee", "7", "all")})


def source(path: Path, kind: str, **options: object) -> Source:
    table = {"path": str(path), "kind": kind, "height": 6, "width": 5, **options}
    return open_source(from_table(DataSettings, table, "node.toml"))


def written(path: Path, columns: dict[str, list[object]]) -> Path:
    """Write columns as CSV or Parquet, by the file's name."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        lines = zip(*columns.values(), strict=True)
        cells = [",".join("" if cell is None else str(cell) for cell in line) for line in lines]
        path.write_text("\n".join([",".join(columns), *cells]) + "\n", encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_paths_in_a_table_are_images(tmp_path: Path, suffix: str) -> None:
    for number in range(4):
        put(tmp_path / "scans" / f"{number}.png", number)
    (tmp_path / "scans" / "bad.png").write_bytes(b"no image")
    table = written(
        tmp_path / f"t{suffix}",
        {
            "image": [*(f"scans/{n}.png" for n in range(4)), "scans/bad.png", "none.png", None],
            "label": ["bee", "ant", "bee", None, "ant", "ant", "ant"],
            "age": [1.5, 2, 3, 4, 5, 6, 7],
        },
    )
    data = source(table, "image table", target_columns=["age"])
    assert data.local_classes() == {"ant": 4, "bee": 2}
    snapshots = SnapshotStore(tmp_path / "store")
    report = snapshots.refresh(data, SAME, ALL)
    assert report.classes == {"ant": 1, "bee": 2}
    said = [str(row) for row in report.corrupt]
    assert "has no label" in said[0]
    assert "damaged" in said[1]
    assert "cannot be read (No such file" in said[2]
    assert "no path" in said[3]
    dataset = snapshots.current()
    rows = dataset.rows_of("bee")
    np.testing.assert_array_equal(dataset.images(rows), floats([0, 2]))
    np.testing.assert_array_equal(dataset.values(rows), [[1.5], [3]])
    assert snapshots.refresh(data, SAME, ALL).reused == 3


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_numbers_in_a_table_are_features(tmp_path: Path, suffix: str) -> None:
    table = written(
        tmp_path / f"t{suffix}",
        {
            "y": [0.5, 0.25, 0.125, 1],
            "kind": [7, 7, 7, 7],
            "b": [1.5, -2, float("nan"), 3],
            "a": [10, 20, 30, 40],
        },
    )
    data = source(
        table,
        "feature table",
        label_column="kind",
        feature_columns=["a", "b"],
        target_columns=["y"],
    )
    assert data.local_classes() == {"7": 4}
    snapshots = SnapshotStore(tmp_path / "store")
    report = snapshots.refresh(data, SAME, ALL)
    assert [str(row).partition(" has ")[2] for row in report.corrupt] == [
        "a feature that is no finite number"
    ]
    dataset = snapshots.current()
    assert (dataset.input_shape, dataset.targets) == ((2, 1, 1), 1)
    rows = dataset.rows_of("7")
    np.testing.assert_array_equal(dataset.images(rows)[:, :, 0, 0], [[10, 1.5], [20, -2], [40, 3]])
    np.testing.assert_array_equal(dataset.values(rows), [[0.5], [0.25], [1]])
    dataset.verify()


def test_without_labels_all_rows_are_of_one_class(tmp_path: Path) -> None:
    table = written(tmp_path / "t.csv", {"a": [1, 2], "y": [3, 4]})
    data = source(
        table, "feature table", label_column="", feature_columns=["a"], target_columns=["y"]
    )
    assert data.local_classes() == {"all": 2}
    report = SnapshotStore(tmp_path / "store").refresh(data, SAME, ALL)
    assert report.classes == {"all": 2}


def test_lines_of_another_length_are_bad_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,label\n1,ant\n2\n3,ant,x\n\n4,ant\n")
    data = source(tmp_path / "t.csv", "feature table", feature_columns=["a"])
    report = SnapshotStore(tmp_path / "store").refresh(data, SAME, ALL)
    assert [row.origin for row in report.corrupt] == ["t.csv, line 3", "t.csv, line 4"]
    assert report.rows == 2


def test_paths_may_be_relative_to_another_folder(tmp_path: Path) -> None:
    put(tmp_path / "images" / "1.png", 1)
    (tmp_path / "tables").mkdir()
    table = written(tmp_path / "tables" / "t.csv", {"image": ["1.png"], "label": ["ant"]})
    data = source(table, "image table", images_root=str(tmp_path / "images"))
    np.testing.assert_array_equal(next(iter(data.rows())).read(), pixels(1))


def test_a_pipe_in_a_table_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    table = written(tmp_path / "t.csv", {"image": ["folder.png"], "label": ["ant"]})
    with pytest.raises(RowError, match="no ordinary file"):
        next(iter(source(table, "image table").rows())).read()


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("t.xlsx", b"", "give a .csv or a .parquet"),
        ("t.csv", b"", "no columns named 'a'"),
        ("t.csv", b"a,a,label\n", "2 columns named 'a'"),
        ("t.csv", b"\xff\xfe\x00", "cannot be read as a table"),
        ("t.parquet", b"PAR1 nothing PAR1", "damaged or no Parquet"),
        ("t.parquet", b"", "damaged or no Parquet"),
    ],
)
def test_odd_tables_are_refused(tmp_path: Path, name: str, content: bytes, match: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=match):
        source(tmp_path / name, "feature table", feature_columns=["a"])


def test_a_table_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        source(tmp_path / "t.csv", "image table")
    with pytest.raises(InputError, match="no column of features"):
        source(tmp_path / "t.csv", "feature table")


def test_a_missing_pyarrow_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = written(tmp_path / "t.parquet", {"a": [1], "label": ["ant"]})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"pip install 'synlearn\[parquet\]'"):
        source(table, "feature table", feature_columns=["a"])


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="grey"):
        source(tmp_path, "images", channels=2)
    with pytest.raises(InputError, match="must be one of images"):
        source(tmp_path, "image")
