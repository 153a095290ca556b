"""The section `users`: people and their settings, with their secrets when asked for."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial

import attrs

from mobility.auth.passwords import Passwords, digest_hashes, prepared
from mobility.domain.addresses import user_uri
from mobility.domain.mirror import OWNED
from mobility.domain.records import User
from mobility.domain.service_accounts import SOURCE as SERVICE
from mobility.domain.users import Users
from mobility.errors import Parameter, PeerFault, validation_failure
from mobility.operate.profile import RULES
from mobility.transfer.profiles import (
    PRIVATE,
    Domains,
    profile_item,
    read_profile,
    usual_name,
    with_defaults,
)
from mobility.transfer.staging import SLICE, Held, Item, Staging

NAME = "users"

SECRETS = ("password_hash", "sip_ha1_md5", "sip_ha1_sha256")
KEYS = ("uri", *RULES, PRIVATE, "source", *SECRETS)

_HASH = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,6}),t=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
MAX_COST = (262_144, 16, 16)
"""Memory in KiB, passes and lanes of a hash that is taken over (our choice: each sign-in costs so
much)."""

_OF_DIRECTORY = frozenset({*OWNED, "password", "sip_digest", PRIVATE, *SECRETS}) - {"source"}
_DIGEST = {"sip_ha1_md5": re.compile("[0-9a-f]{32}"), "sip_ha1_sha256": re.compile("[0-9a-f]{64}")}


@attrs.frozen(slots=True)
class _Found:
    """A user who is new (`before` None) or becomes another, and its new password, "" for none."""

    before: User | None
    after: User
    password: str = attrs.field(repr=False)
    digest: bool = False


class UserSection:
    """People kept here, and of those that a directory keeps what is set here.

    Passwords come as hashes from an export, or in clear from a list of new users; those are hashed
    in threads of their own.
    """

    name = NAME

    def __init__(
        self,
        users: Users,
        passwords: Passwords,
        domains: Domains,
        directories: Collection[str],
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._domains = domains
        self._directories = directories

    def export(self, *, secrets: bool) -> Iterator[Item]:
        for user in self._users.all():
            if user.source != SERVICE:
                yield self._item(user, secrets=secrets)

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        return user_locks(self._users, items)

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        found: list[_Found] = []
        for number, item in await staging.each(items, NAME):
            if number % SLICE == 0:
                await staging.breathe()
            try:
                before, after = self._read(item, staging)
            except PeerFault as fault:
                staging.refuse_as(NAME, number, fault)
                continue
            if after.uri in staging.users:
                staging.refuse(NAME, number, "uri", "is there twice")
                continue
            staging.users.add(after.uri)
            password = item.get("password", "")
            # A new password is a change whatever the old one was.
            if staging.takes(NAME, number, before, None if password else after):
                digest = item.get("sip_digest", bool(after.sip_ha1_md5))
                found.append(_Found(before, after, password, digest))
                self._note(number, item, after, password, staging)
        staging.builders.append(partial(self._build, found, staging))

    async def _build(self, found: Sequence["_Found"], staging: Staging) -> None:
        for number, one in enumerate(found, 1):
            if number % SLICE == 0:
                await staging.breathe()
            after = await self._with_password(one)
            self._users.stage(one.before, after, staging.unit)
            staging.settlements.append(partial(self._users.settle, one.before, after, staging.now))

    def _read(self, item: Item, staging: Staging) -> tuple[User | None, User]:
        """The user as it is there, and as the item wants it.  Raises PeerFault."""
        profile = read_profile(item, KEYS, self._domains, _wrong_secrets(item))
        before = self._users.find(profile.uri)
        wrong = []
        if before is not None and before.source == SERVICE:
            wrong = [Parameter("uri", "is a service account: it belongs in service_accounts")]
        elif before is not None and before.source in self._directories:
            rule = f"is kept by the directory ({before.source}): change it there"
            wrong = [Parameter(key, rule) for key in sorted(item.keys() & _OF_DIRECTORY)]
        elif before is None and item.get("source", "local") != "local":
            wrong = [Parameter("source", "is a directory, which must be replicated first")]
        if wrong:
            raise validation_failure(*wrong)
        base = before
        if base is None:
            base = User(profile.uri, usual_name(profile.uri), created_at=staging.now)
        elif staging.whole:
            base = with_defaults(base, mirrored=base.source in self._directories)
        after = profile.over(base, whole=staging.whole)
        return before, self._with_secrets(before, after, item, staging)

    def _with_secrets(self, before: User | None, after: User, item: Item, staging: Staging) -> User:
        password_hash = item.get("password_hash", "")
        if password_hash and password_hash != after.password_hash:
            after = attrs.evolve(
                after,
                password_hash=password_hash,
                credential_version=after.credential_version + (before is not None),
            )
        given = {key: item[key] for key in _DIGEST if key in item}
        digest = item.get("sip_digest", bool(given) or (not staging.whole and after.sip_ha1_md5))
        if not digest:
            return attrs.evolve(after, sip_ha1_md5="", sip_ha1_sha256="")
        if given:
            given = {**dict.fromkeys(_DIGEST, ""), **given}
        return attrs.evolve(after, **given)

    async def _with_password(self, found: "_Found") -> User:
        """The user with its new password, if it has one; one after another, so that people who
        sign in meanwhile wait for one hash at most."""
        after, password = found.after, found.password
        if not password:
            return after
        async with self._passwords.turn():
            password_hash = await self._passwords.hash(password)
        after = attrs.evolve(
            after,
            password_hash=password_hash,
            credential_version=after.credential_version + (found.before is not None),
        )
        if not found.digest:
            return after
        hashes = digest_hashes(after.uri, password)
        return attrs.evolve(after, sip_ha1_md5=hashes.md5, sip_ha1_sha256=hashes.sha256)

    @staticmethod
    def _note(number: int, item: Item, after: User, password: str, staging: Staging) -> None:
        """Say what is missing and does not hinder."""
        if after.source or password:
            return
        if not after.password_hash:
            staging.note(NAME, number, "password", "is missing: nobody can sign in without one")
        if item.get("sip_digest") and not after.sip_ha1_md5:
            staging.note(NAME, number, "sip_digest", "stays off until a password is set")

    def _item(self, user: User, *, secrets: bool) -> Item:
        mirrored = user.source in self._directories
        item = profile_item(user, mirrored=mirrored)
        if mirrored:
            item["source"] = user.source
        elif secrets:
            item.update({key: getattr(user, key) for key in SECRETS if getattr(user, key)})
        return item


def user_locks(users: Users, items: Sequence[object]) -> Iterator[Held]:
    """What decisions about the users of these items wait for."""
    uris = {
        uri
        for item in items
        if isinstance(item, dict) and isinstance(item.get("uri"), str)
        if (uri := user_uri(item["uri"])) is not None
    }
    for uri in sorted(uris):
        yield f"user {uri}", users.lock(uri)


def _wrong_secrets(item: Item) -> Iterator[Parameter]:
    """What is wrong with what only an export has; values are not told."""
    password_hash = item.get("password_hash", "")
    if password_hash:
        found = _HASH.fullmatch(password_hash) if isinstance(password_hash, str) else None
        if found is None:
            yield Parameter("password_hash", "must be an argon2id hash as an export has it")
        elif any(int(cost) > most for cost, most in zip(found.groups(), MAX_COST, strict=True)):
            yield Parameter("password_hash", f"must not cost more than m, t, p = {MAX_COST}")
    for key, pattern in _DIGEST.items():
        value = item.get(key, "")
        if value and not (isinstance(value, str) and pattern.fullmatch(value)):
            yield Parameter(key, "must be a hash in lower-case hexadecimal")
    if not isinstance(item.get("source", ""), str):
        yield Parameter("source", "must be a string")
    if isinstance(item.get("password"), str):
        try:
            prepared(item["password"])
        except PeerFault as fault:
            yield from fault.parameters
