"""The phones of users that are registered over SIP (RFC 3261 section 10).

All bindings are in memory; each change is one unit of work.  What a contact URI means is the SIP
side's business.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from mobility.domain.agenda import Agenda, Appointment
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.records import Binding, User


@attrs.frozen(slots=True)
class Registering:
    """What a phone asks for: bindings that are new or go on, and the ids of those that end."""

    saved: Sequence[Binding] = ()
    removed: Sequence[str] = ()


Decision = Callable[[Mapping[str, Binding]], Registering]
"""Decides on the bindings that a user has, by id, with nobody changing them meanwhile."""


class Bindings:
    """The bindings of all users.

    `changes` are called with the URI of a user whose set of phones has changed, or one of whose
    phones has come back.
    """

    def __init__(self, ledger: Ledger, agenda: Agenda) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._of: dict[str, dict[str, Binding]] = {}
        self._handles: dict[str, str] = {}
        """The user of each handle."""
        self._expiries: dict[tuple[str, str], Appointment] = {}
        self._locks = Locks()
        self.changes: list[Callable[[str], None]] = []

    def load(self, bindings: Iterable[Binding]) -> None:
        """Take the stored bindings into memory; they keep their expiry."""
        for binding in bindings:
            self._remember(binding)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def of(self, user_uri: str, now: float) -> list[Binding]:
        """The bindings of a user that have not expired, the one used last first."""
        found = [one for one in self._of.get(user_uri, {}).values() if one.expires_at > now]
        if len(found) > 1:
            found.sort(key=lambda one: one.registered_at, reverse=True)
        return found

    def of_handle(self, handle: str, now: float) -> list[Binding]:
        """The bindings with a handle that have not expired: one for each flow of the phone."""
        user_uri = self._handles.get(handle, "")
        return [one for one in self.of(user_uri, now) if one.handle == handle]

    def any_of(self, user_uri: str) -> bool:
        """Whether a user has any phone that is registered."""
        return user_uri in self._of

    def users(self) -> list[str]:
        """The users who have one."""
        return list(self._of)

    async def register(self, user_uri: str, decide: Decision, now: float) -> list[Binding]:
        """Change a user's bindings as `decide` says; those that it has then."""
        async with self._locks.of(user_uri):
            bindings = self._of.get(user_uri, {})
            live = {key: one for key, one in bindings.items() if one.expires_at > now}
            wanted = decide(live)
            unit = Unit()
            unit.save(*wanted.saved)
            gone = [bindings[key] for key in wanted.removed if key in bindings]
            unit.remove(*gone)
            if unit:
                await self._ledger.commit(unit)
            for binding in gone:
                self._forget(binding)
            for binding in wanted.saved:
                self._remember(binding)
        if gone or any(one.id not in live for one in wanted.saved):
            self._tell(user_uri)
        return self.of(user_uri, now)

    def came_back(self, user_uri: str) -> None:
        """A phone that was registered can be reached again, or elsewhere."""
        self._tell(user_uri)

    async def end_all_of(self, user: User, now: float) -> None:
        """All phones of a user are signed out."""
        await self.register(user.uri, lambda bindings: Registering(removed=list(bindings)), now)

    def _remember(self, binding: Binding) -> None:
        key = binding.user_uri, binding.id
        earlier = self._expiries.pop(key, None)
        if earlier is not None:
            earlier.cancel()
        bindings = self._of.setdefault(binding.user_uri, {})
        before = bindings.get(binding.id)
        bindings[binding.id] = binding
        if before is not None:
            self._forget_handle(before)
        if binding.handle:
            self._handles[binding.handle] = binding.user_uri

        async def expire(now: float) -> None:
            await self._expire(binding, now)

        self._expiries[key] = self._agenda.at(binding.expires_at, expire)

    def _forget(self, binding: Binding) -> None:
        bindings = self._of.get(binding.user_uri, {})
        bindings.pop(binding.id, None)
        self._forget_handle(binding)
        if not bindings:
            self._of.pop(binding.user_uri, None)
        expiry = self._expiries.pop((binding.user_uri, binding.id), None)
        if expiry is not None:
            expiry.cancel()

    def _forget_handle(self, binding: Binding) -> None:
        """A binding has its handle no more; another flow of the phone may."""
        others = self._of.get(binding.user_uri, {}).values()
        if not any(one.handle == binding.handle for one in others):
            self._handles.pop(binding.handle, None)

    async def _expire(self, binding: Binding, now: float) -> None:  # noqa: ARG002  # an Action
        """Nobody has renewed it."""
        async with self._locks.of(binding.user_uri):
            if self._of.get(binding.user_uri, {}).get(binding.id) is not binding:
                return
            unit = Unit()
            unit.remove(binding)
            await self._ledger.commit(unit)
            self._forget(binding)
        self._tell(binding.user_uri)

    def _tell(self, user_uri: str) -> None:
        for told in self.changes:
            told(user_uri)
