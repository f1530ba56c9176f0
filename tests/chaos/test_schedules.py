"""Three schedules against a real federation; `./run chaos` plays more."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.chaos import network
from tests.chaos.play import play
from tests.chaos.schedule import KILLED, Fault, Harm, Moment, Schedule, Victim, draw
from tests.chaos.world import World, world


def test_every_process_is_killed_in_every_phase_before_chance_decides() -> None:
    count = len(KILLED) * len(Moment)
    first = [draw(n, 7, 4, partitions=True, disks=True) for n in range(count)]
    pairs = Counter((each.faults[0].victim, each.faults[0].moment) for each in first)
    assert len(pairs) == count
    assert {fault.harm for each in first for fault in each.faults} == {Harm.KILL}


def test_a_schedule_is_drawn_the_same_again_and_in_the_order_of_a_job() -> None:
    order = list(Moment)
    for number in range(40, 80):
        drawn = draw(number, 0, 4, partitions=True, disks=True)
        assert drawn == draw(number, 0, 4, partitions=True, disks=True)
        places = [order.index(fault.moment) for fault in drawn.faults]
        assert places == sorted(places)
    harms = {
        fault.harm
        for number in range(40, 140)
        for fault in draw(number, 0, 4, partitions=True, disks=True).faults
    }
    assert harms == set(Harm)


def test_nothing_is_drawn_that_cannot_be_done_here() -> None:
    harms = {
        fault.harm
        for number in range(200)
        for fault in draw(number, 0, 4, partitions=False, disks=False).faults
    }
    assert harms == {Harm.KILL, Harm.FREEZE}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    may = network.can_be_made()
    with world(tmp_path_factory.mktemp("c"), disks=may, partitions=may) as made:
        yield made


@pytest.mark.integration
@pytest.mark.parametrize(
    ("number", "faults"),
    [
        (0, (Fault(Harm.KILL, Victim.COORDINATOR, 0, Moment.SIGN, 0.0, 1.0),)),
        (
            1,
            (
                Fault(Harm.KILL, Victim.NODE, 1, Moment.PRETRAINING, 0.0, 1.0),
                Fault(Harm.KILL, Victim.NODE, 2, Moment.MASK, 0.0, 1.0),
            ),
        ),
        (2, (Fault(Harm.PARTITION, Victim.NODE, 3, Moment.VALIDATION, 0.0, 15.0),)),
    ],
)
def test_the_job_ends_with_the_right_model_and_nothing_is_charged_twice(
    place: World, number: int, faults: tuple[Fault, ...]
) -> None:
    if place.network is None and any(fault.harm is Harm.PARTITION for fault in faults):
        pytest.skip("networks of their own need root, and the command ip")
    played = play(place, Schedule(number, faults))
    assert not played.wrong, played
