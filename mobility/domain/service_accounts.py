"""Service accounts: bots, kiosks and boards sign in without being a person.

An account is a user with a secret of its own in place of a password, limited to some of UCWA's
scopes.  A secret is made here and told once.  Rotating it leaves the old one good for a while, so
that whoever uses it can change over without a gap.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Iterable

import attrs

from mobility.domain.addresses import is_local, user_uri
from mobility.domain.ledger import Unit
from mobility.domain.records import ServiceAccount, ServiceSecret, User
from mobility.domain.scopes import SCOPES
from mobility.domain.setting_rules import nearest
from mobility.domain.users import Users
from mobility.errors import Parameter, Refusal, validation_failure

SOURCE = "service"
"""`User.source` of service accounts."""

PREFIX = "mss="
"""What secrets begin with, so that they are known when they turn up where they should not."""

SECRET_BYTES = 32
"""Random bytes of a secret."""

OVERLAP_S = (0, 30 * 86_400)
"""For how long the secret before may be good beside a new one (our choice: up to a month)."""

DEFAULT_OVERLAP_S = 86_400

SECRETS = 2
"""Secrets that are good at a time: the latest, and the one before it."""


@attrs.frozen(slots=True)
class Told:
    """An account and, once, its new secret."""

    account: ServiceAccount
    secret: str = attrs.field(repr=False)


class ServiceAccounts:
    """The service accounts of this system, beside their users."""

    def __init__(
        self,
        users: Users,
        sip_domains: Collection[str],
        accounts: Iterable[ServiceAccount] = (),
        stored: Iterable[ServiceSecret] = (),
    ) -> None:
        self._users = users
        self._sip_domains = sip_domains
        self._accounts = {one.user_uri: one for one in accounts}
        self._secrets: dict[str, list[ServiceSecret]] = {}
        for one in sorted(stored, key=lambda secret: secret.created_at):
            self._secrets.setdefault(one.user_uri, []).append(one)

    def all(self) -> list[ServiceAccount]:
        """Every account in the order of their URIs."""
        return [self._accounts[uri] for uri in sorted(self._accounts)]

    def find(self, uri: str) -> ServiceAccount:
        """The account of a URI in any spelling.  404 for none."""
        user = self._users.find(uri)
        account = self._accounts.get(user.uri) if user is not None else None
        if account is None:
            hint = nearest(uri, self._accounts)
            what = f"There is no service account with this URI{hint}"
            raise Refusal("NotFound", None, what if hint else f"{what}.")
        return account

    def known(self, uri: str) -> ServiceAccount | None:
        """The account of a URI in the system's spelling, or None."""
        return self._accounts.get(uri)

    def scopes_of(self, uri: str) -> frozenset[str] | None:
        """What a user is limited to; None for who is no service account."""
        account = self._accounts.get(uri)
        return None if account is None else frozenset(account.scopes.split(","))

    def is_one(self, uri: str) -> bool:
        return uri in self._accounts

    def secrets_of(self, uri: str, now: float) -> list[ServiceSecret]:
        """The secrets of an account that are good now, the oldest first."""
        return [one for one in self._secrets.get(uri, ()) if _is_good(one, now)]

    def knows(self, uri: str, secret: str, now: float) -> bool:
        """Whether a secret is one of an account's that are good now."""
        digest = _digest(secret)
        matches = [hmac.compare_digest(one.digest, digest) for one in self.secrets_of(uri, now)]
        return any(matches)

    async def add(self, uri: object, name: str, scopes: object, now: float) -> Told:
        """A new account with its first secret.

        Raises PeerFault for wrong values, Refusal (409) when there is a user with this URI.
        """
        canonical = user_uri(uri) if isinstance(uri, str) else None
        wrong = wrong_scopes(scopes)
        if canonical is None or not is_local(canonical, self._sip_domains):
            domains = ", ".join(self._sip_domains)
            wrong.append(
                Parameter("uri", f"must be a SIP URI in a SIP domain of this system: {domains}")
            )
        if wrong or canonical is None:
            raise validation_failure(*wrong)
        account = ServiceAccount(canonical, 1, joined(scopes))
        text, secret = _new(canonical, now)

        def also(unit: Unit) -> None:
            unit.save(account, secret)

        name = name or canonical[4:].partition("@")[0]
        await self._users.add(User(canonical, name, created_at=now, source=SOURCE), also)
        self._accounts[canonical] = account
        self._secrets[canonical] = [secret]
        return Told(account, text)

    async def change(
        self,
        uri: str,
        version: int,
        now: float,
        *,
        scopes: object = None,
        enabled: bool | None = None,
    ) -> ServiceAccount:
        """Other scopes, or turned off and on.  409 when somebody has changed it since `version`.

        Who loses a scope, or is turned off, has to sign in again.
        """
        before = self.find(uri)
        _check_version(before, version)
        if scopes is not None and (wrong := wrong_scopes(scopes)):
            raise validation_failure(*wrong)
        after = attrs.evolve(
            before,
            version=before.version + 1,
            scopes=before.scopes if scopes is None else joined(scopes),
        )
        lost = set(before.scopes.split(",")) - set(after.scopes.split(","))

        def changed(user: User) -> User:
            return attrs.evolve(
                user,
                enabled=user.enabled if enabled is None else enabled,
                credential_version=user.credential_version + bool(lost),
            )

        await self._users.update(before.user_uri, changed, now, lambda unit: unit.save(after))
        self._accounts[before.user_uri] = after
        return after

    async def rotate(self, uri: str, version: int, overlap_s: int, now: float) -> Told:
        """A new secret; the one before it is good for `overlap_s` more, any older one no longer.

        With no overlap the tokens that were got with it end, too.
        """
        before = self.find(uri)
        _check_version(before, version)
        account = attrs.evolve(before, version=before.version + 1)
        text, secret = _new(account.user_uri, now)
        old = self._secrets.get(account.user_uri, [])
        kept: list[ServiceSecret] = []
        if overlap_s and (good := self.secrets_of(account.user_uri, now)):
            end = now + overlap_s
            last = good[-1]
            kept = [attrs.evolve(last, expires_at=min(last.expires_at or end, end))]

        def also(unit: Unit) -> None:
            keep = {one.digest for one in kept}
            unit.remove(*(one for one in old if one.digest not in keep))
            unit.save(account, secret, *kept)

        def changed(user: User) -> User:
            if overlap_s:
                return user
            return attrs.evolve(user, credential_version=user.credential_version + 1)

        await self._users.update(account.user_uri, changed, now, also)
        self._accounts[account.user_uri] = account
        self._secrets[account.user_uri] = [*kept, secret]
        return Told(account, text)

    async def remove(self, uri: str, version: int, now: float) -> None:
        """Sign an account out everywhere and forget it."""
        account = self.find(uri)
        _check_version(account, version)
        await self._users.remove(account.user_uri, now)

    def stage(self, account: ServiceAccount, unit: Unit) -> Callable[[], None]:
        """Put an account, new or with other scopes, into a unit of work beside its user, whose lock
        is held; what is answered must be called once that is stored.

        Its secrets stay as they are: a new account has none until `rotate` makes one.
        """
        unit.save(account)

        def settle() -> None:
            self._accounts[account.user_uri] = account

        return settle

    async def take_leave(self, user: User, unit: Unit) -> Callable[[], None]:
        """A `Farewell`: what is an account's goes with its user."""
        account = self._accounts.get(user.uri)
        if account is not None:
            unit.remove(account, *self._secrets.get(user.uri, ()))

        def forget() -> None:
            self._accounts.pop(user.uri, None)
            self._secrets.pop(user.uri, None)

        return forget


def _new(uri: str, now: float) -> tuple[str, ServiceSecret]:
    text = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    return text, ServiceSecret(_digest(text), uri, now)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_good(secret: ServiceSecret, now: float) -> bool:
    return not secret.expires_at or now < secret.expires_at


def joined(scopes: object) -> str:
    """A right list of scopes as `ServiceAccount.scopes` has it."""
    chosen = set(scopes) if isinstance(scopes, list | tuple) else set()
    return ",".join(one for one in SCOPES if one in chosen)


def wrong_scopes(scopes: object) -> list[Parameter]:
    """What is wrong with a list of scopes, as a client or a file gives it."""
    if not isinstance(scopes, list | tuple) or not scopes:
        return [Parameter("scopes", f"must be a list of some of {', '.join(SCOPES)}")]
    return [
        Parameter(
            "scopes", f"has {one!r}, which is none of {', '.join(SCOPES)}{nearest(one, SCOPES)}"
        )
        for one in scopes
        if one not in SCOPES
    ]


def _check_version(account: ServiceAccount, version: int) -> None:
    if account.version != version:
        what = f"Somebody has changed it since: it is at version {account.version}, not {version}."
        raise Refusal("Conflict", None, what)
