"""The local directory: who exists, and how people are found.

All local users are kept in memory (a few hundred bytes each; sized for 100,000 users).
"""

import unicodedata
from collections.abc import Awaitable, Callable, Iterable

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.records import User
from mobility.errors import Refusal

Departure = Callable[[User, float], Awaitable[None]]
"""Ends what a user has (tokens, applications); called with the user and the time."""


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

    `departures` are awaited, in order, before a user is removed, disabled or given another
    password: tokens and applications end there.
    """

    def __init__(self, ledger: Ledger, users: Iterable[User] = ()) -> None:
        self._ledger = ledger
        self._users = {user.uri: user for user in users}
        self.departures: list[Departure] = []
        self.credential_changes: list[Departure] = []

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
            await self._commit(user)
        except BaseException:
            del self._users[user.uri]
            raise

    async def save(self, user: User, now: float) -> None:
        """Store a changed user; one that was disabled or given another password is signed out."""
        before = self._users[user.uri]
        await self._commit(user)
        self._users[user.uri] = user
        if before.enabled and not user.enabled:
            for depart in self.departures:
                await depart(user, now)
        elif before.credential_version != user.credential_version:
            for change in self.credential_changes:
                await change(user, now)

    async def remove(self, uri: str, now: float) -> None:
        """Sign a user out everywhere and forget it.  404 NotFound for a stranger."""
        user = self.find(uri)
        if user is None:
            raise Refusal("NotFound", None, "There is no user with this SIP URI.")
        for depart in self.departures:
            await depart(user, now)
        unit = Unit()
        unit.remove(user)
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

    async def _commit(self, user: User) -> None:
        unit = Unit()
        unit.save(user)
        await self._ledger.commit(unit)


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
