"""The section `service_accounts`: bots, kiosks and boards, without their secrets.

An account that is new has no secret and cannot sign in until `mobility service-account rotate`
makes one; one that is there keeps the secrets it has.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import attrs

from mobility.domain.records import ServiceAccount, User
from mobility.domain.service_accounts import SOURCE, ServiceAccounts, joined, wrong_scopes
from mobility.domain.users import Users
from mobility.errors import Parameter, PeerFault, validation_failure
from mobility.operate.profile import RULES
from mobility.transfer.people import later
from mobility.transfer.profiles import (
    PRIVATE,
    Domains,
    profile_item,
    read_profile,
    usual_name,
    with_defaults,
)
from mobility.transfer.staging import Held, Item, Staging
from mobility.transfer.users import user_locks

OF_PEOPLE = frozenset({"password", "sip_digest"})
"""Fields that only a person has."""

KEYS = ("uri", "scopes", *(key for key in RULES if key not in OF_PEOPLE), PRIVATE)


@attrs.frozen(slots=True)
class _Found:
    """An account as it is there (None) and as the item wants it, with its user."""

    before: User | None
    after: User
    account: ServiceAccount


class ServiceAccountSection:
    """All service accounts; no form of their secrets is ever written or taken."""

    name = "service_accounts"

    def __init__(self, accounts: ServiceAccounts, users: Users, domains: Domains) -> None:
        self._accounts = accounts
        self._users = users
        self._domains = domains

    def export(self, *, secrets: bool) -> Iterator[Item]:  # noqa: ARG002  # none is ever told
        for account in self._accounts.all():
            user = self._users.find(account.user_uri)
            if user is not None:
                yield {**profile_item(user), "scopes": account.scopes.split(",")}

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        return user_locks(self._users, items)

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        found: list[_Found] = []
        for number, item in await staging.each(items, self.name):
            try:
                one = self._read(item, staging)
            except PeerFault as fault:
                staging.refuse_as(self.name, number, fault)
                continue
            if one.after.uri in staging.users:
                staging.refuse(self.name, number, "uri", "is there twice")
                continue
            staging.users.add(one.after.uri)
            account = self._accounts.known(one.after.uri)
            there = None if account is None else (one.before, account.scopes)
            if staging.takes(self.name, number, there, (one.after, one.account.scopes)):
                found.append(self._next(one, account))
                if account is None:
                    remark = "is missing: mobility service-account rotate makes one"
                    staging.note(self.name, number, "secret", remark)

        async def build() -> None:
            for one in found:
                self._users.stage(one.before, one.after, staging.unit)
                settle = self._accounts.stage(one.account, staging.unit)
                kept = partial(self._users.settle, one.before, one.after, staging.now)
                staging.settlements += [later(settle), kept]

        staging.builders.append(build)

    def _read(self, item: Item, staging: Staging) -> _Found:
        """Raises PeerFault."""
        given = "scopes" in item or staging.whole
        wrong = wrong_scopes(item.get("scopes")) if given else []
        profile = read_profile(item, KEYS, self._domains, wrong)
        before = self._users.find(profile.uri)
        account = self._accounts.known(profile.uri)
        if before is not None and account is None:
            raise validation_failure(Parameter("uri", "is a user who is no service account"))
        if account is None and not given:
            raise validation_failure(*wrong_scopes(None))
        base = before
        if base is None:
            name = usual_name(profile.uri)
            base = User(profile.uri, name, created_at=staging.now, source=SOURCE)
        elif staging.whole:
            base = with_defaults(base)
        after = profile.over(base, whole=staging.whole)
        scopes = joined(item["scopes"]) if given or account is None else account.scopes
        return _Found(before, after, ServiceAccount(profile.uri, 1, scopes))

    @staticmethod
    def _next(one: _Found, account: ServiceAccount | None) -> _Found:
        """With the version that follows; who loses a scope has to sign in again."""
        if account is None:
            return one
        lost = set(account.scopes.split(",")) - set(one.account.scopes.split(","))
        version = one.after.credential_version + bool(lost)
        after = attrs.evolve(one.after, credential_version=version)
        return attrs.evolve(
            one, after=after, account=attrs.evolve(one.account, version=account.version + 1)
        )
