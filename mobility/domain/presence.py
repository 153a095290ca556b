"""Presence: what a user shows, made of what the user chose and what the endpoints do.

One row a user, numbered from one counter; watchers compare numbers when they read (DESIGN
decision 3).
"""

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Any

import attrs

from mobility.domain.ledger import Unit
from mobility.domain.records import Presence, User

SETTABLE = ("Online", "Busy", "DoNotDisturb", "BeRightBack", "Away", "Offwork")
"""PreferredAvailability: what a user may choose."""

ACTIVE, INACTIVE, AWAY = range(3)
"""How recently an endpoint's user was active; the least of a user's endpoints counts."""

AWAY_AFTER_S = 300
"""An inactive endpoint is away after this long again (Skype for Business: 5 + 5 minutes)."""

MAX_NEVER_SHOWN = 4_096
"""People who never showed anything whose presence is remembered, since it is asked for with each
message to them (our choice)."""

_BY_ACTIVITY = {
    "Online": ("Online", "IdleOnline", "Away"),
    "Busy": ("Busy", "IdleBusy", "IdleBusy"),
}


CALL, CONFERENCE, MEETING = ENGAGED = ("on-the-phone", "in-a-conference", "in-a-meeting")
"""What keeps a user busy, as the activity that is shown (MS-PRES, `state` activity tokens); an
earlier one hides the others."""


BUSY, DO_NOT_DISTURB = "busy", "do-not-disturb"
"""What a phone may say of its user beside these: busy with something else, or not to be disturbed.
"""


@attrs.frozen(slots=True)
class Device:
    """What makes a user available beside its applications, a SIP phone for instance.

    `activity` is ACTIVE, INACTIVE or AWAY, or None for a device that cannot tell: it counts as
    active where nothing else makes its user available.  `type` is a ContactDeviceType,
    `modalities` are of ModalityType.
    """

    activity: int | None = ACTIVE
    type: str = "Unknown"
    modalities: frozenset[str] = frozenset()


Engagement = Callable[[str], Iterable[str]]
"""What keeps a user busy now, of `ENGAGED`, BUSY and DO_NOT_DISTURB, by its URI."""

Devices = Callable[[str], Iterable[Device]]
"""What makes a user available beside its applications, by its URI."""


def aggregate(
    manual: str, endpoints: Iterable[int], engaged: Collection[str] = ()
) -> tuple[str, str]:
    """Availability and activity of a user who chose `manual` ("" for nothing).

    `endpoints` gives ACTIVE, INACTIVE or AWAY for each endpoint that makes the user available;
    without any the user is Offline, whatever was chosen.  The most active endpoint counts.  Who is
    `engaged` is Busy, and not idle, or not to be disturbed, unless the user chose something less
    available than that.
    """
    activity = min(endpoints, default=None)
    if activity is None:
        return "Offline", ""
    if manual == "Offwork":
        return "Away", "off-work"
    if manual in ("DoNotDisturb", "BeRightBack", "Away"):
        return manual, ""
    if DO_NOT_DISTURB in engaged:
        return "DoNotDisturb", ""
    if engaged:
        return "Busy", next((one for one in ENGAGED if one in engaged), "")
    return _BY_ACTIVITY[manual or "Online"][activity], ""


def activity_shown(presence: Presence) -> int:
    """ACTIVE, INACTIVE or AWAY: what the endpoints of a user who looks so must have reported.

    A chosen availability hides it; then it is ACTIVE.
    """
    if presence.manual not in ("", *_BY_ACTIVITY):
        return ACTIVE
    by_availability = {"IdleOnline": INACTIVE, "IdleBusy": INACTIVE, "Away": AWAY}
    return by_availability.get(presence.availability, ACTIVE)


def device_type(application_types: Iterable[str]) -> str:
    """ContactDeviceType of a user with applications of these types: the first known one counts."""
    known = {"phone": "Mobile", "tablet": "Mobile", "browser": "Web", "desktop": "PC"}
    for kind in application_types:
        if kind.lower() in known:
            return known[kind.lower()]
    return "Unknown"


