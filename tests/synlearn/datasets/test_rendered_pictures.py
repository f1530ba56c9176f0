import numpy as np

from synlearn.datasets.rendered_pictures import HUES, SHAPES, rendered_groups


def test_groups_are_shapes_textures_and_landscapes() -> None:
    groups = rendered_groups(2)
    assert len(groups) == 2 * len(SHAPES) + len(HUES) + 1
    assert {own.shape for own in groups.values()} == {(2, 32, 32, 3)}
    pictures = {picture.tobytes() for own in groups.values() for picture in own}
    assert len(pictures) == 2 * len(groups)


def test_more_of_a_group_begin_with_the_same() -> None:
    few, many = rendered_groups(1), rendered_groups(2)
    assert all(np.array_equal(many[name][:1], few[name]) for name in few)


def test_plain_shapes_have_two_colours_that_differ() -> None:
    for shape in SHAPES:
        (picture,) = rendered_groups(1)[f"plain/{shape}"]
        colours = np.unique(picture.reshape(-1, 3), axis=0).astype(int)
        assert len(colours) == 2
        assert np.abs(colours[0] - colours[1]).max() > 20


def test_textures_have_their_hue() -> None:
    groups = rendered_groups(4)
    for hue, channel in (("red", 0), ("green", 1), ("blue", 2)):
        assert groups[f"texture/{hue}"].mean(axis=(0, 1, 2)).argmax() == channel
