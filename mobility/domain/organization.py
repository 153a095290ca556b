"""The people around a user in its organization: its manager, its peers and its reports."""

from mobility.domain.contact_subscriptions import ContactSubscriptions
from mobility.domain.facts import ContactListChanged
from mobility.domain.ledger import Unit
from mobility.domain.records import User
from mobility.domain.users import Users

ORGANIZATION_GROUP = "organization"
"""The id of the group, the same for all users (UCWA rel `myOrganizationGroup`)."""

MAX_AROUND = 1_000
"""People in one user's group (our choice: as in a contact list); the first by URI are taken."""


class Organization:
    """Who works with whom, from the managers that users have."""

    def __init__(self, users: Users, subscriptions: ContactSubscriptions) -> None:
        self._users = users
        self._subscriptions = subscriptions

    def around(self, uri: str) -> list[str]:
        """The URIs of a user's manager, peers and reports, in order."""
        user = self._users.find(uri)
        return [] if user is None else self._around(user)

    def follow(self, before: User, after: User, unit: Unit) -> None:
        """A user has another manager: those around it then or now are told (a Change)."""
        if before.manager == after.manager:
            return
        near = {after.uri: bool(self._around(before))}
        for uri in self._around(before):
            near[uri] = True
        for uri in self._around(after):
            near.setdefault(uri, bool(self.around(uri)))
        for uri, known in near.items():
            change = "updated" if known else "added"
            self._subscriptions.tell(
                unit, uri, [ContactListChanged(ORGANIZATION_GROUP, "", change)]
            )

    def _around(self, user: User) -> list[str]:
        lines = self._users.reporting
        found = lines.reports_of(user)
        manager = self._users.find(lines.manager_of(user))
        if manager is not None:
            found |= {manager.uri, *lines.reports_of(manager)}
        return sorted(found - {user.uri})[:MAX_AROUND]
