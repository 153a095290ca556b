"""When devices are woken: the rules."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.push_rules import (
    BADGE,
    CALL,
    MEETING,
    MESSAGE,
    MISSED_CALL,
    TEST,
    VOICEMAIL,
    WITHDRAWAL,
    PushSettings,
    is_loud,
    lifetime_s,
    quiet_until,
    rank,
    timing,
    topic_of,
)
from mobility.domain.records import PushSubscription

KINDS = (CALL, MEETING, MESSAGE, MISSED_CALL, VOICEMAIL, TEST, BADGE, WITHDRAWAL)
DEVICE = PushSubscription(
    "sip:bob@example.test", "1", "fcm", "app", "token", 0.0, 0.0, 1e10, time_zone="Europe/Berlin"
)
NIGHT = attrs.evolve(DEVICE, quiet_from="22:00", quiet_until="07:00")

clocks = st.builds(
    lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59)
)
zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC"]
)
times = st.floats(1_600_000_000, 2_000_000_000)


def at(text: str) -> float:
    """A moment by the clocks of Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


class QuietHoursTests(SynchronousTestCase):
    def test_over_midnight(self) -> None:
        """Quiet hours go on over midnight, and end on the morning after."""
        morning = at("2026-06-02 07:00")
        for quiet in (
            "2026-06-01 22:00",
            "2026-06-01 23:59",
            "2026-06-02 00:00",
            "2026-06-02 06:59",
        ):
            self.assertEqual(quiet_until(NIGHT, at(quiet)), morning, quiet)
        for loud in ("2026-06-01 21:59", "2026-06-02 07:00", "2026-06-02 12:00"):
            self.assertEqual(quiet_until(NIGHT, at(loud)), 0.0, loud)

    def test_within_a_day(self) -> None:
        """They may lie within one day, too; none are none."""
        noon = attrs.evolve(DEVICE, quiet_from="12:00", quiet_until="13:30")
        self.assertEqual(quiet_until(noon, at("2026-06-01 12:30")), at("2026-06-01 13:30"))
        self.assertEqual(quiet_until(noon, at("2026-06-01 13:30")), 0.0)
        self.assertEqual(quiet_until(DEVICE, at("2026-06-01 12:30")), 0.0)

    def test_change_of_clocks(self) -> None:
        """They end by the clock on the wall in the night it changes, an hour earlier or later."""
        for evening, hours in (
            ("2026-03-28 23:00", 7),
            ("2026-10-24 23:00", 9),
            ("2026-06-01 23:00", 8),
        ):
            start = at(evening)
            self.assertEqual(quiet_until(NIGHT, start) - start, hours * 3600, evening)

    def test_hour_that_comes_twice(self) -> None:
        """In the hour that comes a second time they end by its second coming."""
        late = attrs.evolve(DEVICE, quiet_from="02:00", quiet_until="02:45")
        second = at("2026-10-25 02:30") + 3600
        self.assertEqual(quiet_until(late, second), second + 900)

    def test_time_that_no_clock_shows(self) -> None:
        """Quiet hours whose end is left out when clocks are set forward end at that moment."""
        early = attrs.evolve(DEVICE, quiet_from="22:00", quiet_until="02:30")
        evening = at("2026-03-28 23:00")
        self.assertEqual(quiet_until(early, evening) - evening, 3 * 3600)
        self.assertEqual(quiet_until(early, at("2026-03-29 03:00")), 0.0)

    @given(clocks, clocks, zones, times)
    def test_always_end(self, start: str, end: str, zone: str, now: float) -> None:
        """Quiet hours end within a day and an hour, at a time that is not in them."""
        device = attrs.evolve(DEVICE, quiet_from=start, quiet_until=end, time_zone=zone)
        until = quiet_until(device, now)
        if until:
            self.assertGreater(until, now)
            self.assertLessEqual(until, now + 25 * 3600)
            shown = datetime.fromtimestamp(until, UTC).astimezone(ZoneInfo(zone))
            before = datetime.fromtimestamp(until - 1, ZoneInfo(zone))
            moved = shown.utcoffset() != before.utcoffset()
            self.assertTrue(moved or f"{shown:%M}" == end[3:], shown)


