import numpy as np
import pytest

from provider.dataset import ClassImages
from provider.rounded_rows import RoundedRows
from tests.labelled import pictures


class Digested(ClassImages):
    """Labelled images that can name their content."""

    digest = "a" * 64


@pytest.fixture
def rows() -> RoundedRows:
    return RoundedRows(Digested(pictures({"ant": 23, "bee": 10, "cow": 9}, 3)), 10)


def test_each_class_has_a_multiple_and_small_ones_are_not_there(rows: RoundedRows) -> None:
    assert rows.classes == {"ant": 20, "bee": 10}
    assert rows.rows == 30
    assert len(rows.rows_of("cow")) == 0


def test_every_row_is_of_one_class_and_keeps_its_picture(rows: RoundedRows) -> None:
    whole = Digested(pictures({"ant": 23, "bee": 10, "cow": 9}, 3))
    seen = np.concatenate([rows.rows_of(name) for name in rows.classes])
    assert sorted(seen) == list(range(30))
    for name in rows.classes:
        kept = whole.images(whole.rows_of(name)[: rows.classes[name]])
        np.testing.assert_array_equal(rows.images(rows.rows_of(name)), kept)


def test_other_multiples_are_other_data(rows: RoundedRows) -> None:
    whole = Digested(pictures({"ant": 23}, 3))
    assert RoundedRows(whole, 1).digest != RoundedRows(whole, 10).digest
    assert RoundedRows(whole, 1).rows == 23
