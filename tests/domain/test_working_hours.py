"""When people work."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.working_hours import DAY_MIN, DAYS, WorkingHours

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, hours: WorkingHours) -> bool:
    """Whether people work at this local time."""
    return hours.cover(datetime.fromisoformat(text).replace(tzinfo=hours.zone).timestamp())


class WorkingHoursTests(SynchronousTestCase):
    """Days, times and zones."""

    def test_default(self) -> None:
        """From nine to five, Monday to Friday, the last minute not included."""
        hours = WorkingHours()
        for text, expected in (
            ("2026-11-27 09:00", True),  # a Friday
            ("2026-11-27 16:59:59", True),
            ("2026-11-27 17:00", False),
            ("2026-11-27 08:59:59", False),
            ("2026-11-28 12:00", False),
            ("2026-11-29 12:00", False),
            ("2026-11-30 12:00", True),
        ):
            self.assertEqual(expected, at(text, hours), text)

    def test_zone(self) -> None:
        """The clocks of the zone count, in summer and in winter."""
        hours = WorkingHours(zone=BERLIN)
        for text, expected in (
            ("2026-07-01T07:00:00+00:00", True),
            ("2026-07-01T06:59:00+00:00", False),
            ("2026-12-01T07:59:00+00:00", False),
            ("2026-12-01T08:00:00+00:00", True),
        ):
            self.assertEqual(expected, hours.cover(datetime.fromisoformat(text).timestamp()), text)

    def test_night(self) -> None:
        """Hours over midnight belong to the day on which they begin."""
        hours = WorkingHours(frozenset({"friday"}), 22 * 60, 6 * 60)
        for text, expected in (
            ("2026-11-27 05:00", False),
            ("2026-11-27 22:00", True),
            ("2026-11-28 05:59", True),
            ("2026-11-28 06:00", False),
            ("2026-11-28 22:00", False),
        ):
            self.assertEqual(expected, at(text, hours), text)

    @given(st.integers(0, 2**32), st.integers(0, DAY_MIN - 1), st.sampled_from(["UTC", "zone"]))
    def test_whole_day(self, now: int, start: int, zone: str) -> None:
        """Equal times are the whole day, whenever it begins."""
        where = BERLIN if zone == "zone" else UTC
        self.assertTrue(WorkingHours(frozenset(DAYS), start, start, where).cover(now))
        self.assertFalse(WorkingHours(frozenset(), start, start, where).cover(now))
