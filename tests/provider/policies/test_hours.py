from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.policies.hours import Opening
from provider.policies.rules import WEEKDAYS, HoursRules

BERLIN = "Europe/Berlin"
OFFICE = HoursRules(BERLIN, WEEKDAYS[:5], "08:00", "18:00")
NIGHT = HoursRules(BERLIN, WEEKDAYS, "22:00", "06:00")


def at(text: str, zone: str = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def opens(rules: HoursRules, now: str) -> float | None:
    return Opening.of(rules).next_opening(at(now, rules.timezone))


def test_office_hours() -> None:
    assert opens(OFFICE, "2026-03-04 08:00") is None
    assert opens(OFFICE, "2026-03-04 17:59") is None
    assert opens(OFFICE, "2026-03-04 18:00") == at("2026-03-05 08:00")
    assert opens(OFFICE, "2026-03-04 07:59") == at("2026-03-04 08:00")
    assert opens(OFFICE, "2026-03-06 18:00") == at("2026-03-09 08:00"), "over the weekend"


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday = HoursRules(BERLIN, ("fri",), "22:00", "06:00")
    assert opens(friday, "2026-03-07 05:59") is None
    assert opens(friday, "2026-03-06 05:59") == at("2026-03-06 22:00")
    assert opens(friday, "2026-03-07 06:00") == at("2026-03-13 22:00")


def test_days_alone_are_whole_days() -> None:
    weekend = HoursRules("UTC", ("sat", "sun"))
    assert opens(weekend, "2026-03-07 00:00") is None
    assert opens(weekend, "2026-03-08 23:59") is None
    assert opens(weekend, "2026-03-09 00:00") == at("2026-03-14 00:00", "UTC")
    assert opens(HoursRules(), "2026-03-09 00:00") is None


def test_the_clock_goes_forward_in_the_night() -> None:
    """On 29 March 2026, 02:00 becomes 03:00 in Berlin."""
    assert at("2026-03-29 06:00") - at("2026-03-28 22:00") == 7 * 3600
    assert opens(NIGHT, "2026-03-29 05:59") is None
    assert opens(NIGHT, "2026-03-29 06:00") == at("2026-03-29 22:00")
    skipped = HoursRules(BERLIN, ("sun",), "02:30", "04:00")
    leap = at("2026-03-29 03:00")
    assert opens(skipped, "2026-03-29 01:59") == leap
    assert Opening.of(skipped).next_opening(leap) is None
    assert Opening.of(skipped).next_opening(leap - 1) == leap


def test_the_clock_goes_back_in_the_night() -> None:
    """On 25 October 2026, 03:00 becomes 02:00 in Berlin: 02:30 comes twice."""
    rules = HoursRules(BERLIN, ("sun",), "02:30", "02:45")
    opening = Opening.of(rules)
    first, second = at("2026-10-25 02:30"), at("2026-10-25 02:30", fold=1)
    assert second - first == 3600
    assert opening.next_opening(first - 1) == first
    assert opening.next_opening(second) is None
    assert opening.next_opening(at("2026-10-25 02:45", fold=1)) == at("2026-11-01 02:30")


ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
TIMES = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))


@given(
    st.sampled_from(ZONES),
    st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] != pair[1]),
    st.integers(1_300_000_000, 1_900_000_000),
)
def test_the_next_opening_is_open_and_the_moment_before_is_not(
    zone: str, days: set[str], times: tuple[str, str], now: int
) -> None:
    opening = Opening.of(HoursRules(zone, tuple(sorted(days)), *times))
    start = opening.next_opening(now)
    if start is not None:
        assert now < start <= now + 15 * 24 * 3600
        assert opening.next_opening(start) is None
        assert opening.next_opening(start - 1) == start


@given(st.sampled_from(ZONES[:2]), TIMES, TIMES, st.integers(1_767_000_000, 1_770_000_000))
def test_in_winter_it_is_as_the_wall_clock_says(zone: str, a: str, b: str, now: int) -> None:
    if a == b:
        return
    local = (datetime.fromtimestamp(now, ZoneInfo(zone)) + timedelta(0)).strftime("%H:%M")
    inside = a <= local < b if a < b else local >= a or local < b
    opening = Opening.of(HoursRules(zone, WEEKDAYS, a, b))
    assert (opening.next_opening(now) is None) == inside


@pytest.mark.parametrize(
    "text", ["8:5", "24:00", "08:60", "08.00", "", "\u0660\u0668:\u0660\u0660", "008:00"]
)
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="write a time as"):
        Opening.of(HoursRules(opens=text, closes="23:59"))
