"""Rows that are read while models look at others are the same, in the same order."""

import threading

import numpy as np
import pytest

from provider.answers.class_rows import batches
from provider.dataset import ClassImages, Float32, Indices
from tests.labelled import pictures


class Watched(ClassImages):
    """Says how many batches were read, and fails at one where asked to."""

    def __init__(self, fail_at: int | None = None) -> None:
        super().__init__(pictures({"ant": 700, "bee": 50}))
        self.read = 0
        self.fail_at = fail_at
        self.another = threading.Event()

    def images(self, rows: Indices) -> Float32:
        self.read += 1
        if self.read == self.fail_at:
            raise OSError("the disk is gone")
        if self.read > 1:
            self.another.set()
        return super().images(rows)


def rows(data: ClassImages) -> list[Indices]:
    return [data.rows_of(name) for name in ("ant", "dog", "bee")]


def test_the_batches_are_the_same() -> None:
    data = Watched()
    plain, early = (list(batches(data, rows(data), 1, ahead=ahead)) for ahead in (False, True))
    assert len(plain) == len(early) == 3
    for one, other in zip(plain, early, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.labels, other.labels)


def test_the_next_batch_is_read_meanwhile_and_no_more() -> None:
    data = Watched()
    each = batches(data, rows(data), 1, ahead=True)
    next(each)
    assert data.another.wait(60)
    assert data.read == 2
    assert len(list(each)) == 2


def test_what_goes_wrong_meanwhile_is_said() -> None:
    data = Watched(fail_at=2)
    with pytest.raises(OSError, match="the disk is gone"):
        list(batches(data, rows(data), 1, ahead=True))


def test_no_rows_make_no_batch() -> None:
    data = Watched()
    assert list(batches(data, [], 1, ahead=True)) == []
    assert list(batches(data, [data.rows_of("dog")], 1, ahead=True)) == []