class TimingTests(SynchronousTestCase):
    def test_grace(self) -> None:
        """What applications may fetch waits for them, and nothing waits for nobody."""
        self.assertEqual(timing(MESSAGE, DEVICE, 100.0, 1e9, grace_s=3.0).due_at, 103.0)
        self.assertEqual(timing(MESSAGE, DEVICE, 100.0, 1e9, grace_s=0.0).due_at, 100.0)

    def test_quiet_hours(self) -> None:
        """In quiet hours a call rings not at all, a message waits, what is silent goes through."""
        now = at("2026-06-01 23:00")
        self.assertEqual(timing(CALL, NIGHT, now, now + 30, grace_s=0.0).silent, "quiet hours")
        late = timing(MESSAGE, NIGHT, now, now + 1e6, grace_s=0.0)
        self.assertEqual((late.due_at, late.silent), (at("2026-06-02 07:00"), ""))
        for kind in (BADGE, WITHDRAWAL, TEST):
            self.assertEqual(timing(kind, NIGHT, now, now + 60, grace_s=0.0).due_at, now)

    @given(st.sampled_from(KINDS), clocks, clocks, zones, times, st.floats(0, 60))
    def test_never_loud_in_quiet_hours(
        self, kind: str, start: str, end: str, zone: str, now: float, grace_s: float
    ) -> None:
        """Whatever is sent at some time does not disturb then, and comes before it expires."""
        device = attrs.evolve(DEVICE, quiet_from=start, quiet_until=end, time_zone=zone)
        expires_at = now + grace_s + lifetime_s(kind, PushSettings())
        decided = timing(kind, device, now, expires_at, grace_s=grace_s)
        if decided.silent:
            self.assertTrue(is_loud(kind))
        else:
            self.assertGreaterEqual(decided.due_at, now)
            self.assertLessEqual(decided.due_at, expires_at)


class OrderTests(SynchronousTestCase):
    def test_ranks(self) -> None:
        """Calls go before messages, and messages before badges."""
        self.assertLess(rank(CALL), rank(MESSAGE))
        self.assertEqual(rank(CALL), rank(WITHDRAWAL))
        self.assertLess(rank(MESSAGE), rank(BADGE))

    def test_lifetimes(self) -> None:
        """A call is worth as long as it rings, a badge hours, a message days."""
        settings = PushSettings(ringing_s=30.0)
        self.assertEqual(lifetime_s(CALL, settings), 30.0)
        self.assertEqual(lifetime_s(BADGE, settings), 4 * 3600)
        self.assertEqual(lifetime_s(MESSAGE, settings), 3 * 86400)

    @given(
        st.sampled_from(KINDS),
        st.sampled_from(["conversation", "all", "none"]),
        st.integers(0, 10**9),
    )
    def test_topics(self, kind: str, collapse: str, number: int) -> None:
        """A topic fits the Topic field of Web Push: 32 characters of base64url."""
        device = attrs.evolve(DEVICE, collapse=collapse)
        topic = topic_of(device, kind, "0123456789abcdef" * 2, number)
        self.assertRegex(topic, r"\A[A-Za-z0-9_-]{1,32}\Z")

    def test_preferences(self) -> None:
        """One replaces those of its conversation, all or none, as the device wants; what
        takes a call off the screen does not take off that it was missed."""
        for collapse, same, other in (
            ("conversation", True, False),
            ("all", True, True),
            ("none", False, False),
        ):
            device = attrs.evolve(DEVICE, collapse=collapse)
            first = topic_of(device, MESSAGE, "a" * 16, 1)
            self.assertIs(topic_of(device, MESSAGE, "a" * 16, 2) == first, same, collapse)
            self.assertIs(topic_of(device, MESSAGE, "b" * 16, 3) == first, other, collapse)
            call = topic_of(device, CALL, "a" * 16)
            missed = topic_of(device, MISSED_CALL, "a" * 16)
            self.assertEqual(len({first, call, missed}), 3)
