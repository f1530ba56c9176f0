from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synlearn.datasets.examples import ImageShape
from synlearn.datasets.image_folder import load_image_folder
from synlearn.errors import InputError
from tests.damage import damaged

SHAPE = ImageShape(channels=1, height=8, width=8)


def draw_image(path: Path, level: int = 255, mode: str = "L", size: int = 8) -> None:
    Image.new(mode, (size, size), level if mode in ("L", "I;16") else (level,) * 3).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, level in (("b.png", 255), ("a.PNG", 0), ("c.png", 51)):
        draw_image(tmp_path / name, level)
    return tmp_path


def table(folder: Path, text: str) -> None:
    (folder / "targets.csv").write_text(text, encoding="utf-8")


def test_images_come_sorted_by_name(folder: Path) -> None:
    (folder / "notes.txt").write_text("no image")
    examples = load_image_folder(folder, SHAPE)
    assert examples.names == ("a.PNG", "b.png", "c.png")
    assert examples.images.shape == (3, 1, 8, 8)
    np.testing.assert_allclose(examples.images.mean(axis=(1, 2, 3)), [0, 1, 0.2], rtol=1e-6)
    assert examples.targets is None


def test_images_are_brought_to_the_shape_asked_for(tmp_path: Path) -> None:
    draw_image(tmp_path / "grey.png", 102, size=5)
    draw_image(tmp_path / "colour.jpg", 102, mode="RGB", size=21)
    for channels in (1, 3):
        examples = load_image_folder(tmp_path, ImageShape(channels, 12, 10))
        assert examples.images.shape == (2, channels, 12, 10)
        np.testing.assert_allclose(examples.images, 0.4, atol=0.005)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_laid_on_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))  # black below, and nothing of it is to be seen
    image.paste((51, 51, 51, 255), (0, 0, 4, 8))
    image.convert(mode).save(tmp_path / "a.png")
    images = load_image_folder(tmp_path, SHAPE).images
    np.testing.assert_allclose(images[0, 0, :, :4], 0.2, atol=0.005)
    np.testing.assert_array_equal(images[0, 0, :, 4:], 1)


def test_a_picture_taken_sideways_is_turned(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 3  # Orientation: half a turn
    image.save(tmp_path / "a.png", exif=exif)
    examples = load_image_folder(tmp_path, SHAPE)
    np.testing.assert_array_equal(examples.images[0, 0, -1], 1)
    assert examples.images.sum() == 8


def test_targets_follow_the_names(folder: Path) -> None:
    table(folder, "\ufefffile,x,y\nc.png,3,0.5\na.PNG,1,0\n\nb.png,2,1e-1\n")
    examples = load_image_folder(folder, SHAPE)
    assert examples.targets is not None
    expected = np.array([[1.0, 0.0], [2.0, 0.1], [3.0, 0.5]])
    np.testing.assert_allclose(examples.targets, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with a header"),
        ("name,x\na.PNG,1\n", "must begin with a header"),
        ("file\na.PNG\n", "must begin with a header"),
        ("file,x\na.PNG,1\nb.png,2\n", "c.png has no line in it"),
        ("file,x\na.PNG,1\nb.png,2\nc.png,3\nd.png,4\n", "d.png has no image"),
        ("file,x\na.PNG,1\nb.png,2\nc.png,3\nb.png,4\n", "line 5: b.png is listed twice"),
        ("file,x\na.PNG,one\nb.png,2\nc.png,3\n", "line 2: expected a file name and 1 number"),
        ("file,x\na.PNG,1,2\nb.png,2\nc.png,3\n", "line 2: expected a file name and 1 number"),
        ("file,x\na.PNG,1\nb.png,nan\nc.png,3\n", "row 1 is not a finite number"),
    ],
)
def test_targets_that_do_not_match(folder: Path, text: str, message: str) -> None:
    table(folder, text)
    with pytest.raises(InputError, match=message) as caught:
        load_image_folder(folder, SHAPE)
    assert "targets.csv" in str(caught.value)


def test_targets_in_another_encoding_are_refused(folder: Path) -> None:
    (folder / "targets.csv").write_bytes("file,höhe\na.PNG,1\n".encode("utf-16"))
    with pytest.raises(InputError, match="save it as CSV in UTF-8"):
        load_image_folder(folder, SHAPE)


def test_folders_without_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        load_image_folder(tmp_path, SHAPE)
    with pytest.raises(InputError, match="is not a folder"):
        load_image_folder(tmp_path / "nowhere", SHAPE)


def test_a_damaged_image_is_named(folder: Path) -> None:
    whole = (folder / "b.png").read_bytes()
    for data in (b"", b"no image", whole[: len(whole) // 2]):
        (folder / "b.png").write_bytes(data)
        with pytest.raises(InputError, match=r"b\.png is damaged"):
            load_image_folder(folder, SHAPE)


def test_a_folder_that_looks_like_an_image_is_named(folder: Path) -> None:
    (folder / "d.png").mkdir()
    with pytest.raises(InputError, match=r"d\.png is damaged"):
        load_image_folder(folder, SHAPE)


def test_an_image_of_16_bits_is_refused_rather_than_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match=r"deep\.png has more than 8 bits"):
        load_image_folder(tmp_path, SHAPE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp"])
def test_random_damage_is_an_input_error_or_harmless(tmp_path: Path, kind: str) -> None:
    buffer = BytesIO()
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(buffer, kind)
    for data in damaged(buffer.getvalue(), copies=150):
        (tmp_path / f"a.{kind}").write_bytes(data)
        try:
            examples = load_image_folder(tmp_path, SHAPE)
        except InputError as error:
            assert f"a.{kind}" in str(error)  # noqa: PT017
        else:
            assert examples.images.shape == (1, 1, 8, 8)
