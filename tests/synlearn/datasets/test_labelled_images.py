import numpy as np
import pytest

from synlearn.datasets.labelled_images import labelled_images
from synlearn.errors import InputError

IMAGES = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
LABELS = np.array([0, 1])


def test_grey_images_get_a_channel_and_groups_are_empty_where_there_are_none() -> None:
    found = labelled_images(IMAGES, LABELS, ("a", "b"), None, where="it")
    assert found.images.shape == (2, 4, 4, 1)
    assert found.groups == ("", "")
    assert len(found) == 2


def test_the_digest_depends_on_pixels_labels_and_names() -> None:
    base = labelled_images(IMAGES, LABELS, ("a", "b"), None, where="it")
    others = [
        labelled_images(IMAGES ^ 1, LABELS, ("a", "b"), None, where="it"),
        labelled_images(IMAGES, LABELS[::-1].copy(), ("a", "b"), None, where="it"),
        labelled_images(IMAGES, LABELS, ("a", "c"), None, where="it"),
        labelled_images(IMAGES, LABELS, ("a", "b"), ("g", "g"), where="it"),
    ]
    assert len({base.digest(), *(other.digest() for other in others)}) == 5


@pytest.mark.parametrize(
    ("images", "labels", "names", "groups", "message"),
    [
        (IMAGES.astype(np.float32), LABELS, "ab", None, "expected uint8"),
        (IMAGES[..., None].repeat(2, -1), LABELS, "ab", None, "expected uint8"),
        (IMAGES[:0], LABELS[:0], "ab", None, "holds no image"),
        (IMAGES, LABELS[:1], "ab", None, "one whole number for each image"),
        (IMAGES, LABELS / 2, "ab", None, "one whole number for each image"),
        (IMAGES, LABELS + 1, "ab", None, "labels from 1 to 2"),
        (IMAGES, LABELS - 1, "ab", None, "labels from -1 to 0"),
        (IMAGES, LABELS, "aa", None, "two classes of one name"),
        (IMAGES, LABELS, "ab", "g", "1 groups for 2 classes"),
    ],
)
def test_what_does_not_fit_is_refused(
    images: np.ndarray, labels: np.ndarray, names: str, groups: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=f"it.*{message}"):
        labelled_images(images, labels, tuple(names), groups, where="it")
