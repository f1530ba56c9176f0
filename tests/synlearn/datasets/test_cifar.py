from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.cifar import load_cifar10, load_cifar100
from synlearn.errors import InputError

RANDOM = np.random.default_rng(0)
PLANES = RANDOM.integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)


def write_records(path: Path, labels: list[tuple[int, ...]], planes: np.ndarray) -> None:
    records = zip(labels, planes, strict=True)
    path.write_bytes(b"".join(bytes(own) + plane.tobytes() for own, plane in records))


@pytest.fixture
def cifar10(tmp_path: Path) -> Path:
    names = [f"data_batch_{batch}.bin" for batch in range(1, 6)] + ["test_batch.bin"]
    for number, name in enumerate(names):
        rows = slice(2 * number, 2 * number + 2)
        write_records(tmp_path / name, [(number,), (9 - number,)], PLANES[rows])
    (tmp_path / "batches.meta.txt").write_text("".join(f"class{c}\n" for c in range(10)) + "\n")
    return tmp_path


@pytest.fixture
def cifar100(tmp_path: Path) -> Path:
    write_records(tmp_path / "train.bin", [(1, 0), (0, 1), (1, 2)], PLANES[:3])
    write_records(tmp_path / "test.bin", [(1, 2)], PLANES[3:4])
    (tmp_path / "fine_label_names.txt").write_text("apple\nbaby\npear\n")
    (tmp_path / "coarse_label_names.txt").write_text("people\nfruit\n")
    return tmp_path


def test_cifar10_is_read_in_the_order_of_its_batches(cifar10: Path) -> None:
    found = load_cifar10(cifar10)
    assert np.array_equal(found.images, PLANES.transpose(0, 2, 3, 1))
    assert found.labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5, 5, 4]
    assert found.class_names == tuple(f"class{c}" for c in range(10))
    test = load_cifar10(cifar10, splits=("test",))
    assert np.array_equal(test.images, found.images[10:])


def test_cifar100_has_fine_classes_and_their_superclasses(cifar100: Path) -> None:
    found = load_cifar100(cifar100)
    assert found.labels.tolist() == [0, 1, 2, 2]
    assert (found.class_names, found.groups) == (
        ("apple", "baby", "pear"),
        ("fruit", "people", "fruit"),
    )
    assert np.array_equal(found.images[3], PLANES[3].transpose(1, 2, 0))


def test_a_class_in_two_superclasses_is_damage(cifar100: Path) -> None:
    write_records(cifar100 / "test.bin", [(0, 2)], PLANES[:1])
    with pytest.raises(InputError, match="one class into two superclasses"):
        load_cifar100(cifar100)


def test_a_label_without_a_name_is_damage(cifar100: Path) -> None:
    write_records(cifar100 / "test.bin", [(0, 3)], PLANES[:1])
    with pytest.raises(InputError, match="label without a name"):
        load_cifar100(cifar100)


def test_the_pickled_version_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match=r"\*binary\* version of CIFAR-10 .*never read"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("content", [b"", b"x" * 3073])
def test_half_a_record_is_damage(cifar10: Path, content: bytes) -> None:
    (cifar10 / "data_batch_3.bin").write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"data_batch_3\.bin is damaged"):
        load_cifar10(cifar10)


def test_names_are_needed(cifar10: Path) -> None:
    (cifar10 / "batches.meta.txt").unlink()
    with pytest.raises(InputError, match=r"batches\.meta\.txt cannot be read"):
        load_cifar10(cifar10)
