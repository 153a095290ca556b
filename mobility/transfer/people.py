"""The sections `groups`, `delegates` and `teams`."""

from collections.abc import Awaitable, Callable, Iterator, Sequence

from mobility.domain.addresses import user_uri
from mobility.domain.delegates import MAX_DELEGATES, MAX_TEAM, Delegates
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.records import Delegation, DistributionGroup, TeamMember
from mobility.domain.users import Users
from mobility.operate.groups import MAX_MEMBERS, MAX_NAME
from mobility.transfer.staging import Held, Item, Staging, unknown_keys


def later(settle: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """A settlement that waits for nothing."""

    async def settled() -> None:
        settle()

    return settled


def uris_of(
    section: str, number: int, item: Item, key: str, limit: int, staging: Staging
) -> list[str] | None:
    """A list of SIP or mail addresses in the system's spelling; None when it is refused."""
    given = item.get(key, [])
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        staging.refuse(section, number, key, "must be a list of addresses")
        return None
    if len(given) > limit:
        staging.refuse(section, number, key, f"must have at most {limit} entries")
        return None
    found = [user_uri(one) for one in given]
    for place, one in enumerate(found, 1):
        if one is None:
            staging.refuse(section, number, key, f"entry {place} is no address")
    return list(dict.fromkeys(one for one in found if one is not None))


class GroupSection:
    """Distribution groups that are kept here; those of a directory come with it."""

    name = "groups"

    def __init__(self, groups: DistributionGroups) -> None:
        self._groups = groups

    def export(self, *, secrets: bool) -> Iterator[Item]:  # noqa: ARG002  # there are none
        for group in self._groups.all():
            if not group.source:
                yield {"uri": group.uri, "name": group.name, "members": group.members.split()}

    def locks(self, items: Sequence[object]) -> Iterator[Held]:  # noqa: ARG002  # nobody waits
        return iter(())

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        seen: set[str] = set()
        saved: list[DistributionGroup] = []
        for number, item in await staging.each(items, self.name):
            group = self._read(number, item, staging)
            if group is None:
                continue
            if group.uri in seen:
                staging.refuse(self.name, number, "uri", "is there twice")
                continue
            seen.add(group.uri)
            before = self._groups.find(group.uri)
            if before is not None and before.source:
                staging.refuse(self.name, number, "uri", "is a group that a directory keeps")
            elif staging.takes(self.name, number, before, group):
                saved.append(group)

        async def build() -> None:
            staging.settlements.append(later(self._groups.stage(saved, (), staging.unit)))

        staging.builders.append(build)

    def _read(self, number: int, item: Item, staging: Staging) -> DistributionGroup | None:
        wrong = list(unknown_keys(item, ("uri", "name", "members")))
        uri = user_uri(item["uri"]) if isinstance(item.get("uri"), str) else None
        if uri is None:
            wrong.append(("uri", "must be a mail address"))
        name = item.get("name")
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            wrong.append(("name", f"must be a text of 1 to {MAX_NAME} characters"))
        for key, rule in wrong:
            staging.refuse(self.name, number, key, rule)
        members = uris_of(self.name, number, item, "members", MAX_MEMBERS, staging)
        if wrong or members is None or uri is None:
            return None
        if uri in members:
            staging.refuse(self.name, number, "members", "must not hold the group itself")
            return None
        return DistributionGroup(uri, str(name), " ".join(members), "", "")


class DelegateSection:
    """Delegates or, with `team`, team-call groups: of each user that has any, all of them."""

    def __init__(self, delegates: Delegates, users: Users, *, team: bool) -> None:
        self._delegates = delegates
        self._users = users
        self._team = team
        self.name = "teams" if team else "delegates"
        self._key = "members" if team else "delegates"
        self._limit = MAX_TEAM if team else MAX_DELEGATES

    def export(self, *, secrets: bool) -> Iterator[Item]:  # noqa: ARG002  # there are none
        for user in self._users.all():
            if others := self._of(user.uri):
                yield {"user": user.uri, self._key: others}

    def _of(self, uri: str) -> list[str]:
        return self._delegates.team_of(uri) if self._team else self._delegates.delegates_of(uri)

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        if items:
            yield "delegates", self._delegates.lock

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        changes: list[tuple[str, list[str]]] = []
        numbers: dict[str, int] = {}
        for number, item in await staging.each(items, self.name):
            for key, rule in unknown_keys(item, ("user", self._key)):
                staging.refuse(self.name, number, key, rule)
            owner = user_uri(item["user"]) if isinstance(item.get("user"), str) else None
            if owner is None:
                staging.refuse(self.name, number, "user", "must be a SIP URI: sip:user@domain")
                continue
            others = uris_of(self.name, number, item, self._key, self._limit, staging)
            if others is None:
                continue
            if owner in numbers:
                staging.refuse(self.name, number, "user", "is there twice")
                continue
            numbers[owner] = number
            if owner in others:
                staging.refuse(self.name, number, self._key, "must not hold the user")
                continue
            self._must_be_users(number, owner, others, staging)
            before, after = self._of(owner), sorted(others)
            if staging.takes(self.name, number, before or None, after):
                changes.append((owner, after))
        if not self._team:
            self._check_delegators(changes, numbers, staging)

        async def build() -> None:
            staging.settlements.append(later(self._stage(changes, staging)))

        if changes:
            staging.builders.append(build)

    def _must_be_users(
        self, number: int, owner: str, others: Sequence[str], staging: Staging
    ) -> None:
        for key, uri in [("user", owner), *((self._key, one) for one in others)]:
            if uri not in staging.users and self._users.find(uri) is None:
                rule = f"names {uri}, who is no user here or in this document"
                staging.refuse(self.name, number, key, rule)

    def _check_delegators(
        self, changes: Sequence[tuple[str, list[str]]], numbers: dict[str, int], staging: Staging
    ) -> None:
        """Nobody may act for more than `MAX_DELEGATES`."""
        changed = dict(changes)
        acting: dict[str, int] = {}
        for user in self._users.all():
            for one in self._of(user.uri) if user.uri not in changed else ():
                acting[one] = acting.get(one, 0) + 1
        for owner, others in changes:
            for one in others:
                acting[one] = acting.get(one, 0) + 1
                if acting[one] > self._limit:
                    rule = f"names {one}, who would act for more than {self._limit} users"
                    staging.refuse(self.name, numbers[owner], self._key, rule)

    def _stage(
        self, changes: Sequence[tuple[str, list[str]]], staging: Staging
    ) -> Callable[[], None]:
        pairs = [(owner, set(self._of(owner)), set(after)) for owner, after in changes]
        new = [(owner, one) for owner, before, after in pairs for one in sorted(after - before)]
        old = [(owner, one) for owner, before, after in pairs for one in sorted(before - after)]
        if self._team:
            joined, left = [TeamMember(*one) for one in new], [TeamMember(*one) for one in old]
            return self._delegates.stage((), (), joined, left, staging.unit)
        added, removed = [Delegation(*one) for one in new], [Delegation(*one) for one in old]
        return self._delegates.stage(added, removed, (), (), staging.unit)
