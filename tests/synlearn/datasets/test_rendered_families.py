import numpy as np

from synlearn.datasets.rendered_families import family_groups

GROUPS = family_groups(3)


def test_groups_of_three_families_each_picture_another() -> None:
    families = {name.split("/")[0] for name in GROUPS}
    assert families == {"glyph", "silhouette", "scene"}
    assert {own.shape for own in GROUPS.values()} == {(3, 32, 32, 3)}
    assert len({picture.tobytes() for own in GROUPS.values() for picture in own}) == 3 * len(GROUPS)


def test_more_of_a_group_begin_with_the_same() -> None:
    assert all(np.array_equal(own[:1], family_groups(1)[name]) for name, own in GROUPS.items())


def test_glyphs_and_silhouettes_are_bright_on_dark_and_grey() -> None:
    for name, own in GROUPS.items():
        if not name.startswith("scene"):
            assert np.array_equal(own[..., 0], own[..., 2])
            assert own[:, 0].max() == 0
            assert 0.02 < (own > 80).mean() < 0.8


def test_silhouettes_have_the_outline_of_their_mirror_image() -> None:
    for name, own in GROUPS.items():
        if name.startswith("silhouette"):
            outline = own[..., 0] > 0
            assert np.array_equal(outline, outline[:, :, ::-1])


def test_pictures_of_a_group_are_nearer_to_each_other_than_to_others() -> None:
    for family in ("glyph", "silhouette", "scene"):
        own = np.stack([own for name, own in GROUPS.items() if name.startswith(family)])
        # Blurred, since strokes that are moved by a pixel no longer overlap.
        coarse = own.reshape(len(own), 3, 8, 4, 8, 4, 3).mean(axis=(3, 5)).reshape(len(own), 3, -1)
        flat = coarse.reshape(-1, coarse.shape[-1])
        distance = ((flat[:, None] - flat) ** 2).sum(axis=-1)
        group = np.repeat(np.arange(len(own)), 3)
        same = group[:, None] == group
        np.fill_diagonal(distance, np.nan)
        assert np.nanmean(distance[same]) < 0.7 * distance[~same].mean()
