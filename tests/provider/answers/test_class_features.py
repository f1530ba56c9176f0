import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from provider.answers import class_features
from provider.answers.class_features import class_feature_sums
from provider.dataset import Indices
from synlearn.mre.backbone import Backbone, BackboneSpec
from tests.labelled import provider_with

torch.manual_seed(0)
BACKBONE = Backbone(BackboneSpec(width=2, features=6)).double()
HELD = {"ant": 12, "bee": 5, "cat": 1}
SLOTS = ("ant", "bee", "dog", "ant", "cat")


class Doubles:
    """The rows in float64, so that sums can be compared to the last digits."""

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self._data = provider_with(counts or HELD)
        self.read: list[int] = []
        self.rows = self._data.rows
        self.input_shape, self.targets = self._data.input_shape, 0
        self.classes, self.rows_of = self._data.classes, self._data.rows_of
        self.values = self._data.values

    def images(self, rows: Indices) -> np.ndarray:
        self.read += rows.tolist()
        return self._data.images(rows).astype(np.float64)


def features(data: Doubles, rows: Indices) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = BACKBONE(torch.from_numpy(data.images(rows))).numpy()
    return found


def sums(rows: list[int], seed: int = 0, data: Doubles | None = None) -> np.ndarray:
    return class_feature_sums(
        data or Doubles(), BACKBONE, SLOTS, np.array(rows), np.random.default_rng(seed)
    )


def test_all_rows_of_a_class_give_the_sum_of_its_features() -> None:
    data = Doubles()
    expected = np.zeros((5, 6))
    for slot, name in enumerate(SLOTS):
        if name in HELD:
            expected[slot] = features(data, data.rows_of(name)).sum(axis=0)
    np.testing.assert_allclose(sums([12, 5, 0, 12, 1]), expected, atol=1e-12)


def test_a_slot_sums_different_rows_of_its_class() -> None:
    """Every subset of two of five rows has a sum of its own, so the sum tells which were drawn."""
    data = Doubles()
    each = features(data, data.rows_of("bee"))
    pairs = [each[a] + each[b] for a in range(5) for b in range(a)]
    seen = set()
    for seed in range(40):
        found = sums([0, 2, 0, 0, 0], seed)
        matches = [i for i, pair in enumerate(pairs) if np.abs(pair - found[1]).max() < 1e-9]
        assert len(matches) == 1
        assert not found[[0, 2, 3, 4]].any()
        seen.add(matches[0])
    assert len(seen) == 10


def test_slots_of_one_class_draw_independently() -> None:
    different = [not np.allclose(*sums([3, 0, 0, 3, 0], seed)[[0, 3]]) for seed in range(20)]
    assert sum(different) > 15


def test_the_same_randomness_draws_the_same() -> None:
    assert sums([3, 2, 0, 3, 1], 7).tobytes() == sums([3, 2, 0, 3, 1], 7).tobytes()


def test_an_image_is_read_once_however_many_slots_drew_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_features, "_IMAGES", 4)
    monkeypatch.setattr(class_features, "_ADDENDS", 3)
    data = Doubles()
    small = sums([12, 5, 0, 12, 1], data=data)
    assert sorted(data.read) == list(range(18))
    monkeypatch.undo()
    np.testing.assert_allclose(small, sums([12, 5, 0, 12, 1]), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=3, max_size=3), st.integers(0, 2**32))
def test_a_slot_stays_within_its_rows(rows: list[int], seed: int) -> None:
    asked = [rows[0], min(rows[1], 5), 0, rows[2], 1]
    found = sums(asked, seed)
    assert (np.abs(found) <= np.array(asked)[:, None]).all()
    assert (np.linalg.norm(found, axis=1) <= np.array(asked) + 1e-9).all()


def test_no_rows_at_all_read_nothing() -> None:
    data = Doubles()
    assert not sums([0] * 5, data=data).any()
    assert data.read == []


@pytest.mark.parametrize("rows", [[13, 0, 0, 0, 0], [0, 0, 1, 0, 0]])
def test_more_rows_than_there_are_is_refused(rows: list[int]) -> None:
    data = Doubles()
    with pytest.raises(Refused) as caught:
        sums(rows, data=data)
    assert caught.value.code is Code.TOO_FEW_ROWS
    assert data.read == []


def test_a_broken_backbone_gives_no_number() -> None:
    """So that the encoding of the masked sum refuses it; a clamp must not hide it."""
    wild = Backbone(BackboneSpec(width=2, features=6)).double()
    with torch.no_grad():
        wild.head.weight.fill_(1e308)
    found = class_feature_sums(
        Doubles(), wild, SLOTS, np.array([2, 0, 0, 0, 0]), np.random.default_rng(0)
    )
    assert np.isnan(found[0]).all()
    assert not found[1:].any()
