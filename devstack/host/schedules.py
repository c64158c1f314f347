"""Six-field NCRONTAB: `{second} {minute} {hour} {day} {month} {day of week}`, in UTC. No I/O.

Fields take `*`, numbers, English names of months and days, ranges, lists and steps. As in NCrontab, day and day of
week both have to match. TimeSpan schedules (`00:05:00`) are not read.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

_FIELDS: Final = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12))
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Every date that recurs at all recurs within eight years (29 February around 2100).
_HORIZON: Final = 366 * 8 + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A parsed expression: the allowed values of each field, ascending. Sunday is 0."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: dt.datetime) -> dt.datetime | None:
        """Return the first occurrence after `moment` (aware), or None where there is none, as on 30 February."""
        start = moment.astimezone(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)
        for offset in range(_HORIZON):
            day = start.date() + dt.timedelta(days=offset)
            if day.day not in self.days or day.month not in self.months or day.isoweekday() % 7 not in self.weekdays:
                continue
            time = self._first_time(start.time() if offset == 0 else dt.time())
            if time is not None:
                return dt.datetime.combine(day, time, dt.UTC)
        return None

    def _first_time(self, earliest: dt.time) -> dt.time | None:
        for hour in self.hours:
            for minute in self.minutes:
                # The last second decides whether this minute can still hold an occurrence.
                if (hour, minute, self.seconds[-1]) < (earliest.hour, earliest.minute, earliest.second):
                    continue
                candidates = (dt.time(hour, minute, second) for second in self.seconds)
                return next(time for time in candidates if time >= earliest)
        return None


def read_schedule(expression: str) -> Schedule:
    """Parse an expression.

    Raises:
        ValueError: It has not six fields, or a field is out of range.
    """
    fields = expression.split()
    if len(fields) != len(_FIELDS) + 1:
        raise ValueError(f"a schedule has six fields, not {len(fields)}: {expression!r}")
    parsed = [_read_field(text, *bounds) for text, bounds in zip(fields, _FIELDS, strict=False)]
    weekdays = frozenset(day % 7 for day in _read_field(fields[5], "day of week", 0, 7))
    return Schedule(
        seconds=parsed[0],
        minutes=parsed[1],
        hours=parsed[2],
        days=frozenset(parsed[3]),
        months=frozenset(parsed[4]),
        weekdays=weekdays,
    )


def _read_field(text: str, name: str, low: int, high: int) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        start = low if span == "*" else _read_number(first, name)
        end = _read_number(last, name) if dash else high if span == "*" or step else start
        if not (low <= start <= end <= high) or (step and not (step.isascii() and step.isdigit() and int(step))):
            raise ValueError(f"{part!r} is no {name}")
        values.update(range(start, end + 1, int(step or 1)))
    return tuple(sorted(values))


def _read_number(text: str, name: str) -> int:
    if name == "month" and text in _MONTHS:
        return _MONTHS.index(text) + 1
    if name == "day of week" and text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is no {name}")
    return int(text)
