"""Who is in which distribution group, nested ones included, for policies that groups have."""

from collections.abc import Awaitable, Callable, Sequence

from mobility.domain.agenda import Agenda
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.ledger import Unit
from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.records import DistributionGroup


class GroupMembers:
    """The members of the groups that were asked about, until a group changes."""

    def __init__(
        self, agenda: Agenda, groups: DistributionGroups, policies: MobilityPolicies
    ) -> None:
        self._agenda = agenda
        self._groups = groups
        self._policies = policies
        self._members: dict[str, frozenset[str]] = {}

    def has(self, group_uri: str, user_uri: str) -> bool:
        """Whether a user is in a group, or in one that is in it."""
        members = self._members.get(group_uri)
        if members is None:
            members = self._members[group_uri] = self._all_of(group_uri)
        return user_uri in members

    def follow(
        self,
        unit: Unit,  # noqa: ARG002  # a Follower; nothing is stored
        saved: Sequence[DistributionGroup],  # noqa: ARG002
        removed: Sequence[DistributionGroup],  # noqa: ARG002
    ) -> Callable[[], None]:
        """A `Follower` of groups: other members may have other policies, of which they are told."""
        watched = self._policies.watchers if self._policies.by_group else ()
        told = [watch() for watch in watched]

        def settled() -> None:
            self._members.clear()
            if told:
                self._agenda.at(0.0, lambda now: _tell(told, now))

        return settled

    def _all_of(self, group_uri: str) -> frozenset[str]:
        found: set[str] = set()
        seen = {group_uri}
        waiting = [group_uri]
        while waiting:
            group = self._groups.find(waiting.pop())
            if group is None:
                continue
            people, nested = self._groups.expand(group, hidden=True)
            found.update(people)
            further = [one.uri for one in nested if one.uri not in seen]
            seen.update(further)
            waiting += further
        return frozenset(found)


async def _tell(
    told: Sequence[Callable[[], Awaitable[None]]],
    now: float,  # noqa: ARG001  # an Action
) -> None:
    for tell in told:
        await tell()
