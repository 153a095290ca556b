"""The presence of people of other domains, as their own systems tell it.

It is kept beside that of the users here for as long as anybody watches them, so that whoever
watches sees both alike.  Nobody is shown by it after a restart before it has been told again.
"""

from collections.abc import Collection, Iterable

import attrs

from mobility.domain.addresses import is_local
from mobility.domain.agenda import Action, Agenda
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.presence import PresenceBook
from mobility.domain.records import Presence

MAX_WORDS = 1_000
"""Characters of a note or a location that are shown (our choice)."""


@attrs.frozen(slots=True)
class Told:
    """What is told of somebody; the fields are those of `Presence`."""

    availability: str
    activity: str = ""
    note: str = attrs.field(default="", repr=False)
    location: str = attrs.field(default="", repr=False)
    last_active_at: float = 0.0


NOTHING = Told("Offline")
"""What is shown of who is not told of."""


class Elsewhere:
    """People of other domains whose presence is shown here."""

    def __init__(
        self, ledger: Ledger, agenda: Agenda, presence: PresenceBook, domains: Collection[str]
    ) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._presence = presence
        self._domains = frozenset(domains)
        self._locks = Locks()

    def load(self, stored: Iterable[Presence]) -> None:
        """What was told of people elsewhere before this start holds no more."""
        for one in stored:
            if self.is_elsewhere(one.user_uri) and one.availability != "Offline":
                self._agenda.at(0.0, self._forgetting(one.user_uri))

    def is_elsewhere(self, uri: str) -> bool:
        """Whether a URI is of another domain."""
        return uri.startswith("sip:") and not is_local(uri, self._domains)

    async def show(self, uri: str, told: Told) -> None:
        """Somebody's own system says this."""
        async with self._locks.of(uri):
            unit = Unit()
            self._presence.change(
                unit,
                uri,
                availability=told.availability,
                activity=told.activity,
                note=told.note[:MAX_WORDS],
                location=told.location[:MAX_WORDS],
                last_active_at=told.last_active_at or None,
            )
            if unit:
                await self._ledger.commit(unit)

    def _forgetting(self, uri: str) -> Action:
        async def forget(now: float) -> None:  # noqa: ARG001  # an Action
            await self.show(uri, NOTHING)

        return forget
