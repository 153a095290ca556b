"""Bearer tokens: issued durably, kept hashed, found in memory.

A token is `cwt=` and 256 random bits.  It belongs to a user and to nothing else: no client address,
no application; a renewed sign-in gives another one and leaves the old one valid until its end.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import islice

import attrs

from mobility.domain.ledger import Ledger, Unit
from mobility.domain.records import Token, User
from mobility.errors import Refusal
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "auth.revoked": {
        "user": "pseudonym of the user whose tokens ended",
        "tokens": "how many there were",
    },
}

PREFIX = "cwt="
"""Part of every token (UCWA "Authentication in UCWA")."""

TOKEN_BYTES = 32
"""Random bytes of a token."""

TEXT_LENGTH = len(PREFIX) + 43
"""Characters of a token: the prefix and `TOKEN_BYTES` in unpadded base64url."""

SWEPT_PER_ISSUE = 32
"""Ended tokens that are deleted along with each token issued, oldest first."""


@attrs.frozen(slots=True)
class Caller:
    """Who sent a request: a user, by a token that ends at `expires_at`.

    A guest has the URI of the one meeting it may come into, users have "".
    """

    user_uri: str
    token_digest: str = attrs.field(repr=False)
    expires_at: float
    meeting_uri: str = attrs.field(repr=False, default="")

    @property
    def guest(self) -> bool:
        return bool(self.meeting_uri)


Admission = Callable[[Caller], None]
"""Hears of every token that lets somebody in."""


class Tokens:
    """Every token of this system.

    `per_user` is how many a user may have: the oldest goes when one more is issued.
    """

    def __init__(
        self, ledger: Ledger, per_user: int, log: EventLog, pseudonym: Callable[[str], str]
    ) -> None:
        self._ledger = ledger
        self._per_user = per_user
        self._log = log
        self._pseudonym = pseudonym
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._of_user: dict[str, dict[str, None]] = {}
        self._revoked: dict[str, dict[str, Caller]] = {}
        """By user: what the store may still have, because the unit that ends it was not stored."""
        self.admissions: list[Admission] = []

    def load(self, tokens: Iterable[Token]) -> None:
        """Take over the tokens of the store, once, at start."""
        for token in sorted(tokens, key=lambda token: token.issued_at):
            caller = Caller(token.user_uri, token.digest, token.expires_at, token.meeting_uri)
            self._admit(caller)
            self._tell(caller)

    def __len__(self) -> int:
        return len(self._callers)

    async def issue(self, user_uri: str, lifetime_s: int, now: float, meeting_uri: str = "") -> str:
        """A new token for a user, or for a guest of a meeting, durable before it is answered.

        Raises Unavailable when the store cannot take it, and Refusal (403) when the user's tokens
        were revoked meanwhile.
        """
        text = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        caller = Caller(user_uri, _digest(text), now + lifetime_s, meeting_uri)
        leaving, revoked = self._leaving(user_uri, now), self._left_over(user_uri)
        unit = Unit()
        unit.save(attrs.evolve(_stored(caller), issued_at=now))
        unit.remove(*(_stored(old) for old in [*leaving, *revoked]))
        self._admit(caller)  # before the commit, so that a revocation meanwhile ends it too
        try:
            await self._ledger.commit(unit)
        except BaseException:
            self._drop(caller)
            raise
        for old in leaving:
            self._drop(old)
        for old in revoked:
            self._forget(old)
        if caller.token_digest not in self._callers:
            raise Refusal("Forbidden", None, "The user was signed out meanwhile.")
        self._tell(caller)
        return text

    def find(self, text: str, now: float) -> Caller | None:
        """Whom a token belongs to; None when it is malformed, unknown, revoked or has ended."""
        if len(text) != TEXT_LENGTH or not text.isascii():
            return None
        caller = self._callers.get(_digest(text))
        return caller if caller is not None and now < caller.expires_at else None

    def revoke(self, user: User, unit: Unit) -> None:
        """End every token of `user` (a `mobility.domain.users.Revocation`).

        They are refused from this moment, and the store forgets them with `unit`; if that is not
        stored, with the next one.
        """
        self.revoke_all_of(user.uri, unit)

    def revoke_all_of(self, uri: str, unit: Unit) -> None:
        """The same for a URI, also a guest's (a `mobility.domain.guests.Farewell`)."""
        ended = [self._callers[digest] for digest in self._of_user.get(uri, ())]
        for caller in ended:
            self._drop(caller)
            self._revoked.setdefault(uri, {})[caller.token_digest] = caller
        unit.remove(*(_stored(caller) for caller in self._revoked.get(uri, {}).values()))
        if ended:
            self._log.emit("auth.revoked", user=self._pseudonym(uri), tokens=len(ended))

    def revocation_stored(self, uri: str) -> None:
        """The store has forgotten all that `revoke` has ended of this URI."""
        self._revoked.pop(uri, None)

    def _left_over(self, user_uri: str) -> list[Caller]:
        """What was revoked of this user, and of the one that waits longest to be forgotten."""
        oldest = next(iter(self._revoked), user_uri)
        return [
            caller for uri in {user_uri, oldest} for caller in self._revoked.get(uri, {}).values()
        ]

    def _leaving(self, user_uri: str, now: float) -> list[Caller]:
        """What one more token pushes out: the user's oldest above the cap, and ended ones."""
        own = self._of_user.get(user_uri, {})
        surplus = max(len(own) + 1 - self._per_user, 0)
        leaving = {digest: self._callers[digest] for digest in islice(own, surplus)}
        for caller in islice(self._callers.values(), SWEPT_PER_ISSUE):
            if caller.expires_at <= now:
                leaving[caller.token_digest] = caller
        return list(leaving.values())

    def _tell(self, caller: Caller) -> None:
        for admission in self.admissions:
            admission(caller)

    def _admit(self, caller: Caller) -> None:
        self._callers[caller.token_digest] = caller
        self._of_user.setdefault(caller.user_uri, {})[caller.token_digest] = None

    def _drop(self, caller: Caller) -> None:
        self._callers.pop(caller.token_digest, None)
        own = self._of_user.get(caller.user_uri)
        if own is not None:
            own.pop(caller.token_digest, None)
            if not own:
                del self._of_user[caller.user_uri]

    def _forget(self, caller: Caller) -> None:
        revoked = self._revoked.get(caller.user_uri, {})
        if revoked.pop(caller.token_digest, None) is not None and not revoked:
            del self._revoked[caller.user_uri]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _stored(caller: Caller) -> Token:
    return Token(caller.token_digest, caller.user_uri, 0.0, caller.expires_at, caller.meeting_uri)
