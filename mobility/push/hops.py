"""What becomes of notifications, in the log and in numbers: one line a hop, joined by the id."""

from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate

from mobility.domain.push_notices import Hops, Wake
from mobility.domain.records import PushNotice, PushSubscription
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "push.queued": {
        "id": "of the notification, the same at every hop and in the clearing house",
        "user": "pseudonym of the user",
        "device": "id of the subscription",
        "kind": "call, message, missedCall, voicemail, meeting, badge, withdraw or test",
        "about": "id of the conversation, invitation or log",
        "rule": "what decided that it is sent, and when",
    },
    "push.skipped": {
        "user": "pseudonym of the user",
        "device": "id of the subscription",
        "kind": "what it would have been told",
        "about": "id of the conversation, invitation or log",
        "reason": "the switch or rule that kept the device from being woken",
    },
    "push.handed": {
        "id": "of the notification that the clearing house has taken",
        "ms": "since it was queued",
    },
    "push.sent": {
        "id": "of the notification that a provider has taken",
        "ms": "since it was queued",
    },
    "push.refused": {
        "id": "of the notification that will not be taken",
        "reason": "of the clearing house or the provider",
        "ms": "since it was queued",
    },
    "push.ended": {
        "id": "of the notification of which nothing is to be done any more",
        "reason": "read, answered, fetched by an application, expired and so on",
        "ms": "since it was queued",
    },
}

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0)
"""Upper ends of the buckets of how long it took to hand notifications over."""

MAX_REASONS = 50
"""Different reasons that are counted; more count together (the reasons of a provider are free
text)."""


class CountedHops(Hops):
    """Writes the log and counts."""

    def __init__(
        self, log: EventLog, pseudonym: Callable[[str], str], epoch: Callable[[], float]
    ) -> None:
        self._log = log
        self._pseudonym = pseudonym
        self._epoch = epoch
        self.queued: dict[str, int] = {}
        self.skipped_for: dict[str, int] = {}
        self.extended = 0
        """Messages that came to a notification that waited."""
        self.handed = 0
        self.sent = 0
        self.refused: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.lost: Callable[[PushNotice], None] = lambda _: None
        """Hears of what is over and no provider has."""
        self.buckets = [0] * (len(SECONDS) + 1)
        self.seconds = 0.0

    def upto(self) -> list[tuple[str, float]]:
        """How many were handed over within so many seconds, as Prometheus counts."""
        ends = [*map(str, SECONDS), "+Inf"]
        return list(zip(ends, map(float, accumulate(self.buckets)), strict=True))

    def passed(self, hop: str, notice: PushNotice, reason: str = "") -> None:
        if hop in ("refused", "ended") and not notice.taken:
            self.lost(notice)
        seconds = max(0.0, self._epoch() - notice.created_at)
        ms = round(seconds * 1000, 1)
        if hop == "queued":
            _count(self.queued, notice.kind)
            self._log.emit(
                "push.queued",
                id=notice.id,
                user=self._pseudonym(notice.user_uri),
                device=notice.subscription_id,
                kind=notice.kind,
                about=notice.cause,
                rule=reason,
            )
        elif hop == "extended":
            self.extended += 1  # no line: there may be many a second
        elif hop == "handed":
            self.handed += 1
            waited = max(0.0, self._epoch() - notice.due_at)
            self.buckets[bisect_left(SECONDS, waited)] += 1
            self.seconds += waited
            self._log.emit("push.handed", id=notice.id, ms=ms)
        elif hop == "sent":
            self.sent += 1
            self._log.emit("push.sent", id=notice.id, ms=ms)
        elif hop == "refused":
            _count(self.refused, _kind_of(reason, notice.answer))
            self._log.emit("push.refused", id=notice.id, reason=reason, ms=ms)
        else:
            _count(self.ended, reason.partition(":")[0])
            self._log.emit("push.ended", id=notice.id, reason=reason, ms=ms)

    def skipped(self, device: PushSubscription, wake: Wake, reason: str) -> None:
        _count(self.skipped_for, reason)
        self._log.emit(
            "push.skipped",
            user=self._pseudonym(device.user_uri),
            device=device.id,
            kind=wake.kind,
            about=wake.cause,
            reason=reason,
        )


def _kind_of(reason: str, answer: str) -> str:
    """A reason without its details, but with the number of a provider's answer."""
    kind, number = reason.partition(":")[0], answer.partition(" ")[0]
    return f"{kind} {number}" if number.isascii() and number.isdigit() else kind


def _count(counts: dict[str, int], name: str) -> None:
    if name not in counts and len(counts) >= MAX_REASONS:
        name = "other"
    counts[name] = counts.get(name, 0) + 1
