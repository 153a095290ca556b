"""Grants: the ways to prove who one is at the token endpoint (RFC 6749 §4, UCWA sign-in).

`PasswordGrant` serves users with a password; who checks the password is a `PasswordVerifier`
(`LocalPasswords` here, a directory server elsewhere).  Another grant is another `Grant`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NoReturn, Protocol

import attrs

from mobility.auth.clients import Clients
from mobility.auth.diagnostics import LOCKED, MALFORMED, WRONG_CREDENTIALS, Diagnostic
from mobility.auth.lockout import Lockout, retry_after_s
from mobility.auth.passwords import Passwords
from mobility.domain.addresses import MAX_ADDRESS, user_uri
from mobility.domain.records import User
from mobility.errors import MobilityError, Refusal
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request

EVENTS: Catalogue = {
    "auth.refused": {
        "request": "id of the request",
        "user": "pseudonym of the user name tried",
        "reason": "unknown_user, disabled, wrong_password, changed_meanwhile or locked",
    },
    "auth.locked": {
        "request": "id of the request",
        "user": "pseudonym of the user name tried",
        "wait_s": "seconds for which the user, or the client address, is refused",
    },
    "auth.hash_damaged": {
        "user": "pseudonym of the user whose stored password hash cannot be read",
    },
    "auth.rehash_put_off": {
        "user": "pseudonym of the user whose old hash stays until the next sign-in",
    },
}

Form = Mapping[str, str]
"""The fields of a token request, each there once and not empty."""


class SignInRefused(MobilityError):
    """A token request that gets no token.

    `error` is an OAuth error (RFC 6749 §5.2), `retry_after_s` whole seconds or None.
    """

    def __init__(
        self, error: str, diagnostic: Diagnostic, retry_after_s: int | None = None
    ) -> None:
        super().__init__(error, diagnostic.reason)
        self.error = error
        self.diagnostic = diagnostic
        self.retry_after_s = retry_after_s


@attrs.frozen(slots=True)
class Identity:
    """Whom a grant found, and for how many seconds a token of it lasts.

    A guest has the URI of the one meeting that the token is for.
    """

    user_uri: str
    lifetime_s: int
    meeting_uri: str = attrs.field(repr=False, default="")


class Grant(Protocol):
    """One grant type; `name` is what `grant_type` says in requests and challenges."""

    @property
    def name(self) -> str: ...

    def grant(self, form: Form, request: Request) -> Awaitable[Identity]:
        """Who sent the form.  Raises SignInRefused, or Unavailable when it cannot be found out."""
        ...


class Directory(Protocol):
    """What sign-in needs of `mobility.domain.users.Users`."""

    def find(self, uri: str) -> User | None: ...

    def update(self, uri: str, change: Callable[[User], User], now: float) -> Awaitable[User]: ...


class PasswordVerifier(Protocol):
    """Who knows whether a password is right."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """A place among the verifications that run; raises Unavailable when too many wait."""
        ...

    def verify(self, user: User | None, password: str, now: float) -> Awaitable[bool]:
        """Whether it is the user's password; takes as long for None (no such user)."""
        ...


