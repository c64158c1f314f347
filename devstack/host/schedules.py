"""Six-field NCRONTAB: `{second} {minute} {hour} {day} {month} {day of week}`, in UTC. No I/O.

Fields take `*`, numbers, ranges, lists and steps; Sunday is 0. As in NCrontab, day and day of week both have to
match. Names of months and days and TimeSpan schedules (`00:05:00`) are not read.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

_BOUNDS: Final = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_PART: Final = re.compile(r"(?:\*|(\d{1,2})(-\d{1,2})?)(/[1-9]\d?)?")
# Every date that recurs at all recurs within eight years (29 February around 2100).
_HORIZON: Final = 366 * 8 + 2


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed expression: the allowed values of each field, ascending, in the expression's order."""

    fields: tuple[list[int], ...]

    def next_after(self, moment: dt.datetime) -> dt.datetime | None:
        """Return the first occurrence after `moment` (aware), or None where there is none, as on 30 February."""
        seconds, minutes, hours, days, months, weekdays = self.fields
        times = [dt.time(hour, minute, second) for hour in hours for minute in minutes for second in seconds]
        start = moment.astimezone(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)
        for offset in range(_HORIZON):
            day = start.date() + dt.timedelta(days=offset)
            if day.day not in days or day.month not in months or day.isoweekday() % 7 not in weekdays:
                continue
            time = next((time for time in times if offset or time >= start.time()), None)
            if time is not None:
                return dt.datetime.combine(day, time, dt.UTC)
        return None


def read_schedule(expression: str) -> Schedule:
    """Parse an expression.

    Raises:
        ValueError: It has not six fields, or a field is out of range.
    """
    fields = expression.split()
    if len(fields) != len(_BOUNDS):
        raise ValueError(f"a schedule has six fields, not {len(fields)}: {expression!r}")
    return Schedule(tuple(_read_field(text, *bounds) for text, bounds in zip(fields, _BOUNDS, strict=True)))


def _read_field(text: str, low: int, high: int) -> list[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no part of a schedule")
        first, last, step = match.groups()
        start = int(first or low)
        end = int(last[1:]) if last else start if first and not step else high
        if not low <= start <= end <= high:
            raise ValueError(f"{part!r} is not between {low} and {high}")
        values.update(range(start, end + 1, int(step[1:]) if step else 1))
    return sorted(values)
