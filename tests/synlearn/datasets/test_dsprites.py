import numpy as np
import pytest

from synlearn.datasets.dsprites import (
    DOMAINS,
    IMAGE_COUNT,
    ORIENTATIONS,
    SCALES,
    Domain,
    domain_images,
    domain_images_packed,
    domain_targets,
    draw_domains,
    latents_classes,
    latents_values,
    split,
)
from synlearn.datasets.dsprites_renderer import Shape, render
from synlearn.errors import InputError


def test_domains_are_the_data_sets_blocks_of_1024_rows() -> None:
    assert len(DOMAINS) * 1024 == IMAGE_COUNT == 737_280
    classes = latents_classes(1024 * np.arange(720) + 1023)
    for domain, row in zip(DOMAINS, classes, strict=True):
        assert row.tolist() == [0, domain.shape, domain.scale, domain.orientation, 31, 31]
        assert Domain.of(domain.shape, domain.scale, domain.orientation) == domain


def test_images_and_targets_follow_the_order_of_the_rows() -> None:
    domain = Domain.of(Shape.HEART, scale=4, orientation=7)
    rows = 1024 * domain.index + np.array([0, 1, 32, 1023])
    values = latents_values(rows)
    images, targets = domain_images(domain)[rows % 1024], domain_targets()[rows % 1024]
    np.testing.assert_array_equal(targets, values[:, 4:])
    np.testing.assert_array_equal(images, render(Shape.HEART, *values[:, 2:].T))
    assert values[0, 2:4].tolist() == [SCALES[4], ORIENTATIONS[7]]
    # posY is the fastest, and points down: from the first row to the second the heart sinks.
    assert np.argmax(images[1].any(axis=1)) > np.argmax(images[0].any(axis=1))
    assert np.argmax(images[2].any(axis=0)) > np.argmax(images[0].any(axis=0))


def test_a_full_turn_repeats_the_first_orientation() -> None:
    for shape in Shape:
        first, last = Domain.of(shape, 2, 0), Domain.of(shape, 2, 39)
        np.testing.assert_array_equal(domain_images_packed(first), domain_images_packed(last))


def test_a_split_is_800_and_224_rows_that_differ_between_domains_and_seeds() -> None:
    training, testing = split(Domain(5), seed=1)
    assert (len(training), len(testing)) == (800, 224)
    np.testing.assert_array_equal(np.sort(np.concatenate([training, testing])), np.arange(1024))
    assert (np.diff(training) > 0).all()
    assert (np.diff(testing) > 0).all()
    for other in (split(Domain(6), seed=1), split(Domain(5), seed=2)):
        assert set(other.testing) != set(testing)


def test_larger_draws_contain_smaller_ones() -> None:
    few, many = draw_domains(96, seed=3), draw_domains(144, seed=3)
    assert len(set(few)) == 96
    assert list(few) == sorted(few)
    assert set(few) < set(many)
    assert draw_domains(720, seed=9) == DOMAINS


@pytest.mark.parametrize("index", [-1, 720])
def test_a_domain_that_is_not_there_is_refused(index: int) -> None:
    with pytest.raises(InputError, match="no dSprites domain"):
        Domain(index)


def test_a_combination_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="scale 6 and orientation 0"):
        Domain.of(Shape.SQUARE, 6, 0)


@pytest.mark.parametrize("count", [0, 721])
def test_an_impossible_draw_is_refused(count: int) -> None:
    with pytest.raises(InputError, match="ask for 1 to 720"):
        draw_domains(count, seed=0)
