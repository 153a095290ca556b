"""Every group that a user sees, whoever keeps it, and who is in it.

Beside the groups of the contact list there are the distribution groups on it, which the directory
keeps, the delegates and delegators, and the people around the user in the organization.
"""

from collections.abc import Sequence

from mobility.domain.contacts import ContactList, Contacts
from mobility.domain.delegates import DELEGATES_GROUP, DELEGATORS_GROUP, Delegates
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.organization import ORGANIZATION_GROUP, Organization
from mobility.domain.records import DistributionGroup, Group
from mobility.errors import Refusal

NAMES = {
    DELEGATES_GROUP: "Delegates",
    DELEGATORS_GROUP: "People I Manage Calls For",
    ORGANIZATION_GROUP: "My Organization",
}
"""The groups that nobody keeps by hand, by their ids, which are the same for all users."""


class Groups:
    """The groups of every user."""

    def __init__(
        self,
        contacts: Contacts,
        distribution_groups: DistributionGroups,
        delegates: Delegates,
        organization: Organization,
    ) -> None:
        self._contacts = contacts
        self._distribution_groups = distribution_groups
        self._delegates = delegates
        self._organization = organization

    async def of(self, owner_uri: str) -> Sequence[Group]:
        """The groups a user sees: those nobody keeps by hand only while somebody is in them."""
        entries = await self._contacts.of(owner_uri)
        return [
            *(group for group in entries.groups if self._is_there(group)),
            *(
                Group(owner_uri, group_id, name, "virtual")
                for group_id, name in NAMES.items()
                if self._virtual(owner_uri, group_id)
            ),
        ]

    async def find(self, owner_uri: str, group_id: str) -> Group:
        """The group of this id; 404 ResourceNotFound without one."""
        if group_id in NAMES:
            return Group(owner_uri, group_id, NAMES[group_id], "virtual")
        group = (await self._contacts.of(owner_uri)).group(group_id)
        if not self._is_there(group):
            raise Refusal("NotFound", "ResourceNotFound", "There is no such group.")
        return group

    async def members(self, owner_uri: str, group_id: str) -> list[str]:
        """The URIs of who is in a group, each once and in order; 404 ResourceNotFound without it.

        Of a distribution group these are the people that are direct members.
        """
        if group_id in NAMES:
            return self._virtual(owner_uri, group_id)
        entries: ContactList = await self._contacts.of(owner_uri)
        group = entries.group(group_id)
        if group.kind != "distribution":
            return entries.uris(group_id)
        return sorted(self._distribution_groups.expand(self.distribution(group_id))[0])

    def distribution(self, group_id: str) -> DistributionGroup:
        """The distribution group of this id, on whatever list; 404 ResourceNotFound without it."""
        found = self._distribution_groups.find(group_id)
        if found is None or not found.has_address:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such group.")
        return found

    def _virtual(self, owner_uri: str, group_id: str) -> list[str]:
        if group_id == DELEGATES_GROUP:
            return self._delegates.delegates_of(owner_uri)
        if group_id == DELEGATORS_GROUP:
            return self._delegates.delegators_of(owner_uri)
        return self._organization.around(owner_uri)

    def _is_there(self, group: Group) -> bool:
        if group.kind != "distribution":
            return True
        return self._distribution_groups.find(group.id) is not None
