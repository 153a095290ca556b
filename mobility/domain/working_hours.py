"""When people work: the days and the time of day for which some of their rules are made."""

from datetime import UTC, datetime, timedelta, tzinfo

import attrs

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""The days of the week, in the order of `datetime.weekday`."""

DAY_MIN = 24 * 60


@attrs.frozen(slots=True)
class WorkingHours:
    """From `start_min` to `end_min` (minutes after midnight in `zone`) on some days of the week.

    Hours that end before they start go on after midnight and belong to the day they started on;
    equal ones are the whole day.
    """

    days: frozenset[str] = frozenset(DAYS[:5])
    start_min: int = 9 * 60
    end_min: int = 17 * 60
    zone: tzinfo = UTC

    def cover(self, now: float) -> bool:
        """Whether people work at `now` (epoch seconds)."""
        local = datetime.fromtimestamp(now, self.zone)
        minute = local.hour * 60 + local.minute
        today, yesterday = _day(local), _day(local - timedelta(days=1))
        if self.start_min < self.end_min:
            return today in self.days and self.start_min <= minute < self.end_min
        begun = today in self.days and minute >= self.start_min
        return begun or (yesterday in self.days and minute < self.end_min)


def _day(local: datetime) -> str:
    return DAYS[local.weekday()]
