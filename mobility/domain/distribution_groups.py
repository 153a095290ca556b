"""Distribution groups: lists of people, and of other groups, that a directory keeps.

All are kept in memory.  Nesting is as in the directory, so a group may be its own member by way of
others: whoever expands one follows a group once.
"""

from collections.abc import Iterable, Sequence

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.mirror import TooManyRemovals
from mobility.domain.records import DistributionGroup

AT_ONCE = 100
"""Groups of one unit of work (our choice)."""


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
    """The distribution groups of this system, by the SIP form of their mail address."""

    def __init__(self, ledger: Ledger, groups: Iterable[DistributionGroup] = ()) -> None:
        self._ledger = ledger
        self._groups = {group.uri: group for group in groups}

    def find(self, uri: str) -> DistributionGroup | None:
        """The group of a URI in any spelling, or None."""
        group = self._groups.get(uri)
        if group is None and (canonical := user_uri(uri)) is not None:
            group = self._groups.get(canonical)
        return group

    def __len__(self) -> int:
        return len(self._groups)

    def expand(self, group: DistributionGroup) -> tuple[list[str], list[DistributionGroup]]:
        """The direct members of a group: URIs of people, and groups, in the directory's order."""
        people: list[str] = []
        groups: list[DistributionGroup] = []
        for uri in group.members.split():
            nested = self._groups.get(uri)
            if nested is None:
                people.append(uri)
            else:
                groups.append(nested)
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
        unit.save(*saved)
        unit.remove(*removed)
        await self._ledger.commit(unit)
        for group in saved:
            self._groups[group.uri] = group
        for group in removed:
            del self._groups[group.uri]
