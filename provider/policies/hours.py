"""Hours of work: from a moment to whether the node is open, or when it opens next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from provider.policies.rules import WEEKDAYS, HoursRules

_DAYS_AHEAD = 16
"""Two weeks, for a zone may skip a whole day, and one for a night that began yesterday."""


class HoursError(ValueError):
    """Hours that mean nothing.

    Attributes:
        key: Which key of the section to look at.
    """

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


@dataclass(frozen=True, slots=True)
class Opening:
    """Days and times at which a node answers.

    Attributes:
        zone: Whose clock is meant.
        weekdays: 0 is Monday; the day on which it opens, for hours over midnight.
        opens: Wall-clock time.
        closes: Wall-clock time, excluded; at or before `opens`, on the next day.
    """

    zone: ZoneInfo
    weekdays: frozenset[int]
    opens: time
    closes: time

    @classmethod
    def of(cls, rules: HoursRules) -> Self:
        """The opening that a policy states.

        Raises:
            HoursError: A time zone, day or time that there is not, or only one of two times.
        """
        try:
            zone = ZoneInfo(rules.timezone)
        except (ValueError, OSError, LookupError) as error:  # unknown, a path, a folder
            raise HoursError(
                "timezone",
                f"timezone {rules.timezone[:80]!r} is unknown here; use one like 'Europe/Berlin', "
                "and see that this machine has them (package tzdata).",
            ) from error
        unknown = [day for day in rules.weekdays if day not in WEEKDAYS]
        if unknown or not rules.weekdays or len(set(rules.weekdays)) != len(rules.weekdays):
            raise HoursError(
                "weekdays", f"weekdays has each day at most once, of {', '.join(WEEKDAYS)}."
            )
        if (rules.opens is None) != (rules.closes is None):
            missing = "closes" if rules.closes is None else "opens"
            raise HoursError(missing, f"{missing} is missing; give both times or neither.")
        opens = _time("opens", "00:00" if rules.opens is None else rules.opens)
        closes = _time("closes", "00:00" if rules.closes is None else rules.closes)
        if rules.opens is not None and opens == closes:
            raise HoursError(
                "closes", "opens and closes are the same; leave both out for the whole day."
            )
        return cls(zone, frozenset(map(WEEKDAYS.index, rules.weekdays)), opens, closes)

    def next_opening(self, now: float) -> float | None:
        """None while open; else the unix time of the next opening.

        Wall-clock times are the zone's own: on the day a clock is put back, hours are longer by
        one; a time that the clock skips counts as the moment after the leap.

        Args:
            now: Unix seconds.
        """
        today = datetime.fromtimestamp(now, self.zone).date()
        later = []
        for start, end in self._spans(today - timedelta(days=1)):
            if start <= now < end:
                return None
            if now < start < end:  # the clock may skip all of a day's hours
                later.append(start)
        return min(later)

    def _spans(self, first: date) -> Iterator[tuple[float, float]]:
        """Unix times of opening and closing, of all days from `first` on."""
        for offset in range(_DAYS_AHEAD):
            day = first + timedelta(days=offset)
            if day.weekday() in self.weekdays:
                last = day if self.closes > self.opens else day + timedelta(days=1)
                yield self._at(day, self.opens, fold=0), self._at(last, self.closes, fold=1)

    def _at(self, day: date, at: time, fold: int) -> float:
        """Unix time; of a time that comes twice, the first or (`fold`) the second."""
        local = datetime.combine(day, at.replace(fold=fold), self.zone)
        if local.astimezone(UTC).astimezone(self.zone).time() != at:
            # In the leap the two folds name the moments an hour before and after: take the leap.
            return _leap(local)
        return local.timestamp()


def _leap(local: datetime) -> float:
    """The moment at which the clock jumped over `local`."""
    low = local.replace(fold=1).timestamp()
    high = local.replace(fold=0).timestamp()
    offset = local.replace(fold=1).utcoffset()
    while high - low > 0.5:
        middle = (low + high) / 2
        if datetime.fromtimestamp(middle, local.tzinfo).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return float(round(high))


def _time(key: str, text: str) -> time:
    hours, colon, minutes = text.partition(":")
    digits = hours.isascii() and hours.isdigit() and minutes.isascii() and minutes.isdigit()
    if colon and digits and len(hours) <= 2 and len(minutes) == 2:
        hour, minute = int(hours), int(minutes)
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise HoursError(key, f"{key} is {text[:40]!r}; write a time as '08:30'.")
