"""The section `users`: people and their settings, with their secrets when asked for."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import attrs

from mobility.auth.passwords import Passwords, digest_hashes, prepared
from mobility.domain.addresses import address_of, is_local, user_uri
from mobility.domain.mirror import OWNED
from mobility.domain.phones import KINDS
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.errors import Parameter, PeerFault, validation_failure
from mobility.operate.profile import RULES, applied, check, shown
from mobility.transfer.staging import SLICE, Held, Item, Staging, unknown_keys

NAME = "users"

SECRETS = ("password_hash", "sip_ha1_md5", "sip_ha1_sha256")
PRIVATE = "private_phones"
KEYS = ("uri", *RULES, PRIVATE, "source", *SECRETS)

_HASH = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,6}),t=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
MAX_COST = (262_144, 16, 16)
"""Memory in KiB, passes and lanes of a hash that is taken over (our choice: each sign-in costs so
much)."""

_OF_DIRECTORY = frozenset({*OWNED, "password", "sip_digest", PRIVATE, *SECRETS}) - {"source"}
_PLAIN = frozenset(field.name for field in attrs.fields(User))
"""Fields of a record that an item has under the same name."""

_DIGEST = {"sip_ha1_md5": re.compile("[0-9a-f]{32}"), "sip_ha1_sha256": re.compile("[0-9a-f]{64}")}


@attrs.frozen(slots=True)
class _Found:
    """A user who is new (`before` None) or becomes another, and its new password, "" for none."""

    before: User | None
    after: User
    password: str = attrs.field(repr=False)
    digest: bool = False


class UserSection:
    """Users kept here, and of those that a directory keeps what is set here.

    Passwords come as hashes from an export, or in clear from a list of new users; those are hashed
    in threads of their own.
    """

    name = NAME

    def __init__(
        self,
        users: Users,
        passwords: Passwords,
        sip_domains: Collection[str],
        directories: Collection[str],
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._sip_domains = sip_domains
        self._directories = directories

    def export(self, *, secrets: bool) -> Iterator[Item]:
        for user in self._users.all():
            yield self._item(user, secrets=secrets)

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        uris = {
            uri
            for item in items
            if isinstance(item, dict) and isinstance(item.get("uri"), str)
            if (uri := user_uri(item["uri"])) is not None
        }
        for uri in sorted(uris):
            yield f"user {uri}", self._users.lock(uri)

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
        wrong = [Parameter(key, rule) for key, rule in unknown_keys(item, KEYS)]
        wrong += _wrong_secrets(item)
        uri = user_uri(item["uri"]) if isinstance(item.get("uri"), str) else None
        if uri is None:
            wrong.append(Parameter("uri", "must be a SIP URI: sip:user@domain"))
        elif not is_local(uri, self._sip_domains):
            domains = ", ".join(self._sip_domains)
            wrong.append(Parameter("uri", f"must be in a SIP domain of this system: {domains}"))
        values = {key: item[key] for key in item if key in RULES}
        try:
            check(values)
            if "password" in values:
                prepared(values["password"])
        except PeerFault as fault:
            wrong += fault.parameters
        if wrong or uri is None:
            raise validation_failure(*wrong)
        before = self._users.find(uri)
        if before is not None and before.source in self._directories:
            rule = f"is kept by the directory ({before.source}): change it there"
            wrong = [Parameter(key, rule) for key in sorted(item.keys() & _OF_DIRECTORY)]
        elif before is None and item.get("source", "local") != "local":
            wrong = [Parameter("source", "is a directory, which must be replicated first")]
        if wrong:
            raise validation_failure(*wrong)
        after = applied(self._base(uri, before, staging), values)
        if PRIVATE in item or staging.whole:
            after = attrs.evolve(after, private_phones=",".join(item.get(PRIVATE, ())))
        return before, self._with_secrets(before, after, item, staging)

    def _base(self, uri: str, before: User | None, staging: Staging) -> User:
        """What the values of an item are put over."""
        name = address_of(uri).partition("@")[0]
        if before is None:
            return User(uri, name, created_at=staging.now)
        if not staging.whole:
            return before
        usual = User(uri, name)
        mirrored = before.source in self._directories
        reset: dict[str, Any] = {
            key: getattr(usual, key)
            for key in (*RULES, PRIVATE)
            if key in _PLAIN and not (mirrored and key in OWNED)
        }
        return attrs.evolve(before, **reset)

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
        default = User(user.uri, "")
        mirrored = user.source in self._directories
        item: Item = {"uri": user.uri}
        plain, usual = shown(user), shown(default)
        for key in RULES:
            if key in plain and plain[key] != usual[key] and not (mirrored and key in OWNED):
                item[key] = plain[key]
        if user.private_phones:
            item[PRIVATE] = user.private_phones.split(",")
        if mirrored:
            item["source"] = user.source
        elif secrets:
            item.update({key: getattr(user, key) for key in SECRETS if getattr(user, key)})
        return item


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
    private = item.get(PRIVATE, [])
    if not isinstance(private, list) or not all(kind in KINDS for kind in private):
        yield Parameter(PRIVATE, f"must be a list of {', '.join(KINDS)}")
    if not isinstance(item.get("source", ""), str):
        yield Parameter("source", "must be a string")
