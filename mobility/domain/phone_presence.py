"""What users' phones make them look like: those that are registered, and what they publish.

A phone that is registered makes its user available.  One that publishes says more: how active its
user is, and whether it is busy or not to be disturbed.  What it says is in memory alone, like the
connections of phones: a phone publishes again before its publication expires.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.bindings import Bindings
from mobility.domain.presence import (
    ACTIVE,
    AWAY,
    BUSY,
    CALL,
    DO_NOT_DISTURB,
    INACTIVE,
    Device,
)
from mobility.domain.records import Presence

MODALITIES = frozenset({"Audio", "Messaging"})
"""What a phone takes (our choice: what every SIP phone can; few say what else they can)."""

_ACTIVITIES = {
    "Online": ACTIVE,
    "IdleOnline": INACTIVE,
    "Busy": ACTIVE,
    "IdleBusy": INACTIVE,
    "DoNotDisturb": ACTIVE,
    "BeRightBack": AWAY,
    "Away": AWAY,
}

_BUSY = frozenset({"Busy", "IdleBusy"})


@attrs.frozen(slots=True)
class Published:
    """What one phone says of its user: `availability`, `activity` and `note` as in `Presence`.

    A phone whose user is Offline for it does not make the user available.
    """

    availability: str
    activity: str = ""
    note: str = attrs.field(default="", repr=False)


class PhonePresence:
    """The phones of all users, as far as presence goes."""

    def __init__(self, applications: Applications, bindings: Bindings, agenda: Agenda) -> None:
        self._applications = applications
        self._bindings = bindings
        self._agenda = agenda
        self._published: dict[str, Sequence[Published]] = {}
        self._notes: dict[str, str] = {}
        self._calls: set[str] = set()
        self._waiting: set[str] = set()
        applications.devices.append(self.devices)
        applications.engagements.append(self.engagements)
        bindings.changes.append(self.look_at)

    def load(self, shown: Iterable[Presence]) -> None:
        """What these users looked like may have come of what phones had published before."""
        for presence in shown:
            if presence.availability != "Offline":
                self.look_at(presence.user_uri)

    def devices(self, uri: str) -> Iterator[Device]:
        """What makes a user available (the domain's Devices)."""
        published = self._published.get(uri)
        if published is None:
            if self._bindings.any_of(uri):
                yield Device(None, modalities=MODALITIES)
            return
        for one in published:
            activity = _ACTIVITIES.get(one.availability)
            if activity is not None:
                yield Device(activity, modalities=MODALITIES)

    def engagements(self, uri: str) -> Iterator[str]:
        """What keeps a user busy (the domain's Engagement)."""
        if uri in self._calls:
            yield CALL
        for one in self._published.get(uri, ()):
            if one.availability == "DoNotDisturb":
                yield DO_NOT_DISTURB
            elif one.availability in _BUSY:
                yield one.activity or BUSY

    def publish(self, uri: str, published: Sequence[Published]) -> None:
        """All that the phones of a user say now.

        A note is the user's, as if it were set in an application; it goes with the last phone that
        says it, unless the user has set another meanwhile.
        """
        if published:
            self._published[uri] = published
        else:
            self._published.pop(uri, None)
        self.look_at(uri)
        before = self._notes.get(uri, "")
        after = next((one.note for one in reversed(published) if one.note), "")
        if after != before:
            self._notes[uri] = after
            if not after:
                del self._notes[uri]
            self._agenda.at(0.0, partial(self._note, uri, before, after))

    async def _note(self, uri: str, before: str, after: str, now: float) -> None:  # noqa: ARG002
        await self._applications.note_elsewhere(uri, before, after)

    def calling(self, uri: str, *, busy: bool) -> None:
        """The phones of a user say that it is in a call, or not in one any more."""
        (self._calls.add if busy else self._calls.discard)(uri)
        self.look_at(uri)

    def look_at(self, uri: str) -> None:
        """What a user looks like may be another."""
        if not self._waiting:
            self._agenda.at(0.0, self._look)
        self._waiting.add(uri)

    async def _look(self, now: float) -> None:  # noqa: ARG002  # an Action
        while self._waiting:
            uri = next(iter(self._waiting))
            self._waiting.discard(uri)
            try:
                await self._applications.look_again(uri)
            except BaseException:
                self._waiting.add(uri)
                raise