class LocalPasswords:
    """Verifies against the hashes of the store, and renews a hash made at an older cost."""

    def __init__(
        self,
        passwords: Passwords,
        directory: Directory,
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._passwords = passwords
        self._directory = directory
        self._log = log
        self._pseudonym = pseudonym

    def turn(self) -> AbstractAsyncContextManager[None]:
        return self._passwords.turn()

    async def verify(self, user: User | None, password: str, now: float) -> bool:
        stored = user.password_hash if user is not None else ""
        verdict = await self._passwords.verify(stored, password)
        if user is not None and verdict.damaged:
            self._log.emit("auth.hash_damaged", user=self._pseudonym(user.uri))
        if user is not None and verdict.outdated:
            await self._renew(user, password, now)
        return verdict.matched

    async def _renew(self, user: User, password: str, now: float) -> None:
        renewed = await self._passwords.hash(password)

        def change(current: User) -> User:
            if current.password_hash != user.password_hash:
                return current
            return attrs.evolve(current, password_hash=renewed)

        try:
            await self._directory.update(user.uri, change, now)
        except Refusal:
            self._log.emit("auth.rehash_put_off", user=self._pseudonym(user.uri))


class Secrets(Protocol):
    """What sign-in needs of `mobility.domain.service_accounts.ServiceAccounts`."""

    def is_one(self, uri: str) -> bool: ...

    def knows(self, uri: str, secret: str, now: float) -> bool: ...


class ServiceSecrets:
    """Verifies the secrets of service accounts, and leaves the passwords of people to `people`.

    A secret has 256 random bits, so that a plain digest of it will do; it takes as long as a
    password, so that the time does not tell who is a service account.
    """

    def __init__(self, people: PasswordVerifier, accounts: Secrets) -> None:
        self._people = people
        self._accounts = accounts

    def turn(self) -> AbstractAsyncContextManager[None]:
        return self._people.turn()

    async def verify(self, user: User | None, password: str, now: float) -> bool:
        if user is None or not self._accounts.is_one(user.uri):
            return await self._people.verify(user, password, now)
        await self._people.verify(None, password, now)
        return self._accounts.knows(user.uri, password, now)


class PasswordGrant:
    """The `password` grant (RFC 6749 §4.3): `username` and `password`.

    A wrong password, an unknown user and a disabled one get the same answer in the same time.
    """

    name = "password"

    def __init__(
        self,
        directory: Directory,
        verifier: PasswordVerifier,
        lockout: Lockout,
        clients: Clients,
        sip_domains: Sequence[str],
        lifetime_s: int,
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._directory = directory
        self._verifier = verifier
        self._lockout = lockout
        self._clients = clients
        self._sip_domains = sip_domains
        self._lifetime_s = lifetime_s
        self._log = log
        self._pseudonym = pseudonym

    async def grant(self, form: Form, request: Request) -> Identity:
        try:
            name, password = form["username"], form["password"]
        except KeyError:
            raise SignInRefused("invalid_request", MALFORMED) from None
        uri = sign_in_uri(name, self._sip_domains)
        party = uri or name[:MAX_ADDRESS].casefold()
        self._refuse_locked(party, request)
        async with self._verifier.turn():
            self._refuse_locked(party, request)
            user = self._directory.find(uri) if uri is not None else None
            usable = user if user is not None and user.enabled else None
            matched = await self._verifier.verify(usable, password, request.now)
            reason = self._refusal(user, matched)
            if user is None or reason:
                self._fail(party, reason, request)
        self._lockout.succeeded(party)
        return Identity(user.uri, self._lifetime_s)

    def _refusal(self, user: User | None, matched: bool) -> str:
        """Why the sign-in is refused, "" when it is not."""
        if user is None:
            return "unknown_user"
        if not user.enabled:
            return "disabled"
        if not matched:
            return "wrong_password"
        current = self._directory.find(user.uri)
        if (
            current is None
            or not current.enabled
            or current.credential_version != user.credential_version
        ):
            return "changed_meanwhile"
        return ""

    def _refuse_locked(self, party: str, request: Request) -> None:
        client = self._clients.counted(request.client_address)
        wait_s = self._lockout.wait_s(party, client, request.now)
        if wait_s > 0:
            self._log.emit(
                "auth.refused", request=request.id, user=self._pseudonym(party), reason="locked"
            )
            raise SignInRefused("invalid_grant", LOCKED, retry_after_s(wait_s))

    def _fail(self, party: str, reason: str, request: Request) -> NoReturn:
        user = self._pseudonym(party)
        self._log.emit("auth.refused", request=request.id, user=user, reason=reason)
        client = self._clients.counted(request.client_address)
        lock_s = self._lockout.failed(party, client, request.now)
        if lock_s > 0:
            self._log.emit("auth.locked", request=request.id, user=user, wait_s=lock_s)
        raise SignInRefused("invalid_grant", WRONG_CREDENTIALS)


def sign_in_uri(name: str, sip_domains: Sequence[str]) -> str | None:
    """The user URI of a user name, or None when it can be nobody's.

    A name is `user@domain`, `sip:user@domain`, or, where there is exactly one SIP domain, `user` or
    `DOMAIN\\user` (the domain of a Windows account says nothing about the SIP domain).
    """
    if "@" in name:
        return user_uri(name)
    if len(sip_domains) != 1:
        return None
    user = name.strip().rpartition("\\")[2]
    return user_uri(f"{user}@{sip_domains[0]}")
