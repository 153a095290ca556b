"""The local directory: who exists, and how people are found.

All local users are kept in memory (about a kilobyte each; sized for 100,000 users).
"""

import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import islice

import attrs

from mobility.domain.addresses import address_of, user_uri
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Lock, Locks
from mobility.domain.number_lookup import NumberLookup
from mobility.domain.phones import visible_numbers
from mobility.domain.records import Photo, User
from mobility.domain.reporting_lines import ReportingLines
from mobility.domain.setting_rules import nearest, quoted
from mobility.errors import Refusal

Departure = Callable[[User, float], Awaitable[None]]
"""Ends what a user does or owns, or makes it follow; called with the user and the time."""

Farewell = Callable[[User, Unit], Awaitable[Callable[[], None]]]
"""Puts the rows that go with a removed user into the unit of work; what it answers is called once
that is stored."""

Revocation = Callable[[User, Unit], None]
"""Ends a user's right to call (its tokens) at once, and for good with the unit of work."""

Change = Callable[[User, User, Unit], None]
"""Adds to the unit of work what follows from a changed user: as before, as after."""

Follower = Callable[[User, User, float], Awaitable[None]]
"""Follows a change that is stored: the user as before, as after, and the time."""

ALIKE = len("sip:") + 1
"""Characters that a URI shares with those among which the nearest is looked for."""

MAX_ALIKE = 1_000
"""How many these may be (our choice: some milliseconds)."""

MIN_PHONE_DIGITS = 3
"""Digits from which on a query finds phone numbers (our choice)."""

_STROKED = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "ð": "d"}
    | {"æ": "ae", "œ": "oe", "þ": "th"}
)
"""Latin letters that Unicode does not decompose, as people without them on their keyboards write
them (our choice)."""

_PHONE_MARKS = frozenset("+-().,/ ")
"""What may stand between the digits of a phone number (RFC 3966 visual separators and habits)."""


