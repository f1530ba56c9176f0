import pytest

from protocols.secagg.rounds import Aborted, Round


def test_the_rounds_follow_one_another_and_end() -> None:
    assert [round_.following for round_ in Round] == [*list(Round)[1:], None]


@pytest.mark.parametrize("round_", Round)
def test_an_abort_says_when_and_why(round_: Round) -> None:
    aborted = Aborted(round_, "nobody came")
    assert aborted.round is round_
    assert str(aborted) == f"the aggregation ended in round {round_.value}: nobody came"
    assert isinstance(aborted, RuntimeError)
