"""What the outbox of push notifications is made of."""

from collections.abc import Callable, Sequence
from sys import intern

import attrs

from mobility.domain.ledger import Entry, Unit
from mobility.domain.records import PushNotice, PushSubscription

WAITING, ACCEPTED, SENT, ENDED = "waiting", "accepted", "sent", "ended"
"""States of a notification."""

MAX_SAID = 50
"""Messages of one notification that are looked after one by one; the later ones count (our
choice: all of them came within seconds)."""


@attrs.frozen(slots=True)
class Said:
    """A message and where the recipient's applications are told of it: streams and positions."""

    number: int
    until: float
    """When they have had the time to fetch it."""
    places: tuple[tuple[str, int], ...]


@attrs.define(slots=True, eq=False)
class Kept:
    """A notification in memory: when it is looked at next, since or from when it is due, how often
    it was tried, whether it is under way, how many units are changing it, and why it is not wanted
    any more though it is under way."""

    notice: PushNotice
    said: list[Said] = attrs.Factory(list)
    at: float = 0.0
    since: float = 0.0
    attempts: int = 0
    taken: bool = False
    planned: int = 0
    cleared: str = ""
    gone: bool = False


@attrs.define(slots=True, eq=False)
class Draft:
    """What a unit of work changes in the outbox; memory follows when it is stored."""

    unit: Unit
    now: float
    touched: list[Kept] = attrs.Factory(list)
    effects: list[Callable[[], None]] = attrs.Factory(list)
    undoing: list[Callable[[], None]] = attrs.Factory(list)
    """What is to be taken back if it is not stored."""

    def stored(self) -> None:
        for kept in self.touched:
            kept.planned -= 1
        for effect in self.effects:
            effect()

    def failed(self) -> None:
        for kept in self.touched:
            kept.planned -= 1
        for undo in self.undoing:
            undo()

    def touch(self, kept: Kept) -> None:
        kept.planned += 1
        self.touched.append(kept)


@attrs.frozen(slots=True)
class Wake:
    """What a device is woken for; `entries` are what its user's applications are told of it."""

    kind: str
    cause: str
    conversation_id: str = ""
    number: int = 0
    from_uri: str = ""
    expires_at: float = 0.0
    entries: Sequence[Entry] = ()
    near: bool = False
    """Whether an application of the user may fetch it soon."""
    slowly: bool = False
    """Whether it is told of it with what is gathered for some seconds."""


@attrs.frozen(slots=True)
class Accepted:
    """The clearing house has taken it."""


@attrs.frozen(slots=True)
class Later:
    """It is to be tried again then."""

    at: float
    counts: bool = True


@attrs.frozen(slots=True)
class Refused:
    """It will never be taken, because of `reason`; `hop` is "ended" where nobody refused it."""

    reason: str
    hop: str = "refused"


Result = Accepted | Later | Refused


@attrs.frozen(slots=True)
class Heard:
    """The last word on a notification that the clearing house has: the provider's `answer`, and
    why it was not taken, "" if it was.  `hop` is "refused", or "ended" where no provider has
    refused it."""

    answer: str
    reason: str = ""
    hop: str = "refused"


class Hops:
    """Hears what becomes of notifications; the outbox's default listens to nothing."""

    def passed(self, hop: str, notice: PushNotice, reason: str = "") -> None:
        """`notice` is queued, handed, sent, refused or ended now."""

    def skipped(self, device: PushSubscription, wake: Wake, reason: str) -> None:
        """A device is not woken for what happened."""


def ended_by(unit: Unit) -> set[str]:
    """The ids of the notifications that a unit of work ends."""
    notices = [record for record in unit.saves if isinstance(record, PushNotice)]
    return {one.id for one in notices if one.state == ENDED}


def frugal(notice: PushNotice) -> PushNotice:
    """The same, with the texts that many have alike in memory once."""
    cause = notice.cause
    return attrs.evolve(
        notice,
        user_uri=intern(notice.user_uri),
        subscription_id=intern(notice.subscription_id),
        kind=intern(notice.kind),
        from_uri=intern(notice.from_uri),
        rule=intern(notice.rule),
        answer=intern(notice.answer),
        conversation_id=cause if notice.conversation_id == cause else notice.conversation_id,
    )


def remember(kept: Kept, wake: Wake, until: float) -> None:
    """Where the applications of the user are told of what a notification is about."""
    places = [(entry.stream_id, entry.position) for entry in wake.entries if entry.position]
    kept.said.append(Said(wake.number, until, tuple(places)))
    if len(kept.said) > MAX_SAID:
        del kept.said[0]