def folded(text: str) -> str:
    """`text` for comparison: case folded, without diacritics, compatibility forms made one."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return plain if plain.isascii() else plain.translate(_STROKED)


def words_of(name: str) -> list[str]:
    """The words by whose beginnings a name is found, folded; the parts of one with marks in it are
    words too, so that Luc is found in Jean-Luc."""
    name = folded(name)
    parts = "".join(c if c.isalnum() else " " for c in name)
    return [*name.split(), *parts.split()]


def digits_of(number: str) -> str:
    return "".join(c for c in number if c.isdigit())


@attrs.frozen(slots=True)
class SearchResult:
    """Users found, in the order of their names, and whether there were more than asked for."""

    users: list[User]
    more: bool


@attrs.frozen(slots=True)
class _Listing:
    """A user as searches read it: one string for each way to match, so that looking is fast.

    `words` has the words of the name and the addresses, `numbers` the digits of the phone numbers;
    each is preceded by a line end, which no query contains.
    """

    user: User
    name: str
    words: str
    numbers: str


class Users:
    """The users of this system, homed here or known to live elsewhere.

    `revocations` are called when a user is removed, disabled or given another password,
    `departures` awaited in order when it is removed or disabled, `removals` after them when it is
    removed, `changes` called with each update, and `renames` awaited after one that gave the user
    another name, `followers` after every one.  `farewells` are awaited last of all when a user is
    removed.
    """

    def __init__(self, ledger: Ledger, users: Iterable[User] = ()) -> None:
        self._ledger = ledger
        self._listings = {user.uri: _listing(user) for user in users}
        self._numbers = NumberLookup(listing.user for listing in self._listings.values())
        self.reporting = ReportingLines(listing.user for listing in self._listings.values())
        self._locks = Locks()
        self.departures: list[Departure] = []
        self.unfinished: Callable[[User], None] = _no_more
        """Told of a user whose departures failed; `sign_out` goes on with them."""
        self.removals: list[Departure] = []
        self.farewells: list[Farewell] = []
        self.revocations: list[Revocation] = []
        self.changes: list[Change] = []
        self.renames: list[Departure] = []
        self.followers: list[Follower] = []
        self.arrivals: list[Callable[[User], None]] = []
        """Told of each user that is new or has changed, once that is stored."""
        self.elsewhere: Callable[[str], bool] = _nobody
        """Whether a URI is of somebody of another domain who can be reached."""

    def find(self, uri: str) -> User | None:
        """The user of a SIP URI in any spelling, or None."""
        listing = self._listings.get(uri)
        if listing is None and (canonical := user_uri(uri)) is not None:
            listing = self._listings.get(canonical)
        return listing.user if listing is not None else None

    def named(self, uri: str) -> User:
        """The user whom an operator names; 404 for a stranger, with the nearest right URI."""
        user = self.find(uri)
        if user is None:
            given = user_uri(uri) or uri
            alike = (one for one in self._listings if one.startswith(given[:ALIKE]))
            near = nearest(given, islice(alike, MAX_ALIKE))
            raise Refusal("NotFound", None, f"There is no user {quoted(given)}{near or '.'}")
        return user

    def acquaintance(self, uri: str) -> User | None:
        """A user who may sign in, or somebody elsewhere who can be reached, under its address."""
        user = self.find(uri)
        if user is not None:
            return user if user.enabled else None
        canonical = user_uri(uri)
        if canonical is None or not self.elsewhere(canonical):
            return None
        return User(canonical, address_of(canonical))

    def name_of(self, uri: str) -> str:
        """The display name of a user, "" for a stranger."""
        listing = self._listings.get(uri)
        return listing.user.name if listing is not None else ""

    def of_line(self, number: str) -> User | None:
        """The user who has this telephone number, as it is kept, or None.

        Only enabled users with Enterprise Voice have one: their work number.  Of several with the
        same number it is the first by URI.
        """
        uri = self._numbers.holder(number)
        return self.find(uri) if uri is not None else None

    def all(self) -> list[User]:
        """Every user, in the order of their URIs."""
        return [self._listings[uri].user for uri in sorted(self._listings)]

    def __len__(self) -> int:
        return len(self._listings)

    async def add(self, user: User, also: Callable[[Unit], None] | None = None) -> None:
        """Store a new user, with what `also` puts into the same unit of work.

        Refused (409 AlreadyExists) when the URI is taken.
        """
        async with self._locks.of(user.uri):
            if user.uri in self._listings:
                raise Refusal("Conflict", "AlreadyExists", "There is a user with this SIP URI.")
            await self._commit(user, also)

    async def update(
        self,
        uri: str,
        change: Callable[[User], User],
        now: float,
        also: Callable[[Unit], None] | None = None,
    ) -> User:
        """Store what `change` makes of a user; one who may no longer sign in is signed out.

        `change` is given the user as stored, so that no other change is lost; `also` puts what
        belongs to it into the same unit of work.  Tokens end in that unit when the password changed
        or the user was disabled; in the latter case its applications end too.  404 NotFound for a
        stranger.
        """
        async with self._locks.of(self._known(uri).uri):
            before = self._known(uri)
            after = change(before)
            unit = Unit()
            self.stage(before, after, unit)
            if also is not None:
                also(unit)
            await self._ledger.commit(unit)
            await self.settle(before, after, now)
            return after

    def lock(self, uri: str) -> Lock:
        """What decisions about a user wait for, whether it is there or not."""
        return self._locks.of(uri)

    def stage(self, before: User | None, after: User, unit: Unit) -> None:
        """Put a new user (`before` None) or a changed one, with all that follows, into a unit of
        work, while its `lock` is held; `settle` must follow once that is stored."""
        unit.save(after)
        if before is None:
            return
        for follow in self.changes:
            follow(before, after, unit)
        if not after.enabled or before.credential_version != after.credential_version:
            self._revoke(before, unit)

    async def settle(self, before: User | None, after: User, now: float) -> None:
        """Keep in mind what `stage` has put into a unit that is stored."""
        self._listings[after.uri] = _listing(after)
        if before is not None:
            self.reporting.remove(before)
        self.reporting.add(after)
        self._numbers.changed(before, after)
        self._arrived(after)
        if before is None:
            return
        if not after.enabled:
            await self._depart(after, now)
        elif after.name != before.name:
            for rename in self.renames:
                await rename(after, now)
        for follower in self.followers:
            await follower(before, after, now)

    async def sign_out(self, uri: str, now: float) -> None:
        """End what a user has who may not sign in, if that was not done when it was disabled."""
        async with self._locks.of(uri):
            user = self.find(uri)
            if user is not None and not user.enabled:
                for depart in self.departures:
                    await depart(user, now)

    async def remove(self, uri: str, now: float) -> None:
        """Sign a user out everywhere and forget it, with all that is its own and what others keep
        of it.  404 NotFound for a stranger.

        It is disabled first, so that nobody signs in as it while it goes.
        """
        async with self._locks.of(self._known(uri).uri):
            known = self._known(uri)
            user, unit = attrs.evolve(known, enabled=False), Unit()
            self.stage(known, user, unit)
            await self._ledger.commit(unit)
            await self.settle(known, user, now)
            for depart in self.removals:
                await depart(user, now)
            unit = Unit()
            unit.remove(user, Photo(user.uri, b""))
            stored = [await take_leave(user, unit) for take_leave in self.farewells]
            await self._ledger.commit(unit)
            for forget in stored:
                forget()
            del self._listings[user.uri]
            self.reporting.remove(user)
            self._numbers.changed(user, None)

    def search(
        self,
        query: str,
        limit: int,
        numbers_of: Callable[[User], Mapping[str, str]] = visible_numbers,
    ) -> SearchResult:
        """People whose name, mail, phone number or SIP address matches `query`.

        Each word of it must be the beginning of a word of the name or of an address; one in a
        script beyond ASCII may stand anywhere in the name, since some scripts write no spaces.  Or
        the whole query is part of a phone number (three digits or more, leading zeros apart) that
        the asker may see: `numbers_of` gives them by kind.
        """
        text = folded(query).strip().removeprefix("sip:")
        words = text.split()
        if not words:
            return SearchResult([], False)
        phone = _phone_digits(text)
        found = [one for one in self._listings.values() if _matches(one, words, phone, numbers_of)]
        found.sort(key=lambda listing: (listing.name, listing.user.uri))
        return SearchResult([listing.user for listing in found[:limit]], len(found) > limit)

    async def _depart(self, user: User, now: float) -> None:
        try:
            for depart in self.departures:
                await depart(user, now)
        except BaseException:
            self.unfinished(user)
            raise

    def _revoke(self, user: User, unit: Unit) -> None:
        for revoke in self.revocations:
            revoke(user, unit)

    def _known(self, uri: str) -> User:
        user = self.find(uri)
        if user is None:
            raise Refusal("NotFound", None, "There is no user with this SIP URI.")
        return user

    async def _commit(self, user: User, also: Callable[[Unit], None] | None) -> None:
        unit = Unit()
        self.stage(None, user, unit)
        if also is not None:
            also(unit)
        await self._ledger.commit(unit)
        await self.settle(None, user, user.created_at)

    def _arrived(self, user: User) -> None:
        for told in self.arrivals:
            told(user)


def _no_more(user: User) -> None:
    """Nobody goes on."""


def _listing(user: User) -> _Listing:
    name = " ".join(folded(user.name).split())
    words = (*words_of(name), folded(user.uri[4:]), folded(user.email))
    numbers = (digits_of(phone) for phone in visible_numbers(user).values())
    return _Listing(user, name, _lines(words), _lines(numbers))


def _lines(texts: Iterable[str]) -> str:
    return "".join(f"\n{text}" for text in dict.fromkeys(texts) if text)


def _phone_digits(text: str) -> str:
    """The digits to look for if the folded query can be a phone number, else "".

    Leading zeros are prefixes of the dialling country and are not part of a stored number.
    """
    if not all(c.isdigit() or c in _PHONE_MARKS for c in text):
        return ""
    digits = digits_of(text).lstrip("0")
    return digits if len(digits) >= MIN_PHONE_DIGITS else ""


def _matches(
    listing: _Listing,
    words: list[str],
    phone: str,
    numbers_of: Callable[[User], Mapping[str, str]],
) -> bool:
    if not listing.user.enabled:
        return False
    if (
        phone
        and phone in listing.numbers
        and any(phone in digits_of(number) for number in numbers_of(listing.user).values())
    ):
        return True
    return all(
        f"\n{word}" in listing.words or (not word.isascii() and word in listing.name)
        for word in words
    )


def _nobody(uri: str) -> bool:  # noqa: ARG001
    return False
