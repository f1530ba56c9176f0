from coordinator.roll import NO_ROUND, Roll
from protocols.ids import ProviderId

ANT, BEE, CAT = (ProviderId(name) for name in ("ant", "bee", "cat"))


def test_who_goes_is_absent_until_it_enters_again() -> None:
    roll = Roll((ANT, BEE))
    assert roll.round == NO_ROUND
    gone = roll.without([BEE]).without([BEE])
    assert gone.absent == (BEE,)
    back = gone.entered([BEE, CAT], 3)
    assert (back.absent, back.round, back.members) == ((), 3, (ANT, BEE))


def test_a_roll_is_kept_as_tensors() -> None:
    for roll in (Roll(()), Roll((ANT, BEE), (BEE,), 7)):
        assert Roll.of(roll.tensors()) == roll
