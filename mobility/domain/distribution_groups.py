"""Distribution groups: lists of people, and of other groups, that a directory keeps.

A directory's groups without a mail address are here too, for policies: people do not see them.

All are kept in memory.  Nesting is as in the directory, so a group may be its own member by way of
others: whoever expands one follows a group once.
"""

from collections.abc import Callable, Iterable, Sequence

import attrs

from mobility.domain.addresses import address_of, user_uri
from mobility.domain.directory_names import SCHEME
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.mirror import TooManyRemovals
from mobility.domain.records import DistributionGroup
from mobility.domain.users import folded, words_of
from mobility.errors import Refusal

AT_ONCE = 100
"""Groups of one unit of work (our choice)."""


Follower = Callable[
    [Unit, Sequence[DistributionGroup], Sequence[DistributionGroup]], Callable[[], None]
]
"""Adds to the unit of work what follows from groups that are saved and removed; what it answers is
called once that is stored."""


@attrs.frozen(slots=True)
class GroupOutcome:
    """What a replication did, in numbers of groups; `clashes` have another group's address."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    clashes: int = 0


@attrs.define(slots=True)
class _Plan:
    added: list[DistributionGroup] = attrs.Factory(list)
    changed: list[DistributionGroup] = attrs.Factory(list)
    removed: list[DistributionGroup] = attrs.Factory(list)
    clashes: int = 0


class DistributionGroups:
    """The distribution groups of this system, by the SIP form of their mail address, and groups
    without one by the URI of their name."""

    def __init__(self, ledger: Ledger, groups: Iterable[DistributionGroup] = ()) -> None:
        self._ledger = ledger
        self._groups: dict[str, DistributionGroup] = {}
        self._words: dict[str, str] = {}
        """What searches look at: the words of the name and the address, each after a line end."""
        self._named: dict[str, str] = {}
        """The URIs of a directory's groups by those of their names there."""
        for group in groups:
            self._keep(group)
        self.followers: list[Follower] = []

    def find(self, uri: str) -> DistributionGroup | None:
        """The group of a URI in any spelling, or of that of its name in the directory, or None."""
        group = self._groups.get(self._named.get(uri, uri))
        if group is None and (canonical := user_uri(uri)) is not None:
            group = self._groups.get(canonical)
        return group

    def __len__(self) -> int:
        return len(self._groups)

    def all(self) -> list[DistributionGroup]:
        """Every group, in the order of their addresses."""
        return [self._groups[uri] for uri in sorted(self._groups)]

    def search(self, query: str) -> list[DistributionGroup]:
        """The groups whose name or address `query` finds as it finds people, in the order of their
        names."""
        words = folded(query).strip().removeprefix("sip:").split()
        if not words:
            return []
        found = [
            self._groups[uri]
            for uri, text in self._words.items()
            if all(f"\n{word}" in text or (not word.isascii() and word in text) for word in words)
        ]
        return sorted(found, key=lambda group: (folded(group.name), group.uri))

    async def put(self, group: DistributionGroup) -> None:
        """Store a group that is kept here, over the one that is there.

        409 AlreadyExists when a directory has one of this address.
        """
        self._own(group.uri)
        await self._commit([group], ())

    async def remove(self, uri: str) -> None:
        """Remove a group that is kept here.  404 without it, 409 for one of a directory."""
        group = self._own(uri)
        if group is None:
            raise Refusal("NotFound", None, "There is no distribution group of this address.")
        await self._commit((), [group])

    def _own(self, uri: str) -> DistributionGroup | None:
        group = self._groups.get(uri)
        if group is not None and group.source:
            raise Refusal("Conflict", "AlreadyExists", "A directory keeps this group.")
        return group

    def expand(
        self, group: DistributionGroup, *, hidden: bool = False
    ) -> tuple[list[str], list[DistributionGroup]]:
        """The direct members of a group: URIs of people, and groups, in the directory's order.

        Groups without an address are left out unless `hidden`.
        """
        people: list[str] = []
        groups: list[DistributionGroup] = []
        for uri in group.members.split():
            nested = self._groups.get(uri)
            if nested is not None:
                groups += [nested] if hidden or nested.has_address else []
            elif not uri.startswith(SCHEME):
                people.append(uri)
        return people, groups

    async def replace(
        self,
        source: str,
        found: Sequence[DistributionGroup],
        max_removal_percent: int,
        *,
        force: bool = False,
    ) -> GroupOutcome:
        """Make `found` all groups of a source.  `force` allows any number of removals.

        Raises TooManyRemovals, then nothing is changed, and Unavailable when the store cannot take
        it, then a part is.  A single group may always go.
        """
        mine = [group for group in self._groups.values() if group.source == source]
        plan = self._plan(source, found)
        there = {group.uri for group in found}
        plan.removed = [group for group in mine if group.uri not in there]
        allowed = max(1, len(mine) * max_removal_percent // 100)
        if len(plan.removed) > allowed and not force:
            raise TooManyRemovals(len(plan.removed), len(mine), "groups")
        return await self._carry_out(plan)

    async def merge(self, source: str, found: Sequence[DistributionGroup]) -> GroupOutcome:
        """Take over what changed in a source.  Raises Unavailable."""
        held = {group.source_id: group for group in self._groups.values() if group.source == source}
        plan = self._plan(source, found)
        there = {group.uri for group in found}
        for group in found:
            before = held.get(group.source_id)
            if before is not None and before.uri not in there:
                plan.removed.append(before)
        return await self._carry_out(plan)

    def _plan(self, source: str, found: Sequence[DistributionGroup]) -> _Plan:
        plan = _Plan()
        seen: set[str] = set()
        for group in found:
            before = self._groups.get(group.uri)
            if group.uri in seen or (before is not None and before.source != source):
                plan.clashes += 1
            elif before is None:
                plan.added.append(group)
            elif before != group:
                plan.changed.append(group)
            seen.add(group.uri)
        return plan

    async def _carry_out(self, plan: _Plan) -> GroupOutcome:
        saved = [*plan.added, *plan.changed]
        for start in range(0, len(saved), AT_ONCE):
            await self._commit(saved[start : start + AT_ONCE], ())
        for start in range(0, len(plan.removed), AT_ONCE):
            await self._commit((), plan.removed[start : start + AT_ONCE])
        return GroupOutcome(len(plan.added), len(plan.changed), len(plan.removed), plan.clashes)

    async def _commit(
        self, saved: Sequence[DistributionGroup], removed: Sequence[DistributionGroup]
    ) -> None:
        unit = Unit()
        settle = self.stage(saved, removed, unit)
        await self._ledger.commit(unit)
        settle()

    def stage(
        self, saved: Sequence[DistributionGroup], removed: Sequence[DistributionGroup], unit: Unit
    ) -> Callable[[], None]:
        """Put changes into a unit of work; what is answered must be called once that is stored."""
        unit.save(*saved)
        unit.remove(*removed)
        stored = [follow(unit, saved, removed) for follow in self.followers]

        def settle() -> None:
            for group in removed:
                self._forget(group)
            for group in saved:
                self._keep(group)
            for follow in stored:
                follow()

        return settle

    def _forget(self, group: DistributionGroup) -> None:
        del self._groups[group.uri]
        self._words.pop(group.uri, None)
        if self._named.get(group.source_name) == group.uri:
            del self._named[group.source_name]

    def _keep(self, group: DistributionGroup) -> None:
        before = self._groups.get(group.uri)
        if before is not None:
            self._forget(before)
        self._groups[group.uri] = group
        if group.source_name:
            self._named[group.source_name] = group.uri
        if not group.has_address:
            return
        words = (*words_of(group.name), folded(address_of(group.uri)))
        self._words[group.uri] = "".join(f"\n{word}" for word in words)