class PresenceBook:
    """The presence of every user in memory, and who watches whom."""

    def __init__(self, presences: Iterable[Presence] = (), number: int = 0) -> None:
        self._presences = {presence.user_uri: presence for presence in presences}
        self._watchers: dict[str, dict[str, None]] = {}
        """Ids of applications, in dicts: a set of ten takes twice as much memory."""
        self.watches: list[Callable[[str], None]] = []
        """Told of each URI that has its first watcher, or has lost its last one."""
        self.watchings: list[Callable[[str, str, bool], None]] = []
        """Told of each URI and application that has begun to watch it, or stopped."""
        self.number = number
        """The number of the latest change that is stored."""

    def of(self, uri: str) -> Presence:
        """What `uri` shows; one who never showed anything is Offline with number 0."""
        presence = self._presences.get(uri)
        return presence if presence is not None else _never_shown(uri)

    def committed(self, presences: Iterable[Presence]) -> None:
        """Take stored rows (with their numbers) into memory."""
        for presence in presences:
            self._presences[presence.user_uri] = presence
            self.number = max(self.number, latest_number(presence))

    async def take_leave(self, user: User, unit: Unit) -> Callable[[], None]:
        """A user is removed, and with it what it showed (a Farewell)."""
        unit.remove(Presence(user.uri))
        return lambda: self._forget(user.uri)

    def _forget(self, uri: str) -> None:
        self._presences.pop(uri, None)

    def watch(self, application_id: str, uris: Iterable[str]) -> None:
        for uri in uris:
            watchers = self._watchers.setdefault(uri, {})
            if application_id not in watchers:
                watchers[application_id] = None
                self._tell_watching(uri, application_id, watches=True)
            if len(watchers) == 1:
                self._tell(uri)

    def unwatch(self, application_id: str, uris: Iterable[str]) -> None:
        for uri in uris:
            watchers = self._watchers.get(uri)
            if watchers is not None and application_id in watchers:
                del watchers[application_id]
                self._tell_watching(uri, application_id, watches=False)
                if not watchers:
                    del self._watchers[uri]
                    self._tell(uri)

    def _tell_watching(self, uri: str, application_id: str, *, watches: bool) -> None:
        for told in self.watchings:
            told(uri, application_id, watches)

    def _tell(self, uri: str) -> None:
        for told in self.watches:
            told(uri)

    def watched(self) -> list[str]:
        """The URIs of all who are watched."""
        return list(self._watchers)

    def watchers(self, uri: str) -> Collection[str]:
        """The ids of the applications that watch `uri`."""
        return self._watchers.get(uri, {}).keys()

    def change(
        self,
        unit: Unit,
        uri: str,
        *,
        availability: str | None = None,
        activity: str | None = None,
        manual: str | None = None,
        device: str | None = None,
        last_active_at: float | None = None,
        note: str | None = None,
        location: str | None = None,
        modalities: str | None = None,
    ) -> Presence | None:
        """Put what differs from the present row into `unit`; the new row, or None if nothing does.

        A mere change of `last_active_at` is stored with the next change that watchers can see.
        """
        before = self.of(uri)
        wanted = {
            "availability": availability,
            "activity": activity,
            "manual": manual,
            "device_type": device,
            "note": note,
            "location": location,
            "modalities": modalities,
        }
        changes: dict[str, Any] = {
            name: value
            for name, value in wanted.items()
            if value is not None and value != getattr(before, name)
        }
        if not changes:
            return None
        if last_active_at is not None:
            changes["last_active_at"] = last_active_at
        after = attrs.evolve(before, **changes)
        seen = [_NUMBER_OF[name] for name in changes if name in _NUMBER_OF]
        unit.presence(after, *dict.fromkeys(seen))
        return after


_NUMBER_OF = {  # the number watchers compare for each field they can see
    "availability": "presence_number",
    "activity": "presence_number",
    "device_type": "presence_number",
    "last_active_at": "presence_number",
    "note": "note_number",
    "location": "location_number",
    "modalities": "media_number",
}


PARTS = ("presence_number", "note_number", "location_number", "media_number")
"""The numbers of a presence: one for each part that watchers can see."""


def latest_number(presence: Presence, hidden: Collection[str] = ()) -> int:
    """The number of the latest change of any part of a presence but the `hidden` ones; 0 if there
    was none."""
    return max((getattr(presence, part) for part in PARTS if part not in hidden), default=0)


@lru_cache(MAX_NEVER_SHOWN)
def _never_shown(uri: str) -> Presence:
    return Presence(uri)
