"""Packed files, on a dSprites of three domains so that the tests stay fast."""

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets import dsprites_file
from synlearn.datasets.dsprites import DOMAINS, domain_images, latents_classes
from synlearn.datasets.dsprites_file import open_packed, write_original, write_rendered
from synlearn.errors import InputError

FEW = DOMAINS[:3]
ROWS = 1024 * len(FEW)


@pytest.fixture(autouse=True)
def few_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsprites_file, "DOMAINS", FEW)
    monkeypatch.setattr(dsprites_file, "IMAGE_COUNT", ROWS)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    write_rendered(tmp_path / "dsprites.npy")
    return tmp_path / "dsprites.npy"


def original(path: Path, **changed: np.ndarray) -> Path:
    """Write a file like the original's, its pickled metadata included."""
    arrays = {
        "metadata": np.array({"author": "whoever"}, dtype=object),
        "imgs": np.concatenate([domain_images(domain) for domain in FEW]),
        "latents_classes": latents_classes(np.arange(ROWS)),
    }
    np.savez_compressed(path, **{**arrays, **changed}, allow_pickle=True)
    return path


def test_a_rendered_file_holds_every_domain(packed: Path) -> None:
    dsprites = open_packed(packed, verify=True)
    assert dsprites.packed.shape == (ROWS, 512)
    assert not dsprites.packed.flags.writeable
    for domain in FEW:
        np.testing.assert_array_equal(dsprites.domain(domain), domain_images(domain))
    rows = np.array([2048, 5])
    np.testing.assert_array_equal(dsprites.images(rows)[0], domain_images(FEW[2])[0])
    np.testing.assert_array_equal(dsprites.images(rows)[1], domain_images(FEW[0])[5])


def test_threads_do_not_change_the_bytes_and_progress_is_told(tmp_path: Path, packed: Path) -> None:
    done: list[int] = []
    digest = write_rendered(tmp_path / "threaded.npy", threads=2, on_domain=done.append)
    assert done == [1, 2, 3]
    assert digest == open_packed(packed).digest
    assert digest == hashlib.sha256((tmp_path / "threaded.npy").read_bytes()).hexdigest()


def test_the_original_gives_the_same_file_and_is_never_unpickled(
    tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = original(tmp_path / "original.npz")
    monkeypatch.setattr("pickle.load", pytest.fail)
    monkeypatch.setattr("pickle.loads", pytest.fail)
    assert write_original(tmp_path / "o.npy", source) == open_packed(packed).digest


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"imgs": np.zeros((ROWS, 32, 32), np.uint8)}, "its array imgs is uint8 of shape"),
        ({"imgs": np.full((ROWS, 64, 64), 255, np.uint8)}, "pixels other than 0 and 1"),
        ({"imgs": np.array(["a"], dtype=object)}, "other than plain arrays"),
        ({"latents_classes": np.zeros((ROWS, 6), np.int64)}, "in another order"),
        ({"latents_classes": np.zeros((ROWS, 5), np.int64)}, "its array latents_classes is int64"),
    ],
)
def test_files_unlike_the_original_are_refused(
    tmp_path: Path, changed: dict[str, np.ndarray], message: str
) -> None:
    source = original(tmp_path / "original.npz", **changed)
    with pytest.raises(InputError, match=message):
        write_original(tmp_path / "out.npy", source)
    assert list(tmp_path.glob("*.npy")) == []


def test_a_file_that_is_missing_truncated_or_of_other_arrays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        write_original(tmp_path / "out.npy", tmp_path / "nothing.npz")
    source = original(tmp_path / "original.npz")
    source.write_bytes(source.read_bytes()[:-100])
    with pytest.raises(InputError, match="is damaged or is not"):
        write_original(tmp_path / "out.npy", source)
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("other.npy", b"")
    with pytest.raises(InputError, match="is damaged or is not"):
        write_original(tmp_path / "out.npy", source)


def test_a_writer_that_fails_leaves_the_former_file(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_midway(threads: int) -> Iterator[np.ndarray]:
        yield np.zeros((1024, 512), np.uint8)
        raise OSError("disk full")

    monkeypatch.setattr(dsprites_file, "_rendered", fails_midway)
    with pytest.raises(OSError, match="disk full"):
        write_rendered(packed)
    open_packed(packed, verify=True)
    assert len(list(packed.parent.iterdir())) == 2


def test_damage_is_named(packed: Path) -> None:
    whole = packed.read_bytes()
    packed.write_bytes(whole[:-1] + b"\xff")
    open_packed(packed)
    with pytest.raises(InputError, match="was changed"):
        open_packed(packed, verify=True)
    packed.write_bytes(whole[:-1])
    with pytest.raises(InputError, match="truncated"):
        open_packed(packed)
    np.save(packed, np.zeros((2, 512), np.uint8))
    with pytest.raises(InputError, match="does not hold"):
        open_packed(packed)
    packed.unlink()
    with pytest.raises(InputError, match="missing"):
        open_packed(packed)
