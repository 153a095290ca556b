"""When a fact wakes a device, how long that is worth it, and what comes before what.

Decisions without memory; `mobility.domain.push_outbox` remembers.  What wakes a device: a message
or an invitation to messages, a call, a call that was missed, a voicemail, an invitation into a
meeting.  Presence and typing never do.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import attrs

from mobility.domain.records import PushSubscription

CALL, MEETING = "call", "meeting"
MESSAGE, MISSED_CALL, VOICEMAIL, TEST = "message", "missedCall", "voicemail", "test"
BADGE, WITHDRAWAL = "badge", "withdraw"
"""What a notification says.  A `badge` shows nothing: it takes what was read elsewhere off the
screen and tells what is unread now; a `withdraw` does so for a call that rings no more."""

ALL = "all"
"""The preference of a device, and the topic of all its notifications then: it shows one."""

COUNT = "badge"
"""What a badge is about, and its topic, that takes nothing off the screen."""

BADGED = (MESSAGE, MISSED_CALL, VOICEMAIL, BADGE)
"""What brings the number of what is unread."""

RANKS = {CALL: 0, WITHDRAWAL: 0, MEETING: 0, MESSAGE: 1, MISSED_CALL: 1, VOICEMAIL: 1, TEST: 1}
"""Calls go before messages, and messages before badges."""

LOWEST_RANK = 2

SWITCHES = {
    "apns": "EnableApplePushNotificationService",
    "wns": "EnableMicrosoftPushNotificationService",
    "fcm": "EnableGooglePushNotificationService",
    "webpush": "EnableWebPushNotificationService",
    "unifiedpush": "EnableUnifiedPushNotificationService",
}
"""The switch of each platform (CsPushNotificationConfiguration has the first two)."""

DEVICE_GONE, SHUT_OUT = "device gone", "the user may not sign in"
DISMISSED = (DEVICE_GONE, SHUT_OUT)
"""Why a device must not show any more what is on its way to it."""

WITHDRAWAL_S = 60.0
"""For how long it is worth to take a call off a screen (our choice: the phone has rung as long)."""

AGGREGATED_S = 5.0
"""How much later than other events a client is told what is missed (UCWA, "Aggregation": events
of medium priority)."""

RECENT_S = 10.0
"""A client that asked for something so lately may ask again at any moment (our choice: a phone's
round trip and a retry)."""


@attrs.frozen(slots=True)
class PushSettings:
    """Times in seconds; `capacity` bounds the notifications that are remembered, `content` is
    wake, sender or text."""

    grace_s: float = 3.0
    message_lifetime_s: float = 3 * 86_400.0
    badge_lifetime_s: float = 4 * 3_600.0
    ringing_s: float = 30.0
    content: str = "wake"
    capacity: int = 100_000


@attrs.frozen(slots=True)
class Timing:
    """When a notification is sent, by which rule; `silent` is why none is, "" if one is."""

    due_at: float = 0.0
    rule: str = ""
    silent: str = ""


def rank(kind: str) -> int:
    """0 for what comes first."""
    return RANKS.get(kind, LOWEST_RANK)


def lifetime_s(kind: str, settings: PushSettings) -> float:
    """How long a notification of this kind is worth being shown: a call as long as it rings."""
    if kind in (CALL, MEETING):
        return settings.ringing_s
    if kind == WITHDRAWAL:
        return WITHDRAWAL_S
    return settings.badge_lifetime_s if kind == BADGE else settings.message_lifetime_s


def timing(
    kind: str,
    device: PushSubscription,
    now: float,
    expires_at: float,
    *,
    grace_s: float,
) -> Timing:
    """When `device` is woken for what happens now.

    `grace_s` is how long the user's applications may fetch it first, 0 when none is there.  In a
    device's quiet hours it does not ring at all, and messages wait for their end.
    """
    due_at = now + grace_s
    rule = f"{kind} after {grace_s:g} s of grace" if grace_s else f"{kind} at once"
    if is_loud(kind) and (quiet := quiet_until(device, due_at)):
        if quiet >= expires_at:
            return Timing(silent="quiet hours")
        due_at, rule = quiet, f"{kind} after quiet hours"
    return Timing(due_at, rule)


def is_loud(kind: str) -> bool:
    """Whether it disturbs."""
    return kind not in (BADGE, WITHDRAWAL, TEST)


def topic_of(device: PushSubscription, kind: str, cause: str, number: int = 0) -> str:
    """What a notification replaces on the device: one with the same topic (at most 32 characters of
    base64url, as RFC 8030 section 5.4 wants it).

    Calls have topics of their own, and so have missed calls: what takes a call off the screen may
    arrive after the notification that it was missed, and must not take that off too.
    """
    if kind in (CALL, MEETING):
        return f"call-{cause[:16]}"
    if kind == MISSED_CALL:
        return f"missed-{cause[:16]}"
    if kind == TEST:
        return f"test-{cause[:16]}"
    if device.collapse == ALL:
        return ALL
    if device.collapse == "none" and kind == MESSAGE:
        return f"m-{cause[:16]}-{number}"
    return f"c-{cause[:16]}"


def quiet_until(device: PushSubscription, now: float) -> float:
    """When the quiet hours end that `now` is in, 0 when it is in none.

    They go by the clocks of the device's zone, over midnight and changes of those clocks.
    """
    if not device.quiet_from or device.quiet_from == device.quiet_until:
        return 0.0
    zone = _zone(device.time_zone)
    local = datetime.fromtimestamp(now, zone)
    clock = f"{local.hour:02d}:{local.minute:02d}"
    start, end = device.quiet_from, device.quiet_until
    over_midnight = start > end
    quiet = (clock >= start or clock < end) if over_midnight else start <= clock < end
    if not quiet:
        return 0.0
    day = local.date()
    if over_midnight and clock >= start:
        day += timedelta(days=1)
    hour, minute = map(int, end.split(":"))
    until = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    later = until.replace(fold=1)
    if until.timestamp() <= now:  # the hour comes a second time when clocks are set back
        return later.timestamp()
    if later.timestamp() < until.timestamp():  # no clock shows it, since clocks are set forward
        return _set_forward(zone, int(later.timestamp()), int(until.timestamp()))
    return until.timestamp()


def _set_forward(zone: ZoneInfo, before: int, after: int) -> float:
    """When between two moments the clocks of a zone are set forward."""
    offset = datetime.fromtimestamp(after, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return float(after)


@lru_cache(maxsize=1_000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
