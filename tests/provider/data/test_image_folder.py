import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from provider.data.image_folder import ImageFolder
from provider.data.source import RowError
from synlearn.datasets.examples import ImageShape
from synlearn.errors import InputError
from tests.provider.data.folders import SHAPE, folder_of, pixels, put


def test_the_class_is_the_first_folder_at_any_depth(tmp_path: Path) -> None:
    put(tmp_path / "bee" / "b.png", 1)
    put(tmp_path / "ant" / "2024" / "may" / "a.png", 2)
    put(tmp_path / "ant" / "z.png", 3)
    (tmp_path / "ant" / "notes.txt").write_text("seen")
    (tmp_path / ".cache").mkdir()
    put(tmp_path / ".cache" / "c.png", 4)
    source = ImageFolder(tmp_path, SHAPE)
    assert source.local_classes() == {"ant": 2, "bee": 1}
    rows = list(source.rows())
    assert [row.origin for row in rows] == ["ant/2024/may/a.png", "ant/z.png", "bee/b.png"]
    assert [row.label for row in rows] == ["ant", "ant", "bee"]
    np.testing.assert_array_equal(rows[0].read(), pixels(2))
    assert source.layout.input_shape == (3, 6, 5)


def test_images_are_brought_to_the_shape(tmp_path: Path) -> None:
    put(tmp_path / "ant" / "a.png", 1)
    grey = next(ImageFolder(tmp_path, ImageShape(1, 3, 4)).rows()).read()
    with Image.open(tmp_path / "ant" / "a.png") as image:
        wanted = image.convert("L").resize((4, 3), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(grey[..., 0], np.asarray(wanted))


def test_what_is_no_image_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    (tmp_path / "ant" / "a.png").write_bytes(b"nothing")
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(tmp_path / "ant" / "b.png")
    whole = put(tmp_path / "ant" / "c.png", 1).read_bytes()
    (tmp_path / "ant" / "c.png").write_bytes(whole[: len(whole) // 2])
    put(tmp_path / "ant" / "d.png", 1)
    said = []
    for row in ImageFolder(tmp_path, SHAPE).rows():
        if row.origin.endswith("d.png"):
            (tmp_path / "ant" / "d.png").unlink()
        with pytest.raises(RowError) as raised:
            row.read()
        said.append(str(raised.value))
    assert "damaged" in said[0]
    assert "8 bits" in said[1]
    assert "damaged" in said[2]
    assert "damaged" in said[3]
    assert not any(str(tmp_path) in text for text in said)


def test_a_name_that_is_no_text_is_said_in_escapes(tmp_path: Path) -> None:
    put(tmp_path / "ant" / "a.png", 1)
    (tmp_path / "ant" / "a.png").rename(tmp_path / "ant" / os.fsdecode(b"\xff.png"))
    (row,) = ImageFolder(tmp_path, SHAPE).rows()
    assert row.origin == r"ant/\xff.png"
    np.testing.assert_array_equal(row.read(), pixels(1))


def test_a_link_inside_the_folder_is_a_row(tmp_path: Path) -> None:
    put(tmp_path / "data" / "ant" / "a.png", 1)
    (tmp_path / "data" / "ant" / "b.png").symlink_to("a.png")
    rows = list(ImageFolder(tmp_path / "data", SHAPE).rows())
    np.testing.assert_array_equal(rows[1].read(), pixels(1))


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    folder_of(tmp_path / "data", ant=[1])
    (tmp_path / "link").symlink_to(tmp_path / "data")
    (row,) = ImageFolder(tmp_path / "link", SHAPE).rows()
    assert row.origin == "ant/001.png"


def test_what_is_no_folder_of_classes_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        ImageFolder(tmp_path / "none", SHAPE)
    (tmp_path / "ant").mkdir()
    with pytest.raises(InputError, match="no class folder with images"):
        ImageFolder(tmp_path, SHAPE).local_classes()
    put(tmp_path / "a.png", 1)
    with pytest.raises(InputError, match=r"a\.png beside its class folders"):
        ImageFolder(tmp_path, SHAPE).local_classes()
