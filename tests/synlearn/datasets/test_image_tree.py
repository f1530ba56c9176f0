import io
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from synlearn.datasets.image_tree import open_tree, read_square
from synlearn.errors import InputError


def png(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def write_both(root: Path, files: dict[str, bytes]) -> tuple[Path, Path]:
    """Write files into a folder and into an archive."""
    folder, archive = root / "folder", root / "archive.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
            packed.writestr(name, content)
    return folder, archive


def test_folders_and_archives_look_the_same(tmp_path: Path) -> None:
    picture = png(np.zeros((2, 2), np.uint8))
    files = {"b/2.png": picture, "a/1.PNG": picture, "a/._1.png": b"mac", "a/notes.txt": b"no"}
    for path in write_both(tmp_path, files):
        with open_tree(path) as tree:
            assert [str(name) for name in tree.names] == ["a/1.PNG", "b/2.png"]
            assert tree.read(tree.names[0]) == picture


def test_the_middle_square_is_averaged(tmp_path: Path) -> None:
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 2:4] = (10, 20, 30)
    wide[:2, 4:6] = (100, 0, 0)
    for path in write_both(tmp_path, {"x.png": png(wide)}):
        with open_tree(path) as tree:
            small = read_square(tree, PurePosixPath("x.png"), 2, "RGB")
        assert small.tolist() == [[[10, 20, 30], [100, 0, 0]], [[10, 20, 30], [0, 0, 0]]]


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a folder nor a zip"), open_tree(tmp_path / "no"):
        pass
    (tmp_path / "text.zip").write_bytes(b"no archive")
    with (
        pytest.raises(InputError, match=r"text\.zip is neither"),
        open_tree(tmp_path / "text.zip"),
    ):
        pass
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"), open_tree(tmp_path / "empty"):
        pass
    for path in write_both(tmp_path, {"bad.png": b"not a picture"}):
        with open_tree(path) as tree, pytest.raises(InputError, match=r"bad\.png is damaged"):
            read_square(tree, tree.names[0], 4, "L")
