import numpy as np
import pytest

from provider import dataset as dataset_module
from provider.dataset import ClassImages, Dataset, DspritesDomain
from synlearn.datasets.dsprites import (
    Domain,
    domain_images,
    domain_images_packed,
    domain_targets,
    split,
)
from synlearn.datasets.labelled_images import labelled_images
from synlearn.errors import InputError


def test_the_rows_are_the_training_rows_of_the_split() -> None:
    dataset: Dataset = DspritesDomain(612, split_seed=3)
    rows = np.array([799, 0, 5, 5])
    kept = split(Domain(612), 3).training[rows]
    assert (dataset.rows, dataset.input_shape, dataset.targets) == (800, (1, 64, 64), 2)
    assert dataset.classes == {"dsprites/612": 800}
    assert dataset.rows_of("dsprites/612").tolist() == list(range(800))
    assert dataset.rows_of("dsprites/613").size == 0
    images, values = dataset.images(rows), dataset.values(rows)
    np.testing.assert_array_equal(images[:, 0], domain_images(Domain(612))[kept])
    np.testing.assert_allclose(values, domain_targets()[kept], rtol=1e-6)
    assert images.dtype == values.dtype == np.float32


def test_nothing_is_rendered_before_a_row_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[Domain] = []
    original = domain_images_packed

    def watched(domain: Domain) -> np.ndarray:
        rendered.append(domain)
        return original(domain)

    monkeypatch.setattr(dataset_module, "domain_images_packed", watched)
    dataset = DspritesDomain(7, split_seed=0)
    dataset.values(np.array([0]))
    assert rendered == []
    dataset.images(np.array([0]))
    dataset.images(np.array([1]))
    assert rendered == [Domain(7)]


def test_a_domain_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="no dSprites domain 720"):
        DspritesDomain(720, split_seed=0)


def test_labelled_images_are_rows_of_their_classes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), np.uint8)
    names = ("ant", "bee", "cat", "dog")
    labels = np.array([3, 0, 3, 1, 0, 3])
    dataset: Dataset = ClassImages(labelled_images(pixels, labels, names, None, where="here"))
    assert (dataset.rows, dataset.input_shape, dataset.targets) == (6, (3, 4, 5), 0)
    assert dataset.classes == {"ant": 2, "bee": 1, "dog": 3}
    assert list(dataset.classes) == ["ant", "bee", "dog"]
    assert dataset.rows_of("ant").tolist() == [1, 4]
    assert dataset.rows_of("dog").tolist() == [0, 2, 5]
    assert dataset.rows_of("cat").size == dataset.rows_of("eel").size == 0
    rows = np.array([5, 1, 1])
    images = dataset.images(rows)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(
        images, (pixels[rows] / np.float32(255)).astype(np.float32).transpose(0, 3, 1, 2)
    )
    assert dataset.values(rows).shape == (3, 0)
