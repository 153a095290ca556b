"""The local directory: who exists, and how people are found.

All local users are kept in memory (a few hundred bytes each; sized for 100,000 users).
"""

import unicodedata
from collections.abc import Awaitable, Callable, Iterable

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.records import User
from mobility.errors import Refusal

Departure = Callable[[User, float], Awaitable[None]]
"""Ends what a user does (its applications); called with the user and the time."""

Revocation = Callable[[User, Unit], None]
"""Ends a user's right to call (its tokens) at once, and for good with the unit of work."""


def folded(text: str) -> str:
    """`text` for comparison: case folded, without diacritics, compatibility forms made one."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def digits_of(number: str) -> str:
    return "".join(c for c in number if c.isdigit())


@attrs.frozen(slots=True)
class SearchResult:
    """Users found, in the order of their names, and whether there were more than asked for."""

    users: list[User]
    more: bool


class Users:
    """The users of this system, homed here or known to live elsewhere.

    `revocations` are called when a user is removed, disabled or given another password,
    `departures` awaited in order when it is removed or disabled.
    """

    def __init__(self, ledger: Ledger, users: Iterable[User] = ()) -> None:
        self._ledger = ledger
        self._users = {user.uri: user for user in users}
        self._locks = Locks()
        self.departures: list[Departure] = []
        self.revocations: list[Revocation] = []

    def find(self, uri: str) -> User | None:
        """The user of a SIP URI in any spelling, or None."""
        user = self._users.get(uri)
        if user is None and (canonical := user_uri(uri)) is not None:
            user = self._users.get(canonical)
        return user

    def name_of(self, uri: str) -> str:
        """The display name of a user, "" for a stranger."""
        user = self._users.get(uri)
        return user.name if user is not None else ""

    def all(self) -> list[User]:
        """Every user, in the order of their URIs."""
        return [self._users[uri] for uri in sorted(self._users)]

    def __len__(self) -> int:
        return len(self._users)

    async def add(self, user: User) -> None:
        """Store a new user.  Refused (409 AlreadyExists) when the URI is taken."""
        if user.uri in self._users:
            raise Refusal("Conflict", "AlreadyExists", "There is a user with this SIP URI.")
        self._users[user.uri] = user
        try:
            unit = Unit()
            unit.save(user)
            await self._ledger.commit(unit)
        except BaseException:
            del self._users[user.uri]
            raise

    async def update(self, uri: str, change: Callable[[User], User], now: float) -> User:
        """Store what `change` makes of a user; one who may no longer sign in is signed out.

        `change` is given the user as stored, so that no other change is lost.  Tokens end in the
        same unit of work when the password changed or the user was disabled; in the latter case
        its applications end too.  404 NotFound for a stranger.
        """
        async with self._locks.of(uri):
            before = self._known(uri)
            after = change(before)
            disabled = before.enabled and not after.enabled
            unit = Unit()
            unit.save(after)
            if disabled or before.credential_version != after.credential_version:
                for revoke in self.revocations:
                    revoke(before, unit)
            await self._ledger.commit(unit)
            self._users[after.uri] = after
        if disabled:
            for depart in self.departures:
                await depart(after, now)
        return after

    async def remove(self, uri: str, now: float) -> None:
        """Sign a user out everywhere and forget it.  404 NotFound for a stranger."""
        async with self._locks.of(uri):
            user = self._known(uri)
            for depart in self.departures:
                await depart(user, now)
            unit = Unit()
            unit.remove(user)
            for revoke in self.revocations:
                revoke(user, unit)
            await self._ledger.commit(unit)
            self._users.pop(user.uri, None)

    def search(self, query: str, limit: int) -> SearchResult:
        """People whose name, mail, phone number or SIP address matches every word of `query`.

        A name or address matches at the start of one of its words, a phone number when it
        contains the digits (three or more).  Scripts without case or spaces match anywhere in
        the name.
        """
        words = folded(query.removeprefix("sip:")).split()
        if not words:
            return SearchResult([], False)
        found = [user for user in self._users.values() if _matches(user, words)]
        found.sort(key=lambda user: (folded(user.name), user.uri))
        return SearchResult(found[:limit], len(found) > limit)

    def _known(self, uri: str) -> User:
        user = self.find(uri)
        if user is None:
            raise Refusal("NotFound", None, "There is no user with this SIP URI.")
        return user


def _matches(user: User, words: list[str]) -> bool:
    if not user.enabled:
        return False
    name = folded(user.name)
    parts = name.split()
    addresses = (user.uri[4:], user.email.casefold())
    numbers = tuple(
        digits_of(number)
        for number in (user.work_phone, user.mobile_phone, user.home_phone, user.other_phone)
        if number
    )
    return all(
        any(part.startswith(word) for part in parts)
        or any(address.startswith(word) for address in addresses)
        or (not word.isascii() and word in name)
        or (len(digits_of(word)) >= 3 and any(digits_of(word) in number for number in numbers))
        for word in words
    )
