"""What follows when another mobility policy rules a user."""

from collections.abc import Awaitable, Callable

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.facts import PoliciesChanged
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.mobility_policy import MobilityPolicies, MobilityPolicy
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.errors import Refusal


class MobilityRights:
    """Applications are told of their users' policies, and end where mobility is turned off."""

    def __init__(
        self,
        ledger: Ledger,
        agenda: Agenda,
        users: Users,
        applications: Applications,
        mobility: MobilityPolicies,
    ) -> None:
        self._ledger = ledger
        self._agenda = agenda
        self._users = users
        self._applications = applications
        self._mobility = mobility

    def must_be_mobile(self, user: User, application_type: str) -> None:
        """403 Forbidden for who may not have an application of this type (EnableMobility)."""
        if not self._mobility.may_sign_in(user, application_type):
            name = self._mobility.policy_of(user).name
            raise Refusal(
                "Forbidden",
                "MobileApplicationNoLongerAllowed",
                f"Mobility is turned off for this user: EnableMobility is False in mobility policy "
                f"{name}.",
            )

    def watch(self) -> Callable[[], Awaitable[None]]:
        """A `Watcher` of mobility policies."""
        before = {uri: self._mobility.of(uri) for uri in self._callers()}

        async def tell() -> None:
            unit = Unit()
            for uri in self._callers():
                if uri in before:
                    self._tell(unit, uri, before[uri], self._mobility.of(uri))
            if unit:
                await self._ledger.commit(unit)
                self._agenda.at(0.0, self.end_all)

        return tell

    def follow(self, before: User, after: User, unit: Unit) -> None:
        """A `Change` of a user: another policy may rule it with its site."""
        if after.enabled:
            policies = (self._mobility.policy_of(before), self._mobility.policy_of(after))
            self._tell(unit, after.uri, *policies)

    async def followed(self, before: User, after: User, now: float) -> None:
        """A `Follower` of users."""
        if (before.site, before.home) != (after.site, after.home):
            await self._end(after, now)

    def _callers(self) -> set[str]:
        return {one.user_uri for one in self._applications if not one.guest}

    def _tell(self, unit: Unit, uri: str, before: MobilityPolicy, after: MobilityPolicy) -> None:
        if attrs.evolve(before, name=after.name, description=after.description) == after:
            return
        for endpoint in self._applications.of_user(uri):
            unit.append(endpoint.id, PoliciesChanged())

    async def end_all(self, now: float) -> None:
        """End every application that its user may not have, as policies are now."""
        for uri in self._callers():
            user = self._users.find(uri)
            if user is not None:
                await self._end(user, now)

    async def _end(self, user: User, now: float) -> None:
        """End what a user may not have any more."""
        for endpoint in list(self._applications.of_user(user.uri)):
            if not self._mobility.may_sign_in(user, endpoint.record.type):
                await self._applications.end(endpoint, now)
