"""Who answers for whom: the delegates of users, and their team-call groups.

Operators say so; users choose in their call forwarding whether calls go to them.  All is kept in
memory.  The delegates of a user, and the users it is a delegate of, are groups of its contact list
too (UCWA delegatesGroup, delegatorsGroup).
"""

from collections.abc import Callable, Collection, Iterable

from mobility.domain.applications import Applications
from mobility.domain.contact_subscriptions import ContactSubscriptions
from mobility.domain.facts import CommunicationChanged, ContactListChanged, MeChanged
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Lock
from mobility.domain.records import Delegation, TeamMember, User
from mobility.domain.users import Users
from mobility.errors import Refusal

MAX_DELEGATES = 25
"""Delegates of one user, and users of one delegate (our choice: all of them ring at once)."""

MAX_TEAM = 25
"""Members of one team-call group (our choice, as above)."""

DELEGATES_GROUP = "delegates"
DELEGATORS_GROUP = "delegators"
"""The ids of the two groups; they are the same for all users."""

Members = dict[str, dict[str, None]]
"""Whose: who, in the order of the URIs."""


class Delegates:
    """The delegates, delegators and team-call groups of this system's users.

    A change is one unit of work.  The applications of both users hear of another delegate: those
    that watch the contact list of the contact in its group, and of the group itself as far as UCWA
    has events for it; all of what they may do now.
    """

    def __init__(
        self,
        ledger: Ledger,
        users: Users,
        applications: Applications,
        subscriptions: ContactSubscriptions,
        delegations: Iterable[Delegation] = (),
        team_members: Iterable[TeamMember] = (),
    ) -> None:
        self._ledger = ledger
        self._users = users
        self._applications = applications
        self._subscriptions = subscriptions
        self._delegates: Members = {}
        self._delegators: Members = {}
        self._teams: Members = {}
        for one in delegations:
            self._remember(one)
        for member in team_members:
            _put(self._teams, member.owner_uri, member.member_uri)
        self._turn = Lock()

    def delegates_of(self, uri: str) -> list[str]:
        """The URIs of who may act for a user, in order; disabled users are among them."""
        return list(self._delegates.get(uri, ()))

    def delegators_of(self, uri: str) -> list[str]:
        """The URIs of the users for whom `uri` may act, in order."""
        return list(self._delegators.get(uri, ()))

    def team_of(self, uri: str) -> list[str]:
        """The URIs of a user's team-call group, in order, itself not among them."""
        return list(self._teams.get(uri, ()))

    def may_act_for(self, uri: str, delegator_uri: str) -> bool:
        """Whether `uri` is a delegate of the other."""
        return uri in self._delegates.get(delegator_uri, ())

    async def add_delegate(self, owner: str, delegate: str) -> Delegation:
        """Let one user act for another; nothing is changed when it may already.

        404 NotFound for a stranger, 400 for a user and itself, 403 LimitExceeded above the limit.
        """
        async with self._turn:
            added = Delegation(*self._pair(owner, delegate, "delegate"))
            if self.may_act_for(added.delegate_uri, added.owner_uri):
                return added
            many = len(self._delegates.get(added.owner_uri, ()))
            if max(many, len(self._delegators.get(added.delegate_uri, ()))) >= MAX_DELEGATES:
                raise Refusal("Forbidden", "LimitExceeded", "There are too many delegates.")
            unit = Unit()
            unit.save(added)
            await self._commit(unit, [added], "added")
            self._remember(added)
            return added

    async def remove_delegate(self, owner: str, delegate: str) -> Delegation:
        """Let a user no longer act for another.  404 NotFound when it may not."""
        async with self._turn:
            removed = Delegation(*self._pair(owner, delegate, "delegate"))
            if not self.may_act_for(removed.delegate_uri, removed.owner_uri):
                raise Refusal("NotFound", None, "This user is no delegate of the other.")
            unit = Unit()
            unit.remove(removed)
            await self._commit(unit, [removed], "deleted")
            self._forget(removed)
            return removed

    async def add_to_team(self, owner: str, member: str) -> TeamMember:
        """Put a user into another one's team-call group; who is in it stays there.

        404 NotFound for a stranger, 400 for a user and itself, 403 LimitExceeded above the limit.
        """
        async with self._turn:
            added = TeamMember(*self._pair(owner, member, "member of the team"))
            team = self._teams.get(added.owner_uri, {})
            if added.member_uri in team:
                return added
            if len(team) >= MAX_TEAM:
                raise Refusal("Forbidden", "LimitExceeded", "The team has too many members.")
            unit = Unit()
            unit.save(added)
            self._tell_owner(unit, added.owner_uri)
            await self._ledger.commit(unit)
            _put(self._teams, added.owner_uri, added.member_uri)
            return added

    async def remove_from_team(self, owner: str, member: str) -> TeamMember:
        """Take a user out of a team-call group.  404 NotFound when it is not in it."""
        async with self._turn:
            removed = TeamMember(*self._pair(owner, member, "member of the team"))
            if removed.member_uri not in self._teams.get(removed.owner_uri, {}):
                raise Refusal("NotFound", None, "This user is not in the other one's team.")
            unit = Unit()
            unit.remove(removed)
            self._tell_owner(unit, removed.owner_uri)
            await self._ledger.commit(unit)
            _take(self._teams, removed.owner_uri, removed.member_uri)
            return removed

    async def end_all_of(self, user: User, now: float) -> None:  # noqa: ARG002  # a Departure
        """A user leaves for good: it answers for nobody, and nobody for it."""
        async with self._turn:
            ended = [Delegation(user.uri, uri) for uri in self.delegates_of(user.uri)]
            ended += [Delegation(uri, user.uri) for uri in self.delegators_of(user.uri)]
            members = [TeamMember(user.uri, uri) for uri in self.team_of(user.uri)]
            members += [
                TeamMember(owner, user.uri)
                for owner, team in self._teams.items()
                if user.uri in team
            ]
            if not ended and not members:
                return
            unit = Unit()
            unit.remove(*ended, *members)
            for owner in sorted({one.owner_uri for one in members}):
                self._tell_owner(unit, owner)
            await self._commit(unit, ended, "deleted")
            for delegation in ended:
                self._forget(delegation)
            for member in members:
                _take(self._teams, member.owner_uri, member.member_uri)

    def _pair(self, owner: str, other: str, role: str) -> tuple[str, str]:
        """The URIs of two different users, as the system spells them."""
        uris = [self._users.named(uri).uri for uri in (owner, other)]
        if uris[0] == uris[1]:
            raise Refusal("BadRequest", None, f"A user is no {role} of its own.")
        return uris[0], uris[1]

    @property
    def lock(self) -> Lock:
        """What changes of delegates and teams wait for."""
        return self._turn

    def stage(
        self,
        added: Collection[Delegation],
        removed: Collection[Delegation],
        joined: Collection[TeamMember],
        left: Collection[TeamMember],
        unit: Unit,
    ) -> Callable[[], None]:
        """Put changes into a unit of work, while `lock` is held; what is answered must be called
        once that is stored.  Nothing is checked: the limits are `MAX_DELEGATES` and `MAX_TEAM`."""
        unit.save(*added, *joined)
        unit.remove(*removed, *left)
        self._tell(unit, removed, "deleted")
        for delegation in removed:  # what is told of those that are added counts without them
            self._forget(delegation)
        self._tell(unit, added, "added")
        for delegation in removed:
            self._remember(delegation)
        for owner in sorted({one.owner_uri for one in (*joined, *left)}):
            self._tell_owner(unit, owner)

        def settle() -> None:
            for delegation in removed:
                self._forget(delegation)
            for delegation in added:
                self._remember(delegation)
            for member in left:
                _take(self._teams, member.owner_uri, member.member_uri)
            for member in joined:
                _put(self._teams, member.owner_uri, member.member_uri)

        return settle

    async def _commit(self, unit: Unit, changed: Iterable[Delegation], change: str) -> None:
        self._tell(unit, changed, change)
        await self._ledger.commit(unit)

    def _tell(self, unit: Unit, changed: Iterable[Delegation], change: str) -> None:
        sizes: dict[tuple[str, str], int] = {}
        for one in changed:
            for uri, group, other in (
                (one.owner_uri, DELEGATES_GROUP, one.delegate_uri),
                (one.delegate_uri, DELEGATORS_GROUP, one.owner_uri),
            ):
                members = self._delegates if group == DELEGATES_GROUP else self._delegators
                before = sizes.get((group, uri), len(members.get(uri, ())))
                sizes[group, uri] = after = before + (1 if change == "added" else -1)
                told = [ContactListChanged(group, other, change)]
                if not before:
                    told.insert(0, ContactListChanged(group, "", "added"))
                elif group == DELEGATORS_GROUP:
                    told.append(ContactListChanged(group, "", "updated" if after else "deleted"))
                self._subscriptions.tell(unit, uri, told)
            self._tell_owner(unit, one.owner_uri)
            for endpoint in self._applications.of_user(one.delegate_uri):
                unit.append(endpoint.id, CommunicationChanged())

    def _tell_owner(self, unit: Unit, owner_uri: str) -> None:
        """What the owner can choose in its call forwarding is now another."""
        for endpoint in self._applications.of_user(owner_uri):
            unit.append(endpoint.id, MeChanged())

    def _remember(self, one: Delegation) -> None:
        _put(self._delegates, one.owner_uri, one.delegate_uri)
        _put(self._delegators, one.delegate_uri, one.owner_uri)

    def _forget(self, one: Delegation) -> None:
        _take(self._delegates, one.owner_uri, one.delegate_uri)
        _take(self._delegators, one.delegate_uri, one.owner_uri)


def _put(members: Members, key: str, uri: str) -> None:
    members[key] = dict.fromkeys(sorted({*members.get(key, ()), uri}))


def _take(members: Members, key: str, uri: str) -> None:
    del members[key][uri]
    if not members[key]:
        del members[key]
