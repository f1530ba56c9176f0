from pathlib import Path

import numpy as np
import pytest

from coordinator.aggregation_events import Dropped, MaskedSum
from coordinator.kept_sums import KeptSums
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId, digest_of
from protocols.secagg.rounds import Round
from synlearn.errors import InputError

Q, ASKED = QueryId(2, 5, 0), digest_of(b"asked")
ALICE, BOB = ProviderId("alice"), ProviderId("bob")
SUM = MaskedSum(
    {"sums": np.array([[0.5, -1e-9]]), "count": np.array(12, np.int64)},
    np.array([10, 2], np.int64),
    (ALICE, BOB),
    {ProviderId("carol"): Dropped(Round.SHARE, "gone", Code.PAUSED)},
    2,
)


def test_a_sum_comes_back_in_the_next_process(tmp_path: Path) -> None:
    KeptSums(tmp_path / "sums").keep(Q, ASKED, SUM)
    back = KeptSums(tmp_path / "sums").get(Q, ASKED)
    assert back is not None
    assert (back.survivors, back.attempt, back.dropped) == ((ALICE, BOB), 2, {})
    np.testing.assert_array_equal(back.rows, SUM.rows)
    for name, array in SUM.answer.items():
        np.testing.assert_array_equal(back.answer[name], array)
        assert back.answer[name].dtype == array.dtype
        back.answer[name][...] = 0  # the caller's own


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    sums = KeptSums(tmp_path / "sums")
    assert sums.get(Q, ASKED) is None
    sums.forget(Q)
    assert not (tmp_path / "sums").exists()


def test_what_a_checkpoint_holds_is_forgotten(tmp_path: Path) -> None:
    sums = KeptSums(tmp_path)
    ids = [QueryId(2, 9, 0), QueryId(2, 10, 0), QueryId(2, 10, 15)]
    for query in ids:
        sums.keep(query, ASKED, SUM)
    sums.forget(QueryId(2, 10, 0))
    assert [sums.get(query, ASKED) is not None for query in ids] == [False, False, True]


def test_the_answer_to_another_question_is_not_given(tmp_path: Path) -> None:
    sums = KeptSums(tmp_path)
    sums.keep(Q, ASKED, SUM)
    with pytest.raises(InputError, match="another question"):
        sums.get(Q, digest_of(b"other"))


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_damaged_file(tmp_path: Path, cut: int) -> None:
    sums = KeptSums(tmp_path)
    sums.keep(Q, ASKED, SUM)
    path = tmp_path / "2.5.0.sum"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"2\.5\.0\.sum is damaged"):
        sums.get(Q, ASKED)
