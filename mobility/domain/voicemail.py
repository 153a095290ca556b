"""The voicemails of users, as their voicemail system counts them."""

from collections.abc import Callable, Iterable

from mobility.domain.history import History
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.records import User, VoicemailCount

MAX_VOICEMAILS = 100_000
"""Voicemails of one user, more of which count as so many (our choice)."""


class Voicemail:
    """How many voicemails each user has, and how many of them are not heard yet.

    `changes` are called with what is new once it is stored.
    """

    def __init__(
        self, ledger: Ledger, history: History, stored: Iterable[VoicemailCount] = ()
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._counts = {one.user_uri: one for one in stored}
        self._locks = Locks()
        self.changes: list[Callable[[VoicemailCount], None]] = []

    def of(self, uri: str) -> VoicemailCount:
        """What a user has; nothing where nobody ever said so."""
        found = self._counts.get(uri)
        return VoicemailCount(uri, 0, 0) if found is None else found

    async def count(self, uri: str, unread: int, read: int) -> None:
        """The user's mailbox has so many voicemails that are not heard yet, and that are."""
        unread, read = min(unread, MAX_VOICEMAILS), min(read, MAX_VOICEMAILS)
        async with self._locks.of(uri):
            after = VoicemailCount(uri, unread + read, unread)
            if after == self.of(uri):
                return
            unit = Unit()
            self._history.count_voicemail(unit, uri, after.total, after.unread)
            if not unit:
                return
            await self._ledger.commit(unit)
            self._counts[uri] = after
        for told in self.changes:
            told(after)

    async def forget(self, user: User, now: float) -> None:  # noqa: ARG002  # a Departure
        """A user leaves for good; its history takes the row with it."""
        self._counts.pop(user.uri, None)
