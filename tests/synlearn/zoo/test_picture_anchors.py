import numpy as np
import pytest

from synlearn.datasets.rendered_families import family_groups
from synlearn.datasets.rendered_pictures import rendered_groups
from synlearn.errors import InputError
from synlearn.zoo.picture_anchors import (
    FAMILY_EACH,
    RENDERED_EACH,
    anchor_bytes,
    anchor_set,
    collect_anchors,
    picture_anchors,
    read_anchors,
)
from tests import mixed

DIGEST = "333c3364cffaab27f5b7ebdd88371af5184bf0408f8ea421edb13a60ffdaa04a"
"""Specifications made with other anchors cannot be compared: a change needs a new version."""


def test_the_shipped_set_is_the_one_that_it_says_it_is() -> None:
    anchors = picture_anchors()
    assert anchors.digest == DIGEST
    assert anchors.pictures.shape == (764, 32, 32, 3)
    assert len(anchors.names) == 126
    assert np.array_equal(np.unique(anchors.groups), np.arange(126))
    assert (np.diff(anchors.groups) >= 0).all()


def test_only_sets_with_open_licences_are_in_it() -> None:
    kinds = {name.split("/")[0] for name in picture_anchors().names}
    assert kinds == {
        "omniglot", "fashion_mnist", "sign_digits",
        "plain", "textured", "texture", "glyph", "silhouette", "scene",
    }  # fmt: skip


def test_rendered_anchors_are_what_is_rendered_up_to_rounding() -> None:
    anchors = picture_anchors()
    for name, pictures in (rendered_groups(RENDERED_EACH) | family_groups(FAMILY_EACH)).items():
        shipped = anchors.pictures[anchors.groups == anchors.names.index(name)]
        different = np.abs(shipped.astype(int) - pictures) > 1
        assert different.mean() < 0.001  # an edge may fall to the other side of a pixel


def test_a_set_is_written_and_read_again() -> None:
    groups = collect_anchors(mixed.pool())
    assert len(groups) == 2 + 26 + 56
    anchors = anchor_set(groups)
    again = read_anchors(anchor_bytes(anchors), "it")
    assert again.digest == anchors.digest
    assert np.array_equal(again.pictures, anchors.pictures)
    assert again.names == anchors.names
    changed = anchor_set({name: 255 - own for name, own in groups.items()})
    assert changed.digest != anchors.digest


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive"])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="it is no set of anchors"):
        read_anchors(data, "it")
